// SPDX-License-Identifier: GPL-2.0-only
/*
 * pci/msix.c: the capability, the area in the BAR, and what KVM is told when. The function under
 * test is a fake one; vectors' eventfds are real, KVM is tests/lib's.
 */
#include "tests/lib/fake-machine.h"
#include "tests/lib/log-record.h"
#include "tests/lib/pci-guest.h"
#include "tests/lib/test.h"
#include "x86/layout.h"

#include <kvm/device.h>
#include <kvm/log.h>
#include <kvm/msix.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVFN	  0x08
#define VECTORS	  70 /* two words of pending bits, the second not full */
#define AREA	  0x1000
#define BAR_BYTES 0x4000
#define CAP	  0x40
#define CONTROL	  (CAP + 2)
#define ENABLE	  0x8000
#define FUNC_MASK 0x4000
#define ENTRY(v)  (LAYOUT_PCI_MMIO + AREA + 16 * (v))
#define PBA	  (LAYOUT_PCI_MMIO + AREA + 16 * VECTORS)
#define ADDRESS	  0xfee01000U
#define DATA(v)	  (0x4000U + (v))

static struct msix msix;
static struct pci_function function;

/* The area lies at AREA of the BAR; what is before it is the owner's, what is behind nobody's. */
static u64 owner_read(void *dev, u64 offset, unsigned int size)
{
	return offset < AREA ? 0x5a : msix_read(&msix, offset - AREA, size);
}

static void owner_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	if (offset >= AREA)
		msix_write(&msix, offset - AREA, size, value);
}

static int set_up(void **state)
{
	fake_start();
	log_record();
	function = (struct pci_function){
		.name = "fake",
		.vendor = 0x1af4,
		.device = 0x1040,
		.intx = true,
		.bars[0] = {.kind = PCI_BAR_MEM64,
			    .region = {.name = "fake",
				       .len = BAR_BYTES,
				       .width = 8,
				       .read = owner_read,
				       .write = owner_write}},
	};
	pci_function_init(&function);
	assert_int_equal(msix_init(&msix, &fake.kvm, &function, 0, AREA, VECTORS), 0);
	assert_int_equal(pci_add(&fake.kvm, &function, DEVFN), 0);
	assert_int_equal(device_reset_all(), 0);
	pci_out(DEVFN, 0x04, 2, 0x0006);
	return 0;
}

static int tear_down(void **state)
{
	pci_remove(&fake.kvm, &function);
	msix_exit(&msix);
	assert_int_equal(fake_msi_attached(), 0);
	log_record_end();
	fake_stop();
	return 0;
}

/* As Linux does it: masked, address, data, and unmasked last. */
static void program(unsigned int v, u32 address, u32 data)
{
	mmio_out(ENTRY(v) + 12, 4, 1);
	mmio_out(ENTRY(v) + 0, 4, address);
	mmio_out(ENTRY(v) + 4, 4, 0);
	mmio_out(ENTRY(v) + 8, 4, data);
	mmio_out(ENTRY(v) + 12, 4, 0);
}

static void test_capability(void **state)
{
	assert_int_equal(pci_in(DEVFN, 0x06, 2), 0x0010);
	assert_int_equal(pci_in(DEVFN, 0x34, 1), CAP);
	assert_int_equal(pci_in(DEVFN, CAP, 4), 0x11 | (VECTORS - 1) << 16);
	assert_int_equal(pci_in(DEVFN, CAP + 4, 4), AREA);
	assert_int_equal(pci_in(DEVFN, CAP + 8, 4), AREA + 16 * VECTORS);
	assert_false(msix_raise(&msix, VECTORS));
	for (unsigned int reg = CAP; reg < CAP + 12; reg += 4)
		pci_out(DEVFN, reg, 4, 0xffffffff);
	assert_int_equal(pci_in(DEVFN, CAP, 4), 0xc0000011 | (VECTORS - 1) << 16);
	assert_int_equal(pci_in(DEVFN, CAP + 4, 4), AREA);
	assert_int_equal(pci_in(DEVFN, CAP + 8, 4), AREA + 16 * VECTORS);
	assert_true(msix_raise(&msix, VECTORS));
	pci_out(DEVFN, CONTROL + 1, 1, 0x40); /* the upper byte alone */
	assert_false(msix_raise(&msix, VECTORS));
	assert_int_equal(fake_msi_commits(), 0);
}

