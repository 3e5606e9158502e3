// SPDX-License-Identifier: GPL-2.0-only
/*
 * zstd: libzstd unpacks a whole frame in one call.
 *
 * So the output buffer is also the window, of any size (128 MiB with the kernel's -22 --ultra), and
 * no memory is needed for a separate window. The call needs the length of the frame, which
 * ZSTD_findFrameCompressedSize() adds up from the headers of the blocks. libzstd verifies the
 * checksum (XXH64) where the frame has one.
 *
 * Called on any thread; all state is freed before the return.
 *
 * Spec: zstd.h, RFC 8878
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/feature.h>
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

FEATURE(zstd);
