// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk: a driver's requests become requests to a disk.
 *
 * A doorbell pops the chains of a queue: at most QUEUE_SIZE, and until all queues together had
 * TURN_BYTES in this turn of the loop. After that the device rings the queue's doorbell itself, so
 * that others have their turn. A chain is a header (type, sector), data, and a status byte at the
 * end; the driver may split these into buffers at any byte. A wrong request gets an error status. A
 * correct one is submitted to the disk, and after the last chain one disk_commit() begins them all.
 * Requests for which the host has the data in memory complete inside disk_commit(): the queue is
 * flushed once for all of them, with at most one interrupt. The others complete on the loop in
 * batches, and completed() flushes each queue that had completions.
 *
 * Each queue has an array of requests, indexed by the chain's head, so the usual request allocates
 * no memory. The iovec of the data is the chain's own without the elements of header and status. It
 * is copied only if an element has header or status and data together.
 *
 * Errors: the request gets a status where the specification has one; a chain without room for
 * header or status is not a request, and the device needs a reset (5.2.6). The status byte is
 * written last and once. The used length counts from the first byte of the buffers on, so it is 0
 * for a failed read.
 *
 * Write cache: if the driver did not accept FLUSH, or switched the cache off by writeback
 * (CONFIG_WCE), a write completes when it is on stable storage.
 *
 * Stopping: no chain is popped any more, and virtio_stopped() follows the last request. No thread
 * waits for that: at the end of a run the machine comes to rest first (core/freeze.c), or requests
 * stay in flight until the process ends.
 * Loop's thread, except config_write().
 *
 * Spec: virtio 1.2, section 5.2.
 */
#include "virtio/core.h"
#include <kvm/disk.h>
#include <kvm/event.h>
#include <kvm/init.h>
#include <kvm/iov.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SIZE     256
#define PCI_CLASS_DISK 0x010000	 /* mass storage */
#define TURN_BYTES     (4 * MIB) /* bound for a turn of the loop, which may copy the bytes itself */
#define ZEROES_SECTORS 0x3fffff	 /* most in one discard or write-zeroes: 2 GiB less a sector */

struct blk_request {
	struct disk_request disk;
	struct blk *blk;
	struct virtq_chain *chain;
	struct iovec *copy; /* a copy of the data's iovec, if one was needed */
	u16 queue;
};

struct blk_queue {
	struct blk_request *requests; /* index: the chain's head */
	unsigned int in_flight;
	bool stopping;
};

struct blk_counters {
	u64 reads, read_bytes, writes, written_bytes, flushes, discards, errors;
};

struct blk {
	struct virtio_device dev;
	struct virtio_blk_config config;
	struct disk *disk;
	struct disk_user user;
	char name[24];
	u16 queue_max[DISK_QUEUES_MAX];
	struct blk_queue queues[DISK_QUEUES_MAX];
	struct loop *loop;
	u64 turn; /* the turn of the loop that turn_bytes is for */
	u64 turn_bytes;
	u32 pushed;		/* a bit for each queue that must be flushed */
	atomic_bool write_back; /* the field `writeback` of the configuration */
	bool stopping;
	bool broken; /* NEEDS_RESET: no chain is popped until the reset */
	bool gone;   /* the run ends with requests in flight */
	struct blk_counters counters;
};

static struct {
	struct blk *list[DISK_MAX];
	unsigned int count;
} blks;

static struct blk *blk_of(struct virtio_device *dev)
{
	return container_of(dev, struct blk, dev);
}

/* --- the end of a request --- */

static void blk_complete(struct blk_request *request, u8 status)
{
	struct blk *blk = request->blk;
	struct blk_queue *queue = &blk->queues[request->queue];
	struct virtq_chain *chain = request->chain;
	const struct iovec *last = &chain->in[chain->in_count - 1];
	bool counts = status == VIRTIO_BLK_S_OK || chain->in_bytes == 1;

	__atomic_store_n((u8 *)last->iov_base + last->iov_len - 1, status, __ATOMIC_RELEASE);
	virtq_push(virtio_queue(&blk->dev, request->queue), chain,
		   counts ? (u32)chain->in_bytes : 0);
	free(request->copy);
	request->copy = NULL;
	queue->in_flight--;
	blk->pushed |= 1U << request->queue;
	blk->counters.errors += status != VIRTIO_BLK_S_OK;
}

static void blk_done(struct disk_request *disk_request, int err)
{
	struct blk_request *request = container_of(disk_request, struct blk_request, disk);

	if (request->blk->gone)
		return;
	if (!err)
		blk_complete(request, VIRTIO_BLK_S_OK);
	else
		blk_complete(request,
			     err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR);
}

