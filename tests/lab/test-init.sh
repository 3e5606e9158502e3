# SPDX-License-Identifier: GPL-2.0-only
# lkvm's own init: a shell without a root, commands and their status, a root on a whole disk and in a partition, on
# both transports, drivers as modules and built in; and what goes wrong, each with its line.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk
# lab-lane: 1
. "$LAB/lib.sh"
export XDG_CACHE_HOME=$PWD/cache

# own NAME STATUS [OPTION...]: one bounded boot with lkvm's own init; OWN_INPUT is a file to be typed
own()
{
	local name=$1 want=$2 got=0
	shift 2
	busybox timeout -s KILL 120 lkvm run --kernel "$tree/vmlinuz" -c 1 -m 256 "$@" \
		<"${OWN_INPUT:-/dev/null}" >"$OUT/$name.out" 2>"$OUT/$name.err" || got=$?
	expect_status "$name" "$want" "$got" || lab_tail "$OUT/$name.err" "$OUT/$name.out"
}

# says NAME REGEX WHAT: in the guest's words; complains NAME REGEX WHAT: in lkvm's, one line
says()
{
	expect_grep "$OUT/$1.out" "$2" "$1: $3"
}

complains()
{
	expect_grep "$OUT/$1.err" "$2" "$1: $3"
	if [ "$(wc -l <"$OUT/$1.err")" = 1 ]; then
		ok "$1: one line"
	else
		fail "$1" "says $(wc -l <"$OUT/$1.err") lines"
	fi
}

# --- a root: busybox, and an init that says who it is ---
mkdir -p root/bin root/sbin root/dev root/proc root/sys root/etc root/tmp
cp /bin/busybox root/bin/busybox
for name in sh ls cat grep sync poweroff mount id echo kill; do
	ln -s busybox root/bin/$name
done
echo 'root:x:0:0::/:/bin/sh
joe:x:1000:1000::/tmp:/bin/sh' >root/etc/passwd
cat >root/sbin/init <<-END
	#!/bin/sh
	echo "init: process \$\$, \$*"
	echo "init: root is \$(grep ' / ' /proc/mounts | grep -v rootfs)"
	echo written >/tmp/mark
	mount -o remount,ro /
	poweroff -f
END
printf '#!/bin/sh\nexit 3\n' >root/bin/dies
chmod +x root/sbin/init root/bin/dies
truncate -s 32M whole.img
mkfs.ext4 -q -L lkvm-root -d root whole.img
truncate -s 48M parts.img
printf 'label: gpt\nsize=4M, type=uefi\nsize=40M, type=linux\n' | sfdisk -q parts.img
# The second partition begins behind the first: at 1 MiB + 4 MiB. Its /sbin is a link that only makes sense inside.
mv root/sbin root/programs
ln -s /programs root/sbin
mkfs.ext4 -q -E offset=5242880 -d root parts.img 40960k 2>/dev/null

tree=$LAB/trees/cloud
own whole 0 -d whole.img -p '-- one two'
says whole '^init: process 1, one two$' "the root's init is process 1"
says whole '^init: root is /dev/vda / ext4 rw' "the root is ext4"
own parts 0 -d parts.img
says parts '^init: root is /dev/vda2 ' "the second partition"
own mmio 0 -d parts.img --virtio-transport=mmio
says mmio '^init: root is /dev/vda2 ' "the second partition"
own exec 7 -d whole.img --exec 'id -u; exit 7'
says exec '^0$' "runs as root"

# Modules packed with xz, ext4 one of them. test-init-long.sh has all kernels.
tree=$LAB/trees/generic-trixie
own generic-trixie 0 -d parts.img
says generic-trixie '^init: root is /dev/vda2 ' "the second partition"

