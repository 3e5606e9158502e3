// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins guest/initramfs.c: when lkvm's init is wanted, and what its archive holds.
 *
 * Options are given as on a command line. They stay from one test to the next, so each test
 * begins with none of them.
 */
#include "guest-fixture.h"

#include <kvm/config.h>
#include <kvm/feature.h>
#include <kvm/initramfs.h>
#include <kvm/options.h>
#include <kvm/own-init.h>

static const char *params[2];

static void options(const char *const *words)
{
	char *argv[24] = {(char *)"run",	  (char *)"--no-root",
			  (char *)"--no-exec",	  (char *)"--no-user",
			  (char *)"--no-modules", (char *)"--no-initramfs-out"};
	int argc = 6, positional;

	config.nodefaults = false;
	config.params = (struct option_list){0};
	while (*words)
		argv[argc++] = (char *)*words++;
	assert_int_equal(options_parse("run", argc, argv, &positional), 0);
}

#define OPTIONS(...) options((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void with_param(const char *param)
{
	params[0] = param;
	config.params = (struct option_list){.items = params, .count = 1};
}

static void assert_wanted(bool has_initrd, int wanted, bool is_required)
{
	bool required = !is_required;

	assert_int_equal(initramfs_wanted(has_initrd, &required), wanted);
	if (wanted > 0)
		assert_true(required == is_required);
	assert_int_equal(logged.lines, 0);
}

static void assert_contradiction(const char *what)
{
	bool required;

	assert_int_equal(initramfs_wanted(false, &required), -EINVAL);
	assert_said(what);
}

static void test_when_it_is_wanted(void **state)
{
	OPTIONS();
	assert_wanted(false, 1, false);
	assert_wanted(true, 0, false);
	with_param("quiet rdinit=/bin/sh");
	assert_wanted(false, 0, false);
	with_param("xrdinit=/bin/sh");
	assert_wanted(false, 1, false);
	OPTIONS("--root", "/dev/vda");
	assert_wanted(true, 1, true);
	OPTIONS("--exec", "true");
	assert_wanted(true, 1, true);
	OPTIONS("--modules", "/x");
	assert_wanted(true, 1, true);
	OPTIONS("--modules=none");
	assert_wanted(false, 0, false);
	OPTIONS();
	config.nodefaults = true;
	assert_wanted(false, 0, false);
}

static void test_what_contradicts_itself(void **state)
{
	OPTIONS("--exec", "true", "--modules=none");
	assert_contradiction("--exec: needs lkvm's own init, which --modules=none turns off");
	OPTIONS("--root", "/dev/vda");
	config.nodefaults = true;
	assert_contradiction("--nodefaults turns off");
	OPTIONS("--root", "/dev/vda");
	with_param("rdinit=/init");
	assert_contradiction("rdinit=/init names another");
	OPTIONS("--user", "joe");
	assert_contradiction("needs --exec, which is not given");
	OPTIONS("--exec", "one\ntwo");
	assert_contradiction("has more than one line");
}

/* An id must not lose its upper bits on its way into the guest: 4294967296 would be root. */
static void test_user(void **state)
{
	static const char *const good[] = {"joe", "0", "1000", "4294967294", "-joe", "1000x", "x1"};
	static const char *const bad[] = {"4294967295",
					  "4294967296",
					  "18446744073709551616",
					  "-4294967296",
					  "-1",
					  "+1",
					  "--1",
					  "00000000000000000000018446744073709551616"};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		OPTIONS("--exec", "true", "--user", good[i]);
		assert_wanted(false, 1, true);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		OPTIONS("--exec", "true", "--user", bad[i]);
		assert_contradiction("takes a name, or a number from 0 to 4294967294");
	}
	OPTIONS("--exec", "true", "--user", "joe\nexec false");
	assert_contradiction("--user: has more than one line");
}

/* The data of the archive's entry of this name; NULL when there is none. */
static const char *entry(const u8 *data, size_t bytes, const char *name, size_t *len)
{
	size_t at = 0;

	while (at + 110 < bytes) {
		char digits[9] = "";
		size_t name_bytes, size, body;

		memcpy(digits, data + at + 54, 8);
		size = strtoul(digits, NULL, 16);
		memcpy(digits, data + at + 94, 8);
		name_bytes = strtoul(digits, NULL, 16);
		body = at + ALIGN_UP(110 + name_bytes, 4UL);
		if (!strcmp((const char *)data + at + 110, name)) {
			*len = size;
			return (const char *)data + body;
		}
		at = body + ALIGN_UP(size, 4UL);
	}
	return NULL;
}

static const char module_text[] = "\x7f"
				  "ELF vermagic=6.1.0 SMP";

