# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154,SC2034
#
# Commands that act on a guest: balloon.

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
	up --balloon --virtio-transport mmio -- say:ready~ balloon exit:3
	wait_for out 'balloon: up'
	control 0 balloon vm
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

	up --balloon --virtio-transport mmio -- say:ready~ balloon hang
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
