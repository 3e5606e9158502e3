# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# Commands that look into a guest or act on it: debug, balloon.

# shows REGEX: a line of what the last command printed
shows()
{
	grep -Eq -- "$1" shown || fail "'$1' is not shown: $(cat shown)"
}

# complains REGEX: the command said it in one line
complains()
{
	grep -Eq -- "$1" complained || fail "'$1' is not said: $(cat complained)"
	[[ $(wc -l <complained) == 1 ]] || fail "says more than a line: $(cat complained)"
}

the_end()
{
	control 120 stop --force vm
	vm_wait
	ends 120 stopped
}

# --- balloon ---

test_balloon()
{
	up --balloon --virtio-transport mmio -- say:ready~ balloon-asked exit:3
	wait_for out 'balloon: up'
	control 0 balloon vm
	shows '^name: vm$'
	shows '^memory_bytes: 67108864$'
	shows '^size_bytes: 67108864$'
	control 0 balloon -n vm --size 48M
	shows '^size_bytes: 50331648$'
	wait_for out 'asked for 4096 pages'
	control 0 balloon vm
	shows '^current_bytes: 50331648$'
	control 0 balloon vm --inflate 4M
	wait_for out 'asked for 5120 pages'
	control 0 balloon --deflate 20480K vm
	shows '^size_bytes: 67108864$'
	vm_wait
	ends 3 exit
}

test_balloon_out_of_range()
{
	local words

	up --balloon --virtio-transport mmio -- say:ready~ balloon-asked hang
	wait_for out 'balloon: up'
	for words in '--size 65M' '--size 4K' '--size 1023K' '--size 5K'; do
		# shellcheck disable=SC2086 # words
		control 125 balloon vm $words
		complains 'vm: balloon: the size is 1M to 65536K|takes SIZE'
	done
	control 125 balloon vm --inflate 64M
	complains 'inflated by 64512K at most'
	control 0 balloon vm --size 32M
	control 125 balloon vm --inflate 32M
	complains 'inflated by 31744K at most'
	control 125 balloon vm --deflate 33M
	complains 'deflated by 32768K at most'
	for words in '--size 0' '--size x' '--size=' '--inflate -1' '--deflate 1.5G' '--size 9T'; do
		# shellcheck disable=SC2086 # words
		control 125 balloon vm $words
		complains 'takes SIZE\[K\|M\|G\]'
	done
	control 125 balloon vm --size 32M --inflate 1M
	complains 'one of --size, --inflate and --deflate'
	control 0 balloon vm
	shows '^size_bytes: 33554432$'
	the_end
}

test_balloon_without_one()
{
	up -- say:ready~ hang
	control 125 balloon vm --size 32M
	complains '^lkvm: vm: balloon: the machine has no balloon; run it with --balloon$'
	control 125 balloon nobody --size 32M
	complains 'no running machine'
	the_end
}

test_balloon_without_a_driver()
{
	up --balloon -- say:ready~ hang
	control 125 balloon vm --size 32M
	complains 'no driver of the guest serves its balloon'
	control 0 stat vm
	shows '^devices.virtio-balloon0.balloon-bytes: 0$'
	the_end
}

# --- debug ---

# looked_at: a machine at do=registers, which is where debug is to find it
looked_at()
{
	up "$@" -- say:ready~ registers
	wait_for out 'registers: set'
}

test_debug_registers()
{
	looked_at
	control 0 debug vm
	[[ ! -s complained ]] || fail "says: $(cat complained)"
	shows '^machine: vm$'
	shows '^kernel: /.*/payload.bin$'
	shows '^symbols: none'
	shows '^CPU 0: runs, at privilege level 3$'
	shows '^  rax a1a1a1a1a1a1a1a1 rbx b2b2b2b2b2b2b2b2 rcx c3c3c3c3c3c3c3c3 rdx d4d4d4d4d4d4d4d4$'
	shows '^  rsi 0000000051515151 rdi 00000000d1d1d1d1 rbp bebebebebebebebe rsp 0000000001[0-9a-f]{6}$'
	shows '^  r12 000000000000000c r13 000000000000000d r14 000000000000000e r15 ffffffff00000015$'
	shows '^  rflags [0-9a-f]{16} CF '
	shows '^  cr0  0000000080000031 .*PG$'
	shows '^  efer 0000000000000500 LME LMA$'
	shows '^  cs  002b base 0{16} limit ffffffff attributes 0a0fb$'
	# pause; jmp: the CPU is at one of the two
	shows '^  code from .*: .*( f9 <f3> 90 eb fc | f9 f3 90 <eb> fc )'
	shows '^    a1a1a1a1a1a1a1a1 '
	the_end
}

