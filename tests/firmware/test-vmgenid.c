// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins firmware/vmgenid.c: where the ID is, that each power-on has another, what is said of it.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include <kvm/vmgenid.h>

#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <string.h>

static struct kvm kvm;

static void init_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "vmgenid"))
		assert_int_equal(module->init(arg), 0);
}

static void exit_module(const struct init_module *module, void *arg)
{
	if (!strcmp(module->name, "vmgenid"))
		module->exit(arg);
}

static int setup(void **state)
{
	log_record();
	init_for_each(init_module, &kvm);
	return gmem_map(&kvm.mem, 2 * MIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL);
}

static int teardown(void **state)
{
	init_for_each(exit_module, &kvm);
	gmem_unmap(&kvm.mem);
	log_record_end();
	return 0;
}

/* The ID is all that changes, and every time it is another. */
static void test_fresh_at_each_reset(void **state)
{
	static const u8 zero[4096];
	u8 ids[4][VMGENID_BYTES];

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++) {
		const u8 *page = gmem_ptr(&kvm.mem, LAYOUT_VMGENID, 4096);

		assert_int_equal(device_reset_all(), 0);
		memcpy(ids[i], page, VMGENID_BYTES);
		assert_memory_equal(page + VMGENID_BYTES, zero, 4096 - VMGENID_BYTES);
		assert_memory_not_equal(ids[i], zero, VMGENID_BYTES);
		for (unsigned int j = 0; j < i; j++)
			assert_memory_not_equal(ids[i], ids[j], VMGENID_BYTES);
	}
}

static unsigned int records;

static void check_record(void *arg, const struct device_record *record)
{
	records++;
	assert_string_equal(record->cid, "VM_Gen_Counter");
	assert_string_equal(record->ddn, "VM_Gen_Counter");
	assert_memory_equal(record->hid, "LKVM", 4);
	assert_int_equal(record->addr, LAYOUT_VMGENID);
	assert_int_equal(record->addr % 8, 0);
	assert_int_equal(record->count, 0);
}

static void describe(struct device *dev, void *arg)
{
	dev->describe(dev, check_record, arg);
}

static void test_description(void **state)
{
	records = 0;
	device_for_each(describe, NULL);
	assert_int_equal(records, 1);
}

static void test_no_ram(void **state)
{
	gmem_unmap(&kvm.mem);
	assert_int_equal(gmem_map(&kvm.mem, LAYOUT_VMGENID, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL),
			 0);
	assert_int_equal(device_reset_all(), -EFAULT);
	assert_int_equal(logged.lines, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fresh_at_each_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_description, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ram, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
