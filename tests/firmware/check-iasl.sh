#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A second opinion on the ACPI tables: iasl disassembles each one that test-acpi
# writes out, and compiles it again, without an error, a warning or, for the DSDT, a
# byte that differs.
#
# usage: check-iasl.sh path/to/test-acpi
set -eu

test_acpi=$1
iasl=${IASL:-iasl}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
	echo "check-iasl: $1: $2" >&2
	cat "$dir/log" >&2
	exit 1
}

# The bytes of a table without its header, which names the compiler.
body() {
	tail -c +37 "$1"
}

for cpus in 1 255; do
	"$test_acpi" --dump "$dir" "$cpus"
	for aml in "$dir"/????.aml; do
		name=${aml##*/}
		name=${name%.aml}
		"$iasl" -d -p "$dir/$name" "$aml" >"$dir/log" 2>&1 || fail "$name" "does not disassemble"
		# iasl says "ACPI Warning" or "Invalid zero length" and still exits with 0.
		! grep -Eiq 'warning|error|invalid|\*\*\*\*' "$dir/log" "$dir/$name.dsl" ||
			fail "$name" "disassembles with complaints"
		"$iasl" -oa -we -p "$dir/$name-again" "$dir/$name.dsl" >"$dir/log" 2>&1 ||
			fail "$name" "does not compile again"
	done
	body "$dir/DSDT.aml" >"$dir/before"
	body "$dir/DSDT-again.aml" >"$dir/after"
	cmp "$dir/before" "$dir/after" >"$dir/log" 2>&1 || fail DSDT "changes when compiled again"
	rm -f "$dir"/*.aml "$dir"/*.dsl
	echo "ok - tables for $cpus CPUs: iasl takes them apart and together again"
done
