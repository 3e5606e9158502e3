# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Hostile drivers without an operating system (tests/guest/virtio-rules.c, blk.c, balloon.c), over PCI
# and over MMIO: NEEDS_RESET, a refusal or an error status each time, a device that works
# afterwards, and lkvm never takes more than 64 MiB beside guest RAM. And what a balloon is good for.

# memory FIELD: KiB, of the machine that runs
memory()
{
	awk -v field="$1:" '$1 == field { print $2 }' "/proc/$pid/status"
}

# done_with ACTION: the payload has done it
done_with()
{
	wait_for out '^(bad:|[a-z-]+: ok)' 150
	printed "^$1: ok\$"
}

end_now()
{
	kill -TERM "$pid"
	sleep 0.1
	kill -TERM "$pid"
	vm_wait
	ends 143 signal
}

# hostile NAME TRANSPORT ADDRESS ACTION OPTION...: NAME as messages have it
hostile()
{
	local peak

	vm_start --virtio-transport "$2" "${@:5}" -- "$4:$2:$3" spin
	done_with "$4"
	peak=$(memory VmHWM)
	end_now
	# A sanitizer has a memory of its own.
	[[ $LKVM == */san-* ]] || ((peak < 128 * 1024)) || fail "$peak KiB at its peak"
	(($(wc -l <err) <= 12)) || fail "$(wc -l <err) lines on standard error"
	! grep -Ev "^lkvm: warning: ($1|SIGTERM): " err || fail "that is not about the driver"
}

# What was broken is said, with its section.
section_is_said()
{
	said "$1: .*\(virtio 1.2, [0-9.]+\); the device needs a reset by its driver\$"
}

# --- the rules of all devices ---

test_rules_rng_pci()
{
	hostile virtio-rng0 pci 8 virtio-rules --rng
	section_is_said virtio-rng0
}

test_rules_rng_mmio()
{
	hostile virtio-rng0 mmio 0 virtio-rules --rng
	section_is_said virtio-rng0
}

test_rules_balloon_pci()
{
	hostile virtio-balloon0 pci 16 virtio-rules --balloon
	section_is_said virtio-balloon0
}

test_rules_blk_pci()
{
	truncate -s 1M img
	hostile virtio-blk0 pci 32 virtio-rules --disk img
	section_is_said virtio-blk0
}

test_rules_blk_mmio()
{
	truncate -s 1M img
	hostile virtio-blk0 mmio 0 virtio-rules --disk img,aio=threads
	section_is_said virtio-blk0
}

test_noise_rng_pci()
{
	hostile virtio-rng0 pci 8 virtio-noise --rng
}

test_noise_rng_mmio()
{
	hostile virtio-rng0 mmio 0 virtio-noise --rng
}

# --- disks ---

# blk_rules TRANSPORT ADDRESS OPTION: requests that are wrong change no byte
blk_rules()
{
	local before

	numbered $((1024 * 1024)) >img
	before=$(cksum <img)
	hostile virtio-blk0 "$1" "$2" blk-rules --disk "img$3"
	section_is_said virtio-blk0
	[[ $(cksum <img) == "$before" ]] || fail "the image has changed"
}

test_rules_of_requests()
{
	blk_rules pci 32 ''
}

test_rules_of_requests_mmio()
{
	blk_rules mmio 0 ,aio=threads
}

test_rules_of_requests_read_only()
{
	blk_rules pci 32 ,ro
	blk_rules pci 32 ,discard=off,cache=unsafe
}

test_rules_of_requests_snapshot()
{
	blk_rules pci 32 ,snapshot
}

# Each engine, and what each of them has beside it
test_noise_blk()
{
	! ldd "$LKVM" 2>&1 | grep -q libtsan ||
		skip "a guest that has two reads into one buffer races in its own memory"
	local options

	for options in '' ,aio=threads ,snapshot; do
		rm -f img
		truncate -s 64M img
		hostile virtio-blk0 pci 32 blk-noise --disk "img$options"
	done
	hostile virtio-blk0 mmio 0 blk-noise --disk img
	dd if=img of=/dev/null bs=4096 count=1 iflag=direct status=none 2>/dev/null ||
		skip "no direct I/O here"
	for options in aio=libaio aio=io_uring aio=threads snapshot; do
		hostile virtio-blk0 pci 32 blk-noise --disk "img,cache=none,$options"
	done
}

