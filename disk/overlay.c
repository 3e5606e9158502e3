// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapshot: writes go to a temporary file, the image stays as it is.
 *
 * The overlay is a sparse file without a name, as large as the disk, with each sector at its own
 * offset. One bit for each sector says which of the two files has the sector. A guest always writes
 * whole sectors, so no data is ever copied from the image, and two writes to neighbour sectors do
 * not disturb each other. The map costs one bit for 512 bytes, and only pages of the map that were
 * used take memory.
 *
 * A write goes to the overlay as to a raw disk, and its bits are set when it is done: a read that
 * began before sees the old or the new data, as on any disk. If all sectors of a read are in one
 * file, that file carries out the read: the overlay, or the image below. For a mixed read a worker
 * reads run by run. Zeros and discarded sectors are holes in the overlay. A flush does nothing: the
 * overlay ends with the process.
 *
 * The bits are set on the loop's thread and read by workers, so they are atomic.
 *
 * Left out on purpose: growing with the image. The image of a snapshot is locked against
 * writers, and the size stays as at the start.
 */
#include "format.h"
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BITS 64

struct overlay {
	struct disk_image image;
	struct disk_file file;
	_Atomic u64 *map; /* a bit for each sector: 1 if the overlay has it */
	size_t map_bytes;
};

static struct overlay *overlay_of(struct disk_image *image)
{
	return container_of(image, struct overlay, image);
}

/* --- the map --- */

static u64 overlay_mask(u64 first, u64 end)
{
	u64 mask = ~0ULL << (first % BITS);

	if (end - (first - first % BITS) < BITS)
		mask &= ~(~0ULL << (end % BITS));
	return mask;
}

static void overlay_set(struct overlay *overlay, u64 first, u64 end)
{
	while (first < end) {
		atomic_fetch_or_explicit(&overlay->map[first / BITS], overlay_mask(first, end),
					 memory_order_release);
		first = (first / BITS + 1) * BITS;
	}
}

/* The number of sectors from first on, up to end, that are in the same file. *in_overlay: which. */
static u64 overlay_run(struct overlay *overlay, u64 first, u64 end, bool *in_overlay)
{
	u64 at = first, flip;

	flip = atomic_load_explicit(&overlay->map[first / BITS], memory_order_acquire);
	*in_overlay = flip >> (first % BITS) & 1;
	while (at < end) {
		u64 word = atomic_load_explicit(&overlay->map[at / BITS], memory_order_acquire);
		u64 other = (*in_overlay ? ~word : word) & overlay_mask(at, end);

		if (other)
			return at / BITS * BITS + (u64)__builtin_ctzll(other) - first;
		at = (at / BITS + 1) * BITS;
	}
	return end - first;
}

/* --- requests --- */

/* Read run by run, each from the file that has it. */
static int overlay_read(struct disk_image *image, struct iov_cursor *cursor, u64 bytes, u64 offset)
{
	struct overlay *overlay = overlay_of(image);
	u64 sector = offset / DISK_SECTOR, end = sector + bytes / DISK_SECTOR;
	int err = 0;

	while (!err && sector < end) {
		bool in_overlay;
		u64 run = overlay_run(overlay, sector, end, &in_overlay);
		u64 run_bytes = run * DISK_SECTOR, at = sector * DISK_SECTOR;

		err = in_overlay ? disk_file_transfer(&overlay->file, false, cursor, run_bytes, at)
				 : image->base->ops->read(image->base, cursor, run_bytes, at);
		sector += run;
	}
	return err;
}

/* On a worker: a read that needs both files. */
static s64 overlay_read_mixed(struct disk_job *job)
{
	const struct disk_task *task = disk_task_of(job);
	const struct disk_request *request = task->request;
	struct iov_cursor cursor;
	int err = iov_cursor_init(&cursor, request->iov, request->iov_count);

	return err ?: overlay_read(task->image, &cursor, request->bytes, request->offset);
}

static void overlay_submit_read(struct overlay *overlay, struct disk_task *task)
{
	struct disk_image *base = overlay->image.base;
	u64 sector = task->request->offset / DISK_SECTOR;
	u64 end = sector + task->request->bytes / DISK_SECTOR;
	bool in_overlay;

	if (overlay_run(overlay, sector, end, &in_overlay) < end - sector)
		raw_submit_call(task, &overlay->file, overlay_read_mixed);
	else if (in_overlay)
		raw_submit(task, &overlay->file);
	else
		base->ops->submit(base, task);
}

