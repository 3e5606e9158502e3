// SPDX-License-Identifier: GPL-2.0-only
/*
 * lz4: the legacy frame that the kernel's build makes (lz4 -l), and the modern one.
 *
 * A legacy frame is a magic number and blocks, each a length (32 bits, little-endian) and so many
 * packed bytes. Every block unpacks to 8 MiB but the last, which is shorter. There is no checksum
 * and no mark of the end: the frame ends with the file, or where another frame begins. And a
 * bzImage has the unpacked length, 4 bytes again, behind it: is that one more block, or a block
 * whose bytes were cut off? What follows a block decides, in this order:
 *
 *   nothing                         the end
 *   a legacy magic                  a further frame
 *   anything, after a short block   the end: a short block is the last one, the rest is not ours
 *   a length of what is left        a block
 *   the unpacked length so far      the end: that is the trailer
 *   anything else                   a truncated or damaged stream: -EINVAL
 *
 * "A length that exceeds the rest is the trailer" alone would take a truncated file for a whole
 * one. So the trailer is compared, in the one case where it matters: when the unpacked length is
 * a multiple of 8 MiB. What no reader can see is a file cut exactly behind a full block.
 *
 * LZ4_decompress_safe() does not say why it fails: damaged, or no room. When there was less room
 * than a block may take, the block is unpacked again, aside, to know.
 *
 * The modern frame has its own reader in liblz4, which goes through unpack_stream(); one frame.
 *
 * Called on any thread. Memory: 8 MiB when the room is too little, or what LZ4F takes for its
 * blocks (4 MiB each, twice at most).
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

/* A block that failed with less room than a block may take: is it longer, or is it no block? */
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
		/* It fits, but does not end as it should (in 5 literals): tight room shows that. */
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
	bool last = true; /* the frame before the first is over */

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

	/* Lack of memory is one of these errors, but which one is not in lz4frame.h. */
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
