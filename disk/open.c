// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disks of the command line: opened and checked before any machine exists.
 *
 * --disk adds a disk to a list while options are parsed; disk_open_all() opens all disks of the
 * list. For each disk, lkvm opens and locks the file (file.c), chooses the format by the user's
 * option or the file's name, never by the content, opens the images, the lowest first (format.h),
 * and reads the size, in whole logical blocks. An error is one line that names the disk, and no
 * disk stays open.
 *
 * Each disk needs several descriptors, so the soft limit is raised to the hard limit.
 *
 * Main thread.
 */
#include "format.h"
#include <kvm/options.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static struct {
	struct disk_options asked[DISK_MAX];
	unsigned int asked_count;
	struct disk *open[DISK_MAX];
	unsigned int open_count;
} disks;

/* --- one disk --- */

static bool disk_path_says_qcow2(const char *path)
{
	size_t len = strlen(path);

	return len >= strlen(".qcow2") && !strcmp(path + len - strlen(".qcow2"), ".qcow2");
}

/* Refuse a raw disk that begins like an image of another format. */
static int disk_check_content(struct disk *disk)
{
	const char *path = disk->options.path, *format;
	u8 head[DISK_FORMAT_HEAD];
	struct iovec piece = {head, sizeof(head)};
	struct iov_cursor cursor;

	iov_cursor_init(&cursor, &piece, 1);
	if (disk->options.format != DISK_FORMAT_AUTO ||
	    disk_file_transfer(&disk->file, false, &cursor, sizeof(head), 0))
		return 0;
	format = disk_format_name(head, sizeof(head));
	if (!format)
		return 0;
	return log_fail(-EINVAL,
			"disk %s: begins like a %s image, which is not supported; convert it "
			"('qemu-img convert -O raw'), or say format=raw to use it byte by byte",
			path, format);
}

static int disk_check_format(struct disk *disk)
{
	const struct disk_options *options = &disk->options;

	if (options->format == DISK_FORMAT_QCOW2 ||
	    (options->format == DISK_FORMAT_AUTO && disk_path_says_qcow2(options->path)))
		return log_fail(-ENOTSUP,
				"disk %s: qcow2 images are not supported yet; convert it "
				"('qemu-img convert -O raw')",
				options->path);
	return disk_check_content(disk);
}

/* The message for a disk without one whole block, which is a mistake of the user. */
static int disk_explain_empty(const struct disk *disk, s64 bytes)
{
	const char *path = disk->options.path;

	if (disk->file.block_device)
		return log_fail(-EINVAL,
				"disk %s: is empty: a drive without a medium, or a loop device "
				"without a file",
				path);
	if (!bytes)
		return log_fail(-EINVAL, "disk %s: is empty; 'truncate -s SIZE' makes it larger",
				path);
	return log_fail(-EINVAL,
			"disk %s: has %lld bytes, less than a block of %u; 'truncate -s SIZE' "
			"makes it larger",
			path, (long long)bytes, disk->info.block_bytes);
}

static int disk_measure(struct disk *disk)
{
	s64 bytes = disk->top->ops->bytes(disk->top);

	if (bytes < 0)
		return log_fail((int)bytes, "disk %s: its size: %s", disk->options.path,
				strerror((int)-bytes));
	disk->bytes = ALIGN_DOWN((u64)bytes, (u64)disk->info.block_bytes);
	if (!disk->bytes)
		return disk_explain_empty(disk, bytes);
	if ((u64)bytes != disk->bytes)
		log_warn("disk %s: %lld bytes are not whole blocks of %u; the guest does not see "
			 "the last %llu",
			 disk->options.path, (long long)bytes, disk->info.block_bytes,
			 bytes - disk->bytes);
	return 0;
}

static void disk_fill_info(struct disk *disk)
{
	const struct disk_options *options = &disk->options;

	disk->info = (struct disk_info){.path = options->path,
					.serial = options->serial,
					.queues = options->queues,
					.read_only = options->read_only,
					.discard = options->discard && !options->read_only,
					.block_bytes = options->block_bytes,
					.physical_bytes = options->block_bytes};
}

/* --- the images of a disk --- */

/* Open an image of this format above the others. */
static int disk_add_image(struct disk *disk, const struct disk_image_ops *format)
{
	struct disk_image *image;
	int err = format->open(disk, &image);

	if (err)
		return err;
	image->ops = format;
	image->base = disk->top;
	image->file->index = image->base ? image->base->file->index + 1 : 0;
	disk->top = image;
	return format->bytes ? disk_measure(disk) : 0;
}

