// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any file in the folder of unpacked kernels, against boot/cache.c.
 *
 * The packed bytes are always the same, so their entry has one name; what lies under that name
 * before cache_unpack() is called comes from the input. Its first three bytes say what kind of
 * thing it is, how its time of change and its size go with its header, and what leads to it; then
 * come the fields of the header, then what would be the kernel. Invariants:
 * - an entry is taken exactly when it is a plain file that agrees with its header in name, length,
 *   time and content; then its bytes are what comes out;
 * - otherwise the packed bytes are unpacked, and the entry is as it must be afterwards, unless
 *   something lies there that is not the cache's to remove (a folder);
 * - no descriptor is left open.
 */
#include "tests/lib/fuzz.h"

#include <kvm/cache.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_BYTES 3
#define HEADER_BYTES  4096
#define FIELDS_BYTES  (16 + 72 + 8 + 8 + 16) /* magic, name, length, time, checksum */
#define SUM_AT	      (16 + 72 + 8 + 8)
#define SUM_BYTES     16
#define NAME_DIGITS   64
#define UNPACKED_MAX  (64 * KIB)

/* The checksum of the format: the sum of the 64-bit words, and the sum of all those sums. */
static void checksum(u8 *to, const u8 *data, size_t bytes)
{
	u64 sums[2] = {0};

	for (size_t at = 0; at < bytes; at += 8) {
		u64 word = 0;

		memcpy(&word, data + at, MIN(bytes - at, (size_t)8));
		sums[0] += word;
		sums[1] += sums[0];
	}
	memcpy(to, sums, sizeof(sums));
}

/* The gzip form of the string below. */
static const u8 packed[] = {
	0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0x2b, 0xcf, 0x48, 0x2c,
	0x51, 0x48, 0x54, 0xc8, 0x4e, 0x2d, 0xca, 0x4b, 0xcd, 0x51, 0x28, 0xcf, 0x2f, 0xcd,
	0x49, 0x51, 0x48, 0x4a, 0x05, 0x00, 0x6f, 0x1d, 0x78, 0xd8, 0x16, 0x00, 0x00, 0x00,
};
static const char unpacked[] = "what a kernel would be";

static char root[64], folder[96], entry_name[NAME_DIGITS + 1];
static int folder_fd, packed_fd;

static void clear_folder(void)
{
	DIR *dir = opendir(folder);
	const struct dirent *each;

	CHECK(dir);
	while ((each = readdir(dir))) {
		if (each->d_name[0] == '.')
			continue;
		if (unlinkat(folder_fd, each->d_name, 0) < 0)
			CHECK(!unlinkat(folder_fd, each->d_name, AT_REMOVEDIR));
	}
	closedir(dir);
}

static void remove_all(void)
{
	char path[160];

	clear_folder();
	rmdir(folder);
	snprintf(path, sizeof(path), "%s/lkvm", root);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/packed", root);
	unlink(path);
	rmdir(root);
}

