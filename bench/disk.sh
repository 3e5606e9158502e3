# SPDX-License-Identifier: GPL-2.0-only
# What a disk request costs, counted: reads of a RAM disk by a guest of lkvm or of QEMU with one engine, or by no guest
# but L1 itself, as the file "which" says. Runs in the lab; bench/disk starts it, carries what it needs, and prints the
# table.
# $OUT/RUN.txt has a line a load: "rand|seq|seq-huge DEPTH COUNT MICROSECONDS EXITS SYSCALLS", the last two
# of COUNT requests.
# lab-modules: brd
. "$LAB/lib.sh"
tracing=/sys/kernel/debug/tracing
calls=$tracing/events/raw_syscalls/sys_enter

modprobe -r brd
modprobe brd rd_nr=1 rd_size=131072
head -c 1048576 /dev/urandom >piece
for n in $(seq 128); do cat piece; done >/dev/ram0
cat "$LAB/vmlinuz" "$LAB/guest.cpio" "$LAB/lkvm-static" >/dev/null

# The guest, the same for both: each line that it is given is a load.
job_cpio job <<-'END'
	disk=/dev/ram0
	[ -e $disk ] || disk=/dev/vda
	[ ! -t 0 ] || stty -echo
	echo "load: ready"
	while read -r load; do
		ioverify load $disk $load
	done
END
# As for a detached machine: then the job's input is its terminal, whoever boots it.
lkvm run --kernel "$LAB/vmlinuz" --disk /dev/ram0 $JOB_OPTIONS --exec "$JOB" --dry-run --detach \
	--initramfs-out own.cpio >/dev/null
cat "$LAB/guest.cpio" job.cpio own.cpio >initrd

# answer REGEX: the next line of the guest's that matches, into $line
answer()
{
	while read -r line; do
		case $line in
		$1*) return 0 ;;
		esac
	done <&4
	return 1
}

exits()
{
	cat /sys/kernel/debug/kvm/*/exits 2>/dev/null || echo 0
}

# system_calls: of the machine's process, all its threads, since tracing began
system_calls()
{
	for task in /proc/"$pid"/task/*; do
		grep -E "common_pid: +${task##*/} " $calls/hist
	done | awk -F: '{ sum += $NF } END { print sum + 0 }'
}

# load RUN KIND DEPTH COUNT: timed without tracing, then a fifth of it again to count the system calls
load()
{
	before=$(exits)
	echo "$2 $3 $4" >&3
	answer "load: $2" || return 1
	set -- "$1" "$2" "$3" "$4" "${line#load: }" $(($(exits) - before))
	echo "hist:keys=common_pid:size=2048" >$calls/trigger
	echo "$2 $3 $(($4 / 5))" >&3
	answer "load: $2" || return 1
	sum=$(($(system_calls) * 5))
	echo "!hist:keys=common_pid:size=2048" >$calls/trigger
	echo "${5% us*} $6 $sum" | tr -d '\r' >>"$OUT/$1.txt"
}

# loads RUN COMMAND...: one machine, all loads. 0 when each has its line.
loads()
{
	run=$1
	shift
	rm -f in out "$OUT/$run.txt"
	mkfifo in out
	busybox timeout -s KILL 100 "$@" <in >out 2>"$OUT/$run.err" &
	pid=$!
	exec 3>in 4<out
	answer 'load: ready' && load "$run" rand 1 "$COUNT" && load "$run" rand 8 "$COUNT" &&
		load "$run" rand 32 "$COUNT" && load "$run" seq 4 $((COUNT / 20)) &&
		load "$run" seq-huge 4 $((COUNT / 20))
	status=$?
	exec 3>&- 4<&-
	kill -KILL "$pid" 2>/dev/null
	wait "$pid"
	return $status
}

# measure RUN COMMAND...: repeated at most twice, each time with a word about it
measure()
{
	for try in 1 2 3; do
		if loads "$@"; then
			ok "$1: measured"
			echo "$1:" $(cat "$OUT/$1.txt")
			return
		fi
		[ $try = 3 ] || note "repeat: $1 had no end; $(tail -n 1 "$OUT/$1.err")"
	done
	fail "$1" "no end in three runs; $(tail -n 1 "$OUT/$1.err")"
}

COUNT=10000
[ ! -e "$LAB/count" ] || COUNT=$(cat "$LAB/count")
export XDG_CACHE_HOME=$PWD/cache
words="quiet console=ttyS0 cryptomgr.notests rdinit=/lkvm/init"
run=$(cat "$LAB/which")
case $run in
*-direct-*) cache=none ;;
*) cache=writeback ;;
esac
options=cache=$cache,aio=${run##*-}
case $run in
host)
	measure "$run" sh job.dir/job
	;;
lkvm-*)
	measure "$run" "$LAB/lkvm-static" run --kernel "$LAB/vmlinuz" --initrd "$PWD/initrd" --mem 256 --cpus 1 \
		--nodefaults -p "$words" --disk "/dev/ram0,$options"
	;;
qemu-*)
	measure "$run" "$LAB/qemu-system-x86_64" -L "$LAB/firmware" -accel kvm -cpu host -m 256 -smp 1 -nodefaults \
		-no-user-config -display none -serial stdio -no-reboot -M q35 -kernel "$LAB/vmlinuz" -initrd initrd \
		-append "$words" -drive "file=/dev/ram0,format=raw,if=none,id=d,$options" -device virtio-blk-pci,drive=d
	;;
esac
lab_end
