// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins firmware/aml.c: the bytes of each term, PkgLength at its edges, and a full buffer.
 *
 * Expected bytes are written out from the grammar, ACPI 6.4 section 20.2.
 */
#include "firmware/aml.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUF_BYTES (1 << 21)

static u8 buf[BUF_BYTES];
static struct aml aml;

static int start(void **state)
{
	memset(buf, 0xee, sizeof(buf));
	aml_init(&aml, buf, sizeof(buf));
	return 0;
}

#define ASSERT_BYTES(...)                                          \
	do {                                                       \
		const u8 want_[] = {__VA_ARGS__};                  \
		assert_int_equal(aml_finish(&aml), sizeof(want_)); \
		assert_memory_equal(buf, want_, sizeof(want_));    \
		assert_int_equal(buf[sizeof(want_)], 0xee);        \
		start(NULL);                                       \
	} while (0)

static void test_integers(void **state)
{
	aml_integer(&aml, 0);
	ASSERT_BYTES(0x00);
	aml_integer(&aml, 1);
	ASSERT_BYTES(0x01);
	aml_integer(&aml, 2);
	ASSERT_BYTES(0x0a, 2);
	aml_integer(&aml, 255);
	ASSERT_BYTES(0x0a, 0xff);
	aml_integer(&aml, 256);
	ASSERT_BYTES(0x0b, 0x00, 0x01);
	aml_integer(&aml, 65535);
	ASSERT_BYTES(0x0b, 0xff, 0xff);
	aml_integer(&aml, 65536);
	ASSERT_BYTES(0x0c, 0x00, 0x00, 0x01, 0x00);
	aml_integer(&aml, 0xffffffff);
	ASSERT_BYTES(0x0c, 0xff, 0xff, 0xff, 0xff);
	aml_integer(&aml, 0x100000000);
	ASSERT_BYTES(0x0e, 0, 0, 0, 0, 1, 0, 0, 0);
	aml_integer(&aml, 0x123456789abcdef0);
	ASSERT_BYTES(0x0e, 0xf0, 0xde, 0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12);
}

static void test_names(void **state)
{
	aml_name(&aml, "A");
	ASSERT_BYTES(0x08, 'A', '_', '_', '_');
	aml_name(&aml, "\\_S5");
	ASSERT_BYTES(0x08, '\\', '_', 'S', '5', '_');
	aml_name(&aml, "^COM1");
	ASSERT_BYTES(0x08, '^', 'C', 'O', 'M', '1');
	aml_name(&aml, "\\_SB.PCI0");
	ASSERT_BYTES(0x08, '\\', 0x2e, '_', 'S', 'B', '_', 'P', 'C', 'I', '0');
	aml_name(&aml, "AB.C.DEF");
	ASSERT_BYTES(0x08, 0x2f, 3, 'A', 'B', '_', '_', 'C', '_', '_', '_', 'D', 'E', 'F', '_');
	aml_name(&aml, "\\");
	ASSERT_BYTES(0x08, '\\', 0x00);
}

static void test_strings_and_ids(void **state)
{
	aml_string(&aml, "hi");
	ASSERT_BYTES(0x0d, 'h', 'i', 0);
	aml_string(&aml, "");
	ASSERT_BYTES(0x0d, 0);
	/* The specification's own example: EISAID("PNP0C09") is 0x090cd041. */
	aml_hardware_id(&aml, "PNP0C09");
	ASSERT_BYTES(0x0c, 0x41, 0xd0, 0x0c, 0x09);
	aml_hardware_id(&aml, "ACPI0007");
	ASSERT_BYTES(0x0d, 'A', 'C', 'P', 'I', '0', '0', '0', '7', 0);
	aml_hardware_id(&aml, "PNP0C0g");
	ASSERT_BYTES(0x0d, 'P', 'N', 'P', '0', 'C', '0', 'g', 0);
	aml_hardware_id(&aml, "AB");
	ASSERT_BYTES(0x0d, 'A', 'B', 0);
}

static void test_blocks(void **state)
{
	aml_scope(&aml, "\\_SB");
	aml_device(&aml, "DEV0");
	aml_name(&aml, "_UID");
	aml_integer(&aml, 1);
	aml_end(&aml);
	aml_end(&aml);
	ASSERT_BYTES(0x10, 19, '\\', '_', 'S', 'B', '_', /* Scope */
		     0x5b, 0x82, 11, 'D', 'E', 'V', '0', /* Device */
		     0x08, '_', 'U', 'I', 'D', 0x01);
	aml_package(&aml, 2);
	aml_integer(&aml, 5);
	aml_integer(&aml, 0);
	aml_end(&aml);
	ASSERT_BYTES(0x12, 5, 2, 0x0a, 5, 0);
}

static void test_resources(void **state)
{
	aml_template(&aml);
	aml_template_end(&aml);
	ASSERT_BYTES(0x11, 5, 0x0a, 2, 0x79, 0);

	aml_template(&aml);
	aml_resource_io(&aml, 0x3f8, 8);
	aml_resource_irq(&aml, 4, false);
	aml_resource_irq(&aml, 9, true);
	aml_template_end(&aml);
	ASSERT_BYTES(0x11, 20, 0x0a, 17,		       /* Buffer, its size */
		     0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 1, 8, /* IO */
		     0x22, 0x10, 0x00,			       /* IRQNoFlags */
		     0x23, 0x00, 0x02, 0x18,		       /* IRQ: level, low, shared */
		     0x79, 0);

	aml_template(&aml);
	aml_resource_memory32(&aml, 0xd0000000, 0x1000);
	aml_resource_irq(&aml, 16, true);
	aml_resource_irq(&aml, 23, false);
	aml_template_end(&aml);
	ASSERT_BYTES(0x11, 35, 0x0a, 32, 0x86, 9, 0, 1, 0, 0, 0, 0xd0, 0, 0x10, 0,
		     0,				       /* Memory32Fixed */
		     0x89, 6, 0, 0x0d, 1, 16, 0, 0, 0, /* Interrupt: level, low, shared */
		     0x89, 6, 0, 0x03, 1, 23, 0, 0, 0, /* Interrupt: edge, high */
		     0x79, 0);
}

