/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The two address spaces in which a guest finds devices: ports and MMIO. core/bus.c.
 *
 * The look-up runs under a read lock; the handler is called with no bus lock held, so that it may
 * add, move or remove regions, its own included. Handlers run on the vCPU thread that made the
 * access, several at once: a device locks its own registers. Addresses that no region answers read
 * as all ones, and writes to them are ignored, as on a PC.
 */
#ifndef KVM_BUS_H
#define KVM_BUS_H

#include <kvm/types.h>
#include <pthread.h>

struct bus_region {
	const char *name; /* for the map of --dry-run and for messages */
	u64 base;
	u64 len;	    /* bytes, at least 1, does not wrap */
	unsigned int width; /* widest access the handlers take: 1, 2, 4 or 8; a wider one is
			       split into accesses of this width, lowest address first */
	/* offset is within the region; size is 1, 2, 4 or 8 and at most width; values are in
	   host order, of size bytes. Either may be NULL: all ones, ignored. */
	u64 (*read)(void *dev, u64 offset, unsigned int size);
	void (*write)(void *dev, u64 offset, unsigned int size, u64 value);
	void *dev;
};

/* 32 disks and as many other functions of bus 0 with a few BARs each, and the chips. */
#define BUS_MAX_REGIONS 512

struct bus {
	const char *name; /* "port" or "mmio" */
	pthread_rwlock_t lock;
	struct bus_region *regions[BUS_MAX_REGIONS]; /* ascending by base */
	unsigned int count;
};

int bus_init(struct bus *bus, const char *name);
void bus_destroy(struct bus *bus);

/*
 * The region is the caller's and stays where it is until bus_remove(). Returns 0, -EINVAL (empty,
 * wraps, bad width), -EEXIST (overlaps another one, which a log_error() message names) or -ENOSPC.
 * Any thread.
 */
int bus_add(struct bus *bus, struct bus_region *region);

/*
 * Same as bus_add(), without a log message, for a region that a guest places. After -EEXIST *taken
 * is a copy of the region in the way.
 */
int bus_try_add(struct bus *bus, struct bus_region *region, struct bus_region *taken);

/* After that no new access reaches the region. An access that began earlier may still be in it. */
void bus_remove(struct bus *bus, const struct bus_region *region);

/*
 * One access of len bytes (1..8) by a vCPU. data is the guest's value, little-endian,
 * in place. An access that crosses the end of a region is split byte by byte.
 * Never fails. bus_read() returns whether any region answered, for statistics.
 */
bool bus_read(struct bus *bus, u64 addr, u8 *data, unsigned int len);
bool bus_write(struct bus *bus, u64 addr, const u8 *data, unsigned int len);

/* Call fn for each region, ascending. Main thread, no vCPU running. */
void bus_for_each(struct bus *bus, void (*fn)(const struct bus_region *region, void *arg),
		  void *arg);

/*
 * A doorbell: a write of len bytes (0: any length) at addr signals eventfd fd in the
 * kernel, without an exit. With match, only a write of value. Returns 0 or -errno
 * (-ENOSPC: more than KVM's 1000 on a bus). Any thread.
 */
struct bus_doorbell {
	u64 addr;
	unsigned int len;
	bool port; /* a port, else MMIO */
	bool match;
	u64 value;
	int fd;
};

int bus_doorbell_add(int vm_fd, const struct bus_doorbell *bell);
int bus_doorbell_remove(int vm_fd, const struct bus_doorbell *bell);

#endif
