# SPDX-License-Identifier: GPL-2.0-only
# The same at full size: 1 MiB in, 10 MiB out to a reader that stops for 5 s. Hours of exits: check-long only.
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/console.inc"

echo_test 1048576
flood_test 10485760 5
lab_end
