# SPDX-License-Identifier: GPL-2.0-only
# What the lab's scripts share: messages, the cache, modules with what they need, cpio archives,
# the command line of the machine that plays the host. Sourced by bash, never run.
# shellcheck shell=bash disable=SC2034,SC2054

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die()
{
	echo "lab: $*" >&2
	exit 1
}

# need COMMAND PACKAGE: one clear line when a tool of the lab is missing
need()
{
	PATH=$PATH:/sbin:/usr/sbin command -v "$1" >/dev/null ||
		die "$1 is missing: install the Debian package $2"
}

# The cache folder, made on first use
lab_cache()
{
	local dir=${LKVM_LAB_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/lkvm-lab}

	mkdir -p "$dir" 2>/dev/null || die "cannot make the cache folder $dir (set LKVM_LAB_CACHE)"
	(cd "$dir" && pwd)
}

# The static busybox: the user space of L1 and of L2, and the shell of the tests
lab_busybox()
{
	local bb

	bb=$(command -v busybox) || die "busybox is missing: install the Debian package busybox-static"
	if LC_ALL=C ldd "$bb" >/dev/null 2>&1; then
		die "$bb is not static: install the Debian package busybox-static"
	fi
	echo "$bb"
}

# key_of FILE...|-: a short name for this content; what standard input says is part of it
key_of()
{
	sha256sum -- "$@" | sed 's/ .*//' | sha256sum | cut -c1-16
}

# The release of this machine's Debian
debian_suite()
{
	sed -n 's/^VERSION_CODENAME=//p' /etc/os-release
}

# debian_mirror debian|debian-security: the mirror of it that the machine itself uses
debian_mirror()
{
	local all

	all=$(sed -n 's/^URIs: *//p; s/^deb \(\[.*\] \)\?\(http[^ ]*\) .*/\2/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep "/$1/\?\$") ||
		all=http://deb.debian.org/$1
	echo "${all%%$'\n'*}"
}

# Forget what nobody has used for a week, and what a killed run left
cache_prune()
{
	find "$1" -maxdepth 1 \( -name 'guest-*' -o -name 'l1-*' -o -name 'kind-*' -o -name 'patience-*' -o \
		-name 'rootfs-*' \) -mtime +7 -exec rm -rf {} + 2>/dev/null || true
	find "$1" -maxdepth 1 -name 'tmp.*' -mtime +0 -exec rm -rf {} + 2>/dev/null || true
}

# make_cpio DIR: DIR as an uncompressed newc archive on standard output, the same bytes each time.
# Device nodes are not needed: the kernel's own built-in archive has /dev/console.
make_cpio()
{
	find "$1" -exec touch -h -d @0 {} +
	(cd "$1" && find . -mindepth 1 | LC_ALL=C sort |
		cpio --quiet -o -H newc --owner=0:0 --reproducible)
}

# modules_closure KERNEL NAME...: paths below lib/modules/VERSION of the modules and all they
# need, softdeps included. `?NAME` may be absent from this kernel or be built in.
modules_closure()
{
	local dir=("$1"/lib/modules/*/)

	awk -v want="${*:2}" '
	function base(p) { sub(/.*\//, "", p); sub(/\.ko.*/, "", p); gsub(/-/, "_", p); return p }
	function add(m, must) {
		gsub(/-/, "_", m)
		if (m in done)
			return
		if (!(m in path)) {
			if (must && !(m in builtin)) {
				print "lab: the kernel has no module " m > "/dev/stderr"
				bad = 1
			}
			return
		}
		done[m] = 1
		print path[m]
		n[m] = split(deps[m], d)
		for (i[m] = 1; i[m] <= n[m]; i[m]++) {
			split(deps[m], d)
			add(base(d[i[m]]), 1)
		}
		k[m] = split(soft[m], s)
		for (j[m] = 1; j[m] <= k[m]; j[m]++) {
			split(soft[m], s)
			add(s[j[m]], 0)
		}
	}
	FILENAME ~ /modules.builtin$/ { builtin[base($1)] = 1; next }
	FILENAME ~ /modules.softdep$/ {
		if ($1 == "softdep") {
			m = $2; $1 = $2 = ""; gsub(/(pre|post):/, ""); gsub(/-/, "_", m)
			soft[m] = soft[m] " " $0
		}
		next
	}
	{ p = $1; sub(/:$/, "", p); $1 = ""; path[base(p)] = p; deps[base(p)] = $0 }
	END {
		c = split(want, w)
		for (x = 1; x <= c; x++)
			if (w[x] ~ /^\?/) add(substr(w[x], 2), 0); else add(w[x], 1)
		exit bad
	}' "${dir[0]}modules.builtin" "${dir[0]}modules.softdep" "${dir[0]}modules.dep"
}

