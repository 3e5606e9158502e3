// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/limits.c: which words bind whoever places the kernel, and where mem= ends RAM.
 */
#include "tests/lib/test.h"

#include <kvm/limits.h>

#include <stdlib.h>
#include <string.h>

/* A copy of its exact size, so that a sanitizer sees a read beyond it. */
static bool limits(const char *line)
{
	char *copy = strdup(line);
	bool answer = limits_bind_kernel(copy);

	free(copy);
	return answer;
}

static u64 mem_limit(const char *line)
{
	char *copy = strdup(line);
	u64 answer = limits_end_ram(copy);

	free(copy);
	return answer;
}

static void test_words_that_bind(void **state)
{
	static const char *const lines[] = {
		"mem=64M",
		"quiet mem=64M",
		"  mem=64M quiet",
		"quiet\tmem=64M",
		"quiet\nmem=64M",
		"\"mem=64M\"",
		"mem=\"64M\"",
		"mem=",
		"mem",
		"memmap=exactmap",
		"memmap=64M$192M",
		"memmap=64M!192M quiet",
		"memmap=64M#192M",
		"memmap=64M%0x8000000-1+12",
		"memmap=64M@16M,1M!2M",
		"hugepages=2",
		"hugepagesz=1G hugepages=1",
		"default_hugepagesz=1G",
		"default-hugepagesz=1G",
		"efi_fake_mem=1M@2M:0x10000",
		"movable_node",
		"\"movable_node\"",
		"acpi_rsdp=0x1000",
		"init=\"/bin/sh -c true\" mem=64M",
		"a=\"b c\"d mem=1G",
		"--x mem=64M",
		"--=1 mem=64M",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!limits(lines[i]))
			fail_msg("'%s' does not bind", lines[i]);
	}
}

static void test_words_that_do_not(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"\"",
		"\"\"",
		"=",
		"quiet console=ttyS0",
		"memory=64M",
		"xmem=64M",
		"mem.x=64M",
		"memtest=3",
		"nomovable_node",
		"hugepagesX=1",
		"init=mem=64M",
		"init=\"/bin/sh mem=64M\"",
		"\"init=/bin/sh mem=64M\"",
		"quiet -- mem=64M",
		"-- memmap=1M!1M",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		if (limits(lines[i]))
			fail_msg("'%s' binds", lines[i]);
	}
}

static void test_mem_limit(void **state)
{
	static const struct {
		const char *line;
		u64 limit;
	} cases[] = {
		{"", UINT64_MAX},
		{"quiet", UINT64_MAX},
		{"mem=64M", 64 * MIB},
		{"mem=64m quiet", 64 * MIB},
		{"mem=\"64M\" quiet", 64 * MIB},
		{"\"mem=64M\"", 64 * MIB},
		{"mem=65536K", 64 * MIB},
		{"mem=0x4000000", 64 * MIB},
		{"mem=0x40M", 64 * MIB},
		{"mem=2G", 2 * GIB},
		{"mem=1T", 1ULL << 40},
		{"mem=1P", 1ULL << 50},
		{"mem=1E", 1ULL << 60},
		{"mem=16E", UINT64_MAX}, /* does not wrap */
		{"mem=99999999999999999999", UINT64_MAX},
		{"mem=100", 100},
		{"mem=nopentium", UINT64_MAX},
		{"mem=", UINT64_MAX},
		{"mem=\"", UINT64_MAX},
		{"mem", UINT64_MAX},
		{"mem=-1", UINT64_MAX},
		{"mem=0", UINT64_MAX},
		{"mem=256M mem=128M", 128 * MIB},
		{"mem=128M mem=256M", 128 * MIB},
		{"memmap=64M", 64 * MIB},
		{"memmap=exactmap", UINT64_MAX},
		{"memmap=64M@16M", UINT64_MAX},
		{"memmap=64M$16M", UINT64_MAX},
		{"memmap=64M!16M,128M", 128 * MIB},
		{"memmap=128M,64M", 64 * MIB},
		{"memmap=,", UINT64_MAX},
		{"memmap=\"64M\"", 64 * MIB},
		{"mem=256M memmap=64M", 64 * MIB},
		{"-- mem=64M", UINT64_MAX},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (mem_limit(cases[i].line) != cases[i].limit)
			fail_msg("'%s': 0x%llx", cases[i].line, mem_limit(cases[i].line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_that_bind),
		cmocka_unit_test(test_words_that_do_not),
		cmocka_unit_test(test_mem_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
