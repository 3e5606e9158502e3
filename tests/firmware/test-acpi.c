// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins firmware/acpi.c: what a guest finds when it follows the RSDP through guest RAM.
 *
 * Fields are read at the offsets the specification's tables give, not through
 * acpi.c's own structures, so that a field out of place is found. The same machine
 * is written out, a file a table, by `test-acpi --dump DIR [CPUS]`, for
 * check-iasl.sh to have a second opinion on it.
 */
#include "firmware/acpi.h"
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"
#include "x86/layout.h"
#include <kvm/acpi-table.h>
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
#include <unistd.h>

#define RAM_BYTES (2 * MIB)

/* --- a machine with one of each kind of resource --- */

static struct device_record com1 = {
	.hid = "PNP0501",
	.stem = "COM",
	.uid = 1,
	.resources = {{RESOURCE_PORT, PORT_COM1, 8, false}, {RESOURCE_IRQ, GSI_COM1, 0, false}},
	.count = 2,
};

static const struct device_record others[] = {
	{
		.hid = "PNP0B00",
		.stem = "RTC",
		.uid = 0,
		.resources = {{RESOURCE_PORT, PORT_RTC, 2, false},
			      {RESOURCE_IRQ, GSI_RTC, 0, false}},
		.count = 2,
	},
	{
		.hid = "LNRO0005",
		.stem = "VR",
		.uid = 10,
		.resources = {{RESOURCE_MMIO, 0xd0000000, 0x200, false},
			      {RESOURCE_IRQ, 16, 0, true}},
		.count = 2,
	},
	{
		.hid = "QEMU0001",
		.stem = "PEV",
		.uid = 15,
		.resources = {{RESOURCE_PORT, 0xffff, 1, false},
			      {RESOURCE_MMIO, 0xfffff000, 0x1000, false},
			      {RESOURCE_IRQ, 9, 0, true}},
		.count = 3,
	},
	{.hid = "ACPI0010", .stem = "X", .uid = 0xabc},
	{.hid = "LKVM0001",
	 .cid = "VM_Gen_Counter",
	 .ddn = "Counter",
	 .stem = "VGI",
	 .uid = 3,
	 .addr = 0x1234567890},
};

static const struct device_pin pins[] = {{1, 0, 17}, {4, 3, 23}, {31, 3, 0x12345}};

static struct device_record pci0 = {
	.hid = "PNP0A03",
	.stem = "PCI",
	.uid = 0,
	.resources = {{RESOURCE_BUS_NUMBERS, 0, 1, false},
		      {RESOURCE_PORT, 0xcf8, 8, false},
		      {RESOURCE_PORT_WINDOW, 0, 0xcf8, false},
		      {RESOURCE_PORT_WINDOW, 0xd00, 0xf300, false},
		      {RESOURCE_MMIO_WINDOW, 0xc0000000, 0x3ea00000, false},
		      {RESOURCE_ECAM, LAYOUT_ECAM, MIB, false}},
	.count = 6,
	.pins = pins,
	.pin_count = ARRAY_SIZE(pins),
};

static void com1_describe(struct device *dev,
			  void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	emit(arg, &com1);
}

static void pci_describe(struct device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	emit(arg, &pci0);
}

static void others_describe(struct device *dev,
			    void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		emit(arg, &others[i]);
}

static struct device silent_device = {.name = "silent"};
static struct device pci_device = {.name = "pci", .describe = pci_describe};
static struct device com1_device = {.name = "serial0", .describe = com1_describe};
static struct device others_device = {.name = "others", .describe = others_describe};

static struct gmem mem;

static int setup(void **state)
{
	log_record();
	device_register(&silent_device);
	device_register(&pci_device);
	device_register(&com1_device);
	device_register(&others_device);
	return gmem_map(&mem, RAM_BYTES, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL);
}

