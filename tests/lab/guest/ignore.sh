# SPDX-License-Identifier: GPL-2.0-only
# lab=ignore: sleep for ever; nothing listens to the power button
banner
while :; do sleep 1000; done
