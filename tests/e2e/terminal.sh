# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2002,SC2094,SC2034,SC2012,SC2059,SC2086,SC2016
#
# The terminal, standard input and output: each sentence of "Terminal".

# on_tty [OPTION...] STEP... -- [OPTION...] [-- WORD...]: the payload on a new terminal. Files:
# report (what pty says), screen (what came out of the terminal), err (standard error).
on_tty()
{
	local steps=()

	while [[ $1 != -- ]]; do
		steps+=("$1")
		shift
	done
	shift
	vm_command "$@"
	run_on_tty "${steps[@]}" -- "${command[@]}"
	tr -d '\r' <screen >out
	: >>err
	status=$(sed -n 's/^status: //p' report)
	# What lkvm cannot clean up; it blocks nobody.
	[[ ${CRASHES:-} ]] && rm -f run/*.lock run/*.sock
	nothing_left
}

# --- raw, and back ---

test_raw_while_it_runs()
{
	on_tty wait=ready state=running send=q -- -- keys exit:5
	reports 'running: raw, blocking' 'after: same' 'flags: blocking' 'status: 5'
	ends 5 exit
}

test_keys_reach_the_guest()
{
	on_tty wait=ready 'send=\x03\x1a\x1c\x04\r\n\x7f\x11\x13q' wait=71 -- -- keys exit:5
	ends 5 exit
	[[ $(sed -n 's/^key: //p' out | tr '\n' ' ') == '03 1a 1c 04 0d 0a 7f 11 13 71 ' ]] ||
		fail "keys: $(sed -n 's/^key: //p' out | tr '\n' ' ')"
}

test_restored_after_errors()
{
	on_tty -e err -- -k nosuch -- exit:5
	reports 'after: same' 'status: 125'
	on_tty -e err -- --dev /dev/null -- exit:5
	reports 'after: same' 'status: 125'
}

test_restored_after_other_ends()
{
	on_tty -e err wait=x -- -- say:x triple:empty
	reports 'after: same' 'status: 122'
	on_tty -e err wait=x -- --timeout "$(sanitized && echo 5s || echo 500ms)" -- say:x spin
	reports 'after: same' 'status: 124'
	on_tty -e err -- -- panic panicend
	reports 'after: same' 'status: 121'
}

test_restored_after_signals()
{
	on_tty -e err wait=waiting signal=TERM -- -- button poweroff
	reports 'after: same' 'status: 0'
	on_tty -e err wait=ready signal=TERM -- --grace 300ms -- say:ready spin
	reports 'after: same' 'status: 120'
	on_tty -e err wait=waiting signal=TERM wait=pressed signal=TERM -- -- button spin
	reports 'after: same' 'status: 143'
}

test_restored_after_a_crash()
{
	local signal

	for signal in SEGV ABRT BUS; do
		CRASHES=1 on_tty -e err wait=ready state=running "signal=$signal" -- \
			-- say:ready spin
		reports 'running: raw, blocking' 'after: same' "signal: $signal"
	done
}

# Any other signal that ends a process must not leave a raw terminal either.
test_restored_after_other_signals()
{
	local signal bad=

	for signal in QUIT USR1 ALRM; do
		CRASHES=1 on_tty -e err wait=ready state=running "signal=$signal" \
			sleep=300 'send=\x01x' \
			-- -- say:ready spin
		reports 'running: raw, blocking'
		grep -q '^after: same' report || bad+=" $signal"
	done
	[[ -z $bad ]] || fail "the terminal stays raw after$bad"
}

# A file that reaches the limit of ulimit -f is an error of the write, on a terminal as without one.
test_limit_on_files_ends_nothing()
{
	on_tty wait=ready signal=XFSZ sleep=200 send=q -- -- keys exit:5
	reports 'after: same' 'status: 5'
	ends 5 exit
}

test_stop_and_continue()
{
	on_tty wait=ready signal=TSTP stopped state=stopped signal=CONT raw state=again \
		signal=TSTP stopped signal=CONT raw send=q -- -- keys exit:5
	reports 'stopped: cooked, blocking' 'again: raw, blocking' 'after: same' 'status: 5'
}

# Started in the background of a real shell: not raw, does not stop; `fg` makes it raw.
test_background_and_foreground()
{
	vm_command -- keys exit:5
	printf '#!/bin/bash\nexec' >job
	printf ' %q' "${command[@]}" >>job
	chmod +x job
	PS1='$ ' "$PTY" -o screen -t 20 'wait=$ ' 'send=./job &\n' wait=ready sleep=200 \
		state=background \
		'send=echo still-$((6*7))\n' wait=still-42 'send=fg\n' wait=job raw \
		state=foreground send=q wait=71 'wait=$ ' 'send=echo status-$?\n' wait=status-5 \
		'send=exit 0\n' -- bash --norc --noprofile --noediting -i >report 2>pty-err ||
		fail "$(grep -a -m 1 "^pty: " pty-err)"
	reports 'foreground: raw, blocking' 'status: 0'
	grep -q '^background: raw' report && fail "raw in the background"
	grep -q 'background: .*nonblocking' report && fail "O_NONBLOCK in the background"
	return 0
}

test_hangup()
{
	on_tty -e err -O console appears=console sleep=300 hangup -- -- button poweroff
	cp console out
	reports 'status: 0'
	printed 'button: pressed'
}

# --- the keys ---

test_ctrl_a_x()
{
	on_tty -e err wait=ready 'send=\x01x' -- -- say:ready spin
	reports 'after: same' 'status: 120'
	ends 120 stopped
	took_between 0 8000
}

test_ctrl_a_x_in_two_pieces()
{
	on_tty -e err wait=ready 'send=\x01' sleep=400 send=x -- -- say:ready hang
	ends 120 stopped
}

test_ctrl_a_ctrl_a()
{
	on_tty wait=ready 'send=\x01\x01x\x01\x01q' -- -- keys exit:5
	ends 5 exit
	[[ $(sed -n 's/^key: //p' out | tr '\n' ' ') == '01 78 01 71 ' ]] ||
		fail "keys: $(sed -n 's/^key: //p' out | tr '\n' ' ')"
}

test_ctrl_a_h()
{
	on_tty -e err wait=ready 'send=\x01h' sleep=300 send=q -- -- keys exit:5
	ends 5 exit
	said 'Ctrl-A x'
	said 'Ctrl-A Ctrl-A'
	said 'Ctrl-A h'
	[[ $(sed -n 's/^key: //p' out | tr '\n' ' ') == '71 ' ]] || fail "the guest got it too"
}

test_ctrl_a_b()
{
	on_tty wait=ready 'send=\x01b' wait=break send=q -- -- keys exit:5
	ends 5 exit
}

test_ctrl_a_and_another_key()
{
	on_tty wait=ready 'send=\x01z\x01\rq' -- -- keys exit:5
	ends 5 exit
	[[ $(sed -n 's/^key: //p' out | tr '\n' ' ') == '71 ' ]] ||
		fail "keys: $(sed -n 's/^key: //p' out | tr '\n' ' ')"
}

# Ctrl-A x works with a guest that takes no input, whatever was typed before.
test_ctrl_a_x_after_much_typing()
{
	local typed

	printf -v typed '%0900d' 1
	on_tty -e err wait=ready "send=$typed" "send=$typed" "send=$typed" "send=$typed" \
		"send=$typed" \
		"send=$typed" sleep=200 'send=\x01x' -- -- say:ready hang
	ends 120 stopped
}

# The keys are for terminals: a pipe's Ctrl-A x is the guest's.
test_ctrl_a_from_a_pipe()
{
	vm_command -- keys exit:5
	printf '\001x\001\001q' | timeout -s KILL "$(patient 40)" "${command[@]}" >out 2>err
	status=$?
	ends 5 exit
	[[ $(sed -n 's/^key: //p' out | tr '\n' ' ') == '01 78 01 01 71 ' ]] ||
		fail "keys: $(sed -n 's/^key: //p' out | tr '\n' ' ')"
}

# --- O_NONBLOCK ---

nonblocking()
{
	local flags

	flags=$(sed -n 's/^flags:[[:space:]]*//p' "/proc/$BASHPID/fdinfo/$1")
	((0$flags & 04000))
}

