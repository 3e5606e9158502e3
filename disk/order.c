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
 * The list is in the order of arrival, and a request waits for earlier ones alone, so none waits
 * for ever. When it enters it counts those that it waits for, and each of them counts it. One that
 * leaves goes through the later ones, once, until it has met all that wait for it, and begins
 * each that waits for no other any more.
 *
 * A partial request that covers all of a later one waits itself for everything else that is in the
 * way of the later one. So the later one does not count what is older (`waits_from`). In a row of
 * writes to the same block, each waits for the one before it.
 *
 * Loop's thread, so there is no lock. Files without partial writes never come here.
 */
#include "order.h"

static bool disk_order_conflict(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return (a->partial || b->partial) && a->first_byte < b->end_byte &&
	       b->first_byte < a->end_byte;
}

static bool disk_order_covers(const struct disk_order_entry *a, const struct disk_order_entry *b)
{
	return a->partial && a->first_byte <= b->first_byte && a->end_byte >= b->end_byte;
}

/* True when nothing earlier is in its way. */
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

bool disk_order_enter(struct disk_order *order, struct disk_order_entry *entry, u64 offset,
		      u64 bytes, u32 align)
{
	entry->first_byte = ALIGN_DOWN(offset, (u64)align);
	entry->end_byte = ALIGN_UP(offset + bytes, (u64)align);
	entry->partial = entry->end_byte - entry->first_byte != bytes;
	entry->entered = true;
	entry->arrival = ++order->arrivals;
	entry->waits_from = 0;
	entry->blockers = entry->waiters = 0;
	entry->next = NULL;
	entry->prev = order->last;
	if (order->last)
		order->last->next = entry;
	order->last = entry;
	order->partial += entry->partial;
	return disk_order_may_begin(order, entry);
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
	order->partial -= entry->partial;
	entry->entered = false;
}
