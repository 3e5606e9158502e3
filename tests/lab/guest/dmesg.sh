# SPDX-License-Identifier: GPL-2.0-only
# lab=dmesg: the kernel's log with levels, between two marker lines
echo "lab: dmesg begins"
dmesg -r
echo "lab: dmesg ends"
poweroff -f
