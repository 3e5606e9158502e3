# SPDX-License-Identifier: GPL-2.0-only
# Disks as a guest uses them, verified on both sides: every engine and cache mode, both transports, four queues,
# read-only, snapshot, serial number, cache type, a disk that grows, 32 of them.
# lab-modules: brd
# lab-tools: mkfs.ext4
# lab-carry: tests/lab/disk.inc
. "$LAB/lib.sh"
. "$LAB/disk.inc"
BOOT_TIMEOUT=600
modprobe -r brd 2>/dev/null
direct_folder 200

# verified IMAGE KEY=VALUE...: the host's view
verified()
{
	if ioverify check "$@" >check.log 2>&1; then
		ok "$1 is what the guest made it"
	else
		fail "$1" "$(head -n 2 check.log)"
	fi
}

# --- engines and cache modes, one boot. A RAM disk discards nothing. ---
for n in 0 1 2; do
	truncate -s 32M buffered$n direct/image$n
done
all='bytes=32M count=80 jobs=2'
raw='ops=rwRWsSazf bytes=32M count=80 jobs=2'
set -- -d buffered0,aio=io_uring -d buffered1,aio=threads -d buffered2,cache=unsafe \
	-d direct/image0,cache=none,aio=libaio -d direct/image1,cache=none,aio=io_uring \
	-d direct/image2,cache=none,aio=threads
[ "$LAB_KIND" != nested ] || set -- "$@" -d /dev/ram1,cache=none
job engines 0 -c 1 -m 256 "$@" <<-END
	for d in a b c d e f; do ioverify run /dev/vd\$d seed=1 $all; done
	[ ! -b /dev/vdg ] || ioverify run /dev/vdg seed=1 $raw
END
for n in 0 1 2; do
	verified buffered$n seed=1 $all
	verified direct/image$n seed=1 $all
done
[ "$LAB_KIND" != nested ] || verified /dev/ram1 seed=1 $raw
expect_no_grep "$OUT/engines.err" . "engines: lkvm has nothing to say"

# --- virtio-mmio, a serial number, a snapshot, the cache type, a disk that is not to be written ---
rm -f buffered* direct/image*
truncate -s 32M mmio kept direct/none
before=$(sha256sum <kept)
mkdir -p tmp
TMPDIR=$PWD/tmp job mmio 0 -c 1 -m 256 --virtio-transport=mmio -d mmio,serial=a-b-c -d kept,snapshot \
	-d direct/none,cache=none <<-END
	[ "\$(cat /sys/block/vda/serial)" = a-b-c ]
	ioverify run /dev/vda seed=2 $all
	ioverify run /dev/vdb seed=3 $all
	[ "\$(cat /sys/block/vda/cache_type)" = "write back" ]
	ioverify run /dev/vdc seed=4 $all
	echo "write through" >/sys/block/vda/cache_type
	[ "\$(cat /sys/block/vda/cache_type)" = "write through" ]
	echo "lab: through" | dd of=/dev/vda bs=512 conv=notrunc,fsync 2>/dev/null
END
expect_grep mmio '^lab: through$' "mmio: written through"
verified direct/none seed=4 $all
if [ "$(sha256sum <kept)" = "$before" ] && [ -z "$(ls tmp)" ]; then
	ok "snapshot: the disk is as it was, and nothing is left"
else
	fail snapshot "the disk has changed, or a file is left: $(ls tmp)"
fi

truncate -s 0 mmio
truncate -s 64M mmio
job queues 0 -c 4 -m 512 -d mmio,queues=4 -d direct/none,ro,queues=2 <<-END
	[ "\$(ls /sys/block/vda/mq | wc -l)" = 4 ]
	[ "\$(ls /sys/block/vdb/mq | wc -l)" = 2 ]
	ioverify run /dev/vda seed=5 bytes=64M count=150 jobs=4
	[ "\$(cat /sys/block/vdb/ro)" = 1 ]
	ioverify check /dev/vdb seed=4 $all
	! ioverify one /dev/vdb w 0 4096
	cat /proc/interrupts
END
verified mmio seed=5 bytes=64M count=150 jobs=4
verified direct/none seed=4 $all

# --- a disk that grows ---
truncate -s 8M grows
start grows -d grows <<-END
	echo "job: size \$(cat /sys/block/vda/size)"
	for n in \$(seq 100); do
		[ "\$(cat /sys/block/vda/size)" != 32768 ] || break
		usleep 200000
	done
	echo "job: size \$(cat /sys/block/vda/size)"
	ioverify one /dev/vda w 12M 64K
END
said grows '^job: size 16384' && truncate -s 16M grows
finish grows 0
expect_grep "$OUT/grows.out" '^job: size 32768' "grows: the guest sees it"
expect_grep "$OUT/grows.out" '^one: .* at 12582912: ok' "grows: and writes there"

# --- 32 disks, more descriptors than the soft limit allows ---
rm -f direct/none mmio kept
set --
for n in $(seq 10 41); do
	truncate -s 1M many$n
	echo "disk $n" | dd of=many$n conv=notrunc 2>/dev/null
	set -- "$@" -d many$n
done
ulimit -S -n 48
job many 0 -c 1 -m 256 "$@" <<-END
	cat /dev/vd[a-z] /dev/vda[a-z] | grep -a -o 'disk [0-9]*' | sort -u | wc -l
	for d in /dev/vd[a-z] /dev/vda[a-f]; do ioverify one \$d w 65536 4096; done
END
expect_grep "$OUT/many.out" '^32$' "many: 32 disks"
written=$(for n in $(seq 10 41); do od -An -tx1 -j 65536 -N 1 many$n; done | grep -c 5a)
if [ "$written" = 32 ]; then
	ok "many: each is written to"
else
	fail many "$written of 32 disks are written to"
fi
lab_end