test_never_nonblocking_on_a_pipe()
{
	local fd

	mkfifo in out-pipe err-pipe
	exec 5<>in 6<>out-pipe 7<>err-pipe
	vm_command -- keys write:4096 exit:5
	"${command[@]}" <&5 >&6 2>&7 &
	pid=$!
	until read -r -t 10 line <&6 && [[ $line == 'keys: ready' ]]; do
		:
	done
	for fd in 5 6 7; do
		nonblocking $fd && fail "descriptor $fd is nonblocking while lkvm runs"
	done
	printf q >&5
	cat <&6 >out &
	wait "$pid"
	status=$?
	: >err
	for fd in 5 6 7; do
		nonblocking $fd && fail "descriptor $fd is nonblocking afterwards"
	done
	kill %%
	ends 5 exit
}

# --- standard input that is no terminal ---

# from FILE: the guest must see exactly its bytes
sees()
{
	status=$?
	ends 5 exit
	printed "^echo: $(stat -c %s "$1") bytes, sum $(fnv "$1")\$"
}

test_input_from_a_file()
{
	head -c 6000 /dev/urandom >data
	vm_command -- echo:6000 exit:5
	timeout -s KILL "$(patient 40)" "${command[@]}" <data >out 2>err
	sees data
}

test_input_from_a_pipe()
{
	head -c 6000 /dev/urandom >data
	vm_command -- echo:6000 exit:5
	cat data | timeout -s KILL "$(patient 40)" "${command[@]}" >out 2>err
	sees data
}

