# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2012,SC2059,SC2086,SC2016
#
# Bad input: one line that names the object and says what would be right, status 125, and nothing
# left behind. `refused` of lib.sh is all of that. What concerns disks is in disk.sh.

# --- the kernel ---

test_kernel_missing()
{
	refused 'kernel nosuch: No such file' -k nosuch
	refused 'kernel no/such: No such file' no/such
	refused "option --kernel takes FILE; got ''" -k ''
}

test_kernel_none_given()
{
	"$LKVM" run -m 64 --dry-run 2>&1 | grep -q '^lkvm: no kernel: ' ||
		skip "this host has a kernel where the default looks"
	refused 'no kernel: --kernel .* /lib/modules/[^,]*/vmlinuz, ' -m 64
	as_nobody
	install -m 600 "$PAYLOAD" bzImage
	refused "kernel bzImage: has mode 0600, so that this user may not read it; .*'chmod \+r bzImage'" -m 64
}

test_kernel_unreadable()
{
	as_nobody
	install -m 600 "$PAYLOAD" secret
	refused 'kernel secret: Permission denied' -k secret
}

test_kernel_directory()
{
	mkdir dir
	refused 'kernel dir: is a directory' -k dir
}

test_kernel_no_regular_file()
{
	mkfifo fifo
	refused 'kernel fifo: .*not a regular file' -k fifo
	refused 'kernel /dev/null: .*not a regular file' -k /dev/null
	refused 'kernel /dev/zero: .*not a regular file' -k /dev/zero
}

test_kernel_empty()
{
	: >empty
	refused 'kernel empty: .*(empty|too short)' -k empty
}

test_kernel_text()
{
	seq 10000 >text
	refused 'kernel text: is text; a bzImage or a vmlinux is wanted' -k text
	echo hello >short
	refused 'kernel short: .*bzImage' -k short
}

test_kernel_truncated()
{
	local bytes

	for bytes in 511 515 600 1023 1024 2000 $(($(stat -c %s "$PAYLOAD") - 16)); do
		head -c "$bytes" "$PAYLOAD" >part
		refused 'kernel part: .*(truncated|too short)' -k part
	done
}

test_kernel_elf()
{
	local static_program

	static_program=$(command -v busybox) || skip "there is no static program here: busybox"
	refused 'kernel .*: is a program, not a kernel' -k "$LKVM"
	refused 'kernel .*: is a program, not a kernel' -k "$static_program"
	head -c 100 "${PAYLOAD%/*}/payload.elf" >part
	refused 'kernel part: is truncated' -k part
	head -c 20000 "${PAYLOAD%/*}/payload.elf" >part
	refused 'kernel part: is truncated' -k part
	refused 'kernel .*payload.o: is an ELF file that is not linked' -k "${PAYLOAD%/*}/payload.o"
}

test_kernel_arm64()
{
	{
		printf 'MZ\0\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0\x10\0\0\0\0\0\x0a\0\0\0\0\0\0\0'
		head -c 24 /dev/zero
		printf 'ARM\x64'
		head -c 20000 /dev/zero
	} >Image
	refused 'kernel Image: is an arm64 Image; a kernel for x86 is wanted' -k Image
	head -c 4096 /dev/zero | sed '1s/^/MZ/' >efi
	refused 'kernel efi: is a program for EFI' -k efi
}

# patched OFFSET BYTES: the payload with other bytes in its header
patched()
{
	cp "$PAYLOAD" patched
	printf "$2" | dd of=patched bs=1 seek=$(($1)) conv=notrunc status=none
}

test_kernel_damaged()
{
	patched 0x236 '\0\0'
	refused 'kernel patched: .*--boot' -k patched --boot=64bit
	patched 0x206 '\x05\x02'
	refused 'kernel patched: .*--boot' -k patched --boot=64bit
	patched 0x1f4 '\0\0\0\0'
	refused 'kernel patched: .*(damaged|truncated)' -k patched
	patched 0x1f4 '\xff\xff\xff\xff'
	refused 'kernel patched: .*truncated' -k patched
	patched 0x1f1 '\xff'
	refused 'kernel patched: .*truncated' -k patched
	patched 0x258 '\0\0\0\0\x01\0\0\0'
	refused 'kernel patched: .*4 GiB' -k patched
	patched 0x260 '\xff\xff\xff\xff'
	refused 'kernel patched: ' -m 64 -k patched
}

