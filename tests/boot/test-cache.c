// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/cache.c: what is kept, when it is used again, and when it is not trusted.
 * Where it may not be kept, and how much of it, is test-cache-room.c's.
 */
#include "tests/boot/cache-fixture.h"

/* b2sum -l 256 of the first kernel's packed bytes, as another program packs and sums them. */
#define BLAKE2_OF_FIRST "f88f884a54aa1f12ca79724c4eaa14134b99e12b5133eb28f320e1b738addef9"

/* --- what is kept --- */

static void test_first_time(void **state)
{
	char name[NAME], link[NAME], target[NAME] = {0};
	u8 header[PAGE];
	struct stat st;
	int fd;

	make_entry(0, name);
	assert_string_equal(name, BLAKE2_OF_FIRST);
	assert_int_equal(count_names("", NULL), 3);
	assert_int_equal(count_names("ok-", NULL), 1);
	assert_int_equal(count_names("by-", link), 1);
	assert_true(readlink(path_of(link), target, sizeof(target) - 1) > 0);
	assert_string_equal(target, name);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(path_of(name), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, PAGE + BYTES);
	fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread_full(fd, header, sizeof(header), 0), 0);
	close(fd);
	assert_string_equal((char *)header, "lkvm unpacked 2");
	assert_string_equal((char *)header + 16, name);
}

static void test_second_time(void **state)
{
	char name[NAME];
	ino_t first = make_entry(0, name), again;

	assert_true(open_blind(0, &again));
	assert_int_equal(first, again);
	assert_int_equal(open_again(0), first);
	assert_int_equal(count_names("", NULL), 3);
	assert_string_equal(logged.last, "");
}

/* Of a file that was written this second the next write may have the same times. */
static void test_a_file_written_just_now(void **state)
{
	char name[NAME];
	ino_t first, again;

	clock_ahead = 0;
	first = make_entry(0, name);
	assert_int_equal(count_names("by-", NULL), 0);
	assert_false(open_blind(0, &again));
	assert_int_equal(open_again(0), first);
	clock_ahead = 10;
	assert_int_equal(open_again(0), first);
	assert_int_equal(count_names("by-", NULL), 1);
	assert_true(open_blind(0, &again));
	assert_int_equal(again, first);
}

static void test_a_copy(void **state)
{
	char name[NAME];
	ino_t first = make_entry(0, name);

	strcat(source_path, "2");
	assert_int_equal(make_entry(0, name), first);
	assert_int_equal(count_names("by-", NULL), 2);
}

