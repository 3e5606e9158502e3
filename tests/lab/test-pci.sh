# SPDX-License-Identifier: GPL-2.0-only
# PCI under stock kernels: interrupts by MSI-X, each vector one routing table; by pins that functions share, told by
# the _PRT and by the MP table; 32 disks on bus 0.
# lab-kernels: generic
# lab-long: yes
. "$LAB/lib.sh"

# disks N: makes them, each with its number in it; sets options
disks()
{
	local i=0
	options=
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		truncate -s 1M "disk$i.img"
		printf 'disk %02d' $i | dd of="disk$i.img" conv=notrunc 2>/dev/null
		options="$options --disk disk$i.img"
	done
}

# The guest's script: each disk's number, random numbers, who interrupts and how often
look()
{
	cat <<'END'
cd /sys/block
ls -d vd*
for disk in vd*; do head -c 7 /dev/$disk; echo " is $disk"; done
test "$(head -c 64 /dev/hwrng | wc -c)" = 64
grep -E 'virtio|IO-APIC|PCI-MSI' /proc/interrupts | sed 's/^/irq: /'
END
}

# looked NAME DISKS: every disk was read, and is what it should be
looked()
{
	local count
	count=$(tr -d '\r' <"$OUT/$1.out" | grep -cE '^disk [0-9]+ is vd[a-z]+$')
	[ "$count" = "$2" ] && ok "$1: $2 disks answer" || fail "$1: disks" "$count of $2"
	expect_no_grep "$OUT/$1.out" 'irq .*nobody cared|Disabling IRQ' "$1: no interrupt is nobody's"
}

disks 3
look | job msi 0 -m 256 --rng --debug $options
looked msi 3
expect_grep "$OUT/msi.out" '^irq: .*PCI-MSI .*virtio0-' "msi: vectors are in use"
expect_no_grep "$OUT/msi.out" '^irq: .*IO-APIC.*virtio' "msi: and no pins"
# The lines' own table, then one for each vector that a driver took.
vectors=$(tr -d '\r' <"$OUT/msi.out" | grep -c '^irq: .*PCI-MSI')
tables=$(grep -c 'interrupt routing: a table' "$OUT/msi.err")
[ "$tables" -le $((1 + vectors)) ] && ok "msi: $tables routing tables for $vectors vectors" ||
	fail "msi: routing tables" "$tables for $vectors vectors"

disks 9
look | job pins 0 -m 256 --rng $options -p pci=nomsi
looked pins 9
expect_grep "$OUT/pins.out" '^irq: +17: +[1-9].* IO-APIC +17-fasteoi +.*virtio0' "pins: the first at line 17"
expect_grep "$OUT/pins.out" '^irq: +20: .* IO-APIC +20-fasteoi +.*virtio[0-9]+, virtio' "pins: disks share line 20"

disks 2
export BOOT_KERNEL=$LAB/generic/vmlinuz BOOT_INITRD=$LAB/generic/guest.cpio BOOT_TIMEOUT=300
{ look; echo 'exit 42'; } | job mptable 42 -m 512 --rng $options -p "acpi=off pci=nomsi"
looked mptable 2
expect_grep "$OUT/mptable.out" '^irq: +10: +[1-9].* IO-APIC +10-fasteoi +.*virtio' "mptable: an ISA line"
unset BOOT_KERNEL BOOT_INITRD

disks 32
look | job many 0 -m 512 --rng $options
looked many 32
lab_end
