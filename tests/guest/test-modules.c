// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/modules.c: where modules are looked for, which are needed and in which order, what
 * files that cannot be trusted lead to.
 */
#include "guest-fixture.h"

#include "guest/modules.h"
#include "tests/lib/pack.h"

static const char dep[] = "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2.ko kernel/lib/crc16.ko\n"
			  "kernel/fs/jbd2.ko: kernel/lib/crc16.ko\n"
			  "kernel/lib/crc16.ko:\n"
			  "kernel/arch/crc32c-intel.ko:\n"
			  "kernel/virtio/virtio.ko.xz: kernel/virtio/virtio_ring.ko.xz\n"
			  "kernel/virtio/virtio_ring.ko.xz:\n"
			  "kernel/virtio/virtio_blk.ko.xz: kernel/virtio/virtio.ko.xz "
			  "kernel/virtio/virtio_ring.ko.xz\n";

/* A folder of modules with these files in it. */
static struct modules *open_with(const char *dep_text, const char *softdep, const char *alias)
{
	struct modules *modules;

	put("m/modules.dep", dep_text);
	if (softdep)
		put("m/modules.softdep", softdep);
	if (alias)
		put("m/modules.alias", alias);
	put("m/modules.builtin", "kernel/net/unix.ko\nkernel/crypto/crc32c_generic.ko\n");
	{
		char path[128];

		snprintf(path, sizeof(path), "%s/m", folder);
		assert_int_equal(modules_open(path, "/nowhere/vmlinuz", "6.1.0", &modules), 0);
	}
	assert_non_null(modules);
	return modules;
}

/* The names of what is to be loaded, a blank between; "~" before what may refuse. */
static const char *list(const struct modules *modules)
{
	static char text[512];

	text[0] = 0;
	for (size_t i = 0; i < modules_count(modules); i++) {
		const struct module *module = modules_at(modules, i);
		const char *base = strrchr(module->path, '/') + 1;

		if (i)
			strcat(text, " ");
		if (module->soft)
			strcat(text, "~");
		strncat(text, base, strcspn(base, "."));
	}
	return text;
}

static void test_what_is_needed_comes_first_and_once(void **state)
{
	struct modules *modules = open_with(dep, NULL, NULL);

	assert_int_equal(modules_add(modules, "virtio_blk"), 0);
	assert_int_equal(modules_add(modules, "ext4"), 0);
	assert_int_equal(modules_add(modules, "virtio-blk"), 0);
	assert_string_equal(list(modules), "virtio_ring virtio virtio_blk crc16 jbd2 ext4");
	modules_close(modules);
}

static void test_soft_dependencies_by_name_and_by_alias(void **state)
{
	struct modules *modules = open_with(
		dep, "# a comment\nsoftdep jbd2 post: ext4\nsoftdep ext4 pre: crc32c none unix\n",
		"alias crc32c crc32c_intel\nalias crc32c crc32c_generic\nalias fs-ext4 ext4\n");

	assert_int_equal(modules_add(modules, "ext4"), 0);
	assert_string_equal(list(modules), "crc16 jbd2 ~crc32c-intel ext4");
	modules_close(modules);
}

static void test_built_in_is_there_and_missing_is_not(void **state)
{
	struct modules *modules = open_with(dep, NULL, NULL);

	assert_int_equal(modules_add(modules, "unix"), 0);
	assert_int_equal(modules_add(modules, "ext"), -ENOENT);
	assert_int_equal(modules_add(modules, ""), -ENOENT);
	assert_int_equal(modules_count(modules), 0);
	assert_int_equal(logged.lines, 0);
	modules_close(modules);
}

