# SPDX-License-Identifier: GPL-2.0-only
# Every amd64 kernel of the matrix boots Debian with systemd by lkvm's own init and no initrd: on a whole disk over PCI,
# and in a partition over virtio-mmio; drivers and ext4 as modules and built in. And roots of other kinds.
# lab-trees: cloud cloud-bullseye cloud-trixie generic generic-bullseye generic-trixie rt rt-bullseye rt-trixie
# lab-rootfs: 1
# lab-mem: 5000
# lab-tools: sfdisk mkfs.xfs mkfs.btrfs mksquashfs
# lab-modules: loop xfs btrfs
# lab-long: yes
. "$LAB/lib.sh"
export XDG_CACHE_HOME=$PWD/cache TMPDIR=$PWD

BOOT_INITRD=none BOOT_TIMEOUT=600

# debian NAME OPTION...: to the end of what systemd is told to run, and to power-off
debian()
{
	local name=$1
	shift
	rm -rf cache
	boot "$name" 0 -c 1 -m 512 "$@" \
		-p 'systemd.run="/bin/echo lab: systemd is up" systemd.run_success_action=poweroff'
	expect_grep "$OUT/$name.out" 'lab: systemd is up' "$name: systemd runs a command"
}

# The same root in the second partition, which begins at 5 MiB.
size=$(blockdev --getsize64 "$LAB/rootfs/1.ext4" 2>/dev/null || stat -L -c %s "$LAB/rootfs/1.ext4")
truncate -s $((size + 16 * 1048576)) parts.img
printf 'label: gpt\nstart=2048, size=4M, type=uefi\nstart=10240, type=linux\n' | sfdisk -q parts.img
dd if="$LAB/rootfs/1.ext4" of=parts.img bs=1M seek=5 conv=notrunc 2>/dev/null

for tree in "$LAB"/trees/*; do
	BOOT_KERNEL=$tree/vmlinuz tree=${tree##*/}
	debian "$tree-whole-pci" -d "$LAB/rootfs/1.ext4,snapshot"
	debian "$tree-parts-mmio" -d parts.img,snapshot --virtio-transport=mmio
done

# --- other file systems; over one that cannot be written to lies an overlay ---
mkdir -p root/bin root/dev root/proc root/sys mnt
cp /bin/busybox root/bin/
for name in sh cat grep; do
	ln -s busybox root/bin/$name
done
truncate -s 320M xfs.img
truncate -s 128M btrfs.img
mkfs.xfs -q xfs.img
mkfs.btrfs -q btrfs.img
for type in xfs btrfs; do
	mount -t $type -o loop $type.img mnt && cp -a root/. mnt/ && umount mnt || fail $type "cannot be made in L1"
done
mksquashfs root squashfs.img -quiet -no-progress >/dev/null
for tree in cloud generic; do
	BOOT_KERNEL=$LAB/trees/$tree/vmlinuz
	for type in xfs btrfs squashfs; do
		name=$tree-$type
		boot "$name" 3 -c 1 -m 512 -d $type.img \
			--exec 'grep " / " /proc/mounts; echo new >/file && cat /file; exit 3'
		expect_grep "$OUT/$name.out" "^(/dev/vda / $type|overlay / overlay)" "$name: is the root"
		expect_grep "$OUT/$name.out" '^new$' "$name: can be written to"
	done
done
lab_end
