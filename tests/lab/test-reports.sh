# SPDX-License-Identifier: GPL-2.0-only
# What the kernel reports of itself is counted, and what programs print is not; a halt ends the run.
# lab-lane: 1
. "$LAB/lib.sh"

# reports NAME OPTIONS...: one boot with each way in which a report can reach the console
reports()
{
	local name=$1
	shift
	job "$name" 119 -c 1 -m 256 --fail-on=warning --result "$name.json" "$@" <<-'END'
	echo 'WARNING: CPU: 0 PID: 9 at program.c:1 program+0x1/0x2'
	printf 'half a line'
	echo '<4>WARNING: CPU: 0 PID: 9 at kmsg.c:1 kmsg+0x1/0x2' >/dev/kmsg
	echo ' and the rest'
	dmesg | grep 'at kmsg.c'
	echo 'Kernel panic - not syncing: only a program'
	exit 3
	END
	expect_grep "$name.json" '"warn": 1$' "$name: the kernel's own line counts, once, and no program's"
	expect_grep "$name.json" '"console"' "$name: there is a result"
	expect_grep "$OUT/$name.err" 'fail-on=warning.*at kmsg.c:1' "$name: the message has the report"
	expect_grep "$OUT/$name.out" 'at program.c:1' "$name: the program's line was shown"
	tr -d '\n' <"$name.json" >"$name.line"
	expect_grep "$name.line" '"guest": *\{ *"reason": "exit", *"status": 3' "$name: the command's own status"
}

reports reports
boot halt 0 -c 2 -m 256 --result halt.json -p lab=halt
expect_grep halt.json '"reason": "halt"' "halt: the result's reason"

# The kernel's decompressor gives up: no halt on purpose, and the message quotes what it said last.
if ! quick; then
	cp "$LAB/vmlinuz" broken
	dd if=/dev/zero of=broken bs=1M seek=4 count=1 conv=notrunc 2>/dev/null
	BOOT_KERNEL=$PWD/broken
	boot broken 122 -c 1 -m 256 --unpack=never -p earlyprintk=serial,ttyS0
	expect_grep "$OUT/broken.err" 'all CPUs have halted.*-- System halted$' "broken: the message quotes it"
fi
lab_end
