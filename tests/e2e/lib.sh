# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2012
#
# What the end-to-end tests share, and the start of each: bash lib.sh GROUP.sh test_NAME DIRECTORY
#
# A test is in its own directory and process group. It ends with `fail` or `skip`, or by returning.
# Whatever it does, afterwards the runtime directory must be empty and no process may be left.
#
#   vm [OPTION...] [-- WORD...]	run the payload with do=WORD...; sets status; out and err are files
#   vm_start ...		the same in the background; sets pid. vm_wait: its end
#   up, control		the same named vm, and a command for it
#   ends STATUS REASON		how it ended, by its exit status and by the result
#   printed, said REGEX		what is on standard output, on standard error
#   refused REGEX OPTION...	one line, status 125, nothing left behind
set -u

PAYLOAD=$E2E_TOP/build/guest/payload.bin
PTY=$E2E_TOP/build/e2e/pty
JSON=$E2E_TOP/build/e2e/json

fail()
{
	exec 2>&1
	for file in out err; do
		[[ -s $file ]] && echo "--- $file" && tail -n 20 "$file" && echo
	done
	echo "$*"
	exit 1
}

skip()
{
	echo "$*"
	exit 77
}

need()
{
	local tool

	for tool; do
		PATH=$PATH:/sbin:/usr/sbin command -v "$tool" >/dev/null || skip "$tool is missing"
	done
}

# patient LIMIT: what a limit that is fair on an idle machine is now (tests/lib/patience.c)
patient()
{
	echo $(($1 * $("$E2E_PATIENCE") / 100))
}

# --- running the payload ---

