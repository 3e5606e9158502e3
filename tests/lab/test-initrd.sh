# SPDX-License-Identifier: GPL-2.0-only
# Several initrds: after each kind of archive, at each alignment of its end, each kind of archive arrives. The
# kernel stops at the first one that it cannot read, so all that follows is missing then.
# lab-carry: tests/lab/initrd.inc
# lab-lane: 1
. "$LAB/lib.sh"
. "$LAB/initrd.inc"

initrds >list
while read -r format align text; do
	echo "$text" | base64 -d >"$format-$align"
done <list
firsts=$(wc -l <list)

set --
while read -r format align _; do
	for next in cpio gzip bzip2 lzma xz lzo lz4 zstd; do
		set -- "$@" -i "$format-$align" -i "$next-0"
	done
done <list

# The script comes last: it is there only if all the others were read.
job_cpio last <<-END
	test "\$(ls /f | wc -l)" = $firsts
	! dmesg | grep -i 'unpacking failed\|invalid magic\|junk'
END
BOOT_INITRD=none JOB='exec sh -e /job'
# shellcheck disable=SC2086 # words
boot order 0 "$@" -i last.cpio $JOB_OPTIONS --exec "$JOB"
expect_no_grep "$OUT/order.out" 'unpacking failed' "no archive was lost"
lab_end
