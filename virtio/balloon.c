// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-balloon: memory that the guest does not need goes back to the host.
 *
 * Inflate: a request of the driver lists numbers of 4 KiB pages. They are sorted, neighbours are
 * merged into runs, and one gmem_discard() gives each run back to the host; if the guest uses such
 * a page again, it reads zeros. Deflate: nothing to do, the host maps a page at its next use. The
 * driver makes the balloon as large as num_pages (--balloon-size, and later balloon-control.c) and
 * writes the size that it has reached into `actual`; after a device reset the balloon is empty.
 * DEFLATE_ON_OOM lets the driver take pages back without asking, which costs us nothing.
 *
 * Reporting: the driver sends buffers of memory that is free at present, megabytes at a time. The
 * memory is given back to the host as above, then the driver gets the buffers back. So the host has
 * the memory within seconds after the guest freed it. This is the use of --balloon without a size.
 *
 * Statistics: the driver sends a filled buffer. We keep the buffer, and give it back to ask for new
 * values (5.5.6.3). stats() yields the last values with their age, and asks for the next ones: a
 * guest that never answers delays no one.
 *
 * Left out on purpose: FREE_PAGE_HINT. The guest may use hinted pages again before we discard them
 * (5.5.6.4: only a device that knows which pages were written since may drop them), and nothing
 * here tracks writes. The feature is for migration, which lkvm does not have. Without the feature
 * there is no queue 3 (5.5.2), and queue 4 is for reporting. But Linux numbers its queues without a
 * gap and reports in queue 3; so both are served in the same way.
 *
 * Bounds: we handle the first PFNS_MAX pages and FRAGMENTS_MAX buffers of a request, and the rest
 * stays with the guest; a page that is not RAM is skipped; a request reports at most TURN_BYTES. A
 * turn of the loop serves up to TURN requests of a queue. After TURN_RUNS system calls or
 * TURN_BYTES of all queues together, a queue gets one request, and the rest waits for the next
 * turn. Pages of hugetlbfs are never given back: another program might take them. PAGE_POISON is
 * not offered: a guest that poisons free pages would find zeros, so Linux does not report then.
 *
 * Everything is on the loop's thread, except balloon_config_write().
 *
 * Spec: virtio 1.2, section 5.5
 */
#include "virtio/balloon.h"
#include "virtio/core.h"

#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/options.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define QUEUE_SIZE    128
#define PFNS_MAX      256 /* the number in a request of Linux */
#define FRAGMENTS_MAX 64
#define STATS_MAX     32
#define TURN	      8
#define TURN_RUNS     256	  /* runs of pages: each costs a system call */
#define TURN_BYTES    (128 * MIB) /* also the bound of one request: 32,768 pages to unmap */
#define PAGE	      (1ULL << VIRTIO_BALLOON_PFN_SHIFT)

enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_REPORT_LINUX, QUEUE_REPORT, QUEUES };

static bool balloon_wanted;
static u64 balloon_bytes;

static const struct option balloon_options[] = {
	{.name = "balloon",
	 .type = OPTION_FLAG,
	 .value = &balloon_wanted,
	 .help = "take back memory that the guest has freed, by virtio-balloon"},
	{.name = "balloon-size",
	 .type = OPTION_SIZE,
	 .value = &balloon_bytes,
	 .arg = "SIZE[K|M|G]",
	 .max = 1ULL << 43, /* num_pages has 32 bits */
	 .help = "how much of its memory the guest gives up at once"},
};
OPTION_GROUP(virtio_balloon, run, "Devices", 35, balloon_options);

static const char *const stat_names[VIRTIO_BALLOON_S_NR] = VIRTIO_BALLOON_S_NAMES;

