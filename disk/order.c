// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that share a block of the host go one after the other.
 *
 * A guest has sectors of 512 bytes, while the smallest unit of direct I/O on the host may be 4096
 * bytes. To write one sector, its block is read, changed and written back (disk_file_bounce()). If
 * another write to the same block ran meanwhile (a neighbour sector, the whole block, zeros), its
 * data would be overwritten with the old bytes.
 *
 * So each write to such a file enters here before it begins, with the blocks that it touches, and
 * leaves when it is done. A write is partial if it begins or ends inside a block. It waits while an
 * earlier write touches one of its blocks and at least one of the two is partial. Writes of whole
 * blocks never wait for each other. Zeros and discards are writes. Reads do not enter: a partial
 * write puts the other bytes of the block back unchanged.
 *
 * The list is in the order of arrival, and a write waits only for earlier ones, so none waits for
 * ever. A write that enters counts the writes for which it waits (`blockers`), and each of those
 * counts it too (`waiters`). A write that leaves goes once through the later ones, until it has met
 * all its waiters, and begins each that has no other blocker.
 *
 * If a partial write covers a later one completely, it already waits for every older write that
 * conflicts with the later one. So the later one does not count older writes than the covering one
 * (`waits_from`). In a row of writes to the same block, each waits for the one before it.
 *
 * Going through the list takes time on the loop, so there are at most LOOKS_MAX writes in the list
 * while one of them is partial. Later writes are held, in their order, and added as others leave.
 *
 * Loop's thread, so there is no lock. Files without partial writes never come here.
 */
#include "order.h"

#define LOOKS_MAX 256 /* as many jobs as an engine has in the kernel */

static bool disk_order_conflict(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return (a->partial || b->partial) && a->first_byte < b->end_byte &&
	       b->first_byte < a->end_byte;
}

static bool disk_order_covers(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return a->partial && a->first_byte <= b->first_byte && a->end_byte >= b->end_byte;
}

/* Count the earlier writes for which the write must wait. True: there are none. */
static bool disk_order_may_begin(const struct disk_order *order, struct disk_order_entry *entry)
{
	struct disk_order_entry *other = order->partial ? entry->prev : NULL;

	for (; other; other = other->prev) {
		if (!disk_order_conflict(entry, other))
			continue;
		entry->blockers++;
		other->waiters++;
		if (disk_order_covers(other, entry)) {
			entry->waits_from = other->arrival;
			break;
		}
	}
	return !entry->blockers;
}

/* True: the write may be added, because the list is short or has no partial writes. */
static bool disk_order_has_room(const struct disk_order *order,
				const struct disk_order_entry *entry)
{
	return order->count < LOOKS_MAX || (!order->partial && !entry->partial);
}

/* Add the write to the list. True: it waits for no earlier write. */
static bool disk_order_add(struct disk_order *order, struct disk_order_entry *entry)
{
	entry->arrival = ++order->arrivals;
	entry->waits_from = 0;
	entry->blockers = entry->waiters = 0;
	entry->next = NULL;
	entry->prev = order->last;
	if (order->last)
		order->last->next = entry;
	order->last = entry;
	order->count++;
	order->partial += entry->partial;
	return disk_order_may_begin(order, entry);
}

static void disk_order_hold(struct disk_order *order, struct disk_order_entry *entry)
{
	entry->next = NULL;
	if (order->held)
		order->last_held->next = entry;
	else
		order->held = entry;
	order->last_held = entry;
}

/* Add held writes to the list while there is room, and begin those that need not wait. */
static void disk_order_admit(struct disk_order *order)
{
	while (order->held && disk_order_has_room(order, order->held)) {
		struct disk_order_entry *entry = order->held;

		order->held = entry->next;
		if (disk_order_add(order, entry))
			entry->begin(entry);
	}
}

bool disk_order_enter(struct disk_order *order, struct disk_order_entry *entry, u64 offset,
		      u64 bytes, u32 align)
{
	entry->first_byte = ALIGN_DOWN(offset, (u64)align);
	entry->end_byte = ALIGN_UP(offset + bytes, (u64)align);
	entry->partial = entry->end_byte - entry->first_byte != bytes;
	entry->entered = true;
	if (!order->held && disk_order_has_room(order, entry))
		return disk_order_add(order, entry);
	disk_order_hold(order, entry);
	return false;
}

/* Release the writes that wait for this one, in the order of their arrival. */
static void disk_order_release(struct disk_order_entry *entry)
{
	struct disk_order_entry *later = entry->next;

	for (; entry->waiters; later = later->next) {
		if (later->waits_from > entry->arrival || !disk_order_conflict(entry, later))
			continue;
		entry->waiters--;
		if (!--later->blockers)
			later->begin(later);
	}
}

void disk_order_leave(struct disk_order *order, struct disk_order_entry *entry)
{
	if (!entry->entered)
		return;
	disk_order_release(entry);
	if (entry->prev)
		entry->prev->next = entry->next;
	if (entry->next)
		entry->next->prev = entry->prev;
	else
		order->last = entry->prev;
	order->count--;
	order->partial -= entry->partial;
	entry->entered = false;
	disk_order_admit(order);
}
