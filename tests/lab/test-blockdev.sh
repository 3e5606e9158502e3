# SPDX-License-Identifier: GPL-2.0-only
# Block devices of the host as disks: discard and write-zeroes reach the device, its size and blocks are the guest's,
# one that is mounted or has another writer is refused. Loop devices and RAM disks of L1, so not on the machine itself.
# lab-modules: loop brd null_blk
# lab-tools: mkfs.ext4 sfdisk
# lab-long: yes
# lab-carry: tests/lab/disk.inc
. "$LAB/lib.sh"
. "$LAB/disk.inc"
if [ "$LAB_KIND" != nested ]; then
	skip blockdev "only in the lab's own machine: it takes loop devices and mounts"
	lab_end
fi
BOOT_TIMEOUT=400
modprobe -r brd null_blk 2>/dev/null
modprobe brd rd_nr=1 rd_size=32768
modprobe null_blk nr_devices=2 gb=1 bs=4096 memory_backed=1 discard=1

# kib FILE: what it takes
kib()
{
	du -k "$1" | cut -f 1
}

# verified NAME PATH KEY=VALUE...: the host's view
verified()
{
	local name=$1
	shift
	sync
	echo 3 >/proc/sys/vm/drop_caches
	if ioverify check "$@" >check.log 2>&1; then
		ok "$name: $1 is what the guest made it"
	else
		fail "$name" "$(head -n 2 check.log)"
	fi
}

# --- discard and write-zeroes: what the loop device's file takes is what the guest left ---
for options in '' ,aio=threads ,cache=none; do
	name="loop${options##*[,=]}"
	rm -f backing
	truncate -s 32M backing
	losetup /dev/loop0 backing
	job "$name" 0 -c 1 -m 256 -d "/dev/loop0$options" <<-END
		[ "\$(cat /sys/block/vda/size)" = 65536 ]
		[ "\$(cat /sys/block/vda/queue/discard_max_bytes)" != 0 ]
		[ "\$(cat /sys/block/vda/queue/write_zeroes_max_bytes)" != 0 ]
		ioverify run /dev/vda seed=6 bytes=32M count=150 jobs=2
		dd if=/dev/zero bs=1M count=32 2>/dev/null | tr '\\0' x >/dev/vda
		sync
		echo "job: full"
		ioverify one /dev/vda d 0 16M
		ioverify one /dev/vda p 16M 4M
		ioverify one /dev/vda z 20M 4M
		cmp -n 8388608 /dev/zero - </dev/vda
		dd if=/dev/vda bs=1M skip=16 count=8 2>/dev/null | cmp -n 8388608 /dev/zero -
		dd if=/dev/vda bs=1M skip=24 count=8 2>/dev/null | tr -d x | wc -c | sed 's/^/job: others /'
	END
	expect_grep "$OUT/$name.out" '^job: others 0' "$name: the rest is as it was"
	expect_no_grep "$OUT/$name.err" . "$name: lkvm has nothing to say"
	losetup -d /dev/loop0
	left=$(kib backing)
	# Zeros that must not be a hole may take their 4 MiB.
	if [ "$left" -ge 8192 ] && [ "$left" -le 12400 ]; then
		ok "$name: of 32 MiB $left KiB are left"
	else
		fail "$name" "$left KiB are left of 32 MiB"
	fi
done

