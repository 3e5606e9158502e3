# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2059,SC2086,SC2016
#
# Ways into a kernel other than a bzImage's 64-bit entry, and what is unpacked on the way.

GUESTS=${PAYLOAD%/*}

# form STATUS OPTION...: a guest of tests/guest/forms.S, told "a line of its own"
form()
{
	local want=$1

	shift
	vm "$@" -p "a line of its own" --
	ends "$want" exit
	printed "^${first:-} ?a line of its own$"
}

test_pvh()
{
	form 40 -k "$GUESTS/pvh.elf"
	form 40 -k "$GUESTS/pvh.elf" --boot=pvh
}

# The command line begins with the file's name, as other loaders have it
test_multiboot()
{
	local first=$GUESTS/multiboot.elf

	printf 'not a cpio\0' >first
	printf 'second' >second
	form 41 -k "$first" -i first -i second
	printed '^not a cpio$'
	form 1 -k "$first"
}

# Over everything that lkvm would hand over at its usual place
test_multiboot_in_low_memory()
{
	local first=$GUESTS/multiboot-low.elf

	printf 'not a cpio\0' >first
	form 41 -k "$first" -i first -i first
	printed '^not a cpio$'
}

# A 64-bit ELF file with the header is no vmlinux
test_multiboot_64bit()
{
	local first=$GUESTS/multiboot64.elf

	printf 'not a cpio\0' >first
	form 41 -k "$first" -i first -i first
}

test_32bit_entry()
{
	form 42 -k "$GUESTS/forms.bin"
	form 42 -k "$GUESTS/forms.bin" --boot=32bit
}

test_16bit_entry()
{
	form 43 -k "$GUESTS/forms.bin" --boot=16bit
}

test_elf64()
{
	vm -k "$GUESTS/payload.elf" -- exit:7
	ends 7 exit
	vm -k "$GUESTS/payload.elf" --boot=64bit -- exit:8
	ends 8 exit
}

test_reset_in_place()
{
	vm -k "$GUESTS/payload.elf" --on-reboot=reset -- boots:3:kbd exit:7
	ends 7 exit
}

test_no_such_entry()
{
	vm -k "$GUESTS/forms.bin" --boot=64bit --
	ends 125 error
	said 'kernel .*forms.bin: does not offer the entry'
	vm -k "$GUESTS/payload.elf" --boot=pvh --
	ends 125 error
	vm --boot=multiboot --
	ends 125 error
}

# The program of every KVM tutorial: it adds two registers that hold 2 and prints the sum.
test_flat()
{
	printf '\xba\xf8\x03\x00\xd8\x04\x30\xee\xb0\x0a\xee\xf4' >flat
	vm -k flat --kernel-type=flat --timeout 1s --
	ends 124 timeout
	printed '^4$'
	head -c 600000 /dev/zero >large
	vm -k large --kernel-type=flat --
	ends 125 error
	said 'kernel large: .*512 KiB'
}

# --- packed ---

test_packed_vmlinux()
{
	export XDG_CACHE_HOME=$PWD/cache

	gzip -c "$GUESTS/payload.elf" >vmlinux.gz
	touch -d '1 minute ago' vmlinux.gz
	vm -k vmlinux.gz -- exit:7
	ends 7 exit
	vm -k vmlinux.gz -- exit:8
	ends 8 exit
	[[ $(find cache -type f | wc -l) == 1 ]] || fail "$(find cache)"
	[[ $(stat -c %a cache/lkvm/kernels) == 700 ]] || fail "the cache is open to others"
}

test_damaged_cache()
{
	local entry

	export XDG_CACHE_HOME=$PWD/cache
	gzip -c "$GUESTS/payload.elf" >vmlinux.gz
	vm -k vmlinux.gz -- exit:7
	ends 7 exit
	entry=$(find cache -type f)
	printf x | dd of="$entry" bs=1 seek=5000 conv=notrunc status=none
	vm -k vmlinux.gz -- exit:7
	ends 7 exit
	said 'cache entry .*: is damaged; lkvm makes a new one'
	entry=$(find cache -type f)
	truncate -s 6000 "$entry"
	vm -k vmlinux.gz -- exit:7
	ends 7 exit
	said 'cache entry .*: is damaged'
	vm -k vmlinux.gz -- exit:7
	ends 7 exit
	said_lines 0
}

test_no_cache()
{
	gzip -c "$GUESTS/payload.elf" >vmlinux.gz
	(
		export XDG_CACHE_HOME=/proc/nosuch
		vm -k vmlinux.gz -- exit:7
		ends 7 exit
	) || exit 1
}

test_packed_and_damaged()
{
	gzip -c "$GUESTS/payload.elf" >whole.gz
	head -c 3000 whole.gz >vmlinux.gz
	vm -k vmlinux.gz -- exit:7
	ends 125 error
	said 'kernel vmlinux.gz: is damaged: it does not unpack'
	echo "some text" | gzip >vmlinux.gz
	vm -k vmlinux.gz -- exit:7
	ends 125 error
	said 'kernel vmlinux.gz: is compressed, and holds no vmlinux'
}
