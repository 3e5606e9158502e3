// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split virtqueues: the only code that touches rings in guest memory.
 *
 * A queue is three areas in guest RAM, which virtq_start() checks once and keeps as host pointers
 * (the bank table does not change while vCPUs run): descriptors, the available ring (the driver's)
 * and the used ring (ours). virtq_pop() takes the next head from the available ring, walks its
 * chain, with an indirect table if there is one, and makes two iovecs of it: what the device
 * reads, then what it writes. virtq_push() writes the used element, virtq_flush() the used index,
 * once for many, and finds out whether the driver wants an interrupt.
 *
 * The guest is hostile, and the rings can change at any time. So each index, descriptor and ring
 * entry is fetched once into a local, checked, then used; nothing is read back from what we wrote;
 * and a walk is bounded by the number of descriptors, so that a loop is an over-long chain. What
 * breaks a rule makes the queue broken: the owner is told once, nothing is popped any more. Chains
 * in flight can still be pushed, their memory was checked when they were popped.
 *
 * Each head has a slot, with room for the few elements of a small request. Longer chains get heap
 * memory (for an indirect table as much as it has entries, at once), which is freed when the chain
 * is pushed. All slots together hold at most about VIRTQ_MAX_ELEMENTS on the heap, however many
 * long chains a driver offers: above that virtq_pop() returns 0, and when there is room again
 * virtq_flush() calls room().
 *
 * Doorbells: while chains come, we do not ask the driver to ring (EVENT_IDX: the event index is not
 * moved; else NO_NOTIFY is set). When virtq_pop() finds the ring empty it asks for a doorbell, and
 * then looks again, after a full barrier, for a chain that came meanwhile. So the stores before
 * this second look are sequentially consistent. So is the store of the used index, after which we
 * read whether the driver wants an interrupt.
 *
 * Threads: the loop's alone. The vCPUs are on the other side of the rings.
 *
 * Left out on purpose: packed rings (a second set of functions for queue.h would implement them),
 * IN_ORDER, legacy layout and byte order.
 *
 * Spec: virtio 1.2, section 2.7; each check names its own.
 */
#include "virtio/queue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#define VIRTQ_INLINE	   4
#define VIRTQ_HEAP_MIN	   32
#define VIRTQ_MAX_ELEMENTS 4096
#define VIRTQ_MAX_BYTES	   (1ULL << 32) /* 2.7.5.2 */

/* A chain in flight, one for each head. */
struct virtq_slot {
	struct virtq_chain chain;
	bool in_flight;
	unsigned int capacity;
	struct iovec *iov; /* few[], or heap memory */
	struct iovec few[VIRTQ_INLINE];
};

enum virtq_state { VIRTQ_STOPPED, VIRTQ_RUNNING, VIRTQ_BROKEN };

struct virtq {
	enum virtq_state state;
	struct virtq_config config;

	/* Host addresses inside guest RAM. */
	const u8 *desc;
	const u16 *avail_flags, *avail_idx, *avail_ring, *used_event;
	u16 *used_flags, *used_idx, *avail_event;
	struct vring_used_elem *used_ring;

	u16 next_avail; /* the ring entry to take next */
	u16 seen_avail; /* the driver's index when we looked last */
	u16 next_used;	/* the ring entry to fill next */
	u16 shown_used; /* the index that the driver knows */
	bool asks_doorbell;
	bool held_back; /* virtq_pop() returned 0 for lack of memory */

	struct virtq_slot *slots; /* [config.size] */
	unsigned int in_flight;
	unsigned int heap_elements;
	struct virtq_stats stats;
};

/* A walk over one chain. Few fields, each cheap to use: a buffer costs some forty instructions. */
struct virtq_walk {
	struct virtq_slot *slot;
	const u8 *table; /* the queue's descriptors, or an indirect table */
	u32 table_len;
	u32 left;		/* descriptors until the chain is too long */
	u64 left_bytes;		/* of VIRTQ_MAX_BYTES */
	struct iovec *at, *end; /* in the slot: the next element, and the end of its room */
	bool indirect, in;	/* in an indirect table; among the buffers that we write */
	unsigned int out;	/* elements that we read, and their bytes */
	u64 out_bytes;
	const char *error; /* the rule that the driver broke, or "out of memory" */
};

/* --- guest memory: each value is fetched once --- */

static u16 ring_load(const u16 *at)
{
	return le16toh(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

/* Ordered before every later load: see "Doorbells" at the head. */
static void ring_store(u16 *at, u16 value)
{
	__atomic_store_n(at, htole16(value), __ATOMIC_SEQ_CST);
}

/* An indirect table may have any alignment. Volatile: the compiler must load each field once. */
struct virtq_desc {
	u64 addr;
	u32 len;
	u16 flags, next;
} __attribute__((packed));

static struct vring_desc desc_load(const u8 *table, u32 index)
{
	const volatile struct virtq_desc *desc = (const struct virtq_desc *)table + index;

	return (struct vring_desc){
		.addr = le64toh(desc->addr),
		.len = le32toh(desc->len),
		.flags = le16toh(desc->flags),
		.next = le16toh(desc->next),
	};
}

/* --- start and stop --- */

struct virtq *virtq_new(void)
{
	return calloc(1, sizeof(struct virtq));
}

void virtq_free(struct virtq *vq)
{
	if (vq)
		virtq_stop(vq);
	free(vq);
}

/* The address of an area of the queue, or NULL with *why. */
static void *virtq_area(const struct virtq_config *config, gpa_t addr, u64 bytes, u64 align,
			const char **why)
{
	void *host = gmem_ptr(config->mem, addr, bytes);

	if (addr % align) {
		*why = "a ring is not aligned (virtio 1.2, 2.7.1)";
		return NULL;
	}
	if (!host)
		*why = "a ring is not in RAM (virtio 1.2, 2.7)";
	return host;
}

static bool virtq_map(struct virtq *vq, const struct virtq_config *config, const char **why)
{
	u64 size = config->size;
	u16 *avail, *used;

	if (!size || size > config->max || (size & (size - 1))) {
		*why = "the queue's size is above the maximum or no power of two (virtio 1.2, 2.7)";
		return false;
	}
	vq->desc = virtq_area(config, config->desc, 16 * size, 16, why);
	avail = vq->desc ? virtq_area(config, config->driver, 6 + 2 * size, 2, why) : NULL;
	used = avail ? virtq_area(config, config->device, 6 + 8 * size, 4, why) : NULL;
	if (!used)
		return false;

	vq->avail_flags = avail;
	vq->avail_idx = avail + 1;
	vq->avail_ring = avail + 2;
	vq->used_event = avail + 2 + size;
	vq->used_flags = used;
	vq->used_idx = used + 1;
	vq->used_ring = (struct vring_used_elem *)(used + 2);
	vq->avail_event = used + 2 + 4 * size;
	return true;
}

int virtq_start(struct virtq *vq, const struct virtq_config *config, const char **why)
{
	struct virtq_stats stats = vq->stats;

	virtq_stop(vq);
	assert(config->max <= VIRTQ_MAX_SIZE);
	*vq = (struct virtq){.config = *config, .stats = stats, .asks_doorbell = true};
	if (!virtq_map(vq, config, why))
		return -EINVAL;
	vq->slots = calloc(config->size, sizeof(vq->slots[0]));
	if (!vq->slots) {
		*why = "out of memory";
		return -ENOMEM;
	}
	/* Set our fields, whatever values the driver has left in them. */
	ring_store(vq->used_flags, 0);
	if (config->event_idx)
		ring_store(vq->avail_event, 0);
	vq->state = VIRTQ_RUNNING;
	return 0;
}

static void slot_release(struct virtq *vq, struct virtq_slot *slot)
{
	if (slot->iov && slot->iov != slot->few) {
		vq->heap_elements -= slot->capacity;
		free(slot->iov);
	}
	slot->iov = NULL;
	slot->in_flight = false;
}

void virtq_stop(struct virtq *vq)
{
	if (vq->state == VIRTQ_STOPPED)
		return;
	for (unsigned int i = 0; i < vq->config.size; i++)
		slot_release(vq, &vq->slots[i]);
	free(vq->slots);
	vq->slots = NULL;
	vq->in_flight = 0;
	vq->state = VIRTQ_STOPPED;
}

bool virtq_started(const struct virtq *vq)
{
	return vq->state != VIRTQ_STOPPED;
}

unsigned int virtq_in_flight(const struct virtq *vq)
{
	return vq->in_flight;
}

u16 virtq_size(const struct virtq *vq)
{
	return vq->state == VIRTQ_STOPPED ? 0 : vq->config.size;
}

void virtq_get_stats(const struct virtq *vq, struct virtq_stats *stats)
{
	*stats = vq->stats;
}

/* --- one chain --- */

static bool walk_fails(struct virtq_walk *walk, const char *error)
{
	walk->error = error;
	return false;
}

/* Make room for at least that many elements, which is more than there is now. */
static bool slot_grow(struct virtq *vq, struct virtq_slot *slot, unsigned int wanted)
{
	bool heap = slot->iov != slot->few;
	unsigned int capacity = MAX(wanted, VIRTQ_HEAP_MIN);
	struct iovec *iov = realloc(heap ? slot->iov : NULL, capacity * sizeof(*iov));

	if (!iov)
		return false;
	if (heap)
		vq->heap_elements -= slot->capacity;
	else
		memcpy(iov, slot->few, sizeof(slot->few));
	vq->heap_elements += capacity;
	slot->iov = iov;
	slot->capacity = capacity;
	return true;
}

static unsigned int walk_elements(const struct virtq_walk *walk)
{
	return (unsigned int)(walk->at - walk->slot->iov);
}

/* Make room for at least that many elements in all. */
static bool walk_grow(struct virtq *vq, struct virtq_walk *walk, unsigned int wanted)
{
	unsigned int elements = walk_elements(walk);

	if (!slot_grow(vq, walk->slot, wanted))
		return walk_fails(walk, "out of memory");
	walk->at = walk->slot->iov + elements;
	walk->end = walk->slot->iov + walk->slot->capacity;
	return true;
}

/* Add a buffer that is not in one bank, or is empty, or for which there is no room yet. */
static bool walk_odd_buffer(struct virtq *vq, struct virtq_walk *walk,
			    const struct vring_desc *desc)
{
	for (;;) {
		int count = gmem_iov(vq->config.mem, desc->addr, desc->len, walk->at,
				     (int)(walk->end - walk->at));

		if (count == -EFAULT)
			return walk_fails(walk, "a buffer is not in RAM (virtio 1.2, 2.7.5)");
		if (count >= 0) {
			walk->at += count;
			return true;
		}
		if (!walk_grow(vq, walk, 2 * walk->slot->capacity))
			return false;
	}
}

/* The next elements are those that the device writes. */
static void walk_turn(struct virtq_walk *walk)
{
	walk->in = true;
	walk->out = walk_elements(walk);
	walk->out_bytes = VIRTQ_MAX_BYTES - walk->left_bytes;
}

/* Add elements for the guest's buffer [addr, addr + len); none for an empty one. */
static bool walk_buffer(struct virtq *vq, struct virtq_walk *walk, const struct vring_desc *desc)
{
	bool in = desc->flags & VRING_DESC_F_WRITE;
	void *host = gmem_ptr(vq->config.mem, desc->addr, desc->len);

	if (in != walk->in && desc->len) {
		if (!in)
			return walk_fails(walk, "a buffer to read follows one to write "
						"(virtio 1.2, 2.7.4.2)");
		walk_turn(walk);
	}
	if (desc->len > walk->left_bytes)
		return walk_fails(walk, "a chain is longer than 4 GiB (virtio 1.2, 2.7.5.2)");
	walk->left_bytes -= desc->len;
	if (!host || walk->at == walk->end)
		return walk_odd_buffer(vq, walk, desc);
	*walk->at++ = (struct iovec){host, desc->len};
	return true;
}

/* Go on in the indirect table of desc, whose WRITE flag is ignored (2.7.5.3.2). */
static bool walk_enter_table(struct virtq *vq, struct virtq_walk *walk,
			     const struct vring_desc *desc)
{
	unsigned int wanted;

	if (!vq->config.indirect)
		return walk_fails(walk, "an indirect descriptor, which was not negotiated "
					"(virtio 1.2, 2.7.5.3.1)");
	if (walk->indirect)
		return walk_fails(walk, "an indirect descriptor in an indirect table "
					"(virtio 1.2, 2.7.5.3.1)");
	if (desc->flags & VRING_DESC_F_NEXT)
		return walk_fails(walk, "an indirect descriptor has a next one "
					"(virtio 1.2, 2.7.5.3.1)");
	if (!desc->len || desc->len % sizeof(struct vring_desc))
		return walk_fails(walk, "an indirect table's length is no multiple of 16 "
					"(virtio 1.2, 2.7.5.3)");
	walk->table = gmem_ptr(vq->config.mem, desc->addr, desc->len);
	if (!walk->table)
		return walk_fails(walk, "an indirect table is not in RAM (virtio 1.2, 2.7.5.3)");
	walk->table_len = desc->len / sizeof(struct vring_desc);
	walk->indirect = true;
	/* Make room for the whole table at once. */
	wanted = walk_elements(walk) + MIN(walk->table_len, vq->config.max);
	return wanted <= walk->slot->capacity || walk_grow(vq, walk, wanted);
}

/* Make elements of the descriptors from index on. False: see walk->error. */
static bool walk_chain(struct virtq *vq, struct virtq_walk *walk, u32 index)
{
	for (;;) {
		struct vring_desc desc;

		if (index >= walk->table_len)
			return walk_fails(walk, "a descriptor's index is behind the table "
						"(virtio 1.2, 2.7.5)");
		/* The bound is the device's queue size, not the driver's: Linux relies on that. */
		if (!walk->left--)
			return walk_fails(walk, "a chain is longer than the queue "
						"(virtio 1.2, 2.7.5.3.1)");
		desc = desc_load(walk->table, index);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (!walk_enter_table(vq, walk, &desc))
				return false;
			/* The table's own descriptor holds no buffer. */
			walk->left++;
			index = 0;
			continue;
		}
		if (!walk_buffer(vq, walk, &desc))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		index = desc.next;
	}
}

/* Fill the slot with the chain from head on. NULL, or the error. */
static const char *slot_fill(struct virtq *vq, struct virtq_slot *slot, u16 head)
{
	struct virtq_walk walk = {.slot = slot,
				  .table = vq->desc,
				  .table_len = vq->config.size,
				  .left = vq->config.max,
				  .left_bytes = VIRTQ_MAX_BYTES,
				  .at = slot->few,
				  .end = slot->few + VIRTQ_INLINE};

	slot->iov = slot->few;
	slot->capacity = VIRTQ_INLINE;
	if (!walk_chain(vq, &walk, head))
		return walk.error;
	if (!walk.in)
		walk_turn(&walk);
	slot->chain = (struct virtq_chain){.head = head,
					   .out = slot->iov,
					   .out_count = walk.out,
					   .out_bytes = walk.out_bytes,
					   .in = slot->iov + walk.out,
					   .in_count = walk_elements(&walk) - walk.out,
					   .in_bytes = VIRTQ_MAX_BYTES - walk.left_bytes -
						       walk.out_bytes};
	return NULL;
}

/* --- pop --- */

static int virtq_break(struct virtq *vq, const char *why)
{
	vq->state = VIRTQ_BROKEN;
	vq->config.broken(vq->config.arg, why);
	return -EINVAL;
}

/* Ask for a doorbell. Returns false when one was asked for already. */
static bool virtq_ask_doorbell(struct virtq *vq)
{
	if (vq->asks_doorbell)
		return false;
	vq->asks_doorbell = true;
	if (vq->config.event_idx)
		ring_store(vq->avail_event, vq->next_avail);
	else
		ring_store(vq->used_flags, 0);
	return true;
}

u16 virtq_position(const struct virtq *vq)
{
	assert(!vq->in_flight);
	return vq->next_avail;
}

void virtq_set_position(struct virtq *vq, u16 next)
{
	assert(!vq->in_flight);
	vq->next_avail = vq->seen_avail = next;
	vq->next_used = vq->shown_used = next;
	vq->held_back = false;
	/* A borrower may have refused doorbells: tell the driver again. */
	vq->asks_doorbell = false;
	virtq_ask_doorbell(vq);
}

/* Nothing to do with an event index: the driver's index is already past it. */
static void virtq_refuse_doorbells(struct virtq *vq)
{
	if (!vq->asks_doorbell)
		return;
	vq->asks_doorbell = false;
	if (!vq->config.event_idx)
		ring_store(vq->used_flags, VRING_USED_F_NO_NOTIFY);
}

/* 1: at least one head waits; 0: none; or -EINVAL. */
static int virtq_look(struct virtq *vq)
{
	if (vq->seen_avail != vq->next_avail)
		return 1;
	do {
		vq->seen_avail = ring_load(vq->avail_idx);
		if ((u16)(vq->seen_avail - vq->next_avail) > vq->config.size)
			return virtq_break(vq, "the available index jumped (virtio 1.2, 2.7.6.1)");
		if (vq->seen_avail != vq->next_avail)
			return 1;
	} while (virtq_ask_doorbell(vq));
	return 0;
}

int virtq_pop(struct virtq *vq, struct virtq_chain **chain)
{
	struct virtq_slot *slot;
	const char *why;
	int waiting;
	u16 head;

	if (vq->state != VIRTQ_RUNNING)
		return -EINVAL;
	waiting = virtq_look(vq);
	if (waiting <= 0)
		return waiting;
	virtq_refuse_doorbells(vq);
	if (vq->heap_elements >= VIRTQ_MAX_ELEMENTS) {
		vq->held_back = true;
		return 0;
	}

	head = ring_load(&vq->avail_ring[vq->next_avail & (vq->config.size - 1)]);
	if (head >= vq->config.size)
		return virtq_break(vq, "an available head is behind the table (virtio 1.2, 2.7.6)");
	slot = &vq->slots[head];
	if (slot->in_flight)
		return virtq_break(vq, "a head is available that is in flight already "
				       "(virtio 1.2, 2.7.13.1)");

	why = slot_fill(vq, slot, head);
	if (why) {
		slot_release(vq, slot);
		return virtq_break(vq, why);
	}
	slot->in_flight = true;
	vq->in_flight++;
	vq->next_avail++;
	vq->stats.chains++;
	*chain = &slot->chain;
	return 1;
}

/* --- push --- */

void virtq_push(struct virtq *vq, struct virtq_chain *chain, u32 written)
{
	struct virtq_slot *slot = container_of(chain, struct virtq_slot, chain);
	struct vring_used_elem *used = &vq->used_ring[vq->next_used & (vq->config.size - 1)];

	assert(vq->state != VIRTQ_STOPPED && slot->in_flight && written <= chain->in_bytes);
	__atomic_store_n(&used->id, htole32(chain->head), __ATOMIC_RELAXED);
	__atomic_store_n(&used->len, htole32(written), __ATOMIC_RELAXED);
	vq->next_used++;
	vq->in_flight--;
	slot_release(vq, slot);
}

/* 2.7.7.2: does the driver want an interrupt for used elements [from, to)? */
static bool virtq_wants_interrupt(const struct virtq *vq, u16 from, u16 to)
{
	if (!vq->config.event_idx)
		return !(ring_load(vq->avail_flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(ring_load(vq->used_event), to, from);
}

void virtq_flush(struct virtq *vq)
{
	u16 from = vq->shown_used;

	if (vq->state == VIRTQ_STOPPED || from == vq->next_used)
		return;
	vq->shown_used = vq->next_used;
	ring_store(vq->used_idx, vq->next_used);
	if (virtq_wants_interrupt(vq, from, vq->next_used)) {
		vq->stats.interrupts++;
		vq->config.interrupt(vq->config.arg);
	}
	if (vq->held_back && vq->heap_elements < VIRTQ_MAX_ELEMENTS) {
		vq->held_back = false;
		vq->config.room(vq->config.arg);
	}
}