static void blk_flush_queues(struct blk *blk)
{
	while (blk->pushed) {
		unsigned int index = (unsigned int)__builtin_ctz(blk->pushed);

		blk->pushed &= blk->pushed - 1;
		virtq_flush(virtio_queue(&blk->dev, index));
	}
}

/* --- the parts of a request --- */

/*
 * Make bytes [skip, skip + bytes) of these elements the data of the request: the bytes after the
 * header, or before the status byte.
 */
static int blk_set_data(struct blk_request *request, const struct iovec *iov, unsigned int count,
			size_t skip, size_t bytes)
{
	bool alone = skip ? iov->iov_len == skip : iov[count - 1].iov_len == 1;
	struct disk_request *disk = &request->disk;
	struct iov_cursor cursor;
	int taken;

	disk->bytes = bytes;
	if (alone) {
		disk->iov = skip ? iov + 1 : iov;
		disk->iov_count = count - 1;
		return 0;
	}
	request->copy = calloc(count, sizeof(*iov));
	if (!request->copy || iov_cursor_init(&cursor, iov, count) || iov_skip(&cursor, skip))
		return -ENOMEM;
	taken = iov_take(&cursor, bytes, request->copy, count);
	disk->iov = request->copy;
	disk->iov_count = (unsigned int)MAX(taken, 0);
	return MIN(taken, 0);
}

static int blk_read_out(const struct virtq_chain *chain, size_t skip, void *buf, size_t len)
{
	struct iov_cursor cursor;
	int err;

	/* The usual case: all bytes are in one buffer. */
	if (chain->out_count && !skip && chain->out->iov_len >= len) {
		memcpy(buf, chain->out->iov_base, len);
		return 0;
	}
	err = iov_cursor_init(&cursor, chain->out, chain->out_count);
	err = err ?: iov_skip(&cursor, skip);
	return err ?: iov_read(&cursor, buf, len);
}

static bool blk_must_sync(const struct blk *blk)
{
	if (!virtio_has(&blk->dev, VIRTIO_BLK_F_FLUSH))
		return true;
	return virtio_has(&blk->dev, VIRTIO_BLK_F_CONFIG_WCE) &&
	       !atomic_load_explicit(&blk->write_back, memory_order_relaxed);
}

/* --- request types: VIRTIO_BLK_S_OK if the request can be submitted, else its status --- */

#define HEADER_BYTES sizeof(struct virtio_blk_outhdr)

static bool blk_set_offset(struct blk_request *request, u64 sector)
{
	return !__builtin_mul_overflow(sector, (u64)DISK_SECTOR, &request->disk.offset);
}

static u8 blk_prepare_read(struct blk_request *request, u64 sector)
{
	const struct virtq_chain *chain = request->chain;

	request->disk.op = DISK_READ;
	if (chain->out_bytes != HEADER_BYTES || !blk_set_offset(request, sector) ||
	    blk_set_data(request, chain->in, chain->in_count, 0, chain->in_bytes - 1))
		return VIRTIO_BLK_S_IOERR;
	request->blk->counters.reads++;
	request->blk->counters.read_bytes += request->disk.bytes;
	return VIRTIO_BLK_S_OK;
}

static u8 blk_prepare_write(struct blk_request *request, u64 sector)
{
	const struct virtq_chain *chain = request->chain;

	request->disk.op = DISK_WRITE;
	request->disk.sync = blk_must_sync(request->blk);
	if (chain->in_bytes != 1 || !blk_set_offset(request, sector) ||
	    blk_set_data(request, chain->out, chain->out_count, HEADER_BYTES,
			 chain->out_bytes - HEADER_BYTES))
		return VIRTIO_BLK_S_IOERR;
	request->blk->counters.writes++;
	request->blk->counters.written_bytes += request->disk.bytes;
	return VIRTIO_BLK_S_OK;
}

static u8 blk_prepare_flush(struct blk_request *request)
{
	request->disk.op = DISK_FLUSH;
	request->blk->counters.flushes++;
	return VIRTIO_BLK_S_OK;
}