static void test_windows(void **state)
{
	aml_template(&aml);
	aml_resource_bus_numbers(&aml, 0, 255);
	aml_resource_io_window(&aml, 0x1000, 0xffff);
	aml_template_end(&aml);
	ASSERT_BYTES(0x11, 37, 0x0a, 34,					      /* Buffer */
		     0x88, 13, 0, 2, 0x0c, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0x00, 0x01,   /* buses */
		     0x88, 13, 0, 1, 0x0c, 3, 0, 0, 0, 0x10, 255, 255, 0, 0, 0, 0xf0, /* ports */
		     0x79, 0);

	aml_template(&aml);
	aml_resource_memory32_window(&aml, 0xe0000000, 0xffffffff);
	aml_template_end(&aml);
	ASSERT_BYTES(0x11, 31, 0x0a, 28, 0x87, 23, 0, 0, 0x0c, 1,   /* memory, writable */
		     0, 0, 0, 0, 0, 0, 0, 0xe0, 255, 255, 255, 255, /* from, to */
		     0, 0, 0, 0, 0, 0, 0, 0x20, 0x79, 0);
}

/* Decode the PkgLength at p into the length it states and how many bytes it takes. */
static size_t decode_pkg_length(const u8 *p, size_t *field)
{
	size_t following = p[0] >> 6;
	size_t length = following ? p[0] & 0xf : p[0] & 0x3f;

	for (size_t i = 1; i <= following; i++)
		length |= (size_t)p[i] << (8 * i - 4);
	*field = following + 1;
	return length;
}

/* A package of one element, a string that makes everything after the PkgLength body bytes. */
static void check_pkg_length(size_t body, size_t want_field)
{
	char *text = calloc(1, body);
	size_t field;

	start(NULL);
	memset(text, 'x', body - 3); /* but the element count, the string's opcode and NUL */
	aml_package(&aml, 1);
	aml_string(&aml, text);
	aml_end(&aml);
	free(text);

	assert_int_equal(aml_finish(&aml), 1 + want_field + body);
	assert_int_equal(buf[0], 0x12);
	assert_int_equal(decode_pkg_length(buf + 1, &field), want_field + body);
	assert_int_equal(field, want_field);
	assert_int_equal(buf[1 + field], 1);
	assert_int_equal(buf[1 + field + 1], 0x0d);
	assert_int_equal(buf[field + body], 0);
}

/* The length counts its own field: 63 is the largest of one byte, for 62 bytes of body. */
static void test_pkg_length_edges(void **state)
{
	check_pkg_length(62, 1);
	check_pkg_length(63, 2);
	check_pkg_length(64, 2);
	check_pkg_length(4093, 2);
	check_pkg_length(4094, 3);
	check_pkg_length(4095, 3);
	check_pkg_length(4096, 3);
	check_pkg_length(0xfffff - 3, 3);
	check_pkg_length(0xfffff - 2, 4);
	check_pkg_length(0x100000, 4);
}

/* The size in front of a template's bytes grows with them: byte, then word. */
static void test_large_template(void **state)
{
	aml_template(&aml);
	for (int i = 0; i < 32; i++)
		aml_resource_io(&aml, 0x100, 1);
	aml_template_end(&aml);
	assert_int_equal(aml_finish(&aml), 1 + 2 + 3 + 258);
	assert_memory_equal(buf, ((u8[]){0x11, 0x47, 0x10, 0x0b, 0x02, 0x01, 0x47}), 7);
}

static void write_tree(void)
{
	aml_scope(&aml, "\\_SB");
	aml_device(&aml, "COM1");
	aml_name(&aml, "_HID");
	aml_hardware_id(&aml, "PNP0501");
	aml_name(&aml, "_CRS");
	aml_template(&aml);
	aml_resource_io(&aml, 0x3f8, 8);
	aml_resource_irq(&aml, 4, false);
	aml_template_end(&aml);
	aml_end(&aml);
	aml_end(&aml);
}

/* Whatever the size, nothing beyond it is touched, and only the whole tree is a success. */
static void test_overflow(void **state)
{
	int full;

	write_tree();
	full = aml_finish(&aml);
	assert_in_range(full, 40, 60);
	for (int size = 0; size <= full; size++) {
		start(NULL);
		aml_init(&aml, buf, size);
		write_tree();
		assert_int_equal(aml_finish(&aml), size < full ? -ENOSPC : full);
		for (int i = size; i < size + 64; i++)
			assert_int_equal(buf[i], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_integers, start),
		cmocka_unit_test_setup(test_names, start),
		cmocka_unit_test_setup(test_strings_and_ids, start),
		cmocka_unit_test_setup(test_blocks, start),
		cmocka_unit_test_setup(test_resources, start),
		cmocka_unit_test_setup(test_windows, start),
		cmocka_unit_test_setup(test_pkg_length_edges, start),
		cmocka_unit_test_setup(test_large_template, start),
		cmocka_unit_test_setup(test_overflow, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