static int teardown(void **state)
{
	device_unregister(&silent_device);
	device_unregister(&pci_device);
	device_unregister(&com1_device);
	device_unregister(&others_device);
	gmem_unmap(&mem);
	log_record_end();
	return 0;
}

/* --- reading as a guest does --- */

static u64 get(gpa_t gpa, unsigned int bytes)
{
	u64 value = 0;

	assert_int_equal(gmem_read(&mem, gpa, &value, bytes), 0);
	return value;
}

static u8 sum(gpa_t gpa, u64 len)
{
	u8 total = 0;

	for (u64 i = 0; i < len; i++)
		total += get(gpa + i, 1);
	return total;
}

static bool has_signature(gpa_t gpa, const char *signature)
{
	return !memcmp(gmem_ptr(&mem, gpa, 4), signature, 4);
}

/* The table is in the window, its checksum right, its ids ours. Returns its length. */
static u32 check_table(gpa_t gpa, const char *signature, u8 revision)
{
	u32 len = get(gpa + 4, 4);

	assert_true(has_signature(gpa, signature));
	assert_in_range(gpa, LAYOUT_ACPI + 36, LAYOUT_ACPI_END - 36);
	assert_in_range(len, 36, LAYOUT_ACPI_END - gpa);
	assert_int_equal(get(gpa + 8, 1), revision);
	assert_int_equal(sum(gpa, len), 0);
	assert_memory_equal(gmem_ptr(&mem, gpa + 10, 14), "LKVM  LKVM    ", 14);
	return len;
}

static gpa_t xsdt(void)
{
	return get(LAYOUT_ACPI + 24, 8);
}

static unsigned int table_count(void)
{
	return (get(xsdt() + 4, 4) - 36) / 8;
}

/* The table the XSDT names, or 0. */
static gpa_t find_table(const char *signature)
{
	for (unsigned int i = 0; i < table_count(); i++) {
		gpa_t gpa = get(xsdt() + 36 + 8 * i, 8);

		if (has_signature(gpa, signature))
			return gpa;
	}
	return 0;
}

static gpa_t dsdt(void)
{
	return get(find_table("FACP") + 140, 8);
}

static bool dsdt_contains(const void *bytes, size_t len)
{
	u32 size = get(dsdt() + 4, 4);

	return memmem(gmem_ptr(&mem, dsdt(), size), size, bytes, len) != NULL;
}

/* --- tests --- */

static void test_rsdp_and_xsdt(void **state)
{
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_memory_equal(gmem_ptr(&mem, LAYOUT_ACPI, 16), "RSD PTR ", 8);
	assert_int_equal(sum(LAYOUT_ACPI, 20), 0);
	assert_int_equal(sum(LAYOUT_ACPI, 36), 0);
	assert_int_equal(get(LAYOUT_ACPI + 15, 1), 2);
	assert_int_equal(get(LAYOUT_ACPI + 20, 4), 36);
	assert_int_equal(check_table(xsdt(), "XSDT", 1), 36 + 4 * 8);
	assert_int_equal(table_count(), 4);
	assert_int_not_equal(find_table("FACP"), 0);
	assert_int_not_equal(find_table("APIC"), 0);
	assert_int_not_equal(find_table("MCFG"), 0);
	assert_int_not_equal(find_table("SPCR"), 0);
	assert_int_equal(logged.lines, 0);
}

static void check_port(gpa_t gpa, u16 port, u8 bits, u8 access)
{
	assert_int_equal(get(gpa, 4), 1 | bits << 8 | access << 24);
	assert_int_equal(get(gpa + 4, 8), port);
}

