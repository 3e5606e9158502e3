# SPDX-License-Identifier: GPL-2.0-only
# The console on virtio-console: the guest's words and the kernel's, input and output as on the serial port, on
# both transports. (Linux breaks virtio devices as it shuts down: "Power down" is not seen.)
# lab-carry: tests/lab/console.inc
. "$LAB/lib.sh"
. "$LAB/console.inc"

for transport in pci $(quick || echo mmio); do
	job "hvc-$transport" 0 -c 1 -m 256 --console=virtio --virtio-transport=$transport <<-'END' || continue
		cat /proc/consoles
		echo '<1>the kernel speaks' >/dev/kmsg
	END
	expect_grep "$OUT/hvc-$transport.out" '^lab: Linux .* 1 CPUs online' "hvc-$transport: the guest's own words"
	expect_grep "$OUT/hvc-$transport.out" '^\[ *[0-9.]+\] the kernel speaks' "hvc-$transport: the kernel's words"
	expect_grep "$OUT/hvc-$transport.out" '^hvc0 ' "hvc-$transport: hvc0 is the console"
	lines=$(grep -c 'lab: Linux' "$OUT/hvc-$transport.out")
	if [ "$lines" = 1 ]; then
		ok "hvc-$transport: said once"
	else
		fail "hvc-$transport" "said $lines times"
	fi
done
CONSOLE=--console=virtio
quick || echo_test 16384
quick || flood_test 16384 0
lab_end
