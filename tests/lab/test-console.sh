# SPDX-License-Identifier: GPL-2.0-only
# The console of a real guest: input with flow control, output to a reader that stops.
# lab-carry: tests/lab/console.inc
. "$LAB/lib.sh"
. "$LAB/console.inc"

echo_test 16384
quick || flood_test 16384 0
lab_end
