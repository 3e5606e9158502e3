# SPDX-License-Identifier: GPL-2.0-only
# lkvm's own init: what goes wrong, each with its line and its status; and the shell for a host without busybox.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk
# lab-carry: tests/lab/init.inc
# lab-lane: 1
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/init.inc"
tree=$LAB/trees/cloud

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
# bare NAME STATUS [OPTION...] <TYPED
bare()
{
	local name=$1 want=$2 got=0
	shift 2
	busybox unshare -m busybox sh -c 'mount --bind nothing /bin/busybox && exec lkvm "$@"' sh \
		run -k "$tree/vmlinuz" -c 1 -m 256 "$@" >"$OUT/$name.out" 2>"$OUT/$name.err" || got=$?
	expect_status "$name" "$want" "$got" || lab_tail "$OUT/$name.err" "$OUT/$name.out"
}

bare own-shell 6 <typed
says own-shell 'init$' "ls"
says own-shell '^none /mnt tmpfs' "mount and cat"
says own-shell 'lkvm: no-such-command: not found' "a command that is not there"
says own-shell 'Linux version 6' "dmesg"
bare own-exec 5 --exec 'A="x y"; (echo "$A" | cat >/f) && cat /f 2>&1 && ! test -e /g && exit 5' </dev/null
says own-exec '^x y$' "variables, pipes, files"
bare own-refused 125 --exec 'for i in 1 2; do echo $i; done' </dev/null
complains own-refused '^lkvm: --exec: has a loop \(for\), which .* install a static busybox' "before the boot"

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
