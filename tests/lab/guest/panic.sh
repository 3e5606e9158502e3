# SPDX-License-Identifier: GPL-2.0-only
# lab=panic: a kernel panic (sysrq c dereferences NULL)
banner
echo 1 >/proc/sys/kernel/panic_on_oops
echo c >/proc/sysrq-trigger
