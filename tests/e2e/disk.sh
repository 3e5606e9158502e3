# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2059,SC2086
#
# --disk: what is refused, each in one line that names the disk and says what would be right, with
# status 125 and nothing left behind; and what is not. The guests here look at no disk.

FORBID=$E2E_TOP/build/e2e/forbid

# image [NAME [BYTES]]
image()
{
	truncate -s "${2:-1M}" "${1:-img}"
}

# no_disk REGEX TEXT: --disk TEXT is refused
no_disk()
{
	refused "$1" "${good[@]}" --disk "$2"
}

# a_disk OPTION...: a run with these ends as the payload says, without a word
a_disk()
{
	vm "$@" -- exit:3
	ends 3 exit
	said_lines 0
}

# --- the words ---

test_option_unknown()
{
	local word

	image
	for word in sync Cache=none =1 formatraw=1 'ro ' iops=100; do
		no_disk "disk img: unknown option '$word'; there are format=, ro, .* snapshot\$" "img,$word"
	done
	no_disk "disk img: unknown option ''" img,ro,,ro,
	no_disk "disk img: unknown option '.x1b'" $'img,\x1b'
	no_disk 'disk img: ro takes no value' img,ro=1
	no_disk 'disk img: snapshot takes no value' img,snapshot=
	no_disk 'disk img: ro is given twice' img,ro,ro
	no_disk 'disk img: cache is given twice' img,cache=none,cache=none
}

# values OPTION FORM VALUE...: none of these is one
values()
{
	local value

	for value in "${@:3}"; do
		no_disk "disk img: $1= takes $2.*; got '$value'\$" "img,$1=$value"
	done
	no_disk "disk img: $1= takes $2" "img,$1"
}

test_option_values()
{
	image
	values format 'raw or qcow2' vmdk RAW raw2 ''
	values cache 'writeback, none or unsafe' writethrough directsync off ''
	values aio 'io_uring, libaio or threads' native uring ''
	values discard 'on or off' unmap 1 ''
	values block '512 or 4096' 0 1024 4k 04096 ''
	values queues '1 to 16' 0 17 -1 1x 1.5 4294967297 18446744073709551617 many ''
	values serial '1 to 20 letters, digits or signs' 123456789012345678901 'a b' ''
	no_disk 'disk img: serial= takes' "img,serial=$(printf '%0500d' 1)"
	no_disk 'disk img: aio=libaio works with cache=none' img,aio=libaio
	no_disk 'disk img: aio=libaio works with cache=none' img,aio=libaio,cache=unsafe
	a_disk -d img,queues=16,serial=12345678901234567890,discard=off,cache=unsafe,aio=threads,format=raw,block=4096
}

test_path()
{
	refused "--disk takes PATH.*; got ''" "${good[@]}" --disk ''
	refused "--disk takes PATH.*; got ',ro'" "${good[@]}" -d ,ro
	refused '(-d|--disk) takes PATH.*got nothing' "${good[@]}" -d
	no_disk 'disk a,b: No such file' a,,b,ro
	image a,b
	a_disk -d a,,b,ro
}

test_33_disks()
{
	local options=() i

	for ((i = 1; i <= 33; i++)); do
		image disk$i
		options+=(-d disk$i)
	done
	refused 'disk disk33: there are too many disks .at most 32.$' "${good[@]}" "${options[@]}"
	a_disk "${options[@]:0:64}" --no-disk "${options[@]:64}"
}

# --- what is at the path ---

test_no_such_disk()
{
	image
	mkdir dir
	mkfifo fifo
	no_disk 'disk nosuch: No such file' nosuch
	no_disk 'disk no/such: No such file' no/such,ro
	no_disk 'disk img/x: Not a directory' img/x
	no_disk 'disk dir: is a directory' dir
	no_disk 'disk dir: is a directory' dir,ro
	no_disk 'disk fifo: is neither a file nor a block device' fifo
	no_disk 'disk fifo: is neither a file nor a block device' fifo,ro
	no_disk 'disk /dev/null: is neither a file nor a block device' /dev/null
	# The second of two: the first is closed again.
	refused 'disk nosuch: No such file' "${good[@]}" -d img -d nosuch
	a_disk -d img
}

