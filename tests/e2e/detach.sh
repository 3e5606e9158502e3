# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2034,SC2086
#
# run --detach, and what is for its machines: wait, logs, rm, console, the service.

# detached STATUS [OPTION...] -- WORD...: start a machine named vm, in the background
detached()
{
	local want=$1 got=0
	shift
	trap 'kill -KILL $(jobs -p) 2>/dev/null; "$LKVM" stop -a --force 2>/dev/null' EXIT
	vm_command --name vm --detach "$@"
	timeout -s KILL "$(patient 30)" "${command[@]}" >shown 2>complained || got=$?
	((got == want)) || fail "run --detach: status $got instead of $want: $(cat shown complained)"
}

complains()
{
	[[ $(wc -l <complained) == 1 ]] || fail "not one line: $(cat complained)"
	grep -Eq -- "$1" complained || fail "not '$1' but: $(cat complained)"
}

# left FILE...: what is in the runtime directory
left()
{
	local found

	found=$(ls -A "$LKVM_RUNTIME_DIR" | xargs)
	[[ $found == "$*" ]] || fail "left: '$found' instead of '$*'"
}

# The end of the remains. A sanitizer's words are in the log, and the status is the guest's.
forget()
{
	! grep -E -A 12 'Sanitizer|runtime error' "$LKVM_RUNTIME_DIR/vm.log" >&2 || fail "a sanitizer's report"
	control 0 rm vm
}

pid_of_vm()
{
	"$LKVM" list | awk '$1 == "vm" { print $2 }'
}

test_start_stop_wait()
{
	started=$(ms_now)
	detached 0 -- say:hello~ button poweroff
	took_between 1000 10000
	[[ $(<shown) == vm ]] || fail "prints: $(cat shown)"
	[[ ! -s complained ]] || fail "says: $(cat complained)"
	left vm.json vm.lock vm.log vm.sock
	control 0 list
	grep -q '^vm .* running ' shown || fail "lists: $(cat shown)"
	"$LKVM" wait vm &
	control 0 stop vm
	wait $! || fail "wait: status $?"
	left vm.json vm.log
	[[ $("$JSON" "$LKVM_RUNTIME_DIR/vm.json" reason) == poweroff ]] || fail "not a power-off"
	cmp -s "$LKVM_RUNTIME_DIR/vm.json" result.json || fail "--result FILE is another"
	control 0 wait vm
	control 0 list
	grep -Eq '^vm +- ended +poweroff, status 0$' shown || fail "lists: $(cat shown)"
	control 0 list --json
	grep -q '"state": "ended"' shown || fail "lists: $(cat shown)"
	control 0 logs vm
	grep -q hello shown && grep -q 'button: pressed' shown || fail "logs: $(cat shown)"
	forget
	control 125 wait vm
	control 125 logs vm
	control 125 rm vm
}

# The default name is the machine's own number, and is printed.
test_the_name()
{
	local name

	detached 0 --no-name -- hang
	name=$(<shown)
	[[ $name =~ ^guest-[0-9]+$ ]] || fail "prints: $name"
	[[ $(readlink "/proc/${name#guest-}/exe") == "$LKVM" ]] || fail "not the machine's number"
	control 120 stop --force "$name"
	control 120 wait "$name"
	control 0 rm "$name"
}

# Standard streams, the session and other descriptors: nothing of the starter's is kept.
test_lets_go_of_its_starter()
{
	local pid fds

	exec 9>other
	detached 0 -- hang
	exec 9>&-
	pid=$(pid_of_vm)
	[[ $(ps -o sid= -p "$pid") -eq $pid ]] || fail "not a session of its own"
	[[ $(readlink "/proc/$pid/fd/0") == /dev/null ]] || fail "standard input is kept"
	[[ $(readlink "/proc/$pid/fd/2") == *vm.log ]] || fail "standard error is kept"
	fds=$(ls -l "/proc/$pid/fd")
	grep -Eq '/(other|shown|complained)$' <<<"$fds" && fail "keeps: $fds"
	# Nobody to hear the name: it runs all the same.
	control 120 stop --force vm
	"$LKVM" rm vm
	vm_command --name vm --detach -- hang
	timeout "$(patient 20)" "${command[@]}" 2>complained | true
	[[ ${PIPESTATUS[0]} == 0 ]] || fail "status ${PIPESTATUS[0]}: $(cat complained)"
	# Who waits for the end of a pipe is not kept waiting either.
	control 120 stop --force vm
	"$LKVM" rm vm
	vm_command --name vm --detach -- hang
	started=$(ms_now)
	timeout "$(patient 20)" "${command[@]}" 2>&1 | cat >shown
	took_between 1000 10000
	control 120 stop --force vm
	"$LKVM" rm vm
}