# What is under way to the disk when the machine is reset arrives, or does not: it is not the zeros
# that RAM holds after a reset.
test_reset_while_writing()
{
	local options

	for options in '' ,aio=threads ,cache=none; do
		tr '\0' U </dev/zero | head -c 128M >img
		[[ $options != ,cache=none ]] ||
			dd if=img of=/dev/null bs=4096 count=1 iflag=direct status=none 2>/dev/null ||
			continue
		vm --on-reboot=reset --virtio-transport pci --disk "img$options" -- \
			blk-fill-reset:pci:32 exit:3
		ends 3 exit
		grep -q Z img || fail "nothing was written"
		((! $(tr -d UZ <img | wc -c))) || fail "$(tr -d UZ <img | wc -c) bytes nobody wrote"
	done
}

test_noise_blk_rings()
{
	truncate -s 8M img
	hostile virtio-blk0 pci 32 virtio-noise --disk img
	hostile virtio-blk0 pci 32 virtio-noise --disk img,ro,aio=threads
}

# --- balloon ---

test_noise_balloon()
{
	hostile virtio-balloon0 pci 16 balloon-noise --balloon
	hostile virtio-balloon0 mmio 0 balloon-noise --balloon
	hostile virtio-balloon0 pci 16 virtio-noise --balloon
}

# shrinks WHAT: the guest uses 128 MiB, which then are lkvm's no more
shrinks()
{
	local peak now

	vm_start -m 256 --balloon -- "balloon:pci:16:$1" spin
	done_with balloon
	peak=$(memory VmHWM)
	now=$(memory VmRSS)
	end_now
	((peak > 128 * 1024)) || fail "$1: only $peak KiB were used"
	((peak - now > 120 * 1024)) || fail "$1: $peak KiB at first, and $now then"
}

test_balloon_inflates()
{
	shrinks inflate
}

# Queue 4 by the specification, queue 3 by Linux
test_balloon_reports()
{
	shrinks report
	shrinks report3
}

test_balloon_deflates()
{
	vm -m 256 --balloon -- balloon:pci:16:again exit:9
	ends 9 exit
	printed '^balloon: ok$'
	said_lines 0
}

test_balloon_size()
{
	vm_start -m 256 --balloon-size 96M --name vm -- balloon:pci:16:size spin
	done_with balloon
	printed '^balloon: 24576 pages$'
	"$LKVM" stat vm >stat || fail "no statistics"
	grep -Eq "balloon0.balloon-bytes: $((96 << 20))\$" stat || fail "$(<stat)"
	(($(memory VmHWM) - $(memory VmRSS) > 90 * 1024)) || fail "$(memory VmRSS) KiB are left"
	end_now
}

# Who asks gets what the guest told last, and makes it tell anew.
test_balloon_statistics()
{
	local n

	vm_start -m 256 --balloon --name vm -- balloon:pci:16:stats spin
	for n in 1 2 3; do
		wait_for out "^balloon: statistics $n"
		"$LKVM" stat vm >stat || fail "no statistics"
		grep -Eq "balloon0.free-memory: ${n}000\$" stat || fail "$n: $(<stat)"
		grep -Eq "balloon0.available-memory: ${n}001\$" stat || fail "$n: $(<stat)"
	done
	done_with balloon
	end_now
}

# --- the command line ---

# A kernel that ignores ACPI is told of the windows by words of its command line; the others are not.
test_words_for_a_kernel_without_acpi()
{
	vm --virtio-transport mmio --rng --dry-run -p acpi=off -- exit:9
	printed '^cmdline: .* virtio_mmio.device=512@0xfebf8000:5$'
	vm --virtio-transport mmio --rng --dry-run -p 'acpi=off -- word' -- exit:9
	printed '^cmdline: .* virtio_mmio.device=512@0xfebf8000:5 -- word$'
	printed '^mmio: 0xfebf8000-0xfebf81ff virtio-rng0$'
	printed '^device: virtio-rng0 LNRO0005:0 irq 5$'
	vm --virtio-transport mmio --rng --dry-run -- exit:9
	! grep -q '^cmdline: .*virtio_mmio' out || fail "it would have the device twice"
	vm --virtio-transport pci --rng --dry-run -p acpi=off -- exit:9
	! grep -q '^cmdline: .*virtio_mmio' out || fail "there is no window"
}
