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
#include "image.h"

#include <kvm/util.h>

static bool disk_order_conflict(const struct disk_request *a, const struct disk_request *b)
{
	return (a->partial || b->partial) && a->first_byte < b->end_byte &&
	       b->first_byte < a->end_byte;
}

static bool disk_order_covers(const struct disk_request *a, const struct disk_request *b)
{
	return a->partial && a->first_byte <= b->first_byte && a->end_byte >= b->end_byte;
}

/* True when nothing earlier is in its way. */
static bool disk_order_may_begin(const struct disk_order *order, struct disk_request *request)
{
	struct disk_request *other = order->partial ? request->order_prev : NULL;

	for (; other; other = other->order_prev) {
		if (!disk_order_conflict(request, other))
			continue;
		request->blockers++;
		other->waiters++;
		if (disk_order_covers(other, request)) {
			request->waits_from = other->arrival;
			break;
		}
	}
	return !request->blockers;
}

bool disk_order_enter(struct disk_request *request, u32 align)
{
	struct disk_order *order = &request->disk->order;

	request->first_byte = ALIGN_DOWN(request->offset, (u64)align);
	request->end_byte = ALIGN_UP(request->offset + request->bytes, (u64)align);
	request->partial = request->end_byte - request->first_byte != request->bytes;
	request->ordered = true;
	request->arrival = ++order->arrivals;
	request->waits_from = 0;
	request->blockers = request->waiters = 0;
	request->order_next = NULL;
	request->order_prev = order->last;
	if (order->last)
		order->last->order_next = request;
	order->last = request;
	order->partial += request->partial;
	return disk_order_may_begin(order, request);
}

/* Those that wait for it, in the order in which they came. */
static void disk_order_release(struct disk_request *request)
{
	struct disk_request *later = request->order_next;

	for (; request->waiters; later = later->order_next) {
		if (later->waits_from > request->arrival || !disk_order_conflict(request, later))
			continue;
		request->waiters--;
		if (!--later->blockers)
			raw_begin(later);
	}
}

void disk_order_leave(struct disk_request *request)
{
	struct disk_order *order = &request->disk->order;

	disk_order_release(request);
	if (request->order_prev)
		request->order_prev->order_next = request->order_next;
	if (request->order_next)
		request->order_next->order_prev = request->order_prev;
	else
		order->last = request->order_prev;
	order->partial -= request->partial;
	request->ordered = false;
}
