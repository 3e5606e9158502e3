// SPDX-License-Identifier: GPL-2.0-only
/*
 * pci/pci.c: the two ways to configuration space, what is there, and who owns port 0xcf9.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/bus.h>
#include <kvm/device.h>
#include <kvm/pci.h>
#include <pthread.h>
#include <string.h>

#define ADDRESS		0xcf8
#define DATA		0xcfc
#define ENABLE		0x80000000U
#define BDF(b, d, f, r) (ENABLE | (b) << 16 | (d) << 11 | (f) << 8 | (r))

/* The header's registers, PCI 3.0 section 6.1; what is not named is 0. */
static const u8 header[256] = {
	[0x00] = 0x36, [0x01] = 0x1b, [0x02] = 0x08, /* vendor, device */
	[0x0b] = 0x06,				     /* class: bridge, host */
	[0x2c] = 0xf4, [0x2d] = 0x1a, [0x2f] = 0x11, /* subsystem */
};

#define COMMAND	     0x04
#define COMMAND_BITS 0x0404 /* bus master, interrupt disable */

static u32 config_in(u32 address, unsigned int len)
{
	fake_out(ADDRESS, 4, address & ~3U);
	return fake_in(DATA + (address & 3), len);
}

static void config_out(u32 address, unsigned int len, u32 value)
{
	fake_out(ADDRESS, 4, address & ~3U);
	fake_out(DATA + (address & 3), len, value);
}

static u32 ones(unsigned int len)
{
	return UINT32_MAX >> (32 - 8 * len);
}

/* The header as it must read, with the command register's value. */
static u32 expected(unsigned int reg, unsigned int len, u16 command)
{
	u32 value = 0;

	for (unsigned int i = 0; i < len; i++) {
		u8 byte = header[reg + i];

		if (reg + i == COMMAND || reg + i == COMMAND + 1)
			byte = command >> 8 * (reg + i - COMMAND);
		value |= (u32)byte << 8 * i;
	}
	return value;
}

static void check_header(u16 command)
{
	for (unsigned int reg = 0; reg < 256; reg++) {
		for (unsigned int len = 1; len <= 4; len *= 2) {
			if (reg % 4 + len <= 4)
				assert_int_equal(config_in(BDF(0, 0, 0, reg), len),
						 expected(reg, len, command));
		}
	}
}

static void test_header(void **state)
{
	check_header(0);
	assert_int_equal(config_in(BDF(0, 0, 0, 0x00), 4), 0x00081b36);
	assert_int_equal(config_in(BDF(0, 0, 0, 0x08), 4), 0x06000000);
	assert_int_equal(config_in(BDF(0, 0, 0, 0x2c), 4), 0x11001af4);
}

/* All ones and all zeroes to each register, at each size: the command register alone gives way. */
static void test_writes(void **state)
{
	for (unsigned int len = 1; len <= 4; len *= 2) {
		for (unsigned int reg = 0; reg < 256; reg++) {
			if (reg % 4 + len <= 4)
				config_out(BDF(0, 0, 0, reg), len, ones(len));
		}
		check_header(COMMAND_BITS);
		for (unsigned int reg = 0; reg < 256; reg++) {
			if (reg % 4 + len <= 4)
				config_out(BDF(0, 0, 0, reg), len, 0);
		}
		check_header(0);
	}
}

/* A write changes the bytes it has, and no other. */
static void test_partial_writes(void **state)
{
	config_out(BDF(0, 0, 0, COMMAND), 1, 0xff);
	check_header(0x0004);
	config_out(BDF(0, 0, 0, COMMAND + 1), 1, 0xff);
	check_header(0x0404);
	config_out(BDF(0, 0, 0, COMMAND), 1, 0);
	check_header(0x0400);
	config_out(BDF(0, 0, 0, COMMAND + 1), 2, 0x0000);
	check_header(0);
	config_out(BDF(0, 0, 0, COMMAND), 2, 0x0400);
	check_header(0x0400);
	config_out(BDF(0, 0, 0, COMMAND), 4, 0xffff0004);
	check_header(0x0004);
	config_out(BDF(0, 0, 0, COMMAND), 4, 0xffff0404);
	check_header(0x0404);
	config_out(BDF(0, 0, 0, COMMAND + 2), 2, 0);
	check_header(0x0404);
}