test_input_from_a_slow_pipe()
{
	local at

	head -c 900 /dev/urandom >data
	vm_command -- echo:900 exit:5
	for at in 0 1 2 3 4 5 6 7 8; do
		dd if=data bs=100 skip=$at count=1 status=none
		sleep 0.05
	done | timeout -s KILL "$(patient 40)" "${command[@]}" >out 2>err
	sees data
}

# cpu_ms PID: what it has used
cpu_ms()
{
	local stat

	read -r -a stat <"/proc/$1/stat"
	echo $(((stat[13] + stat[14]) * 1000 / $(getconf CLK_TCK)))
}

# idles PID: a halted guest costs (nearly) nothing
idles()
{
	local before

	sleep 0.3
	before=$(cpu_ms "$1")
	sleep 1
	(($(cpu_ms "$1") - before < 100)) || fail "lkvm used $(($(cpu_ms "$1") - before)) ms in 1 s"
}

# Its end is no end of the guest, and costs nothing.
test_end_of_input()
{
	printf abc >data
	vm_command --grace 300ms -- echo:3 say:ready~ hang
	cat data | "${command[@]}" >out 2>err &
	pid=$!
	wait_for out ready
	pid=$(pgrep -g 0 -x "$(basename "$LKVM")")
	idles "$pid"
	kill -TERM "$pid"
	wait
	printed '^echo: 3 bytes'
}

test_end_of_input_file_and_null()
{
	local input

	printf abc >data
	for input in data /dev/null; do
		vm_command --grace 300ms -- say:ready~ hang
		"${command[@]}" <"$input" >out 2>err &
		pid=$!
		wait_for out ready
		idles "$pid"
		kill -TERM "$pid"
		wait "$pid"
		rm out
	done
}

# A guest that takes no input: the writer waits, nobody spins.
test_input_to_a_guest_that_takes_none()
{
	vm_command --grace 300ms -- say:ready~ hang
	"${command[@]}" < <(head -c 300000 /dev/zero) >out 2>err &
	pid=$!
	wait_for out ready
	idles "$pid"
	kill -TERM "$pid"
	wait "$pid"
	status=$?
	ends 120 stopped
}

