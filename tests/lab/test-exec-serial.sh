# SPDX-License-Identifier: GPL-2.0-only
# The command of --exec on ttyS0: all of its input and output. test-exec.sh has hvc0.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk e2fsck
# lab-carry: tests/lab/init.inc
# lab-carry: tests/lab/exec.inc
. "$LAB/lib.sh"
. "$LAB/init.inc"
. "$LAB/exec.inc"
tree=$LAB/trees/cloud

passes_often ttyS0
lab_end