static void test_fadt(void **state)
{
	gpa_t fadt;

	assert_int_equal(acpi_write_tables(&mem, 2), 0);
	fadt = find_table("FACP");
	assert_int_equal(check_table(fadt, "FACP", 6), 276);
	assert_int_equal(get(fadt + 131, 1), 4);       /* minor revision */
	assert_int_equal(get(fadt + 40, 4), dsdt());   /* DSDT, the same twice */
	assert_int_equal(get(fadt + 132, 8), 0);       /* X_FIRMWARE_CTRL: given once only */
	assert_int_equal(get(fadt + 46, 2), GSI_ACPI); /* SCI_INT */
	assert_int_equal(get(fadt + 48, 8), 0);	       /* SMI_CMD to PSTATE_CNT */
	assert_int_equal(get(fadt + 56, 4), PORT_ACPI_PM1_EVENT);
	assert_int_equal(get(fadt + 60, 4), 0);
	assert_int_equal(get(fadt + 64, 4), PORT_ACPI_PM1_CONTROL);
	assert_int_equal(sum(fadt + 68, 20), 0);	 /* PM1b, PM2, timer, GPEs */
	assert_int_equal(get(fadt + 88, 8), 4 | 2 << 8); /* lengths of PM1 blocks; the rest none */
	assert_int_equal(get(fadt + 108, 1), 0x32);	 /* where the RTC has the century */
	assert_int_equal(get(fadt + 109, 2), 0x0005);	 /* legacy devices, no 8042, no VGA */
	assert_int_equal(get(fadt + 112, 4), 1 << 0 | 1 << 2 | 1 << 5 | 1 << 10);
	check_port(fadt + 116, PORT_RESET, 8, 1);
	assert_int_equal(get(fadt + 128, 1), RESET_VALUE);
	check_port(fadt + 148, PORT_ACPI_PM1_EVENT, 32, 2);
	check_port(fadt + 172, PORT_ACPI_PM1_CONTROL, 16, 2);
	assert_int_equal(get(fadt + 160, 8) | get(fadt + 168, 4), 0); /* X_PM1b_EVT */
	for (unsigned int i = 184; i < 276; i++)
		assert_int_equal(get(fadt + i, 1), 0);
}

static void test_facs(void **state)
{
	gpa_t facs;

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	facs = get(find_table("FACP") + 36, 4);
	assert_true(has_signature(facs, "FACS"));
	assert_int_equal(facs % 64, 0);
	assert_in_range(facs, LAYOUT_ACPI, LAYOUT_ACPI_END - 64);
	assert_int_equal(get(facs + 4, 4), 64);
	assert_int_equal(get(facs + 32, 1), 2);
}

static void test_spcr(void **state)
{
	gpa_t spcr;

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	spcr = find_table("SPCR");
	assert_int_equal(check_table(spcr, "SPCR", 2), 80);
	assert_int_equal(get(spcr + 36, 4), 0);
	check_port(spcr + 40, PORT_COM1, 8, 1);
	assert_int_equal(get(spcr + 52, 2), 0x03 | GSI_COM1 << 8);
	assert_int_equal(get(spcr + 54, 4), GSI_COM1);
	assert_int_equal(get(spcr + 58, 4), 7 | 0 << 8 | 1 << 16); /* 115200, no parity, 1 stop */
	assert_int_equal(get(spcr + 64, 4), 0xffffffff);

	/* Without the port there is no table that promises it. */
	device_unregister(&com1_device);
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_int_equal(check_table(xsdt(), "XSDT", 1), 36 + 3 * 8);
	assert_int_equal(find_table("SPCR"), 0);
	assert_int_not_equal(find_table("MCFG"), 0);
}

