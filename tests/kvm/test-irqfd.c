// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins irq.c and bus.c's doorbells against the real KVM: what the unit tests' fakes believe.
 *
 * kvm.c, irq.c and x86/machine.c build a machine of 1 MiB through the init list, as `lkvm run`
 * does. Interrupts are seen in the local APIC's request register; doorbells are rung by a guest
 * of a few real-mode instructions. Without /dev/kvm every test is skipped, and says so.
 */
#include "tests/lib/log-record.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/bus.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <linux/kvm.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE	  0x1000
#define BELL_PORT 0x1234
#define BELL_MMIO 0x100020ULL /* ffff:0030 in real mode, above our 1 MiB */
#define END_PORT  0x0080
#define VECTOR	  0x51
#define APIC_SVR  0xf0
#define APIC_IRR  0x200

static struct kvm kvm;
static int cpu_fd = -1;
static struct kvm_run *run;
static size_t run_bytes;

static bool have_kvm(void)
{
	int fd = open(config.dev, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		print_error("\n*** SKIPPED: %s: %s: nothing here was tested ***\n\n", config.dev,
			    strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static int set_up(void **state)
{
	int size;

	if (!have_kvm())
		return 0;
	config.mem_bytes = MIB;
	config.cpus = 1;
	if (init_run(&kvm))
		return -1;
	log_record();
	cpu_fd = kvm_vm_ioctl_value(&kvm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm.dev_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (cpu_fd < 0 || size <= 0)
		return -1;
	run_bytes = (size_t)size;
	run = mmap(NULL, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, cpu_fd, 0);
	return run == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
	log_record_end();
	if (cpu_fd < 0)
		return 0;
	munmap(run, run_bytes);
	close(cpu_fd);
	cpu_fd = -1;
	init_exit(&kvm);
	return 0;
}

#define NEED_KVM()              \
	do {                    \
		if (cpu_fd < 0) \
			skip(); \
	} while (0)

static int new_event(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	assert_true(fd >= 0);
	return fd;
}

/* How often the eventfd was signalled since the last look. */
static u64 rings(int fd)
{
	u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* --- interrupts --- */

static void switch_apic_on(void)
{
	struct kvm_lapic_state apic;
	u32 spurious = 0x1ff;

	assert_int_equal(ioctl(cpu_fd, KVM_GET_LAPIC, &apic), 0);
	memcpy(apic.regs + APIC_SVR, &spurious, sizeof(spurious));
	assert_int_equal(ioctl(cpu_fd, KVM_SET_LAPIC, &apic), 0);
}

static bool requested(u32 vector)
{
	struct kvm_lapic_state apic;
	u32 word;

	assert_int_equal(ioctl(cpu_fd, KVM_GET_LAPIC, &apic), 0);
	memcpy(&word, apic.regs + APIC_IRR + vector / 32 * 16, sizeof(word));
	return word >> vector % 32 & 1;
}

/* irqfds may be delivered by a worker of the kernel's. */
static bool comes(u32 vector)
{
	u64 deadline = now_ns() + patient_ns(2 * NSEC_PER_SEC);

	while (!requested(vector)) {
		if (now_ns() > deadline)
			return false;
		usleep(200);
	}
	return true;
}

static void signal_fd(int fd)
{
	u64 one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static void test_an_eventfd_raises_an_msi(void **state)
{
	int fd, gsi;

	NEED_KVM();
	fd = new_event();
	switch_apic_on();
	gsi = irq_add_msi(&kvm, 0xfee00000, VECTOR);
	assert_true(gsi >= IRQ_FIRST_MSI);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, fd, -1), 0);
	assert_false(requested(VECTOR));
	signal_fd(fd);
	assert_true(comes(VECTOR));

	/* The route moves: the same eventfd, another vector. */
	assert_true(irq_update_msi(&kvm, (u32)gsi, 0xfee00000, VECTOR + 1));
	assert_int_equal(irq_commit(&kvm), 0);
	signal_fd(fd);
	assert_true(comes(VECTOR + 1));

	assert_int_equal(irq_detach_fd(&kvm, (u32)gsi, fd), 0);
	assert_true(irq_update_msi(&kvm, (u32)gsi, 0xfee00000, VECTOR + 2));
	assert_int_equal(irq_commit(&kvm), 0);
	signal_fd(fd);
	usleep(20000);
	assert_false(requested(VECTOR + 2));
	irq_remove_msi(&kvm, (u32)gsi);
	assert_int_equal(logged.lines, 0);
	close(fd);
}

/* What pci/msix.c's pending bits live on: an event kept while detached is sent once, later. */
static void test_an_event_waits_for_its_msi(void **state)
{
	int fd, gsi;

	NEED_KVM();
	fd = new_event();
	switch_apic_on();
	gsi = irq_add_msi(&kvm, 0xfee00000, VECTOR);
	assert_int_equal(irq_commit(&kvm), 0);
	signal_fd(fd);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, fd, -1), 0);
	assert_true(comes(VECTOR));
	assert_int_equal(irq_detach_fd(&kvm, (u32)gsi, fd), 0);
	assert_int_equal(rings(fd), 0);
	irq_remove_msi(&kvm, (u32)gsi);
	close(fd);
}

static void test_eventfd_conflicts(void **state)
{
	int fd, gsi;

	NEED_KVM();
	fd = new_event();
	gsi = irq_add_msi(&kvm, 0xfee00000, VECTOR);
	assert_int_equal(irq_commit(&kvm), 0);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, fd, -1), 0);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, fd, -1), -EBUSY);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi + 1, fd, -1), -EBUSY);
	assert_int_equal(irq_detach_fd(&kvm, (u32)gsi, fd), 0);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, fd, -1), 0);
	assert_int_equal(irq_detach_fd(&kvm, (u32)gsi, fd), 0);
	assert_int_equal(irq_attach_fd(&kvm, (u32)gsi, 9999, -1), -EBADF);
	irq_remove_msi(&kvm, (u32)gsi);
	close(fd);
}

