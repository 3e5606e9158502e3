// SPDX-License-Identifier: GPL-2.0-only
/*
 * gzip: zlib reads the container; here is its step for unpack_stream().
 *
 * zlib's "more input, please" and "more room, please" are not errors: unpack_stream() knows whether
 * more is available. zlib verifies the checksum (CRC-32) and the length.
 *
 * Called on any thread; all state is on the stack or freed before the return.
 *
 * Spec: zlib.h, RFC 1952
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/feature.h>
#include <zlib.h>

#define GZIP_ONLY 16 /* added to the window's bits: accept only gzip's header */

static int gzip_step(void *state, struct unpack_io *io)
{
	z_stream *z = state;
	int result;

	z->next_in = (z_const Bytef *)io->in;
	z->avail_in = io->in_len;
	z->next_out = io->out;
	z->avail_out = io->out_len;
	result = inflate(z, Z_NO_FLUSH);
	io->in_len = z->avail_in;
	io->out_len = z->avail_out;
	switch (result) {
	case Z_STREAM_END:
		return 1;
	case Z_OK:
	case Z_BUF_ERROR:
		return 0;
	case Z_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

ssize_t unpack_gzip(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	z_stream z = {};
	ssize_t done;

	if (inflateInit2(&z, MAX_WBITS + GZIP_ONLY) != Z_OK)
		return -ENOMEM;
	done = unpack_stream(gzip_step, &z, in, in_len, out, out_max);
	inflateEnd(&z);
	return done;
}

FEATURE(zlib);