/* Both in the MCFG and reserved by the motherboard, without which Linux ignores it. */
static void test_mcfg(void **state)
{
	static const u8 reserved[] = {0x86, 9, 0, 1, 0, 0, 0xa0, 0xfe, 0, 0, 0x10, 0, 0x79};
	gpa_t mcfg;

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	mcfg = find_table("MCFG");
	assert_int_equal(check_table(mcfg, "MCFG", 1), 60);
	assert_int_equal(get(mcfg + 36, 8), 0);
	assert_int_equal(get(mcfg + 44, 8), LAYOUT_ECAM);
	assert_int_equal(get(mcfg + 52, 8), 0); /* segment, first bus, last bus */
	assert_true(dsdt_contains(reserved, sizeof(reserved)));

	pci0.resources[5].len = 16 * MIB;
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	pci0.resources[5].len = MIB;
	assert_int_equal(get(find_table("MCFG") + 52, 8), 15 << 24);

	device_unregister(&pci_device);
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_int_equal(check_table(xsdt(), "XSDT", 1), 36 + 3 * 8);
	assert_int_equal(find_table("MCFG"), 0);
	assert_int_not_equal(find_table("SPCR"), 0);
	assert_false(dsdt_contains(reserved, 12));
}

static void check_override(gpa_t entry, u8 source, u32 gsi, u16 flags)
{
	assert_int_equal(get(entry + 2, 1), 0);
	assert_int_equal(get(entry + 3, 1), source);
	assert_int_equal(get(entry + 4, 4), gsi);
	assert_int_equal(get(entry + 8, 2), flags);
}

static void check_madt(unsigned int cpus)
{
	static const u8 lengths[] = {8, 12, 10, 0, 6};
	unsigned int seen[ARRAY_SIZE(lengths)] = {0};
	gpa_t madt, entry, end;

	assert_int_equal(acpi_write_tables(&mem, cpus), 0);
	madt = find_table("APIC");
	end = madt + check_table(madt, "APIC", 5);
	assert_int_equal(get(madt + 36, 4), LAYOUT_LAPIC);
	assert_int_equal(get(madt + 40, 4), 1);

	for (entry = madt + 44; entry < end; entry += get(entry + 1, 1)) {
		u8 type = get(entry, 1);

		assert_in_range(type, 0, ARRAY_SIZE(lengths) - 1);
		assert_int_equal(get(entry + 1, 1), lengths[type]);
		if (type == 0) {
			assert_int_equal(get(entry + 2, 1), seen[0]); /* ids, ascending */
			assert_int_equal(get(entry + 3, 1), seen[0]);
			assert_int_equal(get(entry + 4, 4), 1);
		} else if (type == 1) {
			assert_in_range(get(entry + 2, 1), cpus, 255); /* no CPU's id */
			assert_int_equal(get(entry + 4, 8), LAYOUT_IOAPIC);
		} else if (type == 2) {
			check_override(entry, seen[2] ? 9 : 0, seen[2] ? 9 : 2, seen[2] ? 0x0d : 0);
		} else {
			assert_int_equal(get(entry + 2, 4), 0xff | 1 << 24); /* LINT1, everywhere */
		}
		seen[type]++;
	}
	assert_int_equal(entry, end);
	assert_int_equal(seen[0], cpus);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], 2);
	assert_int_equal(seen[4], 1);
}

static void test_madt(void **state)
{
	check_madt(1);
	check_madt(2);
	check_madt(4);
	check_madt(255);
}

