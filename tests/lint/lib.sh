# SPDX-License-Identifier: GPL-2.0-only
#
# What the lints share: which files there are, and how a verdict is printed.
#
# A lint looks at the tree it lies in, or at the one LINT_ROOT names (tests/lint/selftest plants
# violations in a copy). Each violation is a line "# FILE:LINE: what"; the verdict is the last
# line: "ok - NAME" or "not ok - NAME: why", which the exit status repeats.

set -u
lint_name=$(basename "$0")
cd "${LINT_ROOT:-$(dirname "$0")/../..}" || exit 1

violations=0
first=

# violation WHERE WHAT
violation() {
	violations=$((violations + 1))
	[ -n "$first" ] || first="$1: $2"
	echo "# $1: $2"
}

# Does not return.
verdict() {
	if [ "$violations" -eq 0 ]; then
		echo "ok - lint/$lint_name"
		exit 0
	fi
	echo "not ok - lint/$lint_name: $violations violations, the first: $first"
	exit 1
}

# skip WHY: there is no verdict. Does not return.
skip() {
	echo "skip - lint/$lint_name: $1"
	exit 0
}

# Skips the lint if one of these tools is missing.
skip_without() {
	for tool; do
		command -v "$tool" >/dev/null || skip "$tool is not installed (make deps)"
	done
}

# All files that are ours and written by hand, a line each, without "./".
all_files() {
	find . -name .git -prune -o -path ./build -prune -o -type f \
		! -name '*.o' ! -name '*.d' ! -name 'lkvm' ! -name 'lkvm-static' -print |
		sed 's|^\./||' | sort
}

# Product code, without tests/ and bench/.
product_files() {
	all_files | grep -E '\.[ch]$' | grep -Ev '^(tests|bench)/'
}

# All libraries that tests pack with, as the Makefile's HAVE.
have="-DHAVE_ZLIB -DHAVE_BZIP2 -DHAVE_LZMA -DHAVE_LZO -DHAVE_LZ4 -DHAVE_ZSTD"

# The flags that objects are compiled with.
compile_flags() {
	echo "-std=gnu11 -D_GNU_SOURCE $have -Iinclude -I."
}