# --- a start that takes long ---

# A vmlinux.bz2 of 782 bytes that unpacks to 1 GiB
make_bomb()
{
	"$LKVM" version | grep -q '^+bzip2' || skip "no libbz2"
	base64 -d <<-END | gunzip >bomb
	H4sIAAAAAAACA3OKyrA0dIxUC47k43x0nzG+z4HhAAMDhwKDQYOvm9MC1ZVcDdNH5Uflh778o2XCbxmyDBHymlKunD
	oeC1WP3pnoJ6IiLrKKswEAdm0c3A4DAAA=
	END
}

test_start_out_of_time()
{
	make_bomb
	vm --timeout 200ms -k bomb
	ends 124 timeout
	took_between 200 5000
	said_lines 1
	said '^lkvm: --timeout: the start was not over in time'
	vm --boot-timeout 200ms --timeout 1h -k bomb
	ends 124 timeout
	said_lines 1
	said '^lkvm: --boot-timeout: the start was not over in time'
}

test_start_and_signals()
{
	local sig

	make_bomb
	for sig in TERM INT HUP; do
		vm_start --name called-off -k bomb
		sleep 0.2
		started=$(ms_now)
		kill -$sig "$pid"
		vm_wait
		ends $((128 + $(kill -l $sig))) signal
		took_between 0 3000
		said_lines 1
		said "^lkvm: SIG$sig: the start was ended; no guest ran"
	done
}

test_start_detached_and_called_off()
{
	make_bomb
	vm_start --detach --name called-off -k bomb
	sleep 0.3
	kill -TERM "$pid"
	wait "$pid"
	started=$(ms_now)
	while pgrep -f 'name called-off -k bomb' >/dev/null; do
		took_between 0 5000
		sleep 0.05
	done
}

# The kernel for a reset in place is loaded with nobody at the loop.
test_reset_out_of_time()
{
	make_bomb
	cp "$PAYLOAD" kernel
	vm_start -k kernel --on-reboot=reset --timeout 2s -- say:ready~ sleep:500 reset:kbd
	wait_for out ready
	cp bomb kernel.new
	mv kernel.new kernel
	vm_wait
	ends 124 timeout
	took_between 1500 8000
}

# --- initrds ---

make_cpio()
{
	need cpio
	seq 5000 >content
	echo content | cpio --quiet -o -H newc >archive
	rm content
}

test_initrd_missing()
{
	make_cpio
	refused 'initrd nosuch: No such file' "${good[@]}" -i nosuch
	refused 'initrd nosuch: No such file' "${good[@]}" -i archive -i nosuch
}

test_initrd_unreadable()
{
	as_nobody
	install -m 600 "$PAYLOAD" secret
	refused 'initrd secret: Permission denied' -k payload -i secret
}

test_initrd_empty()
{
	: >empty
	refused 'initrd empty: is empty' "${good[@]}" -i empty
}

test_initrd_directory()
{
	mkdir dir
	refused 'initrd dir: is a directory' "${good[@]}" -i dir
}

test_initrd_no_regular_file()
{
	mkfifo fifo
	refused 'initrd fifo: .*not a regular file' "${good[@]}" -i fifo
}

test_initrd_garbage()
{
	head -c 5000 /dev/urandom | sed '1s/^/garbage/' >garbage
	refused 'initrd garbage: is not a cpio' "${good[@]}" -i garbage
	printf x >tiny
	refused 'initrd tiny: is not a cpio' "${good[@]}" -i tiny
}

test_initrd_truncated()
{
	local bytes

	make_cpio
	for bytes in 8 100 115 200 10000 23000; do
		head -c "$bytes" archive >part
		refused 'initrd part: .*truncated' "${good[@]}" -i part
	done
}

