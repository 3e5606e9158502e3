# SPDX-License-Identifier: GPL-2.0-only
# Disks that fail: a full host, bad sectors, a file that shrinks under the guest. The request is an I/O error, the
# guest goes on. And lkvm killed while a guest fsyncs: what the guest was told is there is there.
# lab-modules: brd dm-mod
# lab-long: yes
# lab-tools: mkfs.ext4 dmsetup
# lab-carry: tests/lab/disk.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/disk.inc"
BOOT_TIMEOUT=400
modprobe -r brd 2>/dev/null
direct_folder 64

# failed NAME OFFSET, fine NAME OFFSET: how one request there ended
failed()
{
	expect_grep "$OUT/$1.out" "^one: .* at $2: Input/output error" "$1: I/O error at $2"
}

fine()
{
	expect_grep "$OUT/$1.out" "^one: .* at $2: ok" "$1: fine at $2"
}

# --- no space ---
if [ "$LAB_KIND" = nested ]; then
	mkdir small
	mount -t tmpfs -o size=4m tmpfs small
	truncate -s 64M small/disk
	for engine in io_uring threads; do
		truncate -s 0 small/disk
		truncate -s 64M small/disk
		job "full-$engine" 0 -c 1 -m 256 -d "small/disk,aio=$engine" <<-END
			ioverify one /dev/vda w 0 1M
			ioverify one /dev/vda w 8M 8M || true
			ioverify one /dev/vda r 0 4096
		END
		fine "full-$engine" 0
		failed "full-$engine" 8388608
		expect_grep "$OUT/full-$engine.err" 'No space left' "full-$engine: the user is told"
	done
	umount small

	# --- bad sectors: the second half MiB of a disk ---
	dmsetup --noudevsync --noudevrules create bad <<-END
		0 1024 linear /dev/ram1 0
		1024 1024 error
		2048 2048 linear /dev/ram1 2048
	END
	job bad-read 0 -c 1 -m 256 -d /dev/dm-0,ro -d /dev/dm-0,ro,aio=threads \
		-d /dev/dm-0,ro,cache=none -d /dev/dm-0,ro,cache=none,aio=io_uring <<-END
		for d in a b c d; do
			ioverify one /dev/vd\$d r 0 65536
			! ioverify one /dev/vd\$d r 655360 4096
			! ioverify one /dev/vd\$d r 458752 131072
			ioverify one /dev/vd\$d r 1M 65536
		done
	END
	failed bad-read 655360
	failed bad-read 458752
	fine bad-read 1048576
	for cache in none writeback; do
		job "bad-write-$cache" 0 -c 1 -m 256 -d /dev/dm-0,cache=$cache <<-END
			ioverify one /dev/vda w 0 65536
			! dd if=/dev/zero of=/dev/vda bs=4096 seek=160 count=1 conv=notrunc,fsync
			ioverify one /dev/vda w 1M 65536
			ioverify one /dev/vda r 0 65536
		END
		fine "bad-write-$cache" 1048576
	done
	dmsetup --noudevsync --noudevrules remove bad
else
	skip "full, bad sectors" "only in the lab's own machine: they need mounts and device-mapper"
fi

# --- a file that shrinks ---
for engine in io_uring threads; do
	truncate -s 16M shrinks
	start "shrinks-$engine" -d "shrinks,aio=$engine" <<-END
		ioverify one /dev/vda r 12M 4096
		echo "job: now"
		read -r line
		! ioverify one /dev/vda r 12M 8192
		ioverify one /dev/vda r 1M 4096
		sleep 3
		ioverify one /dev/vda w 2M 4096
	END
	said "shrinks-$engine" '^job: now' && truncate -s 8M shrinks
	echo go >&3
	finish "shrinks-$engine" 0
	fine "shrinks-$engine" 1048576
	fine "shrinks-$engine" 2097152
done

# --- killed under load ---
# killed NAME IMAGE,OPTIONS
killed()
{
	local name=$1 image=${2%%,*} told there
	truncate -s 0 "$image"
	truncate -s 1M "$image"
	start "$name" -d "$2" <<-END
		ioverify counter /dev/vda 1000000
	END
	said "$name" '^counter: 150$'
	kill -KILL "$pid"
	exec 3>&-
	wait "$pid" 2>/dev/null
	told=$(tr -d '\r' <"$OUT/$name.out" | sed '$d' | sed -n 's/^counter: //p' | tail -n 1)
	there=$(ioverify last "$image" 2>&1)
	if [ "${told:-0}" -ge 100 ] && [ "$there" -ge "$told" ]; then
		ok "$name: told $told, there is $there"
	else
		fail "$name" "told '$told', there is '$there'"
	fi
}

killed killed-io_uring killed,aio=io_uring
killed killed-threads killed,aio=threads
killed killed-libaio direct/killed,cache=none
lab_end