/* Sizing a BAR, as every operating system does: there is none, and no ROM. */
static void test_no_bars(void **state)
{
	for (unsigned int reg = 0x10; reg <= 0x30; reg += 4) {
		if (reg == 0x28 || reg == 0x2c)
			continue;
		config_out(BDF(0, 0, 0, reg), 4, 0xffffffff);
		assert_int_equal(config_in(BDF(0, 0, 0, reg), 4), 0);
	}
}

static void check_absent(u32 address)
{
	for (unsigned int at = 0; at < 4; at++) {
		for (unsigned int len = 1; at + len <= 4; len *= 2) {
			assert_int_equal(config_in(address + at, len), ones(len));
			config_out(address + at, len, ones(len));
		}
	}
}

static void test_absent_functions(void **state)
{
	for (unsigned int devfn = 1; devfn < 256; devfn++) {
		check_absent(BDF(0, devfn >> 3, devfn & 7, 0));
		check_absent(BDF(0, devfn >> 3, devfn & 7, COMMAND));
		check_absent(BDF(0, devfn >> 3, devfn & 7, 0xfc));
	}
	for (unsigned int bus = 1; bus < 256; bus++) {
		check_absent(BDF(bus, 0, 0, COMMAND));
		check_absent(BDF(bus, 31, 7, COMMAND));
	}
	check_header(0);
	assert_int_equal(fake.resets, 0);
}

static void test_address_register(void **state)
{
	assert_int_equal(fake_in(ADDRESS, 4), 0);
	fake_out(ADDRESS, 4, 0xffffffff);
	assert_int_equal(fake_in(ADDRESS, 4), 0x80fffffc); /* 30:24 and 1:0 are reserved */
	for (unsigned int bit = 0; bit < 32; bit++) {
		fake_out(ADDRESS, 4, 1U << bit);
		assert_int_equal(fake_in(ADDRESS, 4), 1U << bit & 0x80fffffc);
	}
	/* What Linux does to find out whether there is a mechanism #1. */
	fake_outb(ADDRESS + 3, 0x01);
	fake_out(ADDRESS, 4, 0x80000000);
	assert_int_equal(fake_in(ADDRESS, 4), 0x80000000);
}

/* Anything but 32 bits at 0xcf8 is none of CONFIG_ADDRESS's business. */
static void test_address_is_32_bits(void **state)
{
	u32 address = BDF(0, 0, 0, 0x2c);

	for (unsigned int at = 0; at < 4; at++) {
		for (unsigned int len = 1; len <= 4; len *= 2) {
			if ((at == 0 && len == 4) || (at == 1 && len == 1))
				continue; /* the two that have an owner */
			fake_out(ADDRESS, 4, address);
			if (at + len <= 4)
				fake_out(ADDRESS + at, len, 0);
			assert_int_equal(fake_in(ADDRESS + at, len), ones(len));
			assert_int_equal(fake_in(ADDRESS, 4), address);
		}
	}
	assert_int_equal(fake.resets, 0);
}

static void test_enable_bit(void **state)
{
	check_absent(BDF(0, 0, 0, 0) & ~ENABLE);
	check_absent(BDF(0, 0, 0, COMMAND) & ~ENABLE);
	check_header(0);
}

/* --- port 0xcf9 --- */

/*
 * The second byte of CONFIG_ADDRESS is device and function: whatever it is, and whatever the
 * reset register holds, selecting a function and looking at it asks for no reset.
 */
static void test_address_never_resets(void **state)
{
	static const u8 held[] = {0x00, 0x02, 0x0a};

	for (unsigned int i = 0; i < ARRAY_SIZE(held); i++) {
		fake_outb(PORT_RESET, held[i]);
		for (u32 second = 0; second < 256; second++) {
			fake_out(ADDRESS, 4, ENABLE | second << 8);
			fake_in(DATA, 4);
			fake_out(DATA, 4, 0xffffffff);
			fake_out(ADDRESS, 4, second << 8);
			fake_out(ADDRESS, 4, 0x00ff00ff | second << 8);
			assert_int_equal(fake.resets, 0);
			assert_int_equal(fake_inb(PORT_RESET), held[i]);
		}
	}
}

