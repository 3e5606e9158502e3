# SPDX-License-Identifier: GPL-2.0-only
# lab=poweroff: say what this guest is, power off
banner
poweroff -f