/* Each word keeps the bits it has; at power-on all is 0, and masked. */
static void test_table(void **state)
{
	for (unsigned int v = 0; v < VECTORS; v++) {
		assert_int_equal(mmio_in(ENTRY(v), 8), 0);
		assert_int_equal(mmio_in(ENTRY(v) + 8, 8), 1ULL << 32);
		mmio_out(ENTRY(v), 8, UINT64_MAX);
		mmio_out(ENTRY(v) + 8, 8, UINT64_MAX);
		assert_int_equal(mmio_in(ENTRY(v), 8), 0xfffffffffffffffc);
		assert_int_equal(mmio_in(ENTRY(v) + 8, 8), 0x1ffffffff);
	}
	/* Any size can be read, within an entry and across two. */
	mmio_out(ENTRY(1) + 12, 4, 0);
	assert_int_equal(mmio_in(ENTRY(0) + 13, 1), 0);
	assert_int_equal(mmio_in(ENTRY(0) + 8, 1), 0xff);
	assert_int_equal(mmio_in(ENTRY(0) + 11, 2), 0x01ff);
	assert_int_equal(mmio_in(ENTRY(0) + 14, 4), 0xfffc0000);
	/* The specification knows aligned words of 32 and 64 bits; no other changes a thing. */
	mmio_out(ENTRY(2), 1, 0);
	mmio_out(ENTRY(2) + 8, 2, 0);
	mmio_out(ENTRY(2) + 2, 4, 0);
	mmio_out(ENTRY(2) + 4, 8, 0);
	assert_int_equal(mmio_in(ENTRY(2), 8), 0xfffffffffffffffc);
	assert_int_equal(mmio_in(ENTRY(2) + 8, 8), 0x1ffffffff);
}

static void test_bounds(void **state)
{
	static const u64 ends[] = {UINT64_MAX, UINT64_MAX - 3, UINT64_MAX - 7, 1ULL << 63,
				   1ULL << 32};
	u64 end = 16 * VECTORS + 16;

	assert_int_equal(msix_bytes(VECTORS), end);
	assert_int_equal(msix_bytes(64), 64 * 16 + 8);
	assert_int_equal(mmio_in(PBA + 8, 8), 0);
	assert_int_equal(mmio_in(PBA + 16, 8), UINT64_MAX);
	assert_int_equal(mmio_in(LAYOUT_PCI_MMIO + BAR_BYTES - 8, 8), UINT64_MAX);
	assert_int_equal(msix_read(&msix, end - 4, 8), UINT64_MAX);
	assert_int_equal(msix_read(&msix, 16 * VECTORS - 4, 8), UINT64_MAX);
	msix_write(&msix, 16 * VECTORS, 8, 0);
	msix_write(&msix, end, 8, 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(ends); i++) {
		assert_int_equal(msix_read(&msix, ends[i], 8), UINT64_MAX);
		msix_write(&msix, ends[i] & ~7ULL, 8, 0);
	}
	mmio_out(PBA, 8, UINT64_MAX);
	assert_int_equal(mmio_in(PBA, 8), 0);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_true(msix_raise(&msix, VECTORS));
	assert_true(msix_raise(&msix, UINT32_MAX));
	assert_int_equal(mmio_in(PBA, 8), 0);
	assert_int_equal(mmio_in(PBA + 8, 8), 0);
}

static void test_raise(void **state)
{
	pci_out(DEVFN, CONTROL, 2, ENABLE | FUNC_MASK);
	for (unsigned int v = 0; v < 4; v++)
		program(v, ADDRESS, DATA(v));
	assert_int_equal(fake_msi_commits(), 0);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(fake_msi_commits(), 1); /* all four at once */
	assert_int_equal(fake_msi_attached(), 4);
	msix_raise(&msix, 2);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(2)), 1);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(1)), 0);
	assert_int_equal(write(msix_fd(&msix, 1), &(u64){1}, 8), 8);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(1)), 1);
	assert_int_equal(mmio_in(PBA, 8), 0);
}

