# SPDX-License-Identifier: GPL-2.0-only
# Every kernel below $LAB/matrix (tests/lab/matrix carries them there) in every form it has: unpacked by lkvm,
# by itself, through PVH, without ACPI; with one CPU and with four. Each says who it is and ends with status 0.
. "$LAB/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

# matrix NAME CPUS [OPTION...]: one boot
matrix()
{
	local name=$1 cpus=$2
	shift 2
	boot "$name" 0 -c "$cpus" -m 512 "$@" || return
	expect_grep "$OUT/$name.out" "^matrix: Linux $version_re, $cpus CPUs" "$name: $version, $cpus CPUs"
}

BOOT_TIMEOUT=300
for dir in "$LAB"/matrix/*; do
	kernel=${dir##*/}
	version=$(cat "$dir/version")
	version_re=$(echo "$version" | sed 's/[.+]/\\&/g')
	BOOT_KERNEL=$dir/vmlinuz
	rm -rf cache
	case $kernel in
	686-pae*)
		# Seen with QEMU 7.2 in the place of lkvm, too: not lkvm's.
		if [ "$LAB_KIND" = nested ]; then
			skip "$kernel" "a 32-bit PAE kernel stops when it switches paging on under QEMU's emulated SVM"
			continue
		fi
		;;
	esac
	case $kernel in
	686*)
		BOOT_INITRD=$LAB/matrix32.cpio
		matrix "$kernel-1" 1
		matrix "$kernel-4" 4
		;;
	*)
		BOOT_INITRD=$LAB/matrix.cpio
		matrix "$kernel-cold-1" 1
		matrix "$kernel-warm-4" 4
		if [ "$LAB_KIND$kernel" = nestedcloud-trixie ]; then
			# QEMU 7.2 in the place of lkvm: 4 of 6. The guest's EFLAGS have bits that no CPU has.
			skip "$kernel-self" "it dies in 9 of 11 boots under QEMU's emulated SVM, whoever boots it"
		else
			matrix "$kernel-self-1" 1 --unpack=never
			matrix "$kernel-self-4" 4 --unpack=never
		fi
		matrix "$kernel-pvh-1" 1 --boot=pvh
		matrix "$kernel-pvh-4" 4 --boot=pvh
		;;
	esac
	# Debian's cloud kernels are built without MP tables.
	case $kernel in
	cloud*) ;;
	*) matrix "$kernel-no-acpi-4" 4 -p 'acpi=off -- exit' ;;
	esac
	[ "$kernel" != cloud ] || matrix "$kernel-16bit-1" 1 --boot=16bit
done
lab_end