# --- content, on a device that discards, one that does not, and one of 4 KiB blocks, to which sectors are written ---
truncate -s 0 backing
truncate -s 32M backing
losetup /dev/loop0 backing
all='bytes=32M count=150 jobs=2'
raw='ops=rwRWsSazf bytes=32M count=150 jobs=2'
tiny='ops=rwRWsSazdf bytes=32M count=150 jobs=2'
big='ops=rwsSazdf align=4096 bytes=32M count=150 jobs=2'
# On a file system of such blocks: an image with a partition table of 512-byte sectors, which ends inside a block.
mkfs.ext4 -q -O ^has_journal /dev/nullb1 64M
mkdir -p blocks
mount -t ext4 /dev/nullb1 blocks
truncate -s 6145K blocks/odd.img
printf 'label: gpt\nstart=2048, size=4096\n' | sfdisk -q blocks/odd.img
job content 0 -c 1 -m 256 -d /dev/loop0 -d /dev/ram0 -d /dev/nullb0,cache=none -d blocks/odd.img,cache=none <<-END
	[ "\$(cat /sys/block/vdb/size)" = 65536 ]
	[ "\$(cat /sys/block/vdc/queue/logical_block_size)" = 512 ]
	[ "\$(cat /sys/block/vdc/queue/physical_block_size)" = 4096 ]
	[ "\$(cat /sys/block/vdc/size)" = 2097152 ]
	[ "\$(cat /sys/block/vdd/size)" = 12290 ]
	[ "\$(cat /sys/block/vdd/vdd1/size)" = 4096 ]
	ioverify run /dev/vdd1 seed=8 ops=rwRWsSazdf bytes=2M count=100 jobs=1
	ioverify one /dev/vdd w 6291968 512
	ioverify run /dev/vda seed=7 $all
	ioverify run /dev/vdb seed=7 $raw
	ioverify run /dev/vdc seed=7 $tiny
END
verified content /dev/loop0 seed=7 $all
verified content /dev/ram0 seed=7 $raw
verified content /dev/nullb0 seed=7 $tiny
if [ "$(stat -c %s blocks/odd.img)" = 6292480 ]; then
	ok "content: the last sector was written and the image did not grow"
else
	fail content "the image has $(stat -c %s blocks/odd.img) bytes, not 6292480"
fi
umount blocks
blkdiscard /dev/nullb0 2>/dev/null || dd if=/dev/zero of=/dev/nullb0 bs=1M count=33 2>/dev/null
job block-4096 0 -c 1 -m 256 -d /dev/nullb0,cache=none,block=4096 <<-END
	[ "\$(cat /sys/block/vda/queue/logical_block_size)" = 4096 ]
	ioverify run /dev/vda seed=7 $big
END
verified block-4096 /dev/nullb0 seed=7 $big

# --- who else has it ---
# refused NAME REGEX DISK: one line, status 125
refused()
{
	local got=0
	busybox timeout -s KILL "$(patient 60)" lkvm run --kernel "$LAB/vmlinuz" -m 256 -d "$3" \
		>"$OUT/$1.out" 2>"$OUT/$1.err" \
		</dev/null || got=$?
	expect_status "$1" 125 "$got"
	expect_grep "$OUT/$1.err" "$2" "$1: the line says why"
	if [ "$(wc -l <"$OUT/$1.err")" = 1 ]; then
		ok "$1: one line"
	else
		fail "$1" "$(wc -l <"$OUT/$1.err") lines"
	fi
}

losetup -d /dev/loop0
mkfs.ext4 -q -O ^has_journal backing
losetup /dev/loop0 backing
mkdir -p mounted
mount -t ext4 /dev/loop0 mounted
refused mounted 'disk /dev/loop0: is in use: mounted by the host' /dev/loop0
refused mounted-direct 'disk /dev/loop0: is in use: mounted by the host' /dev/loop0,cache=none
TMPDIR=$PWD job mounted-ro 0 -c 1 -m 256 -d /dev/loop0,ro -d /dev/loop0,snapshot <<-END
	[ "\$(cat /sys/block/vda/ro)" = 1 ]
	dd if=/dev/zero of=/dev/vdb bs=4096 count=8 conv=notrunc,fsync 2>/dev/null
END
umount mounted
start writer -d /dev/loop0 <<-END
	echo "job: here"
	read -r line
END
said writer '^job: here'
refused second 'disk /dev/loop0: is in use' /dev/loop0
refused reader 'disk /dev/loop0: is in use: another process writes to it' /dev/loop0,ro
echo go >&3
finish writer 0
losetup -d /dev/loop0
refused empty 'disk /dev/loop0: is empty: a drive without a medium' /dev/loop0
losetup -r /dev/loop0 backing
refused read-only "disk /dev/loop0: cannot be written: .*; ',ro' reads it only" /dev/loop0
losetup -d /dev/loop0
lab_end
