# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2034
#
# The control socket and the commands that use it: list, stop, pause, resume, stat.

test_list()
{
	control 0 list
	[[ ! -s shown ]] || fail "lists what is not there: $(cat shown)"
	up -- say:ready~ hang
	control 0 list
	grep -Eq "^vm +$pid running +1 +64 MiB" shown || fail "lists: $(cat shown)"
	control 0 list --json
	grep -q '"state": "running"' shown || fail "lists: $(cat shown)"
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
	control 0 list
	[[ ! -s shown ]] || fail "lists what is gone: $(cat shown)"
}

test_stop_of_a_guest_that_answers()
{
	up -- say:ready~ button poweroff
	control 0 stop vm
	[[ ! -s complained ]] || fail "says: $(cat complained)"
	vm_wait
	ends 0 poweroff
}

test_stop_of_a_guest_that_ignores_it()
{
	up --grace 1h -- say:ready~ hang
	started=$(ms_now)
	control 120 stop --grace 500ms vm
	took_between 450 5000
	grep -q 'did not power off' complained || fail "says: $(cat complained)"
	vm_wait
	ends 120 stopped
}

# Who is in a hurry counts.
test_stop_again_sooner()
{
	up --grace 1h -- say:ready~ hang
	timeout -s KILL 0.3 "$LKVM" stop --grace 1h vm
	started=$(ms_now)
	control 120 stop --grace 300ms vm
	took_between 250 5000
	vm_wait
	ends 120 stopped
}

test_stop_by_force()
{
	up -- say:ready~ hang
	started=$(ms_now)
	control 120 stop --force -n vm
	took_between 0 2000
	vm_wait
	ends 120 stopped
}

# A panic is an end in sight, unless --on-panic=continue says that it is none.
test_state_after_a_panic()
{
	up -- panic say:ready~ spin
	control 0 stat vm
	grep -q '^state: ending' shown || fail "not ending: $(grep '^state' shown)"
	vm_wait
	ends 121 panic
	rm -f out
	up --on-panic=continue -- panic panicend say:ready~ spin
	control 0 stat vm
	grep -q '^state: running' shown || fail "not running: $(grep '^state' shown)"
	control 0 stop --force vm
	vm_wait
	ends 121 panic
}

test_stop_of_all()
{
	control 0 stop -a
	up -- say:ready~ hang
	control 120 stop -a --force
	vm_wait
	ends 120 stopped
}

# Each has its grace time at the same time as the others.
test_stop_of_all_at_once()
{
	local pids=() name

	for name in one two three four; do
		mkdir $name
		vm_start --name $name --grace 1h -- say:ready~ hang
		pids+=("$pid")
		wait_for out ready
	done
	started=$(ms_now)
	control 120 stop -a --grace 1s
	took_between 1000 3500
	[[ $(grep -c 'did not power off in its grace time' complained) == 4 ]] || fail "says: $(cat complained)"
	for pid in "${pids[@]}"; do
		wait "$pid"
		(($? == 120)) || fail "one has another status"
	done
	nothing_left
}

# A process that is stopped takes no connections when its backlog is full: that is a failure, it is
# listed, and the other machine does not wait for it.
test_a_machine_that_cannot_be_reached() # SLOW
{
	local stuck command asking=() i

	up -- say:ready~ hang
	stuck=$pid
	kill -STOP "$stuck"
	"$E2E_TOP/build/e2e/clients" "$LKVM_RUNTIME_DIR/vm.sock" full >filled &
	wait_for filled 'full after'
	vm_start --name other -- say:ready~ hang
	wait_for out ready
	started=$(ms_now)
	for command in 'list' 'list --json' 'pause -a' 'stat -a' 'resume vm'; do
		# shellcheck disable=SC2086 # words
		timeout -s KILL "$(patient 30)" "$LKVM" $command >"shown $command" 2>"complained $command" &
		asking+=("$!")
	done
	for i in 0 1 2 3 4; do
		wait "${asking[i]}"
		(($? == (i < 2 ? 0 : 125))) || fail "command $i of five has another status"
	done
	took_between 4500 9000
	grep -Eq '^vm +- unreachable +its process takes no connections' 'shown list' ||
		fail "lists: $(cat 'shown list')"
	grep -Eq "^other +$pid (running|paused)" 'shown list' || fail "lists: $(cat 'shown list')"
	grep -q '"state": "unreachable"' 'shown list --json' || fail "$(cat 'shown list --json')"
	control 125 stop -a --force
	wait "$pid"
	(($? == 120)) || fail "the other machine was not stopped"
	for i in complained*[am]; do
		[[ $(<"$i") == "lkvm: vm: cannot be reached: its process takes no connections;"* ]] ||
			fail "$i: $(<"$i")"
		[[ $(wc -l <"$i") == 1 ]] || fail "$i: $(<"$i")"
	done
	timeout -s KILL "$(patient 30)" "$LKVM" wait vm >/dev/null 2>complained &
	wait_for complained 'vm: its process takes no connections.*goes on waiting' 15
	pid=$!
	kill %2
	kill -CONT "$stuck"
	sleep 1 # one that asks when the machine is about to end may come too late
	control 120 stop --force vm
	wait "$pid"
	(($? == 120)) || fail "wait has another status"
	wait "$stuck"
	nothing_left
}

