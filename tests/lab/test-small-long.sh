# SPDX-License-Identifier: GPL-2.0-only
# A small kernel without ACPI, PCI and modules, with a RAM disk: an initrd that is a file-system image, as it is and
# compressed by gzip, is its root; and it has two disks by virtio_mmio.device= words, with interrupts by the IOAPIC,
# which it knows from the MP tables, and by the PICs.
# lab-long: yes
# lab-small-kernel: yes
# lab-tools: mkfs.ext4
. "$LAB/lib.sh"

BOOT_KERNEL=$LAB/small/vmlinuz BOOT_TIMEOUT=60
MIB=1048576

# rooted NAME IMAGE: the image is the root
rooted()
{
	BOOT_INITRD=$2 boot "$1" 42 -m 64 -c 1 --modules=none -p 'root=/dev/ram0 init=/init loglevel=7' || return
	expect_grep "$OUT/$1.out" '^small: init runs$' "$1: its init runs"
	expect_grep "$OUT/$1.out" '^/dev/root / ext2 ' "$1: it is mounted from the RAM disk"
}

# disks NAME CHIP WORDS: each byte of two disks is read, by interrupts of this chip
disks()
{
	BOOT_INITRD=$LAB/small.cpio boot "$1" 42 -m 64 -c 1 --modules=none -d a.img -d b.img \
		--virtio-transport=mmio -p "acpi=off $3 loglevel=7" || return
	expect_grep "$OUT/$1.out" "^/dev/vda: $MIB bytes, sum $((MIB * 65))\$" "$1: the bytes of the first disk"
	expect_grep "$OUT/$1.out" "^/dev/vdb: $((2 * MIB)) bytes, sum $((2 * MIB * 66))\$" \
		"$1: the bytes of the second disk"
	expect_grep "$OUT/$1.out" "^ *[0-9]+: +[1-9][0-9]* +$2.* virtio0" "$1: interrupts of the first disk by $2"
	expect_grep "$OUT/$1.out" "^ *[0-9]+: +[1-9][0-9]* +$2.* virtio1" "$1: interrupts of the second disk by $2"
}

mkdir root
(cd root && cpio -i 2>/dev/null <"$LAB/small.cpio")
mkfs.ext4 -q -t ext2 -d root root.ext2 1024k
gzip <root.ext2 >root.ext2.gz
rooted image root.ext2
rooted image-gzip root.ext2.gz

head -c $MIB /dev/zero | tr '\0' A >a.img
head -c $((2 * MIB)) /dev/zero | tr '\0' B >b.img
disks mmio-ioapic IO-APIC ''
disks mmio-pic XT-PIC noapic
lab_end
