/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a disk format does for disk.c and open.c, which know none by name. disk/format.c.
 *
 * A disk is one image, or several that lie on each other: the lowest is the file that the user
 * named, and one above may change what is read and where writes go. Requests go to the highest.
 * A new format is one file, one line in format.c, and its word in option.c.
 */
#ifndef DISK_FORMAT_H
#define DISK_FORMAT_H

#include "request.h"

#define DISK_IMAGES_MAX 4 /* that lie on each other */

struct disk_image_ops;

/* One image. A format embeds it in a structure of its own, and fills it at open(). */
struct disk_image {
	const struct disk_image_ops *ops;
	struct disk_image *base; /* the image below; NULL for the lowest */
	struct disk_file *file;	 /* the file that its jobs name */
};

struct disk_image_ops {
	/* Do these options need an image of this format? */
	bool (*is_wanted)(const struct disk_options *options);

	/*
	 * Open an image on top of disk->top. That is NULL for the lowest one, which uses disk->file
	 * (open and locked). Set what disk->info says of block sizes, where the image below is not
	 * right about them. 0, or -errno after a log_error() that names the disk.
	 */
	int (*open)(struct disk *disk, struct disk_image **image);

	/* The image's own memory and files, not those of the image below. */
	void (*close)(struct disk_image *image);

	/*
	 * Its size in bytes now, or -errno. On a worker, and may block. NULL: the size never
	 * changes, and is the one that the image below had when this one was opened.
	 */
	s64 (*bytes)(const struct disk_image *image);

	/*
	 * Carry out a task, then call task->end(), once. A format that has something to do before
	 * the end puts a function of its own there, which calls disk_end_task(). Loop's thread.
	 */
	void (*submit)(struct disk_image *image, struct disk_task *task);

	/* Read the next bytes of the cursor. 0 or -errno. On a worker, and may block. */
	int (*read)(struct disk_image *image, struct iov_cursor *cursor, u64 bytes, u64 offset);
};

extern const struct disk_image_ops disk_raw, disk_snapshot;

/* All formats, the lowest first; ends with NULL. */
extern const struct disk_image_ops *const disk_formats[];

/* The name of the image format that these first bytes of a file belong to, or NULL. */
#define DISK_FORMAT_HEAD 512
const char *disk_format_name(const u8 *head, size_t len);

#endif
