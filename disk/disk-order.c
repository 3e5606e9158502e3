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
 * for ever. A request that waits is in the list of waiters of the nearest such one; when that
 * leaves, it looks again from its own place towards the oldest.
 *
 * Loop's thread, so there is no lock. Files without partial writes never come here.
 */
#include "image.h"

#include <kvm/util.h>

static bool disk_order_conflict(const struct disk_request *a, const struct disk_request *b)
{
	return (a->partial || b->partial) && a->first_byte < b->end_byte &&
	       b->first_byte < a->end_byte;
}

/* True when nothing earlier is in its way; else it is among that one's waiters. */
static bool disk_order_may_begin(const struct disk_order *order, struct disk_request *request)
{
	if (!order->partial)
		return true;
	for (struct disk_request *other = request->order_prev; other; other = other->order_prev) {
		if (!disk_order_conflict(request, other))
			continue;
		request->next_waiter = other->waiters;
		other->waiters = request;
		return false;
	}
	return true;
}

bool disk_order_enter(struct disk_request *request, u32 align)
{
	struct disk_order *order = &request->disk->order;

	request->first_byte = ALIGN_DOWN(request->offset, (u64)align);
	request->end_byte = ALIGN_UP(request->offset + request->bytes, (u64)align);
	request->partial = request->end_byte - request->first_byte != request->bytes;
	request->ordered = true;
	request->waiters = NULL;
	request->order_next = NULL;
	request->order_prev = order->last;
	if (order->last)
		order->last->order_next = request;
	order->last = request;
	order->partial += request->partial;
	return disk_order_may_begin(order, request);
}

void disk_order_leave(struct disk_request *request)
{
	struct disk_order *order = &request->disk->order;
	struct disk_request *waiter = request->waiters;

	if (request->order_prev)
		request->order_prev->order_next = request->order_next;
	if (request->order_next)
		request->order_next->order_prev = request->order_prev;
	else
		order->last = request->order_prev;
	order->partial -= request->partial;
	request->ordered = false;
	while (waiter) {
		struct disk_request *next = waiter->next_waiter;

		if (disk_order_may_begin(order, waiter))
			raw_begin(waiter);
		waiter = next;
	}
}
