// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins gmem.c: a range is good as a whole or not at all, wherever it lies.
 *
 * The machine under test has 2 MiB below its hole and 1 MiB above it, and the hole is one
 * MiB wide. Ranges over two adjacent banks need a table made by hand: the real one has a hole.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/gmem.h>
#include <kvm/log.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOTAL	   (3 * MIB)
#define HOLE_START (2 * MIB)
#define HOLE_END   (3 * MIB)
#define END	   (4 * MIB)

static struct gmem mem;

static int set_up(void **state)
{
	log_record();
	return gmem_map(&mem, TOTAL, HOLE_START, HOLE_END, NULL);
}

static int tear_down(void **state)
{
	gmem_unmap(&mem);
	log_record_end();
	return 0;
}

static void test_banks(void **state)
{
	assert_int_equal(mem.count, 2);
	assert_int_equal(mem.banks[0].base, 0);
	assert_int_equal(mem.banks[0].size, HOLE_START);
	assert_int_equal(mem.banks[1].base, HOLE_END);
	assert_int_equal(mem.banks[1].size, MIB);
	assert_int_equal((uintptr_t)mem.banks[0].host % (2 * MIB), 0);
	assert_ptr_equal(mem.banks[1].host, mem.banks[0].host + HOLE_START);
	assert_int_equal(gmem_total(&mem), TOTAL);
	assert_int_equal(gmem_low_top(&mem), HOLE_START);
}

static void test_ram_that_ends_at_the_hole_is_one_bank(void **state)
{
	struct gmem other;

	assert_int_equal(gmem_map(&other, MIB, MIB, HOLE_END, NULL), 0);
	assert_int_equal(other.count, 1);
	assert_int_equal(gmem_low_top(&other), MIB);
	assert_int_equal(gmem_total(&other), MIB);
	gmem_unmap(&other);
	assert_int_equal(gmem_map(&other, MIB + 4096, MIB, HOLE_END, NULL), 0);
	assert_int_equal(other.count, 2);
	assert_int_equal(other.banks[1].size, 4096);
	gmem_unmap(&other);
	gmem_unmap(&other); /* twice is nothing */
	assert_int_equal(gmem_total(&other), 0);
}

/* Is the range good, by all four ways in? They must agree. */
static bool good(gpa_t gpa, u64 len)
{
	static u8 buf[64];
	struct iovec iov[GMEM_MAX_BANKS];
	int count = gmem_iov(&mem, gpa, len, iov, GMEM_MAX_BANKS);
	void *ptr = gmem_ptr(&mem, gpa, len);

	assert_true(count > 0 || count == -EFAULT);
	assert_int_equal(ptr != NULL, count == 1);
	if (count == 1) {
		assert_ptr_equal(iov[0].iov_base, ptr);
		assert_int_equal(iov[0].iov_len, len);
	}
	/* A bad range is refused before anything is copied, so that buf may be shorter. */
	if (count < 0 || len <= sizeof(buf)) {
		assert_int_equal(gmem_read(&mem, gpa, buf, len), count < 0 ? -EFAULT : 0);
		assert_int_equal(gmem_write(&mem, gpa, buf, len), count < 0 ? -EFAULT : 0);
	}
	return count > 0;
}

static void test_edges(void **state)
{
	static const gpa_t tops[] = {HOLE_START, END};

	assert_true(good(0, 1));
	assert_true(good(0, HOLE_START));
	assert_false(good(0, HOLE_START + 1));
	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		assert_true(good(tops[i] - 1, 1));
		assert_true(good(tops[i] - 64, 64));
		assert_false(good(tops[i] - 1, 2));
		assert_false(good(tops[i] - 64, 65));
		assert_false(good(tops[i], 1));
	}
	assert_true(good(HOLE_END, 1));
	assert_true(good(HOLE_END, MIB));
	assert_false(good(HOLE_END, MIB + 1));
	assert_false(good(HOLE_END - 1, 1));
	assert_false(good(HOLE_END - 1, 2));
}

static void test_across_the_hole(void **state)
{
	assert_false(good(HOLE_START - 1, HOLE_END - HOLE_START + 2));
	assert_false(good(0, END));
	assert_false(good(HOLE_START, HOLE_END - HOLE_START));
}

static void test_wrap(void **state)
{
	assert_false(good(UINT64_MAX, 1));
	assert_false(good(UINT64_MAX, 2));
	assert_false(good(UINT64_MAX - 3, 8));
	assert_false(good(UINT64_MAX, UINT64_MAX));
	assert_false(good(0, UINT64_MAX));
	assert_false(good(1, UINT64_MAX));
	assert_false(good(HOLE_END, UINT64_MAX - HOLE_END + 1));
	assert_false(good(END - 1, UINT64_MAX - END + 2));
}

