#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A second opinion on SMBIOS: dmidecode reads what test-smbios writes out, finds nothing to
# complain of, and understands it as it is meant.
#
# usage: check-dmidecode.sh path/to/test-smbios
set -eu

test_smbios=$1
PATH=$PATH:/usr/sbin:/sbin
dmidecode=${DMIDECODE:-dmidecode}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
name="tables read by dmidecode"

fail() {
	echo "not ok - $name: $1"
	cat "$dir/log"
	exit 1
}

# says TYPE TEXT: a line of that structure is so
says() {
	"$dmidecode" --from-dump "$dir/dump" -q -t "$1" | sed 's/^[[:space:]]*//' |
		grep -Fxq "$2" || fail "type $1 does not say \"$2\""
}

if ! command -v "$dmidecode" >/dev/null; then
	echo "skip - $name: dmidecode is missing (package dmidecode)"
	exit 0
fi
for cpus in 1 255; do
	"$test_smbios" --dump "$dir/dump" "$cpus"
	"$dmidecode" --from-dump "$dir/dump" >"$dir/log" 2>&1 || fail "status $?"
	grep -q '^SMBIOS 3.0.0 present' "$dir/log" || fail "no SMBIOS 3.0"
	grep -q '^End Of Table' "$dir/log" || fail "no end of the table"
	! grep -Eiq 'invalid|wrong|bad index|truncated|broken|out of spec|bogus|inconsistent' "$dir/log" ||
		fail "complaints"
	says 0 "Vendor: LKVM"
	says 0 "ACPI is supported"
	says 0 "System is a virtual machine"
	says 1 "Product Name: Virtual Machine"
	says 1 "Serial Number: guest-42"
	says 1 "UUID: Not Settable"
	says 3 "Type: Other"
	says 4 "Core Count: $cpus"
	says 16 "Maximum Capacity: 2 MB"
	says 17 "Size: 2 MB"
	says 19 "Starting Address: 0x00000000000"
	says 19 "Range Size: 2 MB"
	says 32 "Status: No errors detected"
	echo "ok - SMBIOS for $cpus CPUs: dmidecode understands it"
done
