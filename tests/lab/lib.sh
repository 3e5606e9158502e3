# SPDX-License-Identifier: GPL-2.0-only
# What a test of the lab calls. Sourced by scripts that tests/lab/run starts, with busybox sh, in L1 or on
# the machine itself: $LAB has vmlinuz, guest.cpio, bench.cpio; $OUT is this script's folder for results;
# lkvm is in PATH. A script's last line is lab_end: without it the run counts as failed.

lab_line()
{
	local line
	line=$(printf '%s' "$*" | tr '\n\r' '  ')
	printf '%s\n' "$line"
	printf '%s\n' "$line" >>"$OUT/results"
}

# ok NAME; fail NAME WHY; skip NAME WHY: one result each
ok()
{
	lab_line "ok - $1"
}

fail()
{
	lab_line "not ok - $1: $2"
}

skip()
{
	lab_line "skip - $1: $2"
}

# note TEXT: something to see that is no result
note()
{
	lab_line "# $*"
}

# patient LIMIT: what a limit that is fair on an idle machine is now. In L1 the factor is the one that the machine
# around it had when L1 was started.
patient()
{
	echo $(($1 * ${LKVM_PATIENCE:-100} / 100))
}

# quick: is this make check, for which a boot that differs little from another is left out?
quick()
{
	[ "$LAB_QUICK" = yes ]
}

# lab_end: every script's last line
lab_end()
{
	printf '# end\n' >>"$OUT/results"
	exit 0
}

# lab_tail FILE...: the last lines of each, after a failure
lab_tail()
{
	local f
	for f; do
		[ -s "$f" ] || continue
		echo "# last lines of ${f##*/}:"
		tail -n "${LAB_TAIL:-8}" "$f" | tr -d '\r' | cut -c1-200 | sed 's/^/#   /'
	done
}

# expect_status NAME WANTED GOT
expect_status()
{
	if [ "$3" = "$2" ]; then
		ok "$1: status $2"
		return 0
	fi
	if [ "$3" = 137 ]; then
		fail "$1" "killed (no end within $(patient "${BOOT_TIMEOUT:-120}") s?), status $2 expected"
	else
		fail "$1" "status $3, $2 expected"
	fi
	return 1
}

# boot NAME WANTED_STATUS [OPTIONS OF lkvm run...]: one bounded boot of vmlinuz with guest.cpio
# (BOOT_KERNEL, BOOT_INITRD, which may be none, and BOOT_TIMEOUT change that); console in $OUT/NAME.out, messages in
# NAME.err. The bound is a SIGKILL: after a SIGTERM lkvm could still end with the status expected.
#
# In L1 a boot that did not end is repeated once, and says so: QEMU loses an interrupt of L2 now and then, and the
# guest stands still (README.md). So is, up to three times, a boot that died with flags in its registers that no
# processor has: QEMU put them there. One that ended otherwise, however it did, is never repeated.
boot()
{
	local name=$1 want=$2 got=0 tries=0
	shift 2
	boot_once "$name" "$@" || got=$?
	while [ "$LAB_KIND" = nested ] && [ "$got" != "$want" ]; do
		if [ "$got" = 137 ] && [ $tries = 0 ]; then
			note "repeat: $name had no end within $(patient "${BOOT_TIMEOUT:-120}") s"
		elif [ $tries -lt 3 ] && impossible_flags "$OUT/$name.out"; then
			note "repeat: $name died with EFLAGS that no processor has"
		else
			break
		fi
		tries=$((tries + 1)) got=0
		boot_once "$name" "$@" || got=$?
	done
	expect_status "$name" "$want" "$got" && return 0
	lab_tail "$OUT/$name.err" "$OUT/$name.out"
	return 1
}

# impossible_flags FILE: a register dump on the console has bits in EFLAGS that are reserved (0x3f7fd7 are not)
impossible_flags()
{
	local flags
	for flags in $(tr -d '\r' <"$1" | sed -n 's/.* EFLAGS: \([0-9a-f]\{8\}\).*/\1/p'); do
		[ $((0x$flags & ~0x3f7fd7)) = 0 ] || return 0
	done
	return 1
}

# job NAME WANTED_STATUS [OPTIONS...] <SCRIPT: one boot in which lkvm's own init runs standard input with busybox
# sh -e, whose status is the run's. What it prints is in $OUT/NAME.out. Disks are data, and their drivers come
# with lkvm's initramfs.
job()
{
	local name=$1 want=$2
	shift 2
	job_cpio "$name"
	# shellcheck disable=SC2086 # words
	boot "$name" "$want" --initrd "$name.cpio" $JOB_OPTIONS --exec "$JOB" "$@"
}

JOB_OPTIONS='--root none' JOB='banner; exec sh -e /job'

# job_cpio NAME <SCRIPT: NAME.cpio, the script as /job
job_cpio()
{
	rm -rf job.dir
	mkdir job.dir
	cat >job.dir/job
	(cd job.dir && echo job | cpio -o -H newc 2>/dev/null) >"$1.cpio"
}

boot_once()
{
	local name=$1
	shift
	[ "$BOOT_INITRD" = none ] || set -- --initrd "${BOOT_INITRD:-$LAB/guest.cpio}" "$@"
	busybox timeout -s KILL "$(patient "${BOOT_TIMEOUT:-120}")" \
		lkvm run --kernel "${BOOT_KERNEL:-$LAB/vmlinuz}" "$@" \
		</dev/null >"$OUT/$name.out" 2>"$OUT/$name.err"
}

# expect_grep FILE REGEX NAME: an extended regular expression matches some line of the file
expect_grep()
{
	if tr -d '\r' <"$1" | grep -E -q -e "$2"; then
		ok "$3"
		return 0
	fi
	fail "$3" "no line of ${1##*/} matches /$2/"
	return 1
}

# expect_no_grep FILE REGEX NAME: the file is there and no line matches
expect_no_grep()
{
	if [ ! -r "$1" ]; then
		fail "$3" "there is no ${1##*/}"
	elif tr -d '\r' <"$1" | grep -E -q -e "$2"; then
		fail "$3" "a line of ${1##*/} matches /$2/"
	else
		ok "$3"
		return 0
	fi
	return 1
}

# expect_clean_log NAME: between the marker lines that lab=dmesg and others print, the log of that boot has no
# warning but those of golden/dmesg-cloud, which the script carries
expect_clean_log()
{
	grep -v -e '^#' -e '^$' "$LAB/dmesg-cloud" >"$OUT/golden"
	tr -d '\r' <"$OUT/$1.out" | sed -n '/^lab: dmesg begins/,/^lab: dmesg ends/p' >"$OUT/$1.dmesg"
	if [ "$(wc -l <"$OUT/$1.dmesg")" -lt 100 ]; then
		fail "$1: log" "has $(wc -l <"$OUT/$1.dmesg") lines"
		return
	fi
	grep -E -e '^<[0-4]>' "$OUT/$1.dmesg" | grep -E -v -f "$OUT/golden" >"$OUT/$1.warnings"
	if [ -s "$OUT/$1.warnings" ]; then
		fail "$1: log" "$(wc -l <"$OUT/$1.warnings") warnings: $(head -n 3 "$OUT/$1.warnings")"
	else
		ok "$1: no warning that is not in golden/dmesg-cloud"
	fi
	expect_no_grep "$OUT/$1.dmesg" 'ACPI.*([Ww]arn|[Ee]rror|BIOS)|Firmware Bug|Fatal' "$1: no word against ACPI"
}
