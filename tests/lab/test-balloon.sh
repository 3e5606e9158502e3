# SPDX-License-Identifier: GPL-2.0-only
# virtio-balloon under Linux's own driver, on both transports: memory that the guest has freed leaves lkvm, a balloon
# takes what it is told to, the guest takes it back rather than run out, and its statistics can be read.
# lab-long: yes
# lab-carry: tests/lab/disk.inc
. "$LAB/lib.sh"
. "$LAB/disk.inc"
export LKVM_RUNTIME_DIR=$PWD/run

# rss: of lkvm, which is timeout's child, in MiB
rss()
{
	awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$(pidof lkvm)/status"
}

# below MIB SECONDS: wait until lkvm has less
below()
{
	local tries
	tries=$(patient $(($2 * 2)))
	while [ "$(rss)" -ge "$1" ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		usleep 500000
	done
	[ $tries -gt 0 ]
}

for transport in pci mmio; do
	name=report-$transport
	start "$name" --name vm --balloon --virtio-transport=$transport -m 512 <<-'END'
		mkdir -p /mnt
		mount -t tmpfs -o size=300m tmpfs /mnt
		head -c 209715200 /dev/zero | tr '\0' x >/mnt/file
		echo "job: full"
		read -r line
		rm /mnt/file
		echo "job: freed"
		read -r line
		echo "job: on"
	END
	if said "$name" '^job: full'; then
		full=$(rss)
		echo go >&3
		said "$name" '^job: freed'
		if below $((full - 150)) 60; then
			ok "$name: from $full MiB to $(rss)"
		else
			fail "$name" "$full MiB, and then $(rss)"
		fi
		lkvm stat vm >first.stat
		sleep 3
		lkvm stat vm >stat
		expect_grep stat '^devices.virtio-balloon0.bytes-reported: [1-9][0-9]{7,}' "$name: reported"
		expect_grep stat '^devices.virtio-balloon0.total-memory: [45][0-9]{8}' "$name: statistics"
		expect_grep stat '^devices.virtio-balloon0.free-memory: [1-9]' "$name: free memory"
		echo go >&3
	fi
	finish "$name" 0
	expect_no_grep "$OUT/$name.err" . "$name: lkvm has nothing to say"
done

# 128 MiB of 256 go into the balloon; then the guest needs them. Deflating on OOM gives them back.
start size --name vm --balloon-size 128M -m 256 <<-'END'
	for n in $(seq 300); do
		[ "$(awk '$1 == "MemFree:" { print $2 }' /proc/meminfo)" -gt 90000 ] || break
		usleep 100000
	done
	awk '$1 == "MemTotal:" || $1 == "MemFree:" { print "job: " $1 " " $2 }' /proc/meminfo
	echo "job: inflated"
	read -r line
	mkdir -p /mnt
	mount -t tmpfs -o size=170m tmpfs /mnt
	head -c 136314880 /dev/zero | tr '\0' y >/mnt/file
	echo "job: $(tr -d y </mnt/file | wc -c) others of $(wc -c </mnt/file)"
	dmesg | grep -i 'out of memory' | sed 's/^/job: bad: /' || true
END
if said size '^job: inflated'; then
	# The driver tells at the end, or when it pauses.
	for n in $(seq 60); do
		lkvm stat vm >stat
		! grep -q 'balloon-bytes: 134217728' stat || break
		sleep 1
	done
	expect_grep stat '^devices.virtio-balloon0.balloon-bytes: 134217728' "size: the balloon has 128 MiB"
	echo go >&3
fi
finish size 0
expect_grep "$OUT/size.out" '^job: 0 others of 136314880' "size: the guest took them back, and what it wrote is there"
expect_no_grep "$OUT/size.out" '^job: bad' "size: nothing was killed"
lab_end
