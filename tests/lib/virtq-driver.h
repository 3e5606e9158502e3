/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of a split virtqueue (virtio 1.2, section 2.7), for unit tests, fuzzers and
 * payloads: freestanding, nothing of the code under test is used. All offsets are the
 * specification's.
 *
 * A driver that keeps the rules uses drvq_add(), drvq_publish() and drvq_take(). One that breaks
 * them writes with drvq_put_desc(), drvq_put_avail(), drvq_put_idx() what it likes.
 */
#ifndef TESTS_VIRTQ_DRIVER_H
#define TESTS_VIRTQ_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#define DRVQ_NEXT	  1
#define DRVQ_WRITE	  2
#define DRVQ_INDIRECT	  4
#define DRVQ_NO_INTERRUPT 1 /* flags of the available ring */
#define DRVQ_NO_NOTIFY	  1 /* flags of the used ring */

struct drvq {
	uint8_t *host; /* where the driver sees the rings, and where the device does */
	uint64_t gpa;
	uint16_t size;
	bool event_idx;
	uint16_t next_desc;  /* where drvq_add() puts the next descriptor */
	uint16_t next_avail; /* available entries written */
	uint16_t shown_avail;
	uint16_t next_used; /* used entries taken */
};

/* A piece of memory, as the device addresses it; write: for the device to write. */
struct drvq_buf {
	uint64_t addr;
	uint32_t len;
	bool write;
};

/* Offsets of the three areas, and what they take together. */
static inline uint32_t drvq_avail_at(uint16_t size)
{
	return 16u * size;
}

static inline uint32_t drvq_used_at(uint16_t size)
{
	return (drvq_avail_at(size) + 6 + 2u * size + 3) & ~3u;
}

static inline uint32_t drvq_bytes(uint16_t size)
{
	return drvq_used_at(size) + 6 + 8u * size;
}

static inline uint64_t drvq_desc_gpa(const struct drvq *q)
{
	return q->gpa;
}

static inline uint64_t drvq_avail_gpa(const struct drvq *q)
{
	return q->gpa + drvq_avail_at(q->size);
}

static inline uint64_t drvq_used_gpa(const struct drvq *q)
{
	return q->gpa + drvq_used_at(q->size);
}

/* --- fields; the device looks at them at the same time --- */

static inline void drvq_put16(struct drvq *q, uint32_t at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)(q->host + at), value, __ATOMIC_SEQ_CST);
}

static inline uint16_t drvq_get16(const struct drvq *q, uint32_t at)
{
	return __atomic_load_n((const uint16_t *)(const void *)(q->host + at), __ATOMIC_SEQ_CST);
}

static inline uint32_t drvq_get32(const struct drvq *q, uint32_t at)
{
	return __atomic_load_n((const uint32_t *)(const void *)(q->host + at), __ATOMIC_RELAXED);
}

/* Any value at any place: 16 bytes of a descriptor, wherever its table lies. */
static inline void drvq_put_desc_at(uint8_t *table, uint32_t index, uint64_t addr, uint32_t len,
				    uint16_t flags, uint16_t next)
{
	uint8_t *at = table + 16 * index;

	for (int i = 0; i < 8; i++)
		at[i] = (uint8_t)(addr >> (8 * i));
	for (int i = 0; i < 4; i++)
		at[8 + i] = (uint8_t)(len >> (8 * i));
	at[12] = (uint8_t)flags;
	at[13] = (uint8_t)(flags >> 8);
	at[14] = (uint8_t)next;
	at[15] = (uint8_t)(next >> 8);
}

static inline void drvq_put_desc(struct drvq *q, uint16_t index, uint64_t addr, uint32_t len,
				 uint16_t flags, uint16_t next)
{
	drvq_put_desc_at(q->host, index, addr, len, flags, next);
}

/* Entry n of the available ring, its index, its flags, the used event. */
static inline void drvq_put_avail(struct drvq *q, uint16_t n, uint16_t head)
{
	drvq_put16(q, drvq_avail_at(q->size) + 4 + 2u * (n % q->size), head);
}

static inline void drvq_put_idx(struct drvq *q, uint16_t idx)
{
	drvq_put16(q, drvq_avail_at(q->size) + 2, idx);
}

