// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any bytes as a packed kernel against boot/unpack.c.
 *
 * The first byte of an input chooses the format (0: by its magic number), the second how much room
 * there is, up to 1 MiB. Input and room each end at a page that is not there, since the libraries
 * are not instrumented. What is checked besides:
 * - no more than the room is written, and an error is one of those that unpack.h names;
 * - the same stream with the trailer of a bzImage behind it gives the same;
 * - with exactly as much room it fits, with a byte less it is -E2BIG.
 */
#include "tests/lib/fuzz.h"

#include <errno.h>
#include <kvm/unpack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CONTROL_BYTES 2
#define IN_MAX	      (64 * KIB)
#define OUT_MAX	      MIB
#define PAGE	      4096

static u8 *in_end, *out_end;

static u8 *before_a_hole(size_t len)
{
	u8 *at = mmap(NULL, len + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + len, PAGE, PROT_NONE))
		abort();
	return at + len;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	in_end = before_a_hole(IN_MAX);
	out_end = before_a_hole(OUT_MAX);
	return 0;
}

static ssize_t unpack_once(enum unpack_format format, const u8 *data, size_t size, size_t room)
{
	ssize_t done;

	memcpy(in_end - size, data, size);
	done = unpack(format, in_end - size, size, out_end - room, room);
	CHECK(done <= (ssize_t)room);
	CHECK(done >= 0 || done == -EINVAL || done == -E2BIG || done == -ENOMEM ||
	      done == -ENOTSUP);
	return done;
}

/* What fits must fit again, whatever the room, and with the trailer of the kernel's build. */
static void check_again(enum unpack_format format, const u8 *data, size_t size, size_t len,
			size_t room)
{
	u8 *copy = malloc(len + 1);
	u8 *longer = malloc(size + 4);

	if (!copy || !longer)
		abort();
	memcpy(copy, out_end - room, len);
	memcpy(longer, data, size);
	for (int i = 0; i < 4; i++)
		longer[size + i] = len >> 8 * i;
	CHECK(unpack_once(format, longer, size + 4, len) == (ssize_t)len);
	CHECK(!memcmp(out_end - len, copy, len));
	if (len)
		CHECK(unpack_once(format, data, size, len - 1) == -E2BIG);
	free(longer);
	free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	enum unpack_format format;
	ssize_t done;
	size_t room;

	if (size < CONTROL_BYTES || size > IN_MAX - 4)
		return 0;
	format = data[0] % (UNPACK_ZSTD + 1);
	room = (data[1] + 1) * (OUT_MAX / 256);
	data += CONTROL_BYTES;
	size -= CONTROL_BYTES;
	if (format == UNPACK_NONE)
		format = unpack_detect(data, size);
	done = unpack_once(format, data, size, room);
	if (done >= 0)
		check_again(format, data, size, done, room);
	return 0;
}
