/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest RAM: banks of guest-physical addresses, and the only functions that access them.
 * core/gmem.c.
 *
 * No function turns an address into a host pointer without a length. A range is valid if every byte
 * of it is RAM. A range that wraps, touches a hole or ends one byte too far gives -EFAULT, and no
 * byte is copied. A range of length 0 is valid at any address. Any thread: the bank table does not
 * change while vCPUs run. The guest may change the data at any time: fetch once, then check, then
 * use.
 */
#ifndef KVM_GMEM_H
#define KVM_GMEM_H

#include <kvm/types.h>
#include <stddef.h>
#include <sys/uio.h>

#define GMEM_MAX_BANKS 2

struct gmem_bank {
	gpa_t base;
	u64 size; /* bytes */
	u8 *host;
};

struct gmem {
	struct gmem_bank banks[GMEM_MAX_BANKS]; /* ascending, no overlap */
	unsigned int count;
	void *map; /* the whole mapping, aligned to 2 MiB, and its size */
	u64 map_bytes;
	bool hugetlb; /* backed by a file on hugetlbfs */
	/*
	 * After gmem_share() or with --shared-mem: the file that is mapped, whose byte n is byte n
	 * of map; another process can map it, too. Else -1.
	 */
	int fd;
};

/*
 * Make RAM that is mapped later sharable with another process. A device calls this before the
 * machine is built. Main thread.
 */
void gmem_share(void);

/*
 * Map total bytes of zeroed RAM: up to hole_start, the rest from hole_end on. hugetlbfs: NULL, or
 * the path of a mounted hugetlbfs. Main thread. Returns 0 or -errno after a log_error() line.
 */
int gmem_map(struct gmem *mem, u64 total, gpa_t hole_start, gpa_t hole_end, const char *hugetlbfs);
void gmem_unmap(struct gmem *mem);

/* Make all RAM zero again, giving the pages back to the host. No vCPU runs. 0 or -errno. */
int gmem_clear(struct gmem *mem);

/*
 * Give whole pages of RAM back to the host: they read as 0 from then on. start is inside RAM and a
 * multiple of 4 KiB, as is bytes. Any thread. 0 or -errno; -ENOTSUP: on hugetlbfs.
 */
int gmem_discard(const struct gmem *mem, void *start, u64 bytes);

/* Copy len bytes from or to guest RAM. 0 or -EFAULT. */
int gmem_read(const struct gmem *mem, gpa_t gpa, void *buf, u64 len);
int gmem_write(const struct gmem *mem, gpa_t gpa, const void *buf, u64 len);

/*
 * Host address of [gpa, gpa + len) if it lies in one bank and len > 0, else NULL. Inline, because
 * it is called for each buffer of a chain. For a gpa below the bank's base, offset wraps to a value
 * above the bank's size.
 */
static inline void *gmem_ptr(const struct gmem *mem, gpa_t gpa, u64 len)
{
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct gmem_bank *bank = &mem->banks[i];
		u64 offset = gpa - bank->base;

		if (offset < bank->size)
			return len && len <= bank->size - offset ? bank->host + offset : NULL;
	}
	return NULL;
}

/*
 * [gpa, gpa + len) as host iovec elements (more than one where it spans adjacent
 * banks). Returns how many were written, -EFAULT, or -E2BIG when max is too small.
 */
int gmem_iov(const struct gmem *mem, gpa_t gpa, u64 len, struct iovec *iov, int max);

/* First address above the RAM below 4 GiB, and total bytes. */
gpa_t gmem_low_top(const struct gmem *mem);
u64 gmem_total(const struct gmem *mem);

#endif
