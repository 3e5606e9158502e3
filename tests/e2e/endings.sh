# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2059,SC2086,SC2016
#
# How a run ends: each row of the table of exit statuses, and what stands below it.

# --- the exit port ---

test_exit_port_1_byte()
{
	local value

	for value in 0 1 42 120 121 125 143 255; do
		vm -- "exit:$value"
		ends "$value" exit
	done
}

test_exit_port_2_and_4_bytes()
{
	vm -- exit2:0x1205
	ends 5 exit
	vm -- exit2:0xff00
	ends 0 exit
	vm -- exit4:0x12345607
	ends 7 exit
}

# All that was written before reaches a reader that is slow at first, and then slow.
test_exit_port_flushes()
{
	mkfifo pipe
	{
		sleep 3
		dd bs=1000 count=1 status=none
		sleep 1
		cat
	} <pipe >got &
	vm_command -- write:81920 exit:9
	timeout -s KILL "$(patient 40)" "${command[@]}" >pipe 2>err
	status=$?
	wait
	: >out
	ends 9 exit
	numbered 81920 | cmp - got || fail "the reader got $(wc -c <got) bytes of 81920, or others"
}

# never_read [OPTION...] -- WORD...: a guest whose reader never reads; the pipe between is full from the start
never_read()
{
	mkfifo pipe
	exec 5<>pipe
	head -c 65536 /dev/zero >&5
	vm_command "$@"
	started=$(ms_now)
	"${command[@]}" >pipe 2>err 5>&- &
	pid=$!
	: >out
}

# A reader that never reads is waited for, which is said once, until a signal comes; the status is the run's.
test_exit_port_reader_never_reads()
{
	never_read -- say:x~ write:8192 exit:9
	wait_for err 'waits for the reader' 400
	sleep 1
	[[ -d /proc/$pid ]] || fail "lkvm did not wait"
	kill -TERM "$pid"
	wait "$pid"
	status=$?
	exec 5>&-
	ends 9 exit
	said_lines 2
	said 'waits for the reader of standard output'
	said 'console: [0-9]* bytes of output were lost'
}

test_exit_port_reader_never_reads_under_timeout()
{
	never_read --timeout 3s -- say:x~ exit:9
	wait "$pid"
	status=$?
	exec 5>&-
	ends 9 exit
	took_between 2900 6000
	said 'console: [0-9]* bytes of output were lost'
}

# Who asked for an end by force waits 2 s, no longer.
test_forced_end_reader_never_reads()
{
	never_read --timeout 1s -- say:x~ spin
	wait "$pid"
	status=$?
	exec 5>&-
	ends 124 timeout
	took_between 2900 7000
}

# A reader that closes at last is waited for no longer.
test_exit_port_reader_closes()
{
	never_read -- say:x~ exit:9
	wait_for err 'waits for the reader'
	exec 5>&-
	wait "$pid"
	status=$?
	ends 9 exit
	said 'standard output: Broken pipe'
}

# --- power-off, reset, crash ---

test_poweroff()
{
	vm -- poweroff
	ends 0 poweroff
	said_lines 0
}

test_reboot_by_keyboard_controller()
{
	vm -- reset:kbd
	ends 0 reboot
	vm --on-reboot=exit -- reset:kbd
	ends 0 reboot
	said_lines 0
}

test_reboot_by_cf9()
{
	vm -- reset:cf9
	ends 0 reboot
}

test_reboot_by_port_92()
{
	vm -- reset:p92
	ends 0 reboot
	vm --on-reboot=fail -- reset:p92
	ends 123 reboot
}

# The CPU alone, with a shutdown code: the guest goes on, also where a reboot would reset or fail
test_reset_of_the_cpu()
{
	local how

	for how in exit fail; do
		vm -k "${PAYLOAD%/*}/warm.bin" --kernel-type=flat --on-reboot=$how --
		ends "$([[ $how == exit ]] && echo 0 || echo 123)" reboot
		printed '^1234$'
	done
}

test_reboot_by_fadt_register()
{
	vm -- reset:fadt
	ends 0 reboot
}