test_size()
{
	local bytes

	: >empty
	no_disk "disk empty: is empty; 'truncate -s" empty
	no_disk 'disk empty: is empty' empty,ro
	image short 511
	no_disk 'disk short: has 511 bytes, less than a block of 512' short
	for bytes in 513 1000 1048575; do
		image odd $bytes
		vm -d odd -- exit:3
		ends 3 exit
		said_lines 1
		said "disk odd: $bytes bytes are not whole blocks of 512; .* last $((bytes % 512))\$"
	done
	image one 512
	a_disk -d one
}

test_permission()
{
	as_nobody
	image secret
	chmod 600 secret
	no_disk 'disk secret: cannot be written: Permission denied' secret
	no_disk 'disk secret: Permission denied' secret,ro
	chmod 444 secret
	no_disk "disk secret: cannot be written: Permission denied; ',ro' reads it only" secret
	for word in ro snapshot; do
		# nobody may not use /dev/kvm either, but disks are opened before it.
		TMPDIR=$PWD/own timeout -s KILL "$(patient 20)" $AS "$BIN" run -k payload -m 64 -d secret,$word \
			-p do=exit:3 >out 2>err
		! grep -q 'disk secret' err || fail "a file that can be read is refused with $word"
	done
}

# --- formats ---

# begins NAME OFFSET BYTES: an image with these bytes there
begins()
{
	rm -f "$1"
	image "$1"
	printf "$3" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

test_format()
{
	local magic name

	for magic in 'qcow2 0 QFI\xfb\0\0\0\3' 'qcow 0 QFI\xfb\0\0\0\1' 'vmdk 0 KDMV\1\0\0\0' 'vmdk 0 COWD' \
		'vdi 0x40 \x7f\x10\xda\xbe' 'vhdx 0 vhdxfile' 'vhd 0 conectix' 'qed 0 QED\0' \
		'parallels 0 WithouFreSpacExt'; do
		read -r name magic <<<"$magic"
		begins img ${magic%% *} "${magic#* }"
		no_disk "disk img: begins like a $name image, which is not supported; .* format=raw" img
		no_disk "disk img: begins like a $name image" img,ro
		no_disk "disk img: begins like a $name image" img,snapshot
		a_disk -d img,format=raw
	done
	no_disk "disk img: qcow2 images are not supported yet; convert it" img,format=qcow2
	image disk.qcow2
	no_disk "disk disk.qcow2: qcow2 images are not supported yet" disk.qcow2
	a_disk -d disk.qcow2,format=raw
	# A boot sector, a partition table and LUKS are a disk's own.
	begins disk 0 'LUKS\xba\xbe'
	a_disk -d disk
}

# --- who else has it ---

test_in_use()
{
	local KEEPS_RUNNING=1

	image
	vm_start --name writer --disk img -- say:ready~ spin
	wait_for out ready
	mv out first
	mv err first-err
	no_disk 'disk img: is in use: another process has it open; only readers' img
	no_disk 'disk img: is in use: another process writes to it' img,ro
	no_disk 'disk img: is in use: another process writes to it' img,snapshot
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	a_disk --name writer -d img
}

test_shared_by_readers()
{
	image
	vm_start --grace 300ms --disk img,ro -- say:ready~ spin
	wait_for out ready
	mv out first
	mv err first-err
	KEEPS_RUNNING=1 no_disk 'disk img: is in use: .* only readers' img
	timeout -s KILL "$(patient 20)" "$LKVM" run "${good[@]}" -d img,snapshot -d img,ro >out 2>err
	status=$?
	((status == 200)) || fail "status $status with a second reader"
	kill -TERM "$pid"
	wait "$pid"
}

# qemu READ-ONLY: Debian's QEMU with img as its guest's disk, until standard input says quit
qemu()
{
	timeout -s KILL "$(patient 60)" qemu-system-x86_64 -M pc -accel tcg -nodefaults -display none -S \
		-monitor stdio -blockdev driver=file,filename=img,node-name=img,read-only="$1" \
		-device virtio-blk-pci,drive=img
}

# after_qemu READ-ONLY STATUS OPTION...: what lkvm says of img while a QEMU has it
after_qemu()
{
	local read_only=$1 want=$2

	shift 2
	rm -f quit qemu.out
	mkfifo quit
	qemu "$read_only" <quit >qemu.out 2>&1 &
	pid=$!
	exec 4>quit
	# The prompt comes before the disk is open, this answer after.
	echo info status >&4
	wait_for qemu.out 'VM status:' 40
	timeout -s KILL "$(patient 20)" "$LKVM" run "${good[@]}" -d "img$*" >out 2>err
	status=$?
	echo quit >&4
	exec 4>&-
	wait "$pid" || fail "QEMU ends with $?: $(cat qemu.out)"
	((status == want)) || fail "status $status after QEMU (read-only=$read_only) for img$*: $(cat err)"
}

# before_qemu OPTION READ-ONLY STATUS: what QEMU says while lkvm has it
before_qemu()
{
	vm_start --grace 300ms --disk "img$1" -- say:ready~ spin
	wait_for out ready
	qemu "$2" <<<quit >qemu.out 2>&1
	status=$?
	kill -TERM "$pid"
	wait "$pid"
	((status == $3)) || fail "QEMU (read-only=$2) ends with $status beside img$1: $(cat qemu.out)"
}

test_beside_qemu()
{
	need qemu-system-x86_64
	image
	after_qemu on 200 ,ro
	after_qemu on 200 ,snapshot
	after_qemu on 125
	after_qemu off 125 ,ro
	said 'disk img: is in use: another process writes to it'
	after_qemu off 125
	before_qemu ,ro on 0
	before_qemu ,snapshot on 0
	before_qemu ,ro off 1
	before_qemu '' on 1
	before_qemu '' off 1
}

test_given_twice()
{
	image
	ln img link
	refused "disk img: is given twice; only .*\(',ro', ',snapshot'\)" "${good[@]}" -d img -d img
	refused "disk link: is given twice, the other time as img" "${good[@]}" -d img -d link
	refused "disk img: is given twice" "${good[@]}" -d img -d img,ro
	refused "disk img: is given twice" "${good[@]}" -d img,snapshot -d img
	a_disk -d img,ro -d link,snapshot
}

# --- what the host cannot ---

# without CALLS OPTION...: the payload with these calls forbidden
without()
{
	local calls=$1

	shift
	vm_command "$@" -- exit:3
	timeout -s KILL "$(patient 40)" "$FORBID" $calls -- "${command[@]}" >out 2>err
	status=$?
	((status != 77)) || skip "no seccomp filters here"
	nothing_left
	((status == 3)) || fail "status $status without $calls"
}

test_io_uring_is_forbidden()
{
	"$LKVM" version | grep -q '^+io_uring' || skip "built without liburing"
	image
	without io_uring_setup -d img
	said_lines 1
	said 'disk img: io_uring: Operation not permitted; threads are used instead.*aio=threads'
	without io_uring_setup -d img,aio=threads
	said_lines 0
	AS="$FORBID io_uring_setup --" no_disk \
		'disk img: aio=io_uring: Operation not permitted; leave it out, or aio=threads' \
		img,aio=io_uring
}

test_linux_aio_is_forbidden()
{
	"$LKVM" version | grep -q '^+libaio' || skip "built without libaio"
	image
	(exec 3<>img; dd if=img of=/dev/null bs=4096 count=1 iflag=direct status=none 2>/dev/null) ||
		skip "no direct I/O here"
	without io_setup -d img,cache=none
	said_lines 1
	said 'disk img: libaio: Operation not permitted; threads are used instead'
}

no_direct_io()
{
	image full/img
	dd if=full/img of=/dev/null bs=4096 count=1 iflag=direct status=none 2>/dev/null &&
		skip "this host's ramfs has direct I/O"
	refused 'disk full/img: its file system has no direct I/O, which cache=none needs; cache=writeback' \
		"${good[@]}" -d full/img,cache=none
	a_disk -d full/img
	TMPDIR=$PWD/full refused 'disk img: snapshot: the file system of .*full has no (direct I/O|temporary)' \
		"${good[@]}" -d img,cache=none,snapshot
}

test_no_direct_io()
{
	image
	export -f no_direct_io image a_disk
	mounted ramfs 0 no_direct_io
}

# In a mount namespace of its own, where /var/tmp is not there, and then nothing in /tmp either.
default_folder()
{
	unset TMPDIR
	export LKVM_RUNTIME_DIR=run
	mount -t tmpfs none /var || exit 77
	vm -d img,snapshot --loglevel info -- exit:3
	ends 3 exit
	said 'disk img: snapshot: its temporary file is in /tmp, as /var/tmp: No such file'
	mount -t proc none /tmp || exit 77
	refused 'snapshot: no temporary file in /var/tmp: No such file.*, nor in /tmp: .*; TMPDIR names another' \
		"${good[@]}" -d img,snapshot
}

test_snapshot_without_var_tmp()
{
	image
	export -f default_folder image
	mounted tmpfs 1M default_folder
}

test_snapshot_without_a_folder()
{
	image
	TMPDIR=/nosuch refused 'disk img: snapshot: no temporary file in /nosuch: .*; TMPDIR names another' \
		"${good[@]}" -d img,snapshot
	TMPDIR=/proc refused 'disk img: snapshot: no temporary file in /proc' "${good[@]}" -d img,snapshot
}

# --- a host whose storage does not answer ---

# hung OPTION... -- WORD...: a machine named vm with two disks, to which it writes; no write comes to an end
hung()
{
	local disks=() tries

	tries=$(patient 500)

	! sanitized || skip "a sanitizer must be the first library"
	ldd "$LKVM" >/dev/null 2>&1 || skip "a static lkvm has no libraries before it"
	touch hang
	truncate -s 128M one two
	disks=(--virtio-transport pci -d one,aio=threads -d two,aio=threads)
	LD_PRELOAD=$E2E_TOP/build/e2e/hang.so up "${disks[@]}" "$@"
	until [[ $(grep -c 'blk-fill: begun' out) == 2 ]]; do
		((tries-- > 0)) || fail "the guest did not begin to write"
		sleep 0.02
	done
	sleep 0.3
}

# The pause has 5 s, in which everybody else is answered; then the guest goes on as if nothing had been.
test_pause_while_the_host_hangs()
{
	local pauser got=0

	hung -- say:ready~ blk-fill:pci:32 blk-fill:pci:33 button exit:6
	"$LKVM" pause vm 2>refusal &
	pauser=$!
	for _ in 1 2 3 4 5; do
		sleep 0.2
		started=$(ms_now)
		control 0 stat vm
		took_between 0 700
	done
	control 0 debug vm
	wait $pauser || got=$?
	((got == 125)) || fail "pause: status $got: $(<refusal)"
	grep -q 'cannot be paused' refusal || fail "says: $(<refusal)"
	said '^lkvm: disk one: [0-9]+ requests are not done; the host does not answer$'
	said '^lkvm: disk two: '
	# Who wants it to go on does not wait for the deadline.
	"$LKVM" pause vm 2>refusal &
	pauser=$!
	sleep 0.3
	started=$(ms_now)
	control 0 resume vm
	wait $pauser && fail "a pause that was called off came to be"
	grep -q 'cannot be paused: it was resumed meanwhile' refusal || fail "says: $(<refusal)"
	took_between 0 2000
	rm hang
	control 0 pause vm
	control 0 list
	grep -q paused shown || fail "lists: $(<shown)"
	control 0 stop vm
	vm_wait
	ends 6 exit
}

# All disks have the same 5 s at the end of a run.
test_end_while_the_host_hangs()
{
	hung -- say:ready~ blk-fill:pci:32 blk-fill:pci:33 spin
	started=$(ms_now)
	control 120 stop --force vm
	vm_wait
	took_between 4500 8500
	ends 120 stopped
	said '^lkvm: disk one: [0-9]+ requests are not done; the host does not answer$'
	said '^lkvm: disk two: '
	said_lines 2
}

# A signal ends that, too; what is answered in time is not lost.
test_a_signal_while_the_host_hangs()
{
	hung -- say:ready~ blk-fill:pci:32 blk-fill:pci:33 sleep:600 exit:9
	started=$(ms_now)
	sleep 1.5
	kill -TERM "$pid"
	vm_wait
	took_between 1000 4500
	ends 9 exit
	# The doorbells are heard before the end: what was only asked for by then would be lost.
	hung -- say:ready~ blk-fill:pci:32 blk-fill:pci:33 sleep:500 exit:9
	rm hang
	vm_wait
	ends 9 exit
	said_lines 0
	grep -q Z one && grep -q Z two || fail "nothing was written"
}

# A reset has waited for the storage already: the end of the run does not again.
test_reset_while_the_host_hangs()
{
	hung --on-reboot reset -- say:ready~ blk-fill:pci:32 blk-fill:pci:33 reset:cf9
	started=$(ms_now)
	vm_wait
	took_between 3500 8500
	ends 125 error
	said '^lkvm: disk one: [0-9]+ requests are not done; the host does not answer$'
	said '^lkvm: disk two: '
	said_lines 2
}
