# SPDX-License-Identifier: GPL-2.0-only
# virtio's core and its transports, by the simplest device: stock drivers find virtio-rng over PCI with MSI-X,
# over PCI with the interrupt pin, and over MMIO, read it, reset it and read it again.
# lab-carry: tests/golden/dmesg-cloud
. "$LAB/lib.sh"

# rng NAME TRANSPORT WHERE INTERRUPT [WORDS]
rng()
{
	boot "$1" 0 -c 1 -m 256 --rng --virtio-transport "$2" -p "lab=hwrng:8 $5" || return
	expect_grep "$OUT/$1.out" "^hwrng: virtio0 is virtio_rng.0" "$1: the driver found it"
	expect_grep "$OUT/$1.out" "^hwrng: at $3" "$1: where it should be"
	expect_grep "$OUT/$1.out" "^hwrng: first: 32768 bytes, other bytes$" "$1: random numbers"
	expect_grep "$OUT/$1.out" "^hwrng: first: 3[23][0-9]{3} bytes when packed$" "$1: which nothing makes shorter"
	expect_grep "$OUT/$1.out" "^hwrng: without it: none" "$1: the driver let go of it"
	expect_grep "$OUT/$1.out" "^hwrng: again: 32768 bytes, other bytes$" "$1: random numbers after a reset"
	expect_grep "$OUT/$1.out" "^hwrng: irq .* +[1-9][0-9]* .*$4" "$1: interrupts as they should be"
	expect_no_grep "$OUT/$1.err" "virtio-rng0" "$1: no complaint about the driver"
	expect_clean_log "$1"
}

rng pci pci "pci0000:00/0000:00:01.0/virtio0" "PCI-MSI.*virtio0-input"
quick || rng pin pci "pci0000:00/0000:00:01.0/virtio0" "IO-APIC .*fasteoi +virtio0" pci=nomsi
rng mmio mmio "platform/LNRO0005:00/virtio0|.*LNRO0005:00/virtio0" "IO-APIC .*fasteoi +virtio0"
lab_end
