// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/search.c: the places in their order, and what is said of a kernel that may not be
 * read.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <kvm/boot-search.h>
#include <kvm/log.h>
#include <kvm/types.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RELEASE "6.1.0-x"
#define ID	"0123456789abcdef0123456789abcdef"

static char top[64];

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int set_up(void **state)
{
	strcpy(top, "/tmp/lkvm-test-kernel-search-XXXXXX");
	log_record();
	return !mkdtemp(top) || chmod(top, 0755) || chdir(top) || mkdir("tree", 0755) ||
	       mkdir("tree/sub", 0755) || mkdir("tree/sub/here", 0755) || chdir("tree/sub/here");
}

static int tear_down(void **state)
{
	log_record_end();
	return chdir("/") || nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file below top, with its folders. */
static void make(const char *path, const char *text, mode_t mode)
{
	char full[512];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", top, path);
	for (char *at = full + strlen(top) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		assert_true(!mkdir(full, 0755) || errno == EEXIST);
	}
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* As an ordinary user, who may not read what has mode 0600. */
static const char *search(void)
{
	bool root = !geteuid();
	const char *found;

	if (root)
		assert_int_equal(seteuid(65534), 0);
	found = kernel_search(top, RELEASE);
	if (root)
		assert_int_equal(seteuid(0), 0);
	return found;
}

static void assert_found(const char *want)
{
	const char *found = search();
	char full[512];

	assert_non_null(found);
	snprintf(full, sizeof(full), "%s/%s", top, want);
	assert_string_equal(found, found[0] == '/' ? full : want);
}

/* From the last place to the first: each one is found before those that are there already. */
static void test_places(void **state)
{
	static const char *const places[] = {
		"run/current-system/kernel",
		"run/booted-system/kernel",
		"boot/vmlinuz-linux",
		("boot/efi/" ID "/" RELEASE "/linux"),
		("efi/" ID "/" RELEASE "/linux"),
		("boot/" ID "/" RELEASE "/linux"),
		("lib/modules/" RELEASE "/vmlinuz"),
		("boot/vmlinuz-" RELEASE),
	};

	make("etc/machine-id", ID "\n", 0644);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		make(places[i], "kernel", 0644);
		assert_found(places[i]);
	}
	make("tree/arch/x86/boot/bzImage", "kernel", 0644);
	assert_found("../../arch/x86/boot/bzImage");
	make("tree/sub/here/arch/x86/boot/bzImage", "kernel", 0644);
	assert_found("arch/x86/boot/bzImage");
	make("tree/sub/here/bzImage", "kernel", 0644);
	assert_found("bzImage");
	assert_int_equal(logged.lines, 0);
}

static void test_arch_has_several(void **state)
{
	make("lib/modules/" RELEASE "/pkgbase", "linux-lts\n", 0644);
	make("boot/vmlinuz-linux", "kernel", 0644);
	make("boot/vmlinuz-linux-lts", "kernel", 0644);
	assert_found("boot/vmlinuz-linux-lts");
	/* Not a way out of /boot. */
	make("boot/x/../../etc/passwd", "kernel", 0644);
	make("lib/modules/" RELEASE "/pkgbase", "x/../../etc/passwd", 0644);
	assert_found("boot/vmlinuz-linux");
}

static void test_nothing(void **state)
{
	make("tree/sub/here/bzImage/is-a-folder", "", 0644);
	assert_int_equal(symlink("/nowhere", "arch"), 0);
	assert_null(search());
	assert_int_equal(logged.lines, 1);
	assert_non_null(
		strstr(logged.last, "no kernel: --kernel FILE names one; none of these is"));
	assert_non_null(
		strstr(logged.last, "there: bzImage, arch/x86/boot/bzImage, ../../arch/x86"));
	assert_non_null(strstr(logged.last, "/lib/modules/" RELEASE "/vmlinuz"));
	assert_non_null(strstr(logged.last, "/run/current-system/kernel"));
}

static void test_one_that_may_not_be_read(void **state)
{
	char want[512];

	make("boot/vmlinuz-" RELEASE, "kernel", 0);
	assert_null(search());
	assert_int_equal(logged.lines, 1);
	snprintf(want, sizeof(want),
		 "lkvm: kernel %s/boot/vmlinuz-" RELEASE ": has mode 0000, so that this user may "
		 "not read it; as root, 'chmod +r %s/boot/vmlinuz-" RELEASE "' allows it, or "
		 "--kernel FILE names another",
		 top, top);
	assert_string_equal(logged.last, want);
	/* One that may be read is better than a reason. */
	make("run/booted-system/kernel", "kernel", 0644);
	assert_found("run/booted-system/kernel");
	assert_int_equal(logged.lines, 1);
}

static void test_a_folder_that_is_closed(void **state)
{
	char boot[128];

	make("boot/vmlinuz-" RELEASE, "kernel", 0644);
	snprintf(boot, sizeof(boot), "%s/boot", top);
	assert_int_equal(chmod(boot, 0), 0);
	assert_null(search());
	assert_non_null(strstr(logged.last, "this user may not look into its folder"));
	make("lib/modules/" RELEASE "/vmlinuz", "kernel", 0644);
	assert_found("lib/modules/" RELEASE "/vmlinuz");
	assert_int_equal(logged.lines, 1);
	assert_int_equal(chmod(boot, 0700), 0);
}

/* Another kernel than what was just built is a surprise. */
static void test_a_build_that_may_not_be_read(void **state)
{
	make("tree/sub/here/bzImage", "kernel", 0);
	make("boot/vmlinuz-" RELEASE, "kernel", 0644);
	assert_found("boot/vmlinuz-" RELEASE);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "warning: kernel bzImage: Permission denied; "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_places),
		TEST(test_arch_has_several),
		TEST(test_nothing),
		TEST(test_one_that_may_not_be_read),
		TEST(test_a_folder_that_is_closed),
		TEST(test_a_build_that_may_not_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
