// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port and MMIO address spaces: find the region that answers an access.
 *
 * A bus is a small array of regions, sorted by base and free of overlaps. A vCPU that left KVM_RUN
 * with a port or MMIO exit calls bus_read() or bus_write() on its own thread; a binary search under
 * the read lock finds the region, the lock is dropped, the handler runs. So a handler may move its
 * own region, and two vCPUs may be in the same handler: the device has the lock that protects its
 * registers.
 *
 * Regions are owned by their devices and live as long as the machine, so that a handler which still
 * runs while its region is removed touches valid memory.
 *
 * The guest chooses address and length. An access inside one region is one call (or several of the
 * region's width, lowest address first, as on a bus with narrower devices); one that crosses the
 * end of a region is split into bytes. Bytes that no region answers read as 0xff, and writes to
 * them are ignored. An address that wraps at the top of the space finds no region.
 *
 * Doorbells (ioeventfd) never reach this code: KVM signals the eventfd itself.
 */
#include <kvm/bus.h>
#include <kvm/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

int bus_init(struct bus *bus, const char *name)
{
	bus->name = name;
	bus->count = 0;
	return -pthread_rwlock_init(&bus->lock, NULL);
}

void bus_destroy(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
}

/* Index of the first region whose last byte is at or above addr; count if there is none. */
static unsigned int bus_search(const struct bus *bus, u64 addr)
{
	unsigned int low = 0, high = bus->count;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct bus_region *region = bus->regions[mid];

		if (region->base + (region->len - 1) < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int bus_try_add(struct bus *bus, struct bus_region *region, struct bus_region *taken)
{
	u64 last = region->base + (region->len - 1);
	unsigned int at;
	int err = 0;

	if (!region->len || last < region->base)
		return -EINVAL;
	if (region->width != 1 && region->width != 2 && region->width != 4 && region->width != 8)
		return -EINVAL;

	pthread_rwlock_wrlock(&bus->lock);
	at = bus_search(bus, region->base);
	if (at < bus->count && bus->regions[at]->base <= last) {
		*taken = *bus->regions[at];
		err = -EEXIST;
	} else if (bus->count == BUS_MAX_REGIONS) {
		err = -ENOSPC;
	} else {
		memmove(&bus->regions[at + 1], &bus->regions[at],
			(bus->count - at) * sizeof(bus->regions[0]));
		bus->regions[at] = region;
		bus->count++;
	}
	pthread_rwlock_unlock(&bus->lock);
	return err;
}

int bus_add(struct bus *bus, struct bus_region *region)
{
	struct bus_region taken;
	int err = bus_try_add(bus, region, &taken);

	if (err == -EEXIST)
		log_error("%s bus: %s at 0x%llx overlaps %s at 0x%llx", bus->name, region->name,
			  region->base, taken.name, taken.base);
	return err;
}

void bus_remove(struct bus *bus, const struct bus_region *region)
{
	pthread_rwlock_wrlock(&bus->lock);
	for (unsigned int i = 0; i < bus->count; i++) {
		if (bus->regions[i] != region)
			continue;
		bus->count--;
		memmove(&bus->regions[i], &bus->regions[i + 1],
			(bus->count - i) * sizeof(bus->regions[0]));
		break;
	}
	pthread_rwlock_unlock(&bus->lock);
}

/*
 * Find the region at addr. *found gets a copy, which stays valid when the region moves; false: no
 * region answers addr. *same: how many of the len bytes from addr on have this same answer. All of
 * them are looked up under one lock, so an access sees a region that is added or removed at the
 * same time either whole or not at all.
 */
static bool bus_find(struct bus *bus, u64 addr, unsigned int len, struct bus_region *found,
		     unsigned int *same)
{
	const struct bus_region *region = NULL;
	u64 avail = len;
	unsigned int at;
	bool hit;

	pthread_rwlock_rdlock(&bus->lock);
	at = bus_search(bus, addr);
	if (at < bus->count)
		region = bus->regions[at];
	hit = region && region->base <= addr;
	if (hit) {
		*found = *region;
		avail = found->len - (addr - found->base);
	} else if (region) {
		avail = region->base - addr;
	}
	pthread_rwlock_unlock(&bus->lock);
	*same = (unsigned int)MIN(avail, (u64)len);
	return hit;
}

/* Largest power of two that is at most len and at most width. */
static unsigned int bus_piece(unsigned int len, unsigned int width)
{
	unsigned int piece = width;

	while (piece > len)
		piece /= 2;
	return piece;
}

/* Data is little-endian: x86 is the only guest so far, and PC devices are little-endian too. */
static u64 bus_load(const u8 *data, unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (u64)data[i] << (8 * i);
	return value;
}

static void bus_store(u8 *data, unsigned int size, u64 value)
{
	for (unsigned int i = 0; i < size; i++)
		data[i] = (u8)(value >> (8 * i));
}

bool bus_read(struct bus *bus, u64 addr, u8 *data, unsigned int len)
{
	bool answered = false;

	memset(data, 0xff, len);
	while (len) {
		struct bus_region region;
		unsigned int same, size;
		bool hit = bus_find(bus, addr, len, &region, &same);

		size = same;
		if (hit) {
			size = same < len ? 1 : bus_piece(len, region.width);
			if (region.read)
				bus_store(data, size,
					  region.read(region.dev, addr - region.base, size));
			answered = true;
		}
		addr += size;
		data += size;
		len -= size;
	}
	return answered;
}

bool bus_write(struct bus *bus, u64 addr, const u8 *data, unsigned int len)
{
	bool answered = false;

	while (len) {
		struct bus_region region;
		unsigned int same, size;
		bool hit = bus_find(bus, addr, len, &region, &same);

		size = same;
		if (hit) {
			size = same < len ? 1 : bus_piece(len, region.width);
			if (region.write)
				region.write(region.dev, addr - region.base, size,
					     bus_load(data, size));
			answered = true;
		}
		addr += size;
		data += size;
		len -= size;
	}
	return answered;
}

void bus_for_each(struct bus *bus, void (*fn)(const struct bus_region *region, void *arg),
		  void *arg)
{
	for (unsigned int i = 0; i < bus->count; i++)
		fn(bus->regions[i], arg);
}

static int bus_doorbell_ioctl(int vm_fd, const struct bus_doorbell *bell, u32 flags)
{
	struct kvm_ioeventfd request = {
		.datamatch = bell->match ? bell->value : 0,
		.addr = bell->addr,
		.len = bell->len,
		.fd = bell->fd,
		.flags = flags | (bell->port ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (bell->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0),
	};

	return ioctl(vm_fd, KVM_IOEVENTFD, &request) < 0 ? -errno : 0;
}

int bus_doorbell_add(int vm_fd, const struct bus_doorbell *bell)
{
	return bus_doorbell_ioctl(vm_fd, bell, 0);
}

int bus_doorbell_remove(int vm_fd, const struct bus_doorbell *bell)
{
	return bus_doorbell_ioctl(vm_fd, bell, KVM_IOEVENTFD_FLAG_DEASSIGN);
}
