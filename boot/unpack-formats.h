/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What unpack.c calls, a function a format, and the loop that most of them share. Contract of each
 * unpack_*(): that of unpack() in <kvm/unpack.h>; the input begins with the format's magic number.
 * NULL: the library was not there when lkvm was built.
 */
#ifndef UTIL_UNPACK_FORMATS_H
#define UTIL_UNPACK_FORMATS_H

#include <kvm/feature.h>
#include <kvm/types.h>
#include <sys/types.h>

/* What a step has left of its input, and of the room for its output. */
struct unpack_io {
	const u8 *in;
	size_t in_len;
	u8 *out;
	size_t out_len;
};

/*
 * Move *io on as far as the library goes. Returns 1 at the end of the stream, 0 when there is more
 * to do, or -errno. No progress without an end is taken for a truncated stream.
 */
typedef int unpack_step_fn(void *state, struct unpack_io *io);

/* Steps until the stream ends or out_max is found to be too little. unpack-stream.c. */
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
