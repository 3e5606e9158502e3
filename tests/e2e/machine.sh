# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2059,SC2086,SC2016
#
# The machine as a guest finds it, and as --dry-run says it is.

test_dry_run()
{
	vm --name some-name --dry-run -m 80 -c 2 -- say:it_runs~ exit:9
	((status == 0)) || fail "status $status"
	said_lines 0
	printed '^name: some-name$'
	printed "^kernel: $PAYLOAD\$"
	printed '^entry: 64-bit$'
	printed '^cmdline: do=say:it_runs~ do=exit:9$'
	printed '^cpus: 2$'
	printed '^ram: 0x0000000000-0x0004ffffff$'
	printed '^boot: .* boot_params$'
	printed '^boot: 0x00000e0000-0x00000effff ACPI tables$'
	printed '^boot: 0x00000f0000-0x00000f3fff SMBIOS$'
	printed '^boot: 0x00000f4000-0x00000f7fff MP table$'
	printed '^boot: 0x00000fb000-0x00000fb00f generation ID$'
	printed '^boot: 0x0001000000-.* kernel$'
	printed '^port: 0x03f8-0x03ff serial0$'
	printed '^port: 0x00f4-0x00f4 exit-port$'
	printed '^pci: 00:00.0 1b36:0008 class 060000 host-bridge$'
	printed '^device: serial0 '
	[[ $(grep -vcE '^(name|kernel|entry|cmdline|cpus|ram|boot|port|mmio|pci|device): ' out) == 0 ]] ||
		fail "a line of another form"
	grep -q "^it runs" out && fail "the guest ran"
	return 0
}

test_dry_run_finds_errors()
{
	vm --dry-run -k nosuch -- exit:9
	((status == 125)) || fail "status $status"
	vm --dry-run -m 16 -- exit:9
	((status == 125)) || fail "status $status"
}