static void test_byte_write_resets(void **state)
{
	u32 address = BDF(0, 0, 4, 0);

	fake_out(ADDRESS, 4, address);
	fake_outb(PORT_RESET, 0x02);
	assert_int_equal(fake.resets, 0);
	fake_outb(PORT_RESET, 0x06);
	assert_int_equal(fake.resets, 1);
	assert_int_equal(fake_inb(PORT_RESET), 0x06);
	assert_int_equal(fake_in(ADDRESS, 4), address); /* two registers, not one */
}

static void test_wider_writes_do_not_reset(void **state)
{
	fake_out(PORT_RESET, 2, 0x0606);
	fake_out(PORT_RESET, 4, 0x06060606);
	fake_out(ADDRESS, 2, 0x0606);
	assert_int_equal(fake.resets, 0);
	assert_int_equal(fake_inb(PORT_RESET), 0);
}

/* --- ECAM --- */

static u64 ecam_in(u64 offset, unsigned int len)
{
	u8 data[8];
	u64 value = 0;

	bus_read(&fake.kvm.mmio, LAYOUT_ECAM + offset, data, len);
	for (unsigned int i = 0; i < len; i++)
		value |= (u64)data[i] << 8 * i;
	return value;
}

static void ecam_out(u64 offset, unsigned int len, u64 value)
{
	u8 data[8];

	for (unsigned int i = 0; i < len; i++)
		data[i] = value >> 8 * i;
	bus_write(&fake.kvm.mmio, LAYOUT_ECAM + offset, data, len);
}

/* The same registers as through the ports, at any size and alignment. */
static void test_ecam(void **state)
{
	ecam_out(COMMAND, 2, 0xffff);
	check_header(COMMAND_BITS);
	for (unsigned int reg = 0; reg < 256; reg++) {
		for (unsigned int len = 1; len <= 4 && reg + len <= 256; len *= 2)
			assert_int_equal(ecam_in(reg, len), expected(reg, len, COMMAND_BITS));
	}
	assert_int_equal(ecam_in(0, 8), (u64)COMMAND_BITS << 32 | 0x00081b36);
	ecam_out(COMMAND, 4, 0);
	check_header(0);
}

/* Kernels that read no tables look for an HPET there: nothing answers. */
static void test_no_hpet(void **state)
{
	u8 data[8];

	for (u64 at = LAYOUT_HPET; at < LAYOUT_HPET + 0x400; at += sizeof(data)) {
		memset(data, 0, sizeof(data));
		bus_read(&fake.kvm.mmio, at, data, sizeof(data));
		for (size_t i = 0; i < sizeof(data); i++)
			assert_int_equal(data[i], 0xff);
	}
}

/* A conventional function has 256 bytes; the rest of its page, and all other pages, are void. */
static void test_ecam_absent(void **state)
{
	for (u64 offset = 256; offset < LAYOUT_ECAM_BYTES; offset += offset < 0x2000 ? 4 : 0x400) {
		assert_int_equal(ecam_in(offset, 4), 0xffffffff);
		ecam_out(offset, 4, 0xffffffff);
	}
	assert_int_equal(ecam_in(254, 4), 0xffffffff);
	ecam_out(254, 4, 0xffffffff);
	assert_int_equal(ecam_in(LAYOUT_ECAM_BYTES - 1, 4), 0xffffffff);
	check_header(0);
}

/* --- two vCPUs at once, for TSAN=1 --- */

