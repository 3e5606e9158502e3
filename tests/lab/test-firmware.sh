# SPDX-License-Identifier: GPL-2.0-only
# What stock kernels make of SMBIOS, generation ID, --acpi-table and MP table. With acpi=off, which only the
# generic kernel can live with, the MP table alone has to lead to all CPUs and to the IOAPIC's lines. Ends by
# the exit port.
# lab-kernels: generic
# lab-carry: tests/golden/dmesg-cloud
# lab-long: yes
. "$LAB/lib.sh"

# word NAME REGEX WHAT: the guest said so
word()
{
	expect_grep "$OUT/$1.out" "$2" "$1: $3"
}

# firmware NAME CPUS OPTIONS...: boot, and look at what is the same on every kernel
firmware()
{
	local name=$1 cpus=$2
	shift 2
	boot "$name" 42 -c "$cpus" -m 512 --name "name-$name" "$@" || return
	word "$name" "^lab: Linux .*, $cpus CPUs online, " "$cpus CPUs online"
	word "$name" "DMI: LKVM Virtual Machine, BIOS " "Linux names the machine"
	word "$name" "^firmware: sys_vendor LKVM$" "vendor"
	word "$name" "^firmware: product_serial name-$name$" "the serial number is the name"
	word "$name" "^firmware: product_uuid $" "no UUID"
}

# without_acpi NAME CPUS WORDS [OPTIONS...]
without_acpi()
{
	local name=$1 cpus=$2 words=$3
	shift 3
	firmware "$name" "$cpus" -p "acpi=off lab=firmware $words" "$@" || return
	word "$name" "Intel MultiProcessor Specification v1.4" "the MP table was read"
	word "$name" "IOAPIC\[0\]: apic_id $cpus, version 17, address 0xfec00000, GSI 0-23" "its IOAPIC"
	word "$name" "^firmware: irq +4: .*[1-9].* IO-APIC +4-edge +ttyS0" "the serial port interrupts by the IOAPIC"
	word "$name" "^firmware: irq +8: .* IO-APIC +8-edge +rtc0" "the clock's line is there"
	expect_no_grep "$OUT/$name.out" "^firmware: irq .*XT-PIC +[^c ]" "$name: nothing is left to the PICs"
	expect_no_grep "$OUT/$name.out" "BIOS bug|MP-BIOS|Firmware Bug" "$name: no word against the table"
}

# A table of a header alone: 36 bytes, of which one makes the sum 0
printf 'TEST\44\0\0\0\1\53LKVM  LKVM    \1\0\0\0LKVM\1\0\0\0' >table
firmware cloud 2 -p "lab=firmware" --acpi-table table && {
	word cloud "^firmware: tables .*TEST" "the table of --acpi-table is there"
	expect_clean_log cloud
}

BOOT_KERNEL=$LAB/generic/vmlinuz BOOT_INITRD=$LAB/generic/guest.cpio BOOT_TIMEOUT=300
firmware generic 1 -p "lab=firmware" && {
	word generic "^firmware: generation LKVM0001:00$" "the driver has found the generation ID"
	expect_clean_log generic
}

# apic=verbose: what the table says, line by line. Without the local APIC's timers Linux has none but the PIT,
# whose interrupts must then come in at pin 2.
without_acpi one 1 "apic=verbose nolapic_timer" --cpu-features=-tsc_deadline_timer && {
	word one "Int: type 0, pol 0, trig 0, bus 01, IRQ 00, APIC ID 1, APIC INT 02" "IRQ 0 is pin 2"
	word one "Int: type 0, pol 1, trig 3, bus 01, IRQ 09, APIC ID 1, APIC INT 09" "the SCI is level, high"
	word one "Lint: type 3, .*, APIC ID ff, APIC LINT 00" "ExtINT at LINT0"
	word one "Lint: type 1, .*, APIC ID ff, APIC LINT 01" "NMI at LINT1"
	word one "^firmware: irq +0: +[1-9].* IO-APIC +2-edge +timer" "the timer ticks, at pin 2"
}
without_acpi four 4 "" && expect_clean_log four
lab_end
