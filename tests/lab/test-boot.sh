# SPDX-License-Identifier: GPL-2.0-only
# Debian's cloud kernel with 1, 2 and 4 CPUs and 128 MiB to 6 GiB: all of it is found, the log is clean,
# power-off is status 0; the trace of a boot knows when init was reached.
# lab-carry: tests/golden/dmesg-cloud
. "$LAB/lib.sh"

# value FILE KEY: what "check: KEY ..." says
value()
{
	tr -d '\r' <"$1" | sed -n "s/^check: $2 *//p" | head -n 1
}

# expect NAME KEY WANTED
expect()
{
	local got
	got=$(value "$OUT/$1.out" "$2" | sed 's/ *$//')
	if [ "$got" = "$3" ]; then
		ok "$1: $2 $3"
	else
		fail "$1: $2" "'$got', '$3' expected"
	fi
}

# expect_memory NAME MIB: at least 90 % of it, but for what a small guest's kernel itself takes
expect_memory()
{
	local kb least
	kb=$(tr -d '\r' <"$OUT/$1.out" | sed -n 's/^lab: Linux .* online, \([0-9]*\) kB.*/\1/p')
	least=$(($2 * 1024 * 90 / 100 - 24 * 1024))
	if [ "${kb:-0}" -ge "$least" ] && [ "$kb" -le $(($2 * 1024)) ]; then
		ok "$1: $kb kB of memory"
	else
		fail "$1: memory" "'$kb' kB of $2 MiB"
	fi
}

# expect_trace NAME: each phase is a row of the table and an event of the file, init one of them
expect_trace()
{
	local phase row='( +[0-9]+\.[0-9]{3}){2}( +[0-9]+){5}$'
	for phase in exec options kvm vm_ready first_kvm_run first_console_byte init end; do
		expect_grep "$OUT/$1.err" "^lkvm:   $phase$row" "$1: trace, $phase"
		expect_grep "$OUT/$1.trace" "\"name\": \"$phase\"" "$1: trace file, $phase"
	done
	expect_grep "$OUT/$1.err" ' [0-9]+  (in|out) 0x[0-9a-f]+ (pci-config|rtc|serial0)$' "$1: trace, ports"
}

# machine NAME CPUS MIB [OPTION...]
machine()
{
	local name=$1 cpus=$2 mib=$3
	shift 3
	boot "$name" 0 -c "$cpus" -m "$mib" -p "lab=check" "$@" || return
	set -- "$name" "$cpus" "$mib"
	expect_grep "$OUT/$1.out" "^lab: Linux .*, $2 CPUs online, " "$1: $2 CPUs online"
	expect "$1" cores "$2"
	expect "$1" siblings "$2"
	expect "$1" packages 1
	expect_memory "$1" "$3"
	expect "$1" clocksource kvm-clock
	expect "$1" uarts 4
	expect "$1" rtc "rtc_cmos 00:00"
	expect "$1" button "Power Button"
	expect_clean_log "$1"
}

machine small 1 128 --boot-trace "$OUT/small.trace" --budget 100s
expect_trace small
machine two 2 512
machine hole 4 3500
machine large 1 6144
lab_end