test_initrd_too_large()
{
	make_cpio
	cp archive large
	truncate -s 70M large
	refused 'initrd.*(large)?: .*--mem' "${good[@]}" -i large
	truncate -s 20G large
	refused 'initrd.*(large)?: .*--mem' "${good[@]}" -i large
}

# --- ACPI tables ---

test_acpi_table()
{
	refused '--acpi-table nosuch: No such file' "${good[@]}" --acpi-table nosuch
	mkdir dir
	refused '--acpi-table dir: is a directory' "${good[@]}" --acpi-table dir
	mkfifo fifo
	refused '--acpi-table fifo: .*not a regular file' "${good[@]}" --acpi-table fifo
	: >empty
	refused '--acpi-table empty: has 0 bytes' "${good[@]}" --acpi-table empty
	head -c 100 /dev/zero >zero
	refused '--acpi-table zero: is not an ACPI table' "${good[@]}" --acpi-table zero
	{ printf 'SSDT\144\0\0\0'; head -c 92 /dev/zero; } >unsummed
	refused '--acpi-table unsummed: its checksum' "${good[@]}" --acpi-table unsummed
	{ printf 'SSDT\145\0\0\0'; head -c 92 /dev/zero; } >short
	refused '--acpi-table short: has 100 bytes, .* 101' "${good[@]}" --acpi-table short
	{ printf 'FACP\144\0\0\0'; head -c 92 /dev/zero; } >second
	refused '--acpi-table second: is a FACP' "${good[@]}" --acpi-table second
}

# --- memory and processors ---

test_memory_not_a_size()
{
	local size

	for size in 0 0M abc -1 -64 '' ' 64' 64X 64Mx 1.5G 0x40 64MM '64 M'; do
		refused '--mem' -k "$PAYLOAD" "--mem=$size"
		refused '--mem' -k "$PAYLOAD" -m "$size"
	done
}

test_memory_overflows()
{
	refused '--mem' -k "$PAYLOAD" -m 18446744073709551616
	refused '--mem' -k "$PAYLOAD" -m 99999999999999999999999
	refused '--mem' -k "$PAYLOAD" -m 17592186044416
	refused '--mem' -k "$PAYLOAD" -m 16777215T
	refused '--mem' -k "$PAYLOAD" -m 17179869183G
}

test_memory_not_addressable()
{
	refused '--mem.*(address|mapped)' "${good[@]}" -m 4096T
	refused '--mem.*(address|mapped)' "${good[@]}" -m 5000000G
}

# What the host cannot map although the CPU could address it.
test_memory_not_mappable()
{
	local limit=400000

	! sanitized || skip "a sanitizer needs more than that itself"
	(
		ulimit -v $limit
		refused '--mem' "${good[@]}" -m 2G
	) || exit 1
}

test_memory_odd()
{
	refused '--mem' "${good[@]}" -m 65537K
}

test_memory_too_small_for_the_kernel()
{
	refused 'kernel .*--mem' "${good[@]}" -m 1
	refused 'kernel .*--mem' "${good[@]}" -m 16
	refused '--mem' "${good[@]}" -m 1K
}