test_on_reboot_fail()
{
	local how

	for how in kbd cf9 fadt; do
		vm --on-reboot=fail -- reset:$how
		ends 123 reboot
	done
}

test_triple_fault_deliberate()
{
	vm -- triple:empty
	ends 122 crash
	said 'triple fault'
	said 'deliberate'
}

test_triple_fault()
{
	vm -- triple:broken
	ends 122 crash
	said 'triple fault'
	grep -q deliberate err && fail "a broken table is called deliberate"
	said ' rip [0-9a-f]{16}'
}

# A crash under --on-reboot=reset is a crash all the same.
test_triple_fault_is_no_reboot()
{
	vm --on-reboot=reset -- triple:empty
	ends 122 crash
}

# --- panic ---

# ended_within MS: after the first console byte
ended_within()
{
	local first end

	[[ -x $JSON ]] || return 0
	first=$(result phases_ms.first_console_byte)
	end=$(result phases_ms.end)
	((${end%.*} - ${first%.*} <= $1)) ||
		fail "ended $end ms after the start, first byte at $first"
}

test_panic_until_end_marker()
{
	vm -- panic panicend spin
	ends 121 panic
	ended_within 1700
	printed 'end Kernel panic'
	said_lines 1
	said 'the guest panicked: Kernel panic - not syncing: test$'
	[[ $(result panic) == 'Kernel panic - not syncing: test' ]] || fail "panic: $(result panic)"
	[[ $(result console.-1) == *'end Kernel panic'* ]] || fail "the trace is not in the result"
}

test_panic_then_reset()
{
	local mode

	for mode in exit reset fail; do
		vm --on-reboot=$mode -- panic reset:kbd
		ends 121 panic
	done
}

test_panic_then_poweroff()
{
	vm -- panic poweroff
	ends 121 panic
}

test_panic_then_exit_port()
{
	vm -- panic exit:3
	ends 121 panic
}

test_panic_then_crash()
{
	vm -- panic triple:broken
	ends 121 panic
}

test_panic_then_hang() # SLOW
{
	started=$(ms_now)
	vm -- panic hang
	ends 121 panic
	took_between 1900 6000
}

# The trace goes on until 2 s of silence: a slow console is not cut.
test_panic_then_spin() # SLOW
{
	vm -- panic sleep:1500 say:late~ sleep:1500 say:later~ sleep:2900 say:too_late~ spin
	ends 121 panic
	printed '^late$'
	printed '^later$'
	grep -q '^too late' out && fail "the run went on after 2 s of silence"
	said_lines 1
	said '^lkvm: the guest panicked: Kernel panic - not syncing: test$'
}

# A guest that never stops to print is ended after 60 s.
test_panic_without_silence() # SLOW
{
	local words=() i

	need_long
	for i in {1..75}; do
		words+=(sleep:1000 say:more~)
	done
	started=$(ms_now)
	vm_start -- panic "${words[@]}" spin
	vm_wait
	ends 121 panic
	took_between 59000 69000
}

test_panic_text_within_a_line()
{
	vm -- 'say:a_user_says_Kernel_panic_-_not_syncing~' \
		'say:x_[____1.0]_Kernel_panic_-_not_syncing~' \
		'say:Kernel_panic~' exit:7
	ends 7 exit
	[[ $(result panic) == null ]] || fail "panic: $(result panic)"
}

test_panic_text_with_other_stamps()
{
	vm -- 'say:Kernel_panic_-_not_syncing:_no_stamp~' panicend spin
	ends 121 panic
	vm -- 'say:[____1.234567][____T1]_Kernel_panic_-_not_syncing:_caller~' panicend spin
	ends 121 panic
}

test_pvpanic()
{
	vm -- say:x~ pvpanic panicend spin
	ends 121 panic
	ended_within 1700
	said_lines 1
	said 'the guest panicked: .*pvpanic'
}

test_pvpanic_then_reset()
{
	vm --on-reboot=reset -- pvpanic reset:kbd
	ends 121 panic
}

