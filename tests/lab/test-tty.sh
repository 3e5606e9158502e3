# SPDX-License-Identifier: GPL-2.0-only
# Terminals as a guest has them: --tty puts a serial port at a pseudo-terminal of the host, in both directions and
# with flow control; a terminal's size, and each change of it, reaches the guest on hvc0.
# lab-carry: tests/lab/disk.inc build/e2e/pty
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/disk.inc"
# Who leads a session and opens a terminal has it, and is hung up with it.
trap '' HUP

# --- --tty ---
start tty --tty 1 --tty 3 <<-'END'
	stty -F /dev/ttyS1 raw crtscts -echo 115200
	stty -F /dev/ttyS3 raw -echo
	exec 4<>/dev/ttyS1 5<>/dev/ttyS3
	echo "job: ready"
	read -r line <&4
	echo "job: ttyS1 said $line"
	echo "hello from ttyS1" >&4
	echo "hello from ttyS3" >&5
	head -c 20000 <&4 | sha256sum | sed 's/^/job: sum /'
	for n in $(seq 1000); do echo "line $n"; done >&4
	read -r line <&4
	echo "job: then $line"
END
# pts N: where the guest's ttySN is
pts()
{
	sed -n "s/.*ttyS$1 of the guest is //p" "$OUT/tty.err"
}

# heard TEXT: the next line from descriptor 4 is this
heard()
{
	line=
	read -r -t 60 line <&4
	if [ "$line" = "$1" ]; then
		ok "tty: heard '$1'"
	else
		fail "tty" "heard '$line' instead of '$1'"
	fi
}

if said tty '^job: ready'; then
	exec 4<>"$(pts 1)" 5<>"$(pts 3)"
	echo "the host" >&4
	heard "hello from ttyS1"
	read -r -t 60 line <&5
	[ "$line" = "hello from ttyS3" ] && ok "tty: two at once" || fail "tty: ttyS3" "said '$line'"
	head -c 20000 /dev/urandom >input
	sum=$(sha256sum <input)
	cat input >&4
	for n in $(seq 1000); do
		read -r -t 60 line <&4
		[ "$line" = "line $n" ] || break
	done
	[ "$n" = 1000 ] && ok "tty: 1000 lines out" || fail "tty" "line $n is '$line'"
	# Away and back: the wire stays plugged in.
	exec 4>&-
	exec 4<>"$(pts 1)"
	echo "the end" >&4
fi
finish tty 0
expect_grep "$OUT/tty.out" '^job: ttyS1 said the host' "tty: the guest heard it"
expect_grep "$OUT/tty.out" "^job: sum ${sum%% *}" "tty: 20,000 bytes in"
expect_grep "$OUT/tty.out" '^job: then the end' "tty: after somebody else took the terminal"
exec 4>&- 5>&-

# --- the terminal's size ---
job_cpio size <<-'END'
	echo "job: size $(stty size </dev/hvc0) at first"
	for n in $(seq 300); do
		[ "$(stty size </dev/hvc0)" != "33 111" ] || break
		usleep 100000
	done
	echo "job: size $(stty size </dev/hvc0) then"
	for n in $(seq 300); do
		[ "$(stty size </dev/hvc0)" != "50 132" ] || break
		usleep 100000
	done
	echo "job: size $(stty size </dev/hvc0) at last"
END
for transport in pci mmio; do
	"$LAB/pty" -t 200 -o "$OUT/size-$transport.out" size=24x80 wait='job: size' size=33x111 wait='job: size' \
		size=50x132 wait='job: size' -- lkvm run --kernel "$LAB/vmlinuz" --initrd "$LAB/guest.cpio" \
		--initrd size.cpio -c 1 -m 256 --console=virtio --virtio-transport=$transport \
		$JOB_OPTIONS --exec "$JOB" \
		>"$OUT/size-$transport.end" 2>"$OUT/size-$transport.err" </dev/null
	expect_grep "$OUT/size-$transport.out" 'job: size 33 111 then' "size-$transport: the guest sees 33x111"
	expect_grep "$OUT/size-$transport.out" 'job: size 50 132 at last' "size-$transport: and then 50x132"
	expect_grep "$OUT/size-$transport.end" '^status: 0' "size-$transport: status 0"
	expect_grep "$OUT/size-$transport.end" '^after: same' "size-$transport: the terminal is as it was"
done
lab_end