tree=$LAB/trees/cloud
own label 0 -d parts.img -d whole.img --root LABEL=lkvm-root
says label '^init: root is /dev/vdb ' "found by its label"
own read-only 0 -d whole.img,ro --exec 'cat /tmp/mark; ! echo x >/tmp/other'
says read-only '^written$' "what the first boot wrote is there"
own ro-word 0 -d whole.img -p ro --exec '! echo x >/tmp/other'
own user 0 -d whole.img --user joe --exec 'test $(id -u) = 1000 && test $HOME = /tmp && echo fine'
says user '^fine$' "is joe, at home"
own signal 137 -d whole.img --exec 'kill -9 $$'
own not-found 127 -d whole.img --exec 'no-such-command'
own clean 0 -d whole.img --exec 'echo more >/tmp/more'

# --- no root: a shell ---
cat >typed <<-END
	echo "shell: \$((6 * 7)) \$(uname -r)"
	exit 5
END
OWN_INPUT=typed
own shell 5
says shell '^shell: 42 6\.' "busybox on the console"
OWN_INPUT=
own shell-exec 3 --exec 'exit 3'

# The host has no busybox: lkvm's own shell. (Its namespace alone; this script is busybox, too.)
cat >typed <<-END
	ls /lkvm
	mkdir /mnt
	mount -t tmpfs none /mnt
	cat "/proc/mounts"
	no-such-command
	dmesg
	exit 6
END
: >nothing
got=0
busybox unshare -m busybox sh -c 'mount --bind nothing /bin/busybox && exec lkvm "$@"' sh \
	run -k "$tree/vmlinuz" -c 1 -m 256 <typed >"$OUT/own-shell.out" 2>"$OUT/own-shell.err" || got=$?
expect_status own-shell 6 "$got" || lab_tail "$OUT/own-shell.err" "$OUT/own-shell.out"
says own-shell 'init$' "ls"
says own-shell '^none /mnt tmpfs' "mount and cat"
says own-shell 'lkvm: no-such-command: No such file' "a command that is not there"
says own-shell 'Linux version 6' "dmesg"

# --- an init that is built into the kernel, or stands as if it were, goes first when nobody asked for ours ---
lkvm run -k "$tree/vmlinuz" -c 1 -m 256 --dry-run --initramfs-out ours.cpio >/dev/null
own built-in 0 -i ours.cpio -i "$LAB/guest.cpio" -p 'rdinit=/lkvm/init lab=poweroff'
says built-in '^lab: Linux' "its init has run"
own asked 4 -i "$LAB/guest.cpio" --exec 'exit 4'

# --- what goes wrong ---
truncate -s 4M blank.img
own blank 125 -d blank.img
complains blank 'disk blank.img: has no file system' "named before anything runs"
own no-label 125 -d whole.img --root LABEL=nowhere
complains no-label 'LABEL=nowhere: no disk has it' "named before anything runs"
own no-device 125 -d whole.img --root /dev/vdc3
says no-device 'lkvm-init: root /dev/vdc3 is not there after 10 s; block devices: .*vda' "says what there is"
own no-folder 125 -d whole.img --modules /nowhere
complains no-folder 'modules /nowhere: has neither' "the folder is named"
own other-kernel 125 -d whole.img --modules "$(echo "$LAB"/trees/generic-trixie/lib/modules/*)"
complains other-kernel 'is for kernel 6.12.* and the kernel is 6\.1' "both are named"
cp -r "$LAB/trees/generic-trixie" broken
find broken -name 'mbcache.ko.xz' -exec truncate -s 900 {} +
tree=$PWD/broken
own broken-xz 125 -d whole.img
complains broken-xz 'mbcache.ko.xz: cannot be unpacked' "the module is named"
tree=$LAB/trees/cloud
own no-init 125 -d whole.img -p init=/no/such/init
says no-init 'lkvm-init: root /dev/vda: has no /no/such/init' "named"
own no-program 125 -d whole.img -p init=/etc/passwd
says no-program 'lkvm-init: init cannot be run: /etc/passwd: Permission denied' "named"
own dies 121 -d whole.img -p init=/bin/dies
says dies 'Kernel panic - not syncing: Attempted to kill init' "the panic is told"
lab_end