test_errors_before_there_is_a_machine()
{
	detached 125 -k nosuch -- hang
	complains 'nosuch'
	detached 125 --dev /dev/null -- hang
	complains '/dev/null'
	detached 125 --name a/b -- hang
	complains 'slashes'
	detached 125 --nonsense -- hang
	complains 'unknown option'
	[[ ! -s shown ]] || fail "prints: $(cat shown)"
	left
}

# A result with a status that does not fit into an exit status: 256 must not become 0.
test_wait_status_out_of_range()
{
	local status

	detached 3 -- exit:3
	for status in 256 -1 4294967296 -11; do
		sed -E -i 's/("status": *)-?[0-9]+/\1'"$status/" "$LKVM_RUNTIME_DIR/vm.json"
		control 125 wait vm
		complains "^lkvm: vm: its status $status is not an exit status"
	done
	forget
}

# A guest that ends at once is no start: its status, its words, and what it leaves.
test_ends_within_the_second()
{
	detached 3 -- say:hello~ exit:3
	[[ $(<shown) == vm ]] || fail "prints: $(cat shown)"
	[[ $(result status) == 3 ]] || fail "the result's status is $(result status)"
	left vm.json vm.log
	control 3 wait vm
	control 0 logs vm
	[[ $(<shown) == hello ]] || fail "logs: $(cat shown)"
	detached 0 -- exit:0
	control 0 wait vm
	detached 122 -- triple:empty
	grep -q 'cannot go on' complained || fail "says: $(cat complained)"
	detached 121 -- panic panicend
	control 121 wait vm
	# A trace that is still to come: no start either.
	detached 121 -- panic hang
	left vm.json vm.log
	forget
}

test_name_in_use()
{
	detached 0 -- hang
	detached 125 -- exit:0
	complains 'vm: is in use'
	control 125 rm vm
	complains 'still runs'
	control 120 stop --force vm
	control 120 wait vm
	forget
}

test_two_starts_at_once()
{
	local i first second won lost

	for ((i = 0; i < 5; i++)); do
		detached 125 --dev /dev/null -- exit:0 # sets command's form
		vm_command --name vm --detach -- hang
		"${command[@]}" >one 2>one.err &
		first=$!
		"${command[@]}" --no-result >two 2>two.err &
		second=$!
		wait $first; first=$?
		wait $second; second=$?
		[[ $first-$second == 0-125 || $first-$second == 125-0 ]] ||
			fail "status $first and $second: $(cat one.err two.err)"
		[[ $(cat one.err two.err | grep -c 'vm: is in use') == 1 ]] || fail "$(cat one.err two.err)"
		control 120 stop --force vm
		control 120 wait vm
		forget
	done
}

test_killed_and_started_again()
{
	detached 0 -- say:hello~ hang
	"$LKVM" wait vm 2>waited &
	kill -KILL "$(pid_of_vm)"
	wait $!
	[[ $? == 125 ]] || fail "wait: status $?: $(cat waited)"
	grep -q 'vm: was killed' waited || fail "wait says: $(cat waited)"
	control 125 wait vm
	complains 'vm: was killed'
	left vm.json vm.log
	control 0 list
	grep -Eq '^vm +- killed' shown || fail "lists: $(cat shown)"
	control 0 logs vm
	grep -q hello shown || fail "logs: $(cat shown)"
	detached 0 -- hang
	kill -KILL "$(pid_of_vm)"
	control 125 wait vm
	detached 0 -- hang
	control 120 stop --force vm
	control 120 wait vm
	# The next machine of this name takes the remains away, in the foreground too.
	vm --name vm -- exit:4
	ends 4 exit
}

# A start that is interrupted leaves no machine.
test_interrupted_start()
{
	local starter tries

	tries=$(patient 200)

	vm_command --name vm --detach --grace 300ms -- hang
	"${command[@]}" >shown 2>complained &
	starter=$!
	until [[ -S $LKVM_RUNTIME_DIR/vm.sock ]]; do
		((tries-- > 0)) || fail "no socket"
		sleep 0.02
	done
	kill -KILL $starter
	wait $starter
	control 120 wait vm
	forget
}

test_logs_that_follow()
{
	local bytes=32000

	detached 0 -- say:first~ sleep:2500 write:$bytes exit:5
	timeout "$(patient 60)" "$LKVM" logs -f vm >followed 2>&1 &
	control 5 wait vm
	wait $! || fail "logs -f: status $?"
	{ echo first; numbered $bytes; } | cmp - followed >&2 || fail "not what the guest wrote"
	forget
}

