// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring of bytes: one side writes in bursts, and another side takes the bytes when it can.
 *
 * Head and tail count all bytes that were ever written and taken. They are never reduced by the
 * size, so "empty" and "full" differ, and a reader keeps its place as a plain number: it sees how
 * many bytes it has missed when the ring has overtaken it. 2^64 bytes are not reached.
 *
 * Two policies for a full ring: ring_put() refuses bytes that do not fit, so that waiting bytes are
 * never overwritten and a thread may read them without the caller's lock (util/writer.c);
 * ring_push() overwrites the oldest bytes, as a console must (console/console.c). Bytes that were
 * taken stay in memory until they are overwritten: late readers may still copy them.
 *
 * Nothing here locks, waits or allocates.
 */
#include <kvm/ring.h>

#include <string.h>

/* Copy in at the head; len is at most the size. */
static void ring_store(struct ring *ring, const u8 *data, size_t len)
{
	size_t at = ring->head & (ring->size - 1);
	size_t first = MIN(len, ring->size - at), wrapped = len - first;

	memcpy(ring->bytes + at, data, first);
	if (wrapped)
		memcpy(ring->bytes, data + first, wrapped);
	ring->head += len;
}

size_t ring_put(struct ring *ring, const u8 *data, size_t len)
{
	len = MIN(len, ring_room(ring));
	ring_store(ring, data, len);
	return len;
}

u64 ring_push(struct ring *ring, const u8 *data, size_t len)
{
	size_t skip = len - MIN(len, ring->size);
	u64 lost = ring_used(ring) + len;

	lost -= MIN(lost, (u64)ring->size);
	/* If there are more bytes than the ring has, only the last ones stay. */
	ring->head += skip;
	ring_store(ring, data + skip, len - skip);
	ring->tail += lost;
	return lost;
}

size_t ring_copy(const struct ring *ring, u64 from, u8 *data, size_t size)
{
	size_t at = from & (ring->size - 1);
	size_t len = MIN((size_t)(ring->head - from), size);
	size_t first = MIN(len, ring->size - at), wrapped = len - first;

	memcpy(data, ring->bytes + at, first);
	if (wrapped)
		memcpy(data + first, ring->bytes, wrapped);
	return len;
}

size_t ring_piece(const struct ring *ring, const u8 **data)
{
	size_t at = ring->tail & (ring->size - 1);

	*data = ring->bytes + at;
	return MIN(ring_used(ring), ring->size - at);
}

void ring_take(struct ring *ring, u64 until)
{
	ring->tail = MAX(ring->tail, until);
}
