# SPDX-License-Identifier: GPL-2.0-only
# lab=reboot[:TYPE]: reboot, by the way TYPE says (acpi, kbd, pci, triple: /sys/kernel/reboot/type)
[ -z "$arg" ] || echo "$arg" >/sys/kernel/reboot/type
banner
reboot -f