test_pvpanic_then_hang() # SLOW
{
	started=$(ms_now)
	vm -- pvpanic hang
	ends 121 panic
	took_between 1900 6000
}

# The guest goes on; that it panicked stays the first cause.
test_on_panic_continue() # SLOW
{
	vm --on-panic=continue -- panic panicend sleep:2500 say:still_here~ exit:9
	printed '^still here$'
	ends 121 panic
	said_lines 1
	said 'the guest panicked: Kernel panic - not syncing: test$'
	[[ $(result panic) == 'Kernel panic - not syncing: test' ]] || fail "panic: $(result panic)"
}

test_on_panic_continue_resets()
{
	vm --on-panic=continue --on-reboot=reset -- panic panicend boots:2:kbd exit:9
	printed '^boot 2$'
	ends 121 panic
}

# --- reports of the kernel ---

WARNING='[____1.0]_WARNING:_CPU:_0_PID:_1_at_a.c:1_a+0x1/0x2~'
OOPS='[____1.1]_Oops:_0000_[#1]_SMP~'

test_reports_are_counted()
{
	vm -- say:$WARNING say:x~ say:$OOPS say:$WARNING exit:7
	ends 7 exit
	said_lines 0
	[[ $(result reports.warn) == 2 && $(result reports.oops) == 1 ]] || fail "$(result reports)"
	[[ $(result first_report.0) == *'WARNING: CPU: 0 PID: 1 at a.c:1 a+0x1/0x2' ]] ||
		fail "first: $(result first_report.0)"
	[[ $(result guest) == null ]] || fail "guest: $(result guest)"
}

test_fail_on()
{
	vm --fail-on=warning -- say:$WARNING exit:7
	ends 119 fault
	said_lines 1
	said '^lkvm: --fail-on=warning: .*WARNING: CPU: 0'
	if [[ -x $JSON ]]; then
		[[ $(result guest.reason) == exit && $(result guest.status) == 7 ]] ||
			fail "guest: $(result guest)"
	fi
	vm --fail-on=oops -- say:$WARNING poweroff
	ends 0 poweroff
	vm --fail-on=oops -- say:$OOPS poweroff
	ends 119 fault
	vm --fail-on=oops --on-reboot=fail -- say:$OOPS reset:kbd
	ends 119 fault
	vm --fail-on=warning -- say:$OOPS panic panicend spin
	ends 121 panic
	vm --fail-on=warning -- say:$OOPS triple:broken
	ends 122 crash
	vm --fail-on=warning --timeout 1s -- say:$OOPS spin
	ends 124 timeout
}

# What programs print, an old log for example, is no report; and they cannot hide one.
test_reports_of_programs()
{
	vm --fail-on=warning -- program:$WARNING program:$OOPS \
		'program:Kernel_panic_-_not_syncing:_old~' exit:7
	ends 7 exit
	printed 'WARNING: CPU'
	vm --fail-on=warning -- program:half_a_line say:$WARNING program:_and_the_rest~ exit:7
	ends 119 fault
	[[ $(result console) == *$'a+0x1/0x2\nhalf a line and the rest' ]] ||
		fail "console: $(result console)"
}

# --- halts ---

test_halt()
{
	started=$(ms_now)
	vm --on-halt=exit -- 'say:[____1.0]_reboot:_System_halted~' hang
	ends 0 halt
	took_between 900 9000
	said_lines 0
	vm --on-halt=exit --fail-on=warning -- say:$WARNING 'say:reboot:_System_halted~' hang
	ends 119 fault
}

test_halt_that_is_a_crash() # SLOW
{
	vm --on-halt=exit -- 'say:out_of_memory~_--_System_halted' hang
	ends 122 crash
	said 'the last line of the console:  -- System halted$'
	said ' rip '
	# A program cannot make a success of it.
	vm --on-halt=exit -- 'program:reboot:_System_halted~' hang
	ends 122 crash
}

test_halt_with_other_cpus() # SLOW
{
	vm -c 3 --on-halt=exit -- smp:3 'say:reboot:_System_halted~' hang
	ends 0 halt
	vm -c 2 --on-halt=exit --timeout 3s -- smp:2:spin hang
	ends 124 timeout
}

