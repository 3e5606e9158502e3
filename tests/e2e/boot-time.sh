# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012
#
# How long a boot takes: --budget, and the trace of --boot-trace.
#
# The payload's word `open` does what Linux does to the console for its init.

# --- the budget ---

test_budget_in_time()
{
	vm --budget 20s -- open exit:0
	ends 0 exit
	said_lines 0
	vm --budget 20s -- open exit:3
	ends 3 exit
	vm --budget 0 -- poweroff
	ends 0 poweroff
}

# The run ends when init is reached, with the figure.
test_budget_exceeded()
{
	vm --budget 1ms -- open say:goes_on~ spin
	ends 125 error
	said_lines 1
	said '^lkvm: --budget: init after [0-9]+\.[0-9] ms; 1 ms allowed$'
	[[ $(result phases_ms.init) != null ]] || fail "init is not in the result"
}

test_budget_exceeded_by_the_log()
{
	vm --budget 0.5ms -- 'say:[____0.598765]_Run_/init_as_init_process~' spin
	ends 125 error
	said '^lkvm: --budget: init after [0-9]+\.[0-9] ms; 0.5 ms allowed$'
}

# A guest that ends well without an init has not been in time.
test_budget_without_init()
{
	vm --budget 20s -- poweroff
	ends 125 error
	said_lines 1
	said '^lkvm: --budget: init not seen before the end \(poweroff\) after [0-9]+\.[0-9] ms$'
	vm --budget 20s -- exit:0
	ends 125 error
	vm --budget 20s -- reset:kbd
	ends 125 error
}

test_budget_of_a_guest_that_hangs() # SLOW
{
	vm --budget 100ms -- hang
	ends 125 error
	took_between 10050 16000
	said_lines 1
	said '^lkvm: --budget: init not seen after 1[0-9]{4} ms; 100 ms allowed$'
}

test_budget_is_not_the_first_cause()
{
	vm --budget 1ms -- exit:7
	ends 7 exit
	said_lines 0
	vm --budget 1ms -- panic open panicend spin
	ends 121 panic
	said_lines 1
	said 'the guest panicked'
	vm --budget 1ms --timeout 200ms -- spin
	ends 124 timeout
	vm --budget 10s --timeout 500ms -- spin
	ends 124 timeout
	vm --budget 1ms -- triple:broken
	ends 122 crash
}

# Time runs from the start of lkvm to the first init, whatever came in between.
test_budget_and_resets()
{
	vm --budget 20s --on-reboot=reset -- boots:3:kbd open exit:0
	ends 0 exit
	vm --budget 20s --on-reboot=reset -- open boots:3:kbd exit:0
	ends 0 exit
	vm --budget 1ms --on-reboot=reset -- boots:3:kbd open spin
	ends 125 error
	said_lines 1
	vm --budget 1ms --dry-run -- open
	ends 0 exit
	said_lines 0
}

test_budget_bad_values()
{
	local value

	for value in x -1 '' 600us 1d ' 1' 1,5s; do
		vm "--budget=$value" -- open exit:0
		ends 125 error
		said_lines 1
		said 'option --budget takes DURATION'
	done
	vm --no-budget -- open exit:0
	ends 125 error
}

# --- the trace ---

traced()
{
	vm --boot-trace trace.json "$@"
}

trace()
{
	"$JSON" trace.json "$1" 2>/dev/null
}

# Sets events, by phase: their places in traceEvents
find_events()
{
	local i=0 name

	"$JSON" trace.json traceEvents >/dev/null || fail "trace.json is not valid"
	declare -gA events=()
	order=
	while name=$(trace "traceEvents.$i.name"); do
		if [[ $(trace "traceEvents.$i.ph") == X ]]; then
			[[ ! ${events[$name]:-} ]] || fail "two events $name"
			events[$name]=$i
			order+="${order:+ }$name"
		fi
		i=$((i + 1))
	done
}

# event PHASE NAME: a value of this phase's event, or 0
event()
{
	trace "traceEvents.${events[$1]}.$2" || echo 0
}

# sum NAME: over the events of all phases
sum()
{
	local phase sum=0

	for phase in "${!events[@]}"; do
		sum=$((sum + $(event "$phase" "$1")))
	done
	echo $sum
}

# equal GOT WANTED WHAT
equal()
{
	[[ $1 == "$2" ]] || fail "$3: $1 instead of $2"
}

all_phases='exec options kvm vm_ready first_kvm_run first_console_byte init end'

