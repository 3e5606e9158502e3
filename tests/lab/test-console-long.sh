# SPDX-License-Identifier: GPL-2.0-only
# The same at size: 1 MiB in, 1 MiB out to a reader that stops for 5 s: four rings full. Minutes of exits, so
# check-long only; 10 MiB go out in tests/e2e (output-ring-drops-the-oldest), where an exit costs less.
# lab-long: yes
# lab-carry: tests/lab/console.inc
. "$LAB/lib.sh"
. "$LAB/console.inc"

echo_test 1048576
flood_test 1048576 5
lab_end