# However much it prints, 1 MiB is kept, the newest, and a follower sees all of it.
test_log_is_bounded() # SLOW
{
	local bytes=$((3 << 20)) size most=0 log=$LKVM_RUNTIME_DIR/vm.log

	need_long
	detached 0 -- sleep:2000 write:$bytes exit:5
	timeout "$(patient 190)" "$LKVM" logs -f vm >followed 2>&1 &
	while [[ -S $LKVM_RUNTIME_DIR/vm.sock ]]; do
		size=$(stat -c %s "$log" 2>/dev/null)
		((${size:-0} > most)) && most=$size
		sleep 0.05
	done
	wait $! || fail "logs -f: status $?"
	control 5 wait vm
	((most <= 1 << 20)) || fail "the log had $most bytes"
	numbered $bytes >all
	cmp all followed >&2 || fail "the follower missed something: $(stat -c %s followed) bytes"
	control 0 logs vm
	size=$(stat -c %s shown)
	((size >= 450000)) || fail "only $size bytes are kept"
	cmp -s shown <(tail -c "$size" all) || fail "not the newest"
	forget
	left
}

# The disk with the runtime directory is full: the guest goes on, its status is not lost.
test_full_disk()
{
	((EUID == 0)) || skip "needs root to mount a small tmpfs"
	mkdir small
	mount -t tmpfs -o size=256k none small 2>/dev/null || skip "no tmpfs can be mounted here"
	trap 'kill -KILL $(jobs -p) 2>/dev/null; "$LKVM" stop -a --force 2>/dev/null; umount -l small' EXIT
	LKVM_RUNTIME_DIR=$PWD/small
	dd if=/dev/zero of=small/filler bs=4k count=1000 2>/dev/null
	vm_command --name vm --detach -- hang
	"${command[@]}" >shown 2>complained && fail "started without room for its result"
	complains 'vm.json cannot be made: No space left'
	left filler
	rm small/filler
	vm_command --name vm --detach -- sleep:2500 write:32000 exit:6
	"${command[@]}" >shown 2>complained || fail "says: $(cat complained)"
	dd if=/dev/zero of=small/filler bs=4k count=1000 2>/dev/null
	control 6 wait vm
	left filler vm.json vm.log
	control 6 wait vm
	control 0 list
	grep -Eq '^vm +- ended +exit, status 6$' shown || fail "lists: $(cat shown)"
	forget
	umount small
}

test_wrong_words()
{
	local words

	for words in wait logs rm 'wait a b' 'logs a b' 'rm a/b' 'rm -x' 'wait ../x'; do
		control 125 $words
		complains .
	done
	for words in 'wait nobody' 'logs nobody' 'rm nobody' 'logs -f nobody'; do
		control 125 $words
		complains 'nobody: '
	done
	[[ ! -e $LKVM_RUNTIME_DIR ]] || fail "who only looks makes no directory"
}

# wait is for machines in the foreground as well; --dry-run detaches nothing.
test_foreground()
{
	vm_start --name vm -- say:ready~ sleep:1000 exit:7
	wait_for out ready
	control 7 wait vm
	vm_wait
	ends 7 exit
	vm --name vm --detach --dry-run -- exit:0
	printed '^kernel: '
	nothing_left
}

# --- lkvm console ---

# console_on_tty STEP...: lkvm console vm on a new terminal. Files: report, screen
console_on_tty()
{
	run_on_tty "$@" -- "$LKVM" console vm
}

# end STATUS: of a machine that is to be stopped, or ends by itself
end()
{
	(($1 != 120)) || "$LKVM" stop --force vm
	control "$1" wait vm
	forget
}

test_console_types_and_leaves()
{
	detached 0 -- keys exit:5
	console_on_tty wait=leaves 'wait=keys: ready' state=in 'send=ab\x03\x01\x01' 'wait=key: 01' \
		'send=\x01h' 'wait=leave this' 'send=\x01x' 'wait=leave this' 'send=\x01b' \
		'wait=key: break' 'send=\x01d'
	reports 'in: raw, blocking' 'after: same' 'flags: blocking' 'status: 0'
	control 0 list
	grep -q 'vm .*running' shown || fail "it does not go on: $(cat shown)"
	# Again: what was before is shown, and the keyboard is free.
	console_on_tty 'wait=key: 61' 'wait=key: 62' 'wait=key: 03' 'wait=key: break' send=q
	reports 'after: same' 'status: 0'
	grep -q 'its console is closed' screen || fail "no word about the end: $(cat screen)"
	end 5
}

