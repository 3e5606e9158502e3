/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The functions that unpack.c calls, one for each format, and the loop that most of them share.
 * Each unpack_*() has the contract of unpack() in <kvm/unpack.h>, and its input begins with the
 * format's magic number. The function is NULL if lkvm was built without the library.
 */
#ifndef UTIL_UNPACK_FORMATS_H
#define UTIL_UNPACK_FORMATS_H

#include <kvm/feature.h>
#include <kvm/types.h>
#include <sys/types.h>

/* A step's input and output space; after the step, the unused rest of both. */
struct unpack_io {
	const u8 *in;
	size_t in_len;
	u8 *out;
	size_t out_len;
};

/*
 * Let the library work, and advance *io by the bytes that it used. Returns 1 at the end of the
 * stream, 0 if there is more to do, or -errno. 0 without any progress means a truncated stream.
 */
typedef int unpack_step_fn(void *state, struct unpack_io *io);

/* Call the step until the stream ends or needs more than out_max bytes. unpack-stream.c. */
ssize_t unpack_stream(unpack_step_fn *step, void *state, const u8 *in, size_t in_len, u8 *out,
		      size_t out_max);

OPTIONAL ssize_t unpack_gzip(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_bzip2(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_lzma(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_xz(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_lzo(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_lz4(const u8 *in, size_t in_len, u8 *out, size_t out_max);
OPTIONAL ssize_t unpack_zstd(const u8 *in, size_t in_len, u8 *out, size_t out_max);

#endif
