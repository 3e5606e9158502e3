# SPDX-License-Identifier: GPL-2.0-only
# The command of --exec: all of its input and output, and how it is asked to end.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk e2fsck
# lab-carry: tests/lab/init.inc
# lab-carry: tests/lab/exec.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/init.inc"
. "$LAB/exec.inc"
tree=$LAB/trees/cloud

all_bytes 8191 >input
if quick; then
	passes ttyS0 2 input 1
	passes hvc0 4 input 1
else
	for run in 1 2 3 4 5; do
		for console in ttyS0 hvc0; do
			passes $console 2 input $run
			passes $console 4 input $run
		done
	done
fi

asked stop 9 by_stop -d whole.img --exec \
	'trap "echo late >/tmp/late; exit 9" TERM; echo ready; while :; do sleep 1; done'
expect_grep asked.json '"reason": "exit"' "stop: the command has ended by itself"
is_clean stop
lab_end