test_console_restores_the_terminal()
{
	local signal

	detached 0 -- keys exit:5
	for signal in TERM:143 HUP:129 INT:130; do
		console_on_tty wait=ready state=in "signal=${signal%:*}"
		reports 'in: raw, blocking' 'after: same' "status: ${signal#*:}"
	done
	for signal in SEGV ABRT QUIT; do
		console_on_tty wait=ready state=in "signal=$signal"
		reports 'in: raw, blocking' 'after: same' "signal: $signal"
	done
	console_on_tty wait=ready signal=TSTP stopped state=stopped signal=CONT raw state=again \
		'send=\x01d'
	reports 'stopped: cooked, blocking' 'again: raw, blocking' 'after: same' 'status: 0'
	console_on_tty wait=ready hangup
	end 120
}

# A pipe types as well; who comes second looks on, and has the keyboard when it is free again.
test_console_one_types()
{
	local first second

	detached 0 -- keys exit:5
	mkfifo keyboard
	timeout "$(patient 60)" "$LKVM" console vm <keyboard >one 2>one.err &
	first=$!
	exec 7>keyboard
	printf a >&7
	wait_for one 'key: 61'
	printf xyz | timeout "$(patient 60)" "$LKVM" console vm >two 2>two.err 7>&- &
	second=$!
	timeout "$(patient 60)" "$LKVM" console --watch vm </dev/null >three 2>three.err 7>&- &
	wait_for two 'key: 61'
	wait_for three 'key: 61'
	grep -q 'another viewer types' two.err || fail "the second hears: $(cat two.err)"
	[[ ! -s one.err && ! -s three.err ]] || fail "says: $(cat one.err three.err)"
	printf b >&7
	wait_for one 'key: 62'
	wait_for two 'key: 62'
	wait_for three 'key: 62'
	exec 7>&-
	sleep 0.3
	printf q | timeout "$(patient 60)" "$LKVM" console vm >four 2>four.err || fail "status $?: $(cat four.err)"
	wait $first && wait $second || fail "status $?"
	grep -Eq 'key: 7[89a]' one && fail "who looks on types: $(cat one)"
	cmp one four >&2 && cmp one two >&2 && cmp one three >&2 || fail "they saw different things"
	end 5
}

# The last 64 KiB of before, then everything, for socat as well.
test_console_replays()
{
	local bytes=100000 size

	need socat
	detached 0 -- write:$bytes say:here~ sleep:4000 say:there~ exit:5
	wait_for "$LKVM_RUNTIME_DIR/vm.log" here 60
	printf '{"command":"console","watch":true}\n' | timeout "$(patient 60)" socat -t "$(patient 60)" - \
		"UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >raw
	end 5
	[[ $(head -n 1 raw) == '{"types":false,"ok":true}' ]] || fail "answer: $(head -c 200 raw)"
	{ numbered $bytes; echo here; } | tail -c 65536 >wanted
	echo there >>wanted
	cmp wanted <(tail -n +2 raw) >&2 || fail "not the last 64 KiB and all from then on"
}

# What is sent behind the request is typed; the connection must have nothing else to do.
test_console_by_hand()
{
	need socat
	detached 0 -- keys exit:5
	printf '{"command":"subscribe"}\n{"command":"console"}\n' | timeout "$(patient 20)" socat -t 2 - \
		"UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >answer
	grep -q '"ok":false,"error":"this needs a connection of its own"' answer || fail "$(cat answer)"
	printf '{"command":"break"}\n{"command":"console"}\nabq' | timeout "$(patient 20)" socat -t "$(patient 20)" - \
		"UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >answer
	[[ $(head -n 2 answer | xargs -0) == $'{"ok":true}\n{"types":true,"ok":true}' ]] ||
		fail "answers: $(head -n 2 answer)"
	grep -q '^key: break' answer && grep -q '^key: 71' answer || fail "$(cat answer)"
	end 5
}

# Viewers that never read, flood, or vanish keep neither the guest nor each other waiting.
test_console_bad_viewers()
{
	local i socket=UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock bytes=60000

	need socat
	detached 0 -- sleep:3000 write:$bytes exit:5
	for ((i = 0; i < 4; i++)); do
		{ echo '{"command":"console"}'; sleep 40; } | socat -u - "$socket" 2>/dev/null &
		{ echo '{"command":"console"}'; yes; } | timeout "$(patient 40)" socat -u - "$socket" 2>/dev/null &
		echo '{"command":"console"}' | socat -u - "$socket" 2>/dev/null &
	done
	timeout "$(patient 60)" "$LKVM" console --watch vm </dev/null >seen 2>seen.err &
	for ((i = 0; i < 10; i++)); do
		started=$(ms_now)
		control 0 stat vm
		took_between 0 3000
	done
	control 5 wait vm
	wait $! || fail "status $?: $(cat seen.err)"
	kill $(jobs -p) 2>/dev/null
	numbered $bytes | cmp - seen >&2 || fail "a viewer that reads missed something"
	forget
}

