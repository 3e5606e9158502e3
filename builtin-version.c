// SPDX-License-Identifier: GPL-2.0-only
/*
 * lkvm version: the version, the commit, and what this binary was built with.
 *
 * The first line is `lkvm VERSION, commit HASH`; HASH ends in "-dirty" where a file had changed
 * since that commit. The Makefile finds the commit and gives it to this file alone, as LKVM_COMMIT:
 * the text from the comma on, or nothing where neither git nor the file .commit names the commit.
 *
 * Optional libraries are found at build time; the Makefile names each that is missing then. Here
 * the binary says the same of itself, a line a feature, so that a script can ask:
 * `lkvm version | grep '^+io_uring'`. jansson is mandatory; its lines stay for the scripts that ask.
 */
#include <kvm/builtin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/types.h>
#include <kvm/unpack.h>

#include <stdio.h>

#ifndef LKVM_COMMIT
#define LKVM_COMMIT ""
#endif

struct feature {
	const char *name;
	const char *what;
	enum unpack_format format; /* says whether it is built in; or else: */
	bool built;
};

static const struct feature features[] = {
	{"result", "run --result and --boot-trace write JSON (jansson)", UNPACK_NONE, true},
	{"zlib", "kernels packed by gzip", UNPACK_GZIP, false},
	{"bzip2", "kernels packed by bzip2", UNPACK_BZIP2, false},
	{"lzma", "kernels packed by lzma or xz", UNPACK_XZ, false},
	{"lzo", "kernels packed by lzop", UNPACK_LZO, false},
	{"lz4", "kernels packed by lz4", UNPACK_LZ4, false},
	{"zstd", "kernels packed by zstd", UNPACK_ZSTD, false},
	{"cache", "unpacked kernels are kept (libsodium)", UNPACK_NONE,
#ifdef HAVE_LIBSODIUM
	 true
#else
	 false
#endif
	},
	{"io_uring", "disks by io_uring (liburing)", UNPACK_NONE,
#ifdef HAVE_LIBURING
	 true
#else
	 false
#endif
	},
	{"libaio", "disks with cache=none by Linux AIO (libaio)", UNPACK_NONE,
#ifdef HAVE_LIBAIO
	 true
#else
	 false
#endif
	},
	{"control", "run --detach, lkvm list, stop and the like (jansson)", UNPACK_NONE, true},
	{"init", "--exec and a root without an initrd: lkvm's own init (musl-gcc)", UNPACK_NONE,
#ifdef HAVE_INIT
	 true
#else
	 false
#endif
	},
	{"blkid", "finding the root file system on a disk (libblkid)", UNPACK_NONE,
#ifdef HAVE_BLKID
	 true
#else
	 false
#endif
	},
};

static bool feature_built(const struct feature *feature)
{
	return feature->built || unpack_supported(feature->format);
}

int builtin_version(int argc, char **argv)
{
	if (argc > 1) {
		log_error("version: takes no arguments; got '%s'", argv[1]);
		return STATUS_ERROR;
	}
	printf("lkvm %s%s\n", LKVM_VERSION, LKVM_COMMIT);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		printf("%c%-10s %s\n", feature_built(&features[i]) ? '+' : '-', features[i].name,
		       features[i].what);
	return builtin_end_output("version");
}