# A machine's strings are its own affair, a terminal is ours.
test_escape_sequences_of_a_machine()
{
	local command answer

	need socat
	mkdir -p "$LKVM_RUNTIME_DIR"
	answer='{"ok":true,"name":"x\\u001b]0;x\\u0007","state":"\\u001b[2J\\u009b31m\\u007f","pid":7,
		"paused":false,"a\\u001bb":"c\\nd","cpus":[{"state":"\\u001b[H","\\u009b":1,"msr":{"\\u001bk":"0x1"},
		"code":{"address":"0x1","bytes":"\\u001b["},"stack":{"bytes":"\\u001b[\\u001b[\\u001b[\\u001b["},
		"walk":{"mode":"\\u001bm","fails":"\\u009bf","entries":[{"level":"\\u001bl"}]}}],
		"kernel":{"path":"/\\u001bp","release":"\\u001br"}}'
	printf "${answer//$'\n'/}\\n" >answer
	grep -q u009b31m answer || fail "the answer is not what it should be: $(cat answer)"
	socat UNIX-LISTEN:"$LKVM_RUNTIME_DIR/evil.sock",fork SYSTEM:'read line; cat answer' &
	for ((i = 0; i < 100; i++)); do
		[[ -S $LKVM_RUNTIME_DIR/evil.sock ]] && break
		sleep 0.02
	done
	for command in list 'list --json' 'stat evil' 'stat --json evil' 'debug evil' 'debug --json evil' \
		'stat -a' 'balloon evil'; do
		# shellcheck disable=SC2086 # words
		control 0 $command
		[[ -s shown ]] || fail "$command: shows nothing"
		if tr -d '\n' <shown | LC_ALL=C grep -q '[^ -~]'; then
			fail "$command shows $(od -c shown | head -20)"
		fi
	done
	kill %1
	rm "$LKVM_RUNTIME_DIR/evil.sock"
}

test_stop_of_nobody()
{
	local words

	for words in nobody '-n nobody' '--name=nobody --force'; do
		# shellcheck disable=SC2086 # words
		control 125 stop $words
		grep -q 'nobody: there is no running machine' complained || fail "says: $(cat complained)"
	done
	for words in '' 'one two' 'one -a' '-n one two' '--grace=x one'; do
		# shellcheck disable=SC2086 # words
		control 125 stop $words
		[[ $(wc -l <complained) == 1 ]] || fail "says: $(cat complained)"
	done
}

# Nothing comes out of a guest that stands still, and nothing is lost when it goes on.
test_pause_and_resume()
{
	local bytes before

	bytes=$(busy_bytes 2)
	up -- say:ready~ write:$bytes exit:5
	control 0 pause vm
	control 0 list
	grep -q paused shown || fail "lists: $(cat shown)"
	sleep 0.2
	before=$(stat -c %s out)
	sleep 0.5
	(($(stat -c %s out) == before)) || fail "a paused guest writes"
	((before < bytes)) || fail "it had written all"
	control 0 pause vm
	control 0 resume vm
	control 0 resume vm
	vm_wait
	ends 5 exit
	numbered $bytes | cmp -s - <(tail -c $bytes out) || fail "not what the guest wrote"
}

test_pause_many_times()
{
	local bytes i

	bytes=$(busy_bytes 2)
	up -- say:ready~ write:$bytes exit:5
	for ((i = 0; i < 40; i++)); do
		"$LKVM" pause vm 2>>complained && "$LKVM" resume vm 2>>complained
	done
	vm_wait
	ends 5 exit
	numbered $bytes | cmp -s - <(tail -c $bytes out) || fail "not what the guest wrote"
}

# The pauses come in the middle of `rep movs` from registers that nobody has.
test_pause_in_the_middle_of_an_instruction()
{
	local i

	up -- say:ready~ rep:40 exit:5
	for ((i = 0; i < 20; i++)); do
		"$LKVM" pause vm 2>>complained && "$LKVM" resume vm 2>>complained
	done
	vm_wait
	ends 5 exit
	printed '^rep: all ones$'
}