# Neither a machine that waits with --on-halt=wait nor one that is paused ends.
test_halt_that_does_not_count() # SLOW
{
	vm --on-halt=wait --timeout 3s -- hang
	ends 124 timeout
	up --on-halt=exit -- say:ready~ sleep:300 hang
	control 0 pause vm
	sleep 3
	[[ -d /proc/$pid ]] || fail "a paused machine ended"
	control 0 resume vm
	vm_wait
	ends 122 crash
}

# --- time-outs ---

test_timeout()
{
	vm --timeout 1s -- say:hello~ spin
	ends 124 timeout
	took_between 950 5000
	said_lines 1
	said -- '--timeout'
}

test_timeout_of_a_halted_guest()
{
	vm --timeout 700ms -- hang
	ends 124 timeout
	took_between 650 5000
}

test_boot_timeout()
{
	vm --boot-timeout 1s -- spin
	ends 124 timeout
	took_between 950 5000
	said_lines 1
	said -- '--boot-timeout'
}

test_boot_timeout_after_a_byte()
{
	vm --boot-timeout 500ms -- say:x sleep:1200 exit:3
	ends 3 exit
	said_lines 0
}

test_no_timeout_for_a_quick_guest()
{
	vm --timeout 20s --boot-timeout 20s -- say:x exit:4
	ends 4 exit
	took_between 0 8000
}

# --- signals ---

press()
{
	wait_for out 'button: waiting'
	kill "-$1" "$pid"
}

test_sigterm_graceful()
{
	vm_start -- button poweroff
	press TERM
	vm_wait
	ends 0 poweroff
	printed 'button: pressed'
	said_lines 1
	said SIGTERM
}

test_sigint_and_sighup_graceful()
{
	local signal

	for signal in INT HUP; do
		vm_start -- button poweroff
		press $signal
		vm_wait
		ends 0 poweroff
		said "SIG$signal"
		rm out
	done
}

test_sigterm_forced()
{
	vm_start --grace 1s -- button spin
	press TERM
	started=$(ms_now)
	vm_wait
	ends 120 stopped
	took_between 950 5000
	said_lines 2
}

test_sigterm_forced_halted()
{
	vm_start --grace 500ms -- say:ready~ hang
	wait_for out ready
	kill -TERM "$pid"
	started=$(ms_now)
	vm_wait
	ends 120 stopped
	took_between 450 5000
}

second_signal()
{
	vm_start -- button spin
	press "$1"
	wait_for out 'button: pressed'
	started=$(ms_now)
	kill "-$2" "$pid"
	vm_wait
	ends "$3" signal
	took_between 0 8000
	rm out
}

test_second_signal()
{
	second_signal TERM TERM 143
	second_signal INT INT 130
	second_signal HUP HUP 129
	second_signal TERM INT 130
	second_signal HUP TERM 143
}

test_exit_during_grace()
{
	vm_start -- button exit:5
	press TERM
	vm_wait
	ends 5 exit
}

test_reboot_during_grace()
{
	vm_start -- button reset:kbd
	press TERM
	vm_wait
	ends 0 reboot
}

test_panic_during_grace()
{
	vm_start -- button panic panicend spin
	press TERM
	vm_wait
	ends 121 panic
}

test_timeout_during_grace()
{
	vm_start --timeout 2s --grace 20s -- button spin
	press TERM
	vm_wait
	ends 124 timeout
	took_between 1950 6000
}

test_signal_after_panic()
{
	vm_start -- panic say:ready~ spin
	wait_for out ready
	kill -TERM "$pid"
	vm_wait
	ends 121 panic
}

# A signal before the guest runs is not lost.
test_signal_at_once()
{
	vm_start --grace 1s -- spin
	while [[ ! -e result.json && -d /proc/$pid ]]; do
		sleep 0.005
	done
	sleep 0.02
	kill -TERM "$pid"
	vm_wait
	case $status in
	120)	ends 120 stopped ;;
	143)	: ;;
	*)	fail "status $status" ;;
	esac
}