# stage_modules KERNEL DEST NAME...: the modules, unpacked, below DEST, with tables for modprobe
stage_modules()
{
	local kernel=$1 dest=$2 dir version path list
	shift 2

	dir=$(echo "$kernel"/lib/modules/*)
	version=${dir##*/}
	list=$(modules_closure "$kernel" "$@") || exit 1
	for path in $list; do
		mkdir -p "$dest/lib/modules/$version/${path%/*}"
		case $path in
		*.xz)	xz -dc "$dir/$path" >"$dest/lib/modules/$version/${path%.xz}" ;;
		*)	cp "$dir/$path" "$dest/lib/modules/$version/$path" ;;
		esac
	done
	mkdir -p "$dest/lib/modules/$version"
	: >"$dest/lib/modules/$version/modules.order"
	cp "$dir"/modules.builtin* "$dest/lib/modules/$version/"
	PATH=$PATH:/sbin:/usr/sbin depmod -b "$dest" "$version"
	rm -f "$dest/lib/modules/$version"/*.bin \
		"$dest/lib/modules/$version"/modules.{builtin,builtin.modinfo,order,devname,symbols}
}

# kernel_tree NAME: the folder of a kernel as it is installed, NAME is FLAVOUR[-SUITE]: vmlinuz, and below
# lib/modules what depmod wrote and the modules that a virtual machine can use
kernel_tree()
{
	local kernel from version tree path
	# shellcheck disable=SC2046 # no suite is no argument
	kernel=$("$lab_dir/fetch-kernel" $(echo "$1" | sed -E 's/-(bullseye|trixie)$/ \1/')) || exit 1
	from=$(echo "$kernel"/lib/modules/*)
	version=${from##*/}
	tree=$(lab_cache)/tree-$(key_of "$lab_dir/common.sh")-$(basename "$(readlink -f "$kernel")")
	if [[ ! -d $tree ]]; then
		rm -rf "$tree.new"
		mkdir -p "$tree.new/lib/modules/$version/kernel"
		cp "$kernel/vmlinuz" "$tree.new/"
		cp "$from"/modules.{dep,softdep,builtin,alias} "$tree.new/lib/modules/$version/"
		for path in drivers/virtio drivers/block/virtio_blk.ko drivers/char fs/{ext4,jbd2,mbcache.ko,xfs} \
			fs/{btrfs,squashfs,overlayfs} lib crypto arch/x86/crypto; do
			for path in "$from/kernel/$path"*; do
				[[ -e $path ]] || continue
				mkdir -p "$tree.new/$(dirname "${path#"$kernel"/}")"
				cp -al "$path" "$tree.new/${path#"$kernel"/}"
			done
		done
		mv -T "$tree.new" "$tree"
	fi
	echo "$tree"
}

# stage_busybox DEST: the binary and one link for each of its commands
stage_busybox()
{
	local bb applet

	bb=$(lab_busybox) || exit 1
	mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,tmp,run,root,etc}
	cp "$bb" "$1/bin/busybox"
	for applet in $("$bb" --list); do
		[[ $applet == busybox ]] || ln -s busybox "$1/bin/$applet"
	done
	echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
	echo 'root:x:0:' >"$1/etc/group"
}

# qemu_command MEM CPU COUNTED VMLINUZ INITRD OUT_IMAGE SERIAL...: sets the array QEMU.
# Every word of it was measured; see README.md before changing one.
qemu_command()
{
	local mem=$1 cpu=$2 counted=$3 kernel=$4 initrd=$5 image=$6
	shift 6

	QEMU=(qemu-system-x86_64 -machine q35 -accel tcg,thread=single -cpu "$cpu" -smp 1 -m "$mem"
		-display none -nodefaults -no-reboot -no-user-config -seed 42 "$@"
		-drive "file=$image,format=raw,if=none,id=out,cache=unsafe"
		-device virtio-blk-pci,drive=out
		-kernel "$kernel" -initrd "$initrd"
		-append "$L1_APPEND")
	if [[ $counted == yes ]]; then
		QEMU+=(-icount shift=0,sleep=off)
	fi
}

L1_APPEND="console=ttyS0 quiet panic=-1 nokaslr mitigations=off tsc=reliable no_timer_check"
L1_APPEND+=" nowatchdog audit=0 apparmor=0 rcupdate.rcu_expedited=1"
L1_CPU=qemu64,+svm,+npt,+rdrand