test_input_is_held_while_rts_is_low()
{
	head -c 6000 /dev/urandom >data
	vm_command -- hold:1000 echo:6000 exit:5
	cat data | timeout -s KILL "$(patient 40)" "${command[@]}" >out 2>err
	sees data
	printed '^hold: nothing came'
}

# --- output ---

# A pipe that is full, so that the ring is all there is.
full_pipe()
{
	mkfifo pipe
	exec 5<>pipe 6<pipe
	head -c 65536 /dev/zero >&5
}

# A reader that does not read stops nobody; what is dropped is the oldest, counted in one line.
test_output_ring_drops_the_oldest() # SLOW
{
	local bytes=$((10 << 20)) dropped tail

	need_long
	full_pipe
	vm_command -- write:$bytes tell sleep:2000 exit:5
	"${command[@]}" >pipe 2>err 5>&- 6<&- &
	pid=$!
	# Nothing has been read when the guest has written all.
	wait_for err 'crash kernel' 3000
	cat <&6 >got 5>&- &
	exec 5>&- 6<&-
	wait "$pid"
	status=$?
	wait
	: >out
	ends 5 exit
	tail -c +65537 got >console
	numbered $bytes >all
	said_lines 2
	dropped=$(sed -n 's/.*console: \([0-9]*\) bytes of output were lost.*/\1/p' err)
	[[ $dropped ]] || fail "no line says how much was dropped"
	((dropped + $(stat -c %s console) == bytes)) ||
		fail "$dropped dropped and $(stat -c %s console) read are not $bytes"
	tail=$((256 * 1024))
	cmp -s <(tail -c $tail console) <(tail -c $tail all) ||
		fail "the newest 256 KiB are not whole"
}

# A tty writer in the guest waits instead: no interrupt, no loss.
test_output_ring_withholds_the_interrupt() # SLOW
{
	local bytes=$((264 * 1024))

	need_long
	full_pipe
	vm_command -- writeirq:$bytes exit:5
	"${command[@]}" >pipe 2>err 5>&- 6<&- &
	pid=$!
	wait_for err 'crash kernel' 1000
	cat <&6 >got 5>&- &
	exec 5>&- 6<&-
	wait "$pid"
	status=$?
	wait
	: >out
	ends 5 exit
	grep -q "were lost" err && fail "$(cat err)"
	tail -c +65537 got >console
	numbered $bytes | cmp -s - console ||
		fail "$(stat -c %s console) bytes of $bytes, or others"
}

test_output_to_a_slow_reader_is_whole()
{
	mkfifo pipe
	while IFS= read -r -N 4000 piece || [[ $piece ]]; do
		printf %s "$piece"
		sleep 0.04
	done <pipe >got &
	vm_command -- write:65536 exit:5
	timeout -s KILL "$(patient 40)" "${command[@]}" >pipe 2>err
	status=$?
	wait
	: >out
	ends 5 exit
	said_lines 0
	numbered 65536 | cmp -s - got || fail "$(stat -c %s got) bytes of 65536, or others"
}

test_output_to_a_file()
{
	echo before >file
	vm_command -- write:8192 exit:5
	timeout -s KILL "$(patient 40)" "${command[@]}" >>file 2>err
	status=$?
	: >out
	ends 5 exit
	{ echo before; numbered 8192; } | cmp -s - file || fail "the file is not what was written"
}

# On a terminal that nobody reads, Ctrl-A x and the way back to the old settings still work.
test_terminal_that_is_not_read()
{
	on_tty -e err wait=0004 hold=3000 'send=\x01x' hold=2800 state=held -- -- write:300000 spin
	reports 'held: cooked, blocking' 'after: same' 'status: 120'
}

# lkvm's own words are on standard error only.
test_own_words_on_standard_error()
{
	on_tty -O console -e err appears=console sleep=300 signal=TERM -- \
		--debug --grace 200ms -- say:only~ spin
	[[ $(<console) == only ]] || fail "standard output: $(<console)"
	said 'SIGTERM'
}