# A reader that goes away ends nothing.
test_sigpipe()
{
	vm_command -- say:first~ sleep:300 write:32768 sleep:100 exit:6
	{
		timeout -s KILL "$(patient 40)" "${command[@]}" 2>err
		echo $? >status
	} | head -n 1 >out
	while [[ ! -s status ]]; do
		sleep 0.02
	done
	status=$(<status)
	ends 6 exit
	said_lines 1
	said 'standard output'
}

test_closed_descriptors()
{
	local limit

	vm_command -- say:x~ exit:8
	limit=$(patient 40) # here, for it needs descriptors
	timeout -s KILL "$limit" "${command[@]}" <&- >&- 2>&-
	status=$?
	: >out
	: >err
	ends 8 exit
}

# --- reset in place ---

test_ten_resets()
{
	local how

	for how in kbd cf9 fadt; do
		vm --on-reboot=reset -- boots:10:$how exit:11
		ends 11 exit
		said_lines 0
		cmp -s <(grep -a '^boot' out) <(printf 'boot %d\n' {1..10}) ||
			fail "boots: $(grep -a '^boot' out | tr '\n' ' ')"
	done
}

# A guest that does nothing but reset is ended like any other.
test_resets_without_end()
{
	vm --on-reboot=reset --timeout 1s -- reset:cf9
	ends 124 timeout
	vm_start -c 2 --on-reboot=reset --grace 500ms -- say:x~ smp:2 reset:kbd
	wait_for out x
	kill -TERM "$pid"
	vm_wait
	ends 120 stopped
	vm_start --on-reboot=reset --grace 20s -- say:x~ reset:kbd
	wait_for out x
	kill -TERM "$pid"
	wait_for err SIGTERM
	kill -TERM "$pid"
	vm_wait
	ends 143 signal
}

# The next reset may come before every vCPU has seen the end of the last.
test_reset_in_quick_succession()
{
	vm -c 4 --on-reboot=reset -- boots:40:cf9 exit:7
	ends 7 exit
}

test_resets_with_four_cpus()
{
	vm -c 4 --on-reboot=reset -- smp:4 boots:5:kbd exit:11
	ends 11 exit
	[[ $(grep -a -c 'smp: all came, 4' out) == 5 ]] || fail "not all CPUs came at each boot"
	# Others that were running wait for SIPI again.
	vm -c 3 --on-reboot=reset -- smp:3:spin boots:3:kbd exit:11
	ends 11 exit
	[[ $(grep -a -c 'smp: all came, 3' out) == 3 ]] || fail "not all CPUs came at each boot"
}

# One CPU is in a `rep movs` from registers that nobody has, about a thousand exits, as another resets.
test_reset_in_the_middle_of_an_instruction()
{
	vm -c 2 --on-reboot=reset -- rep-reset:10 exit:11
	ends 11 exit
	[[ $(grep -a -c '^boot ' out) == 10 ]] || fail "$(grep -a -c '^boot ' out) boots of 10"
}

# Registers are as at power-on, and KVM does not write its clock into RAM any more.
test_reset_brings_chips_back()
{
	vm --on-reboot=reset -- ram chips boots:3:kbd exit:11
	ends 11 exit
	[[ $(grep -a -c '^chips: ' out) == 3 ]] || fail "not 3 boots"
	[[ $(grep -a '^chips: ' out | sort -u | wc -l) == 1 ]] ||
		fail "two kinds: $(grep -a '^chips: ' out | sort -u | tr '\n' ';')"
}

test_reset_brings_interrupts_back()
{
	vm --on-reboot=reset -- writeirq:64 boots:3:kbd exit:11
	ends 11 exit
	[[ $(grep -a -c 000000000000003 out) == 3 ]] || fail "not 3 times all lines"
}

test_reset_in_a_halt_of_others()
{
	vm_start -c 2 --on-reboot=reset --grace 1s -- smp:2 boots:3:cf9 hang
	wait_for out 'boot 3'
	kill -TERM "$pid"
	vm_wait
	ends 120 stopped
}