/* What is raised while masked is pending, and sent once it may be. */
static void test_pending(void **state)
{
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	program(3, ADDRESS, DATA(3));
	program(69, ADDRESS, DATA(69));
	mmio_out(ENTRY(3) + 12, 4, 1);
	assert_int_equal(fake_msi_attached(), 1);
	msix_raise(&msix, 3);
	msix_raise(&msix, 3);
	assert_int_equal(mmio_in(PBA, 8), 1 << 3);
	assert_int_equal(mmio_in(PBA, 1), 1 << 3);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(3)), 0);

	pci_out(DEVFN, CONTROL, 2, ENABLE | FUNC_MASK);
	msix_raise(&msix, 69);
	assert_int_equal(mmio_in(PBA + 8, 8), 1 << 5);
	assert_int_equal(mmio_in(PBA + 8, 4), 1 << 5);
	assert_int_equal(mmio_in(PBA + 4, 8), (1ULL << 5) << 32);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(69)), 1);
	assert_int_equal(mmio_in(PBA + 8, 8), 0);
	assert_int_equal(mmio_in(PBA, 8), 1 << 3);
	mmio_out(ENTRY(3) + 12, 4, 0);
	assert_true(fake_msi_count(ADDRESS, DATA(3)) > 0);
	assert_int_equal(mmio_in(PBA, 8), 0);
}

/* One commit a real change: not one for each word, none for what is as it was. */
static void test_commits(void **state)
{
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	program(0, ADDRESS, DATA(0));
	assert_int_equal(fake_msi_commits(), 1);
	for (unsigned int i = 0; i < 10; i++) {
		mmio_out(ENTRY(0) + 12, 4, 1);
		mmio_out(ENTRY(0) + 12, 4, 0);
	}
	program(0, ADDRESS, DATA(0));
	pci_out(DEVFN, CONTROL, 2, 0);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(fake_msi_commits(), 1);
	assert_int_equal(fake_msi_attached(), 1);
	program(0, ADDRESS + 0x1000, DATA(9));
	assert_int_equal(fake_msi_commits(), 2);
	msix_raise(&msix, 0);
	assert_int_equal(fake_msi_count(ADDRESS + 0x1000, DATA(9)), 1);
	/* Written while not masked: from the next time on that it is. */
	mmio_out(ENTRY(0) + 8, 4, DATA(11));
	msix_raise(&msix, 0);
	assert_int_equal(fake_msi_count(ADDRESS + 0x1000, DATA(9)), 2);
	mmio_out(ENTRY(0) + 12, 4, 1);
	mmio_out(ENTRY(0) + 12, 4, 0);
	msix_raise(&msix, 0);
	assert_int_equal(fake_msi_count(ADDRESS + 0x1000, DATA(11)), 1);
	assert_int_equal(fake_msi_commits(), 3);
}

static void test_switched_off(void **state)
{
	program(0, ADDRESS, DATA(0));
	assert_int_equal(fake_msi_attached(), 0);
	msix_raise(&msix, 0);
	assert_int_equal(mmio_in(PBA, 8), 0);
	/* What somebody wrote himself meanwhile is gone when it is switched on. */
	assert_int_equal(write(msix_fd(&msix, 0), &(u64){1}, 8), 8);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(fake_msi_attached(), 1);
	assert_int_equal(fake_msi_count(ADDRESS, DATA(0)), 0);
	pci_out(DEVFN, CONTROL, 2, 0);
	assert_int_equal(fake_msi_attached(), 0);
}

/* MSI-X takes the place of the pin: what was raised before does not stay asserted. */
static void test_the_pin(void **state)
{
	u32 gsi = function.pin.gsi;

	pci_set_intx(&function, true);
	assert_true(fake_irq(gsi));
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_false(fake_irq(gsi));
	pci_set_intx(&function, true);
	assert_false(fake_irq(gsi));
	assert_int_equal(pci_in(DEVFN, 0x06, 2), 0x0018); /* still pending */
	pci_out(DEVFN, CONTROL, 2, ENABLE | FUNC_MASK);
	assert_false(fake_irq(gsi));
	pci_out(DEVFN, CONTROL, 2, 0);
	assert_true(fake_irq(gsi));
	pci_set_intx(&function, false);
	assert_false(fake_irq(gsi));
	/* The next boot begins with the pin. */
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(device_reset_all(), 0);
	pci_set_intx(&function, true);
	assert_true(fake_irq(gsi));
}

