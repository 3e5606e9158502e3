// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed kernels: the formats, their magic numbers, and the loop that most of them share.
 *
 * A kernel comes packed by whatever its configuration says, as the payload of a bzImage or as a
 * file (vmlinux.xz). Both are whole in memory here, and so is the room for what comes out: nothing
 * is read, nothing grows. The work is done by the libraries, a function a format:
 *
 *   unpack-lib.c   gzip, bzip2, lzma, xz, zstd: the library knows the container
 *   unpack-lzo.c   lzo: the container of lzop is parsed here, liblzo2 has the blocks
 *   unpack-lz4.c   lz4: the legacy frame is parsed here, liblz4 has the blocks
 *
 * Each library is optional (the Makefile's LIBS-found); a format without one is still detected and
 * has a name, so that the message to the user can say what is missing.
 *
 * unpack_stream() drives the libraries that work piece by piece. They all take input and room as
 * long as there is both; the pieces are bounded because some count in 32 bits, and because a start
 * that takes long must end when a signal or --timeout says so. When the room is
 * used up the stream may still have to be ended, by a checksum or a marker: the library then gets
 * one spare byte. If it writes that, the stream is longer than out_max, which is how a bomb ends:
 * after out_max + 1 bytes. A step that moves neither end and does not end the stream wants input
 * that is not there: the stream is truncated.
 *
 * The input is hostile: a file that somebody downloaded. Whatever it says, out_max is not
 * exceeded, and memory besides in and out is bounded as unpack.h says.
 *
 * What follows the stream is ignored: the kernel's build appends the unpacked length, 4 bytes,
 * to all formats but gzip, which ends with them anyway.
 *
 * Left out on purpose: further members of a file that was joined of several (but for lz4, see
 * there). The kernel's own decompressors read one, too.
 *
 * Spec: Linux scripts/Makefile.lib, cmd_gzip to cmd_zstd22_with_size; size_append
 * Spec: RFC 1952 2.3.1 (gzip), RFC 8878 3.1.1 (zstd), .xz file format 1.1.0 2.1.1.1, LZ4 frame
 *	 format 1.6.1 (both magic numbers)
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/cancel.h>
#include <kvm/unpack.h>
#include <limits.h>
#include <string.h>

/* What a step is given at most: a bomb can be called off between two (cancel.h). */
#define STEP_MAX (4UL << 20)

#ifdef HAVE_ZLIB
#define IF_ZLIB(fn) fn
#else
#define IF_ZLIB(fn) NULL
#endif
#ifdef HAVE_BZIP2
#define IF_BZIP2(fn) fn
#else
#define IF_BZIP2(fn) NULL
#endif
#ifdef HAVE_LZMA
#define IF_LZMA(fn) fn
#else
#define IF_LZMA(fn) NULL
#endif
#ifdef HAVE_LZO
#define IF_LZO(fn) fn
#else
#define IF_LZO(fn) NULL
#endif
#ifdef HAVE_LZ4
#define IF_LZ4(fn) fn
#else
#define IF_LZ4(fn) NULL
#endif
#ifdef HAVE_ZSTD
#define IF_ZSTD(fn) fn
#else
#define IF_ZSTD(fn) NULL
#endif

static const struct {
	const char *name;
	ssize_t (*unpack)(const u8 *in, size_t in_len, u8 *out, size_t out_max);
} formats[] = {
	[UNPACK_NONE] = {"none", NULL},
	[UNPACK_GZIP] = {"gzip", IF_ZLIB(unpack_gzip)},
	[UNPACK_BZIP2] = {"bzip2", IF_BZIP2(unpack_bzip2)},
	[UNPACK_LZMA] = {"lzma", IF_LZMA(unpack_lzma)},
	[UNPACK_XZ] = {"xz", IF_LZMA(unpack_xz)},
	[UNPACK_LZO] = {"lzo", IF_LZO(unpack_lzo)},
	[UNPACK_LZ4] = {"lz4", IF_LZ4(unpack_lz4)},
	[UNPACK_ZSTD] = {"zstd", IF_ZSTD(unpack_zstd)},
};

static const struct {
	enum unpack_format format;
	u8 len;
	u8 bytes[UNPACK_MAGIC_MAX];
} magics[] = {
	{UNPACK_GZIP, 3, {0x1f, 0x8b, 8 /* deflate */}},
	{UNPACK_BZIP2, 3, {'B', 'Z', 'h'}},
	/* No magic, but lc = 3, lp = 0, pb = 2 and a window of whole 64 KiB. */
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

ssize_t unpack_stream(unpack_step_fn *step, void *state, const u8 *in, size_t in_len, u8 *out,
		      size_t out_max)
{
	size_t in_done = 0, out_done = 0;
	u8 spare;

	for (;;) {
		bool full = out_done == out_max;
		size_t give = MIN(in_len - in_done, STEP_MAX);
		size_t room = full ? 1 : MIN(out_max - out_done, STEP_MAX);
		struct unpack_io io = {in + in_done, give, &spare, room};
		int end;

		if (!full)
			io.out = out + out_done;
		end = step(state, &io);
		if (end < 0)
			return end;
		if (full && io.out_len < room)
			return -E2BIG;
		in_done += give - io.in_len;
		out_done += room - io.out_len;
		if (end)
			return (ssize_t)out_done;
		if (io.in_len == give && io.out_len == room)
			return -EINVAL;
		if (cancel_check())
			return -ECANCELED;
	}
}
