// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds a kernel's release, as uname -r will show it: the folder of its modules has this name.
 *
 * A bzImage's header points to a text in the set-up code that begins with the release. An ELF
 * kernel has only its banner, "Linux version RELEASE (who@where) ...", somewhere in its read-only
 * data, so its segments are searched, piece by piece. That takes milliseconds and is done only for
 * a vmlinux.
 *
 * The text becomes part of a path and of messages: anything but letters, digits and ._+~- ends
 * it, and it begins with a digit.
 *
 * Pure, except that it reads the file. Main thread.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst, kernel_version; init/version.c for the banner.
 */
#include <kvm/release.h>

#include <kvm/util.h>

#include <endian.h>
#include <string.h>

#define VERSION_OFFSET 0x200 /* the header's pointer is relative to this offset */
#define PIECE_BYTES    (256 * KIB)

static const char banner[] = "Linux version ";

/* Copy the release from the start of a text of len bytes. */
static bool release_take(const char *text, size_t len, char release[RELEASE_BYTES])
{
	size_t n = 0;

	while (n < MIN(len, RELEASE_BYTES - 1UL) && text[n] &&
	       strchr("0123456789"
		      "abcdefghijklmnopqrstuvwxyz"
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		      "._+~-",
		      text[n]))
		n++;
	release[0] = 0;
	if (!n || text[0] < '0' || text[0] > '9' || n == len ||
	    (text[n] != ' ' && text[n] != '\n' && text[n]))
		return false;
	memcpy(release, text, n);
	release[n] = 0;
	return true;
}

static bool release_of_bzimage(const struct bzimage *bz, int fd, char release[RELEASE_BYTES])
{
	u64 offset = VERSION_OFFSET + (u64)le16toh(bz->header.kernel_version);
	char text[RELEASE_BYTES + 1] = "";

	if (!bz->header.kernel_version || offset >= bz->setup_bytes ||
	    pread_full(fd, text, MIN(sizeof(text), bz->setup_bytes - offset), (off_t)offset))
		return false;
	return release_take(text, sizeof(text), release);
}

/* A banner may cross the end of a piece, so the pieces overlap by the longest banner. */
static bool release_of_elf(const struct image *image, char release[RELEASE_BYTES])
{
	static char piece[PIECE_BYTES];
	const u64 overlap = sizeof(banner) + RELEASE_BYTES;

	for (unsigned int i = 0; i < image->elf.count; i++) {
		const struct elf_segment *segment = &image->elf.segments[i];

		for (u64 at = 0; at < segment->file_bytes; at += PIECE_BYTES - overlap) {
			u64 len = MIN(segment->file_bytes - at, (u64)PIECE_BYTES);
			const char *found = piece;
			size_t left = len;

			if (image->source.read(&image->source, piece, len, segment->offset + at))
				return false;
			while ((found = memmem(found, left, banner, sizeof(banner) - 1))) {
				found += sizeof(banner) - 1;
				left = len - (size_t)(found - piece);
				if (release_take(found, left, release))
					return true;
			}
		}
	}
	return false;
}

bool release_find(const struct image *image, int fd, char release[RELEASE_BYTES])
{
	release[0] = 0;
	if (image->bz.setup_bytes)
		return release_of_bzimage(&image->bz, fd, release);
	return image->kind == IMAGE_ELF && release_of_elf(image, release);
}