test_debug_page_walk()
{
	looked_at
	control 0 debug vm
	shows '^  page walk of 00000000010[0-9a-f]{5}, 4-level:$'
	shows '^    PML4\[0\] at [0-9a-f]{16}: [0-9a-f]{16} present writable user'
	shows '^    PDPT\[0\] at '
	shows '^    PD\[8\] at [0-9a-f]{16}: 00000000010000[0-9a-f]7 present writable user'
	shows '^    physical 00000000010[0-9a-f]{5}, in a page of 2 MiB$'
	grep -q 'KVM says' shown && fail "KVM translates otherwise: $(cat shown)"
	the_end
}

test_debug_symbols()
{
	local elf=$E2E_TOP/build/guest/payload.elf

	need nm
	looked_at
	control 0 debug vm --vmlinux "$elf"
	shows "^symbols: $elf, [0-9]+ of them; nothing says"
	shows '^  rip 00000000010[0-9a-f]{5} debug_spin\+0x[0-9a-f]+/0x'
	shows '^    00000000010[0-9a-f]{5} payload_main\+0x'
	nm "$elf" >System.map
	control 0 debug --system-map System.map -n vm
	shows '^symbols: System.map, '
	shows ' debug_spin\+0x'
	# Moved up by so much, the guest is in front of all its symbols.
	control 0 debug --system-map System.map --kaslr-offset=0x40000000 vm
	shows '0x40000000 above them, as --kaslr-offset says'
	grep -q debug_spin shown && fail "the offset counts for nothing"
	sed 's/^00000000010/00000000000/' System.map >lower.map
	control 0 debug --system-map lower.map --kaslr-offset 1000000 vm
	shows ' debug_spin\+0x'
	the_end
}

# Beside the kernel, without being told
test_debug_finds_symbols()
{
	need nm
	mkdir -p tree/arch/x86/boot
	cp "$PAYLOAD" tree/arch/x86/boot/bzImage
	nm "$E2E_TOP/build/guest/payload.elf" >tree/System.map
	looked_at -k tree/arch/x86/boot/bzImage
	control 0 debug vm
	shows "^symbols: $PWD/tree/System.map, "
	shows ' debug_spin\+0x'
	mv tree/System.map tree/arch/x86/boot/
	control 0 debug vm
	shows "^symbols: $PWD/tree/arch/x86/boot/System.map, "
	rm tree/arch/x86/boot/System.map
	mkfifo tree/System.map
	control 0 debug vm
	shows '^symbols: none'
	the_end
}

test_debug_bad_symbols()
{
	local file

	looked_at
	echo 'ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package' >stub
	printf '0000000000000000 T _text\n' >hidden
	head -c 5000 /dev/urandom >noise
	: >empty
	printf 'ffffffff81000000 T _text\nffffffff82000000 T entry_SYSCALL_64\n' >other
	for file in stub hidden noise empty nothing . "$LKVM_RUNTIME_DIR/vm.sock"; do
		control 125 debug vm --system-map "$file"
		complains "^lkvm: symbols $file: "
		control 125 debug vm --vmlinux "$file"
		complains "^lkvm: symbols $file: "
	done
	control 125 debug vm --vmlinux /dev/zero
	complains 'is no regular file'
	control 125 debug vm --system-map /dev/zero
	complains 'larger than 32 MiB'
	the_end
}

