/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cursor over an iovec: how a device sees a guest's buffers. util/iov.c.
 *
 * Every operation is all or nothing: it moves exactly len bytes, or returns
 * -ENOBUFS and moves none. The iovec is borrowed and not changed.
 */
#ifndef KVM_IOV_H
#define KVM_IOV_H

#include <kvm/types.h>
#include <sys/uio.h>

struct iov_cursor {
	const struct iovec *iov;
	size_t count;  /* elements left, the current one included */
	size_t offset; /* within the current element */
	size_t left;   /* bytes left in all */
};

/* Start at the first byte. -EOVERFLOW when the lengths add up beyond SIZE_MAX. */
int iov_cursor_init(struct iov_cursor *cursor, const struct iovec *iov, size_t count);

/* Copy len bytes out of the buffers into buf and move on. 0 or -ENOBUFS. */
int iov_read(struct iov_cursor *cursor, void *buf, size_t len);

/* Copy len bytes from buf into the buffers and move on. 0 or -ENOBUFS. */
int iov_write(struct iov_cursor *cursor, const void *buf, size_t len);

/* Set len bytes to value and move on. 0 or -ENOBUFS. */
int iov_fill(struct iov_cursor *cursor, u8 value, size_t len);

/* Move on by len bytes. 0 or -ENOBUFS. */
int iov_skip(struct iov_cursor *cursor, size_t len);

/* Bytes left. */
static inline size_t iov_left(const struct iov_cursor *cursor)
{
	return cursor->left;
}

/*
 * The next len bytes as an iovec for readv/writev, and move on. Returns the
 * number of elements written to out (at most max), -ENOBUFS when fewer than len
 * bytes are left, or -E2BIG when more than max elements are needed.
 */
int iov_take(struct iov_cursor *cursor, size_t len, struct iovec *out, size_t max);

#endif