static void *hammer(void *arg)
{
	for (unsigned int i = 0; i < 2000; i++) {
		fake_out(ADDRESS, 4, BDF(0, i % 32, 0, COMMAND));
		fake_out(DATA, 4, i);
		fake_in(DATA, 4);
		fake_inb(PORT_RESET);
		ecam_out(COMMAND, 2, i);
		if (ecam_in(0, 4) != 0x00081b36)
			return (void *)1;
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	pthread_t other;
	void *failed;

	assert_int_equal(pthread_create(&other, NULL, hammer, NULL), 0);
	assert_null(hammer(NULL));
	assert_int_equal(pthread_join(other, &failed), 0);
	assert_null(failed);
	assert_int_equal(fake.resets, 0);
}

/* --- the machine's side --- */

static void test_reset(void **state)
{
	config_out(BDF(0, 0, 0, COMMAND), 2, 0xffff);
	check_header(COMMAND_BITS);
	fake_outb(PORT_RESET, 0x02);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(fake_in(ADDRESS, 4), 0);
	assert_int_equal(fake_in(DATA, 4), 0xffffffff);
	assert_int_equal(fake_inb(PORT_RESET), 0);
	check_header(0);
}

static const struct device_resource want[] = {
	{.type = RESOURCE_BUS_NUMBERS, .base = 0, .len = 1},
	{.type = RESOURCE_PORT, .base = 0xcf8, .len = 8},
	{.type = RESOURCE_PORT_WINDOW, .base = 0, .len = 0xcf8},
	{.type = RESOURCE_PORT_WINDOW, .base = 0xd00, .len = 0xf300},
	{.type = RESOURCE_MMIO_WINDOW, .base = 0xc0000000, .len = 0x3ea00000},
	{.type = RESOURCE_ECAM, .base = LAYOUT_ECAM, .len = 0x100000},
};

static void see_record(void *arg, const struct device_record *record)
{
	assert_string_equal(record->hid, "PNP0A03");
	assert_string_equal(record->stem, "PCI");
	assert_int_equal(record->uid, 0);
	assert_int_equal(record->count, ARRAY_SIZE(want));
	for (unsigned int i = 0; i < record->count; i++) {
		assert_int_equal(record->resources[i].type, want[i].type);
		assert_int_equal(record->resources[i].base, want[i].base);
		assert_int_equal(record->resources[i].len, want[i].len);
	}
	++*(unsigned int *)arg;
}

static void see_device(struct device *dev, void *arg)
{
	if (dev->describe)
		dev->describe(dev, see_record, arg);
}

static void test_describe(void **state)
{
	unsigned int records = 0;

	device_for_each(see_device, &records);
	assert_int_equal(records, 1);
}

/* The board has slots for 32 virtio disks; what comes after them goes behind all slots. */
static void test_slots(void **state)
{
	static struct pci_function disks[34], rng, other;
	struct pci_function *functions[ARRAY_SIZE(disks) + 2];
	unsigned int count = 0;

	rng = (struct pci_function){.name = "rng", .vendor = 0x1af4, .device = 0x1044};
	other = (struct pci_function){.name = "other", .vendor = 0x1af4, .device = 0x107f};
	functions[count++] = &other;
	functions[count++] = &rng;
	for (unsigned int i = 0; i < ARRAY_SIZE(disks); i++) {
		disks[i] =
			(struct pci_function){.name = "disk", .vendor = 0x1af4, .device = 0x1042};
		functions[count++] = &disks[i];
	}
	for (unsigned int i = 0; i < count; i++) {
		pci_function_init(functions[i]);
		assert_int_equal(pci_add_to_slot(&fake.kvm, functions[i]), 0);
	}
	assert_int_equal(other.devfn, PCI_DEVFN_OTHER);
	assert_int_equal(rng.devfn, PCI_DEVFN_RNG);
	for (unsigned int i = 0; i < PCI_DEVFN_DISKS; i++)
		assert_int_equal(disks[i].devfn, PCI_DEVFN_DISK + i);
	assert_int_equal(disks[32].devfn, PCI_DEVFN_OTHER + 8);
	assert_int_equal(disks[33].devfn, PCI_DEVFN_OTHER + 16);
	while (count)
		pci_remove(&fake.kvm, functions[--count]);
}

/* Bus 0 has 24 devices behind the board's slots. */
static void test_no_slot(void **state)
{
	static struct pci_function many[25];
	unsigned int count = 0;

	for (unsigned int i = 0; i < ARRAY_SIZE(many); i++) {
		many[i] = (struct pci_function){.name = "many", .vendor = 1, .device = 2};
		pci_function_init(&many[i]);
		if (!pci_add_to_slot(&fake.kvm, &many[i]))
			count++;
	}
	assert_int_equal(count, 24);
	while (count)
		pci_remove(&fake.kvm, &many[--count]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_header),
		TEST(test_writes),
		TEST(test_partial_writes),
		TEST(test_no_bars),
		TEST(test_absent_functions),
		TEST(test_address_register),
		TEST(test_address_is_32_bits),
		TEST(test_enable_bit),
		TEST(test_address_never_resets),
		TEST(test_byte_write_resets),
		TEST(test_wider_writes_do_not_reset),
		TEST(test_ecam),
		TEST(test_ecam_absent),
		TEST(test_no_hpet),
		TEST(test_two_threads),
		TEST(test_reset),
		TEST(test_describe),
		TEST(test_slots),
		TEST(test_no_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
