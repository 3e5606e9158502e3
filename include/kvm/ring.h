/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring of bytes that keeps the newest ones. util/ring.c.
 *
 * A place in the stream is the number of bytes that were written before it: it only grows, and it
 * stays valid when the ring wraps. The ring has no lock: the caller serialises. The memory is the
 * caller's: struct ring ring = RING_OVER(array).
 */
#ifndef KVM_RING_H
#define KVM_RING_H

#include <kvm/types.h>

struct ring {
	u8 *bytes;
	size_t size; /* a power of two */
	u64 head;    /* bytes ever written */
	u64 tail;    /* bytes ever taken or overwritten; never behind ring_oldest() */
};

#define RING_OVER(array)                                \
	{                                               \
		.bytes = (array), .size = sizeof(array) \
	}

/* How many bytes wait to be taken. */
static inline size_t ring_used(const struct ring *ring)
{
	return ring->head - ring->tail;
}

/* How many more bytes fit without overwriting any that wait. */
static inline size_t ring_room(const struct ring *ring)
{
	return ring->size - ring_used(ring);
}

/* The place of the oldest byte that is still in memory, taken or not. */
static inline u64 ring_oldest(const struct ring *ring)
{
	return ring->head - MIN(ring->head, (u64)ring->size);
}

/* Write as many bytes as fit. Returns how many. */
size_t ring_put(struct ring *ring, const u8 *data, size_t len);

/* Write all bytes, over the oldest ones if need be. Returns how many were lost untaken. */
u64 ring_push(struct ring *ring, const u8 *data, size_t len);

/*
 * Copy up to size bytes from the place `from` on, which is ring_oldest() or later. The ring does
 * not change. Returns how many; 0: there are no more.
 */
size_t ring_copy(const struct ring *ring, u64 from, u8 *data, size_t size);

/* The waiting bytes from the tail on that lie in one piece of memory: how many, and where. */
size_t ring_piece(const struct ring *ring, const u8 **data);

/* Everything before this place is taken. An earlier place than the tail changes nothing. */
void ring_take(struct ring *ring, u64 until);

#endif
