// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest RAM: one host mapping, cut into banks of guest-physical addresses.
 *
 * All RAM is one mapping: anonymous, a memfd, or an unlinked file on hugetlbfs. Its first byte is
 * guest address 0. A PC keeps the last GiB below 4 GiB for devices, so RAM that does not fit under
 * that hole goes on at 4 GiB: two banks over one mapping.
 *
 * The mapping is aligned to 2 MiB and marked MADV_HUGEPAGE. Without the alignment KVM can never use
 * a large page in the nested page tables and a boot takes some 24,000 first-touch faults of 4 KiB
 * instead of a few hundred.
 *
 * Anonymous memory is the default because it is faster: a first touch costs less, and the host
 * gives it large pages more readily than shared memory. RAM is a memfd only when another process is
 * to map it: the process of a device (gmem_share()), or a process of the user, which opens
 * /proc/PID/fd (--shared-mem). The size of the memfd is sealed, so that no other process can shrink
 * it and cause a SIGBUS in lkvm.
 *
 * Every access to RAM goes through gmem_find() or gmem_ptr() (in the header). Only these two
 * compare an address and a length with a bank; they subtract instead of adding, so no pair of
 * values from a guest can wrap. The copy functions would also walk a range over two adjacent banks;
 * with the hole between our banks that never happens.
 *
 * Threads: the table is written before the first vCPU exists and read-only until the last is gone;
 * readers take no lock. Contents are shared with the running guest.
 *
 * Left out on purpose: hotplug (a new table, swapped in while no vCPU runs).
 */
#include <kvm/gmem.h>
#include <kvm/log.h>
#include <kvm/options.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HUGE_PAGE (2 * MIB)

static bool gmem_shared;

static const struct option gmem_options[] = {
	{.name = "shared-mem",
	 .type = OPTION_FLAG,
	 .value = &gmem_shared,
	 .help = "make guest RAM a memfd, which another process can map"},
};
OPTION_GROUP(gmem, run, "Machine", 14, gmem_options);

void gmem_share(void)
{
	gmem_shared = true;
}

/* An unlinked file of size bytes on the hugetlbfs at path, or -errno. */
static int gmem_open_hugetlbfs(const char *path, u64 size)
{
	char name[PATH_MAX];
	struct statfs fs;
	int fd, err;

	if (statfs(path, &fs) < 0)
		return log_fail(-errno, "--hugetlbfs %s: %s", path, strerror(errno));
	if (fs.f_type != HUGETLBFS_MAGIC)
		return log_fail(-EINVAL, "--hugetlbfs %s: is not a mounted hugetlbfs", path);
	if (size % (u64)fs.f_bsize)
		return log_fail(
			-EINVAL,
			"--hugetlbfs %s: --mem must be a multiple of its page size, %ld KiB", path,
			(long)(fs.f_bsize / KIB));
	if (snprintf(name, sizeof(name), "%s/lkvm-XXXXXX", path) >= (int)sizeof(name))
		return log_fail(-ENAMETOOLONG, "--hugetlbfs %s: path is too long", path);

	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return log_fail(-errno, "--hugetlbfs %s: cannot create a file: %s", path,
				strerror(errno));
	unlink(name);
	if (ftruncate(fd, (off_t)size) < 0) {
		err = -errno;
		close(fd);
		return log_fail(err, "--hugetlbfs %s: cannot size a file to %llu MiB: %s", path,
				size / MIB, strerror(-err));
	}
	return fd;
}

