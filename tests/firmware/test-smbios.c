// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins firmware/smbios.c: what a kernel finds when it searches for SMBIOS.
 *
 * The reader is written from the specification and knows nothing of smbios.c: it looks for the
 * entry point where kernels look, follows it, and walks structures and strings; fields are
 * read at the specification's offsets. `test-smbios --dump FILE [CPUS]` writes the tables as
 * `dmidecode --from-dump` reads them, for check-dmidecode.sh to have a second opinion.
 */
#include "firmware/smbios.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include <kvm/cpuid.h>

#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE 0x000806d1
#define FEATURES  0x1f8bfbff

/* What x86/cpuid.c would say. */
void x86_cpuid_signature(u32 *signature, u32 *features)
{
	*signature = SIGNATURE;
	*features = FEATURES;
}

static struct gmem mem;

static int setup(void **state)
{
	log_record();
	return gmem_map(&mem, 2 * MIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL);
}

static int teardown(void **state)
{
	gmem_unmap(&mem);
	log_record_end();
	return 0;
}

/* --- reading as a kernel does --- */

static u64 get(gpa_t gpa, unsigned int bytes)
{
	u64 value = 0;

	assert_int_equal(gmem_read(&mem, gpa, &value, bytes), 0);
	return value;
}

static u8 sum(gpa_t gpa, u64 len)
{
	u8 total = 0;

	while (len--)
		total += get(gpa++, 1);
	return total;
}

#define STRUCTURES_MAX 16

/* What the walk found. */
static struct {
	unsigned int count;
	struct {
		u8 type, len, strings;
		gpa_t at;
	} list[STRUCTURES_MAX];
} dmi;

/* Behind a structure's strings; counts them. */
static gpa_t walk_strings(gpa_t at, gpa_t end, u8 *strings)
{
	*strings = 0;
	if (!get(at, 1) && !get(at + 1, 1))
		return at + 2;
	while (get(at, 1)) {
		while (get(at++, 1))
			assert_in_range(at, 0, end - 1);
		(*strings)++;
	}
	return at + 1;
}

/* The one entry point that there may be. */
static gpa_t find_entry_point(void)
{
	gpa_t found = 0;

	for (gpa_t gpa = 0xf0000; gpa < 0x100000; gpa += 16) {
		if (memcmp(gmem_ptr(&mem, gpa, 5), "_SM3_", 5) != 0)
			continue;
		assert_int_equal(found, 0);
		found = gpa;
	}
	assert_int_not_equal(found, 0);
	return found;
}

/* Find the table, check all that has one right value, list its structures. */
static void read_tables(void)
{
	gpa_t entry = find_entry_point(), at, end;

	assert_int_equal(get(entry + 6, 1), 24);
	assert_int_equal(sum(entry, 24), 0);
	assert_int_equal(get(entry + 7, 3), 3); /* 3.0, revision 0 of the document */
	assert_int_equal(get(entry + 10, 2), 1);
	at = get(entry + 16, 8);
	end = at + get(entry + 12, 4);
	assert_in_range(at, entry + 24, LAYOUT_SMBIOS_END - 1);
	assert_in_range(end, at + 1, LAYOUT_SMBIOS_END);

	for (dmi.count = 0; at < end; dmi.count++) {
		assert_in_range(dmi.count, 0, STRUCTURES_MAX - 1);
		dmi.list[dmi.count].at = at;
		dmi.list[dmi.count].type = get(at, 1);
		dmi.list[dmi.count].len = get(at + 1, 1);
		assert_in_range(dmi.list[dmi.count].len, 4, end - at);
		assert_int_equal(get(at + 2, 2), dmi.count); /* handles: all different */
		at = walk_strings(at + get(at + 1, 1), end, &dmi.list[dmi.count].strings);
	}
	assert_int_equal(at, end);
	assert_int_equal(dmi.list[dmi.count - 1].type, 127);
	assert_int_equal(sum(end, LAYOUT_SMBIOS_END - end), 0);
}

/* The only structure of this type, which has len bytes; its index. */
static unsigned int find(u8 type, u8 len)
{
	unsigned int found = STRUCTURES_MAX;

	for (unsigned int i = 0; i < dmi.count; i++) {
		if (dmi.list[i].type != type)
			continue;
		assert_int_equal(found, STRUCTURES_MAX);
		assert_int_equal(dmi.list[i].len, len);
		found = i;
	}
	assert_in_range(found, 0, dmi.count);
	return found;
}

