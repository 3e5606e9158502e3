// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes room in the cache of unpacked kernels: chooses what to delete for a new entry.
 *
 * One walk over the folder adds up the sizes of all entries, finds the least recently used one, and
 * deletes leftover files: links and marks without an entry, and temporary files from a crash. Files
 * with other names are neither counted nor touched.
 *
 * The number of links is limited too: a kernel file that is copied again and again (to a new folder
 * for each build) has one entry, and each copy adds a link to it. The oldest links are deleted; the
 * entry of such a file can still be found by the hash of the file's content.
 *
 * Main thread.
 */
#include "cache-parts.h"

#include <kvm/cache.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEMP_AGE_S 3600

/* The entry or link to delete first. */
struct cache_victim {
	char name[CACHE_NAME_BYTES];
	struct timespec used;
};

bool cache_is_entry_name(const char *name)
{
	return strlen(name) == CACHE_HASH_DIGITS &&
	       strspn(name, "0123456789abcdef") == CACHE_HASH_DIGITS;
}

int cache_remove(int dir, const char *name)
{
	char mark[CACHE_NAME_BYTES];

	snprintf(mark, sizeof(mark), CACHE_MARK_PREFIX "%.*s", CACHE_HASH_DIGITS, name);
	unlinkat(dir, mark, 0);
	return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

static bool cache_has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* Open the folder for reading its names. dir itself stays open: the caller owns it. */
static DIR *cache_list(int dir)
{
	int own = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = own < 0 ? NULL : fdopendir(own);

	if (!folder && own >= 0)
		close(own);
	return folder;
}

static void cache_note_older(struct cache_victim *oldest, const char *name,
			     const struct timespec *used)
{
	if (oldest->name[0] &&
	    (used->tv_sec != oldest->used.tv_sec ? used->tv_sec > oldest->used.tv_sec
						 : used->tv_nsec >= oldest->used.tv_nsec))
		return;
	snprintf(oldest->name, sizeof(oldest->name), "%s", name);
	oldest->used = *used;
}

/* True for a link or mark without its entry, and for an old temporary file. */
static bool cache_is_left_over(int dir, const char *name, const struct stat *st)
{
	if (cache_has_prefix(name, CACHE_TEMP_PREFIX))
		return !S_ISLNK(st->st_mode) && time(NULL) - st->st_ctim.tv_sec > TEMP_AGE_S;
	if (!S_ISLNK(st->st_mode))
		return false;
	if (cache_has_prefix(name, CACHE_MARK_PREFIX))
		return faccessat(dir, name + strlen(CACHE_MARK_PREFIX), F_OK, AT_SYMLINK_NOFOLLOW);
	return faccessat(dir, name, F_OK, 0) < 0;
}

/* Remove one file of the folder if it is left over, else count it. */
static void cache_look_at(int dir, const char *name, u64 *total, struct cache_victim *oldest)
{
	struct timespec used;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (cache_is_left_over(dir, name, &st)) {
		unlinkat(dir, name, 0);
	} else if (!S_ISLNK(st.st_mode) && cache_is_entry_name(name)) {
		*total += (u64)st.st_size;
		used = cache_last_used(dir, name, &st);
		cache_note_older(oldest, name, &used);
	}
}

static u64 cache_walk(int dir, struct cache_victim *oldest)
{
	DIR *folder = cache_list(dir);
	const struct dirent *each;
	u64 total = 0;

	*oldest = (struct cache_victim){0};
	while (folder && (each = readdir(folder)))
		cache_look_at(dir, each->d_name, &total, oldest);
	if (folder)
		closedir(folder);
	return total;
}

void cache_make_room(int dir, u64 bytes)
{
	struct cache_victim oldest;

	while (cache_walk(dir, &oldest) + bytes > CACHE_MAX_BYTES && oldest.name[0]) {
		if (cache_remove(dir, oldest.name))
			return;
	}
}

/* Count the links to an entry; *oldest: the link that was made first. */
static unsigned int cache_count_links(int dir, const char *name, struct cache_victim *oldest)
{
	DIR *folder = cache_list(dir);
	const struct dirent *each;
	unsigned int count = 0;

	*oldest = (struct cache_victim){0};
	while (folder && (each = readdir(folder))) {
		char target[CACHE_NAME_BYTES];
		struct stat st;
		ssize_t len;

		if (!cache_has_prefix(each->d_name, CACHE_LINK_PREFIX) ||
		    strlen(each->d_name) >= CACHE_NAME_BYTES)
			continue;
		len = readlinkat(dir, each->d_name, target, sizeof(target));
		if (len != CACHE_HASH_DIGITS || memcmp(target, name, CACHE_HASH_DIGITS) != 0 ||
		    fstatat(dir, each->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		count++;
		cache_note_older(oldest, each->d_name, &st.st_mtim);
	}
	if (folder)
		closedir(folder);
	return count;
}

void cache_make_room_for_link(int dir, const char *name)
{
	struct cache_victim oldest;

	while (cache_count_links(dir, name, &oldest) >= CACHE_LINKS_MAX) {
		if (unlinkat(dir, oldest.name, 0) < 0)
			return;
	}
}
