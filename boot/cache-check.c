// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks that an entry of the cache still has the content that was written.
 *
 * An entry's header has a checksum of the unpacked bytes. It detects accidental damage, not
 * forgery, so it is Fletcher's sum with 64-bit words: a cryptographic hash would cost more time
 * than unpacking. Even this sum is too slow for each start, so it is computed only in two cases:
 * the file has changed since the last check (each write, and each change of its times, changes its
 * ctime), or the host has been booted since, perhaps after a crash that lost unwritten data.
 *
 * The last check is recorded in the entry's mark, a symbolic link ok-NAME that points to no file:
 * its target text is the host's boot id and the entry's ctime. symlink() is atomic, so a crash
 * leaves a complete mark or none. The mark's own mtime is the time of the entry's last use: the
 * entry's times cannot be used for that, because setting them changes the ctime.
 *
 * If the boot id cannot be read, no mark is made, and each start checks the entry.
 *
 * Main thread. Spec: Linux random(4) for boot_id.
 */
#include "cache-parts.h"

#include <kvm/cancel.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID_FILE  "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_CHARS 36
#define PIECE_BYTES   MIB

/* --- the checksum --- */

struct sum {
	u64 words, sums;
};

/* bytes is a multiple of 8 except in the last call. */
static void sum_add(struct sum *sum, const u8 *data, size_t bytes)
{
	u64 word;

	for (; bytes >= sizeof(word); data += sizeof(word), bytes -= sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		sum->words += le64toh(word);
		sum->sums += sum->words;
	}
	if (!bytes)
		return;
	word = 0;
	memcpy(&word, data, bytes);
	sum->words += le64toh(word);
	sum->sums += sum->words;
}

static void sum_end(const struct sum *sum, u8 to[CACHE_SUM_BYTES])
{
	const u64 words[] = {htole64(sum->words), htole64(sum->sums)};

	_Static_assert(sizeof(words) == CACHE_SUM_BYTES, "the size of a checksum");
	memcpy(to, words, sizeof(words));
}

int cache_sum(const u8 *data, u64 bytes, u8 to[CACHE_SUM_BYTES])
{
	struct sum sum = {0};

	for (u64 at = 0; at < bytes; at += PIECE_BYTES) {
		if (cancel_check())
			return -ECANCELED;
		sum_add(&sum, data + at, MIN(bytes - at, PIECE_BYTES));
	}
	sum_end(&sum, to);
	return 0;
}

int cache_sum_file(int fd, u64 offset, u64 bytes, u8 to[CACHE_SUM_BYTES])
{
	u8 *piece = malloc(PIECE_BYTES);
	int err = piece ? 0 : -ENOMEM;
	struct sum sum = {0};

	for (u64 at = 0; !err && at < bytes; at += PIECE_BYTES) {
		u64 len = MIN(bytes - at, PIECE_BYTES);

		err = pread_full(fd, piece, len, (off_t)(offset + at));
		err = err ?: cancel_check();
		if (!err)
			sum_add(&sum, piece, len);
	}
	sum_end(&sum, to);
	free(piece);
	return err;
}

/* --- marks --- */

static void cache_mark_name(const char *name, char mark[CACHE_NAME_BYTES])
{
	snprintf(mark, CACHE_NAME_BYTES, CACHE_MARK_PREFIX "%.*s", CACHE_HASH_DIGITS, name);
}

/* Make the text of a mark for an entry in this state. False if the boot id is unknown. */
static bool cache_mark_text(const struct stat *st, char text[CACHE_NAME_BYTES])
{
	char boot[BOOT_ID_CHARS + 1] = {0};
	int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && !pread_full(fd, boot, BOOT_ID_CHARS, 0);

	if (fd >= 0)
		close(fd);
	snprintf(text, CACHE_NAME_BYTES, "%s %lx.%lx", boot, st->st_ctim.tv_sec,
		 st->st_ctim.tv_nsec);
	return known;
}

bool cache_is_checked(int dir, const char *name, const struct stat *st)
{
	char mark[CACHE_NAME_BYTES], text[CACHE_NAME_BYTES], seen[CACHE_NAME_BYTES];
	ssize_t len;

	cache_mark_name(name, mark);
	len = readlinkat(dir, mark, seen, sizeof(seen) - 1);
	if (len < 0 || !cache_mark_text(st, text))
		return false;
	seen[len] = '\0';
	return !strcmp(seen, text);
}

void cache_mark_checked(int dir, const char *name, const struct stat *st)
{
	char mark[CACHE_NAME_BYTES], text[CACHE_NAME_BYTES];

	cache_mark_name(name, mark);
	unlinkat(dir, mark, 0);
	/* Without the mark the next run checks the whole entry again. */
	if (!cache_mark_text(st, text) || symlinkat(text, dir, mark) < 0)
		return;
}

void cache_mark_used(int dir, const char *name)
{
	const struct timespec now[] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char mark[CACHE_NAME_BYTES];

	cache_mark_name(name, mark);
	utimensat(dir, mark, now, AT_SYMLINK_NOFOLLOW);
}

struct timespec cache_last_used(int dir, const char *name, const struct stat *st)
{
	char mark[CACHE_NAME_BYTES];
	struct stat own;

	cache_mark_name(name, mark);
	return fstatat(dir, mark, &own, AT_SYMLINK_NOFOLLOW) < 0 ? st->st_atim : own.st_mtim;
}
