# SPDX-License-Identifier: GPL-2.0-only
# The same as test-exec.sh, again and again, with 1 MiB of input; and every way to be asked to end.
# lab-trees: cloud generic-trixie
# lab-tools: mkfs.ext4 sfdisk e2fsck
# lab-carry: tests/lab/init.inc
# lab-carry: tests/lab/exec.inc
# lab-carry: build/e2e/pty
# lab-timeout: 7200
# lab-long: yes
. "$LAB/lib.sh"
. "$LAB/init.inc"
. "$LAB/exec.inc"
tree=$LAB/trees/cloud

# --- an end that is asked for ---
by_signal()
{
	kill -TERM "$pid"
}

in_5_s()
{
	lkvm stop --grace 5s asked
}

asked default 143 by_stop -d whole.img --exec 'echo new >/tmp/new; echo ready; sleep 1000'
is_clean default
asked signal 143 by_signal --exec 'echo ready; exec sleep 1000'
asked deaf 137 in_5_s -d whole.img --exec 'trap "" TERM; echo more >/tmp/more; echo ready; while :; do sleep 1; done'
is_clean deaf
asked timeout 124 true --timeout 60s -d whole.img --exec 'echo long >/tmp/long; echo ready; sleep 1000'
is_clean timeout
asked poweroff 143 true --exec 'echo ready; poweroff; sleep 1000'
own left 0 -d whole.img --exec 'cat /tmp/new /tmp/more /tmp/long'
says left '^long$' "what was written before the end is there"

# A disk that the command has mounted itself is left clean, too.
asked mounted 143 by_stop -d whole.img --root none --exec \
	'mkdir /mnt; mount -t ext4 /dev/vda /mnt; echo x >/mnt/tmp/x; echo ready; sleep 1000'
is_clean mounted

# Output that nobody reads does not keep the machine from ending.
mkfifo unread
exec 5<>unread
lkvm run -k "$tree/vmlinuz" -c 1 -m 256 --name asked --exec 'trap "" TERM; yes' </dev/null >unread 2>unread.err &
pid=$!
sleep 30
got=0
lkvm stop --grace 6s asked || got=$?
expect_status unread-stop 0 "$got"
got=0
wait "$pid" || got=$?
expect_status unread 137 "$got"
exec 5>&-

# --- the shell on a terminal: job control, and what it says when it is asked to end ---
"$LAB/pty" -o pty.screen -t 100 'wait=# ' 'send=sleep 1000\n' sleep=2000 'send=\x03' sleep=1000 \
	'send=echo $((6*7)); tty\n' wait=42 'wait=# ' 'send=exit 7\n' -- \
	"$(command -v lkvm)" run -k "$tree/vmlinuz" -m 256 -c 2 >pty.report 2>&1
expect_grep pty.report '^status: 7' "terminal: the shell's status"
expect_grep pty.screen '^/dev/ttyS0' "terminal: it is the controlling one"
"$LAB/pty" -o pty.screen -t 100 'wait=# ' signal=TERM -- \
	"$(command -v lkvm)" run -k "$tree/vmlinuz" -m 256 -c 1 >pty.report 2>&1
expect_grep pty.report '^status: 0' "terminal: a shell that is asked to end"

# --- all of it ---
all_bytes 1048575 >input
passes ttyS0 1 input 1MiB
passes hvc0 1 input 1MiB
all_bytes 300 >input
run=0
while [ $run -lt 50 ]; do
	run=$((run + 1))
	for console in ttyS0 hvc0; do
		passes $console 2 input $run
		passes $console 4 input $run
	done
done
lab_end
