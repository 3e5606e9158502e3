# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# A hostile driver against virtio-rng, over PCI and over MMIO, without an operating system
# (tests/guest/virtio.c): NEEDS_RESET or a refusal each time, and a device that works afterwards.

# hostile TRANSPORT ADDRESS ACTION
hostile()
{
	vm --virtio-transport "$1" --rng -- "$3:$1:$2" exit:9
	ends 9 exit
	printed "^$3: ok\$"
	(($(wc -l <err) <= 12)) || fail "$(wc -l <err) lines on standard error"
}

test_rules_pci()
{
	hostile pci 8 virtio-rules
	said 'virtio-rng0: .* \(virtio 1.2, [0-9.]+\); the device needs a reset by its driver$'
}

test_rules_mmio()
{
	hostile mmio 0 virtio-rules
	said 'virtio-rng0: .* \(virtio 1.2, [0-9.]+\); the device needs a reset by its driver$'
}

test_noise_pci()
{
	hostile pci 8 virtio-noise
}

test_noise_mmio()
{
	hostile mmio 0 virtio-noise
}

# The most that lkvm takes beside the guest's 64 MiB.
test_memory_is_bounded()
{
	local peak

	vm_start --rng -- virtio-noise:pci:8 spin
	for ((i = 0; i < 300; i++)); do
		grep -aq '^virtio-noise: ok' out && break
		sleep 0.1
	done
	printed '^virtio-noise: ok$'
	peak=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$pid/status")
	kill -TERM "$pid" && sleep 0.2 && kill -TERM "$pid"
	vm_wait
	((peak < 128 * 1024)) || fail "$peak KiB at its peak"
}

# A kernel that ignores ACPI is told of the windows by words of its command line; the others are not.
test_words_for_a_kernel_without_acpi()
{
	vm --virtio-transport mmio --rng --dry-run -p acpi=off -- exit:9
	printed '^cmdline: .* virtio_mmio.device=512@0xfebf8000:16$'
	printed '^mmio: 0xfebf8000-0xfebf81ff virtio-rng0$'
	printed '^device: virtio-rng0 LNRO0005:0 irq 16$'
	vm --virtio-transport mmio --rng --dry-run -- exit:9
	! grep -q '^cmdline: .*virtio_mmio' out || fail "it would have the device twice"
	vm --virtio-transport pci --rng --dry-run -p acpi=off -- exit:9
	! grep -q '^cmdline: .*virtio_mmio' out || fail "there is no window"
}