/* One segment: max_discard_seg and max_write_zeroes_seg are 1. */
static u8 blk_prepare_zeroes(struct blk_request *request, enum disk_op op)
{
	const struct virtq_chain *chain = request->chain;
	unsigned int feature =
		op == DISK_DISCARD ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;
	struct virtio_blk_discard_write_zeroes segment;
	u32 flags, may_be = op == DISK_DISCARD ? 0 : VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;

	if (!virtio_has(&request->blk->dev, feature))
		return VIRTIO_BLK_S_UNSUPP;
	if (chain->in_bytes != 1 || chain->out_bytes != HEADER_BYTES + sizeof(segment) ||
	    blk_read_out(chain, HEADER_BYTES, &segment, sizeof(segment)))
		return VIRTIO_BLK_S_IOERR;
	flags = le32toh(segment.flags);
	if (flags & ~may_be)
		return VIRTIO_BLK_S_UNSUPP;
	if (le32toh(segment.num_sectors) > ZEROES_SECTORS ||
	    !blk_set_offset(request, le64toh(segment.sector)))
		return VIRTIO_BLK_S_IOERR;
	request->disk.op = op;
	request->disk.bytes = (u64)le32toh(segment.num_sectors) * DISK_SECTOR;
	request->disk.unmap = flags;
	request->disk.sync = op == DISK_WRITE_ZEROES && blk_must_sync(request->blk);
	request->blk->counters.discards++;
	return VIRTIO_BLK_S_OK;
}

