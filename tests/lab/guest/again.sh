# SPDX-License-Identifier: GPL-2.0-only
# lab=again: ask what next: a line of input saying "reboot", or anything else to power off
stty -echo
banner
echo "lab: next?"
read -r next
[ "$next" != reboot ] || reboot -f
dmesg -r | grep '^<[0-4]>' | sed 's/^/lab: warning: /'
poweroff -f