/* Debian's: ext4 serves its predecessors, as a module or built in. */
static void test_drivers_of_types(void **state)
{
	static const char records[] = "unix.alias=net-pf-1\0ext4.alias=fs-ext3\0ext4.alias=fs-ext4";
	struct modules *modules = open_with(dep, NULL,
					    "alias fs-ext9 none\nalias fs-ext3 none\n"
					    "alias fs-ext3 ext4\nalias fs-unix ext4\n");

	assert_int_equal(modules_add_type(modules, "ext3"), 0);
	assert_string_equal(list(modules), "crc16 jbd2 ext4");
	assert_int_equal(modules_add_type(modules, "ext4"), 0);
	assert_int_equal(modules_add_type(modules, "ext2"), -ENOENT);
	assert_int_equal(modules_add_type(modules, "ext9"), -ENOENT);
	assert_int_equal(modules_add_type(modules, ""), -ENOENT);
	assert_int_equal(modules_count(modules), 3);
	modules_close(modules);

	put_bytes("m/modules.builtin.modinfo", records, sizeof(records));
	modules = open_with("", NULL, NULL);
	assert_int_equal(modules_add_type(modules, "ext3"), 0);
	assert_int_equal(modules_add_type(modules, "ext"), -ENOENT);
	assert_int_equal(modules_add_type(modules, "ext4"), 0);
	assert_int_equal(modules_count(modules), 0);
	assert_int_equal(logged.lines, 0);
	modules_close(modules);
}

static void test_a_circle_ends(void **state)
{
	struct modules *modules = open_with("a.ko: b.ko\nb.ko: a.ko\nkernel/c.ko:\n",
					    "softdep c pre: d\n", "alias d c\n");

	assert_int_equal(modules_add(modules, "a"), -ELOOP);
	assert_said("depends on itself");
	assert_int_equal(modules_add(modules, "c"), -ELOOP);
	assert_said("depends on itself");
	modules_close(modules);
}

static void test_paths_stay_inside(void **state)
{
	static const char *const bad[] = {"../x.ko:\n", "/etc/x.ko:\n", "a/../../x.ko:\n"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct modules *modules = open_with(bad[i], NULL, NULL);

		assert_int_equal(modules_add(modules, "x"), -EINVAL);
		assert_said("is not a path inside the folder");
		modules_close(modules);
	}
}

static void test_odd_lines_are_harmless(void **state)
{
	struct modules *modules = open_with("\n:\n: :\nno colon\n  \na.ko:b.ko\nb.ko:  \t\nx.ko",
					    "softdep\nsoftdep a\nsoftdep a pre:\npre:", "alias\n");

	assert_int_equal(modules_add(modules, "a"), 0);
	assert_int_equal(modules_add(modules, "x"), -ENOENT);
	modules_close(modules);
}

static void test_folders_are_found(void **state)
{
	struct modules *modules;
	char path[128], kernel[128];

	put("boot/vmlinuz", "");
	put("lib/modules/6.1.0/modules.dep", "");
	snprintf(kernel, sizeof(kernel), "%s/boot/vmlinuz", folder);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0", &modules), 0);
	assert_non_null(modules);
	assert_non_null(strstr(modules_folder(modules), "/lib/modules/6.1.0"));
	modules_close(modules);

	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0", &modules), 0);
	assert_non_null(modules);
	modules_close(modules);

	assert_int_equal(modules_open(NULL, kernel, "6.1.0-no-such", &modules), 0);
	assert_null(modules);

	snprintf(path, sizeof(path), "%s/lib/modules/6.1.0", folder);
	assert_int_equal(modules_open(path, kernel, "other", &modules), 0);
	assert_string_equal(modules_folder(modules), path);
	modules_close(modules);
	assert_int_equal(modules_open(folder, kernel, "6.1.0", &modules), 0);
	assert_non_null(modules);
	modules_close(modules);
	assert_int_equal(modules_open(folder, kernel, "other", &modules), -ENOENT);
	assert_said("has neither a modules.dep nor lib/modules/other");
}

/* What was found beside the kernel, and not named: who could have put it there? */
static void test_found_where_others_may_write(void **state)
{
	struct modules *modules;
	char kernel[128], lib[128], dep_file[512];

	put("vmlinuz", "");
	put("lib/modules/6.1.0-lkvm-test/kernel/x.ko", "\x7f"
						       "ELF");
	snprintf(dep_file, sizeof(dep_file), "%s",
		 put("lib/modules/6.1.0-lkvm-test/modules.dep", "kernel/x.ko:\n"));
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
	snprintf(lib, sizeof(lib), "%s/lib", folder);

	chmod(lib, 0777);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0-lkvm-test", &modules), 0);
	assert_null(modules);
	assert_said("/lib is writable for everyone; --modules");
	/* Named, it is the user's own choice. */
	assert_int_equal(modules_open(folder, kernel, "6.1.0-lkvm-test", &modules), 0);
	assert_non_null(modules);
	assert_int_equal(modules_add(modules, "x"), 0);
	modules_close(modules);
	chmod(lib, 0755);
	assert_int_equal(logged.lines, 0);

	chmod(dep_file, 0666);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0-lkvm-test", &modules), 0);
	assert_non_null(modules);
	assert_int_equal(modules_add(modules, "x"), -EPERM);
	assert_said("modules.dep is writable for everyone; --modules");
	modules_close(modules);
	chmod(dep_file, 0644);
	assert_int_equal(logged.lines, 0);
}

