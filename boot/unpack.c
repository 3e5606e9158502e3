// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed kernels: the formats and their magic numbers.
 *
 * A kernel is packed in the format of its configuration, as the payload of a bzImage or as a file
 * (vmlinux.xz). The whole input and the space for the whole output are in memory: nothing is read
 * from a file, and no buffer grows. Libraries do the work, with one source file for each:
 *
 *   unpack-gzip.c, unpack-bzip2.c, unpack-xz.c (and lzma), unpack-zstd.c
 *		    the library knows the container
 *   unpack-lzo.c   the container of lzop is parsed here, liblzo2 has the blocks
 *   unpack-lz4.c   the legacy frame is parsed here, liblz4 has the blocks
 *
 * Each library is optional: without it, the Makefile leaves its file out. Its format is still
 * detected and has a name, so that the message to the user can name the missing library.
 *
 * The input may be hostile, such as a downloaded file. No input can make the output exceed out_max,
 * or other memory exceed the limits in unpack.h.
 *
 * Bytes after the stream are ignored: the kernel's build appends the unpacked length, 4 bytes, in
 * all formats except gzip, whose own last 4 bytes are this length.
 *
 * Left out on purpose: further members of a concatenated file (except in lz4, see there). The
 * kernel's own decompressors read only one, too.
 *
 * Spec: Linux scripts/Makefile.lib, cmd_gzip to cmd_zstd22_with_size; size_append
 * Spec: RFC 1952 2.3.1 (gzip), RFC 8878 3.1.1 (zstd), .xz file format 1.1.0 2.1.1.1, LZ4 frame
 *	 format 1.6.1 (both magic numbers)
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/unpack.h>
#include <limits.h>
#include <string.h>

static const struct {
	const char *name;
	ssize_t (*unpack)(const u8 *in, size_t in_len, u8 *out, size_t out_max);
} formats[] = {
	[UNPACK_NONE] = {"none", NULL},		  [UNPACK_GZIP] = {"gzip", unpack_gzip},
	[UNPACK_BZIP2] = {"bzip2", unpack_bzip2}, [UNPACK_LZMA] = {"lzma", unpack_lzma},
	[UNPACK_XZ] = {"xz", unpack_xz},	  [UNPACK_LZO] = {"lzo", unpack_lzo},
	[UNPACK_LZ4] = {"lz4", unpack_lz4},	  [UNPACK_ZSTD] = {"zstd", unpack_zstd},
};

static const struct {
	enum unpack_format format;
	u8 len;
	u8 bytes[UNPACK_MAGIC_MAX];
} magics[] = {
	{UNPACK_GZIP, 3, {0x1f, 0x8b, 8 /* deflate */}},
	{UNPACK_BZIP2, 3, {'B', 'Z', 'h'}},
	/* Not a magic number, but lc = 3, lp = 0, pb = 2 and a window of a multiple of 64 KiB. */
	{UNPACK_LZMA, 3, {0x5d, 0x00, 0x00}},
	{UNPACK_XZ, 6, {0xfd, '7', 'z', 'X', 'Z', 0x00}},
	{UNPACK_LZO, 9, {0x89, 'L', 'Z', 'O', 0x00, '\r', '\n', 0x1a, '\n'}},
	{UNPACK_LZ4, 4, {0x02, 0x21, 0x4c, 0x18}}, /* legacy */
	{UNPACK_LZ4, 4, {0x04, 0x22, 0x4d, 0x18}},
	{UNPACK_ZSTD, 4, {0x28, 0xb5, 0x2f, 0xfd}},
};

enum unpack_format unpack_detect(const void *head, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (len >= magics[i].len && !memcmp(head, magics[i].bytes, magics[i].len))
			return magics[i].format;
	}
	return UNPACK_NONE;
}

const char *unpack_name(enum unpack_format format)
{
	return formats[format < ARRAY_SIZE(formats) ? format : UNPACK_NONE].name;
}

bool unpack_supported(enum unpack_format format)
{
	return format < ARRAY_SIZE(formats) && formats[format].unpack;
}

ssize_t unpack(enum unpack_format format, const void *in, size_t in_len, void *out, size_t out_max)
{
	if (!unpack_supported(format))
		return -ENOTSUP;
	if (unpack_detect(in, in_len) != format)
		return -EINVAL;
	return formats[format].unpack(in, in_len, out, MIN(out_max, (size_t)SSIZE_MAX));
}
