# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# --console-log FILE: a copy of the console's output, for which the guest never waits: not for a FIFO
# whose reader sleeps, nor for a disk that is full.

BYTES=98304 # more than a pipe takes

# logged [OPTION...]: the payload writes BYTES and ends, with its own status and all of its output
logged()
{
	started=$(ms_now)
	vm "$@" -- "write:$BYTES" exit:7
	ends 7 exit
	numbered $BYTES >want
	cmp -s want out || fail "standard output is not what the guest wrote"
}

test_copy()
{
	echo 'from an earlier run' >log
	logged --console-log log
	cmp -s want log || fail "the log is not what the guest wrote"
	said_lines 0
}

# Nobody reads standard output, and a pipe does not hold it: the log has it all the same.
test_copy_of_what_nobody_reads()
{
	mkfifo unread
	exec 5<>unread
	vm_command --console-log log -- "write:$BYTES" exit:7
	numbered $BYTES >want
	timeout -s KILL "$(patient 40)" "${command[@]}" >unread 2>err 5<&- &
	pid=$!
	for ((i = 0; i < 300; i++)); do
		! cmp -s want log || break
		sleep 0.1
	done
	# lkvm waits for its reader as any program does, until that goes away.
	exec 5<&-
	wait "$pid"
	status=$?
	((status == 7)) || fail "status $status"
	cmp -s want log || fail "the log is not what the guest wrote"
}

test_fifo_whose_reader_sleeps()
{
	mkfifo fifo
	exec 5<>fifo
	logged --console-log fifo
	said_lines 1
	said '--console-log fifo: is not written out after 2 s; the last [0-9]+ bytes are lost$'
	took_between 2000 30000
}

test_full_disk()
{
	logged --console-log /dev/full
	said_lines 1
	said '--console-log /dev/full: No space left on device; the log ends here$'
}

on_full_disk()
{
	logged --console-log full/log
	said_lines 1
	said '--console-log full/log: No space left on device; the log ends here$'
	cmp -s <(head -c "$(stat -c %s full/log)" want) full/log || fail "what is there is not the beginning"
}

test_disk_that_fills_up()
{
	export BYTES
	export -f on_full_disk logged
	mounted tmpfs 32k on_full_disk
}

test_bad_files()
{
	mkdir dir
	mkfifo fifo
	refused '--console-log dir: Is a directory' "${good[@]}" --console-log dir
	refused '--console-log no/such: No such file' "${good[@]}" --console-log no/such
	refused '--console-log fifo: a FIFO that nobody reads' "${good[@]}" --console-log fifo
	refused '--console-log takes' "${good[@]}" --console-log ''
}

test_tty_numbers()
{
	local n

	for n in 0 4 x 1,2 -1 '' 18446744073709551617; do
		refused "--tty takes 1\|2\|3; got '$n'" "${good[@]}" "--tty=$n"
	done
}
