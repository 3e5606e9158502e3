// SPDX-License-Identifier: GPL-2.0-only
/*
 * gzip, bzip2, lzma, xz and zstd: the formats whose libraries know the container.
 *
 * Four of the five libraries' interfaces are one: a stream that has input and room, a call that
 * moves both on, an end. Here is a step each for unpack_stream() (unpack.c), and what sets it up.
 * "More input, please" and "more room, please" are no errors of theirs; unpack_stream() knows
 * whether there is any.
 *
 * All of them verify the checksums that the format has: gzip CRC-32 and length, bzip2 a CRC a
 * block and one of all, xz the check of its header (CRC-32 in kernels), zstd XXH64 when the frame
 * has it. lzma has none: damage shows only if the code becomes impossible.
 *
 * The window is what costs memory: lzma and xz keep their own, as large as the header says, and
 * liblzma is told the limit (the kernel's build uses 64 MiB for lzma, 32 MiB and later 128 MiB for
 * xz). An xz check that liblzma does not know is refused, not ignored.
 *
 * zstd is unpacked by the one call that takes the frame whole: then out is the window, of whatever
 * size (the kernel's -22 --ultra says 128 MiB). That call wants the length of the frame, which
 * ZSTD_findFrameCompressedSize() adds up from the block headers.
 *
 * Called on any thread; all state is on the stack or freed before the return.
 *
 * Spec: zlib.h, bzlib.h, lzma/base.h, zstd.h; RFC 1952, RFC 8878, .xz file format 1.1.0
 */
#include "unpack-formats.h"

#include <errno.h>

#ifdef HAVE_ZLIB
#include <zlib.h>

#define GZIP_ONLY 16 /* added to the window's bits: no zlib header, no raw deflate */

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
#endif

#ifdef HAVE_BZIP2
#include <bzlib.h>

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
#endif

#ifdef HAVE_LZMA
#include <lzma.h>

/* A window of 128 MiB, and what liblzma needs besides. */
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
#endif

#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>

ssize_t unpack_zstd(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	size_t frame_bytes = ZSTD_findFrameCompressedSize(in, in_len);
	ZSTD_DCtx *zstd;
	size_t done;

	if (ZSTD_isError(frame_bytes))
		return -EINVAL;
	zstd = ZSTD_createDCtx();
	if (!zstd)
		return -ENOMEM;
	done = ZSTD_decompressDCtx(zstd, out, out_max, in, frame_bytes);
	ZSTD_freeDCtx(zstd);
	switch (ZSTD_getErrorCode(done)) {
	case ZSTD_error_no_error:
		return (ssize_t)done;
	case ZSTD_error_dstSize_tooSmall:
		return -E2BIG;
	case ZSTD_error_memory_allocation:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}
#endif