static void test_zero_length_anywhere(void **state)
{
	static const gpa_t anywhere[] = {0, HOLE_START, HOLE_END - 1, END, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_SIZE(anywhere); i++) {
		assert_int_equal(gmem_read(&mem, anywhere[i], NULL, 0), 0);
		assert_int_equal(gmem_write(&mem, anywhere[i], NULL, 0), 0);
		assert_int_equal(gmem_iov(&mem, anywhere[i], 0, NULL, 0), 0);
		assert_null(gmem_ptr(&mem, anywhere[i], 0));
	}
}

static void test_copies(void **state)
{
	char back[6] = "";

	assert_int_equal(gmem_write(&mem, HOLE_START - 6, "hello", 6), 0);
	assert_int_equal(gmem_read(&mem, HOLE_START - 6, back, 6), 0);
	assert_string_equal(back, "hello");
	assert_memory_equal(mem.banks[0].host + HOLE_START - 6, "hello", 6);
	/* Contiguous on the host, so that a bound that is off by one would show here. */
	assert_int_equal(mem.banks[1].host[0], 0);
}

static void test_refused_copies_nothing(void **state)
{
	u8 buf[8];

	memset(buf, 0x5a, sizeof(buf));
	memset(mem.banks[0].host + HOLE_START - 4, 0x77, 4);
	assert_int_equal(gmem_read(&mem, HOLE_START - 4, buf, 8), -EFAULT);
	for (size_t i = 0; i < sizeof(buf); i++)
		assert_int_equal(buf[i], 0x5a);
	assert_int_equal(gmem_write(&mem, HOLE_START - 4, buf, 8), -EFAULT);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(mem.banks[0].host[HOLE_START - 4 + i], 0x77);
}

static void test_adjacent_banks_are_one_range(void **state)
{
	u8 first[0x1000] = {0}, second[0x1000] = {0}, back[8];
	struct gmem table = {
		.banks = {{.base = 0x1000, .size = sizeof(first), .host = first},
			  {.base = 0x2000, .size = sizeof(second), .host = second}},
		.count = 2,
	};
	struct iovec iov[2];

	assert_int_equal(gmem_write(&table, 0x1ffc, "abcdefgh", 8), 0);
	assert_memory_equal(first + 0xffc, "abcd", 4);
	assert_memory_equal(second, "efgh", 4);
	assert_int_equal(gmem_read(&table, 0x1ffc, back, 8), 0);
	assert_memory_equal(back, "abcdefgh", 8);

	assert_int_equal(gmem_iov(&table, 0x1000, 0x2000, iov, 2), 2);
	assert_ptr_equal(iov[0].iov_base, first);
	assert_int_equal(iov[0].iov_len, 0x1000);
	assert_ptr_equal(iov[1].iov_base, second);
	assert_int_equal(iov[1].iov_len, 0x1000);
	assert_int_equal(gmem_iov(&table, 0x1fff, 2, iov, 2), 2);
	assert_int_equal(iov[0].iov_len, 1);
	assert_int_equal(iov[1].iov_len, 1);

	assert_null(gmem_ptr(&table, 0x1fff, 2)); /* not contiguous on the host */
	assert_ptr_equal(gmem_ptr(&table, 0x2000, 0x1000), second);
	assert_int_equal(gmem_read(&table, 0x2ffc, back, 8), -EFAULT);
	assert_int_equal(gmem_read(&table, 0xfff, back, 2), -EFAULT);
	assert_int_equal(gmem_low_top(&table), 0x2000);
}

static void test_iov_max(void **state)
{
	u8 first[0x1000], second[0x1000];
	struct gmem table = {
		.banks = {{.base = 0, .size = sizeof(first), .host = first},
			  {.base = 0x1000, .size = sizeof(second), .host = second}},
		.count = 2,
	};
	struct iovec iov[3] = {{0}};

	assert_int_equal(gmem_iov(&table, 0, 1, iov, 0), -E2BIG);
	assert_int_equal(gmem_iov(&table, 0, 0x1000, iov, 1), 1);
	iov[1].iov_len = 99;
	assert_int_equal(gmem_iov(&table, 0, 0x1001, iov, 1), -E2BIG);
	assert_int_equal(iov[1].iov_len, 99);
	assert_int_equal(gmem_iov(&table, 0, 0x1001, iov, 2), 2);
	assert_int_equal(gmem_iov(&table, 0, 0x2001, iov, 3), -EFAULT);
}

