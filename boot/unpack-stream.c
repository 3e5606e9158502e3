// SPDX-License-Identifier: GPL-2.0-only
/*
 * The loop of those unpackers whose library can work piece by piece.
 *
 * Each library works until it has no more input or output space. The pieces have a maximum size
 * because some libraries count in 32 bits, and because a signal or --timeout must be able to end a
 * long start. When the output is full, the end of the stream (a checksum or a marker) may still be
 * unread: the library then gets one spare byte of output. If it writes that byte, the stream is
 * longer than out_max; so a decompression bomb ends after out_max + 1 bytes. A step that neither
 * reads nor writes and does not end the stream needs input that does not exist: the stream is
 * truncated.
 *
 * Any thread; nothing here keeps state.
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/cancel.h>

/* Maximum bytes for a step: cancel_check() runs between two steps (cancel.h). */
#define STEP_MAX (4UL << 20)

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