test_trace_counts()
{
	traced -- write:1600 open write:3200 mmio exit:5
	ends 5 exit
	find_events
	equal "$order" "$all_phases" phases
	# The word `mmio` says a line of 15 bytes.
	equal "$(sum 'args.places.out 0x3f8 serial0')" $((1600 + 3200 + 15)) "bytes written"
	# A byte is counted in the phase in which it was sent: the first one ends it.
	equal "$(event first_kvm_run 'args.places.out 0x3f8 serial0')" 1 "first byte"
	equal "$(event first_console_byte 'args.places.out 0x3f8 serial0')" 1599 "before init"
	equal "$(event init 'args.places.out 0x3f8 serial0')" 3215 "after init"
	equal "$(event first_console_byte 'args.places.out 0x3f9 serial0')" 2 "IER"
	equal "$(sum 'args.places.out 0xf4 exit-port')" 1 "exit port"
	equal "$(sum 'args.places.write 0xd0000000 nobody')" 1 "MMIO writes"
	equal "$(sum 'args.places.read 0xd0000000 nobody')" 2 "MMIO reads"
	equal "$(sum args.exits.mmio)" 3 "MMIO exits"
	equal "$(sum args.exits.io)" "$(result exits.io)" "port exits"
}

# Events follow one another without a gap, as the result has the phases.
test_trace_times()
{
	local phase at next=0.000

	traced -- say:x~ open exit:5
	find_events
	for phase in $order; do
		at=$(event "$phase" ts)
		equal "$at" "$next" "$phase begins"
		next=$(awk "BEGIN { printf \"%.3f\", $at + $(event "$phase" dur) }")
		awk "BEGIN { d = $at / 1000 - $(result "phases_ms.$phase"); exit d * d > 1e-5 }" ||
			fail "$phase at $at us, in the result $(result "phases_ms.$phase") ms"
	done
	equal "$(trace otherData.reason)" exit reason
	equal "$(trace otherData.status)" 5 status
}

test_trace_table()
{
	local phase

	traced -- open write:1600 exit:0
	ends 0 exit
	said '^lkvm:   boot phase +at ms +took ms +exits +io +mmio +halt +others$'
	for phase in $all_phases; do
		said "^lkvm:   $phase +[0-9]+\.[0-9]{3} +[0-9]+\.[0-9]{3}( +[0-9]+){5}$"
	done
	said '^lkvm: {48}1599  out 0x3f8 serial0$'
	said '^lkvm: {51}1  out 0xf4 exit-port$'
	traced --loglevel=error -- exit:0
	said '^lkvm:   boot phase '
	rm trace.json
	vm -- open exit:0
	said_lines 0
	[[ ! -e trace.json ]] || fail "a trace nobody asked for"
}

# Resets in place add to the last phase; the phases are those of the first boot.
test_trace_of_resets()
{
	traced --on-reboot=reset -- say:x~ open boots:4:cf9 exit:5
	ends 5 exit
	find_events
	equal "$order" "$all_phases" phases
	equal "$(event init 'args.places.out 0xcf9 pci-config')" 3 "resets"
	equal "$(sum args.exits.io)" "$(result exits.io)" "port exits"
}

test_trace_of_processors()
{
	traced -c 4 -- smp:4:spin open write:4800 exit:5
	ends 5 exit
	find_events
	equal "$(sum args.exits.io)" "$(result exits.io)" "port exits"
}

test_trace_of_a_dry_run()
{
	traced --dry-run -- exit:5
	ends 0 exit
	find_events
	equal "$order" 'exec options kvm vm_ready end' phases
	said '^lkvm:   vm_ready '
}

# A run that fails early says its one line and no table; its file is complete all the same.
test_trace_of_an_error()
{
	echo '{"older":1}' >trace.json
	traced -k nosuch -- exit:5
	ends 125 error
	said_lines 1
	find_events
	equal "$order" 'exec end' phases
	equal "$(trace otherData.reason)" error reason
}

test_trace_with_a_budget()
{
	traced --budget 1ms -- open spin
	ends 125 error
	said '^lkvm: --budget: init after '
	find_events
	equal "$(trace otherData.status)" 125 status
}

test_trace_into_the_result()
{
	traced --boot-trace ./result.json -- exit:5
	ends 125 error
	said_lines 1
	said '--boot-trace ./result.json: is the file of --result'
}

# From the start it is valid and nobody else's.
test_trace_while_it_runs()
{
	echo '{"older":1}' >trace.json
	vm_start --boot-trace trace.json -- say:ready~ spin
	wait_for out ready
	equal "$(trace traceEvents)" '' "events while it runs"
	find_events
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	rm -f run/*.lock run/*.sock
}
