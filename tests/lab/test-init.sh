# SPDX-License-Identifier: GPL-2.0-only
# lkvm's own init: a shell without a root, commands and their status, a root on a whole disk and in a partition, on
# both transports, drivers as modules and built in. test-init-errors.sh has what goes wrong.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk
# lab-carry: tests/lab/init.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/init.inc"

tree=$LAB/trees/cloud
own whole 0 -d whole.img -p '-- one two'
says whole '^init: process 1, one two$' "the root's init is process 1"
says whole '^init: root is /dev/vda / ext4 rw' "the root is ext4"
own parts 0 -d parts.img
says parts '^init: root is /dev/vda2 ' "the second partition"
if ! quick; then
	own mmio 0 -d parts.img --virtio-transport=mmio
	says mmio '^init: root is /dev/vda2 ' "the second partition"
	own ro-word 0 -d whole.img -p ro --exec '! echo x >/tmp/other'
	own signal 137 -d whole.img --exec 'kill -9 $$'
	own shell-exec 3 --exec 'exit 3'
	own asked 4 -i "$LAB/guest.cpio" --exec 'exit 4'
fi
# A root of the type that a driver of another name serves, with the kernel's own words.
truncate -s 24M ext3.img
printf 'label: gpt\nsize=20M, type=linux, uuid=01234567-89AB-CDEF-0123-456789ABCDEF\n' | sfdisk -q ext3.img
mkfs.ext4 -q -t ext3 -E offset=1048576 -d root ext3.img 20480k 2>/dev/null
own words 0 -d whole.img -d ext3.img -p 'root=PARTUUID=01234567-89AB-cdef-0123-456789ABCDEF rootwait rw ro' \
	--exec 'grep " / " /proc/mounts'
says words '^/dev/vdb1 / ext3 ro' "found by its UUID in capitals, ext3, read only"
own exec 7 -d whole.img --exec 'id -u; exit 7'
says exec '^0$' "runs as root"

# Modules packed with xz, ext4 one of them. test-init-long.sh has all kernels.
tree=$LAB/trees/generic-trixie
own generic-trixie 0 -d parts.img
says generic-trixie '^init: root is /dev/vda2 ' "the second partition"

# A kernel that lets no program use the exit port, and cannot power off.
tree=$LAB/trees/cloud
own lockdown 7 -p 'lockdown=integrity acpi=off' --exec \
	'echo lkvm-status 0123456789abcdef0123456789abcdef 0 >/dev/ttyS1; exit 7'
if ! quick; then
	own lockdown-root 7 -p lockdown=integrity -d whole.img --user joe --exec 'exit 7'
	own no-way 125 -p 'lockdown=integrity acpi=off' --tty 1 --tty 2 --tty 3 --exec 'exit 3'
	says no-way '^lkvm-init: status 3: cannot be told to lkvm: .* COM2 to COM4 is in use' "says why"
	own user-id 0 -d whole.img --user 4294967294 --exec 'test $(id -u) = 4294967294'
	own powers-off 125 --exec 'poweroff -f'
	complains powers-off '^lkvm: --exec: the guest ended before the command: it powered off' "named"
	own reboots 125 --exec 'reboot -f'
	complains reboots '^lkvm: --exec: the guest ended before the command: it rebooted' "named"
fi
own label 0 -d parts.img -d whole.img --root LABEL=lkvm-root
says label '^init: root is /dev/vdb ' "found by its label"
own read-only 0 -d whole.img,ro --exec 'cat /tmp/mark; ! echo x >/tmp/other'
says read-only '^written$' "what the first boot wrote is there"
own user 0 -d whole.img --user joe --exec 'test $(id -u) = 1000 && test $HOME = /tmp && echo fine'
says user '^fine$' "is joe, at home"
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

# --- an init that is built into the kernel, or stands as if it were, goes first when nobody asked for ours ---
lkvm run -k "$tree/vmlinuz" -c 1 -m 256 --dry-run --initramfs-out ours.cpio >/dev/null
own built-in 0 -i ours.cpio -i "$LAB/guest.cpio" -p 'rdinit=/lkvm/init lab=poweroff'
says built-in '^lab: Linux' "its init has run"

lab_end