# Who asks to go on, or to stop, means the pause that is under way, too.
test_a_pause_that_is_called_off()
{
	up -- say:ready~ button poweroff
	ask '{"command":"pause","id":1}' '{"command":"resume","id":2}' '{"command":"stat","id":3}' >answer
	grep -q '"state":"running"' answer || fail "$(cat answer)"
	ask '{"command":"pause","id":1}' '{"command":"stop","grace_ms":20000,"id":2}' >answer
	grep -q '"reason":"poweroff"' answer || fail "$(cat answer)"
	vm_wait
	ends 0 poweroff
}

# A client that was killed while it waits is noticed.
test_clients_that_die_waiting()
{
	local i before

	up -- say:ready~ hang
	control 0 stat vm
	before=$(ls "/proc/$pid/fd" | wc -l)
	for ((i = 0; i < 10; i++)); do
		timeout -s KILL 0.1 "$LKVM" wait vm
	done
	control 0 stat vm
	sleep 0.2
	(($(ls "/proc/$pid/fd" | wc -l) <= before)) || fail "descriptors of dead clients are kept"
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
}

# A name does not lead out of the runtime directory.
test_names_stay_inside()
{
	local socket=$LKVM_RUNTIME_DIR/../other.sock words

	mkdir -p "$LKVM_RUNTIME_DIR"
	need socat
	timeout 0.3 socat UNIX-LISTEN:"$socket",unlink-close=0 /dev/null
	[[ -S $socket ]] || fail "no socket is left: what is tested here?"
	for words in 'stop ../other' 'stat -n ../other' 'console ../other' 'logs ../other' 'rm ../other'; do
		# shellcheck disable=SC2086 # words
		control 125 $words
	done
	[[ -S $socket ]] || fail "another's socket was removed"
	rm "$socket"
}

# A guest that stands still cannot answer its button: stop lets it go on.
test_stop_of_a_paused_guest()
{
	up -- say:ready~ button poweroff
	control 0 pause vm
	control 0 stop vm
	vm_wait
	ends 0 poweroff
	up -- say:ready~ hang
	control 0 pause vm
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
}

test_a_signal_ends_a_paused_guest()
{
	up --grace 300ms -- say:ready~ hang
	control 0 pause vm
	kill -TERM "$pid"
	vm_wait
	ends 120 stopped
	# It goes on, and so can answer.
	up -- say:ready~ button poweroff
	control 0 pause vm
	kill -TERM "$pid"
	vm_wait
	ends 0 poweroff
}

test_stat()
{
	up -- say:ready~ hang
	control 0 stat vm
	grep -Eq '^cpus\.0\.exits\.io: [0-9]+$' shown || fail "lacks exits: $(cat shown)"
	grep -Eq '^devices\.serial0\.bytes_out: [0-9]+$' shown || fail "lacks devices: $(cat shown)"
	grep -Eq '^threads\.[0-9]+\.name: vcpu-0$' shown || fail "lacks threads: $(cat shown)"
	control 0 stat --json -n vm
	grep -q '"memory_bytes": 67108864' shown || fail "lacks memory: $(cat shown)"
	control 120 stop --force vm
	vm_wait
}

test_the_wire()
{
	local i

	up -- say:ready~ hang
	ask '{"command":"hello","id":[1,"x"]}' >answer
	grep -q '"protocol":1' answer && grep -q '"id":\[1,"x"\]' answer || fail "hello: $(cat answer)"
	ask '' 'x' '[]' '{}' '{"command":7}' '{"command":"nothing"}' '{"command":"stat"}' >answer
	[[ $(wc -l <answer) == 7 ]] || fail "$(wc -l <answer) answers to 7 lines"
	[[ $(grep -c '"ok":false,"error":"' answer) == 6 ]] || fail "$(cat answer)"
	ask '{"command":"stop","grace_ms":-1}' '{"command":"stop","grace_ms":"x"}' >answer
	[[ $(grep -c 'number of milliseconds' answer) == 2 ]] || fail "$(cat answer)"
	# Those that wait for the end have a bound.
	for ((i = 0; i < 70; i++)); do
		echo '{"command":"stop","grace_ms":3600000}'
	done | timeout "$(patient 10)" socat -t 1 - "UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >answer
	[[ $(grep -c '64 requests wait' answer) == 6 ]] || fail "70 that wait: $(cat answer)"
	# A line without an end: refused at 64 KiB.
	head -c 100000 /dev/zero | tr '\0' x | timeout "$(patient 10)" socat -t "$(patient 5)" - \
		"UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >answer 2>/dev/null
	grep -q 'longer than 64 KiB' answer || fail "a long line: $(cat answer)"
	control 120 stop --force vm
	vm_wait
}

test_events()
{
	need socat
	up --on-reboot=reset -- say:ready~ boots:2 reset
	{ echo '{"command":"subscribe"}'; sleep 20; } |
		socat -t "$(patient 20)" - "UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >events &
	wait_for events '"ok":true'
	control 0 pause vm
	control 0 resume vm
	wait_for events '"event":"paused"'
	wait_for events '"event":"resumed"'
	control 120 stop --force vm
	wait_for events '"event":"stopped"'
	vm_wait
}

