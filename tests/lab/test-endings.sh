# SPDX-License-Identifier: GPL-2.0-only
# How a run of a real kernel ends: the rows of the exit status that a stock guest can cause.
# lab-carry: tests/lab/endings.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/endings.inc"

boot reboot 0 -c 1 -m 256 -p lab=reboot
quick || boot reboot-kbd-fail 123 -c 1 -m 256 --on-reboot=fail -p lab=reboot:kbd
boot exit-7 7 -c 1 -m 256 -p lab=exit:7

boot panic 121 -c 1 -m 256 --result panic.json -p lab=panic
expect_grep panic.json '"reason": "panic"' "panic: the result's reason"
expect_grep panic.json '"panic": "Kernel panic - not syncing' "panic: the result has the line"
expect_grep panic.json 'end Kernel panic' "panic: the console's trace is whole"
expect_grep "$OUT/panic.err" '^lkvm: the guest panicked: Kernel panic - not syncing: ' "panic: lkvm says it"

boot triple 122 -c 1 -m 256 -p lab=triple
expect_grep "$OUT/triple.err" 'triple fault.*deliberate' "triple: the message says what it may have been"

start button --grace 60s -p lab=acpid
wait_count "$OUT/button.out" 'waiting for the power button' 1
kill -TERM "$pid"
finish button 0

start grace --grace 2s -p lab=ignore
wait_count "$OUT/grace.out" '^lab: Linux' 1
kill -TERM "$pid"
finish grace 120

boot timeout 124 -c 1 -m 256 --timeout 15s -p lab=ignore

# test-reset-long has ten
resets 2
lab_end