/* A memfd of size bytes whose size cannot change any more, or -errno. */
static int gmem_open_memfd(u64 size)
{
	int fd = memfd_create("lkvm-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Map a memfd over [start, start + size), an existing mapping. Sets mem->fd. 0 or -errno. */
static int gmem_map_memfd(struct gmem *mem, u8 *start, u64 size)
{
	int fd = gmem_open_memfd(size);
	int err;

	if (fd < 0)
		return fd;
	if (mmap(start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd,
		 0) == MAP_FAILED) {
		err = -errno;
		close(fd);
		return err;
	}
	mem->fd = fd;
	return 0;
}

/* Map size bytes at a multiple of 2 MiB: private memory, or a memfd. 0 or -errno. */
static int gmem_map_memory(struct gmem *mem, u64 size)
{
	u64 reserve = size + HUGE_PAGE;
	u8 *map, *start;
	size_t head;
	int err;

	map = mmap(NULL, reserve, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	start = (u8 *)ALIGN_UP((uintptr_t)map, (uintptr_t)HUGE_PAGE);
	head = (size_t)(start - map);
	if (head)
		munmap(map, head);
	munmap(start + size, HUGE_PAGE - head);
	err = gmem_shared ? gmem_map_memfd(mem, start, size) : 0;
	if (err) {
		munmap(start, size);
		return err;
	}
	/* Both are advice: a kernel without transparent huge pages works, only slower. */
	madvise(start, size, MADV_HUGEPAGE);
	madvise(start, size, MADV_DONTDUMP);
	mem->map = start;
	return 0;
}

static int gmem_map_hugetlbfs(struct gmem *mem, u64 size, const char *path)
{
	int fd = gmem_open_hugetlbfs(path, size);
	int err = 0;

	if (fd < 0)
		return fd;
	/* Populate all pages now: if a page were missing later, an access would cause a SIGBUS. */
	mem->map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (mem->map == MAP_FAILED) {
		err = -errno;
		mem->map = NULL;
		log_error("--hugetlbfs %s: cannot map %llu MiB: %s; see nr_hugepages", path,
			  size / MIB, strerror(-err));
	}
	if (gmem_shared && !err)
		mem->fd = fd;
	else
		close(fd);
	return err;
}

int gmem_map(struct gmem *mem, u64 total, gpa_t hole_start, gpa_t hole_end, const char *hugetlbfs)
{
	u64 low = MIN(total, hole_start);
	int err;

	*mem = (struct gmem){.fd = -1};
	if (total > SIZE_MAX - 2 * HUGE_PAGE)
		return log_fail(-ENOMEM, "--mem: %llu MiB cannot be mapped", total / MIB);
	if (hugetlbfs) {
		err = gmem_map_hugetlbfs(mem, total, hugetlbfs);
	} else {
		err = gmem_map_memory(mem, total);
		if (err)
			log_error("--mem: %llu MiB cannot be mapped: %s", total / MIB,
				  strerror(-err));
	}
	if (err)
		return err;

	mem->map_bytes = total;
	mem->hugetlb = hugetlbfs != NULL;
	mem->banks[mem->count++] = (struct gmem_bank){.base = 0, .size = low, .host = mem->map};
	if (total > low)
		mem->banks[mem->count++] = (struct gmem_bank){
			.base = hole_end, .size = total - low, .host = (u8 *)mem->map + low};
	return 0;
}

void gmem_unmap(struct gmem *mem)
{
	if (mem->map)
		munmap(mem->map, mem->map_bytes);
	if (mem->map && mem->fd >= 0)
		close(mem->fd);
	*mem = (struct gmem){.fd = -1};
}

int gmem_discard(const struct gmem *mem, void *start, u64 bytes)
{
	/* Do not give back pages of a hugetlbfs file: another process might take them. */
	if (mem->hugetlb)
		return -ENOTSUP;
	/*
	 * After MADV_DONTNEED the old data would be read from the file again: punch a hole, which
	 * is zero.
	 */
	return madvise(start, bytes, mem->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED) ? -errno : 0;
}

int gmem_clear(struct gmem *mem)
{
	int err = gmem_discard(mem, mem->map, mem->map_bytes);

	if (err == -ENOTSUP)
		memset(mem->map, 0, mem->map_bytes);
	else if (err)
		return log_fail(err, "guest RAM cannot be cleared: %s", strerror(-err));
	return 0;
}

/* The bank that holds gpa, or NULL. *avail: how many bytes of the bank follow from gpa on. */
static const struct gmem_bank *gmem_find(const struct gmem *mem, gpa_t gpa, u64 *avail)
{
	for (unsigned int i = 0; i < mem->count; i++) {
		const struct gmem_bank *bank = &mem->banks[i];

		if (gpa >= bank->base && gpa - bank->base < bank->size) {
			*avail = bank->size - (gpa - bank->base);
			return bank;
		}
	}
	return NULL;
}

int gmem_iov(const struct gmem *mem, gpa_t gpa, u64 len, struct iovec *iov, int max)
{
	int count = 0;

	while (len) {
		const struct gmem_bank *bank;
		u64 avail, chunk;

		bank = gmem_find(mem, gpa, &avail);
		if (!bank)
			return -EFAULT;
		if (count == max)
			return -E2BIG;
		chunk = MIN(len, avail);
		iov[count++] = (struct iovec){.iov_base = bank->host + (gpa - bank->base),
					      .iov_len = chunk};
		gpa += chunk;
		len -= chunk;
	}
	return count;
}

int gmem_read(const struct gmem *mem, gpa_t gpa, void *buf, u64 len)
{
	struct iovec iov[GMEM_MAX_BANKS];
	int count = gmem_iov(mem, gpa, len, iov, GMEM_MAX_BANKS);
	u8 *to = buf;

	if (count < 0)
		return -EFAULT;
	for (int i = 0; i < count; to += iov[i++].iov_len)
		memcpy(to, iov[i].iov_base, iov[i].iov_len);
	return 0;
}

int gmem_write(const struct gmem *mem, gpa_t gpa, const void *buf, u64 len)
{
	struct iovec iov[GMEM_MAX_BANKS];
	int count = gmem_iov(mem, gpa, len, iov, GMEM_MAX_BANKS);
	const u8 *from = buf;

	if (count < 0)
		return -EFAULT;
	for (int i = 0; i < count; from += iov[i++].iov_len)
		memcpy(iov[i].iov_base, from, iov[i].iov_len);
	return 0;
}

gpa_t gmem_low_top(const struct gmem *mem)
{
	return mem->banks[0].base + mem->banks[0].size;
}

u64 gmem_total(const struct gmem *mem)
{
	u64 total = 0;

	for (unsigned int i = 0; i < mem->count; i++)
		total += mem->banks[i].size;
	return total;
}
