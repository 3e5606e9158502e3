# SPDX-License-Identifier: GPL-2.0-only
# What a boot costs: boots of the cloud kernel beside the floor probe. Runs in the lab, counted; bench/run
# starts it, carries what the boots need, and prints the table. Files: $OUT/RUN.txt, named as in that table.
# lab-kernels:
# lab-trees: cloud
# lab-tools: mkfs.ext4
. "$LAB/lib.sh"

# The first use of each file pays for the page cache, and the first reader of random numbers for L1's entropy:
# neither is the price of a run.
cat "$LAB/vmlinuz" "$LAB/bench.cpio" "$LAB/lkvm-static" >/dev/null
head -c 1 /dev/random >/dev/null

lkvm="$LAB/lkvm-static run --kernel $LAB/vmlinuz --initrd $LAB/bench.cpio --mem 256 --cpus 1"
# QEMU's best: the unpacked kernel through PVH, no device that was not asked for.
qemu="$LAB/qemu-system-x86_64 -L $LAB/firmware -accel kvm -cpu host -m 256 -smp 1 -nodefaults -no-user-config
	-display none -serial stdio -no-reboot -kernel $LAB/vmlinux -initrd $LAB/bench.cpio"

# sample RUN COMMAND...: bounded in the lab's time; a boot takes 0.5 to 5 s of it
sample()
{
	name=$1
	shift
	busybox timeout -s KILL 20 "$@" >"$OUT/$name.txt" 2>"$OUT/$name.err" || true
}

# measured RUN: its result line
measured()
{
	name=$1
	if grep -q '^status 0$' "$OUT/$name.txt"; then
		ok "$name: measured"
		echo "$name:" $(cat "$OUT/$name.txt")
	else
		fail "$name" "$(tr '\n' ' ' <"$OUT/$name.txt") $(head -n 3 "$OUT/$name.err")"
	fi
}

measure()
{
	sample "$@"
	measured "$1"
}

# median RUN COMMAND...: of five samples that whose first entry is in the middle. What ran before costs a
# run up to 1 % of that time, so a floor probe runs before each sample.
median()
{
	run=$1
	shift
	for n in 1 2 3 4 5; do
		"$LAB/floor" "$kept" 256
		sample "$run.$n" "$@"
		echo "$run.$n: $(grep '^entry_us ' "$OUT/$run.$n.txt")" # a word to the stall watch
	done
	middle=$(grep -H '^entry_us ' "$OUT/$run".[1-5].txt | sort -n -k2 | sed -n '3s/:entry_us .*//p')
	cp "$middle" "$OUT/$run.txt"
	cp "${middle%.txt}.err" "$OUT/$run.err"
	measured "$run"
}

to_init()
{
	name=$1
	shift
	measure "$name" "$LAB/harness" INIT "$@"
}

quiet=quiet earlycon=earlycon=uart8250,io,0x3f8,115200n8 console=console=ttyS0 notests=cryptomgr.notests
same="$console $quiet $notests -- wait"

# The first run unpacks the kernel and keeps it; all others find it.
export XDG_CACHE_HOME=$PWD/cache
measure floor "$LAB/harness" - "$LAB/floor" "$LAB/vmlinuz" 256
to_init own-cold $lkvm -p '-- wait'
kept=$(find cache -type f)
median floor-kept "$LAB/harness" - "$LAB/floor" "$kept" 256
median own-lkvm "$LAB/harness" INIT $lkvm -p '-- wait'
median own-nokaslr "$LAB/harness" INIT $lkvm -p 'nokaslr -- wait'
measure own-pages "$LAB/harness" -e INIT $lkvm -p '-- wait'
to_init own-self $lkvm --unpack=never -p '-- wait'
# lkvm's own init and the modules it needs: to the first word of a command, in memory and in a root.
tree=$LAB/trees/cloud
find "$tree/lib" -type f -exec cat {} + >/dev/null
mkdir -p root/bin root/dev root/proc root/sys
cp /bin/busybox root/bin/
ln -s busybox root/bin/sh
truncate -s 16M root.img
mkfs.ext4 -q -d root root.img
init="$LAB/lkvm-static run --kernel $LAB/vmlinuz --modules $tree --mem 256 --cpus 1"
to_init own-shell $init --exec 'echo INIT; read x'
to_init own-root $init -d root.img --exec 'echo INIT; read x'
if [ -e "$LAB/generic-vmlinuz" ]; then
	# Compressed by XZ, which takes seconds to unpack: once.
	generic="$LAB/lkvm-static run --kernel $LAB/generic-vmlinuz --initrd $LAB/bench.cpio --mem 256 --cpus 1"
	to_init cold-generic $generic -p '-- wait'
	to_init own-generic $generic -p '-- wait'
fi
if [ -e "$LAB/qemu-system-x86_64" ]; then
	cat "$LAB/vmlinux" >/dev/null
	$qemu -version >"$OUT/qemu-version"
	to_init same-lkvm $lkvm --nodefaults -p "$same"
	for machine in pc q35 microvm; do
		to_init "same-$machine" $qemu -M "$machine" -append "$same"
	done
	for machine in pc q35 microvm; do
		to_init "own-$machine" $qemu -M "$machine" -append "$console -- wait"
	done
fi
if [ -e "$LAB/words" ]; then
	# What each word of the default command line is worth: the same boot without it.
	to_init without-quiet $lkvm --nodefaults -p "$earlycon $console $notests -- wait"
	to_init without-earlycon $lkvm --nodefaults -p "$quiet $console $notests -- wait"
	to_init without-notests $lkvm --nodefaults -p "$quiet $earlycon $console -- wait"
fi
lab_end