/* The name that the cache itself gives to the packed bytes. */
static void learn_name(void)
{
	const struct dirent *each;
	struct cache_file file;
	const char *why;
	DIR *dir;

	CHECK(!cache_unpack(packed_fd, 0, sizeof(packed), UNPACKED_MAX, true, NULL, &file, &why));
	CHECK(file.offset == HEADER_BYTES && file.bytes == sizeof(unpacked) - 1);
	close(file.fd);
	dir = opendir(folder);
	CHECK(dir);
	while ((each = readdir(dir))) {
		if (strlen(each->d_name) == NAME_DIGITS)
			memcpy(entry_name, each->d_name, NAME_DIGITS);
	}
	closedir(dir);
	CHECK(entry_name[0]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* An old time: what is written just now has no link. */
	const struct timespec times[] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	char path[160];

	log_set_sink(fuzz_drop_line, NULL);
	snprintf(root, sizeof(root), "%s/lkvm-fuzz-cache-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	CHECK(mkdtemp(root));
	CHECK(!setenv("XDG_CACHE_HOME", root, 1));
	snprintf(folder, sizeof(folder), "%s/lkvm/kernels", root);
	snprintf(path, sizeof(path), "%s/packed", root);
	packed_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	CHECK(packed_fd >= 0 && pwrite(packed_fd, packed, sizeof(packed), 0) == sizeof(packed));
	CHECK(!futimens(packed_fd, times));
	/* Its ctime is now: its link's name is used from the third second on. */
	sleep(3);
	learn_name();
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(folder_fd >= 0);
	atexit(remove_all);
	return 0;
}

struct entry {
	u8 kind, agree, way; /* the input's first bytes */
	u8 header[HEADER_BYTES];
	const u8 *body;
	u64 bytes; /* of the body */
};

static u64 field64(const u8 *at)
{
	le64 value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static void put_field64(u8 *at, u64 value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static struct entry read_input(const u8 *data, size_t size)
{
	struct entry entry = {.kind = data[0] % 6, .agree = data[1], .way = data[2] % 3};
	size_t fields = MIN(size - CONTROL_BYTES, (size_t)FIELDS_BYTES);

	memcpy(entry.header, data + CONTROL_BYTES, fields);
	entry.body = data + CONTROL_BYTES + fields;
	entry.bytes = MIN(size - CONTROL_BYTES - fields, (size_t)UNPACKED_MAX);
	/* What a mutation hardly finds, by single bits. */
	if (entry.agree & 1)
		memcpy(entry.header, "lkvm unpacked 2", 16);
	if (entry.agree & 2)
		snprintf((char *)entry.header + 16, 72, "%s", entry_name);
	if (entry.agree & 4)
		put_field64(entry.header + 88, entry.bytes);
	if (entry.agree & 64)
		checksum(entry.header + SUM_AT, entry.body, entry.bytes);
	return entry;
}

static void set_time(int fd, const struct entry *entry)
{
	u64 wanted = field64(entry->header + 96) % 4000000000;
	const struct timespec times[] = {
		{.tv_nsec = UTIME_NOW},
		{.tv_sec = (time_t)wanted, .tv_nsec = entry->agree & 16 ? 1 : 0}};

	if (entry->agree & 8)
		CHECK(!futimens(fd, times));
}

static void put_file(const struct entry *entry)
{
	int fd = openat(folder_fd, entry_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	u64 header = entry->agree & 32 ? field64(entry->header + 88) % HEADER_BYTES : HEADER_BYTES;

	CHECK(fd >= 0);
	CHECK(pwrite(fd, entry->header, header, 0) == (ssize_t)header);
	if (header == HEADER_BYTES)
		CHECK(pwrite(fd, entry->body, entry->bytes, HEADER_BYTES) == (ssize_t)entry->bytes);
	set_time(fd, entry);
	close(fd);
}

/* What lies under the entry's name. */
static void put_entry(const struct entry *entry)
{
	char target[100];

	switch (entry->kind) {
	case 0:
	case 1:
		put_file(entry);
		break;
	case 2:
		snprintf(target, sizeof(target), "%.90s", (const char *)entry->header + 1);
		CHECK(!symlinkat(target[0] ? target : "/dev/zero", folder_fd, entry_name));
		break;
	case 3:
		CHECK(!mkfifoat(folder_fd, entry_name, 0600));
		break;
	case 4:
		CHECK(!mkdirat(folder_fd, entry_name, 0700));
		break;
	default:
		break;
	}
}

/* What leads to it, besides the hash: a link that the cache made, one that lies, or none. */
static void put_link(const struct entry *entry, const char *link)
{
	char target[100];

	snprintf(target, sizeof(target), "%.99s", (const char *)entry->header + 2);
	if (entry->way == 1)
		CHECK(!symlinkat(entry_name, folder_fd, link));
	else if (entry->way == 2 && target[0])
		CHECK(!symlinkat(target, folder_fd, link));
}

/* Must it be taken? Looked at before the call, with nothing but the documented format. */
static bool is_good(struct entry *entry)
{
	u8 *header = entry->header, sum[SUM_BYTES];
	struct stat st;

	checksum(sum, entry->body, entry->bytes);
	if (fstatat(folder_fd, entry_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    st.st_size < HEADER_BYTES)
		return false;
	return !memcmp(header, "lkvm unpacked 2", 16) && !header[16 + NAME_DIGITS] &&
	       !memcmp(header + 16, entry_name, NAME_DIGITS) &&
	       field64(header + 88) == (u64)st.st_size - HEADER_BYTES &&
	       field64(header + 96) == (u64)st.st_mtim.tv_sec && !st.st_mtim.tv_nsec &&
	       !memcmp(header + SUM_AT, sum, sizeof(sum));
}

static void check_content(const struct cache_file *file, const void *expected, u64 bytes)
{
	static u8 got[UNPACKED_MAX];

	CHECK(file->bytes == bytes);
	CHECK(pread(file->fd, got, bytes, (off_t)file->offset) == (ssize_t)bytes);
	CHECK(!memcmp(got, expected, bytes));
}

static void link_name(char name[160])
{
	struct stat st;

	CHECK(!fstat(packed_fd, &st));
	snprintf(name, 160, "by-%lx-%lx-%lx-%lx.%lx-%lx.%lx-0", st.st_dev, st.st_ino, st.st_size,
		 st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

/* The number that the next open file would get. */
static int next_descriptor(void)
{
	int fd = dup(packed_fd);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct cache_file file;
	struct entry entry;
	const char *why;
	char link[160];
	bool good;
	int err, before = next_descriptor();

	if (size < CONTROL_BYTES)
		return 0;
	entry = read_input(data, size);
	clear_folder();
	put_entry(&entry);
	link_name(link);
	put_link(&entry, link);
	good = is_good(&entry);

	err = cache_unpack(packed_fd, 0, sizeof(packed), UNPACKED_MAX, true, NULL, &file, &why);
	CHECK(!err);
	if (good)
		check_content(&file, entry.body, entry.bytes);
	else
		check_content(&file, unpacked, sizeof(unpacked) - 1);
	close(file.fd);

	/* The second time it is there. */
	CHECK(!cache_unpack(packed_fd, 0, sizeof(packed), UNPACKED_MAX, true, NULL, &file, &why));
	CHECK(file.offset == (entry.kind == 4 ? 0 : HEADER_BYTES));
	close(file.fd);

	CHECK(next_descriptor() == before);
	return 0;
}
