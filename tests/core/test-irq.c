// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins irq.c with the PC's lines (x86/machine.c): what table KVM is given, and when.
 *
 * KVM is a function here that keeps the last table and counts. Slots that a test takes it
 * gives back, because irq.c's table lives as long as the process.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/arch.h>
#include <kvm/init.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <linux/kvm.h>
#include <string.h>

#define LINE_ENTRIES 39 /* 16 PIC pins, 23 IOAPIC pins: GSI 2 has none */
#define ADDRESS	     0x12fee00000ULL

static struct kvm kvm;
static struct kvm_irq_routing_entry table[8192];
static unsigned int table_count, commits;
static struct kvm_irqfd last_fd;
static struct kvm_irq_level last_level;
static int next_error;
static unsigned int pit_at, reinject_at, calls; /* when they came: the first call is 1 */

int kvm_vm_ioctl(const struct kvm *vm, unsigned long request, void *arg)
{
	const struct kvm_irq_routing *routing = arg;
	const struct kvm_reinject_control *reinject = arg;
	int err = next_error;

	assert_ptr_equal(vm, &kvm);
	calls++;
	if (request == KVM_CREATE_PIT2)
		pit_at = calls;
	if (request == KVM_REINJECT_CONTROL) {
		reinject_at = calls;
		assert_int_equal(reinject->pit_reinject, 0);
		return -EINVAL; /* a KVM that does not know it */
	}
	next_error = 0;
	if (err)
		return err;
	if (request == KVM_IRQFD) {
		memcpy(&last_fd, arg, sizeof(last_fd));
	} else if (request == KVM_IRQ_LINE) {
		memcpy(&last_level, arg, sizeof(last_level));
	} else if (request == KVM_SET_GSI_ROUTING) {
		assert_true(routing->nr <= ARRAY_SIZE(table));
		assert_int_equal(routing->flags, 0);
		table_count = routing->nr;
		memcpy(table, routing->entries, table_count * sizeof(table[0]));
		commits++;
	}
	return 0;
}

int kvm_vm_ioctl_value(const struct kvm *vm, unsigned long request, unsigned long value)
{
	return 0;
}

static int set_up(void **state)
{
	int err;

	log_record();
	next_error = 0;
	err = init_run(&kvm);
	commits = 0;
	return err;
}

static int tear_down(void **state)
{
	init_exit(&kvm);
	log_record_end();
	return 0;
}

/* The pin of chip that gsi is routed to, or -1. */
static int pin_of(u32 gsi, u32 chip)
{
	for (unsigned int i = 0; i < table_count; i++) {
		if (table[i].gsi == gsi && table[i].type == KVM_IRQ_ROUTING_IRQCHIP &&
		    table[i].u.irqchip.irqchip == chip)
			return (int)table[i].u.irqchip.pin;
	}
	return -1;
}

static const struct kvm_irq_routing_entry *msi_of(u32 gsi)
{
	for (unsigned int i = 0; i < table_count; i++) {
		if (table[i].gsi == gsi && table[i].type == KVM_IRQ_ROUTING_MSI)
			return &table[i];
	}
	return NULL;
}

static void test_lines_of_a_pc(void **state)
{
	assert_int_equal(table_count, LINE_ENTRIES);
	assert_int_equal(pin_of(0, KVM_IRQCHIP_IOAPIC), 2);
	assert_int_equal(pin_of(0, KVM_IRQCHIP_PIC_MASTER), 0);
	assert_int_equal(pin_of(2, KVM_IRQCHIP_IOAPIC), -1); /* its pin is the timer's */
	for (u32 gsi = 1; gsi < IRQ_LINES; gsi++) {
		if (gsi != 2)
			assert_int_equal(pin_of(gsi, KVM_IRQCHIP_IOAPIC), gsi);
		assert_int_equal(pin_of(gsi, KVM_IRQCHIP_PIC_MASTER), gsi < 8 ? (int)gsi : -1);
		assert_int_equal(pin_of(gsi, KVM_IRQCHIP_PIC_SLAVE),
				 gsi >= 8 && gsi < 16 ? (int)gsi - 8 : -1);
	}
}

static void test_commits_only_what_changed(void **state)
{
	int gsi;

	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 0);
	gsi = irq_add_msi(&kvm, ADDRESS, 0x4041);
	assert_int_equal(gsi, IRQ_FIRST_MSI);
	assert_int_equal(commits, 0); /* not yet */
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 1);
	assert_int_equal(table_count, LINE_ENTRIES + 1);
	assert_int_equal(msi_of(gsi)->u.msi.address_lo, (u32)ADDRESS);
	assert_int_equal(msi_of(gsi)->u.msi.address_hi, ADDRESS >> 32);
	assert_int_equal(msi_of(gsi)->u.msi.data, 0x4041);

	assert_false(irq_update_msi(&kvm, gsi, ADDRESS, 0x4041)); /* the same again */
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 1);
	assert_true(irq_update_msi(&kvm, gsi, ADDRESS, 0x4042));
	assert_true(irq_update_msi(&kvm, gsi, ADDRESS, 0x4043));
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 2); /* two changes, one call */
	assert_int_equal(msi_of(gsi)->u.msi.data, 0x4043);
	assert_true(irq_update_msi(&kvm, gsi, ADDRESS + (1ULL << 32), 0x4043));
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(msi_of(gsi)->u.msi.address_hi, (ADDRESS >> 32) + 1);

	irq_remove_msi(&kvm, gsi);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 3); /* a removal can wait */
}

