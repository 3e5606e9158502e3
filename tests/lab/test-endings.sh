# SPDX-License-Identifier: GPL-2.0-only
# How a run of a real kernel ends: the rows of the exit status that a stock guest can cause.
. "$LAB/lib.sh"

# start NAME OPTIONS...: in the background, standard input from a fifo on descriptor 3; sets $pid
start()
{
	local name=$1
	shift
	rm -f fifo
	mkfifo fifo
	lkvm run --kernel "$LAB/vmlinuz" --initrd "$LAB/guest.cpio" -c 1 -m 256 "$@" \
		<fifo >"$OUT/$name.out" 2>"$OUT/$name.err" &
	pid=$!
	exec 3>fifo
}

# wait_count FILE REGEX COUNT: until so many lines match, for at most 120 s
wait_count()
{
	local tries=1200
	while [ "$(grep -c -e "$2" "$1" 2>/dev/null)" -lt "$3" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		kill -0 "$pid" 2>/dev/null || return 1
		usleep 100000
	done
}

# finish NAME STATUS: the end of what start started
finish()
{
	local got=0
	exec 3>&-
	wait "$pid" || got=$?
	expect_status "$1" "$2" "$got" || lab_tail "$OUT/$1.err" "$OUT/$1.out"
}

boot reboot 0 -c 1 -m 256 -p lab=reboot
boot reboot-kbd-fail 123 -c 1 -m 256 --on-reboot=fail -p lab=reboot:kbd
boot exit-7 7 -c 1 -m 256 -p lab=exit:7

boot panic 121 -c 1 -m 256 --result panic.json -p lab=panic
expect_grep panic.json '"reason": "panic"' "panic: the result's reason"
expect_grep panic.json '"panic": "Kernel panic - not syncing' "panic: the result has the line"
expect_grep panic.json 'end Kernel panic' "panic: the console's trace is whole"

boot triple 122 -c 1 -m 256 -p lab=triple
expect_grep "$OUT/triple.err" 'triple fault.*deliberate' "triple: the message says what it may have been"

start button --grace 60s -p lab=acpid
wait_count "$OUT/button.out" 'waiting for the power button' 1
kill -TERM "$pid"
finish button 0

start grace --grace 2s -p lab=ignore
wait_count "$OUT/grace.out" '^lab: Linux' 1
kill -TERM "$pid"
finish grace 120

boot timeout 124 -c 1 -m 256 --timeout 15s -p lab=ignore

# A reset in place really resets: ten times in a row, both CPUs each time, no new warning at the last.
start reset -c 2 --on-reboot=reset -p lab=again
for n in 1 2 3 4 5 6 7 8 9 10; do
	wait_count "$OUT/reset.out" 'lab: next' "$n" || break
	echo reboot >&3
done
wait_count "$OUT/reset.out" 'lab: next' 11
echo poweroff >&3
finish reset 0
boots=$(grep -c '^lab: Linux .*, 2 CPUs online' "$OUT/reset.out")
if [ "$boots" = 11 ]; then
	ok "reset: eleven boots with both CPUs"
else
	fail reset "$boots boots with both CPUs, 11 expected"
fi
expect_no_grep "$OUT/reset.out" '^lab: warning: .*(tsc|TSC|clock|ACPI|Bug|stall)' \
	"reset: the last boot's log is as clean as the first's"
lab_end