/* Another content of the same length, and its mtime set back: ctime tells. */
static void test_a_rebuilt_kernel(void **state)
{
	char name[NAME];
	ino_t first = make_entry(0, name);
	struct timespec times[2];
	struct stat st;
	int fd;

	assert_int_equal(stat(source_path, &st), 0);
	usleep(20000); /* a tick of the file system's clock */
	fd = write_source(1, 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
	assert_int_not_equal(unpack_fd(fd, 1, true), first);
	close(fd);
	assert_int_equal(count_entries(NULL), 2);
	assert_int_equal(count_names("by-", NULL), 2);
}

static void test_at_an_offset(void **state)
{
	struct cache_file file;
	const char *why;
	int fd = write_source(0, 0);

	close(fd);
	fd = write_source(1, 200000);
	unpack_fd(fd, 0, true);
	assert_int_equal(
		cache_unpack(fd, 200000, packed_bytes[1], MAX_BYTES, false, NULL, &file, &why), 0);
	check_content(&file, 1);
	assert_int_equal(count_entries(NULL), 2);
	assert_int_equal(count_names("by-", NULL), 2);
	/* And again, each by its link. */
	assert_int_equal(
		cache_unpack(fd, 200000, packed_bytes[1], MAX_BYTES, false, NULL, &file, &why), 0);
	check_content(&file, 1);
	unpack_fd(fd, 0, true);
	close(fd);
}

/* Given times that no later write leaves: of the past, in whole seconds. */
static void test_times_of_an_entry(void **state)
{
	char name[NAME];
	struct stat st;

	clock_fixed = time(NULL) / 2 * 2;
	make_entry(0, name);
	assert_int_equal(stat(path_of(name), &st), 0);
	assert_true(st.st_mtim.tv_sec < clock_fixed);
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(st.st_mtim.tv_sec % 2, 0);
}

static const char *mark_of(const char *name)
{
	char mark[NAME];

	snprintf(mark, sizeof(mark), "ok-%.64s", name);
	return path_of(mark);
}

/* In the mark: the entry's own times stay, for its ctime must. */
static void test_use_is_noted(void **state)
{
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct stat before, st;
	char name[NAME];
	ino_t again;

	make_entry(0, name);
	assert_int_equal(stat(path_of(name), &before), 0);
	assert_int_equal(utimensat(AT_FDCWD, mark_of(name), times, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(open_blind(0, &again));
	assert_int_equal(lstat(mark_of(name), &st), 0);
	assert_true(st.st_mtim.tv_sec > 1000);
	assert_int_equal(stat(path_of(name), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, before.st_mtim.tv_sec);
	assert_memory_equal(&st.st_ctim, &before.st_ctim, sizeof(st.st_ctim));
}

/* --- on the disk before it has its name --- */

static unsigned int synced, entries_at_sync;

int fsync(int fd)
{
	struct stat st;

	synced++;
	entries_at_sync = count_entries(NULL);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, PAGE + BYTES);
	return 0;
}

static void test_written_out_before_the_rename(void **state)
{
	char name[NAME];

	synced = 0;
	make_entry(0, name);
	assert_int_equal(synced, 1);
	assert_int_equal(entries_at_sync, 0);
	open_again(0);
	assert_int_equal(synced, 1);
}

/* --- damage --- */

static void truncate_by_one(const char *path)
{
	assert_int_equal(truncate(path, PAGE + BYTES - 1), 0);
}

static void lengthen(const char *path)
{
	assert_int_equal(truncate(path, PAGE + BYTES + 1), 0);
}

static void empty(const char *path)
{
	assert_int_equal(truncate(path, 0), 0);
}

static void cut_header(const char *path)
{
	assert_int_equal(truncate(path, PAGE - 1), 0);
}

static void put_byte(const char *path, off_t at, u8 value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &value, 1, at), 1);
	close(fd);
}

static void overwrite(const char *path)
{
	put_byte(path, PAGE + 5000, 0xee);
}

static void set_time(const char *path, const struct stat *st)
{
	const struct timespec times[2] = {st->st_atim, st->st_mtim};

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A block of the content is lost, and nothing in size or mtime tells. */
static void lose_a_block(const char *path)
{
	static const u8 zeros[PAGE];
	struct stat st;
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, zeros, PAGE, 3 * PAGE), PAGE);
	close(fd);
	set_time(path, &st);
}

/* One byte of the header, with the times as they were. */
static void put_header_byte(const char *path, off_t at)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	put_byte(path, at, 'X');
	set_time(path, &st);
}

static void other_magic(const char *path)
{
	put_header_byte(path, 3);
}

static void other_version(const char *path)
{
	put_header_byte(path, 14);
}

static void other_name(const char *path)
{
	put_header_byte(path, 16 + 63);
}

static void other_length(const char *path)
{
	put_header_byte(path, 16 + 72);
}

static void other_hash(const char *path)
{
	put_header_byte(path, 16 + 72 + 8 + 8);
}

static void other_time(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	st.st_mtim.tv_sec += 2;
	set_time(path, &st);
}

static void fraction_of_a_second(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	st.st_mtim.tv_nsec = 1;
	set_time(path, &st);
}

