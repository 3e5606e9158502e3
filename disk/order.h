/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which writes of a disk must wait for which. disk/order.c. Loop's thread.
 */
#ifndef DISK_ORDER_H
#define DISK_ORDER_H

#include <kvm/types.h>

/* One write in flight. Zero-initialise it; all fields but begin are order.c's own. */
struct disk_order_entry {
	void (*begin)(struct disk_order_entry *entry);
	bool entered, partial;
	u64 first_byte, end_byte; /* of the host's blocks that it writes to */
	struct disk_order_entry *next, *prev;
	u64 arrival, waits_from; /* it waits for those that arrived from then on */
	unsigned int blockers;	 /* how many earlier ones it waits for */
	unsigned int waiters;	 /* how many later ones wait for it */
};

/* The writes of a disk that are in flight, in the order of their arrival. All zero: none. */
struct disk_order {
	struct disk_order_entry *last;
	unsigned int count;
	unsigned int partial; /* how many of them write a part of a block */
	u64 arrivals;
	struct disk_order_entry *held, *last_held; /* came later, and are not in the list yet */
};

/*
 * A write (zeros and discards are writes) of bytes at offset, to a file with blocks of align bytes.
 * True: begin it now. False: entry->begin() is called when all writes that are in its way are done.
 */
bool disk_order_enter(struct disk_order *order, struct disk_order_entry *entry, u64 offset,
		      u64 bytes, u32 align);

/* The write is done. Calls begin() for those that waited for this one alone. */
void disk_order_leave(struct disk_order *order, struct disk_order_entry *entry);

#endif