static void test_dsdt(void **state)
{
	static const u8 s5[] = {0x08, '\\', '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 5, 0, 0};
	static const u8 com1_crs[] = {0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8, 0x22, 0x10, 0, 0x79, 0};
	static const u8 pm1[] = {0x47, 1, 0x00, 6, 0x00, 6, 1, 4, 0x47, 1, 0x04, 6, 0x04, 6, 1, 2};

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	check_table(dsdt(), "DSDT", 2);
	assert_true(dsdt_contains(s5, sizeof(s5)));
	assert_true(dsdt_contains(com1_crs, sizeof(com1_crs)));
	assert_true(dsdt_contains(pm1, sizeof(pm1)));
	assert_true(dsdt_contains("COM1", 4));
	assert_true(dsdt_contains("RTC0", 4));
	assert_true(dsdt_contains("VR0A", 4));
	assert_true(dsdt_contains("PEVF", 4));
	assert_true(dsdt_contains("XABC", 4));
}

/* PCI0 as a whole, from its name to the end of its _PRT: no _ADR. */
static void test_dsdt_pci(void **state)
{
	static const char head[] = "PCI0"
				   "\x08_HID\x0c\x41\xd0\x0a\x03" /* EISAID("PNP0A03") */
				   "\x08_UID\0"
				   "\x08_STA\x0a\x0f"
				   "\x08_BBN\0"
				   "\x08_CRS\x11";
	static const u8 crs[] = {/* bus 0 to 0 */
				 0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
				 /* ports 0xcf8 to 0xcff, its own */
				 0x47, 1, 0xf8, 0x0c, 0xf8, 0x0c, 1, 8,
				 /* ports 0 to 0xcf7 */
				 0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0, 0xf7, 0x0c, 0, 0, 0xf8, 0x0c,
				 /* ports 0xd00 to 0xffff */
				 0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0x0d, 0xff, 0xff, 0, 0, 0, 0xf3,
				 /* memory 0xc0000000 to 0xfe9fffff */
				 0x87, 23, 0, 0, 0x0c, 1, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff,
				 0x9f, 0xfe, 0, 0, 0, 0, 0, 0, 0xa0, 0x3e, 0x79, 0};
	static const u8 prt[] = {0x79, 0, 0x08, '_', 'P', 'R', 'T', 0x12, 43, 3,
				 /* all functions of device 1, INTA#: GSI 17 */
				 0x12, 11, 4, 0x0c, 0xff, 0xff, 1, 0, 0, 0, 0x0a, 17,
				 /* device 4, INTD#: 23 */
				 0x12, 12, 4, 0x0c, 0xff, 0xff, 4, 0, 0x0a, 3, 0, 0x0a, 23,
				 /* device 31, INTD# */
				 0x12, 15, 4, 0x0c, 0xff, 0xff, 31, 0, 0x0a, 3, 0, 0x0c, 0x45, 0x23,
				 1, 0};

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_true(dsdt_contains(head, sizeof(head) - 1));
	assert_true(dsdt_contains(crs, sizeof(crs)));
	assert_true(dsdt_contains(prt, sizeof(prt)));
	assert_false(dsdt_contains("_ADR", 4));

	pci0.resources[0].base = 0x40;
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	pci0.resources[0].base = 0;
	assert_true(dsdt_contains("_BBN\x0a\x40", 6));
}

/* No pins, no _PRT; and as many as a bus has, four of each of 32 devices. */
static void test_dsdt_pins(void **state)
{
	static struct device_pin all[128];

	pci0.pin_count = 0;
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_false(dsdt_contains("_PRT", 4));

	for (u8 i = 0; i < 128; i++)
		all[i] = (struct device_pin){i / 4, i % 4, 16 + i % 8};
	pci0.pins = all;
	pci0.pin_count = 128;
	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	pci0.pins = pins;
	pci0.pin_count = ARRAY_SIZE(pins);
	check_table(dsdt(), "DSDT", 2);
	assert_true(dsdt_contains("\x04\x0c\xff\xff\x1f\0\x0a\x03\0\x0a\x17", 11));
}

/* A device that is a place in RAM: no _CRS, but ADDR. */
static void test_dsdt_address(void **state)
{
	static const char device[] = "VGI3"
				     "\x08_HID\x0dLKVM0001\0"
				     "\x08_CID\x0dVM_Gen_Counter\0"
				     "\x08_DDN\x0d"
				     "Counter\0"
				     "\x08_UID\x0a\x03"
				     "\x08_STA\x0a\x0f"
				     "\x08"
				     "ADDR\x12\x09\x02\x0c\x90\x78\x56\x34\x0a\x12";

	assert_int_equal(acpi_write_tables(&mem, 1), 0);
	assert_true(dsdt_contains(device, sizeof(device) - 1));
}

static void check_refused(const struct device_record *bad, const char *word)
{
	struct device_record good = com1;

	com1 = *bad;
	logged.lines = 0;
	assert_int_equal(acpi_write_tables(&mem, 1), -EINVAL);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "serial0"));
	assert_non_null(strstr(logged.last, word));
	com1 = good;
}

