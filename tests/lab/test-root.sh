# SPDX-License-Identifier: GPL-2.0-only
# Root file systems by lkvm's own init: the types that ext4 serves, the kernel's words about the root in all their
# spellings, what is said of a root that is not there, and a btrfs with the root in a subvolume.
# lab-trees: cloud cloud-bullseye
# lab-tools: mkfs.ext4 sfdisk mkfs.btrfs btrfs
# lab-modules: loop btrfs
# lab-carry: tests/lab/init.inc
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/init.inc"

# --- ext2 and ext3, by a driver that is a module (6.1) and one that is built in (5.10) ---
# Two partitions of 20 MiB: the first is empty.
one=01234567-89AB-CDEF-0123-456789ABCDEF
truncate -s 48M tagged.img
printf 'label: gpt\nsize=20M, uuid=%s, name=first\nsize=20M, name="a root"\n' $one | sfdisk -q tagged.img
mkfs.ext4 -q -t ext3 -E offset=22020096 -d root tagged.img 20480k 2>/dev/null
for type in ext2 ext3; do
	truncate -s 24M $type.img
	mkfs.ext4 -q -t $type -d root $type.img
	for tree in cloud cloud-bullseye; do
		name=$type-$tree tree=$LAB/trees/$tree
		own $name 0 -d $type.img --exec 'grep " / " /proc/mounts; cat /sys/class/block/vda/dev'
		says $name "^/dev/vda / $type rw" "is the root"
	done
done
tree=$LAB/trees/cloud
major=$(sed -n 's/^\(2[0-9][0-9]\):0.*/\1/p' "$OUT/ext3-cloud.out")

# found NAME PARAMS: the second partition is the root by these
found()
{
	own "$1" 0 -d tagged.img -p "$2" --exec 'grep " / " /proc/mounts; cat /proc/uptime'
	says "$1" "^/dev/vda2 / ext3 ${3:-rw}" "is the root"
}

found number "root=$major:2"
found hex "root=$(printf %x02 "$major")"
found offset "root=PARTUUID=$one/PARTNROFF=1 rootwait"
found lower "root=PARTUUID=$(echo $one | tr A-F a-f)/PARTNROFF=1 rw ro" ro
found label '"root=PARTLABEL=a root" ro rw rootflags=commit=7 rootdelay=3' 'rw.*commit=7'
if [ "$(sed -n 's/^\([0-9]*\)\.[0-9]* [0-9.]*.*/\1/p' "$OUT/label.out" | tail -n 1)" -ge 3 ]; then
	ok "label: rootdelay=3 is waited"
else
	fail label "is not waited for 3 s"
fi
found types 'root=/dev/vda2 rootfstype=squashfs,ext3,ext4 rootwait=5'
own wrong-type 125 -d tagged.img -p 'root=/dev/vda2 rootfstype=squashfs' --exec true
says wrong-type 'lkvm-init: root /dev/vda2 cannot be mounted as squashfs \(rootfstype=\): Invalid' "names the option"
own no-type 125 -d tagged.img -p 'root=/dev/vda2 rootfstype=nosuch' --exec true
complains no-type 'has no driver for rootfstype=nosuch' "names the option"

# --- a root that is not there ---
own missing 125 -d tagged.img -p 'root=/dev/vdb2'
says missing 'root /dev/vdb2 is not there after 10 s; .*: vda vda1 vda2; root= names another' "blames root="
own rootwait 124 -d tagged.img -p 'root=/dev/vdb2 rootwait' --timeout 60s
says rootwait 'root /dev/vdb2 is not there after 10 s; .*; waiting on \(rootwait\)' "says so after 10 s"
says rootwait 'is not there after 20 s; .*; waiting on' "and after 20 s"
own rootwait-12 125 -d tagged.img --root /dev/vdb2 -p rootwait=12
says rootwait-12 'is not there after 10 s; .*; waiting on' "says so after 10 s"
says rootwait-12 'is not there after 12 s; .*; --root names another' "ends after 12 s"

# --- btrfs ---
if [ "$LAB_KIND" = nested ]; then
	truncate -s 128M btrfs.img
	mkfs.btrfs -q btrfs.img
	mkdir -p mnt
	mount -t btrfs -o loop btrfs.img mnt
	btrfs subvolume create mnt/@ >/dev/null
	btrfs subvolume create mnt/@home >/dev/null
	cp -a root/. mnt/@/
	umount mnt
	own top 125 -d btrfs.img
	says top 'without an init at its top, with the subvolumes @(home)?, @(home)?; -p rootflags=subvol=@ ' \
		"names rootflags="
	own subvol 0 -d btrfs.img -p rootflags=subvol=@
	says subvol '^init: root is /dev/vda / btrfs .*subvol=/@' "is the root"
else
	skip btrfs "only in the lab's own machine: it mounts"
fi
lab_end