# Who never reads, never ends a line, or floods, keeps nobody waiting, and is dropped.
test_bad_clients()
{
	local i limit=3000 socket=UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock

	! sanitized || limit=10000

	need socat
	up -- say:ready~ hang
	for ((i = 0; i < 4; i++)); do
		socat -u "$socket" "EXEC:sleep 30" 2>/dev/null & # never writes, never reads
		{ printf '{"command":'; sleep 30; } | socat -u - "$socket" 2>/dev/null & # never ends a line
		yes '{"command":"stat"}' | timeout "$(patient 30)" socat -u - "$socket" 2>/dev/null & # never reads
		timeout "$(patient 30)" socat -u /dev/urandom "$socket" 2>/dev/null & # garbage
	done
	for ((i = 0; i < 20; i++)); do
		started=$(ms_now)
		control 0 stat vm
		took_between 0 $limit
	done
	# By then each that owed something is gone.
	sleep 6
	started=$(ms_now)
	control 120 stop --force vm
	took_between 0 2000
	kill $(jobs -p) 2>/dev/null
	vm_wait
	ends 120 stopped
}

# Fifty at once, ten of them bad: the others have their answers within 100 ms.
test_fifty_clients()
{
	local try said worst limit=100000

	! sanitized || limit=1000000
	limit=$(patient $limit)
	up -- say:ready~ hang
	# What keeps others waiting does so each time, a busy machine now and then.
	for try in 1 2 3; do
		said=$(timeout "$(patient 60)" "$E2E_TOP/build/e2e/clients" "$LKVM_RUNTIME_DIR/vm.sock" 20) ||
			fail "not all are answered"
		worst=$(sed -n 's/.*slowest after \([0-9]*\) us$/\1/p' <<<"$said")
		((worst >= limit)) || break
	done
	((worst < limit)) || fail "$try times, the last: $said"
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
}

# A guest that reads all that its disk can give keeps nobody waiting for more than 20 ms.
test_latency_under_a_flood()
{
	local try worst limit=20000

	! sanitized || limit=200000
	limit=$(patient $limit)
	truncate -s 8M img
	up --virtio-transport pci -d img -- say:ready~ blk-flood:pci:32
	wait_for out 'blk-flood: begun'
	# What keeps others waiting does so each time, a busy machine now and then.
	for try in 1 2 3 4 5; do
		worst=$("$E2E_TOP/build/e2e/latency" "$LKVM_RUNTIME_DIR/vm.sock" "$pid") || fail "not answered"
		((worst >= limit)) || break
	done
	((worst < limit)) || fail "$try times, the last: $worst us"
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
	echo "$worst us"
}

test_a_killed_machine_leaves_nothing_that_matters()
{
	up -- say:ready~ hang
	kill -KILL "$pid"
	wait "$pid"
	[[ -S $LKVM_RUNTIME_DIR/vm.sock ]] || fail "no socket is left: what is tested here?"
	control 125 stop vm
	grep -q 'no running machine' complained || fail "says: $(cat complained)"
	nothing_left
	up -- say:ready~ hang
	kill -KILL "$pid"
	wait "$pid"
	up -- say:ready~ exit:4
	vm_wait
	ends 4 exit
}

# Nothing but its owner's may talk to it.
test_another_user()
{
	need socat setpriv
	((EUID == 0)) || skip "needs root to be another user"
	up -- say:ready~ hang
	[[ $(stat -c %a "$LKVM_RUNTIME_DIR/vm.sock") == 600 ]] || fail "the socket is open to others"
	chmod 666 "$LKVM_RUNTIME_DIR/vm.sock"
	chmod 755 "$LKVM_RUNTIME_DIR"
	echo '{"command":"stat"}' | setpriv --reuid 65534 --regid 65534 --clear-groups \
		socat -t 2 - "UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >answer 2>&1
	grep -q 'cpus' answer && fail "it answered another user"
	control 120 stop --force vm
	vm_wait
}

test_a_long_runtime_directory()
{
	local long

	long=$PWD/$(printf 'folder-%.0s' {1..30})
	mkdir "$long"
	LKVM_RUNTIME_DIR=$long
	up -- say:ready~ hang
	control 0 list
	grep -q '^vm ' shown || fail "lists: $(cat shown)"
	control 120 stop --force vm
	vm_wait
}

test_a_removed_runtime_directory()
{
	up -- say:ready~ button poweroff
	rm -rf "$LKVM_RUNTIME_DIR"
	control 125 stop vm
	control 0 list
	kill -TERM "$pid"
	vm_wait
	ends 0 poweroff
}