static void test_bad_records(void **state)
{
	static const struct device_resource bad[] = {
		{RESOURCE_PORT, 0xffff, 2, false},
		{RESOURCE_PORT, 0x10000, 1, false},
		{RESOURCE_PORT, 0x100, 0, false},
		{RESOURCE_PORT, 0x100, 256, false},
		{RESOURCE_PORT, UINT64_MAX, 8, false},
		{RESOURCE_MMIO, 0xfffff000, 0x1001, false},
		{RESOURCE_MMIO, 0x100000000, 1, false},
		{RESOURCE_MMIO, 0x1000, 0, false},
		{RESOURCE_MMIO, UINT64_MAX, 64, false},
		{RESOURCE_MMIO, 64, UINT64_MAX, false},
		{RESOURCE_IRQ, 0x100000000, 0, false},
		{RESOURCE_PORT_WINDOW, 0, 0x10000, false},
		{RESOURCE_PORT_WINDOW, 1, 0, false},
		{RESOURCE_PORT_WINDOW, 0xffff, 2, false},
		{RESOURCE_MMIO_WINDOW, 4, 0, false},
		{RESOURCE_MMIO_WINDOW, 0, 4 * GIB, false},
		{RESOURCE_MMIO_WINDOW, GIB, 4 * GIB, false},
		{RESOURCE_BUS_NUMBERS, 0, 257, false},
		{RESOURCE_BUS_NUMBERS, 1, 256, false},
		{RESOURCE_BUS_NUMBERS, 256, 1, false},
		{RESOURCE_BUS_NUMBERS, 0, 0, false},
		{RESOURCE_ECAM, MIB, 0, false},
		{RESOURCE_ECAM, MIB, MIB - 1, false},
		{RESOURCE_ECAM, 4 * GIB, MIB, false},
		{RESOURCE_ECAM, 0, 257 * MIB, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct device_record record = com1;

		record.resources[1] = bad[i];
		check_refused(&record, "cannot be described");
	}
	check_refused(&(struct device_record){.hid = "A", .stem = "COM", .uid = 16}, "name");
	check_refused(&(struct device_record){.hid = "A", .stem = "COM1", .uid = 1}, "name");
	check_refused(&(struct device_record){.hid = "A", .stem = "", .uid = 1}, "name");
}

static void many_describe(struct device *dev,
			  void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	for (unsigned int i = 0; i < 4000; i++)
		emit(arg, &(struct device_record){.hid = "ACPI0010", .stem = "D", .uid = i});
}

/* One error line, nothing behind the window, and nothing half-written in it. */
static void test_overflow(void **state)
{
	struct device many = {.name = "many", .describe = many_describe};

	memset(gmem_ptr(&mem, LAYOUT_ACPI, MIB), 0xee, MIB);
	device_register(&many);
	assert_int_equal(acpi_write_tables(&mem, 255), -ENOSPC);
	device_unregister(&many);
	assert_int_equal(logged.lines, 1);
	for (gpa_t gpa = LAYOUT_ACPI; gpa < LAYOUT_ACPI + MIB; gpa++)
		assert_int_equal(get(gpa, 1), 0xee);
}

static void test_no_ram(void **state)
{
	struct gmem small;

	assert_int_equal(gmem_map(&small, 640 * KIB, LAYOUT_RAM_HOLE, LAYOUT_RAM_HIGH, NULL), 0);
	assert_int_equal(acpi_write_tables(&small, 1), -EFAULT);
	assert_int_equal(logged.lines, 1);
	gmem_unmap(&small);
}

/* --- tables of the user's --- */

static char paths[ACPI_TABLES_MAX + 1][32];
static const char *items[ACPI_TABLES_MAX + 1];

/* A file of len bytes: as many tables as wanted, the same content in each. */
static void give_tables(unsigned int count, const u8 *bytes, size_t len)
{
	config.acpi_tables = (struct option_list){.items = items, .count = count};
	for (unsigned int i = 0; i < count; i++) {
		int fd;

		strcpy(paths[i], "/tmp/test-acpi-XXXXXX");
		fd = mkstemp(paths[i]);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, bytes, len), len);
		close(fd);
		items[i] = paths[i];
	}
}

