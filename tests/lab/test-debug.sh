# SPDX-License-Identifier: GPL-2.0-only
# lkvm debug and lkvm balloon with a stock kernel: symbols from its /proc/kallsyms, and from a map as it was
# linked, whether lkvm moved the kernel or it moved itself; an NMI and a SysRq in its log; memory that it gives up
# leaves the host's account, and comes back.
# lab-carry: tests/lab/disk.inc
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/disk.inc"
export LKVM_RUNTIME_DIR=$PWD/run

# guest NAME [OPTIONS...]: a machine named vm that does the words it reads; its kallsyms are in NAME.img
guest()
{
	local name=$1
	truncate -s 160M "$name.img"
	start "$@" --name vm -d "$name.img" <<-'END'
		cat /proc/kallsyms >/dev/vda
		sync
		echo "job: kallsyms"
		while read word; do
			case $word in
			mem) echo "job: free $(awk '$1 == "MemFree:" { print $2 }' /proc/meminfo)" ;;
			cache) exec 9</dev/vda; cat <&9 >/dev/null; echo "job: cached" ;; # until 9 is closed
			end) break ;;
			esac
		done
		dmesg | grep -E 'NMI received|sysrq: HELP' | sed 's/^/job: dmesg: /'
		echo "job: end"
	END
	if ! said "$name" "^job: kallsyms"; then
		fail "$name" "does not come up"
		lab_tail "$OUT/$name.err" "$OUT/$name.out"
		return 1
	fi
}

# looked NAME FILE OPTIONS...: lkvm debug into FILE, until it meets the CPU at rest
looked()
{
	local name=$1 file=$OUT/$1.$2 tries
	tries=$(patient 20)
	shift 2
	until lkvm debug vm "$@" >"$file" 2>"$file.err" && grep -q '^CPU 0: halted' "$file"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { fail "$name: debug" "$(head -n 3 "$file.err" "$file")"; return 1; }
		usleep 200000
	done
}

# moved MAP: how far above where it was linked the kernel of these kallsyms runs
moved()
{
	echo $(($(sed -n 's/^ffffffff\([0-9a-f]*\) T _text$/0x\1/p' "$1") - 0x81000000))
}