test_defaults()
{
	local cpus mem host

	"$LKVM" run --dry-run -k "$PAYLOAD" >out 2>err
	cpus=$(nproc)
	host=$(($(sed -n 's/MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
	mem=$((64 * (cpus + 3)))
	printed "^cpus: $cpus\$"
	printed '^name: guest-[0-9]+$'
	((mem * 10 > host * 8)) || printed "^ram: 0x0000000000-0x$(printf %010x $((mem * 1024 * 1024 - 1)))\$"
	nothing_left
}

test_default_kernel_names()
{
	mkdir -p arch/x86/boot deep/er
	cp "$PAYLOAD" arch/x86/boot/bzImage
	"$LKVM" run --dry-run >out 2>err
	printed '^kernel: arch/x86/boot/bzImage$'
	(cd deep/er && "$LKVM" run --dry-run) >out 2>err
	printed '^kernel: ../../arch/x86/boot/bzImage$'
	cp "$PAYLOAD" bzImage
	"$LKVM" run --dry-run >out 2>err
	printed '^kernel: bzImage$'
	"$LKVM" run --dry-run arch/x86/boot/bzImage >out 2>err
	printed '^kernel: arch/x86/boot/bzImage$'
	nothing_left
}

test_command_line()
{
	"$LKVM" run -k "$PAYLOAD" -m 64 -c 1 -p 'one  two' -p three -p 'do=cmdline do=exit:5' \
		>out 2>err
	status=$?
	printed '^cmdline: .*console=ttyS0.* one  two three do=cmdline do=exit:5$'
	((status == 5)) || fail "status $status"
	vm -- cmdline exit:5
	printed '^cmdline: do=cmdline do=exit:5$'
	ends 5 exit
}

# e820 START-END TYPE...: the payload's list, in order
e820()
{
	local IFS=$'\n'

	[[ $(sed -n 's/^e820: //p' out) == "$*" ]] ||
		fail "e820: $(sed -n 's/^e820: //p' out | tr '\n' ';')"
}

test_e820()
{
	vm -- e820 exit:5
	ends 5 exit
	e820 '0000000000-000009fbff 1' '000009fc00-000009ffff 2' '00000e0000-00000effff 3' \
		'00000f0000-00000fffff 2' '0000100000-0003ffffff 1' '00feffc000-00feffffff 2'
	vm -m 5G -- e820 exit:5
	ends 5 exit
	e820 '0000000000-000009fbff 1' '000009fc00-000009ffff 2' '00000e0000-00000effff 3' \
		'00000f0000-00000fffff 2' '0000100000-00bfffffff 1' '00feffc000-00feffffff 2' '0100000000-017fffffff 1'
}

test_memory_units()
{
	local size

	for size in 96 96M 98304K 98304k; do
		vm -m $size -- e820 exit:5
		ends 5 exit
		printed '^e820: 0000100000-0005ffffff 1$'
	done
	vm -m 1G -- e820 exit:5
	printed '^e820: 0000100000-003fffffff 1$'
}

test_ram_is_zero()
{
	vm -- ram exit:5
	ends 5 exit
	printed '^ram: zero up to 0x04000000$'
}

# The payload writes into each page before it resets.
test_reset_zeroes_ram()
{
	local how

	for how in kbd cf9; do
		vm --on-reboot=reset -- ram boots:3:$how exit:5
		ends 5 exit
		[[ $(grep -a -c '^ram: zero up to 0x04000000$' out) == 3 ]] ||
			fail "RAM: $(grep -a ram out | tr '\n' ';')"
	done
}

# The same RAM as a memfd, which a hole makes zero, and which another process can read.
test_shared_mem()
{
	local ram

	vm --shared-mem --on-reboot=reset -- ram boots:2:cf9 exit:5
	((status == 5)) || fail "status $status"
	[[ $(grep -a -c '^ram: zero up to 0x04000000$' out) == 2 ]] || fail "RAM: $(grep -a ram out)"
	vm_start --shared-mem -- say:ready~ sleep:1500 exit:6
	wait_for out ready
	ram=$(find "/proc/$pid/fd" -lname '/memfd:lkvm-ram*')
	[[ -n $ram ]] || fail "no memfd is open"
	# The command line, where the PC's layout has it.
	dd if="$ram" bs=4096 skip=$((0x20)) count=1 status=none | grep -aq 'do=say:ready~' ||
		fail "the memfd is not guest RAM"
	vm_wait
	((status == 6)) || fail "status $status"
}

# The test of the test: without a reset the marks are found.
test_ram_marks_are_seen()
{
	vm -- ram ram exit:5
	grep -aq '^bad: ram: [0-9]* pages' out || fail "marks are not seen"
}

make_archive()
{
	need cpio
	seq "$2" >content
	echo content | cpio --quiet -o -H newc >"$1"
	rm content
}

test_initrd()
{
	make_archive one 500
	vm -i one -- initrd exit:5
	ends 5 exit
	printed "^initrd: 0x03ff.000 $(stat -c %s one) bytes, sum $(fnv one)\$"
}

test_initrds_are_padded_and_joined()
{
	make_archive one 300
	make_archive two 100
	printf '\x1f\x8bodd' >odd
	vm -i one -i odd -i two --initrd odd -- initrd exit:5
	ends 5 exit
	# 4 zeros at least before the next, to a multiple of 4
	{
		cat one; printf '\0\0\0\0'; cat odd; printf '\0\0\0\0\0\0\0'
		cat two; printf '\0\0\0\0'; cat odd; printf '\0\0\0'
	} >joined
	printed "^initrd: 0x03f.[0-9a-f]000 $(stat -c %s joined) bytes, sum $(fnv joined)\$"
}

test_initrd_is_back_after_a_reset()
{
	make_archive one 300
	vm --on-reboot=reset -i one -- initrd ram boots:2:cf9 exit:5
	ends 5 exit
	[[ $(grep -a -c "bytes, sum $(fnv one)" out) == 2 ]] ||
		fail "$(grep -a initrd out | tr '\n' ';')"
}

test_seed_is_fresh()
{
	vm --on-reboot=reset -- seed boots:3:kbd exit:5
	ends 5 exit
	vm_command -- seed exit:5
	"${command[@]}" >>out 2>err
	[[ $(grep -aE '^seed: [0-9a-f]{64}$' out | sort -u | wc -l) == 4 ]] ||
		fail "seeds: $(grep -a seed out | tr '\n' ';')"
}

test_unknown_ports_and_memory()
{
	vm -- ports mmio exit:5
	ends 5 exit
	printed '^ports: all ones$'
	printed '^mmio: all ones$'
	said_lines 0
	took_between 0 8000
}

test_processors()
{
	local cpus

	for cpus in 1 2 8; do
		vm -c $cpus -- smp:$cpus exit:5
		ends 5 exit
		printed "^smp: all came, $cpus\$"
	done
}

test_interrupt_driven_output()
{
	vm -- writeirq:2048 exit:5
	ends 5 exit
	numbered 2048 | cmp -s - out || fail "not what was written"
}

test_many_machines_at_once()
{
	local pids=() index

	for index in 1 2 3 4 5 6; do
		"$LKVM" run -k "$PAYLOAD" -m 64 -c 1 --nodefaults -p "do=sleep:300 do=exit:$index" \
			>"out$index" 2>&1 &
		pids+=($!)
	done
	for index in 1 2 3 4 5 6; do
		wait "${pids[index - 1]}"
		status=$?
		((status == index)) || fail "machine $index ended with $status: $(<"out$index")"
	done
	nothing_left
}

# The PCI map and the memory map of a machine with one device of each kind, on both transports.
# LKVM_GOLDEN=update writes tests/golden anew, for a commit that says why.
test_golden_maps()
{
	local transport map golden=$E2E_TOP/tests/golden

	truncate -s 1M disk0 disk1
	for transport in pci mmio; do
		vm --dry-run -m 4G --virtio-transport "$transport" --rng --balloon --console virtio \
			--disk disk0 --disk disk1 -- exit:9
		((status == 0)) || fail "status $status"
		echo "# --virtio-transport $transport" | tee -a pci-map >>memory-map
		grep '^pci: ' out >>pci-map
		# Where the kernel ends, and how long its command line is, is the payload's affair.
		grep -E '^(ram|boot|port|mmio): ' out | grep -Ev ' (kernel|command line)$' >>memory-map
	done
	for map in pci-map memory-map; do
		[[ ${LKVM_GOLDEN:-} != update ]] || cp "$map" "$golden/$map"
		diff -u "$golden/$map" "$map" >difference ||
			fail "$(cat difference)" $'\n'"the $map has changed; if that is meant, run" \
				"LKVM_GOLDEN=update make e2e E2E='^machine/golden' and commit tests/golden/$map"
	done
}
