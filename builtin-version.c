// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm version: the version, the commit, and what this binary was built with.
 *
 * The first line is `lkvm VERSION, commit HASH`; HASH ends in "-dirty" if a file has changed since
 * that commit. The Makefile finds the commit and gives it to this file alone, as LKVM_COMMIT: the
 * text from the comma on, or an empty text if neither git nor the file .commit names the commit.
 *
 * Optional libraries are found at build time, when the Makefile names each one that is missing.
 * Here the binary lists the same features, one on each line, so that a script can test for one:
 * `lkvm version | grep '^+io_uring'`. jansson is always there; its lines are kept for scripts that
 * look for them.
 */
#include <kvm/builtin.h>
#include <kvm/feature.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/output.h>
#include <kvm/types.h>

#include <stdio.h>

#ifndef LKVM_COMMIT
#define LKVM_COMMIT ""
#endif

static const struct {
	const char *name; /* the name in its FEATURE() */
	const char *what;
	bool always;
} features[] = {
	{"result", "run --result and --boot-trace write JSON (jansson)", true},
	{"zlib", "kernels packed by gzip", false},
	{"bzip2", "kernels packed by bzip2", false},
	{"lzma", "kernels packed by lzma or xz", false},
	{"lzo", "kernels packed by lzop", false},
	{"lz4", "kernels packed by lz4", false},
	{"zstd", "kernels packed by zstd", false},
	{"cache", "unpacked kernels are kept (libsodium)", false},
	{"io_uring", "disks by io_uring (liburing)", false},
	{"libaio", "disks with cache=none by Linux AIO (libaio)", false},
	{"control", "run --detach, lkvm list, stop and the like (jansson)", true},
	{"init", "--exec and a root without an initrd: lkvm's own init (musl-gcc)", false},
	{"blkid", "finding the root file system on a disk (libblkid)", false},
};

int builtin_version(int argc, char **argv)
{
	if (argc > 1) {
		log_error("version: takes no arguments; got '%s'", argv[1]);
		return STATUS_ERROR;
	}
	printf("lkvm %s%s\n", LKVM_VERSION, LKVM_COMMIT);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		bool built = features[i].always || feature_is_built(features[i].name);

		printf("%c%-10s %s\n", built ? '+' : '-', features[i].name, features[i].what);
	}
	return output_end("version") ? STATUS_ERROR : 0;
}
