/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which writes of a disk must wait for which. disk/order.c. Loop's thread.
 */
#ifndef DISK_ORDER_H
#define DISK_ORDER_H

#include <kvm/types.h>

/* One write in flight, at first all zero. The caller sets begin; the rest is for order.c alone. */
struct disk_order_entry {
	void (*begin)(struct disk_order_entry *entry);
	bool entered, partial;
	u64 first_byte, end_byte; /* of the host's blocks that it writes to */
	struct disk_order_entry *next, *prev;
	u64 arrival, waits_from; /* it waits for none that arrived before waits_from */
	unsigned int blockers;	 /* how many earlier writes it waits for */
	unsigned int waiters;	 /* how many later writes wait for it */
};

/* The writes of a disk that are in flight, in the order of their arrival. All zero: none. */
struct disk_order {
	struct disk_order_entry *last;
	unsigned int count;
	unsigned int partial; /* how many of them write a part of a block */
	u64 arrivals;
	struct disk_order_entry *held, *last_held; /* later writes, not in the list yet */
};

/*
 * A write (also zeros or a discard) of `bytes` at offset enters, to a file with blocks of align
 * bytes. True: begin the write now. False: entry->begin() is called after all earlier writes that
 * conflict with it are done.
 */
bool disk_order_enter(struct disk_order *order, struct disk_order_entry *entry, u64 offset,
		      u64 bytes, u32 align);

/* The write is done. Calls begin() of each write that waited for this one alone. */
void disk_order_leave(struct disk_order *order, struct disk_order_entry *entry);

#endif
