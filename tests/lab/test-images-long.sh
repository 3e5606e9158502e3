# SPDX-License-Identifier: GPL-2.0-only
# Kernels that are not Linux, from Debian's packages, by whatever entry they have: each says on the serial port what
# it says when it runs. And a CPU's reset that goes on, on a processor that runs 16-bit code itself.
# lab-long: yes
# lab-images: yes
# lab-carry: build/guest/warm.bin
. "$LAB/lib.sh"

# have NAME ENTRY [OPTION...]: the image is there, and booted by what --dry-run calls ENTRY
have()
{
	local name=$1 entry=$2
	shift 2
	if [ ! -r "$LAB/images/$name" ]; then
		skip "$name" "the mirror has no package with it"
		return 1
	fi
	lkvm run --dry-run --kernel "$LAB/images/$name" -c 1 -m 256 "$@" >"$OUT/$name.dry" 2>&1
	expect_grep "$OUT/$name.dry" "^entry: $entry\$" "$name: entry $entry"
}

# image NAME STATUS ENTRY REGEX [OPTION...]: one that ends itself
image()
{
	local name=$1 want=$2 entry=$3 regex=$4
	shift 4
	have "$name" "$entry" "$@" || return
	BOOT_KERNEL=$LAB/images/$name BOOT_INITRD=none boot "$name" "$want" -c 1 -m 256 --nodefaults "$@" || return
	expect_grep "$OUT/$name.out" "$regex" "$name: $regex"
}

# endless NAME ENTRY REGEX [OPTION...]: one that goes on for ever. It is ended when it has said REGEX.
endless()
{
	local name=$1 entry=$2 regex=$3 pid i
	shift 3
	have "$name" "$entry" "$@" || return
	lkvm run --kernel "$LAB/images/$name" -c 1 -m 256 --nodefaults "$@" \
		</dev/null >"$OUT/$name.out" 2>"$OUT/$name.err" &
	pid=$!
	for i in $(seq 120); do
		grep -q "$regex" "$OUT/$name.out" && break
		kill -0 $pid 2>/dev/null || break
		sleep 1
	done
	kill -KILL $pid 2>/dev/null
	wait $pid
	expect_grep "$OUT/$name.out" "$regex" "$name: $regex"
}

# Its command line is a script; then it gives back to the BIOS, and there is nothing else.
image ipxe-1.0 122 16-bit '^it is iPXE' -p 'echo it is iPXE'
image ipxe-2.0 122 16-bit '^it is iPXE' -p 'echo it is iPXE'
# Tests for ever
endless memtest86 16-bit 'Memtest' -p console=ttyS0,115200
for arch in ia32:32 x64:64; do
	for version in 6 7 8; do
		endless memtest86+-$version-${arch%:*} "${arch#*:}-bit" 'Memtest86' -p console=ttyS0,115200
	done
done
endless memtest86+-5 16-bit 'Memtest86' -p console=ttyS0,115200
endless memtest86+-5-multiboot multiboot 'Memtest86' -p console=ttyS0,115200
# Without a kernel for its first guest it panics, and reboots after five seconds.
for version in 4.17 4.20; do
	image xen-$version 0 multiboot 'dom0 kernel not specified' -p 'console=com1 com1=115200'
done
image grub 0 16-bit 'it is GRUB'
# Set-up code alone, to which a core image is appended
if lkvm run --kernel "$LAB/images/lnxboot" -c 1 -m 64 >"$OUT/lnxboot.out" 2>"$OUT/lnxboot.err"; then
	fail lnxboot "it booted"
else
	expect_grep "$OUT/lnxboot.err" 'set-up code alone' "lnxboot: is said to want a core image"
fi

lkvm run --kernel "$LAB/warm.bin" --kernel-type=flat >"$OUT/warm.out" 2>"$OUT/warm.err"
expect_status warm 0 $?
expect_grep "$OUT/warm.out" '^1234$' "warm: goes on after each reset"
lab_end
