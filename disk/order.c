// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that share a block of the host go one after the other.
 *
 * A guest has sectors of 512 bytes, and direct I/O of the host may move nothing smaller than
 * 4096. To write one sector its block is read, changed and written back (disk_file_bounce()).
 * Whatever else writes to that block meanwhile would be undone: a neighbour's sector, a whole
 * block, zeros.
 *
 * So each write of such a file enters here before it begins, with the blocks that it touches, and
 * leaves when it is done. It waits while an earlier one touches one of its blocks and at least
 * one of the two is partial: begins or ends inside a block. Whole blocks never wait for each
 * other. Zeros and discards are writes. Reads are not: what a partial write puts back is what
 * was there.
 *
 * The list is in the order of arrival, and a request waits only for earlier ones, so none waits
 * for ever. A request that enters counts the ones it waits for, and each of those counts it. A
 * request that leaves goes once through the later ones, until it has met all that wait for it, and
 * begins each that waits for no other one.
 *
 * A partial request that covers all of a later one waits itself for everything else that is in the
 * way of the later one. So the later one does not count what is older (`waits_from`). In a row of
 * writes to the same block, each waits for the one before it.
 *
 * A look at the list takes time on the loop, so no more than LOOKS_MAX are in it while one of them
 * is partial. Later ones are held, in their order, and are added as others leave.
 *
 * Loop's thread, so there is no lock. Files without partial writes never come here.
 */
#include "order.h"

#define LOOKS_MAX 256 /* as many as an engine has in the kernel */

static bool disk_order_conflict(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return (a->partial || b->partial) && a->first_byte < b->end_byte &&
	       b->first_byte < a->end_byte;
}

static bool disk_order_covers(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return a->partial && a->first_byte <= b->first_byte && a->end_byte >= b->end_byte;
}

/* Look at those that came before it. True when none is in its way. */
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

/* May it be added to the list? Then its look at the others is short, or not needed. */
static bool disk_order_has_room(const struct disk_order *order,
				const struct disk_order_entry *entry)
{
	return order->count < LOOKS_MAX || (!order->partial && !entry->partial);
}

/* True when nothing earlier is in its way. */
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

/* There may be room for some that were held. */
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

/* Those that wait for it, in the order in which they came. */
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
