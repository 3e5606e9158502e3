// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: any files where guest/modules.c expects depmod's, and any bytes in a module.
 *
 * An input is four texts, each begun by a byte of 0xff: modules.dep, modules.softdep, modules.alias
 * and the module's own bytes. Modules of some names are added and read. Invariants, besides what
 * the sanitizers see: no path that is listed leads out of the folder or stands there twice, and
 * there is an end; what is read is an ELF file, packed or not.
 */
#include "guest/modules.h"
#include "tests/lib/fuzz.h"

#include <kvm/util.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXTS 4

static const char *const files[TEXTS] = {"modules.dep", "modules.softdep", "modules.alias", "x.ko"};
static char folder[64];

static void remove_folder(void)
{
	for (unsigned int i = 0; i < TEXTS; i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", folder, files[i]);
		unlink(path);
	}
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	log_set_sink(fuzz_drop_line, NULL);
	snprintf(folder, sizeof(folder), "/dev/shm/fuzz-modules.%d", (int)getpid());
	CHECK(!mkdir(folder, 0700));
	atexit(remove_folder);
	return 0;
}

static void put_text(unsigned int index, const u8 *data, size_t len)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, files[index]);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && !write_full(fd, data, len));
	close(fd);
}

static void check_list(const struct modules *modules)
{
	for (size_t i = 0; i < modules_count(modules); i++) {
		const char *path = modules_at(modules, i)->path;

		CHECK(*path && *path != '/' && !strstr(path, "..") && strlen(path) < PATH_MAX);
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(path, modules_at(modules, j)->path) != 0);
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static const char *const names[] = {"x", "ext4", "virtio-blk", ""};
	struct modules *modules;
	const u8 *end = data + size;

	for (unsigned int i = 0; i < TEXTS; i++) {
		const u8 *next = i + 1 < TEXTS && data < end
					 ? memchr(data, 0xff, (size_t)(end - data))
					 : NULL;

		next = next ?: end;
		put_text(i, data, (size_t)(next - data));
		data = next < end ? next + 1 : end;
	}
	CHECK(!modules_open(folder, "/nowhere", "6.1.0", &modules) && modules);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		modules_add(modules, names[i]);
	check_list(modules);
	for (size_t i = 0; i < modules_count(modules); i++) {
		size_t bytes;
		u8 *bytes_at;

		if (modules_read(modules, i, "6.1.0", &bytes_at, &bytes))
			continue;
		CHECK(bytes >= 4 && !memcmp(bytes_at,
					    "\x7f"
					    "ELF",
					    4));
		free(bytes_at);
	}
	modules_close(modules);
	return 0;
}
