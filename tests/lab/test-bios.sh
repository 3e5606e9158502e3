# SPDX-License-Identifier: GPL-2.0-only
# The real-mode services on a processor that runs 16-bit code itself, and Debian's 16-bit set-up code
# on them, up to the kernel's 32-bit entry. The unit test sees whatever /dev/kvm there is, often one
# that interprets.
# lab-carry: build/release-gcc/tests/kvm/test-bios
. "$LAB/lib.sh"

# run_it NAME [ARGUMENT]: all of it passed, and some of it ran
run_it()
{
	local name=$1 log
	shift
	log=$OUT/$(echo "$name" | tr ' ' -).log
	if "$LAB/test-bios" "$@" >"$log" 2>&1 && grep -q '^\[  PASSED  \] [1-9]' "$log" &&
		! grep -q SKIPPED "$log"; then
		ok "$name"
	else
		fail "$name" "$(grep -E 'ERROR|error:|SKIPPED|not found' "$log" | head -n 2)"
	fi
}

run_it services
run_it 'set-up code' "$LAB/vmlinuz"
lab_end