static int take_tables_back(void **state)
{
	for (unsigned int i = 0; i < config.acpi_tables.count; i++)
		unlink(paths[i]);
	config.acpi_tables.count = 0;
	return teardown(state);
}

/* A whole table: header and zeroes, the sum right. */
static void make_table(u8 *bytes, const char *signature, u32 len)
{
	u8 total = 0;

	memset(bytes, 0, len);
	memcpy(bytes, signature, 4);
	memcpy(bytes + 4, &len, 4);
	for (u32 i = 0; i < len; i++)
		total += bytes[i];
	bytes[9] = (u8)-total;
}

static void test_added_tables(void **state)
{
	u8 bytes[61];

	make_table(bytes, "SSDT", sizeof(bytes));
	give_tables(ACPI_TABLES_MAX, bytes, sizeof(bytes));
	assert_int_equal(acpi_table_open(), 0);
	assert_int_equal(acpi_write_tables(&mem, 255), 0);
	assert_int_equal(check_table(xsdt(), "XSDT", 1), 36 + (4 + ACPI_TABLES_MAX) * 8);
	check_table(dsdt(), "DSDT", 2);
	for (unsigned int i = 4; i < table_count(); i++) {
		gpa_t gpa = get(xsdt() + 36 + 8 * i, 8);

		assert_int_equal(gpa % 16, 0);
		assert_in_range(gpa, dsdt() + get(dsdt() + 4, 4), LAYOUT_ACPI_END - sizeof(bytes));
		assert_memory_equal(gmem_ptr(&mem, gpa, sizeof(bytes)), bytes, sizeof(bytes));
		for (unsigned int j = 4; j < i; j++)
			assert_true(gpa >= get(xsdt() + 36 + 8 * j, 8) + sizeof(bytes));
	}
	assert_int_equal(logged.lines, 0);
}

/* One table may fit the window and still be too large for what is left of it. */
static void test_added_tables_overflow(void **state)
{
	static u8 bytes[LAYOUT_ACPI_END - LAYOUT_ACPI];

	make_table(bytes, "OEM1", sizeof(bytes));
	give_tables(1, bytes, sizeof(bytes));
	assert_int_equal(acpi_table_open(), 0);
	assert_int_equal(acpi_write_tables(&mem, 1), -ENOSPC);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "does not fit"));
}

static void check_table_refused(const u8 *bytes, size_t len, const char *word)
{
	logged.lines = 0;
	give_tables(1, bytes, len);
	assert_true(acpi_table_open() < 0);
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, paths[0]));
	assert_non_null(strstr(logged.last, word));
	unlink(paths[0]);
}

static void test_bad_added_tables(void **state)
{
	static const char *const own[] = {"RSDT", "XSDT", "FACP", "FACS",
					  "DSDT", "APIC", "MCFG", "SPCR"};
	static u8 bytes[LAYOUT_ACPI_END - LAYOUT_ACPI + 1];

	make_table(bytes, "SSDT", 100);
	check_table_refused(bytes, 0, "has 0 bytes");
	check_table_refused(bytes, 35, "has 35 bytes");
	check_table_refused(bytes, sizeof(bytes), "bytes");
	check_table_refused(bytes, 99, "header says 100");
	check_table_refused(bytes, 101, "header says 100");
	bytes[50]++;
	check_table_refused(bytes, 100, "checksum");
	make_table(bytes, "ss\x7f\n", 36);
	check_table_refused(bytes, 36, "not an ACPI table");
	for (unsigned int i = 0; i < ARRAY_SIZE(own); i++) {
		make_table(bytes, own[i], 36);
		check_table_refused(bytes, 36, own[i]);
	}

	config.acpi_tables.count = 1;
	items[0] = "/nonexistent";
	assert_int_equal(acpi_table_open(), -ENOENT);
	items[0] = "/tmp";
	assert_int_equal(acpi_table_open(), -EINVAL);
	assert_non_null(strstr(logged.last, "a directory"));
	make_table(bytes, "SSDT", 36);
	give_tables(ACPI_TABLES_MAX + 1, bytes, 36);
	assert_int_equal(acpi_table_open(), -E2BIG);
}