static void disk_close_images(struct disk *disk)
{
	while (disk->top) {
		struct disk_image *image = disk->top;

		disk->top = image->base;
		image->ops->close(image);
	}
}

static int disk_open_images(struct disk *disk)
{
	const struct disk_image_ops *const *format = disk_formats;
	int err = 0;

	for (; *format && !err; format++) {
		if ((*format)->is_wanted(&disk->options))
			err = disk_add_image(disk, *format);
	}
	return err;
}

int disk_open(const struct disk_options *options, struct disk **disk)
{
	struct disk *new = calloc(1, sizeof(*new));
	int err;

	if (!new)
		return log_fail(-ENOMEM, "disk %s: no memory", options->path);
	new->options = *options;
	err = disk_file_open(&new->file, options->path, options->read_only || options->snapshot,
			     options->cache == DISK_CACHE_NONE);
	if (err)
		goto err_alloc;
	new->file.no_flush = options->cache == DISK_CACHE_UNSAFE;
	disk_fill_info(new);
	err = disk_check_format(new);
	err = err ?: disk_open_images(new);
	if (err)
		goto err_file;
	*disk = new;
	return 0;

err_file:
	disk_close_images(new);
	disk_file_close(&new->file);
err_alloc:
	free(new);
	return err;
}

void disk_close(struct disk *disk)
{
	disk_close_images(disk);
	disk_file_close(&disk->file);
	free(disk->options.path);
	free(disk);
}

/* --- the disks of the command line --- */

static int disk_parse(const struct option *option, const char *arg)
{
	int err;

	if (!arg) {
		while (disks.asked_count)
			free(disks.asked[--disks.asked_count].path);
		return 0;
	}
	if (disks.asked_count == DISK_MAX)
		return log_fail(-EINVAL, "disk %s: there are too many disks (at most %d)", arg,
				DISK_MAX);
	err = disk_parse_options(arg, &disks.asked[disks.asked_count]);
	disks.asked_count += !err;
	return err;
}

static const struct option disk_options[] = {
	{.name = "disk",
	 .short_name = 'd',
	 .type = OPTION_CALLBACK,
	 .parse = disk_parse,
	 .arg = "PATH[,ro][,snapshot][,NAME=VALUE...]",
	 .help = "a disk: an image file or a block device; repeatable"},
};
OPTION_GROUP(disk, run, "Devices", 36, disk_options);

/* Each disk has descriptors of its own: file, ring, and a doorbell and an interrupt per queue. */
static void disk_raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool disk_same_image(const char *a, const char *b)
{
	struct stat first, second;

	if (stat(a, &first) < 0 || stat(b, &second) < 0)
		return false;
	if (S_ISBLK(first.st_mode) && S_ISBLK(second.st_mode))
		return first.st_rdev == second.st_rdev;
	return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

static bool disk_only_reads(const struct disk_options *options)
{
	return options->read_only || options->snapshot;
}

/* Refuse a file that is used twice. The lock would refuse it too, but blame another process. */
static int disk_check_twice(const struct disk_options *options)
{
	for (unsigned int i = 0; i < disks.open_count; i++) {
		const struct disk_options *other = &disks.open[i]->options;
		bool same_path = !strcmp(options->path, other->path);

		if ((disk_only_reads(options) && disk_only_reads(other)) ||
		    !disk_same_image(options->path, other->path))
			continue;
		return log_fail(-EBUSY,
				"disk %s: is given twice%s%s; only disks that do not write to it "
				"(',ro', ',snapshot') can share it",
				options->path, same_path ? "" : ", the other time as ",
				same_path ? "" : other->path);
	}
	return 0;
}

int disk_open_all(void)
{
	if (disks.asked_count)
		disk_raise_file_limit();
	for (unsigned int i = disks.open_count; i < disks.asked_count; i++) {
		int err = disk_check_twice(&disks.asked[i]);

		err = err ?: disk_open(&disks.asked[i], &disks.open[i]);
		if (err) {
			disk_close_all();
			return err;
		}
		/* The path belongs to the disk now. */
		disks.asked[i].path = NULL;
		disks.open_count++;
	}
	return 0;
}

void disk_close_all(void)
{
	while (disks.open_count) {
		struct disk *disk = disks.open[--disks.open_count];

		/* If disk_stop() returned false, the host uses the disk until the process ends. */
		if (!disk->engine)
			disk_close(disk);
	}
}

unsigned int disk_count(void)
{
	return disks.open_count;
}

struct disk *disk_at(unsigned int index)
{
	return disks.open[index];
}