# What the ring of 256 KiB has no more is lost to a viewer that comes back, and it is told.
test_console_viewer_that_sleeps() # SLOW
{
	local bytes=1000000 lost

	need_long
	need socat
	detached 0 -- sleep:2000 write:$bytes sleep:3000 exit:5
	mkfifo pipe
	echo '{"command":"console","watch":true}' | timeout "$(patient 190)" socat -t "$(patient 190)" - \
		"UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock" >pipe &
	exec 5<pipe
	wait_for "$LKVM_RUNTIME_DIR/vm.log" "$(numbered $bytes | tail -n 1)" 190
	cat <&5 >got
	control 5 wait vm
	lost=$(sed -n 's/.*lkvm: \([0-9]*\) bytes were lost.*/\1/p' got)
	((lost > 0)) || fail "no word of a loss in $(stat -c %s got) bytes"
	cmp <(tail -c 200000 got) <(numbered $bytes | tail -c 200000) >&2 || fail "the newest is not whole"
	forget
}

# In the foreground standard input is the keyboard; a viewer looks on. When it ends, that is free.
test_console_of_a_machine_in_the_foreground()
{
	mkfifo keyboard
	vm_command --name vm -- keys exit:5
	"${command[@]}" <keyboard >out 2>err &
	pid=$!
	exec 7>keyboard
	wait_for out 'keys: ready'
	printf q | timeout "$(patient 20)" "$LKVM" console vm >two 2>two.err 7>&- &
	wait_for two ready
	printf a >&7
	wait_for two 'key: 61'
	grep -q 'another viewer types' two.err || fail "hears: $(cat two.err)"
	exec 7>&-
	wait_for out 'key: 61'
	sleep 0.3
	printf q | timeout "$(patient 20)" "$LKVM" console vm >three 2>three.err || fail "$(cat three.err)"
	vm_wait
	ends 5 exit
}

test_console_of_nobody()
{
	control 125 console nobody
	complains 'no running machine'
	control 125 console
	control 125 console a b
}

# --- as a service ---

# notified ADDRESS: a manager there, whose datagrams are the file heard
notified()
{
	need socat
	socat -u "$1" - >heard &
	manager=$!
	sleep 0.3
}

test_service_is_told()
{
	notified UNIX-RECV:manager
	NOTIFY_SOCKET=$PWD/manager vm_start -- sleep:500 say:up~ button poweroff
	wait_for out up
	wait_for heard '^READY=1'
	[[ $(<heard) == READY=1 ]] || fail "hears: $(cat heard)"
	kill -TERM "$pid"
	vm_wait
	ends 0 poweroff
	wait_for heard 'STOPPING=1$'
	kill $manager
	notified ABSTRACT-RECV:lkvm-e2e-$$
	NOTIFY_SOCKET=@lkvm-e2e-$$ vm -- say:up~ exit:0
	ends 0 exit
	wait_for heard 'READY=1STOPPING=1'
	[[ ! -s err ]] || fail "says: $(cat err)"
	kill $manager
	NOTIFY_SOCKET=/nowhere vm -- say:up~ exit:5
	ends 5 exit
	said 'NOTIFY_SOCKET: READY=1 cannot be sent'
}

test_service_unit_is_installed()
{
	local kind unit

	[[ -x $E2E_TOP/lkvm ]] || skip "no ./lkvm to install"
	env -u MAKEFLAGS make -s -C "$E2E_TOP" -o lkvm install DESTDIR="$PWD/root" prefix=/opt/x >made 2>&1 ||
		fail "make install: $(cat made)"
	for kind in system user; do
		unit=root/opt/x/lib/systemd/$kind/lkvm@.service
		grep -q '^ExecStart=/opt/x/bin/lkvm run --name %i $LKVM_OPTIONS$' $unit || fail "$kind: no unit"
		grep -q '^Environment=.* HOME=%h$' $unit || fail "$kind: no HOME for the cache"
		grep -q '@prefix@' $unit && fail "$kind: no prefix"
	done
	command -v systemd-analyze >/dev/null || return 0
	sed "s|/opt/x/bin/lkvm|$LKVM|" $unit >lkvm@.service
	systemd-analyze --man=no verify "$PWD/lkvm@vm.service" >verified 2>&1 || true
	! grep -q 'lkvm@' verified || fail "systemd: $(cat verified)"
}
