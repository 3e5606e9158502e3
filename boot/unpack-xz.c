// SPDX-License-Identifier: GPL-2.0-only
/*
 * lzma and xz: liblzma reads both containers; here is its step for unpack_stream().
 *
 * liblzma verifies the check of an xz stream (CRC-32 in kernels). A stream with an unknown kind of
 * check is refused. lzma has no checksum: damage is detected only if it makes the code invalid.
 *
 * The window costs memory: liblzma allocates a window of the size in the header, up to the limit
 * that is set here. The kernel's build uses 64 MiB for lzma; for xz 32 MiB, later 128 MiB.
 *
 * Called on any thread; all state is on the stack or freed before the return.
 *
 * Spec: lzma/base.h, .xz file format 1.1.0
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/feature.h>
#include <lzma.h>

/* A window of 128 MiB, and liblzma's other memory. */
#define LZMA_MEMORY_MAX (130 * MIB)

static int lzma_step(void *state, struct unpack_io *io)
{
	lzma_stream *lzma = state;
	lzma_ret result;

	lzma->next_in = io->in;
	lzma->avail_in = io->in_len;
	lzma->next_out = io->out;
	lzma->avail_out = io->out_len;
	result = lzma_code(lzma, LZMA_RUN);
	io->in_len = lzma->avail_in;
	io->out_len = lzma->avail_out;
	switch (result) {
	case LZMA_STREAM_END:
		return 1;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return 0;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

ssize_t unpack_lzma(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	ssize_t done;

	if (lzma_alone_decoder(&lzma, LZMA_MEMORY_MAX) != LZMA_OK)
		return -ENOMEM;
	done = unpack_stream(lzma_step, &lzma, in, in_len, out, out_max);
	lzma_end(&lzma);
	return done;
}

ssize_t unpack_xz(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	ssize_t done;

	if (lzma_stream_decoder(&lzma, LZMA_MEMORY_MAX, LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK)
		return -ENOMEM;
	done = unpack_stream(lzma_step, &lzma, in, in_len, out, out_max);
	lzma_end(&lzma);
	return done;
}

FEATURE(lzma);