/* Modules of a kernel 6.1.0 beside "vmlinuz" in the folder. */
static struct initramfs_plan plan_with_modules(char kernel[128])
{
	put("lib/modules/6.1.0/modules.dep",
	    "k/virtio_blk.ko: k/virtio.ko\nk/virtio.ko:\nk/ext4.ko:\nk/crc32c_intel.ko:\n");
	put("lib/modules/6.1.0/modules.softdep", "softdep ext4 pre: crc32c_intel\n");
	put("lib/modules/6.1.0/k/virtio_blk.ko", module_text);
	put("lib/modules/6.1.0/k/virtio.ko", module_text);
	put("lib/modules/6.1.0/k/ext4.ko", module_text);
	put("lib/modules/6.1.0/k/crc32c_intel.ko", module_text);
	snprintf(kernel, 128, "%s/vmlinuz", folder);
	return (struct initramfs_plan){
		.kernel = kernel, .version = "6.1.0", .drivers = {"virtio_blk"}, .driver_count = 1};
}

static void test_the_archive(void **state)
{
	char kernel[128], config_text[512];
	struct initramfs_plan plan = plan_with_modules(kernel);
	const char *text;
	const void *data;
	size_t bytes, len;

	OPTIONS("--root=/dev/vda5", "--exec=echo hello", "--user=joe");
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	text = entry(data, bytes, "lkvm/config", &len);
	assert_non_null(text);
	snprintf(config_text, sizeof(config_text), "%.*s", (int)len, text);
	assert_non_null(strstr(config_text, "hostname a-guest\n"));
	assert_non_null(strstr(config_text, "root /dev/vda5\nroot-by --root\n"
					    "exec echo hello\nuser joe\n"
					    "module lkvm/modules/00-virtio.ko\n"
					    "module lkvm/modules/01-virtio_blk.ko\n"
					    "try-module lkvm/modules/02-crc32c_intel.ko\n"
					    "module lkvm/modules/03-ext4.ko\n"));
	text = entry(data, bytes, "lkvm/modules/03-ext4.ko", &len);
	assert_non_null(text);
	assert_int_equal(len, strlen(module_text));
	assert_memory_equal(text, module_text, len);
	text = entry(data, bytes, "lkvm/init", &len);
	assert_non_null(text);
	assert_memory_equal(text,
			    "\x7f"
			    "ELF",
			    4);
	assert_null(entry(data, bytes, "init", &len));
	assert_non_null(entry(data, bytes, "TRAILER!!!", &len));
	initramfs_free();
}

/* The lines of /lkvm/config about standard input and output, with descriptor in as the first. */
static const char *console_lines(int in)
{
	static char found[256];
	struct initramfs_plan plan = {.kernel = "/nowhere/vmlinuz", .version = "6.1.0-nowhere"};
	int saved = dup(STDIN_FILENO);
	char config_text[512];
	const char *text;
	const void *data;
	size_t bytes, len;

	dup2(in, STDIN_FILENO);
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	dup2(saved, STDIN_FILENO);
	close(saved);
	text = entry(data, bytes, "lkvm/config", &len);
	snprintf(config_text, sizeof(config_text), "%.*s", (int)len, text);
	found[0] = 0;
	for (char *line = strtok(config_text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "input", 5))
			strcat(strcat(found, line), ";");
	}
	initramfs_free();
	return found;
}

static void test_standard_input_is_described(void **state)
{
	int null = open("/dev/null", O_RDONLY), ends[2];

	assert_int_equal(pipe(ends), 0);
	OPTIONS("--exec=cat");
	assert_string_equal(console_lines(ends[0]), "input pipe ttyS0;");
	assert_true(own_init_frames());
	config.console = CONSOLE_VIRTIO;
	assert_string_equal(console_lines(ends[0]), "input pipe hvc0;");
	config.console = CONSOLE_SERIAL;
	assert_string_equal(console_lines(null), "input none;");
	assert_false(own_init_frames());
	/* Whoever attaches to it later types on a terminal. */
	config.detach = true;
	assert_string_equal(console_lines(null), "");
	config.detach = false;
	/* The shell is like a command. A root's own init is not. */
	OPTIONS();
	assert_string_equal(console_lines(ends[0]), "input pipe ttyS0;");
	OPTIONS("--root=/dev/vda");
	own_init_expect(false);
	assert_string_equal(console_lines(ends[0]), "");
	assert_false(own_init_frames());
	close(null);
	close(ends[0]);
	close(ends[1]);
}

/* The lines about the root of /lkvm/config, with these parameters; NULL: refused. */
static const char *root_lines(const char *param)
{
	static char lines_of_it[256];
	char kernel[128];
	struct initramfs_plan plan = plan_with_modules(kernel);
	const char *text, *end;
	const void *data;
	size_t bytes, len;

	with_param(param);
	if (initramfs_make(&plan, &data, &bytes))
		return NULL;
	text = entry(data, bytes, "lkvm/config", &len);
	assert_non_null(text);
	text = memmem(text, len, "\nroot ", 6);
	assert_non_null(text);
	end = strstr(++text, "module ");
	snprintf(lines_of_it, sizeof(lines_of_it), "%.*s", (int)(end - text), text);
	initramfs_free();
	return lines_of_it;
}