# linked MAP BYTES: a System.map of a few of its symbols, so many bytes below where they are
linked()
{
	local address type symbol
	grep -E -A 1 ' (entry_SYSCALL_64|asm_exc_page_fault|do_idle|cpu_startup_entry|default_idle)$' "$1" |
		grep -E '^ffffffff[89ab]' | while read -r address type symbol; do
		printf 'ffffffff%08x %s %s\n' $((0x${address#ffffffff} - $2)) "$type" "$symbol"
	done
}

# debugged NAME: with symbols of both kinds
debugged()
{
	local offset
	head -c 16777216 "$1.img" | tr -d '\0' >"$1.map"
	looked "$1" kallsyms --system-map "$1.map" || return
	expect_grep "$OUT/$1.kallsyms" '^symbols: .*the kernel runs 0x0 above them, as its registers say' \
		"$1: kallsyms has the addresses of the running kernel"
	expect_grep "$OUT/$1.kallsyms" '^  rip ffffffff[0-9a-f]* [a-z_]*(idle|halt)[a-z_]*\+0x' \
		"$1: it is idle, by name"
	expect_grep "$OUT/$1.kallsyms" '^    ffffffff[0-9a-f]* do_idle\+0x' "$1: and who called that"
	expect_grep "$OUT/$1.kallsyms" '^    ffffffff[0-9a-f]* cpu_startup_entry\+0x' "$1: and that"
	expect_grep "$OUT/$1.kallsyms" '^  lstar [0-9a-f]* entry_SYSCALL_64\+0x0' "$1: its system calls, by name"
	expect_grep "$OUT/$1.kallsyms" '^    PML4\[511\] at .* present' "$1: the page walk begins"
	expect_grep "$OUT/$1.kallsyms" '^    physical [0-9a-f]*, in a page of (2 MiB|4 KiB)$' "$1: and arrives"
	expect_no_grep "$OUT/$1.kallsyms" 'KVM says' "$1: where KVM does"
	offset=$(moved "$1.map")
	linked "$1.map" "$offset" >linked
	looked "$1" linked --system-map linked || return
	expect_grep "$OUT/$1.linked" "^symbols: .*runs 0x$(printf %x "$offset") above them, as its registers say" \
		"$1: KASLR's offset is found out: 0x$(printf %x "$offset")"
	expect_grep "$OUT/$1.linked" '^    ffffffff[0-9a-f]* do_idle\+0x' "$1: and counts"
	linked "$1.map" $((offset + 64)) >other
	lkvm debug vm --system-map other >"$OUT/$1.other" 2>&1
	expect_grep "$OUT/$1.other" "belong to another kernel" "$1: another kernel's symbols are told apart"
}

# --- symbols, NMI, SysRq ---
if guest own; then
	debugged own
	expect_grep "$OUT/own.kallsyms" '^kernel: .*vmlinuz, [0-9]' "own: its release is known"
	lkvm debug vm --nmi 0 || fail "own: --nmi" "status $?"
	said own 'NMI received for unknown reason' 60 || fail "own: --nmi" "nothing on the console"
	lkvm debug vm --sysrq h || fail "own: --sysrq" "status $?"
	said own 'sysrq: HELP' 60 || fail "own: --sysrq" "nothing on the console"
	echo end >&3
	finish own 0
	expect_grep "$OUT/own.out" '^job: dmesg: .*NMI received for unknown reason' "own: an NMI"
	expect_grep "$OUT/own.out" '^job: dmesg: .*sysrq: HELP' "own: a SysRq without a terminal"
fi
if guest self --unpack never -p unknown_nmi_panic; then
	debugged self
	lkvm debug vm --nmi 0 || fail "self: --nmi" "status $?"
	finish self 121
	expect_grep "$OUT/self.out" 'Kernel panic - not syncing: NMI: Not continuing' "self: an NMI that panics"
fi

# --- balloon ---
# rss: of the machine, in MiB
rss()
{
	awk '$1 == "VmRSS:" { print int($2 / 1024) }' "/proc/$(lkvm list | awk '$1 == "vm" { print $2 }')/status"
}

# settled BYTES: wait until the guest has so much, or hardly more
settled()
{
	local tries has
	tries=$(patient 150)
	until has=$(lkvm balloon vm | sed -n 's/^current_bytes: //p') && [ "$has" -le $(($1 + 4194304)) ] &&
		[ "$has" -ge "$1" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || { fail "balloon" "the guest has $has bytes instead of $1"; return 1; }
		usleep 200000
	done
}

# counter NAME: one of lkvm stat
counter()
{
	lkvm stat vm | sed -n "s/^devices\.virtio-balloon0\.$1: //p"
}

# lines_free: how often the guest has said what it has free
lines_free()
{
	tr -d '\r' <"$OUT/balloon.out" | grep -c '^job: free'
}

# guest_free: what it has now, in MiB
guest_free()
{
	local before tries
	tries=$(patient 300)
	before=$(lines_free)
	echo mem >&3
	while [ "$(lines_free)" = "$before" ] && [ $tries -gt 0 ]; do
		tries=$((tries - 1))
		usleep 100000
	done
	tr -d '\r' <"$OUT/balloon.out" | sed -n 's/^job: free //p' | tail -n 1 | awk '{ print int($1 / 1024) }'
}

if guest balloon --balloon -m 384; then
	echo cache >&3
	said balloon '^job: cached' || fail balloon "does not read its disk"
	before=$(rss)
	lkvm balloon vm --size 160M >asked
	expect_grep asked '^size_bytes: 167772160$' "balloon: what is asked"
	settled $((160 * 1048576)) && ok "balloon: the guest gave up 224 MiB"
	after=$(rss)
	# What it kept and lkvm's own, all of it in use.
	if [ "$before" -ge 200 ] && [ "$after" -le 176 ]; then
		ok "balloon: the host has got memory back"
	else
		fail balloon "the host's account was $before MiB and is $after"
	fi
	note "balloon: resident $before MiB, then $after MiB"
	little=$(guest_free)
	lkvm balloon vm --deflate 224M >asked
	settled $((384 * 1048576)) && ok "balloon: and has it again"
	much=$(guest_free)
	note "balloon: free in the guest $little MiB, then $much MiB"
	if [ "$much" -ge $((little + 150)) ]; then
		ok "balloon: the guest sees it"
	else
		fail balloon "free in the guest: $little MiB, then $much MiB"
	fi
	counter free-memory >first
	usleep 500000
	told=$(counter free-memory) age=$(counter statistics-age-ms)
	if [ "${told:-0}" -gt $(((much - 60) * 1048576)) ] && [ "${age:-99999}" -lt 20000 ]; then
		ok "balloon: the guest's statistics are in lkvm stat"
	else
		fail balloon "stat has $told bytes free of $age ms ago; the guest has $much MiB"
	fi
	if lkvm balloon vm --size 385M 2>refused; then
		fail balloon "took a size beyond the guest's memory"
	else
		expect_grep refused 'the size is 1M to 393216K' "balloon: no more than there is"
	fi
	echo end >&3
	finish balloon 0
fi
lab_end