test_memory_more_than_the_host_is_a_warning()
{
	local host

	host=$(($(sed -n 's/MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 1024))
	vm -m $((host + 2048)) -- exit:3
	ends 3 exit
	said_lines 1
	said 'warning: --mem'
}

test_cpus()
{
	local cpus

	for cpus in 0 abc '' -1 1x 1.5 0x1g 4294967297 99999999999999999999; do
		refused '--cpus' -k "$PAYLOAD" -m 64 "--cpus=$cpus"
	done
	for cpus in 256 257 65536; do
		refused '--cpus.*255' -k "$PAYLOAD" -m 64 -c $cpus
	done
}

test_cpu_affinity()
{
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity 0-
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity x
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity 1-0
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity 1023
	refused '--cpu-affinity 0,8191: names a CPU that' "${good[@]}" --cpu-affinity 0,8191
	AS="$E2E_TOP/build/e2e/forbid sched_getaffinity --" \
		refused '--cpu-affinity 0: the host does not say' "${good[@]}" --cpu-affinity 0
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity 99999
	refused '--cpu-affinity' "${good[@]}" --cpu-affinity ''
}

test_cpu_features()
{
	refused '--cpu-features' "${good[@]}" --cpu-features +nosuchfeature
	refused '--cpu-features' "${good[@]}" --cpu-features sse2
}

test_hugetlbfs()
{
	refused '--hugetlbfs nosuch' "${good[@]}" --hugetlbfs nosuch
	refused '--hugetlbfs .*not a mounted hugetlbfs' "${good[@]}" --hugetlbfs .
}

# --- the name ---

test_name()
{
	local name long

	printf -v long '%070d' 1
	for name in a/b /a ../x '' . .. 'a b' $'a\nb' $'a\tb' $'\x1b[1m' "$long" a/; do
		refused '--name' "${good[@]}" --name "$name"
	done
}

test_name_in_use()
{
	local KEEPS_RUNNING=1

	vm_start --grace 300ms --name taken -- say:ready~ spin
	wait_for out ready
	mv out first
	mv err first-err
	refused '--name taken: .*in use' "${good[@]}" --name taken
	kill -TERM "$pid"
	wait "$pid"
	nothing_left
	vm --name taken -- exit:3
	ends 3 exit
}

# The lock of an instance that was killed blocks nobody.
test_name_of_a_dead_instance()
{
	vm_start --name dead -- say:ready~ spin
	wait_for out ready
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	vm --name dead -- exit:3
	ends 3 exit
}

test_runtime_directory()
{
	: >file
	chmod 644 file
	LKVM_RUNTIME_DIR=$PWD/file refused 'runtime directory .*file' "${good[@]}"
	LKVM_RUNTIME_DIR=/proc/nosuch refused 'runtime directory /proc/nosuch' "${good[@]}"
	LKVM_RUNTIME_DIR=/$(printf '%05000d' 1) refused 'runtime directory' "${good[@]}"
	LKVM_RUNTIME_DIR='' XDG_RUNTIME_DIR='' HOME='' \
		refused 'runtime directory.*LKVM_RUNTIME_DIR' \
		"${good[@]}"
}

# --- the device ---

test_dev_missing()
{
	refused '/dev/nosuch: ' "${good[@]}" --dev /dev/nosuch
}

test_dev_not_kvm()
{
	refused '/dev/null: is not a KVM device' "${good[@]}" --dev /dev/null
	refused "$PAYLOAD: is not a KVM device" "${good[@]}" --dev "$PAYLOAD"
	refused '/tmp: ' "${good[@]}" --dev /tmp
	refused ': ' "${good[@]}" --dev ''
}

test_dev_no_permission()
{
	as_nobody
	mknod kvm c 10 232 2>/dev/null || skip "no device node can be made here"
	chown 0:4 kvm
	chmod 660 kvm
	refused "kvm: permission denied.*group $(getent group 4 | cut -d: -f1)" -k payload -m 64 \
		--dev kvm
	chmod 600 kvm
	refused "kvm: permission denied.*group.*$(getent group 4 | cut -d: -f1)" -k payload -m 64 \
		--dev kvm
	chown 0:54321 kvm
	chmod 660 kvm
	refused "kvm: permission denied.*54321" -k payload -m 64 --dev kvm
}

# --- the result ---

test_result_not_writable()
{
	refused '--result nosuch/result: ' "${good[@]}" --result nosuch/result
	refused '--result /dev/full: ' "${good[@]}" --result /dev/full
	mkdir dir
	refused '--result dir: ' "${good[@]}" --result dir
	refused '--result' "${good[@]}" --result ''
	refused '--result' "${good[@]}" --result "$(printf '%05000d' 1)"
}

# Standard output is the guest's console.
test_result_on_standard_output()
{
	local option

	for option in result boot-trace console-log initramfs-out; do
		refused "--$option -: .*standard output" "${good[@]}" "--$option" -
	done
	vm --console-log ./- -- exit:3
	ends 3 exit
	[[ -e ./- ]] || fail "no file named -"
}

# An older result is not this run's, whatever is wrong and wherever it stands.
test_result_of_a_wrong_command_line()
{
	local words

	for words in '--bogus --result result.json' '--cpus x --result=result.json' \
		'-Z one --result result.json' '--result result.json --mem' \
		'one two --result result.json'; do
		echo '{"reason": "poweroff", "status": 0}' >result.json
		# shellcheck disable=SC2086 # words
		timeout -s KILL "$(patient 20)" "$LKVM" run $words >out 2>err
		status=$?
		ends 125 error
		said_lines 1
		[[ "lkvm: $(result error)" == "$(<err)" ]] || fail "error is $(result error)"
	done
}

# ulimit -f is an error with a message, not a signal that kills.
test_result_and_a_limit_on_files()
{
	# By a pipe: a file for what it says could not be written, either.
	(ulimit -f 0 && exec "$LKVM" run "${good[@]}" --result result.json 2>&1) | cat >err
	status=${PIPESTATUS[0]}
	((status == 125)) || fail "status $status instead of 125"
	said_lines 1
	said '--result result.json: cannot be written: File too large'
	[[ ! -e result.json ]] || fail "result.json is there"
}

test_boot_trace_not_writable()
{
	refused '--boot-trace nosuch/trace: ' "${good[@]}" --boot-trace nosuch/trace
	refused '--boot-trace /dev/full: is not a regular file' "${good[@]}" --boot-trace /dev/full
	mkdir dir
	refused '--boot-trace dir: ' "${good[@]}" --boot-trace dir
	refused '--boot-trace' "${good[@]}" --boot-trace ''
	refused '--boot-trace' "${good[@]}" --boot-trace "$(printf '%05000d' 1)"
}

on_full_disk()
{
	head -c 100000 /dev/zero >full/filler 2>/dev/null
	before=$(ls -A full)
	refused '--result full/result: .*No space' "${good[@]}" --result full/result
	[[ $(ls -A full) == "$before" ]] || fail "left on the full disk: $(ls -A full)"
}

test_result_on_a_full_disk()
{
	export -f on_full_disk
	mounted tmpfs 8k on_full_disk
}

# The disk becomes full while the guest runs: told in one line, and no half of a file is left.
fills_up()
{
	vm_start --result full/result -- say:ready~ button exit:3
	wait_for out waiting
	head -c 100000 /dev/zero >full/filler 2>/dev/null
	kill -TERM "$pid"
	vm_wait
	said '--result full/result: .*No space'
	said_lines 2
	[[ $(ls -A full) == $'filler\nresult' ]] || fail "left on the full disk: $(ls -A full)"
	[[ $("$JSON" full/result reason) == running ]] || fail "the result is damaged"
}

test_result_disk_fills_up()
{
	export -f fills_up
	mounted tmpfs 12k fills_up
}

# --- the command line ---

test_command_line_too_long()
{
	local text

	printf -v text '%02048d' 1
	refused 'command line: .*2047' "${good[@]:0:6}" --nodefaults -p "$text"
	refused 'command line: .*2047' "${good[@]}" -p "${text:0:2047}"
	timeout -s KILL "$(patient 40)" "$LKVM" run "${good[@]:0:6}" --nodefaults -p "do=exit:3 ${text:0:2037}" \
		>out 2>err
	status=$?
	((status == 3)) || fail "2047 characters are refused"
}

# --- options ---

test_option_unknown()
{
	refused 'unknown option --nosuch' --nosuch
	refused 'unknown option --nosuch' --nosuch=5 -k "$PAYLOAD"
	refused 'unknown option -Z' -Z
	refused 'unknown option.*-Z' -hZ
	refused 'unknown option --kernal.*--kernel' --kernal x
	refused 'unknown option' --no-nosuch
	refused 'unknown option' $'--a\nb'
}

test_option_ambiguous()
{
	refused 'option --cpu is ambiguous.*--cpus' --cpu 2
	refused 'option --on is ambiguous' --on exit
}

test_option_without_value()
{
	local option

	for option in -k --kernel -i --initrd -p -m --mem -c --cpus --name --timeout --dev \
		--on-reboot --result --loglevel; do
		refused 'takes .*got nothing' "$option"
	done
}

test_option_with_a_value_too_many()
{
	refused '--dry-run takes no value' "${good[@]}" --dry-run=yes
	refused '--no-kernel takes no value' --no-kernel=x
}

test_option_trailing_garbage()
{
	local option

	for option in --timeout=5sx --timeout=5x --timeout=-1 --timeout= --timeout=1e3 \
		--boot-timeout=x --grace=1d --timeout=99999999999999999999 --cpus=2x; do
		refused "${option%%=*} takes" "${good[@]}" "$option"
	done
}

# What is accepted: each form of an option, and the last of two.
test_option_forms()
{
	local form

	for form in --mem=64 '--mem 64' '-m 64' -m64 '--me 64' '-m 1 -m 64' --no-dry-run \
		'--dry-run --no-dry-run' '--timeout 1.5m' '--no-initrd' '--nodef' '-- '; do
		# shellcheck disable=SC2086
		timeout -s KILL "$(patient 20)" "$LKVM" run -c 1 -m 64 -k "$PAYLOAD" -p do=exit:3 $form \
			>out 2>err
		status=$?
		((status == 3)) || fail "status $status with $form"
		said_lines 0
	done
	timeout -s KILL "$(patient 20)" "$LKVM" run -c1 -m64 -p do=cmdline -p do=exit:4 \
		--no-params --nodefaults \
		-p do=exit:3 "$PAYLOAD" >out 2>err
	status=$?
	((status == 3)) || fail "status $status after --no-params"
	timeout -s KILL "$(patient 20)" "$LKVM" run "${good[@]}" --result gone --no-result >out 2>err
	[[ ! -e gone ]] || fail "--no-result is not obeyed"
}

test_option_choices()
{
	refused '--on-reboot takes exit\|reset\|fail' "${good[@]}" --on-reboot=restart
	refused '--on-reboot takes exit\|reset\|fail' "${good[@]}" --on-reboot=
	refused '--on-panic takes exit\|continue' "${good[@]}" --on-panic=exi
	refused '--loglevel takes' "${good[@]}" --loglevel 3
}

test_option_not_to_be_negated()
{
	refused '--mem' "${good[@]}" --no-mem
	refused '--timeout' "${good[@]}" --no-timeout
}

# An output that has the name of an input, by mistake: the input is as it was.
test_outputs_that_are_inputs()
{
	local option

	cp "$PAYLOAD" kernel
	head -c 65536 /dev/zero | tr '\0' x >disk
	cp disk disk.was
	for option in console-log result boot-trace; do
		refused "--$option" "${good[@]}" -k kernel "--$option" kernel
		cmp -s kernel "$PAYLOAD" || fail "--$option has changed the kernel"
		refused "--$option" "${good[@]}" -d disk "--$option" disk
		refused "--$option" "${good[@]}" "--$option" disk -d disk,snapshot
		cmp -s disk disk.was || fail "--$option has changed the disk"
	done
	rm kernel disk disk.was
}

test_two_kernels()
{
	refused 'kernel' "${good[@]}" another
	refused "takes one kernel; got a second one, 'b'" a b
}

test_command_unknown()
{
	local command

	for command in nosuch '' -x --nosuch; do
		"$LKVM" "$command" >out 2>err
		status=$?
		((status == 125)) || fail "status $status instead of 125: lkvm '$command'"
		[[ ! -s out ]] || fail "something on standard output"
		said_lines 1
	done
}

test_help_is_no_error()
{
	local command

	for command in help 'help run' --help -h version --version 'run --help' 'run -h' ''; do
		# shellcheck disable=SC2086
		"$LKVM" $command >out 2>err
		status=$?
		((status == 0)) || fail "status $status: lkvm $command"
		[[ -s out && ! -s err ]] || fail "help is not on standard output: lkvm $command"
	done
	"$LKVM" help nosuch >out 2>err
	status=$?
	((status == 125)) || fail "status $status: lkvm help nosuch"
	said_lines 1
	"$LKVM" help run stop >out 2>err
	status=$?
	((status == 125)) || fail "status $status: lkvm help run stop"
	said "^lkvm: help: takes one COMMAND; got a second one, 'stop'$"
	said_lines 1
}
