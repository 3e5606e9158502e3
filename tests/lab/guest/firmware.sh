# SPDX-License-Identifier: GPL-2.0-only
# lab=firmware: what the kernel made of the firmware's tables, and its log with levels; ends with 42 at the
# exit port, for a kernel without ACPI cannot power off
banner
set +f
for id in sys_vendor product_name product_version product_serial product_uuid bios_version chassis_type; do
	echo "firmware: $id $(cat /sys/class/dmi/id/$id 2>/dev/null)"
done
echo "firmware: generation $(cd /sys/bus/acpi/drivers/vmgenid 2>/dev/null && echo LKVM*)"
echo "firmware: tables $(echo /sys/firmware/acpi/tables/* | sed 's|/[^ ]*/||g')"
sed 's/^/firmware: irq /' /proc/interrupts
echo "lab: dmesg begins"
dmesg -r
echo "lab: dmesg ends"
leave 42
