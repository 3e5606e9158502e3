// SPDX-License-Identifier: GPL-2.0-only
/*
 * bzip2: libbz2 reads the container; here is its step for unpack_stream().
 *
 * libbz2 verifies a CRC of each block and one of all blocks.
 *
 * Called on any thread; all state is on the stack or freed before the return.
 *
 * Spec: bzlib.h
 */
#include "unpack-formats.h"

#include <bzlib.h>
#include <errno.h>
#include <kvm/feature.h>

static int bzip2_step(void *state, struct unpack_io *io)
{
	bz_stream *bz = state;
	int result;

	bz->next_in = (char *)io->in;
	bz->avail_in = io->in_len;
	bz->next_out = (char *)io->out;
	bz->avail_out = io->out_len;
	result = BZ2_bzDecompress(bz);
	io->in_len = bz->avail_in;
	io->out_len = bz->avail_out;
	switch (result) {
	case BZ_STREAM_END:
		return 1;
	case BZ_OK:
		return 0;
	case BZ_MEM_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

ssize_t unpack_bzip2(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	bz_stream bz = {};
	ssize_t done;

	if (BZ2_bzDecompressInit(&bz, 0, 0) != BZ_OK)
		return -ENOMEM;
	done = unpack_stream(bzip2_step, &bz, in, in_len, out, out_max);
	BZ2_bzDecompressEnd(&bz);
	return done;
}

FEATURE(bzip2);
