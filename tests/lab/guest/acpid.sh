# SPDX-License-Identifier: GPL-2.0-only
# lab=acpid: wait for the power button (an input event of the device of that name), then power off
modprobe button
modprobe evdev
set +f
for e in /sys/class/input/event*; do
	grep -q '^Power Button' "$e/device/name" 2>/dev/null && button=/dev/input/${e##*/}
done
if [ -n "$button" ]; then
	# Open first: evdev keeps an event only for who has it open already.
	exec 4<"$button"
	echo "lab: waiting for the power button"
	dd bs=24 count=1 of=/dev/null <&4 2>/dev/null
	echo "lab: power button pressed"
	poweroff -f
fi
echo "lab: there is no power button"