static void fifo(const char *path)
{
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static void test_damage(void **state)
{
	static void (*const damages[])(const char *path) = {
		truncate_by_one, lengthen,	empty,	    cut_header,
		overwrite,	 other_magic,	other_name, other_length,
		other_time,	 other_version, fifo,	    fraction_of_a_second,
		lose_a_block,	 other_hash,
	};
	char name[NAME];
	ino_t again;

	make_entry(0, name);
	for (unsigned int i = 0; i < 2 * ARRAY_SIZE(damages); i++) {
		/* Found by its link, and by its name. */
		clock_ahead = i % 2 ? 10 : 0;
		logged.last[0] = '\0';
		damages[i / 2](path_of(name));
		open_again(0);
		assert_non_null(strstr(logged.last, "is damaged; lkvm makes a new one"));
		assert_int_equal(count_entries(NULL), 1);
		assert_int_equal(count_names("tmp-", NULL), 0);
		logged.last[0] = '\0';
		clock_ahead = 10;
		open_again(0); /* the link went with the entry, and comes again */
		assert_true(open_blind(0, &again));
		assert_string_equal(logged.last, "");
	}
}

/* Say in its mark that the entry was checked as it is now, under a boot of which this is the id. */
static void forge_mark(const char *name, const char *boot_id)
{
	char text[NAME], mine[NAME];
	struct stat st;
	ssize_t len = readlink(mark_of(name), mine, sizeof(mine) - 1);

	assert_true(len > 36);
	assert_int_equal(stat(path_of(name), &st), 0);
	snprintf(text, sizeof(text), "%.36s %lx.%lx", boot_id ?: mine, st.st_ctim.tv_sec,
		 st.st_ctim.tv_nsec);
	assert_int_equal(unlink(mark_of(name)), 0);
	assert_int_equal(symlink(text, mark_of(name)), 0);
}

/* The content is read whole when the file has changed or the host was booted since. */
static void test_when_the_content_is_checked(void **state)
{
	static const char other_boot[] = "01234567-89ab-cdef-0123-456789abcdef";
	char name[NAME], text[NAME] = {0};
	struct cache_file file;
	const char *why;
	ino_t again;
	int fd;

	make_entry(0, name);
	forge_mark(name, other_boot);
	assert_true(open_blind(0, &again));
	assert_true(readlink(mark_of(name), text, sizeof(text) - 1) > 36);
	assert_int_not_equal(memcmp(text, other_boot, 36), 0);
	assert_string_equal(logged.last, "");

	/* With a mark that fits nobody looks: this is what makes a start quick. */
	lose_a_block(path_of(name));
	forge_mark(name, NULL);
	fd = open(source_path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(cache_unpack(fd, 0, packed_bytes[0], MAX_BYTES, false, NULL, &file, &why),
			 0);
	close(file.fd);
	close(fd);
	assert_string_equal(logged.last, "");

	forge_mark(name, other_boot);
	open_again(0);
	assert_non_null(strstr(logged.last, "is damaged; lkvm makes a new one"));
}

static void test_entry_of_another_kernel(void **state)
{
	char first[NAME], second[NAME];

	make_entry(0, first);
	snprintf(second, sizeof(second), "%s", path_of(first));
	strcat(source_path, "2");
	close(write_source(1, 0));
	open_again(1);
	assert_int_equal(unlink(path_of(first)), 0);
	assert_int_equal(count_entries(first), 1);
	/* The second's under the first's name: its header tells. */
	assert_int_equal(rename(path_of(first), second), 0);
	source_path[strlen(source_path) - 1] = '\0';
	open_again(0);
	assert_non_null(strstr(logged.last, "is damaged"));
}

static void test_a_folder_for_an_entry(void **state)
{
	char name[NAME];
	int fd;

	make_entry(0, name);
	assert_int_equal(unlink(path_of(name)), 0);
	assert_int_equal(mkdir(path_of(name), 0700), 0);
	fd = open(source_path, O_RDONLY | O_CLOEXEC);
	unpack_fd(fd, 0, false); /* it can be neither used nor replaced */
	close(fd);
	assert_int_equal(count_names("tmp-", NULL), 0);
}

/* --- links --- */

/* A valid entry but for its content, outside of the folder. */
static const char *make_bait(const char *name)
{
	static u8 copy[PAGE + BYTES];
	static char bait[80];
	struct stat st;
	int from, to;

	snprintf(bait, sizeof(bait), "%s/%u.bait", top, tests_run);
	from = open(path_of(name), O_RDONLY | O_CLOEXEC);
	to = open(bait, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fstat(from, &st), 0);
	assert_int_equal(pread_full(from, copy, sizeof(copy), 0), 0);
	copy[PAGE] = plain[0][0] ^ 1;
	assert_int_equal(write_full(to, copy, sizeof(copy)), 0);
	close(from);
	close(to);
	set_time(bait, &st);
	return bait;
}

static void test_an_entry_that_is_a_link(void **state)
{
	char name[NAME];
	const char *bait;
	struct stat st;
	u8 byte;
	int fd;

	make_entry(0, name);
	bait = make_bait(name);
	assert_int_equal(unlink(path_of(name)), 0);
	assert_int_equal(symlink(bait, path_of(name)), 0);
	open_again(0);
	assert_int_equal(lstat(path_of(name), &st), 0);
	assert_true(S_ISREG(st.st_mode));
	/* It was neither deleted nor written to. */
	fd = open(bait, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread_full(fd, &byte, 1, PAGE), 0);
	assert_int_equal(byte, plain[0][0] ^ 1);
	close(fd);
}

static void test_links_to_elsewhere(void **state)
{
	char name[NAME], link[NAME], up[300];
	const char *targets[3];
	ino_t first = make_entry(0, name);

	assert_int_equal(count_names("by-", link), 1);
	targets[0] = make_bait(name);
	snprintf(up, sizeof(up), "../kernels/%s", name);
	targets[1] = up;
	targets[2] = link; /* itself */
	for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
		char target[NAME] = {0};

		assert_int_equal(unlink(path_of(link)), 0);
		assert_int_equal(symlink(targets[i], path_of(link)), 0);
		/* By its name; what the link led to was not touched. */
		assert_int_equal(open_again(0), first);
		assert_int_equal(access(targets[0], F_OK), 0);
		assert_string_equal(logged.last, "");
		assert_true(readlink(path_of(link), target, sizeof(target) - 1) > 0);
		assert_string_equal(target, name);
	}
	/* No link at all. */
	assert_int_equal(unlink(path_of(link)), 0);
	assert_int_equal(mkfifo(path_of(link), 0600), 0);
	open_again(0);
}

static void test_a_temporary_file_that_is_a_link(void **state)
{
	char name[NAME], temp[NAME], victim[80];
	struct stat st;
	int fd;

	make_entry(0, name);
	assert_int_equal(unlink(path_of(name)), 0);
	snprintf(temp, sizeof(temp), "tmp-%d-%.16s", getpid(), name);
	snprintf(victim, sizeof(victim), "%s/%u.victim", top, tests_run);
	fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(symlink(victim, path_of(temp)), 0);
	fd = open(source_path, O_RDONLY | O_CLOEXEC);
	unpack_fd(fd, 0, false);
	close(fd);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* A file that is copied for each build would add a link each time. */
static void test_links_are_bounded(void **state)
{
	size_t len = strlen(source_path);
	char name[NAME], first[NAME];
	ino_t again, ino = make_entry(0, name);
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

	assert_int_equal(count_names("by-", first), 1);
	assert_int_equal(utimensat(AT_FDCWD, path_of(first), old, AT_SYMLINK_NOFOLLOW), 0);
	for (unsigned int i = 0; i < 40; i++) {
		snprintf(source_path + len, sizeof(source_path) - len, ".%u", i);
		close(write_source(0, 0));
		assert_int_equal(open_again(0), ino);
		assert_true(count_names("by-", NULL) <= 16);
	}
	assert_int_equal(count_names("by-", NULL), 16);
	assert_true(open_blind(0, &again)); /* the newest has its own */
	assert_int_not_equal(access(path_of(first), F_OK), 0);
	/* The links of another kernel are not counted. */
	snprintf(source_path + len, sizeof(source_path) - len, ".other");
	close(write_source(1, 0));
	open_again(1);
	assert_int_equal(count_names("by-", NULL), 17);
}

/* --- what cannot be unpacked --- */

static const char *valid_answer;
static u64 valid_bytes;

static const char *say_valid(const void *data, u64 bytes)
{
	assert_memory_equal(data, plain[0], bytes);
	valid_bytes = bytes;
	return valid_answer;
}

static void test_what_is_no_kernel_is_not_kept(void **state)
{
	struct cache_file file;
	const char *why = "";
	int fd = write_source(0, 0);

	valid_answer = "is no kernel";
	valid_bytes = 0;
	assert_int_equal(
		cache_unpack(fd, 0, packed_bytes[0], MAX_BYTES, true, say_valid, &file, &why),
		-ENOEXEC);
	assert_string_equal(why, valid_answer);
	assert_int_equal(valid_bytes, BYTES);
	assert_int_equal(count_names("", NULL), 0);
	valid_answer = NULL;
	assert_int_equal(
		cache_unpack(fd, 0, packed_bytes[0], MAX_BYTES, true, say_valid, &file, &why), 0);
	check_content(&file, 0);
	close(fd);
	assert_int_equal(count_entries(NULL), 1);
}

static void check_refused(int fd, u64 bytes, u64 max_bytes, int err, const char *text)
{
	struct cache_file file = {.fd = -1};
	const char *why = "";

	assert_int_equal(cache_unpack(fd, 0, bytes, max_bytes, false, NULL, &file, &why), err);
	assert_non_null(strstr(why, text));
	assert_int_equal(count_names("tmp-", NULL), 0);
}

static void test_errors(void **state)
{
	int fd;

	packed[0][5000] ^= 1;
	fd = write_source(0, 0);
	check_refused(fd, packed_bytes[0], MAX_BYTES, -EINVAL, "does not unpack");
	close(fd);
	set_up(state);
	fd = write_source(0, 0);
	check_refused(fd, packed_bytes[0] - 9, MAX_BYTES, -EINVAL, "does not unpack");
	check_refused(fd, packed_bytes[0], BYTES - 1, -E2BIG, "unpacks to more than it may");
	check_refused(fd, packed_bytes[0] + 1, MAX_BYTES, -EIO, "cannot be read to its end");
	check_refused(fd, 0, MAX_BYTES, -ENOTSUP, "built without");
	check_refused(-1, 1, MAX_BYTES, -EBADF, "cannot be looked at");
	assert_int_equal(count_entries(NULL), 0);
	close(fd);
	memcpy(packed[0], "none", 4);
	fd = write_source(0, 0);
	check_refused(fd, packed_bytes[0], MAX_BYTES, -ENOTSUP, "built without");
	close(fd);
}

/* What was kept for one who had more room is too long for another. */
static void test_kept_but_too_long(void **state)
{
	struct cache_file file;
	char name[NAME];
	const char *why;
	int fd;

	make_entry(0, name);
	fd = open(source_path, O_RDONLY | O_CLOEXEC);
	check_refused(fd, packed_bytes[0], BYTES - 1, -E2BIG, "unpacks to more than it may");
	clock_ahead = 0; /* by its name */
	check_refused(fd, packed_bytes[0], BYTES - 1, -E2BIG, "unpacks to more than it may");
	assert_int_equal(cache_unpack(fd, 0, packed_bytes[0], BYTES, false, NULL, &file, &why), 0);
	check_content(&file, 0);
	close(fd);
	assert_int_equal(count_entries(NULL), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_time),
		TEST(test_second_time),
		TEST(test_a_file_written_just_now),
		TEST(test_a_copy),
		TEST(test_a_rebuilt_kernel),
		TEST(test_at_an_offset),
		TEST(test_times_of_an_entry),
		TEST(test_use_is_noted),
		TEST(test_written_out_before_the_rename),
		TEST(test_damage),
		TEST(test_when_the_content_is_checked),
		TEST(test_entry_of_another_kernel),
		TEST(test_a_folder_for_an_entry),
		TEST(test_an_entry_that_is_a_link),
		TEST(test_links_to_elsewhere),
		TEST(test_a_temporary_file_that_is_a_link),
		TEST(test_links_are_bounded),
		TEST(test_what_is_no_kernel_is_not_kept),
		TEST(test_errors),
		TEST(test_kept_but_too_long),
	};

	if (!cache_is_built())
		return 0;
	return cmocka_run_group_tests(tests, group_set_up, group_tear_down);
}
