// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cpio archive made in memory, of the kind that Linux unpacks as its first root.
 *
 * The format is "newc": for each entry a header of 6 + 13 * 8 characters, all numbers in
 * hexadecimal, the name with its NUL, then the data; name and data are padded with NULs to a
 * multiple of four bytes. An entry named TRAILER!!! ends the archive. Everything belongs to
 * root and has the time 0, so that the same input gives the same bytes.
 *
 * Linux unpacks several archives in a row: a user's initrd follows this one.
 *
 * No state here; main thread.
 *
 * Spec: Linux Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "cpio.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CPIO_HEADER 110
#define CPIO_ALIGN  4UL
#define CPIO_MAX    GIB

/* Make room for `bytes` more bytes and return where they begin, or NULL. */
static u8 *cpio_grow(struct cpio *cpio, size_t bytes)
{
	size_t room = MAX(cpio->room, (size_t)MIB);
	u8 *data;

	if (bytes > CPIO_MAX - cpio->len) {
		cpio->err = -E2BIG;
		return NULL;
	}
	while (room < cpio->len + bytes)
		room *= 2;
	if (room != cpio->room) {
		data = realloc(cpio->data, room);
		if (!data) {
			cpio->err = -ENOMEM;
			return NULL;
		}
		cpio->data = data;
		cpio->room = room;
	}
	data = cpio->data + cpio->len;
	cpio->len += bytes;
	return data;
}

void cpio_add(struct cpio *cpio, const char *name, u32 mode, const void *data, size_t bytes)
{
	size_t name_bytes = strlen(name) + 1;
	size_t head = ALIGN_UP(CPIO_HEADER + name_bytes, CPIO_ALIGN);
	char header[CPIO_HEADER + 1];
	u8 *to;

	if (cpio->err)
		return;
	if (bytes > UINT32_MAX || name_bytes > PATH_MAX) {
		cpio->err = -E2BIG;
		return;
	}
	to = cpio_grow(cpio, head + ALIGN_UP(bytes, CPIO_ALIGN));
	if (!to)
		return;
	cpio->entries++;
	/* magic, inode, mode, uid, gid, links, time, size, device, device of a node, name, sum */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", cpio->entries, mode,
		 0, 0, 1, 0, (u32)bytes, 0, 0, 0, 0, (u32)name_bytes, 0);
	memset(to, 0, head);
	memcpy(to, header, CPIO_HEADER);
	memcpy(to + CPIO_HEADER, name, name_bytes);
	if (bytes)
		memcpy(to + head, data, bytes);
	memset(to + head + bytes, 0, ALIGN_UP(bytes, CPIO_ALIGN) - bytes);
}

int cpio_finish(struct cpio *cpio)
{
	cpio_add(cpio, "TRAILER!!!", 0, NULL, 0);
	return cpio->err;
}

void cpio_free(struct cpio *cpio)
{
	free(cpio->data);
	*cpio = (struct cpio){0};
}
