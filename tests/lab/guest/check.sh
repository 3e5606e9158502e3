# SPDX-License-Identifier: GPL-2.0-only
# lab=check: everything a test wants to know of a guest: what it is, its devices, its log with levels
banner
set +f
modprobe button
echo "check: cores $(awk -F: '/^cpu cores/ { print $2 + 0; exit }' /proc/cpuinfo)"
echo "check: siblings $(awk -F: '/^siblings/ { print $2 + 0; exit }' /proc/cpuinfo)"
echo "check: packages $(grep '^physical id' /proc/cpuinfo | sort -u | wc -l)"
echo "check: apicids $(awk -F: '/^apicid/ { printf "%d ", $2 }' /proc/cpuinfo)"
echo "check: clocksource $(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)"
echo "check: uarts $(grep -c 16550A /proc/tty/driver/serial)"
echo "check: rtc $(cat /sys/class/rtc/rtc0/name 2>/dev/null)"
echo "check: button $(cat /sys/class/input/input*/name 2>/dev/null | grep "Power Button" | head -n 1)"
echo "check: power-off by $(dmesg | grep -o 'ACPI: PM: (supports.*' | head -n 1)"
echo "lab: dmesg begins"
dmesg -r
echo "lab: dmesg ends"
poweroff -f