static void test_a_freed_slot_is_reused(void **state)
{
	int first = irq_add_msi(&kvm, ADDRESS, 1), second = irq_add_msi(&kvm, ADDRESS, 2);
	int third = irq_add_msi(&kvm, ADDRESS, 3);

	assert_int_equal(irq_commit(&kvm), 0);
	irq_remove_msi(&kvm, second);
	assert_int_equal(irq_add_msi(&kvm, ADDRESS, 22), second);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 2);
	assert_int_equal(table_count, LINE_ENTRIES + 3);
	assert_int_equal(msi_of(first)->u.msi.data, 1);
	assert_int_equal(msi_of(second)->u.msi.data, 22);
	assert_int_equal(msi_of(third)->u.msi.data, 3);
	irq_remove_msi(&kvm, first);
	irq_remove_msi(&kvm, second);
	irq_remove_msi(&kvm, third);
}

/* A slot that was removed, with a hole, is not in the table of the next commit. */
static void test_removed_slots_leave_the_table(void **state)
{
	int first = irq_add_msi(&kvm, ADDRESS, 1), second = irq_add_msi(&kvm, ADDRESS, 2);

	irq_remove_msi(&kvm, first);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(table_count, LINE_ENTRIES + 1);
	assert_null(msi_of(first));
	assert_int_equal(msi_of(second)->u.msi.data, 2);
	irq_remove_msi(&kvm, second);
}

static void test_full(void **state)
{
	int count = 0, gsi, last = 0;

	while ((gsi = irq_add_msi(&kvm, ADDRESS, count)) >= 0) {
		assert_true(++count < IRQ_MAX_ROUTES);
		assert_true(gsi < IRQ_MAX_ROUTES);
		last = gsi;
	}
	assert_int_equal(gsi, -ENOSPC);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(table_count, LINE_ENTRIES + count);
	irq_remove_msi(&kvm, last);
	assert_int_equal(irq_add_msi(&kvm, ADDRESS, 0), last);
	assert_int_equal(irq_add_msi(&kvm, ADDRESS, 0), -ENOSPC);
	for (int i = 0; i < count; i++)
		irq_remove_msi(&kvm, IRQ_FIRST_MSI + i);
}

static void test_a_refused_table_is_tried_again(void **state)
{
	int gsi = irq_add_msi(&kvm, ADDRESS, 1);

	next_error = -EINVAL;
	assert_int_equal(irq_commit(&kvm), -EINVAL);
	assert_int_equal(logged.lines, 1);
	assert_int_equal(commits, 0);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(commits, 1);
	irq_remove_msi(&kvm, gsi);
}

static void test_lines_and_eventfds(void **state)
{
	irq_set_level(&kvm, 9, true);
	assert_int_equal(last_level.irq, 9);
	assert_int_equal(last_level.level, 1);
	irq_set_level(&kvm, 4, false);
	assert_int_equal(last_level.irq, 4);
	assert_int_equal(last_level.level, 0);
	next_error = -ENXIO;
	irq_set_level(&kvm, 4, true);
	assert_int_equal(logged.lines, 1);

	assert_int_equal(irq_attach_fd(&kvm, 30, 5, -1), 0);
	assert_int_equal(last_fd.gsi, 30);
	assert_int_equal(last_fd.fd, 5);
	assert_int_equal(last_fd.flags, 0);
	assert_int_equal(irq_attach_fd(&kvm, 10, 5, 6), 0);
	assert_int_equal(last_fd.flags, KVM_IRQFD_FLAG_RESAMPLE);
	assert_int_equal(last_fd.resamplefd, 6);
	assert_int_equal(irq_attach_fd(&kvm, 10, 5, 0), 0); /* 0 is a descriptor */
	assert_int_equal(last_fd.flags, KVM_IRQFD_FLAG_RESAMPLE);
	assert_int_equal(irq_detach_fd(&kvm, 30, 5), 0);
	assert_int_equal(last_fd.flags, KVM_IRQFD_FLAG_DEASSIGN);
	assert_int_equal(last_fd.gsi, 30);
	next_error = -EBUSY;
	assert_int_equal(irq_attach_fd(&kvm, 30, 5, -1), -EBUSY);
}

/* What a guest can have as often as it likes is said a few times. */
static void test_many_refused_tables(void **state)
{
	int gsi = irq_add_msi(&kvm, ADDRESS, 1);

	for (int i = 0; i < 100; i++) {
		next_error = -EINVAL;
		assert_int_equal(irq_commit(&kvm), -EINVAL);
	}
	assert_true(logged.lines <= LOG_BURST);
	irq_remove_msi(&kvm, gsi);
	assert_int_equal(irq_commit(&kvm), 0);
}

static void test_lost_ticks_stay_lost(void **state)
{
	assert_int_equal(arch_vm_init(&kvm), 0);
	assert_true(pit_at && reinject_at > pit_at);
	assert_int_equal(logged.lines, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lines_of_a_pc),
		TEST(test_commits_only_what_changed),
		TEST(test_a_freed_slot_is_reused),
		TEST(test_removed_slots_leave_the_table),
		TEST(test_full),
		TEST(test_a_refused_table_is_tried_again),
		TEST(test_lines_and_eventfds),
		TEST(test_many_refused_tables),
		TEST(test_lost_ticks_stay_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
