// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cursor over an iovec: one stream of bytes, however the driver split it into buffers.
 *
 * A driver may split a request into buffers at any byte, and virtio forbids a
 * device to care. So a device sees a stream of bytes: it reads a header, skips,
 * takes the data part as an iovec for preadv(2) or pwritev(2), writes a status.
 *
 * Each operation first compares len with the bytes left, the sum that iov_cursor_init() took once.
 * After that check iov_step() cannot go past the end, so an operation moves all of its bytes or
 * none: a request that is too short is found before the first byte is touched. iov_take() has a
 * second way to fail (too many pieces) and works on a copy of the cursor.
 *
 * Invariant: left is the sum of the remaining lengths less offset, and offset is at most the
 * current length. Empty elements are legal anywhere and are passed over; their base is never read.
 *
 * Called on the queue's thread, in practice the loop's. The elements point to memory of the guest,
 * which can change it at any time. So a device copies what it parses once, with iov_read(), and
 * checks the copy.
 *
 * Left out on purpose: going back and reading ahead. A caller copies the cursor for both.
 */
#include <errno.h>
#include <kvm/iov.h>
#include <string.h>

int iov_cursor_init(struct iov_cursor *cursor, const struct iovec *iov, size_t count)
{
	size_t left = 0;

	/* After an error the cursor is empty, so any later use of it fails safely. */
	*cursor = (struct iov_cursor){};
	for (size_t i = 0; i < count; i++) {
		if (__builtin_add_overflow(left, iov[i].iov_len, &left))
			return -EOVERFLOW;
	}
	*cursor = (struct iov_cursor){.iov = iov, .count = count, .left = left};
	return 0;
}

/*
 * Move on by the next contiguous bytes, at most len, and return them in *piece,
 * which is never empty. len is above 0 and within what is left.
 */
static void iov_step(struct iov_cursor *cursor, size_t len, struct iovec *piece)
{
	while (cursor->offset == cursor->iov->iov_len) {
		cursor->iov++;
		cursor->count--;
		cursor->offset = 0;
	}
	piece->iov_base = (char *)cursor->iov->iov_base + cursor->offset;
	piece->iov_len = MIN(len, cursor->iov->iov_len - cursor->offset);
	cursor->offset += piece->iov_len;
	cursor->left -= piece->iov_len;
}

int iov_read(struct iov_cursor *cursor, void *buf, size_t len)
{
	struct iovec piece;

	if (len > cursor->left)
		return -ENOBUFS;
	for (char *to = buf; len; len -= piece.iov_len, to += piece.iov_len) {
		iov_step(cursor, len, &piece);
		memcpy(to, piece.iov_base, piece.iov_len);
	}
	return 0;
}

int iov_write(struct iov_cursor *cursor, const void *buf, size_t len)
{
	struct iovec piece;

	if (len > cursor->left)
		return -ENOBUFS;
	for (const char *from = buf; len; len -= piece.iov_len, from += piece.iov_len) {
		iov_step(cursor, len, &piece);
		memcpy(piece.iov_base, from, piece.iov_len);
	}
	return 0;
}

int iov_fill(struct iov_cursor *cursor, u8 value, size_t len)
{
	struct iovec piece;

	if (len > cursor->left)
		return -ENOBUFS;
	for (; len; len -= piece.iov_len) {
		iov_step(cursor, len, &piece);
		memset(piece.iov_base, value, piece.iov_len);
	}
	return 0;
}

int iov_skip(struct iov_cursor *cursor, size_t len)
{
	struct iovec piece;

	if (len > cursor->left)
		return -ENOBUFS;
	for (; len; len -= piece.iov_len)
		iov_step(cursor, len, &piece);
	return 0;
}

int iov_take(struct iov_cursor *cursor, size_t len, struct iovec *out, size_t max)
{
	struct iov_cursor ahead = *cursor;
	size_t used;

	if (len > cursor->left)
		return -ENOBUFS;
	for (used = 0; len; len -= out[used++].iov_len) {
		if (used == max)
			return -E2BIG;
		iov_step(&ahead, len, &out[used]);
	}
	*cursor = ahead;
	return used;
}