static u8 blk_get_id(const struct blk_request *request)
{
	const struct virtq_chain *chain = request->chain;
	char id[VIRTIO_BLK_ID_BYTES] = {};
	struct iov_cursor cursor;

	memcpy(id, disk_info(request->blk->disk)->serial,
	       strnlen(disk_info(request->blk->disk)->serial, sizeof(id)));
	if (chain->in_bytes != sizeof(id) + 1 ||
	    iov_cursor_init(&cursor, chain->in, chain->in_count) ||
	    iov_write(&cursor, id, sizeof(id)))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

/* Begin a request. The status, or -EINPROGRESS if it was submitted. */
static int blk_begin(struct blk_request *request, const struct virtio_blk_outhdr *header)
{
	u64 sector = le64toh(header->sector);
	u8 status;

	switch (le32toh(header->type)) {
	case VIRTIO_BLK_T_IN:
		status = blk_prepare_read(request, sector);
		break;
	case VIRTIO_BLK_T_OUT:
		status = blk_prepare_write(request, sector);
		break;
	case VIRTIO_BLK_T_FLUSH:
		status = blk_prepare_flush(request);
		break;
	case VIRTIO_BLK_T_DISCARD:
		status = blk_prepare_zeroes(request, DISK_DISCARD);
		break;
	case VIRTIO_BLK_T_WRITE_ZEROES:
		status = blk_prepare_zeroes(request, DISK_WRITE_ZEROES);
		break;
	case VIRTIO_BLK_T_GET_ID:
		return blk_get_id(request);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
	if (status != VIRTIO_BLK_S_OK)
		return status;
	disk_submit(request->blk->disk, &request->disk);
	return -EINPROGRESS;
}

static void blk_take_chain(struct blk *blk, unsigned int index, struct virtq_chain *chain)
{
	struct blk_request *request = &blk->queues[index].requests[chain->head];
	struct virtio_blk_outhdr header;
	int status;

	if (!chain->in_bytes || blk_read_out(chain, 0, &header, sizeof(header))) {
		virtio_needs_reset(&blk->dev, "a request without room for header or status (virtio "
					      "1.2, 5.2.6)");
		blk->broken = true;
		return;
	}
	request->disk.done = blk_done;
	request->disk.unmap = request->disk.sync = false;
	request->disk.offset = request->disk.bytes = 0;
	request->blk = blk;
	request->chain = chain;
	request->queue = (u16)index;
	blk->queues[index].in_flight++;
	status = blk_begin(request, &header);
	if (status != -EINPROGRESS)
		blk_complete(request, (u8)status);
}

/* --- the device --- */

static void blk_check_stopped(struct blk *blk)
{
	for (unsigned int i = 0; i < blk->dev.queue_count; i++) {
		if (blk->queues[i].stopping && !blk->queues[i].in_flight) {
			blk->queues[i].stopping = false;
			virtio_queue_stopped(&blk->dev, i);
		}
	}
	if (blk->stopping && !disk_in_flight(blk->disk)) {
		blk->stopping = false;
		virtio_stopped(&blk->dev);
	}
}

/* After requests may have ended: show them, and report queues that can be stopped now. */
static void blk_show(struct blk *blk)
{
	blk_flush_queues(blk);
	blk_check_stopped(blk);
}

/* The disk has completed a batch of requests. */
static void blk_completed(void *arg)
{
	struct blk *blk = arg;

	if (blk->gone)
		return;
	blk_show(blk);
	if (!disk_busy(blk->disk))
		virtio_rested(&blk->dev);
}

/* True: one more request may begin in this turn of the loop. */
static bool blk_has_turn(struct blk *blk)
{
	u64 turn = loop_turn(blk->loop);

	if (turn != blk->turn) {
		blk->turn = turn;
		blk->turn_bytes = 0;
	}
	return blk->turn_bytes < TURN_BYTES;
}

/*
 * The loop below is bounded, because requests that complete at once make room for new ones. Each
 * queue gets at least one request, whatever the other queues had.
 */
static void blk_notify(struct virtio_device *dev, unsigned int index)
{
	struct blk *blk = blk_of(dev);
	struct virtq *vq = virtio_queue(dev, index);
	struct virtq_chain *chain;
	bool has_turn = blk_has_turn(blk);
	unsigned int taken = 0;

	while (taken < QUEUE_SIZE && (!taken || has_turn) && !blk->broken &&
	       virtq_pop(vq, &chain) == 1) {
		blk->turn_bytes += chain->out_bytes + chain->in_bytes;
		blk_take_chain(blk, index, chain);
		taken++;
		has_turn = blk_has_turn(blk);
	}
	disk_commit(blk->disk);
	if (taken == QUEUE_SIZE || (taken && !has_turn))
		virtio_doorbell(dev, index);
	blk_show(blk);
}

/* Without FLUSH the write cache is off at first (5.2.5.2). */
static void blk_negotiated(struct virtio_device *dev, u64 features)
{
	struct blk *blk = blk_of(dev);

	blk->config.wce = features >> VIRTIO_BLK_F_FLUSH & 1;
	atomic_store(&blk->write_back, blk->config.wce);
}

static int blk_start(struct virtio_device *dev)
{
	struct blk *blk = blk_of(dev);

	blk->broken = false;
	return 0;
}

static void blk_stop(struct virtio_device *dev)
{
	struct blk *blk = blk_of(dev);

	blk->stopping = true;
	blk_check_stopped(blk);
}

static void blk_stop_queue(struct virtio_device *dev, unsigned int index)
{
	struct blk *blk = blk_of(dev);

	blk->queues[index].stopping = true;
	blk_check_stopped(blk);
}

static bool blk_busy(struct virtio_device *dev)
{
	struct blk *blk = blk_of(dev);

	disk_poll(blk->disk);
	blk_show(blk);
	return disk_busy(blk->disk);
}

static void blk_overdue(struct virtio_device *dev)
{
	disk_report_busy(blk_of(dev)->disk);
}

/* vCPU thread, under the device's mutex: of all fields only writeback can be written (5.2.5). */
static void blk_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len)
{
	struct blk *blk = blk_of(dev);
	u32 at = offsetof(struct virtio_blk_config, wce);

	if (offset > at || len <= at - offset)
		return;
	blk->config.wce = ((const u8 *)buf)[at - offset] != 0;
	atomic_store(&blk->write_back, blk->config.wce);
}

static void blk_resized(void *arg)
{
	struct blk *blk = arg;
	le64 capacity = htole64(disk_bytes(blk->disk) / DISK_SECTOR);

	if (virtio_is_paused(&blk->dev) || capacity == blk->config.capacity)
		return;
	virtio_config_write(&blk->dev, offsetof(struct virtio_blk_config, capacity), &capacity,
			    sizeof(capacity));
	virtio_config_changed(&blk->dev);
	event_post_device(blk->dev.name, "resized");
}

static void blk_resumed(struct virtio_device *dev)
{
	blk_resized(blk_of(dev));
}

static void blk_stats(struct virtio_device *dev,
		      void (*emit)(void *arg, const char *counter, u64 value), void *arg)
{
	const struct blk_counters *counters = &blk_of(dev)->counters;

	emit(arg, "reads", counters->reads);
	emit(arg, "read-bytes", counters->read_bytes);
	emit(arg, "writes", counters->writes);
	emit(arg, "written-bytes", counters->written_bytes);
	emit(arg, "flushes", counters->flushes);
	emit(arg, "discards", counters->discards);
	emit(arg, "errors", counters->errors);
}

static const struct virtio_ops blk_ops = {
	.config_write = blk_config_write,
	.negotiated = blk_negotiated,
	.start = blk_start,
	.notify = blk_notify,
	.stop = blk_stop,
	.stop_queue = blk_stop_queue,
	.busy = blk_busy,
	.overdue = blk_overdue,
	.resumed = blk_resumed,
	.stats = blk_stats,
};

/* --- into the machine --- */

static u64 blk_features(const struct disk_info *info)
{
	u64 features = 1ULL << VIRTIO_BLK_F_SEG_MAX | 1ULL << VIRTIO_BLK_F_BLK_SIZE |
		       1ULL << VIRTIO_BLK_F_TOPOLOGY | 1ULL << VIRTIO_BLK_F_FLUSH |
		       1ULL << VIRTIO_BLK_F_CONFIG_WCE;

	if (info->queues > 1)
		features |= 1ULL << VIRTIO_BLK_F_MQ;
	if (info->read_only)
		return features | 1ULL << VIRTIO_BLK_F_RO;
	if (info->discard)
		features |= 1ULL << VIRTIO_BLK_F_DISCARD;
	return features | 1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
}

static void blk_fill_config(struct blk *blk)
{
	const struct disk_info *info = disk_info(blk->disk);
	u32 block = info->block_bytes;

	blk->config = (struct virtio_blk_config){
		.capacity = htole64(disk_bytes(blk->disk) / DISK_SECTOR),
		.seg_max = htole32(QUEUE_SIZE - 2), /* header and status */
		.blk_size = htole32(block),
		.physical_block_exp = (u8)__builtin_ctz(info->physical_bytes / block),
		.min_io_size = htole16((u16)MIN(info->io_min_bytes / block, UINT16_MAX)),
		.opt_io_size = htole32(info->io_opt_bytes / block),
		.wce = 1,
		.num_queues = htole16((u16)info->queues),
		.max_discard_sectors = htole32(ZEROES_SECTORS),
		.max_discard_seg = htole32(1),
		.discard_sector_alignment = htole32(info->physical_bytes / DISK_SECTOR),
		.max_write_zeroes_sectors = htole32(ZEROES_SECTORS),
		.max_write_zeroes_seg = htole32(1),
		.write_zeroes_may_unmap = info->discard,
	};
}

static void blk_free(struct blk *blk)
{
	for (unsigned int i = 0; i < DISK_QUEUES_MAX; i++)
		free(blk->queues[i].requests);
	free(blk);
}

static struct blk *blk_new(struct disk *disk, unsigned int index)
{
	const struct disk_info *info = disk_info(disk);
	struct blk *blk = calloc(1, sizeof(*blk));
	bool ok = blk;

	for (unsigned int i = 0; ok && i < info->queues; i++) {
		blk->queue_max[i] = QUEUE_SIZE;
		blk->queues[i].requests = calloc(QUEUE_SIZE, sizeof(struct blk_request));
		ok = blk->queues[i].requests;
	}
	if (!ok) {
		log_error("disk %s: no memory", info->path);
		if (blk)
			blk_free(blk);
		return NULL;
	}
	blk->disk = disk;
	blk->turn = UINT64_MAX;
	blk->user =
		(struct disk_user){.completed = blk_completed, .resized = blk_resized, .arg = blk};
	atomic_store(&blk->write_back, true);
	blk_fill_config(blk);
	snprintf(blk->name, sizeof(blk->name), "virtio-blk%u", index);
	blk->dev = (struct virtio_device){
		.name = blk->name,
		.id = VIRTIO_ID_BLOCK,
		.driver = "virtio_blk",
		.pci_class = PCI_CLASS_DISK,
		.offered = blk_features(info),
		.queue_count = info->queues,
		.queue_max = blk->queue_max,
		.config = &blk->config,
		.config_bytes = offsetof(struct virtio_blk_config, max_secure_erase_sectors),
		.ops = &blk_ops};
	return blk;
}

static int blk_add(struct kvm *kvm, struct disk *disk, unsigned int index)
{
	struct blk *blk = blk_new(disk, index);
	int err;

	if (!blk)
		return -ENOMEM;
	blk->loop = kvm->loop;
	err = disk_start(disk, kvm->loop, &blk->user);
	if (err)
		goto err_free;
	err = virtio_add(kvm, &blk->dev);
	if (err)
		goto err_disk;
	blks.list[blks.count++] = blk;
	return 0;

err_disk:
	disk_stop(disk);
err_free:
	blk_free(blk);
	return err;
}

static void blk_exit(struct kvm *kvm)
{
	while (blks.count) {
		struct blk *blk = blks.list[--blks.count];

		virtio_remove(&blk->dev);
		blk->gone = !disk_stop(blk->disk);
		/* The host still works on requests: free neither them nor guest RAM. */
		if (blk->gone)
			kvm->keep_ram = true;
		else
			blk_free(blk);
	}
}

static int blk_init(struct kvm *kvm)
{
	for (unsigned int i = 0; i < disk_count(); i++) {
		int err = blk_add(kvm, disk_at(i), i);

		if (err) {
			blk_exit(kvm);
			return err;
		}
	}
	return 0;
}

INIT_MODULE(virtio_blk, .level = INIT_VIRTIO_BLK, .init = blk_init, .exit = blk_exit);
