# SPDX-License-Identifier: GPL-2.0-only
# What bench/run and bench/disk share. Sourced by bash at the top of the tree, with $build and the array carry.
# shellcheck shell=bash

# carry_qemu: QEMU as a guest of the lab: the program with its libraries, the ROMs that its machines start from
carry_qemu()
{
	local rom

	rm -rf "$build/firmware"
	mkdir -p "$build/firmware"
	for rom in bios-256k.bin bios-microvm.bin kvmvapic.bin linuxboot_dma.bin pvh.bin; do
		# QEMU's own folder comes first for it, too: there bios-microvm.bin is qboot
		cp -L "$(find /usr/share/qemu /usr/share/seabios -maxdepth 1 -name $rom -print -quit)" \
			"$build/firmware/"
	done
	carry+=(--carry "$(command -v qemu-system-x86_64)" --carry "$build/firmware")
}