/* A write is done: from now on its sectors are in the overlay. */
static void overlay_written(struct disk_task *task, int err)
{
	u64 sector = task->request->offset / DISK_SECTOR;

	if (!err)
		overlay_set(overlay_of(task->image), sector,
			    sector + task->request->bytes / DISK_SECTOR);
	disk_end_task(task, err);
}

static void overlay_submit(struct disk_image *image, struct disk_task *task)
{
	struct overlay *overlay = overlay_of(image);

	task->image = image;
	if (task->op == DISK_READ) {
		overlay_submit_read(overlay, task);
		return;
	}
	if (disk_op_writes(task->op))
		task->end = overlay_written;
	/* Write zeros, because a discarded sector must not show the image's data again. */
	if (task->op == DISK_DISCARD)
		task->op = DISK_WRITE_ZEROES;
	task->unmap = true;
	raw_submit(task, &overlay->file);
}

/* --- the file --- */

static int overlay_open_in(const char *dir, bool direct)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC | (direct ? O_DIRECT : 0), 0600);

	return fd < 0 ? -errno : fd;
}

/* In TMPDIR. Without TMPDIR in /var/tmp, which is for large files, or if that fails in /tmp. */
static int overlay_open_somewhere(const char **dir, const char *disk, bool direct)
{
	const char *given = getenv("TMPDIR"), *other = NULL;
	int fd, err, other_err = 0;

	*dir = given && given[0] ? given : "/var/tmp";
	fd = err = overlay_open_in(*dir, direct);
	if (fd < 0 && *dir != given) {
		other = "/tmp";
		fd = other_err = overlay_open_in(other, direct);
	}
	if (fd >= 0) {
		if (other)
			log_info("disk %s: snapshot: its temporary file is in %s, as %s: %s", disk,
				 other, *dir, strerror(-err));
		*dir = other ?: *dir;
		return fd;
	}
	if (err == -EINVAL && direct)
		return log_fail(err,
				"disk %s: snapshot: the file system of %s has no direct I/O, which "
				"cache=none needs; TMPDIR names another folder",
				disk, *dir);
	return log_fail(err,
			"disk %s: snapshot: no temporary file in %s: %s%s%s%s%s; TMPDIR names "
			"another folder",
			disk, *dir, strerror(-err), other ? ", nor in " : "", other ?: "",
			other ? ": " : "", other ? strerror(-other_err) : "");
}

static int overlay_open_file(struct overlay *overlay, const char *disk, u64 bytes, bool direct)
{
	struct disk_file *file = &overlay->file;
	const char *dir;

	*file = (struct disk_file){.name = disk, .direct = direct, .no_flush = true, .tail_fd = -1};
	file->fd = overlay_open_somewhere(&dir, disk, direct);
	if (file->fd < 0)
		return file->fd;
	/* A multiple of any alignment, so that no block crosses the end of the file. */
	if (ftruncate(file->fd, (off_t)ALIGN_UP(bytes, (u64)DISK_ALIGN_MAX)) < 0)
		return log_fail(-errno, "disk %s: snapshot: %s cannot hold a file of %llu MiB: %s",
				disk, dir, (bytes / MIB), strerror(errno));
	return disk_file_ask_alignment(file);
}

static int overlay_open(struct disk *disk, struct disk_image **image)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));
	int err;

	if (!overlay)
		return log_fail(-ENOMEM, "disk %s: no memory", disk->options.path);
	err = overlay_open_file(overlay, disk->options.path, disk->bytes, disk->file.direct);
	if (err)
		goto err_close;
	overlay->map_bytes = disk->bytes / DISK_SECTOR / 8 + sizeof(u64);
	overlay->map = mmap(NULL, overlay->map_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (overlay->map == MAP_FAILED) {
		err = log_fail(-ENOMEM, "disk %s: snapshot: no memory", disk->options.path);
		goto err_close;
	}
	pthread_mutex_init(&overlay->file.edges, NULL);
	overlay->image.file = &overlay->file;
	disk->info.physical_bytes = MAX(disk->info.physical_bytes, overlay->file.offset_align);
	*image = &overlay->image;
	return 0;

err_close:
	if (overlay->file.fd >= 0)
		close(overlay->file.fd);
	free(overlay);
	return err;
}

static void overlay_close(struct disk_image *image)
{
	struct overlay *overlay = overlay_of(image);

	munmap(overlay->map, overlay->map_bytes);
	disk_file_close(&overlay->file);
	free(overlay);
}

static bool overlay_is_wanted(const struct disk_options *options)
{
	return options->snapshot && !options->read_only;
}

const struct disk_image_ops disk_snapshot = {
	.is_wanted = overlay_is_wanted,
	.open = overlay_open,
	.close = overlay_close,
	.submit = overlay_submit,
	.read = overlay_read,
};
