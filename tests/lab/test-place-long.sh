# SPDX-License-Identifier: GPL-2.0-only
# Where a bzImage and its initrd lie when the command line says that memory ends early or is something else.
# Several boots of each, for the place is random.
# lab-long: yes
. "$LAB/lib.sh"

# place NAME LIMIT HOLE_START HOLE_END [OPTION...]: MiB; the kernel lies below LIMIT and outside of the hole
place()
{
	local name=$1 limit=$2 from=$3 to=$4 start end
	shift 4
	job "$name" 0 -c 1 "$@" <<-'END' || return
		sed -n 's/ *\([0-9a-f]*\)-[0-9a-f]* : Kernel code/place start \1/p
			s/ *[0-9a-f]*-\([0-9a-f]*\) : Kernel bss/place end \1/p' /proc/iomem
	END
	start=$(tr -d '\r' <"$OUT/$name.out" | sed -n 's/^place start 0*//p')
	end=$(tr -d '\r' <"$OUT/$name.out" | sed -n 's/^place end 0*//p')
	if [ -z "$start" ] || [ -z "$end" ]; then
		fail "$name: place" "/proc/iomem does not tell it"
		return
	fi
	start=$((0x$start >> 20)) end=$((0x$end >> 20))
	if [ $end -ge "$limit" ]; then
		fail "$name: place" "$start to $end MiB, above $limit"
	elif [ $start -lt "$to" ] && [ $end -ge "$from" ]; then
		fail "$name: place" "$start to $end MiB, in what memmap= took"
	else
		ok "$name: place: $start to $end MiB"
	fi
}

for i in 1 2 3; do
	place mem-$i 192 0 0 -m 1024 -p mem=192M
	place memmap-limit-$i 192 0 0 -m 1024 -p memmap=192M
	place reserved-$i 1024 128 900 -m 1024 -p 'memmap=772M$128M'
	place pmem-$i 1024 128 900 -m 1024 -p 'memmap=772M!128M'
done
lab_end
