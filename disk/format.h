/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface of a disk format. disk.c and open.c know no format by name. disk/format.c.
 *
 * A disk is a stack of one or more images. The lowest image is the file that the user named; an
 * image above it may change what is read and where writes go. Requests go to the highest image. A
 * new format is one file, one line in format.c, and its word in option.c.
 */
#ifndef DISK_FORMAT_H
#define DISK_FORMAT_H

#include "request.h"

#define DISK_IMAGES_MAX 4 /* in the stack of a disk */

struct disk_image_ops;

/* One image. A format embeds this struct in its own, and fills it at open(). */
struct disk_image {
	const struct disk_image_ops *ops;
	struct disk_image *base; /* the image below; NULL for the lowest */
	struct disk_file *file;	 /* the file of its jobs */
};

struct disk_image_ops {
	/* True: these options need an image of this format. */
	bool (*is_wanted)(const struct disk_options *options);

	/*
	 * Open an image on top of disk->top. disk->top is NULL for the lowest image, which uses
	 * disk->file (open and locked). Set the block sizes in disk->info if they are not those of
	 * the image below. 0, or -errno after a log_error() that names the disk.
	 */
	int (*open)(struct disk *disk, struct disk_image **image);

	/* Free the image's own memory and files, not those of the image below. */
	void (*close)(struct disk_image *image);

	/*
	 * The present size in bytes, or -errno. On a worker, and may block. NULL: the size never
	 * changes; it is the size of the image below at the time of open().
	 */
	s64 (*bytes)(const struct disk_image *image);

	/*
	 * Carry out a task, then call task->end(), once. A format can set task->end to a function
	 * of its own, which does the format's last work and calls disk_end_task(). Loop's thread.
	 */
	void (*submit)(struct disk_image *image, struct disk_task *task);

	/* Read the next bytes of the cursor. 0 or -errno. On a worker, and may block. */
	int (*read)(struct disk_image *image, struct iov_cursor *cursor, u64 bytes, u64 offset);
};

extern const struct disk_image_ops disk_raw, disk_snapshot;

/* All formats, the lowest first; ends with NULL. */
extern const struct disk_image_ops *const disk_formats[];

/* The name of the image format whose files begin with these bytes, or NULL. */
#define DISK_FORMAT_HEAD 512
const char *disk_format_name(const u8 *head, size_t len);

#endif