# Sets command: options, then behind "--" the payload's words. What a test gives comes last, so that
# it wins.
vm_command()
{
	local options=() words="" word

	while (($#)) && [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	for word in "${@:2}"; do
		words+=" do=$word"
	done
	# A payload that hangs does so until the test ends it.
	command=("$LKVM" run -k "$PAYLOAD" -m 64 -c 1 --on-halt=wait --nodefaults -p "${words# }")
	[[ -x $JSON ]] && command+=(--result result.json)
	command+=("${options[@]}")
}

vm()
{
	vm_command "$@"
	timeout -s KILL "$(patient 40)" "${command[@]}" >out 2>err
	status=$?
	((status != 137)) || fail "lkvm had to be killed: ${command[*]:1}"
	nothing_left
}

vm_start()
{
	vm_command "$@"
	# Here already: what an earlier run of the test left must not be taken for this one's.
	: >out
	: >err
	"${command[@]}" >out 2>err &
	pid=$!
}

vm_wait()
{
	wait "$pid"
	status=$?
	nothing_left
}

# busy_bytes SECONDS: how many of write:BYTES take about so long, an exit a byte
busy_bytes()
{
	[[ $E2E_KIND == native ]] && echo $(($1 * 400000)) || echo $(($1 * 40000))
}

# wait_for FILE REGEX [SECONDS]
wait_for()
{
	local tries=$(($(patient "${3:-10}") * 50))

	until grep -Eq -- "$2" "$1" 2>/dev/null; do
		((tries-- > 0)) || fail "'$2' did not appear in $1"
		sleep 0.02
	done
}

# --- the control socket ---

# up [OPTION...] -- WORD...: a machine named vm that says "ready" and is there for the commands
up()
{
	vm_start --name vm "$@"
	wait_for out ready
}

# control STATUS ARGUMENT...: lkvm, with its output in said and shown
control()
{
	local want=$1 got=0
	shift
	timeout -s KILL "$(patient 30)" "$LKVM" "$@" >shown 2>complained || got=$?
	((got == want)) || fail "lkvm $*: status $got instead of $want: $(tail -c 300 shown) $(cat complained)"
}

# ask LINE...: sends them to the socket as they are, and prints what comes back
ask()
{
	need socat
	printf '%s\n' "$@" | timeout "$(patient 10)" socat -t "$(patient 5)" - "UNIX-CONNECT:$LKVM_RUNTIME_DIR/vm.sock"
}

# --- on a terminal ---

# run_on_tty STEP... -- COMMAND...: what pty.c did is in report, what was on the screen in screen
run_on_tty()
{
	"$PTY" -o screen "$@" >report 2>pty-err || fail "$(grep -a -m 1 "^pty: " pty-err)"
}

# reports LINE...: each of them is in report
reports()
{
	local line

	for line; do
		grep -qx -- "$line" report || fail "not '$line' but: $(tr '\n' ';' <report)"
	done
}

# --- what came of it ---

result()
{
	"$JSON" result.json "$1"
}

ends()
{
	local reason

	if grep -aq '^bad: ' out; then
		fail "the payload says: $(grep -a '^bad: ' out | head -n 1)"
	fi
	((status == $1)) || fail "status $status instead of $1"
	reason=$(result reason) || fail "no result"
	[[ $reason == "$2" ]] || fail "reason $reason instead of $2"
	[[ $(result status) == "$1" ]] || fail "the result's status is $(result status)"
}

# What takes minutes runs under check-long only
need_long()
{
	[[ ${E2E_LONG:-} ]] || skip "minutes long: make check-long runs it"
}

printed()
{
	grep -aEq -- "$1" out || fail "standard output lacks '$1'"
}

said()
{
	grep -Eq -- "$1" err || fail "standard error lacks '$1'"
}

# said_lines N: exactly so many lines on standard error
said_lines()
{
	local lines

	lines=$(wc -l <err)
	((lines == $1)) || fail "$lines lines on standard error instead of $1"
}

# nothing in the runtime directory: after each run
nothing_left()
{
	local left

	[[ -d $LKVM_RUNTIME_DIR ]] || return 0
	left=$(ls -A "$LKVM_RUNTIME_DIR")
	[[ -z $left ]] || fail "left in the runtime directory: $left"
	left=$(find . -name '*.tmp')
	[[ -z $left ]] || fail "left behind: $left"
}

ms_now()
{
	local now=${EPOCHREALTIME/[.,]/}

	echo $((now / 1000))
}

# sanitized: is it a build with a sanitizer, which reserves address space by the terabyte and is slow?
sanitized()
{
	! (ulimit -v 400000 && "$LKVM" version) >/dev/null 2>&1
}

# took_between MIN MAX: milliseconds since `started=$(ms_now)`; MAX is for an idle machine
took_between()
{
	local took=$(($(ms_now) - started)) max

	max=$(patient "$2")
	((took >= $1 && took <= max)) || fail "took $took ms, not $1 to $max"
}

# numbered BYTES: what the payload's write:BYTES sends
numbered()
{
	seq -f %015.0f 0 $(($1 / 16 - 1))
}

# fnv FILE: the payload's checksum
fnv()
{
	local sum=0x811c9dc5 byte

	for byte in $(od -An -v -tu1 "$1"); do
		sum=$(((sum ^ byte) * 0x01000193 & 0xffffffff))
	done
	printf '%08x\n' "$sum"
}

# --- bad input ---

# refused REGEX OPTION...: `lkvm run OPTION...` says one line that matches, and nothing else happens
refused()
{
	local regex=$1 before

	shift
	rm -f out err
	rmdir "$LKVM_RUNTIME_DIR" 2>/dev/null
	before=$(ls -A)
	timeout -s KILL "$(patient 20)" ${AS:-} "${BIN:-$LKVM}" run "$@" >.out 2>.err
	status=$?
	mv .out out
	mv .err err
	((status == 125)) || fail "status $status instead of 125: run $*"
	[[ ! -s out ]] || fail "something on standard output: run $*"
	said_lines 1
	grep -Eq "^lkvm: " err || fail "the line does not start with 'lkvm: ': $(<err)"
	grep -Eq -- "$regex" err || fail "no '$regex' in: $(<err)"
	if LC_ALL=C grep -q '[^[:print:]]' err; then
		fail "control characters in: $(<err)"
	fi
	rm out err
	[[ ${KEEPS_RUNNING:-} ]] || nothing_left
	rmdir "$LKVM_RUNTIME_DIR" 2>/dev/null
	[[ $(ls -A) == "$before" ]] || fail "left behind: $(ls -A | tr '\n' ' ')"
}

# What is accepted by mistake ends at once.
good=(-k "$PAYLOAD" -m 64 -c 1 -p do=exit:200)

# Run the next `refused` as nobody, with copies of binary and payload: the tree may be closed to others.
as_nobody()
{
	need setpriv
	((UID == 0)) || skip "only root can become somebody else"
	mkdir -p bin
	cp "$LKVM" bin/lkvm
	cp "$PAYLOAD" payload
	chmod 755 bin bin/lkvm
	chmod 644 payload
	BIN=$PWD/bin/lkvm
	PAYLOAD=$PWD/payload
	good[1]=$PAYLOAD
	AS="setpriv --reuid 65534 --regid 65534 --clear-groups"
	mkdir own
	chown 65534 own
	export LKVM_RUNTIME_DIR=$PWD/own/run
	$AS "$BIN" version >/dev/null 2>&1 || skip "nobody cannot run a program here"
}

# mounted tmpfs SIZE|ramfs - COMMAND...: a function that was exported, in a mount namespace where ./full
# is an empty file system of that kind and size
mounted()
{
	mkdir -p full
	unshare -m true 2>/dev/null || skip "no mount namespaces here"
	unshare -m bash -c 'mount -t "$1" -o "size=$2,nr_inodes=10" none full || exit 77
		shift 2; . "$E2E_TOP/tests/e2e/lib.sh"; "$@"' mounted "$@"
	status=$?
	((status != 77)) || skip "no $1 can be mounted here"
	((status == 0)) || exit 1
}

# --- one test ---

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
	# shellcheck source=/dev/null
	. "$1" || exit 1
	declare -F "$2" >/dev/null || { echo "no $2 in $1"; exit 1; }
	cd "$3" || exit 1
	export LKVM_RUNTIME_DIR=$3/run
	trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT
	started=$(ms_now)
	"$2"
	leftover=$(pgrep -g 0 -x "$(basename "$LKVM")")
	[[ -z $leftover ]] || fail "still running: process $leftover"
	nothing_left
	exit 0
fi
