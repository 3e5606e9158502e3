# SPDX-License-Identifier: GPL-2.0-only
# The cloud kernel by every entry it has, with and without its own unpacker, moved and unmoved. That lkvm unpacks
# it once and finds it again is what all other scripts do too.
. "$LAB/lib.sh"
export XDG_CACHE_HOME=$PWD/forms-cache

# form NAME [OPTION...]: one boot to the guest's banner and power-off
form()
{
	local name=$1
	shift
	boot "$name" 0 -c 1 -m 256 "$@" || return
	expect_grep "$OUT/$name.out" '^lab: Linux .*, 1 CPUs online' "$name: reached user space"
}

form first
kept=$(find forms-cache -type f | wc -l)
form second
if [ "$kept" = 1 ] && [ "$(find forms-cache -type f | wc -l)" = 1 ]; then
	ok "kept: one entry after two runs"
else
	fail "kept" "$(find forms-cache | tr '\n' ' ')"
fi
# A piece of RAM that is something else binds whoever chooses the address: the kernel does so then.
(export XDG_CACHE_HOME=$PWD/bound-cache && form bound -p 'memmap=64M!128M')
if [ -z "$(find bound-cache -type f 2>/dev/null)" ]; then
	ok "bound: it unpacked itself"
else
	fail "bound" "unpacked by lkvm, which chose its address"
fi
quick || form unmoved -p nokaslr
form self --unpack=never
quick || form self-32bit --unpack=never --boot=32bit
quick || form self-16bit --boot=16bit
form pvh --boot=pvh
lab_end
