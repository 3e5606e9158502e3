# SPDX-License-Identifier: GPL-2.0-only
# lab=exit:STATUS: write a byte to the exit port
outb 0xf4 "${arg:-0}"
sleep 5