# It is stopped for a moment only, and loses nothing.
test_debug_of_a_busy_guest()
{
	local bytes i

	bytes=$(busy_bytes 2)
	up -- say:ready~ write:$bytes exit:5
	for ((i = 0; i < 30; i++)); do
		"$LKVM" debug vm >shown 2>>complained || break
	done
	((i >= 3)) || fail "only $i looks: $(cat complained)"
	vm_wait
	ends 5 exit
	numbered $bytes | cmp -s - <(tail -c $bytes out) || fail "not what the guest wrote"
}

test_debug_of_a_paused_guest()
{
	local before

	up -- say:ready~ "write:$(busy_bytes 2)" exit:5
	control 0 pause vm
	control 0 debug vm
	shows '^machine: vm, paused$'
	before=$(stat -c %s out)
	control 0 debug vm
	sleep 0.3
	(($(stat -c %s out) == before)) || fail "a paused guest goes on"
	control 0 list
	shows paused
	control 0 resume vm
	vm_wait
	ends 5 exit
}

# Both at once, in either order: each is answered, and the pause is one.
test_debug_and_pause_together()
{
	local i

	up -- say:ready~ "write:$(busy_bytes 3)" exit:5
	for ((i = 0; i < 10; i++)); do
		ask '{"command":"debug","id":1}' '{"command":"pause","id":2}' '{"command":"debug","id":3}' |
			cut -c 1-100 >answers
		[[ $(wc -l <answers) == 3 ]] || fail "answers: $(cat answers)"
		control 0 list
		shows paused
		control 0 resume vm
	done
	vm_wait
	ends 5 exit
}

# Resets in place park the CPUs as well.
test_debug_and_resets()
{
	up --on-reboot=reset -- say:ready~ boots:12:kbd exit:6
	while "$LKVM" debug vm >shown 2>complained; do
		shows '^CPU 0: '
	done
	vm_wait
	ends 6 exit
	[[ $(grep -ac '^boot ' out) == 12 ]] || fail "$(grep -ac '^boot ' out) boots"
}

test_debug_of_many_cpus()
{
	# shellcheck disable=SC2034 # up's
	up -c 4 -- say:ready~ smp:4 hang
	wait_for out 'smp: all came'
	control 0 debug vm
	[[ $(grep -c '^CPU [0-3]: ' shown) == 4 ]] || fail "shows: $(grep ^CPU shown)"
	grep -A 50 '^CPU 3: ' shown | grep -q 'no paging' || fail "CPU 3 is in real mode: $(cat shown)"
	the_end
}

# As many as there may be: the answer still fits into what may be sent.
test_debug_of_255_cpus()
{
	up -c 255 -- say:ready~ registers
	wait_for out 'registers: set'
	control 0 debug vm
	[[ $(grep -c '^CPU [0-9]*: ' shown) == 255 ]] || fail "$(grep -c ^CPU shown) CPUs"
	grep -q 'CPU 254: not started' shown || fail "shows: $(grep ^CPU shown | tail -n 1)"
	the_end
}

test_debug_json()
{
	looked_at
	control 0 debug vm --json
	shows '"rax": "0xa1a1a1a1a1a1a1a1"'
	shows '"level": "PML4"'
	grep -q '"ok"' shown && fail "has the wire's own words"
	the_end
}

# --- NMI and SysRq ---

test_nmi()
{
	up -c 2 -- say:ready~ nmi:3 exit:7
	wait_for out 'nmi: waiting'
	control 0 debug vm --nmi 0
	[[ ! -s shown && ! -s complained ]] || fail "says: $(cat shown complained)"
	wait_for out 'nmi: came'
	control 125 debug vm --nmi 1
	complains '^lkvm: vm: nmi: the guest has not started CPU 1$'
	control 125 debug vm --nmi 2
	complains 'its CPUs are 0 to 1'
	# To one that stands still it comes when that goes on.
	control 0 pause vm
	control 0 debug vm --nmi=0
	sleep 0.2
	[[ $(grep -ac 'nmi: came' out) == 1 ]] || fail "a paused guest had an NMI"
	control 0 resume vm
	sleep 0.2
	[[ $(grep -ac 'nmi: came' out) == 2 ]] || fail "$(grep -ac 'nmi: came' out) NMIs after resume"
	control 0 debug vm --nmi 0
	vm_wait
	ends 7 exit
}