static void test_reset(void **state)
{
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	program(5, ADDRESS, DATA(5));
	mmio_out(ENTRY(5) + 12, 4, 1);
	msix_raise(&msix, 5);
	program(6, ADDRESS, DATA(6));
	assert_int_equal(device_reset_all(), 0);
	assert_false(msix_raise(&msix, VECTORS));
	assert_int_equal(fake_msi_attached(), 0);
	pci_out(DEVFN, 0x04, 2, 0x0006);
	for (unsigned int v = 5; v < 7; v++) {
		assert_int_equal(mmio_in(ENTRY(v), 8), 0);
		assert_int_equal(mmio_in(ENTRY(v) + 8, 8), 1ULL << 32);
	}
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(mmio_in(PBA, 8), 0);
}

/* Addresses that no local APIC listens to: nothing is sent, and what is raised stays. */
static void test_not_a_message(void **state)
{
	static const u32 addresses[] = {0, 0xfee00000 - 4, 0xfef00000, 0x1000, 0xfffffffc};

	pci_out(DEVFN, CONTROL, 2, ENABLE);
	for (unsigned int i = 0; i < ARRAY_SIZE(addresses); i++) {
		program(0, addresses[i], DATA(0));
		assert_int_equal(fake_msi_attached(), 0);
	}
	mmio_out(ENTRY(0) + 12, 4, 1);
	mmio_out(ENTRY(0), 8, 0x1fee00000);
	mmio_out(ENTRY(0) + 12, 4, 0);
	msix_raise(&msix, 0);
	assert_int_equal(fake_msi_attached(), 0);
	assert_int_equal(fake_msi_commits(), 0);
	program(0, 0xfeeffffc, DATA(0));
	assert_int_equal(fake_msi_count(0xfeeffffc, DATA(0)), 1);
}

static void test_no_routes(void **state)
{
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	fake_msi_fail(true);
	program(0, ADDRESS, DATA(0));
	assert_int_equal(logged.lines, 1);
	assert_non_null(strstr(logged.last, "fake: no route left for MSI-X vector 0"));
	msix_raise(&msix, 0);
	fake_msi_fail(false);
	program(0, ADDRESS, DATA(0));
	assert_int_equal(fake_msi_count(ADDRESS, DATA(0)), 1); /* it was kept */
	fake_msi_fail(true);
	mmio_out(ENTRY(0) + 12, 4, 1);
	mmio_out(ENTRY(0) + 12, 4, 0);
	assert_non_null(strstr(logged.last, "fake: KVM_IRQFD of MSI-X vector 0"));
	fake_msi_fail(false);
}

static void test_harmless_exits(void **state)
{
	struct msix never = {0};

	msix_exit(&never);
	msix_exit(&never);
}

/* --- two vCPUs and a device, for TSAN=1 --- */

static void *guest(void *arg)
{
	unsigned int v = *(unsigned int *)arg;

	for (unsigned int i = 0; i < 500; i++) {
		program(v, ADDRESS, DATA(i % 100));
		mmio_out(LAYOUT_ECAM + (DEVFN << 12) + CONTROL, 2,
			 i % 7 ? ENABLE : ENABLE | FUNC_MASK);
		mmio_in(PBA, 8);
	}
	return NULL;
}

static void *raiser(void *arg)
{
	for (unsigned int i = 0; i < 2000; i++)
		msix_raise(&msix, i % 3);
	return NULL;
}

static void test_three_threads(void **state)
{
	static unsigned int vectors[] = {0, 1};
	pthread_t threads[2];

	assert_int_equal(pthread_create(&threads[0], NULL, guest, &vectors[0]), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, raiser, NULL), 0);
	guest(&vectors[1]);
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	pci_out(DEVFN, CONTROL, 2, ENABLE);
	assert_int_equal(fake_msi_attached(), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_capability),	  TEST(test_table),	TEST(test_bounds),
		TEST(test_raise),	  TEST(test_pending),	TEST(test_commits),
		TEST(test_switched_off),  TEST(test_the_pin),	TEST(test_reset),
		TEST(test_not_a_message), TEST(test_no_routes), TEST(test_harmless_exits),
		TEST(test_three_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
