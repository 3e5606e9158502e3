# SPDX-License-Identifier: GPL-2.0-only
# The control socket and a real kernel: a pause freezes its output and its clocks, on kvm-clock and on the TSC, and
# it goes on without a word of lockups or jumping clocks; many pauses while disk and serial port are busy lose nothing;
# a stop is Debian's own power-off with a clean file system, or force when the grace time is over; and a detached guest.
# lab-tools: mkfs.ext4 e2fsck
# lab-rootfs: 1
# lab-mem: 3000
# lab-carry: tests/lab/disk.inc
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/disk.inc"
export LKVM_RUNTIME_DIR=$PWD/run

# --- clocks ---
for clock in kvm-clock tsc; do
	start "$clock" --name vm -p "clocksource=$clock" <<-'END'
		echo "job: clock $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
		for n in $(seq 60); do
			echo "job: tick $n $(cut -d ' ' -f 1 /proc/uptime)"
			usleep 100000
		done
		# A busy host makes guests skip a check of theirs; a pause that they saw shows in the ticks.
		dmesg | grep -v 'Long readout interval' |
			grep -iE 'lockup|stall|clocksource:.*(unstable|skew|watchdog)|time.*backward|hung' |
			sed 's/^/job: bad: /'
		echo "job: end"
	END
	said "$clock" "^job: tick 5 "
	if lkvm pause vm && lkvm list | grep -q '^vm .*paused'; then
		ok "$clock: paused"
	else
		fail "$clock: pause" "$(lkvm list)"
	fi
	before=$(wc -c <"$OUT/$clock.out")
	sleep 25
	after=$(wc -c <"$OUT/$clock.out")
	if [ "$before" = "$after" ]; then
		ok "$clock: nothing is said meanwhile"
	else
		fail "$clock" "said $((after - before)) bytes while it was paused"
	fi
	lkvm resume vm || fail "$clock: resume" "status $?"
	said "$clock" '^job: end'
	finish "$clock" 0
	expect_grep "$OUT/$clock.out" "^job: clock $clock" "$clock: is its clock"
	expect_no_grep "$OUT/$clock.out" '^job: bad' "$clock: no lockup, no jump"
	# Between two ticks lie 0.1 s and some work; the pause was 25 s.
	longest=$(tr -d '\r' <"$OUT/$clock.out" | awk '$1 == "job:" && $2 == "tick" {
		if (last && $4 - last > most) most = $4 - last
		last = $4 } END { print int(most + 1) }')
	if [ "$longest" -le 10 ]; then
		ok "$clock: the guest did not see the pause (longest tick below $longest s)"
	else
		fail "$clock" "$longest s between two ticks"
	fi
done

# --- many pauses under load ---
truncate -s 32M busy.img
start busy --name vm -d busy.img <<-'END'
	ioverify run /dev/vda seed=9 bytes=32M count=600 jobs=2 &
	for n in $(seq 3000); do echo "job: line $n of a busy console, and some more words to make it long"; done
	wait $!
	echo "job: verified $?"
END
said busy '^job: line 10 '
pauses=0
while [ $pauses -lt 200 ] && kill -0 "$pid" 2>/dev/null; do
	lkvm pause vm 2>/dev/null && lkvm resume vm 2>/dev/null || break
	pauses=$((pauses + 1))
done
note "busy: $pauses pauses"
said busy '^job: verified' 600
finish busy 0
expect_grep "$OUT/busy.out" '^job: verified 0' "busy: what the guest wrote it reads"
pattern="^job: line [0-9]* of a busy console, and some more words to make it long\$"
lines=$(tr -d "\r" <"$OUT/busy.out" | grep -c "$pattern")
if [ "$lines" = 3000 ] && [ $pauses = 200 ]; then
	ok "busy: 3000 lines, none lost, over 200 pauses"
else
	fail busy "$lines lines of 3000 after $pauses pauses"
fi
if ioverify check busy.img seed=9 bytes=32M count=600 jobs=2 >check.log 2>&1; then
	ok "busy: the disk is what the guest made it"
else
	fail busy "$(head -n 2 check.log)"
fi

# --- stop: Debian answers its button, by logind; a guest without one is forced ---
root=$LAB/rootfs/1.ext4
lkvm run --name vm --kernel "$LAB/rootfs/vmlinuz" -c 1 -m 512 -d "$root" --timeout 900s \
	</dev/null >"$OUT/debian.out" 2>"$OUT/debian.err" &
