// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins disk/lock.c: readers share in either order, a writer is alone, whoever came first; lkvm
 * beside lkvm, beside QEMU (which is played here by its own protocol; tests/e2e/disk.sh has the
 * real one) and beside programs that lock whole files.
 */
#include "disk/file.h"
#include "tests/disk/fixture.h"
#include <errno.h>

/* Nobody here goes away while lkvm waits for it. */
int usleep(useconds_t us)
{
	return 0;
}

/* --- the others --- */

static bool set_lock(int fd, int type, off_t start, off_t len)
{
	struct flock lock = {
		.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return !fcntl(fd, F_OFD_SETLK, &lock);
}

static bool is_locked(int fd, off_t byte)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

	assert_int_equal(fcntl(fd, F_OFD_GETLK, &lock), 0);
	return lock.l_type != F_UNLCK;
}

/* Open it as QEMU does: bit n of uses and of shares is permission n. -1: refused. */
static int qemu_open(unsigned int uses, unsigned int shares)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0;

	for (int n = 0; ok && n < 4; n++) {
		ok = !(uses >> n & 1) || set_lock(fd, F_RDLCK, 100 + n, 1);
		ok = ok && (shares >> n & 1 || set_lock(fd, F_RDLCK, 200 + n, 1));
	}
	for (int n = 0; ok && n < 4; n++) {
		ok = !(uses >> n & 1) || !is_locked(fd, 200 + n);
		ok = ok && (shares >> n & 1 || !is_locked(fd, 100 + n));
	}
	if (ok)
		return fd;
	close(fd);
	return -1;
}

/* A disk of QEMU's guest: no other process may write to it. */
static int qemu_reads(void)
{
	return qemu_open(0x1, 0xd);
}

static int qemu_writes(void)
{
	return qemu_open(0x3, 0xd);
}

/* Everyone else, who has never heard of these bytes. */
static int other_locks(int type)
{
	int fd = open(image, O_RDWR | O_CLOEXEC);

	if (set_lock(fd, type, 0, 0))
		return fd;
	close(fd);
	return -1;
}

static int other_reads(void)
{
	return other_locks(F_RDLCK);
}

static int other_writes(void)
{
	return other_locks(F_WRLCK);
}

/* --- both orders --- */

static int lkvm_reads(void)
{
	static struct disk_file files[4];
	static unsigned int next;
	struct disk_file *file = &files[next++ % 4];

	return disk_file_open(file, image, true, false) ? -1 : file->fd;
}

static int lkvm_writes(void)
{
	struct disk_file file;

	return disk_file_open(&file, image, false, false) ? -1 : file.fd;
}

static void check_pair(int (*first)(void), int (*second)(void), bool may)
{
	int one = first(), two;

	assert_true(one >= 0);
	two = second();
	if ((two >= 0) != may)
		fail_msg("the second is %s; %s", may ? "refused" : "not refused", logged.last);
	if (two >= 0)
		close(two);
	close(one);
}

static void check_both_orders(int (*first)(void), int (*second)(void), bool may)
{
	check_pair(first, second, may);
	check_pair(second, first, may);
}

static void test_lkvm_beside_lkvm(void **state)
{
	make_image(4096);
	check_both_orders(lkvm_reads, lkvm_reads, true);
	check_both_orders(lkvm_reads, lkvm_writes, false);
	check_both_orders(lkvm_writes, lkvm_writes, false);
}

static void test_lkvm_beside_qemu(void **state)
{
	make_image(4096);
	check_both_orders(qemu_reads, qemu_reads, true);
	check_both_orders(lkvm_reads, qemu_reads, true);
	check_both_orders(lkvm_reads, qemu_writes, false);
	check_both_orders(lkvm_writes, qemu_reads, false);
	check_both_orders(lkvm_writes, qemu_writes, false);
}

static void test_lkvm_beside_others(void **state)
{
	make_image(4096);
	check_both_orders(lkvm_reads, other_reads, true);
	check_both_orders(lkvm_reads, other_writes, false);
	check_both_orders(lkvm_writes, other_reads, false);
	check_both_orders(lkvm_writes, other_writes, false);
}

/* What a QEMU may do beside an ordinary disk: resize, and keep readers away. */
static void test_other_permissions(void **state)
{
	int fd;

	make_image(4096);
	fd = qemu_open(0x8, 0xf);
	assert_true(fd >= 0);
	assert_int_equal(lkvm_reads(), -1);
	assert_line("is in use: another process writes to it");
	close(fd);
	fd = qemu_open(0x1, 0xe);
	assert_true(fd >= 0);
	assert_int_equal(lkvm_reads(), -1);
	close(fd);
}

static void test_a_refused_reader_leaves_no_lock(void **state)
{
	struct disk_file file;
	int fd, other;

	make_image(4096);
	fd = qemu_writes();
	assert_true(fd >= 0);
	file = (struct disk_file){.name = image, .read_only = true};
	file.fd = open(image, O_RDONLY | O_CLOEXEC);
	assert_true(file.fd >= 0);
	assert_int_equal(disk_file_lock(&file), -EBUSY);
	close(fd);
	other = lkvm_writes();
	assert_true(other >= 0);
	close(other);
	close(file.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lkvm_beside_lkvm),
		TEST(test_lkvm_beside_qemu),
		TEST(test_lkvm_beside_others),
		TEST(test_other_permissions),
		TEST(test_a_refused_reader_leaves_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