static void test_found_of_another_user(void **state)
{
	struct modules *modules;
	char kernel[128], path[128];
	size_t bytes;
	u8 *data;

	if (geteuid() != 0)
		skip();
	put("vmlinuz", "");
	put("lib/modules/6.1.0-lkvm-test/kernel/x.ko", "\x7f"
						       "ELF");
	put("lib/modules/6.1.0-lkvm-test/modules.dep", "kernel/x.ko:\n");
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
	snprintf(path, sizeof(path), "%s/lib/modules/6.1.0-lkvm-test/kernel", folder);
	assert_int_equal(chown(path, 54321, 54321), 0);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0-lkvm-test", &modules), 0);
	assert_int_equal(modules_add(modules, "x"), 0);
	assert_int_equal(modules_read(modules, 0, "6.1.0", &data, &bytes), -EPERM);
	assert_said("/kernel belongs to another user; --modules");
	modules_close(modules);
	/* The kernel's owner is trusted with its modules. */
	assert_int_equal(chown(kernel, 54321, 54321), 0);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0-lkvm-test", &modules), 0);
	assert_int_equal(modules_add(modules, "x"), 0);
	assert_int_equal(modules_read(modules, 0, "6.1.0", &data, &bytes), 0);
	free(data);
	modules_close(modules);
}

/* 200,000 lines, and one that needs as many of which none is there. */
static void test_large_tables(void **state)
{
	enum { COUNT = 200000 };
	char *text = malloc(COUNT * 40), *at = text;
	struct modules *modules;
	u64 start;

	for (unsigned int i = 0; i < COUNT; i++)
		at += sprintf(at, "k/m%u.ko:\n", i);
	at += sprintf(at, "k/x.ko:");
	for (unsigned int i = 0; i < COUNT; i++)
		at += sprintf(at, " k/absent%u.ko", i);
	sprintf(at, "\nk/last.ko: k/m7.ko\n");
	modules = open_with(text, NULL, NULL);
	start = now_ns();
	assert_int_equal(modules_add(modules, "x"), 0);
	assert_int_equal(modules_add(modules, "last"), 0);
	assert_true(now_ns() - start < 10 * NSEC_PER_SEC);
	assert_string_equal(list(modules), "x m7 last");
	modules_close(modules);
	free(text);

	/* Many soft dependencies of one function, each with an alias of its own. */
	text = malloc(COUNT * 40);
	at = text + sprintf(text, "softdep c pre:");
	for (unsigned int i = 0; i < COUNT; i++)
		at += sprintf(at, " f%u", i);
	sprintf(at, "\n");
	put("m/modules.softdep", text);
	at = text;
	for (unsigned int i = 0; i < COUNT; i++)
		at += sprintf(at, "alias f%u unix\n", i);
	modules = open_with("k/c.ko:\n", NULL, text);
	start = now_ns();
	assert_int_equal(modules_add(modules, "c"), 0);
	assert_true(now_ns() - start < 10 * NSEC_PER_SEC);
	assert_string_equal(list(modules), "c");
	modules_close(modules);
	free(text);
}

static void test_too_many_lines(void **state)
{
	size_t bytes = 3 * 1000001;
	char *text = malloc(bytes + 1);
	struct modules *modules;

	for (size_t i = 0; i < bytes; i += 3)
		memcpy(text + i, "a:\n", 3);
	text[bytes] = '\0';
	modules = open_with(text, NULL, NULL);
	assert_int_equal(modules_add(modules, "a"), -E2BIG);
	assert_said("modules.dep: has more than 1000000 lines");
	modules_close(modules);
	free(text);
}