pid=$!
if said debian '^lkvm login:' 600; then
	# The prompt may come before logind listens to the button.
	sleep 10
	stopped=0
	lkvm stop --grace 300s vm 2>"$OUT/debian-stop.err" || stopped=$?
	expect_status "debian: lkvm stop" 0 "$stopped" || lab_tail "$OUT/debian-stop.err"
else
	fail "debian: login prompt" "did not come"
	kill -TERM "$pid"
fi
got=0
wait "$pid" || got=$?
expect_status debian 0 "$got" || lab_tail "$OUT/debian.err" "$OUT/debian.out"
if e2fsck -fn "$root" >"$OUT/debian.fsck" 2>&1 && ! grep -q -i -e wrong -e journal "$OUT/debian.fsck"; then
	ok "debian: e2fsck finds it clean"
else
	fail "debian: e2fsck" "$(tail -n 3 "$OUT/debian.fsck")"
fi

start deaf --name vm <<-'END'
	echo "job: here"
	sleep 1000
END
said deaf '^job: here'
stopped=0
lkvm stop --grace 2s vm 2>"$OUT/deaf-stop.err" || stopped=$?
expect_status "deaf: lkvm stop" 120 "$stopped"
finish deaf 120

# --- asleep: an alarm of its clock wakes a guest that sleeps without a sleep state (s2idle) ---
job asleep 0 -m 256 <<-'END'
	echo 0 >/sys/class/rtc/rtc0/wakealarm
	echo +3 >/sys/class/rtc/rtc0/wakealarm
	echo freeze >/sys/power/state
	echo "job: awake, $(cat /sys/power/suspend_stats/success 2>/dev/null)"
END
expect_grep "$OUT/asleep.out" '^job: awake' "asleep: it wakes"

# --- left running: its log, its counters, its console, its status ---
job_cpio left <<-'END'
	echo "job: ready"
	read -r line
	echo "job: heard $line"
	exit 5
END
got=0
# shellcheck disable=SC2086 # words
lkvm run --detach --name vm --kernel "$LAB/vmlinuz" --initrd "$LAB/guest.cpio" --initrd left.cpio -c 1 -m 256 \
	$JOB_OPTIONS --exec "$JOB" </dev/null >left.name 2>"$OUT/left.err" || got=$?
expect_status "left: run --detach" 0 "$got" || lab_tail "$OUT/left.err"
expect_grep left.name '^vm$' "left: its name"
tries=$(patient 240)
until lkvm logs vm | tr -d '\r' | grep -q '^job: ready' || [ $tries = 0 ]; do
	tries=$((tries - 1))
	usleep 250000
done
lkvm stat vm >"$OUT/left.stat"
expect_grep "$OUT/left.stat" '^cpus\.0\.exits\.io: [1-9]' "left: lkvm stat counts exits"
expect_grep "$OUT/left.stat" '^devices\.serial0\.bytes_out: [1-9]' "left: and bytes"
lkvm wait vm &
waiter=$!
got=0
echo hello | busybox timeout -s KILL "$(patient 60)" lkvm console vm \
	>"$OUT/left.console" 2>"$OUT/left.console.err" || got=$?
expect_status "left: lkvm console" 0 "$got" || lab_tail "$OUT/left.console.err"
expect_grep "$OUT/left.console" '^job: ready' "left: the console shows what was"
expect_grep "$OUT/left.console" '^job: heard hello' "left: and takes what is typed"
got=0
wait $waiter || got=$?
expect_status "left: lkvm wait, begun before its end" 5 "$got"
got=0
lkvm wait vm || got=$?
expect_status "left: and behind it" 5 "$got"
lkvm logs vm >"$OUT/left.log"
expect_grep "$OUT/left.log" '^job: heard hello' "left: the log has it"
lkvm list >"$OUT/left.list"
expect_grep "$OUT/left.list" '^vm .*ended' "left: is listed"
lkvm rm vm && [ -z "$(ls -A "$LKVM_RUNTIME_DIR")" ] && ok "left: lkvm rm, and nothing is left" ||
	fail "left: rm" "$(ls -A "$LKVM_RUNTIME_DIR")"
lab_end