static struct {
	struct virtio_device dev;
	struct kvm *kvm;
	struct virtio_balloon_config config;
	struct virtq_chain *stats; /* the driver's buffer, kept until we ask for new values */
	u64 values[VIRTIO_BALLOON_S_NR];
	u32 known;     /* bit n: the driver has sent values[n] */
	u64 values_ns; /* the time of the last values */
	u64 turn;      /* the turn of the loop that the next two counters are for */
	u64 turn_runs, turn_bytes;
	bool asks; /* asked_bytes was set while paused: tell the driver at resume */
	u64 asked_bytes;
	u64 pages_inflated, pages_deflated, bytes_reported, bytes_returned;
} balloon;

/* --- giving back --- */

/* Discard the whole pages inside the range, which lies in guest RAM. */
static void balloon_discard(void *host, u64 len)
{
	uintptr_t start = ALIGN_UP((uintptr_t)host, (uintptr_t)PAGE);
	uintptr_t end = ((uintptr_t)host + len) & ~(uintptr_t)(PAGE - 1);

	if (balloon.kvm->mem.hugetlb || start >= end)
		return;
	balloon.turn_runs++;
	balloon.turn_bytes += end - start;
	/* After an error the guest keeps the pages: the host only gets no memory. */
	if (gmem_discard(&balloon.kvm->mem, (void *)start, end - start) == 0)
		balloon.bytes_returned += end - start;
}

/* False: a part of the pages is not RAM, and nothing was given back. */
static bool balloon_discard_pages(u64 first, u64 pages)
{
	struct iovec iov[GMEM_MAX_BANKS];
	int count = gmem_iov(&balloon.kvm->mem, first * PAGE, pages * PAGE, iov, GMEM_MAX_BANKS);

	for (int i = 0; i < count; i++)
		balloon_discard(iov[i].iov_base, iov[i].iov_len);
	return count >= 0;
}

static void balloon_discard_run(u64 first, u64 pages)
{
	if (balloon_discard_pages(first, pages))
		return;
	for (u64 i = 0; i < pages; i++)
		balloon_discard_pages(first + i, 1);
}

static int compare_pfns(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static void balloon_discard_pfns(u32 *pfns, size_t count)
{
	size_t from = 0;

	qsort(pfns, count, sizeof(*pfns), compare_pfns);
	for (size_t i = 1; i <= count; i++) {
		if (i < count && pfns[i] - pfns[i - 1] <= 1)
			continue;
		balloon_discard_run(pfns[from], (u64)pfns[i - 1] - pfns[from] + 1);
		from = i;
	}
}

/* --- queues --- */

/* Copy up to len bytes of the chain's out elements. Returns how many. */
static size_t balloon_copy(const struct virtq_chain *chain, void *to, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->out_count && done < len; i++) {
		size_t piece = MIN(chain->out[i].iov_len, len - done);

		memcpy((u8 *)to + done, chain->out[i].iov_base, piece);
		done += piece;
	}
	return done;
}

static void balloon_inflate(const struct virtq_chain *chain)
{
	u32 pfns[PFNS_MAX];
	size_t count = balloon_copy(chain, pfns, sizeof(pfns)) / sizeof(*pfns);

	for (size_t i = 0; i < count; i++)
		pfns[i] = le32toh(pfns[i]);
	balloon.pages_inflated += count;
	balloon_discard_pfns(pfns, count);
}

static void balloon_report(const struct virtq_chain *chain)
{
	u64 left = MIN(gmem_total(&balloon.kvm->mem), TURN_BYTES);

	for (unsigned int i = 0; i < MIN(chain->in_count, (unsigned int)FRAGMENTS_MAX); i++) {
		u64 len = MIN((u64)chain->in[i].iov_len, left);

		balloon_discard(chain->in[i].iov_base, len);
		balloon.bytes_reported += len;
		left -= len;
	}
}

static void balloon_read_stats(const struct virtq_chain *chain)
{
	struct virtio_balloon_stat stats[STATS_MAX];
	size_t count = balloon_copy(chain, stats, sizeof(stats)) / sizeof(*stats);

	for (size_t i = 0; i < count; i++) {
		u16 tag = le16toh(stats[i].tag);

		if (tag >= VIRTIO_BALLOON_S_NR)
			continue;
		balloon.values[tag] = le64toh(stats[i].val);
		balloon.known |= 1U << tag;
		balloon.values_ns = now_ns();
	}
}

