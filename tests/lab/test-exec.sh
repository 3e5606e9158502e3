# SPDX-License-Identifier: GPL-2.0-only
# The command of --exec on hvc0: all of its input and output; and how it is asked to end.
# test-exec-serial.sh has ttyS0.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk e2fsck
# lab-carry: tests/lab/init.inc
# lab-carry: tests/lab/exec.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/init.inc"
. "$LAB/exec.inc"
tree=$LAB/trees/cloud

passes_often hvc0

asked stop 9 by_stop -d whole.img --exec \
	'trap "echo late >/tmp/late; exit 9" TERM; echo ready; while :; do sleep 1; done'
expect_grep asked.json '"reason": "exit"' "stop: the command has ended by itself"
is_clean stop
lab_end
