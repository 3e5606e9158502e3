# SPDX-License-Identifier: GPL-2.0-only
# Ten resets in place in a row; test-endings has two.
# lab-long: yes
# lab-carry: tests/lab/endings.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/endings.inc"

resets 10
lab_end