static void init_acpi_alone(const struct init_module *module, void *kvm)
{
	if (!strcmp(module->name, "acpi"))
		assert_int_equal(module->init(kvm), 0);
}

static void exit_acpi_alone(const struct init_module *module, void *kvm)
{
	if (!strcmp(module->name, "acpi"))
		module->exit(kvm);
}

/* The module's device writes the same bytes again after the guest overwrote them. */
static void test_reset_rewrites(void **state)
{
	static u8 first[LAYOUT_ACPI_END - LAYOUT_ACPI], second[sizeof(first)];
	static struct kvm kvm;

	kvm.mem = mem;
	kvm.cpu_count = 3;
	init_for_each(init_acpi_alone, &kvm);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(gmem_read(&mem, LAYOUT_ACPI, first, sizeof(first)), 0);
	assert_int_equal(sum(LAYOUT_ACPI, 36), 0);
	assert_int_equal(get(find_table("APIC") + 4, 4), 44 + 12 + 10 + 10 + 6 + 3 * 8);

	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(gmem_read(&mem, LAYOUT_ACPI, second, sizeof(second)), 0);
	assert_memory_equal(first, second, sizeof(first));
	init_for_each(exit_acpi_alone, &kvm);
	assert_int_equal(gmem_clear(&mem), 0);
	assert_int_equal(device_reset_all(), 0);
	assert_int_equal(get(LAYOUT_ACPI, 8), 0);
}

/* --- the dump --- */

static int dump_table(const char *dir, gpa_t gpa)
{
	u32 len = get(gpa + 4, 4);
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.4s.aml", dir, (char *)gmem_ptr(&mem, gpa, 4));
	file = fopen(path, "w");
	if (!file || fwrite(gmem_ptr(&mem, gpa, len), len, 1, file) != 1 || fclose(file)) {
		perror(path);
		return 1;
	}
	return 0;
}

static int dump(const char *dir, const char *cpus)
{
	int failed;

	setup(NULL);
	log_record_end();
	if (acpi_write_tables(&mem, cpus ? atoi(cpus) : 2) < 0)
		return 1;
	failed = dump_table(dir, xsdt()) | dump_table(dir, dsdt()) |
		 dump_table(dir, get(find_table("FACP") + 36, 4));
	for (unsigned int i = 0; i < table_count(); i++)
		failed |= dump_table(dir, get(xsdt() + 36 + 8 * i, 8));
	teardown(NULL);
	return failed;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rsdp_and_xsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fadt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_facs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mcfg, setup, teardown),
		cmocka_unit_test_setup_teardown(test_spcr, setup, teardown),
		cmocka_unit_test_setup_teardown(test_madt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dsdt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dsdt_pci, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dsdt_pins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_dsdt_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overflow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_ram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_added_tables, setup, take_tables_back),
		cmocka_unit_test_setup_teardown(test_added_tables_overflow, setup,
						take_tables_back),
		cmocka_unit_test_setup_teardown(test_bad_added_tables, setup, take_tables_back),
		cmocka_unit_test_setup_teardown(test_reset_rewrites, setup, teardown),
	};

	if (argc > 2 && !strcmp(argv[1], "--dump"))
		return dump(argv[2], argv[3]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
