# SPDX-License-Identifier: GPL-2.0-only
# Debian's cloud kernel boots with 1, 2 and 4 CPUs, sees them all, and powers off with status 0.
. "$LAB/lib.sh"

for n in 1 2 4; do
	boot "boot-$n" 0 -c "$n" -m 512 -p "quiet lab=poweroff"
	expect_grep "$OUT/boot-$n.out" "^lab: Linux .*, $n CPUs online, " "boot-$n: $n CPUs online"
done
lab_end
