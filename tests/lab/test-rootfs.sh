# SPDX-License-Identifier: GPL-2.0-only
# Debian with systemd on an ext4 image boots to its login prompt, lives through 20,000 files unpacked, compared
# and deleted, powers off with status 0 and leaves a clean file system: on PCI, on virtio-mmio, with four queues
# and direct I/O. Kernel and initrd are the image's own.
# lab-rootfs: 3
# lab-mem: 3000
# lab-tools: e2fsck
# lab-long: yes
. "$LAB/lib.sh"
FILES=20000

# wait_for FILE REGEX SECONDS: until a line of it matches
# lab-lane: 1
wait_for()
{
	local tries
	tries=$(patient $(($3 * 5)))
	until tr -d '\r' <"$1" | grep -E -q -e "$2"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		kill -0 "$pid" 2>/dev/null || return 1
		usleep 200000
	done
}

# session NAME DISK [OPTION...]: one boot, one login, one churn
session()
{
	local name=$1 disk=$2 got=0 log=$OUT/$1.out
	shift 2
	rm -f fifo
	mkfifo fifo
	lkvm run --kernel "$LAB/rootfs/vmlinuz" --initrd "$LAB/rootfs/initrd.img" -m 512 --disk "$disk" \
		-p "root=/dev/vda rw" --timeout 3600s "$@" <fifo >"$log" 2>"$OUT/$name.err" &
	pid=$!
	exec 3>fifo
	if wait_for "$log" '^lkvm login:' 900; then
		ok "$name: login prompt"
		echo root >&3
		wait_for "$log" 'root@lkvm:' 60
		echo "churn $FILES" >&3
		if wait_for "$log" "churn: $FILES files" 1200; then
			ok "$name: $FILES files unpacked, compared, deleted"
		else
			fail "$name: churn" "has no end"
		fi
		echo "dmesg -r | grep '^<[0-3]>'; cat /proc/interrupts; poweroff" >&3
		wait_for "$log" 'reboot: Power down' 120
	else
		fail "$name: login prompt" "did not come"
		kill -TERM "$pid"
	fi
	exec 3>&-
	wait "$pid" || got=$?
	expect_status "$name" 0 "$got" || lab_tail "$OUT/$name.err" "$log"
	expect_no_grep "$log" '(I/O error|EXT4-fs (error|warning)|Call Trace|Remounting filesystem read-only)' \
		"$name: no word of an error"
	if e2fsck -fn "${disk%%,*}" >"$OUT/$name.fsck" 2>&1 &&
		! grep -q -i -e wrong -e journal "$OUT/$name.fsck"; then
		ok "$name: e2fsck finds it clean"
	else
		fail "$name: e2fsck" "$(tail -n 3 "$OUT/$name.fsck")"
	fi
}

session pci "$LAB/rootfs/1.ext4" -c 1
session mmio "$LAB/rootfs/2.ext4" -c 1 --virtio-transport=mmio
expect_grep "$OUT/mmio.out" 'virtio0-req|virtio0$|virtio-mmio' "mmio: by virtio-mmio"
session queues "$LAB/rootfs/3.ext4,queues=4,cache=none" -c 4
expect_grep "$OUT/queues.out" 'virtio[0-9]+-req\.3' "queues: four"
lab_end
