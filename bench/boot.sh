# SPDX-License-Identifier: GPL-2.0-only
# What a boot costs: one boot of the cloud kernel under lkvm, twice, beside the floor probe. Runs in the
# lab, counted; bench/run starts it and prints the table. Files: $OUT/{floor,lkvm,lkvm-entry}.txt
# lab-kernels:
. "$LAB/lib.sh"

# The first use of each file pays for the page cache, and the first reader of random numbers for L1's entropy:
# neither is the price of a run.
cat "$LAB/vmlinuz" "$LAB/bench.cpio" "$LAB/lkvm-static" >/dev/null
head -c 1 /dev/random >/dev/null

run="$LAB/lkvm-static run --kernel $LAB/vmlinuz --initrd $LAB/bench.cpio --mem 256 --cpus 1"

measure()
{
	name=$1
	shift
	busybox timeout -s KILL 120 "$@" >"$OUT/$name.txt" 2>"$OUT/$name.err" || true
	if grep -q '^status 0$' "$OUT/$name.txt"; then
		ok "$name: measured"
	else
		fail "$name" "$(tr '\n' ' ' <"$OUT/$name.txt") $(head -n 3 "$OUT/$name.err")"
	fi
}

quiet=quiet earlycon=earlycon=uart8250,io,0x3f8,115200n8 console=console=ttyS0 notests=cryptomgr.notests

measure floor "$LAB/harness" - "$LAB/floor" "$LAB/vmlinuz" 256
measure lkvm-entry "$LAB/harness" INIT $run -p '-- wait'
measure lkvm "$LAB/harness" -k INIT $run -p '-- wait'
if [ -e "$LAB/words" ]; then
	# What each word of the default command line is worth: the same boot without it.
	words="$LAB/harness -k INIT $run --nodefaults -p"
	measure without-quiet $words "$earlycon $console $notests -- wait"
	measure without-earlycon $words "$quiet $console $notests -- wait"
	measure without-notests $words "$quiet $earlycon $console -- wait"
fi
lab_end