/* Give the statistics buffer back, so that the driver fills it again. */
static void balloon_ask_stats(void)
{
	struct virtq *vq = virtio_queue(&balloon.dev, QUEUE_STATS);

	if (!balloon.stats)
		return;
	virtq_push(vq, balloon.stats, 0);
	balloon.stats = NULL;
	virtq_flush(vq);
}

/* Serve one request. True: the chain is kept. False: the caller pushes the chain. */
static bool balloon_serve(unsigned int queue, struct virtq_chain *chain)
{
	switch (queue) {
	case QUEUE_INFLATE:
		balloon_inflate(chain);
		break;
	case QUEUE_DEFLATE:
		balloon.pages_deflated += chain->out_bytes / sizeof(u32);
		break;
	case QUEUE_STATS:
		balloon_read_stats(chain);
		/* 5.5.6.3.1 allows one buffer. If there is a second, give the first back. */
		balloon_ask_stats();
		balloon.stats = chain;
		return true;
	case QUEUE_REPORT_LINUX:
	case QUEUE_REPORT:
		balloon_report(chain);
		break;
	}
	return false;
}

/* True: more memory may be given back in this turn of the loop. */
static bool balloon_has_turn(void)
{
	u64 turn = loop_turn(balloon.kvm->loop);

	if (turn != balloon.turn) {
		balloon.turn = turn;
		balloon.turn_runs = balloon.turn_bytes = 0;
	}
	return balloon.turn_runs < TURN_RUNS && balloon.turn_bytes < TURN_BYTES;
}

static void balloon_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtq *vq = virtio_queue(dev, queue);
	struct virtq_chain *chain;
	bool has_turn = balloon_has_turn();
	unsigned int served = 0;

	/* At least one request, so that no queue waits for ever for the others. */
	while (served < TURN && (!served || has_turn) && virtq_pop(vq, &chain) == 1) {
		if (!balloon_serve(queue, chain))
			virtq_push(vq, chain, 0);
		served++;
		has_turn = balloon_has_turn();
	}
	virtq_flush(vq);
	if (served == TURN || (served && !has_turn))
		virtio_doorbell(dev, queue);
}

/* --- the device --- */

static void balloon_stop(struct virtio_device *dev)
{
	const le32 none = 0;

	balloon.stats = NULL;
	virtio_config_write(dev, offsetof(struct virtio_balloon_config, actual), &none,
			    sizeof(none));
	virtio_stopped(dev);
}

static void balloon_stop_queue(struct virtio_device *dev, unsigned int queue)
{
	if (queue == QUEUE_STATS)
		balloon.stats = NULL;
	virtio_queue_stopped(dev, queue);
}

/* vCPU thread. The driver may write `actual`, and nothing else. */
static void balloon_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	u32 at = offsetof(struct virtio_balloon_config, actual);

	if (offset >= at && offset < at + sizeof(u32))
		memcpy((u8 *)&balloon.config + offset, buf,
		       MIN(len, at + (u32)sizeof(u32) - offset));
}

static u64 balloon_config_bytes(u32 offset)
{
	le32 pages;

	virtio_config_access_read(&balloon.dev, offset, &pages, sizeof(pages));
	return le32toh(pages) * PAGE;
}

int balloon_get(struct balloon_size *size)
{
	u32 at = offsetof(struct virtio_balloon_config, num_pages);

	if (!balloon_wanted)
		return -ENODEV;
	if (!(virtio_status(&balloon.dev) & VIRTIO_CONFIG_S_DRIVER_OK))
		return -ENOTCONN;
	size->asked_bytes = balloon.asks ? balloon.asked_bytes : balloon_config_bytes(at);
	at = offsetof(struct virtio_balloon_config, actual);
	size->actual_bytes = balloon_config_bytes(at);
	return 0;
}

