// SPDX-License-Identifier: GPL-2.0-only
/*
 * lz4: the legacy frame that the kernel's build makes (lz4 -l), and the modern one.
 *
 * A legacy frame is a magic number and blocks, each a length (32 bits, little-endian) and packed
 * bytes of this length. Every block except the last unpacks to 8 MiB; the last one is shorter.
 * There is no checksum and no end mark: the frame ends with the file, or where another frame
 * begins. In a bzImage the unpacked length follows the frame, in 4 bytes. They could also be the
 * length of another block, or of a block whose bytes are missing. So the bytes after a block are
 * checked in this order:
 *
 *   nothing                         the end
 *   a legacy magic                  a further frame
 *   anything, after a short block   the end: a short block is the last one; ignore the rest
 *   a length that fits the rest     a block
 *   the unpacked length so far      the end: that is the trailer
 *   anything else                   a truncated or damaged stream: -EINVAL
 *
 * The simple rule "a length above the rest of the input is the trailer" would accept a truncated
 * file. So the trailer is compared with the unpacked length, in the one case that needs it: after a
 * full block. Not detectable is a file that was cut exactly after a full block.
 *
 * LZ4_decompress_safe() fails in the same way for damaged data and for too little space. If the
 * space was smaller than a full block, the block is unpacked again to a separate buffer, to find
 * out.
 *
 * The modern frame has its own reader in liblz4, which goes through unpack_stream(); one frame.
 *
 * Called on any thread. Memory: 8 MiB if the space is too small, or LZ4F's blocks (two of 4 MiB at
 * most).
 *
 * Spec: LZ4 frame format 1.6.1, "Legacy frame"; lz4.h, lz4frame.h
 * Spec: Linux scripts/Makefile.lib, cmd_lz4_with_size, size_append
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/cancel.h>
#include <kvm/feature.h>
#include <kvm/unpack.h>
#include <lz4.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#define LEGACY_MAGIC	 0x184c2102U
#define LEGACY_BLOCK	 (8 * 1024 * 1024)
#define LEGACY_BLOCK_MAX LZ4_COMPRESSBOUND(LEGACY_BLOCK)

static u32 number_at(const u8 *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (u32)at[3] << 24;
}

/* Unpack a block again with space for a full one: -E2BIG: too long for out; -EINVAL: damaged. */
static ssize_t legacy_block_aside(const u8 *block, u32 len, u8 *out, size_t out_max)
{
	char *aside = malloc(LEGACY_BLOCK);
	ssize_t written;

	if (!aside)
		return -ENOMEM;
	written = LZ4_decompress_safe((const char *)block, aside, len, LEGACY_BLOCK);
	if (written < 0) {
		written = -EINVAL;
	} else if ((size_t)written > out_max) {
		written = -E2BIG;
	} else if (written) {
		/*
		 * It fits, but does not end in 5 literals as it should: an error only with little
		 * space.
		 */
		memcpy(out, aside, written);
	}
	free(aside);
	return written;
}

static ssize_t legacy_block(const u8 *block, u32 len, u8 *out, size_t out_max)
{
	int room = (int)MIN(out_max, (size_t)LEGACY_BLOCK);
	int written = LZ4_decompress_safe((const char *)block, (char *)out, len, room);

	if (written >= 0)
		return written;
	return room < LEGACY_BLOCK ? legacy_block_aside(block, len, out, room) : -EINVAL;
}

static ssize_t unpack_legacy(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	size_t in_done = 0, out_done = 0;
	bool last = true; /* before the first frame: expect a magic number */

	while (in_done < in_len) {
		size_t left = in_len - in_done;
		u32 number = left < 4 ? 0 : number_at(in + in_done);
		ssize_t written;

		if (left >= 4 && number == LEGACY_MAGIC) {
			in_done += 4;
			last = false;
			continue;
		}
		if (last)
			break;
		if (left < 4)
			return -EINVAL;
		if (!number || number > LEGACY_BLOCK_MAX || number > left - 4) {
			if (number != (u32)out_done)
				return -EINVAL;
			break;
		}
		written =
			legacy_block(in + in_done + 4, number, out + out_done, out_max - out_done);
		if (written < 0)
			return written;
		in_done += 4 + number;
		out_done += written;
		last = written < LEGACY_BLOCK;
		if (cancel_check())
			return -ECANCELED;
	}
	return (ssize_t)out_done;
}

static int frame_step(void *state, struct unpack_io *io)
{
	size_t took = io->in_len, wrote = io->out_len;
	size_t hint = LZ4F_decompress(state, io->out, &wrote, io->in, &took, NULL);

	/* One of these errors is lack of memory, but lz4frame.h does not say which. */
	if (LZ4F_isError(hint))
		return -EINVAL;
	io->in_len -= took;
	io->out_len -= wrote;
	return hint == 0;
}

static ssize_t unpack_frame(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	LZ4F_dctx *lz4;
	ssize_t done;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&lz4, LZ4F_VERSION)))
		return -ENOMEM;
	done = unpack_stream(frame_step, lz4, in, in_len, out, out_max);
	LZ4F_freeDecompressionContext(lz4);
	return done;
}

ssize_t unpack_lz4(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	/* unpack_detect() saw one of the two magic numbers. */
	if (number_at(in) == LEGACY_MAGIC)
		return unpack_legacy(in, in_len, out, out_max);
	return unpack_frame(in, in_len, out, out_max);
}

FEATURE(lz4);