static void test_the_kernels_words_about_the_root(void **state)
{
	OPTIONS();
	assert_string_equal(root_lines("root=/dev/vdx ro root=/dev/vdy"),
			    "root /dev/vdy\nroot-by root=\n");
	assert_string_equal(root_lines("\"root=/dev/vdx\" -- root=/dev/vdy"),
			    "root /dev/vdx\nroot-by root=\n");
	assert_string_equal(root_lines("root=fe01 rootfstype=ext4"),
			    "root 254:1\nroot-by root=\ntype ext4\n");
	/* Of a list one driver must be there. */
	assert_string_equal(root_lines("root=/dev/vdx rootfstype=\"xfs,ext4\""),
			    "root /dev/vdx\nroot-by root=\ntype xfs,ext4\n");
	assert_null(root_lines("root=/dev/vdx rootfstype=xfs,btrfs"));
	assert_said("has no driver for rootfstype=xfs,btrfs, which the root /dev/vdx needs");
	assert_null(root_lines("root=sda1"));
	assert_said("root=sda1: a device (/dev/vda1, 254:1)");
	OPTIONS("--root=/dev/vdz");
	assert_string_equal(root_lines("root=/dev/vdx"), "root /dev/vdz\nroot-by --root\n");
}

static void test_a_missing_driver_is_named(void **state)
{
	char kernel[128];
	struct initramfs_plan plan = plan_with_modules(kernel);
	const void *data;
	size_t bytes;

	OPTIONS();
	plan.drivers[0] = "virtio_rng";
	assert_int_equal(initramfs_make(&plan, &data, &bytes), -ENOENT);
	assert_said("has no driver virtio_rng, which this machine needs");
	put("lib/modules/6.1.0/modules.builtin", "k/virtio_rng.ko\n");
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	assert_int_equal(logged.lines, 0);
	initramfs_free();
}

/* Packed modules can be small, and together more than there is memory for. */
static void test_modules_that_do_not_fit(void **state)
{
	char kernel[128];
	struct initramfs_plan plan = plan_with_modules(kernel);
	const void *data;
	size_t bytes;

	OPTIONS();
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	config.mem_bytes = bytes + 1;
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	config.mem_bytes = 1000;
	assert_int_equal(initramfs_make(&plan, &data, &bytes), -ENOMEM);
	assert_said("does not fit into RAM with those before it; --mem gives");
	config.mem_bytes = 0;
}

static void test_without_modules(void **state)
{
	struct initramfs_plan plan = {.kernel = "/nowhere/vmlinuz",
				      .version = "6.1.0-nowhere",
				      .drivers = {"virtio_blk"},
				      .driver_count = 1};
	const char *text;
	const void *data;
	size_t bytes, len;

	OPTIONS();
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	text = entry(data, bytes, "lkvm/config", &len);
	assert_non_null(memmem(text, len, "no-modules-of 6.1.0-nowhere\n", 28));
	assert_null(memmem(text, len, "root", 4));
	initramfs_free();
}

static void test_it_is_written_out(void **state)
{
	char kernel[128], path[160], word[200];
	struct initramfs_plan plan = plan_with_modules(kernel);
	const void *data;
	size_t bytes;
	struct stat st;

	snprintf(path, sizeof(path), "%s/out.cpio", folder);
	snprintf(word, sizeof(word), "--initramfs-out=%s", path);
	OPTIONS(word);
	assert_int_equal(initramfs_make(&plan, &data, &bytes), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, bytes);
	initramfs_free();
	OPTIONS("--initramfs-out=/nowhere/x");
	assert_int_equal(initramfs_make(&plan, &data, &bytes), -ENOENT);
	assert_said("--initramfs-out /nowhere/x: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST_TEST(test_when_it_is_wanted),
		GUEST_TEST(test_what_contradicts_itself),
		GUEST_TEST(test_user),
		GUEST_TEST(test_the_archive),
		GUEST_TEST(test_standard_input_is_described),
		GUEST_TEST(test_a_missing_driver_is_named),
		GUEST_TEST(test_modules_that_do_not_fit),
		GUEST_TEST(test_the_kernels_words_about_the_root),
		GUEST_TEST(test_without_modules),
		GUEST_TEST(test_it_is_written_out),
	};

	config.name = "a-guest";
	if (!feature_is_built("init") || !feature_is_built("blkid"))
		return 0;
	return cmocka_run_group_tests_name("initramfs", tests, NULL, NULL);
}