static void test_clear(void **state)
{
	u8 buf[4];

	assert_int_equal(gmem_write(&mem, 0, "abcd", 4), 0);
	assert_int_equal(gmem_write(&mem, END - 4, "efgh", 4), 0);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(gmem_read(&mem, 0, buf, 4), 0);
	assert_memory_equal(buf, "\0\0\0\0", 4);
	assert_int_equal(gmem_read(&mem, END - 4, buf, 4), 0);
	assert_memory_equal(buf, "\0\0\0\0", 4);

	/* What a hugetlbfs file backs is written, not given back. */
	mem.hugetlb = true;
	assert_int_equal(gmem_write(&mem, END - 4, "efgh", 4), 0);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(gmem_read(&mem, END - 4, buf, 4), 0);
	assert_memory_equal(buf, "\0\0\0\0", 4);
}

/* The same RAM by a second mapping of the file. The last test: from here on all RAM is so. */
static void test_shared(void **state)
{
	struct gmem other;
	char buf[4];
	u8 *second;

	assert_int_equal(mem.fd, -1);
	gmem_share();
	assert_int_equal(gmem_map(&other, TOTAL, HOLE_START, HOLE_END, NULL), 0);
	assert_int_equal((uintptr_t)other.map % (2 * MIB), 0);
	second = mmap(NULL, TOTAL, PROT_READ | PROT_WRITE, MAP_SHARED, other.fd, 0);
	assert_ptr_not_equal(second, MAP_FAILED);
	assert_int_equal(gmem_write(&other, HOLE_END + 8, "abcd", 4), 0);
	assert_memory_equal(second + HOLE_START + 8, "abcd", 4);
	memcpy(second + 16, "efgh", 4);
	assert_int_equal(gmem_read(&other, 16, buf, 4), 0);
	assert_memory_equal(buf, "efgh", 4);

	/* Whoever has the file cannot take the memory away. */
	assert_int_equal(ftruncate(other.fd, 4096), -1);
	assert_int_equal(errno, EPERM);

	assert_int_equal(gmem_discard(&other, (u8 *)other.map + HOLE_START, 4096), 0);
	assert_memory_equal(second + HOLE_START + 8, "\0\0\0\0", 4);
	assert_memory_equal(second + 16, "efgh", 4);
	assert_int_equal(gmem_clear(&other), 0);
	assert_memory_equal(second + 16, "\0\0\0\0", 4);
	munmap(second, TOTAL);
	gmem_unmap(&other);
	assert_int_equal(other.fd, -1);
}

static void test_too_much_is_refused(void **state)
{
	struct gmem other;

	assert_int_equal(gmem_map(&other, UINT64_MAX & ~4095ULL, HOLE_START, HOLE_END, NULL),
			 -ENOMEM);
	assert_non_null(strstr(logged.last, "--mem: "));
	assert_null(other.map);
	assert_int_equal(other.count, 0);
	logged.last[0] = '\0';
	assert_int_equal(gmem_map(&other, 1ULL << 62, HOLE_START, HOLE_END, NULL), -ENOMEM);
	assert_non_null(strstr(logged.last, "--mem: "));
	assert_null(other.map);
	gmem_unmap(&other);
}

static void test_hugetlbfs_is_named(void **state)
{
	struct gmem other;

	assert_int_equal(gmem_map(&other, TOTAL, HOLE_START, HOLE_END, "/nowhere/at/all"), -ENOENT);
	assert_non_null(strstr(logged.last, "--hugetlbfs /nowhere/at/all"));
	assert_null(other.map);
	assert_int_equal(gmem_map(&other, TOTAL, HOLE_START, HOLE_END, "/proc"), -EINVAL);
	assert_non_null(strstr(logged.last, "not a mounted hugetlbfs"));
	assert_null(other.map);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_banks),
		TEST(test_ram_that_ends_at_the_hole_is_one_bank),
		TEST(test_edges),
		TEST(test_across_the_hole),
		TEST(test_wrap),
		TEST(test_zero_length_anywhere),
		TEST(test_copies),
		TEST(test_refused_copies_nothing),
		TEST(test_adjacent_banks_are_one_range),
		TEST(test_iov_max),
		TEST(test_clear),
		TEST(test_too_much_is_refused),
		TEST(test_hugetlbfs_is_named),
		TEST(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