/* The string that the field at this offset is; "" for none. */
static const char *string(unsigned int i, unsigned int offset)
{
	const char *text = gmem_ptr(&mem, dmi.list[i].at + dmi.list[i].len, 1);
	u8 n = get(dmi.list[i].at + offset, 1);

	assert_in_range(n, 0, dmi.list[i].strings);
	if (!n)
		return "";
	while (--n)
		text += strlen(text) + 1;
	return text;
}

/* --- tests --- */

static void write_tables(const char *name, unsigned int cpus)
{
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(smbios_write(&mem, name, cpus), 0);
	assert_int_equal(logged.lines, 0);
	read_tables();
}

static void test_firmware(void **state)
{
	unsigned int i;

	write_tables("x", 1);
	i = find(0, 0x18);
	assert_string_equal(string(i, 4), "LKVM");
	assert_string_equal(string(i, 5), LKVM_VERSION);
	assert_int_equal(get(dmi.list[i].at + 6, 2), 0);
	assert_int_equal(strspn(string(i, 8), "0123456789/"), 10); /* mm/dd/yyyy */
	assert_int_equal(string(i, 8)[2], '/');
	assert_int_equal(string(i, 8)[5], '/');
	assert_int_equal(get(dmi.list[i].at + 0x0a, 8), 1 << 3);
	assert_int_equal(get(dmi.list[i].at + 0x12, 2), 0x1001); /* ACPI, a virtual machine */
	assert_int_equal(get(dmi.list[i].at + 0x14, 4), 0xffffffff);
}

static void test_system(void **state)
{
	unsigned int i;

	write_tables("guest-42", 1);
	i = find(1, 0x1b);
	assert_string_equal(string(i, 4), "LKVM");
	assert_string_equal(string(i, 5), "Virtual Machine");
	assert_string_equal(string(i, 6), LKVM_VERSION);
	assert_string_equal(string(i, 7), "guest-42");
	assert_int_equal(get(dmi.list[i].at + 8, 8) | get(dmi.list[i].at + 16, 8), 0);
	assert_int_equal(get(dmi.list[i].at + 0x18, 3), 6);
	assert_int_equal(dmi.list[i].strings, 4);
}

/* A name that is empty, as long as can be, longer than that. */
static void test_names(void **state)
{
	char name[2000];

	write_tables("", 1);
	assert_string_equal(string(find(1, 0x1b), 7), "");

	memset(name, 'n', sizeof(name));
	name[64] = 0;
	write_tables(name, 1);
	assert_string_equal(string(find(1, 0x1b), 7), name);

	name[64] = 'n';
	name[sizeof(name) - 1] = 0;
	write_tables(name, 1);
	assert_int_equal(strlen(string(find(1, 0x1b), 7)), 255);
}

static void test_chassis_and_boot(void **state)
{
	unsigned int i;

	write_tables("x", 1);
	i = find(3, 0x16);
	assert_string_equal(string(i, 4), "LKVM");
	assert_int_equal(get(dmi.list[i].at + 5, 1), 1);
	i = find(32, 0x0b);
	assert_int_equal(get(dmi.list[i].at + 10, 1), 0);
	find(127, 4);
}

static void check_processor(unsigned int cpus)
{
	unsigned int i;
	gpa_t at;

	write_tables("x", cpus);
	i = find(4, 0x30);
	at = dmi.list[i].at;
	assert_int_equal(get(at + 5, 1), 3);
	assert_int_equal(get(at + 8, 8), SIGNATURE | (u64)FEATURES << 32);
	assert_int_equal(get(at + 0x18, 1), 0x41);
	assert_int_equal(get(at + 0x1a, 4), 0xffffffff);
	assert_int_equal(get(at + 0x1e, 2), 0xffff);
	assert_int_equal(get(at + 0x23, 3), cpus | cpus << 8 | cpus << 16);
	assert_int_equal(get(at + 0x26, 2), cpus > 1 ? 0x0c : 0x04);
	for (unsigned int field = 0x2a; field < 0x30; field += 2)
		assert_int_equal(get(at + field, 2), cpus);
}

static void test_processor(void **state)
{
	check_processor(1);
	check_processor(2);
	check_processor(255);
}

static void check_mapped(gpa_t at, u64 first, u64 last)
{
	bool wide = last >= 4ULL << 40;

	assert_int_equal(get(at + 4, 4), wide ? 0xffffffff : first / KIB);
	assert_int_equal(get(at + 8, 4), wide ? 0xffffffff : last / KIB);
	assert_int_equal(get(at + 0x0f, 8), wide ? first : 0);
	assert_int_equal(get(at + 0x17, 8), wide ? last : 0);
}