test_sysrq()
{
	up -- say:ready~ keys exit:8 <(sleep 10)
	wait_for out 'keys: ready'
	sleep 0.2
	control 0 debug vm --sysrq h
	wait_for out '^key: 68'
	control 0 debug -n vm --sysrq=q
	vm_wait
	ends 8 exit
	[[ $(grep -a '^key' out | tail -n 4 | xargs) == 'key: break key: 68 key: break key: 71' ]] ||
		fail "came: $(grep -a '^key' out)"
}

# The guest's standard input is not in its way.
test_sysrq_beside_input()
{
	mkfifo in
	exec 5<>in
	vm_command --name vm -- say:ready~ keys exit:8
	: >out
	"${command[@]}" <in >out 2>err &
	pid=$!
	wait_for out 'keys: ready'
	printf a >&5
	wait_for out '^key: 61'
	control 0 debug vm --sysrq b
	wait_for out '^key: 62'
	printf q >&5
	vm_wait
	ends 8 exit
	[[ $(grep -a '^key' out | tail -n 4 | xargs) == 'key: 61 key: break key: 62 key: 71' ]] ||
		fail "came: $(grep -a '^key' out)"
}

# Nothing reaches a guest that stands still: what was accepted comes when it goes on, then what was typed.
test_input_while_paused()
{
	local before

	mkfifo in
	exec 5<>in
	vm_command --name vm -- say:ready~ keys exit:8
	: >out
	"${command[@]}" <in >out 2>err &
	pid=$!
	wait_for out 'keys: ready'
	sleep 0.2
	control 0 pause vm
	control 0 stat vm
	before=$(grep 'serial0.bytes_in' shown)
	printf aaa >&5
	control 0 debug vm --sysrq b
	sleep 0.3
	control 0 stat vm
	[[ $(grep 'serial0.bytes_in' shown) == "$before" ]] || fail "a byte came in: $(grep bytes_in shown)"
	control 0 resume vm
	wait_for out '^key: 61'
	printf q >&5
	vm_wait
	ends 8 exit
	[[ $(grep -a '^key' out | tail -n 6 | xargs) == 'key: break key: 62 key: 61 key: 61 key: 61 key: 71' ]] ||
		fail "came: $(grep -a '^key' out)"
}

test_sysrq_nobody_hears()
{
	up -- say:ready~ hang
	control 125 debug vm --sysrq h
	complains '^lkvm: vm: sysrq: its COM1 takes no input now: no driver'
	the_end
}

test_debug_bad_options()
{
	local words

	up -- say:ready~ hang
	for words in '--sysrq hh' '--sysrq=' '--nmi x' '--nmi -1' '--nmi 255' '--nmi 1 --sysrq h' \
		'--kaslr-offset x' '--kaslr-offset 0x' '--kaslr-offset 12345678901234567890' \
		'--vmlinux a --system-map b' '--nonsense' '-a -n vm'; do
		# shellcheck disable=SC2086 # words
		control 125 debug vm $words
		[[ $(wc -l <complained) == 1 ]] || fail "$words: $(cat complained)"
	done
	control 125 debug nobody
	complains 'nobody: there is no running machine'
	ask '{"command":"nmi"}' '{"command":"nmi","cpu":-1}' '{"command":"nmi","cpu":1}' \
		'{"command":"nmi","cpu":"0"}' '{"command":"nmi","cpu":4294967296}' '{"command":"sysrq"}' \
		'{"command":"sysrq","key":""}' '{"command":"sysrq","key":"\u0001"}' \
		'{"command":"sysrq","key":7}' >answer
	[[ $(grep -c '"ok":false' answer) == 9 ]] || fail "$(cat answer)"
	the_end
}