static void balloon_tell(u64 bytes)
{
	le32 pages = htole32((u32)(bytes / PAGE));

	virtio_config_write(&balloon.dev, offsetof(struct virtio_balloon_config, num_pages), &pages,
			    sizeof(pages));
	virtio_config_changed(&balloon.dev);
}

int balloon_ask(u64 bytes)
{
	struct balloon_size now;
	int err = balloon_get(&now);

	if (err)
		return err;
	balloon.asks = virtio_is_paused(&balloon.dev);
	balloon.asked_bytes = bytes;
	if (!balloon.asks)
		balloon_tell(bytes);
	return 0;
}

static void balloon_resumed(struct virtio_device *dev)
{
	if (balloon.asks)
		balloon_tell(balloon.asked_bytes);
	balloon.asks = false;
}

static void balloon_stats(struct virtio_device *dev,
			  void (*emit)(void *arg, const char *counter, u64 value), void *arg)
{
	u32 at = offsetof(struct virtio_balloon_config, num_pages);

	emit(arg, "balloon-bytes-asked", balloon_config_bytes(at));
	at = offsetof(struct virtio_balloon_config, actual);
	emit(arg, "balloon-bytes", balloon_config_bytes(at));
	emit(arg, "pages-inflated", balloon.pages_inflated);
	emit(arg, "pages-deflated", balloon.pages_deflated);
	emit(arg, "bytes-reported", balloon.bytes_reported);
	emit(arg, "bytes-returned", balloon.bytes_returned);
	if (balloon.known)
		emit(arg, "statistics-age-ms", (now_ns() - balloon.values_ns) / NSEC_PER_MSEC);
	for (unsigned int i = 0; i < VIRTIO_BALLOON_S_NR; i++)
		if (balloon.known >> i & 1)
			emit(arg, stat_names[i], balloon.values[i]);
	if (virtio_serves(dev))
		balloon_ask_stats();
}

static const struct virtio_ops balloon_ops = {
	.config_write = balloon_config_write,
	.notify = balloon_notify,
	.stop = balloon_stop,
	.stop_queue = balloon_stop_queue,
	.resumed = balloon_resumed,
	.stats = balloon_stats,
};

static const u16 balloon_queue_max[QUEUES] = {QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE, QUEUE_SIZE,
					      QUEUE_SIZE};

static int balloon_init(struct kvm *kvm)
{
	if (!balloon_wanted && !balloon_bytes)
		return 0;
	if (balloon_bytes && balloon_bytes >= gmem_total(&kvm->mem))
		return log_fail(
			-EINVAL,
			"--balloon-size: %llu MiB is not less than the guest's RAM (--mem %llu)",
			balloon_bytes / MIB, gmem_total(&kvm->mem) / MIB);
	memset(&balloon, 0, sizeof(balloon));
	balloon_wanted = true;
	balloon.kvm = kvm;
	balloon.turn = UINT64_MAX;
	balloon.config.num_pages = htole32((u32)(balloon_bytes / PAGE));
	balloon.dev = (struct virtio_device){
		.name = "virtio-balloon0",
		.id = VIRTIO_ID_BALLOON,
		.driver = "virtio_balloon",
		.pci_class = 0x050000, /* memory: RAM */
		.offered = 1ULL << VIRTIO_BALLOON_F_STATS_VQ |
			   1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
			   1ULL << VIRTIO_BALLOON_F_REPORTING,
		.queue_count = QUEUES,
		.queue_max = balloon_queue_max,
		.config = &balloon.config,
		.config_bytes = sizeof(balloon.config),
		.ops = &balloon_ops,
	};
	return virtio_add(kvm, &balloon.dev);
}

static void balloon_exit(struct kvm *kvm)
{
	if (balloon_wanted)
		virtio_remove(&balloon.dev);
}

INIT_MODULE(virtio_balloon, .level = INIT_VIRTIO_BALLOON, .init = balloon_init,
	    .exit = balloon_exit);
