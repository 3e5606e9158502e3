# SPDX-License-Identifier: GPL-2.0-only
# lab=hwrng:N: read N times 4 KiB from the host's random numbers, let go of the device and take it again, read
# again; the interrupts it took and the kernel's log with levels
modprobe -q virtio_rng

# read_rng WHAT: how many bytes came, and whether twice the same
read_rng()
{
	dd if=/dev/hwrng of=/first bs=4096 count="${arg:-4}" iflag=fullblock 2>/dev/null
	dd if=/dev/hwrng of=/second bs=4096 count="${arg:-4}" iflag=fullblock 2>/dev/null
	echo "hwrng: $1: $(wc -c </first) bytes, $(cmp -s /first /second && echo the same || echo other) bytes"
	echo "hwrng: $1: $(gzip -c </first | wc -c) bytes when packed"
}

set +f
banner
cd /sys/bus/virtio/drivers/virtio_rng
device=$(echo virtio*)
echo "hwrng: $device is $(cat /sys/class/misc/hw_random/rng_current), features $(cat "$device/features")"
echo "hwrng: at $(readlink -f "$device" | sed 's|.*/sys/devices/||')"
read_rng first
echo "$device" >unbind
echo "hwrng: without it: $(cat /sys/class/misc/hw_random/rng_current)"
echo "$device" >bind
read_rng again
grep virtio /proc/interrupts | sed 's/^/hwrng: irq /'
echo "lab: dmesg begins"
dmesg -r
echo "lab: dmesg ends"
poweroff -f
