#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a guest sees of CPUID on real processors: recordings of Intel's, AMD's and hybrid ones, which libvirt
# keeps for its own tests (tests/cputestdata of Debian's source package), go through test-cpuid-leaves. They are
# fetched once, into the lab's cache, and are no part of this tree.
#
# usage: check-cpuid.sh path/to/test-cpuid-leaves
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../lab/common.sh"

test_leaves=$1
wanted=8
need apt-get apt
need xz xz-utils
dir=$(lab_cache)/cpu-recordings
tmp=$(mktemp -d "$(lab_cache)/tmp.XXXXXX")
trap 'rm -rf "$tmp"' EXIT

fetch()
{
	local options=(-o APT::Sandbox::User= -o Debug::NoLocking=1 -o "Dir::State::lists=$tmp/lists"
		-o "Dir::Cache=$tmp/cache" -o "Dir::Etc::sourcelist=$tmp/sources.list"
		-o Dir::Etc::sourceparts=/dev/null)
	local signed="[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"

	mkdir -p "$tmp/lists/partial" "$tmp/cache/archives/partial"
	echo "deb-src $signed $(debian_mirror debian) trixie main" >"$tmp/sources.list"
	apt-get -qq "${options[@]}" update >"$tmp/log" 2>&1 || return 1
	(cd "$tmp" && apt-get -qq "${options[@]}" source --download-only --tar-only libvirt) >>"$tmp/log" 2>&1 ||
		return 1
	tar -C "$tmp" -xf "$tmp"/libvirt_*.orig.tar.xz --wildcards --strip-components=3 \
		'*/tests/cputestdata/x86_64-cpuid-*.xml'
	mkdir "$tmp/recordings"
	for file in "$tmp"/x86_64-cpuid-*.xml; do
		# Files of guests and of features that libvirt derived have other words in their names.
		[[ $file != *-*-guest.xml && $file != *-*-host.xml && $file != *-json.xml ]] || continue
		sed -n "s/.*<cpuid eax_in='0x\([0-9a-f]*\)' ecx_in='0x\([0-9a-f]*\)' eax='0x\([0-9a-f]*\)' \
ebx='0x\([0-9a-f]*\)' ecx='0x\([0-9a-f]*\)' edx='0x\([0-9a-f]*\)'.*/\1 \2 \3 \4 \5 \6/p" "$file" \
			>"$tmp/recordings/$(basename "$file" .xml)"
	done
	find "$tmp/recordings" -size -500c -delete
	rm -rf "$dir"
	mv -T "$tmp/recordings" "$dir"
}

if [[ ! -d $dir ]] && ! fetch; then
	echo "not ok - cpuid: cannot fetch the source of libvirt: $(tail -n 1 "$tmp/log")"
	exit 1
fi
count=$(find "$dir" -type f | wc -l)
if ((count < wanted)); then
	echo "not ok - cpuid: $count recordings in $dir, $wanted wanted at least"
	exit 1
fi
"$test_leaves" "$dir"/*