static void test_a_level_line_with_resampling(void **state)
{
	int fd, resample;

	NEED_KVM();
	fd = new_event();
	resample = new_event();
	assert_int_equal(irq_attach_fd(&kvm, 10, fd, resample), 0);
	assert_int_equal(irq_detach_fd(&kvm, 10, fd), 0);
	irq_set_level(&kvm, 10, true);
	irq_set_level(&kvm, 10, false);
	assert_int_equal(logged.lines, 0);
	close(fd);
	close(resample);
}

/* A table as full as irq_add_msi() allows is one that KVM takes. */
static void test_kvm_takes_a_full_table(void **state)
{
	int count = 0, gsi;

	NEED_KVM();
	while ((gsi = irq_add_msi(&kvm, 0xfee00000, VECTOR)) >= 0)
		count++;
	assert_int_equal(gsi, -ENOSPC);
	assert_int_equal(irq_commit(&kvm), 0);
	for (int i = 0; i < count; i++)
		irq_remove_msi(&kvm, (u32)(IRQ_FIRST_MSI + i));
}

/* --- doorbells --- */

/* Real mode, everything flat at 0; ES reaches what lies above 1 MiB. */
static void start_guest(const u8 *code, size_t len)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = CODE, .rsp = 0x800, .rflags = 2};

	assert_int_equal(gmem_write(&kvm.mem, CODE, code, len), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.es.base = 0xffff0;
	sregs.es.selector = 0xffff;
	assert_int_equal(ioctl(cpu_fd, KVM_SET_SREGS, &sregs), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_SET_REGS, &regs), 0);
}

/* Run to the next exit. A guest that never leaves is stopped by the alarm, which kills us. */
static u32 run_guest(void)
{
	int ret;

	alarm(patient_s(10));
	do
		ret = ioctl(cpu_fd, KVM_RUN, 0);
	while (ret < 0 && errno == EINTR);
	alarm(0);
	assert_int_equal(ret, 0);
	return run->exit_reason;
}

#define LO(value) ((value)&0xff)
#define HI(value) ((value) >> 8 & 0xff)

static void expect_port_exit(u16 port)
{
	assert_int_equal(run_guest(), KVM_EXIT_IO);
	assert_int_equal(run->io.direction, KVM_EXIT_IO_OUT);
	assert_int_equal(run->io.port, port);
}

/* mov al, 0x42; out BELL_PORT, al, three times; then END_PORT. */
static const u8 port_code[] = {
	0xba, LO(BELL_PORT), HI(BELL_PORT),	      /* mov dx, BELL_PORT */
	0xb0, 0x42,				      /* mov al, 0x42 */
	0xee,					      /* out dx, al */
	0xee, 0xee,	     0xe6,	    END_PORT, /* out END_PORT, al */
	0xf4,					      /* hlt */
};