static void test_no_table_is_an_error(void **state)
{
	struct modules *modules;
	char kernel[128];

	put("lib/modules/6.1.0/other", "");
	snprintf(kernel, sizeof(kernel), "%s/vmlinuz", folder);
	assert_int_equal(modules_open(NULL, kernel, "6.1.0", &modules), 0);
	assert_int_equal(modules_add(modules, "ext4"), -ENOENT);
	assert_said("modules.dep: No such file or directory; depmod makes it");
	modules_close(modules);
}

/* Add the module of "x.ko: " and read it. */
static int read_one(const char *version, u8 **data, size_t *bytes)
{
	struct modules *modules = open_with("x.ko:\n", NULL, NULL);
	int err;

	assert_int_equal(modules_add(modules, "x"), 0);
	err = modules_read(modules, 0, version, data, bytes);
	modules_close(modules);
	return err;
}

static void test_bytes_plain_and_packed(void **state)
{
	static u8 module[300000] = "\x7f"
				   "ELF...vermagic=6.1.0 SMP mod_unload";
	static u8 packed[PACK_MAX(sizeof(module))];
	u8 *data;
	size_t bytes;

	put_bytes("m/x.ko", module, sizeof(module));
	assert_int_equal(read_one("6.1.0", &data, &bytes), 0);
	assert_int_equal(bytes, sizeof(module));
	free(data);
	bytes = pack_gzip(packed, module, sizeof(module));
	put_bytes("m/x.ko", packed, bytes);
	assert_int_equal(read_one("6.1.0", &data, &bytes), 0);
	assert_int_equal(bytes, sizeof(module));
	assert_memory_equal(data, module, sizeof(module));
	free(data);
	bytes = pack_gzip(packed, module, sizeof(module));
	put_bytes("m/x.ko", packed, bytes / 2);
	assert_int_equal(read_one("6.1.0", &data, &bytes), -EINVAL);
	assert_said("x.ko: cannot be unpacked: it is damaged or truncated");
}

static void test_another_kernels_module_is_refused(void **state)
{
	u8 *data;
	size_t bytes;

	put("m/x.ko", "\x7f"
		      "ELF vermagic=6.1.0-56-cloud-amd64 SMP");
	assert_int_equal(read_one("6.1.0", &data, &bytes), -EINVAL);
	assert_said("is for kernel 6.1.0-56-cloud-amd64, and the kernel is 6.1.0;");
	put("m/x.ko", "\x7f"
		      "ELF vermagic=6.1");
	assert_int_equal(read_one("6.1.0", &data, &bytes), -EINVAL);
	assert_said("is for kernel 6.1, and");
	put("m/x.ko", "text");
	assert_int_equal(read_one("6.1.0", &data, &bytes), -EINVAL);
	assert_said("is not an ELF file");
	put("m/x.ko", "\x7f"
		      "ELF");
	assert_int_equal(read_one("6.1.0", &data, &bytes), 0);
	free(data);
}

static void test_a_module_that_is_gone(void **state)
{
	u8 *data;
	size_t bytes;

	assert_int_equal(read_one("6.1.0", &data, &bytes), -ENOENT);
	assert_said("x.ko: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_what_is_needed_comes_first_and_once),
		GUEST_TEST(test_soft_dependencies_by_name_and_by_alias),
		GUEST_TEST(test_built_in_is_there_and_missing_is_not),
		GUEST_TEST(test_drivers_of_types),
		GUEST_TEST(test_a_circle_ends),
		GUEST_TEST(test_paths_stay_inside),
		GUEST_TEST(test_odd_lines_are_harmless),
		GUEST_TEST(test_folders_are_found),
		GUEST_TEST(test_found_where_others_may_write),
		GUEST_TEST(test_found_of_another_user),
		GUEST_TEST(test_large_tables),
		GUEST_TEST(test_too_many_lines),
		GUEST_TEST(test_no_table_is_an_error),
		GUEST_TEST(test_bytes_plain_and_packed),
		GUEST_TEST(test_another_kernels_module_is_refused),
		GUEST_TEST(test_a_module_that_is_gone),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