static inline void drvq_put_flags(struct drvq *q, uint16_t flags)
{
	drvq_put16(q, drvq_avail_at(q->size), flags);
}

static inline void drvq_put_used_event(struct drvq *q, uint16_t event)
{
	drvq_put16(q, drvq_avail_at(q->size) + 4 + 2u * q->size, event);
}

static inline uint16_t drvq_used_flags(const struct drvq *q)
{
	return drvq_get16(q, drvq_used_at(q->size));
}

static inline uint16_t drvq_used_idx(const struct drvq *q)
{
	return drvq_get16(q, drvq_used_at(q->size) + 2);
}

static inline uint16_t drvq_avail_event(const struct drvq *q)
{
	return drvq_get16(q, drvq_used_at(q->size) + 4 + 8u * q->size);
}

/* --- a driver that keeps the rules --- */

/* Empty rings in drvq_bytes(size) bytes at host, which the device has at gpa (a multiple of 16). */
static inline void drvq_init(struct drvq *q, void *host, uint64_t gpa, uint16_t size,
			     bool event_idx)
{
	*q = (struct drvq){.host = host, .gpa = gpa, .size = size, .event_idx = event_idx};
	for (uint32_t i = 0; i < drvq_bytes(size); i++)
		q->host[i] = 0;
}

static inline uint16_t drvq_flags_of(const struct drvq_buf *buf, bool last)
{
	return (uint16_t)((buf->write ? DRVQ_WRITE : 0) | (last ? 0 : DRVQ_NEXT));
}

static inline void drvq_offer(struct drvq *q, uint16_t head)
{
	drvq_put_avail(q, q->next_avail++, head);
}

/*
 * One chain of count buffers (at least 1) into the rings, not shown to the device yet. Returns its
 * head. The caller has no more than size descriptors in use: they are taken round and round.
 */
static inline uint16_t drvq_add(struct drvq *q, const struct drvq_buf *bufs, uint16_t count)
{
	uint16_t head = q->next_desc;

	for (uint16_t i = 0; i < count; i++) {
		uint16_t at = (uint16_t)((head + i) % q->size);

		drvq_put_desc(q, at, bufs[i].addr, bufs[i].len,
			      drvq_flags_of(&bufs[i], i + 1 == count),
			      (uint16_t)((at + 1) % q->size));
	}
	q->next_desc = (uint16_t)((head + count) % q->size);
	drvq_offer(q, head);
	return head;
}

/* The same through an indirect table of count entries at table, which the device has at gpa. */
static inline uint16_t drvq_add_indirect(struct drvq *q, const struct drvq_buf *bufs,
					 uint16_t count, void *table, uint64_t gpa)
{
	uint16_t head = q->next_desc;

	for (uint16_t i = 0; i < count; i++)
		drvq_put_desc_at(table, i, bufs[i].addr, bufs[i].len,
				 drvq_flags_of(&bufs[i], i + 1 == count), (uint16_t)(i + 1));
	drvq_put_desc(q, head, gpa, 16u * count, DRVQ_INDIRECT, 0);
	q->next_desc = (uint16_t)((head + 1) % q->size);
	drvq_offer(q, head);
	return head;
}

/* Show the device what was added. Does it want its doorbell rung? (2.7.10) */
static inline bool drvq_publish(struct drvq *q)
{
	uint16_t from = q->shown_avail, to = q->next_avail;

	q->shown_avail = to;
	drvq_put_idx(q, to);
	if (!q->event_idx)
		return !(drvq_used_flags(q) & DRVQ_NO_NOTIFY);
	return (uint16_t)(to - drvq_avail_event(q) - 1) < (uint16_t)(to - from);
}

/* The next used chain: its head and how much was written. False when there is none. */
static inline bool drvq_take(struct drvq *q, uint32_t *head, uint32_t *written)
{
	uint32_t at = drvq_used_at(q->size) + 4 + 8u * (q->next_used % q->size);

	if (drvq_used_idx(q) == q->next_used)
		return false;
	*head = drvq_get32(q, at);
	*written = drvq_get32(q, at + 4);
	q->next_used++;
	if (q->event_idx)
		drvq_put_used_event(q, q->next_used);
	return true;
}

#endif