static void test_a_port_doorbell_rings_without_an_exit(void **state)
{
	struct bus_doorbell bell = {.addr = BELL_PORT, .len = 1, .port = true};

	NEED_KVM();
	bell.fd = new_event();
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bell), 0);
	start_guest(port_code, sizeof(port_code));
	expect_port_exit(END_PORT);
	assert_int_equal(rings(bell.fd), 3);

	/* Removed, the same write is an exit. */
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), 0);
	start_guest(port_code, sizeof(port_code));
	expect_port_exit(BELL_PORT);
	assert_int_equal(rings(bell.fd), 0);
	close(bell.fd);
}

static void test_a_doorbell_that_matches_a_value(void **state)
{
	struct bus_doorbell other = {
		.addr = BELL_PORT, .len = 1, .port = true, .match = true, .value = 0x41};
	struct bus_doorbell bell = {
		.addr = BELL_PORT, .len = 1, .port = true, .match = true, .value = 0x42};

	NEED_KVM();
	other.fd = new_event();
	bell.fd = new_event();
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &other), 0);
	start_guest(port_code, sizeof(port_code));
	expect_port_exit(BELL_PORT); /* 0x42 is nobody's yet */
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bell), 0);
	start_guest(port_code, sizeof(port_code));
	expect_port_exit(END_PORT);
	assert_int_equal(rings(bell.fd), 3);
	assert_int_equal(rings(other.fd), 0);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), 0);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &other), 0);
	close(bell.fd);
	close(other.fd);
}

static void test_an_mmio_doorbell(void **state)
{
	/* ES is 0xffff: offset 0x30 is BELL_MMIO. */
	static const u8 code[] = {
		0x26, 0xc7, 0x06, 0x30, 0x00, 0x34, 0x12, /* mov word es:[0x30], 0x1234 */
		0x26, 0xc6, 0x06, 0x32, 0x00, 0x55,	  /* mov byte es:[0x32], 0x55 */
		0xf4,
	};
	struct bus_doorbell bell = {.addr = BELL_MMIO, .len = 2};

	NEED_KVM();
	bell.fd = new_event();
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bell), 0);
	start_guest(code, sizeof(code));
	assert_int_equal(run_guest(), KVM_EXIT_MMIO);
	assert_int_equal(run->mmio.phys_addr, BELL_MMIO + 2); /* the neighbour's, not ours */
	assert_int_equal(run->mmio.data[0], 0x55);
	assert_int_equal(rings(bell.fd), 1);

	/* A doorbell of any length takes the word as well. */
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), 0);
	bell.len = 0;
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bell), 0);
	start_guest(code, sizeof(code));
	run->exit_reason = KVM_EXIT_UNKNOWN;
	assert_int_equal(run_guest(), KVM_EXIT_MMIO);
	assert_int_equal(run->mmio.phys_addr, BELL_MMIO + 2);
	assert_int_equal(rings(bell.fd), 1);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), 0);
	close(bell.fd);
}

static void test_doorbell_conflicts(void **state)
{
	struct bus_doorbell bell = {.addr = BELL_PORT, .len = 2, .port = true};
	struct bus_doorbell same = bell, mmio = bell, bad = bell;

	NEED_KVM();
	bell.fd = new_event();
	same.fd = mmio.fd = bad.fd = new_event();
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bell), 0);
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &same), -EEXIST);
	mmio.port = false;
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &mmio), 0); /* another space */
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &same), -ENOENT);
	bad.len = 3;
	assert_int_equal(bus_doorbell_add(kvm.vm_fd, &bad), -EINVAL);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &mmio), 0);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), 0);
	assert_int_equal(bus_doorbell_remove(kvm.vm_fd, &bell), -ENOENT);
	close(bell.fd);
	close(same.fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_an_eventfd_raises_an_msi),
		TEST(test_an_event_waits_for_its_msi),
		TEST(test_eventfd_conflicts),
		TEST(test_a_level_line_with_resampling),
		TEST(test_kvm_takes_a_full_table),
		TEST(test_a_port_doorbell_rings_without_an_exit),
		TEST(test_a_doorbell_that_matches_a_value),
		TEST(test_an_mmio_doorbell),
		TEST(test_doorbell_conflicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
