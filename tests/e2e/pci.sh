# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# PCI as a guest without an operating system finds it (tests/guest/pci.c, rng.c), with virtio-rng at
# 00:01.0, which is devfn 8, as the function to be placed, moved and misused.

rng_vm()
{
	vm --virtio-transport pci --rng "$@"
}

# Lines on standard error: rate-limited, so never many.
few_lines()
{
	(($(wc -l <err) <= 12)) || fail "$(wc -l <err) lines on standard error"
}

test_scan()
{
	rng_vm -- pci-scan exit:9
	ends 9 exit
	printed '^pci-scan: 00:00.0 1b36:0008 class 060000 pin 0$'
	printed '^pci-scan: 00:01.0 1af4:1044 class ff0000 pin 1$'
	(($(grep -ac '^pci-scan: ' out) == 2)) || fail "somebody else is there"
	said_lines 0
}

test_sizes()
{
	rng_vm -- pci-bars:8 exit:9
	ends 9 exit
	printed '^pci-bars: [0-5] mem(32|64) 0xc0000000 [0-9]+$'
	said_lines 0
}

# What --dry-run says is what a guest finds.
test_dry_run()
{
	rng_vm --dry-run -- exit:9
	printed '^pci: 00:00.0 1b36:0008 class 060000 host-bridge$'
	printed '^pci: 00:01.0 1af4:1044 class ff0000 irq 17 bar.* virtio-rng0$'
}

test_debug()
{
	rng_vm --debug -- exit:9
	ends 9 exit
	said 'pci: 00:01.0 1af4:1044 class ff0000 irq 17 bar.* virtio-rng0$'
}

test_moves()
{
	rng_vm -- pci-move:8 exit:9
	ends 9 exit
	printed '^pci-move: ok$'
	said_lines 0
}

test_refused_places()
{
	rng_vm -- pci-refused:8 exit:9
	ends 9 exit
	printed '^pci-refused: ok$'
	said 'virtio-rng0: the guest put BAR [0-5] to 0x2000000, where RAM is'
	few_lines
}

test_msix_table()
{
	rng_vm -- msix-table:8 exit:9
	ends 9 exit
	printed '^msix-table: 2 vectors, ok$'
	said_lines 0
}

test_interrupts()
{
	rng_vm -- rng:8 exit:9
	ends 9 exit
	printed '^rng: ok, '
	said_lines 0
}

# After a reset in place all is as it was at power-on.
test_interrupts_after_a_reset()
{
	rng_vm --on-reboot=reset -- pci-bars:8 pci-move:8 msix-table:8 rng:8 pci-noise:3000 boots:2:cf9 exit:9
	ends 9 exit
	(($(grep -ac '^rng: ok' out) == 2)) || fail "not twice"
	(($(grep -ac '^pci-bars: [0-5] mem.* 0xc0000000 ' out) == 2)) || fail "not at home again"
}

test_moved_while_in_use()
{
	rng_vm -c 2 -- pci-race:8:1000 exit:9
	ends 9 exit
	printed '^pci-race: ok, '
	few_lines
}

test_noise()
{
	rng_vm -- pci-noise:20000 pci-scan exit:9
	ends 9 exit
	printed '^pci-noise: ok$'
	printed '^pci-scan: 00:00.0 1b36:0008 '
	few_lines
}

# Functions share devices: 32 disks are 00:04.0 to 00:07.7, with four pins a device.
test_32_disks()
{
	local options=() i

	for ((i = 0; i < 32; i++)); do
		truncate -s 1M "disk$i.img"
		options+=(--disk "disk$i.img")
	done
	vm --virtio-transport pci "${options[@]}" -- pci-scan exit:9
	ends 9 exit
	for ((i = 0; i < 32; i++)); do
		printed "^pci-scan: 00:0$((4 + i / 8)).$((i % 8)) 1af4:1042 class 010000 pin $((i % 4 + 1))\$"
	done
	said_lines 0
}