/* The tables tell of other RAM than there is: banks are copied, but not their contents. */
static void check_memory(u64 low, u64 high, u16 size, u32 extended)
{
	struct gmem told = {.banks = {mem.banks[0]}, .count = 1};
	unsigned int array, module, mapped = 0;

	told.banks[0].size = low;
	if (high)
		told.banks[told.count++] = (struct gmem_bank){.base = 4 * GIB, .size = high};
	assert_int_equal(smbios_write(&told, "x", 1), 0);
	read_tables();

	array = find(16, 0x17);
	assert_int_equal(get(dmi.list[array].at + 4, 3), 0x030303);
	assert_int_equal(get(dmi.list[array].at + 7, 4), 0x80000000);
	assert_int_equal(get(dmi.list[array].at + 0x0d, 2), 1);
	assert_int_equal(get(dmi.list[array].at + 0x0f, 8), low + high);
	module = find(17, 0x28);
	assert_int_equal(get(dmi.list[module].at + 4, 2), array);
	assert_int_equal(get(dmi.list[module].at + 0x0c, 2), size);
	assert_int_equal(get(dmi.list[module].at + 0x1c, 4), extended);
	for (unsigned int i = 0; i < dmi.count; i++) {
		const struct gmem_bank *bank = &told.banks[mapped];

		if (dmi.list[i].type != 19)
			continue;
		assert_in_range(mapped, 0, told.count - 1);
		assert_int_equal(dmi.list[i].len, 0x1f);
		check_mapped(dmi.list[i].at, bank->base, bank->base + bank->size - 1);
		assert_int_equal(get(dmi.list[i].at + 0x0c, 2), array);
		mapped++;
	}
	assert_int_equal(mapped, told.count);
}

static void test_memory(void **state)
{
	check_memory(MIB, 0, 1, 1);
	check_memory(512 * MIB + 4096, 0, 512, 512);
	check_memory(3 * GIB, 3 * GIB, 6144, 6144);
	check_memory(3 * GIB, 29 * GIB - MIB, 0x7fff, 32767);
	check_memory(3 * GIB, 61 * GIB, 0x7fff, 65536);
	check_memory(3 * GIB, 1ULL << 51, 0x7fff, 0x7fffffff);
}

static void test_no_ram(void **state)
{
	struct gmem small;

	assert_int_equal(gmem_map(&small, LAYOUT_SMBIOS, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL),
			 0);
	assert_int_equal(smbios_write(&small, "x", 1), -EFAULT);
	assert_int_equal(logged.lines, 1);
	gmem_unmap(&small);
}

static void init_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "smbios"))
		assert_int_equal(module->init(arg), 0);
}

static void exit_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "smbios"))
		module->exit(arg);
}

static void test_reset_writes(void **state)
{
	static struct kvm kvm;

	kvm.mem = mem;
	kvm.cpu_count = 3;
	config.name = "the-name";
	init_for_each(init_module, &kvm);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(gmem_clear(&mem), 0);
		assert_int_equal(device_reset_all(), 0);
		read_tables();
		assert_string_equal(string(find(1, 0x1b), 7), "the-name");
		assert_int_equal(get(dmi.list[find(4, 0x30)].at + 0x23, 1), 3);
	}
	init_for_each(exit_module, &kvm);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(get(LAYOUT_SMBIOS, 8), 0);
}

/* --- the dump: the entry point, which then says 32, and there the structures --- */

static int dump(const char *path, const char *cpus)
{
	u8 head[32] = {0};
	FILE *file = fopen(path, "w");
	gpa_t table;
	u32 len;

	setup(NULL);
	log_record_end();
	if (!file || smbios_write(&mem, "guest-42", cpus ? (unsigned int)atoi(cpus) : 1))
		return 1;
	gmem_read(&mem, LAYOUT_SMBIOS, head, 24);
	table = get(LAYOUT_SMBIOS + 16, 8);
	len = get(LAYOUT_SMBIOS + 12, 4);
	memset(head + 16, 0, 8);
	head[16] = sizeof(head);
	head[5] += sum(LAYOUT_SMBIOS + 16, 8) - sizeof(head);
	if (fwrite(head, sizeof(head), 1, file) != 1 ||
	    fwrite(gmem_ptr(&mem, table, len), len, 1, file) != 1 || fclose(file))
		return 1;
	return teardown(NULL);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_firmware, setup, teardown),
		cmocka_unit_test_setup_teardown(test_system, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_chassis_and_boot, setup, teardown),
		cmocka_unit_test_setup_teardown(test_processor, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reset_writes, setup, teardown),
	};

	if (argc > 2 && !strcmp(argv[1], "--dump"))
		return dump(argv[2], argv[3]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