# with_input WORD...: the payload with standard input from a pipe that we write with >&5
with_input()
{
	mkfifo in
	vm_command "$@"
	"${command[@]}" <in >out 2>err &
	pid=$!
	exec 5>in
}

test_reset_boots_a_changed_kernel()
{
	cp "$PAYLOAD" kernel
	with_input --on-reboot=reset -k kernel -- say:ready~ echo:1 boots:2:kbd exit:11
	wait_for out ready
	cp "$PAYLOAD" new
	printf x >>new
	mv new kernel
	echo y >&5
	wait_for err changed
	until [[ $(grep -c ready out) == 2 ]]; do
		sleep 0.02
	done
	echo y >&5
	vm_wait
	ends 11 exit
	said_lines 1
	said 'kernel kernel.*changed'
}

test_reset_without_its_kernel()
{
	cp "$PAYLOAD" kernel
	with_input --on-reboot=reset -k kernel -- say:ready~ echo:1 boots:2:kbd exit:11
	wait_for out ready
	rm kernel
	echo y >&5
	vm_wait
	ends 125 error
	said_lines 1
	said 'kernel kernel: No such file'
}

# --- the result ---

test_result_says_running()
{
	echo '{"reason":"exit","status":0}' >result.json
	vm_start -- say:ready~ spin
	wait_for out ready
	[[ $(result reason) == running ]] || fail "reason $(result reason) while it runs"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	[[ $(result reason) == running ]] || fail "reason $(result reason) after SIGKILL"
	[[ $(ls) == $'err\nout\nresult.json\nrun' ]] || fail "left: $(ls | tr '\n' ' ')"
	# The lock of a dead instance blocks nobody; its file is all that may be left.
	rm -f run/*.lock run/*.sock
}

test_result_replaces_an_older_one()
{
	{ printf '{"x":"'; head -c 100000 /dev/zero | tr '\0' x; printf '"}'; } >result.json
	vm -- exit:5
	ends 5 exit
	echo '{"reason":"exit","status":0}' >result.json
	vm --no-such-option -- exit:5
	ends 125 error
	echo '{"reason":"exit","status":0}' >result.json
	vm -k nosuch -- exit:5
	ends 125 error
}

test_result_content()
{
	local phase last=-1 ms

	vm --name some-name -- say:hello~ open say:unfinished exit:5
	ends 5 exit
	[[ $(result name) == some-name ]] || fail "name $(result name)"
	[[ $(result panic) == null ]] || fail "panic $(result panic)"
	(($(result exits.io) > 10)) || fail "exits.io is $(result exits.io)"
	[[ $(result console) == $'hello\nunfinished' ]] || fail "console: $(result console)"
	[[ $(result phases_ms | xargs) == \
		'exec options kvm vm_ready first_kvm_run first_console_byte init end' ]] ||
		fail "phases: $(result phases_ms)"
	for phase in $(result phases_ms); do
		ms=$(result "phases_ms.$phase")
		ms=$((10#${ms/./}))
		((ms >= last && ms < 20000000)) || fail "$phase at $ms us, after $last us"
		last=$ms
	done
	vm -- exit:5
	[[ $(result name) == guest-[0-9]* ]] || fail "name $(result name)"
	[[ $(result phases_ms.first_console_byte) == null ]] ||
		fail "a console byte that never came"
	[[ $(result phases_ms.init) == null ]] || fail "an init that never came"
	vm -- 'say:[____0.598765]_Run_/init_as_init_process~' exit:5
	[[ $(result phases_ms.init) != null ]] || fail "an init that was announced, not noted"
}

test_result_last_200_lines()
{
	vm -- write:4800 exit:5
	ends 5 exit
	[[ $(result console | wc -l) == 200 ]] ||
		fail "$(result console | wc -l) lines instead of 200"
	[[ $(result console) == $(numbered 4800 | tail -n 200) ]] || fail "not the last lines"
}

test_result_is_valid_json()
{
	vm -- $'say:bytes_\x01\x1b[1m_"\\_\xff\xfe_\xc3\xa4_\xed\xa0\x80~' exit:5
	ends 5 exit
	[[ $(result console.0) == $'bytes \x01\x1b[1m "\\ '*$'\xc3\xa4'* ]] ||
		fail "console: $(result console.0)"
}

# --- the end of a command (--exec) ---

# command_vm ACTION OPTION...: a guest with lkvm's init and a command, as far as lkvm can tell: the header of the
# payload gets the version of a Linux kernel, and so the payload gets lkvm's initramfs.
command_vm()
{
	local action=$1

	shift
	sed 's/lkvm test payload/6.1.0-the-payload/' "$PAYLOAD" >kernel
	vm -k kernel --no-nodefaults -p "$action" --exec true "$@"
}

test_command_without_status()
{
	command_vm do=poweroff
	ends 125 error
	said '^lkvm: --exec: the guest ended before the command: it powered off, '
	said_lines 1
	command_vm do=reset:kbd
	ends 125 error
	said '^lkvm: --exec: the guest ended before the command: it rebooted, '
	command_vm do=reset:kbd --on-reboot=fail
	ends 123 reboot
	command_vm 'do=say:reboot:_System_halted~ do=hang' --on-halt=exit
	ends 125 error
	said '^lkvm: --exec: the guest ended before the command: it halted, '
	command_vm do=exit:0
	ends 0 exit
	command_vm do=triple
	ends 122 crash
}

test_command_status_by_serial_port()
{
	command_vm do=status:42
	ends 42 exit
	printed '^status: forged'
	command_vm do=status:0
	ends 0 exit
	command_vm 'do=boots:2:kbd do=status:7' --on-reboot=reset
	ends 7 exit
	command_vm do=status:42 --tty 1 --tty 2 --tty 3 --timeout 2s
	ends 124 timeout
	printed '^status: no number in the initrd'
}

# without_busybox COMMAND...: where the host has no busybox
without_busybox()
{
	local path hide=:

	for path in /bin/busybox /usr/bin/busybox /usr/local/bin/busybox /sbin/busybox; do
		[[ ! -e $path ]] || hide+="; mount --bind /dev/null $path"
	done
	unshare -rm sh -c "$hide"'; exec "$@"' sh "$@"
}

# What lkvm's own shell cannot run is refused before the boot.
test_command_for_own_shell()
{
	local case

	without_busybox true 2>/dev/null || skip "no user namespace to hide the host's busybox in"
	sed 's/lkvm test payload/6.1.0-the-payload/' "$PAYLOAD" >kernel
	command=("$LKVM" run -k kernel -m 64 -c 1 -p do=exit:3)
	for case in 'a loop \(while\):while x; do y; done' 'command substitution:echo $(x)' \
		'a here-document:cat <<x' "the command 'trap':trap x EXIT"; do
		without_busybox "${command[@]}" --exec "${case#*:}" >out 2>err
		status=$?
		((status == 125)) || fail "${case#*:}: status $status"
		said "^lkvm: --exec: has ${case%%:*}.*, which lkvm's own shell does not know: install a static busybox"
		said_lines 1
	done
	without_busybox "${command[@]}" --exec 'echo "x' >out 2>err
	said '^lkvm: --exec: a quote \("\) is not closed$'
	without_busybox "${command[@]}" --exec 'A=x; echo "$A" | cat >/f && (exit 5)' >out 2>err
	status=$?
	((status == 3)) || fail "a command that is fine: status $status"
	nothing_left
}

# A run that ends by an error says which, on standard error and in the result.
test_event_loop_that_fails()
{
	vm_command -- say:ready~ hang
	timeout -s KILL "$(patient 40)" "$E2E_TOP/build/e2e/forbid" epoll_wait -- "${command[@]}" >out 2>err
	status=$?
	((status != 77)) || skip "no seccomp filters here"
	nothing_left
	ends 125 error
	said_lines 1
	said '^lkvm: event loop: Operation not permitted$'
	[[ ! -x $JSON || $(result error) == "event loop: Operation not permitted" ]] ||
		fail "the result's error is $(result error)"
}
