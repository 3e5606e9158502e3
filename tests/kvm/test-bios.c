// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins x86/bios-code.S by running it: real-mode code on the real KVM calls each service.
 *
 * kvm.c and x86/machine.c build the machine through the init list; the ports that lkvm's
 * chips have are answered here. A call is two instructions at CODE, INT and an OUT to
 * MARK_PORT, around which the registers are set and read by KVM_SET_REGS and KVM_GET_REGS.
 * Each is made with carry clear and set before, and must leave alone what it does not
 * return.
 *
 * With a bzImage as argument, its 16-bit set-up code is run as well, from its entry to the
 * kernel's 32-bit entry. Without /dev/kvm every test is skipped, and says so.
 */
#include "tests/kvm/bios-services.h"
#include "tests/lib/patience.h"
#include "tests/lib/test.h"
#include "x86/bios.h"
#include "x86/e820.h"

#include <errno.h>
#include <fcntl.h>
#include <kvm/config.h>
#include <kvm/init.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE	      0x7c00
#define BUFFER_ES     0x2000
#define BUFFER	      0x20000
#define MARK_PORT     0xf6
#define RUN_SECONDS   20
#define LSR	      (PORT_COM1 + 5)
#define RESULT_CARRY  0x1
#define RFLAGS_IF     0x200
#define RFLAGS_ZF     0x40
#define SMAP	      0x534d4150
#define PIC_IMR	      0x21

#define SETUP_SEGMENT 0x9000
#define SETUP_STACK   0xe000
#define SETUP_CMDLINE 0x9e000
#define SETUP_SECTORS 0x1f1
#define VID_CURRENT   0x0f04

static const char *kernel; /* the argument */

static struct kvm kvm;
static int cpu_fd = -1;
static struct kvm_run *run;
static size_t run_bytes;

/* What the guest did since start(). */
static struct {
	char console[512];
	size_t console_len;
	u8 lsr; /* what COM1 answers */
	u8 rtc[128], rtc_index;
	unsigned int rtc_reads_of_a;
	u8 value; /* of the write that ended run_guest() */
	unsigned int exits, mmio_exits;
} seen;

static int set_up(void **state)
{
	int size, fd = open(config.dev, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		print_error("\n*** SKIPPED: %s: %s: nothing here was tested ***\n\n", config.dev,
			    strerror(errno));
		return 0;
	}
	close(fd);
	memset(&seen, 0, sizeof(seen));
	seen.lsr = 0x60;
	config.mem_bytes = 64 * MIB;
	config.cpus = 1;
	if (init_run(&kvm) || bios_write(&kvm.mem))
		return -1;
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

/* --- the machine around the vCPU --- */

static u8 port_in(u16 port)
{
	if (port == LSR)
		return seen.lsr;
	if (port == PORT_RTC + 1) {
		if (seen.rtc_index == 0x0a)
			seen.rtc_reads_of_a++;
		/* An update ends when it was seen twice. */
		if (seen.rtc_index == 0x0a && seen.rtc_reads_of_a == 3)
			seen.rtc[0x0a] &= 0x7f;
		return seen.rtc[seen.rtc_index];
	}
	return 0xff;
}

/* Does the run end here? */
static bool port_out(u16 port, u8 value)
{
	seen.value = value;
	if (port == PORT_COM1 && seen.console_len < sizeof(seen.console) - 1)
		seen.console[seen.console_len++] = (char)value;
	if (port == PORT_RTC)
		seen.rtc_index = value & 0x7f;
	return port == MARK_PORT || port == PORT_EXIT || port == PORT_RESET;
}

/* One exit of the guest's. True: the run ends, by a write to that port. */
static bool serve_exit(void)
{
	u8 *data = (u8 *)run + run->io.data_offset;

	seen.exits++;
	if (run->exit_reason == KVM_EXIT_MMIO) {
		seen.mmio_exits++;
		memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		return false;
	}
	if (run->exit_reason != KVM_EXIT_IO)
		fail_msg("exit reason %u, suberror %u", run->exit_reason, run->internal.suberror);
	if (run->io.direction == KVM_EXIT_IO_OUT)
		return port_out(run->io.port, *data);
	memset(data, 0xff, run->io.size * run->io.count);
	*data = port_in(run->io.port);
	return false;
}

/* SIGALRM: makes KVM_RUN return. */
static void time_is_up(int signal)
{
	run->immediate_exit = 1;
}

/* KVM_RUN failed. Where did the guest stand? */
static void fail_run(void)
{
	int err = errno;
	struct kvm_sregs sregs = {0};
	struct kvm_regs regs = {0};

	ioctl(cpu_fd, KVM_GET_SREGS, &sregs);
	ioctl(cpu_fd, KVM_GET_REGS, &regs);
	fail_msg("%s at %04x:%04llx, %u exits; console: %s",
		 err == EINTR ? "did not end" : strerror(err), sregs.cs.selector, regs.rip,
		 seen.exits, seen.console);
}

/* Run to a write to one of the ports that end it; which? */
static u16 run_guest(void)
{
	const struct sigaction action = {.sa_handler = time_is_up};
	u16 port;

	sigaction(SIGALRM, &action, NULL);
	alarm(patient_s(RUN_SECONDS));
	do {
		if (ioctl(cpu_fd, KVM_RUN, 0) < 0)
			fail_run();
	} while (!serve_exit());
	alarm(0);
	port = run->io.port;
	/* The OUT is done when KVM_RUN is entered again; registers are whole only then. */
	run->immediate_exit = 1;
	assert_int_equal(ioctl(cpu_fd, KVM_RUN, 0), -1);
	assert_int_equal(errno, EINTR);
	run->immediate_exit = 0;
	return port;
}

static void set_segment(struct kvm_segment *segment, u16 selector)
{
	segment->selector = selector;
	segment->base = (u64)selector << 4;
}

static void put_code(const u8 *code, size_t len)
{
	assert_int_equal(gmem_write(&kvm.mem, CODE, code, len), 0);
}

/* All segments but CS and ES are `data`. */
static void set_registers(const struct kvm_regs *regs, u16 cs, u16 data, u16 es)
{
	struct kvm_sregs sregs;

	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	set_segment(&sregs.cs, cs);
	set_segment(&sregs.ds, data);
	set_segment(&sregs.es, es);
	set_segment(&sregs.fs, data);
	set_segment(&sregs.gs, data);
	set_segment(&sregs.ss, data);
	assert_int_equal(ioctl(cpu_fd, KVM_SET_SREGS, &sregs), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_SET_REGS, regs), 0);
}

static void start(const u8 *code, size_t len)
{
	struct kvm_regs regs = {.rip = CODE, .rsp = CODE, .rflags = 2};

	put_code(code, len);
	set_registers(&regs, 0, 0, 0);
}

#define START(...)                                            \
	do {                                                  \
		static const u8 start_code[] = {__VA_ARGS__}; \
		start(start_code, sizeof(start_code));        \
	} while (0)

#define MARK 0xe6, MARK_PORT /* out MARK_PORT, al */

/* --- a call --- */

enum { A = 1, B = 2, C = 4, D = 8 };

static struct kvm_regs regs_out;

static struct kvm_regs call_once(u8 vector, const struct kvm_regs *in)
{
	const u8 code[] = {0xcd, vector, MARK};
	struct kvm_regs out;
	struct kvm_sregs sregs;

	put_code(code, sizeof(code));
	set_registers(in, 0, 0x1000, BUFFER_ES);
	assert_int_equal(run_guest(), MARK_PORT);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_REGS, &out), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	assert_int_equal(sregs.ds.selector, 0x1000);
	assert_int_equal(sregs.es.selector, BUFFER_ES);
	assert_int_equal(sregs.ss.selector, 0x1000);
	return out;
}

/* What is not returned is kept; so are flags, but carry and zero. */
static void assert_kept(const struct kvm_regs *in, const struct kvm_regs *out, unsigned int returns)
{
	if (!(returns & A))
		assert_int_equal(out->rax, in->rax);
	if (!(returns & B))
		assert_int_equal(out->rbx, in->rbx);
	if (!(returns & C))
		assert_int_equal(out->rcx, in->rcx);
	if (!(returns & D))
		assert_int_equal(out->rdx, in->rdx);
	assert_int_equal(out->rsi, in->rsi);
	assert_int_equal(out->rdi, in->rdi);
	assert_int_equal(out->rbp, in->rbp);
	assert_int_equal(out->rsp, in->rsp);
	assert_int_equal((out->rflags ^ in->rflags) & ~(u64)(RESULT_CARRY | RFLAGS_ZF), 0);
}

/* Twice, with carry clear and with it set; regs_out is of the second. */
static enum carry call(u8 vector, struct kvm_regs in, unsigned int returns)
{
	u64 carries[2];

	in.rip = CODE;
	in.rsp = 0x4000;
	in.rbp = 0x5bad0bed;
	in.rsi = 0x51515151;
	in.rdi = 0xd1d10100;
	for (u64 carry = 0; carry < 2; carry++) {
		in.rflags = 2 | carry;
		regs_out = call_once(vector, &in);
		assert_kept(&in, &regs_out, returns);
		carries[carry] = regs_out.rflags & RESULT_CARRY;
	}
	if (carries[0] == carries[1])
		return carries[0] ? SET : CLEAR;
	assert_int_equal(carries[0], 0);
	return KEPT;
}

/* --- what every service answers --- */

static void test_services(void **state)
{
	NEED_KVM();
	for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
		const struct service *s = &services[i];
		struct kvm_regs in = {.rax = s->eax, .rbx = EBX, .rcx = ECX, .rdx = EDX};
		enum carry carry = call(s->vector, in, A | B | C | D);

		if (carry != s->carry || regs_out.rax != s->eax_out || regs_out.rbx != s->ebx_out ||
		    regs_out.rcx != s->ecx_out || regs_out.rdx != s->edx_out)
			fail_msg("%s: carry %d, %llx %llx %llx %llx", s->name, carry, regs_out.rax,
				 regs_out.rbx, regs_out.rcx, regs_out.rdx);
	}
	assert_int_equal(seen.console_len, 0);
}

static void test_no_key_is_told_by_the_zero_flag(void **state)
{
	NEED_KVM();
	call(0x16, (struct kvm_regs){.rax = 0x0100}, 0);
	assert_true(regs_out.rflags & RFLAGS_ZF);
	call(0x16, (struct kvm_regs){.rax = 0x1100}, 0);
	assert_true(regs_out.rflags & RFLAGS_ZF);
	call(0x16, (struct kvm_regs){.rax = 0x0200}, A);
	assert_false(regs_out.rflags & RFLAGS_ZF);
}

static void test_the_teletype_is_com1(void **state)
{
	NEED_KVM();
	for (const char *p = "a\r\n"; *p; p++)
		assert_int_equal(call(0x10, (struct kvm_regs){.rax = 0x0e00 | *p, .rbx = 7}, 0),
				 KEPT);
	assert_string_equal(seen.console, "aa\r\r\n\n"); /* each call is two */

	/* A transmitter that is never ready is waited for, but not for ever. */
	seen.lsr = 0;
	call(0x10, (struct kvm_regs){.rax = 0x0e62}, 0);
	assert_string_equal(seen.console, "aa\r\r\n\nbb");
}

static enum carry call_e820(u32 ebx, u32 ecx)
{
	struct kvm_regs in = {.rax = 0xe820, .rbx = ebx, .rcx = ecx, .rdx = SMAP};

	return call(0x15, in, A | B | C);
}

static void test_e820_walk(void **state)
{
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	unsigned int count = 0;
	u32 ebx = 0;
	u8 got[24];

	NEED_KVM();
	count = e820_fill(&kvm.mem, table);
	assert_true(count > 3);
	for (unsigned int i = 0; i < count; i++) {
		memset(got, 0xee, sizeof(got));
		assert_int_equal(gmem_write(&kvm.mem, BUFFER + 0x100, got, sizeof(got)), 0);
		assert_int_equal(call_e820(ebx, 24), CLEAR);
		assert_int_equal(regs_out.rax, SMAP);
		assert_int_equal(regs_out.rcx, 20);
		assert_int_equal(gmem_read(&kvm.mem, BUFFER + 0x100, got, sizeof(got)), 0);
		assert_memory_equal(got, &table[i], 20);
		assert_int_equal(got[20], 0xee);
		ebx = (u32)regs_out.rbx;
		assert_int_equal(ebx == 0, i == count - 1);
	}
}

static void test_e820_refuses(void **state)
{
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	unsigned int count;

	NEED_KVM();
	count = e820_fill(&kvm.mem, table);
	assert_int_equal(call_e820(0, 19), SET);
	assert_int_equal(call_e820(count, 20), SET);
	assert_int_equal(call_e820(0x10000, 20), SET);
	assert_int_equal(call_e820(UINT32_MAX, 20), SET);
	assert_int_equal(regs_out.rbx, UINT32_MAX);
	assert_int_equal(regs_out.rcx, 20);
	assert_int_equal(call_e820(count - 1, 20), CLEAR);
}

/* A descriptor of 64 KiB there. */
static void put_descriptor(u8 *table, unsigned int i, u32 base)
{
	const u8 bytes[] = {0xff, 0xff, (u8)base,	 (u8)(base >> 8), (u8)(base >> 16),
			    0x93, 0,	(u8)(base >> 24)};

	memcpy(table + 8UL * i, bytes, sizeof(bytes));
}

static void check_move(u32 from, u32 to, u16 words)
{
	static u8 sent[0x10002], got[0x10002];
	struct kvm_regs in = {
		.rax = 0xa0a187a3, .rbx = EBX, .rcx = 0xc0c10000U | words, .rdx = EDX};
	u8 table[48] = {0};

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (u8)(i * 7 + from / 16);
	memset(got, 0xee, sizeof(got));
	put_descriptor(table, 2, from);
	put_descriptor(table, 3, to);
	assert_int_equal(gmem_write(&kvm.mem, from, sent, sizeof(sent)), 0);
	assert_int_equal(gmem_write(&kvm.mem, to, got, sizeof(got)), 0);
	assert_int_equal(gmem_write(&kvm.mem, BUFFER + 0x5151, table, sizeof(table)), 0);
	assert_int_equal(call(0x15, in, A), CLEAR);
	assert_int_equal(regs_out.rax, 0xa0a100a3);
	assert_int_equal(gmem_read(&kvm.mem, to, got, sizeof(got)), 0);
	assert_memory_equal(got, sent, 2UL * words);
	for (size_t i = 2UL * words; i < sizeof(got); i++)
		assert_int_equal(got[i], 0xee);
}

/* Up to above 16 MiB and back: the whole of a base counts. ES:SI is 2000:5151. */
static void test_block_move(void **state)
{
	struct kvm_sregs sregs;

	NEED_KVM();
	check_move(0x40000, 0x2345678, 0x1000);
	check_move(0x2345678, 0x40000, 0x8000);
	check_move(0x40000, 0x100000, 1);
	check_move(0x40000, 0x100000, 0);
	/* In real mode again, with its limits. */
	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	assert_int_equal(sregs.cr0 & 1, 0);
	assert_int_equal(sregs.ds.limit, 0xffff);
	assert_int_equal(sregs.es.limit, 0xffff);
}

static void test_wait(void **state)
{
	u64 before;

	NEED_KVM();
	before = now_ns();
	/* 0x4e20: 20 ms, twice. */
	assert_int_equal(
		call(0x15, (struct kvm_regs){.rax = 0x8600, .rcx = 0xc0c10000, .rdx = 0xd0d14e20},
		     A),
		CLEAR);
	assert_in_range(now_ns() - before, 40 * NSEC_PER_MSEC, patient_ns(10 * NSEC_PER_SEC));
	assert_int_equal(regs_out.rax, 0);
}

/* --- time --- */

static void test_clock(void **state)
{
	NEED_KVM();
	seen.rtc[0x00] = 0x59;
	seen.rtc[0x02] = 0x34;
	seen.rtc[0x04] = 0x23;
	seen.rtc[0x07] = 0x31;
	seen.rtc[0x08] = 0x12;
	seen.rtc[0x09] = 0x26;
	seen.rtc[0x32] = 0x20;
	seen.rtc[0x0a] = 0xa6; /* an update goes on */
	assert_int_equal(call(0x1a, (struct kvm_regs){.rax = 0x0255}, A | C | D), CLEAR);
	assert_int_equal(regs_out.rax, 0x0055);
	assert_int_equal(regs_out.rcx, 0x2334);
	assert_int_equal(regs_out.rdx, 0x5900);
	assert_int_equal(seen.rtc_reads_of_a, 4); /* 3 of the first call, 1 of the second */
	assert_int_equal(call(0x1a, (struct kvm_regs){.rax = 0x0400}, A | C | D), CLEAR);
	assert_int_equal(regs_out.rcx, 0x2026);
	assert_int_equal(regs_out.rdx, 0x1231);

	/* A clock that never comes to rest. */
	seen.rtc_reads_of_a = 3;
	seen.rtc[0x0a] = 0x80;
	assert_int_equal(call(0x1a, (struct kvm_regs){.rax = 0x0200, .rcx = 7, .rdx = 8}, A), SET);
	assert_int_equal(regs_out.rax, 0x8600);
}

static void test_ticks(void **state)
{
	NEED_KVM();
	assert_int_equal(
		call(0x1a, (struct kvm_regs){.rax = 0x0100, .rcx = 0x12, .rdx = 0x3456}, A), CLEAR);
	assert_int_equal(call(0x1a, (struct kvm_regs){.rax = 0x0055}, A | C | D), CLEAR);
	assert_int_equal(regs_out.rax, 0);
	assert_int_equal(regs_out.rcx, 0x12);
	assert_int_equal(regs_out.rdx, 0x3456);

	/* INT 08h counts, and at midnight begins again and says so, once. */
	call(0x1a, (struct kvm_regs){.rax = 0x0100, .rcx = 0x18, .rdx = 0xae}, A);
	call(0x08, (struct kvm_regs){0}, 0); /* twice: af, midnight */
	regs_out = call_once(0x1a, &(struct kvm_regs){.rip = CODE, .rsp = 0x4000, .rflags = 2});
	assert_int_equal(regs_out.rax, 1);
	assert_int_equal(call(0x1a, (struct kvm_regs){0}, A | C | D), CLEAR);
	assert_int_equal(regs_out.rax, 0);
	assert_int_equal(regs_out.rcx, 0);
	assert_int_equal(regs_out.rdx, 0);
}

/* --- the entry and interrupts --- */

static struct kvm_pic_state read_pic(u32 chip)
{
	struct kvm_irqchip irqchip = {.chip_id = chip};

	assert_int_equal(ioctl(kvm.vm_fd, KVM_GET_IRQCHIP, &irqchip), 0);
	return irqchip.chip.pic;
}

/* From the BIOS's entry to CODE. */
static void enter(u64 rflags, const u8 *code, size_t len)
{
	struct kvm_regs regs = {.rax = 0xa0a1a2a3,
				.rbx = EBX,
				.rcx = ECX,
				.rdx = EDX,
				.rsi = 0x51,
				.rdi = 0xd1,
				.rbp = CODE, /* CS 0 */
				.rsp = CODE,
				.rip = BIOS_ENTRY_IP,
				.rflags = 2 | rflags};

	put_code(code, len);
	set_registers(&regs, BIOS_ENTRY_CS, 0, 0);
}

static void test_entry_without_interrupts(void **state)
{
	static const u8 code[] = {MARK};
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	NEED_KVM();
	enter(0, code, sizeof(code));
	assert_int_equal(run_guest(), MARK_PORT);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_REGS, &regs), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	assert_int_equal(regs.rax, 0xa0a1a2a3);
	assert_int_equal(regs.rbx, EBX);
	assert_int_equal(regs.rcx, ECX);
	assert_int_equal(regs.rdx, EDX);
	assert_int_equal(regs.rsi, 0x51);
	assert_int_equal(regs.rdi, 0xd1);
	assert_int_equal(regs.rbp, 0);
	assert_int_equal(regs.rsp, CODE);
	assert_int_equal(regs.rip, CODE + sizeof(code));
	assert_int_equal(sregs.cs.selector, 0);
	assert_false(regs.rflags & RFLAGS_IF);

	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_MASTER).irq_base, 0x08);
	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_MASTER).imr, 0xfb);
	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_SLAVE).irq_base, 0x70);
	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_SLAVE).imr, 0xff);
	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_MASTER).init_state, 0);
}

static void test_entry_with_interrupts_has_a_running_timer(void **state)
{
	/* 1: hlt; cmp word [0x46c], 2; jb 1b */
	static const u8 code[] = {0xf4, 0x83, 0x3e, 0x6c, 0x04, 0x02, 0x72, 0xf8, MARK};
	struct kvm_regs regs;
	u64 before;

	NEED_KVM();
	before = now_ns();
	enter(RFLAGS_IF, code, sizeof(code));
	assert_int_equal(run_guest(), MARK_PORT);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_REGS, &regs), 0);
	assert_true(regs.rflags & RFLAGS_IF);
	assert_int_equal(regs.rax, 0xa0a1a2a3);
	assert_in_range(now_ns() - before, 50 * NSEC_PER_MSEC, patient_ns(10 * NSEC_PER_SEC));
	assert_int_equal(read_pic(KVM_IRQCHIP_PIC_MASTER).imr, 0xfa);
}

/* No line but the timer's waits, and none is in service. */
static bool acknowledged(void)
{
	struct kvm_pic_state master = read_pic(KVM_IRQCHIP_PIC_MASTER);
	struct kvm_pic_state slave = read_pic(KVM_IRQCHIP_PIC_SLAVE);

	return !(master.irr & 0xfe) && !master.isr && !slave.irr && !slave.isr;
}

/*
 * Lines of both PICs come, are acknowledged, and can come again. The timer runs, so that HLT
 * ends in any case: in QEMU's nested virtualisation an interrupt may come between STI and HLT,
 * and an interpreting KVM may hold it back until HLT.
 */
static void test_lines_are_acknowledged(void **state)
{
	/* mov al, 0; out 0x21, al; out 0xa1, al; 1: cli; out MARK; sti; hlt; jmp 1b */
	static const u8 code[] = {0xb0, 0x00, 0xe6, PIC_IMR, 0xe6, 0xa1,
				  0xfa, MARK, 0xfb, 0xf4,    0xeb, 0xf9};
	static const u32 lines[] = {1, 3, 5, 7, 8, 10, 15};

	NEED_KVM();
	enter(RFLAGS_IF, code, sizeof(code));
	assert_int_equal(run_guest(), MARK_PORT);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(lines); i++) {
		seen.rtc_index = 0;
		irq_set_level(&kvm, lines[i / 2], true);
		assert_false(acknowledged());
		for (int halts = 0; halts < 4 && !acknowledged(); halts++)
			assert_int_equal(run_guest(), MARK_PORT);
		irq_set_level(&kvm, lines[i / 2], false);
		assert_true(acknowledged());
		assert_int_equal(seen.rtc_index, lines[i / 2] == GSI_RTC ? 0x0c : 0);
	}
	assert_int_equal(seen.console_len, 0);
}

/* --- endings --- */

static void test_exceptions_are_told(void **state)
{
	NEED_KVM();
	START(0x90, 0x0f, 0x0b); /* nop; ud2 */
	assert_int_equal(run_guest(), PORT_EXIT);
	assert_int_equal(seen.value, STATUS_CRASH);
	assert_string_equal(seen.console, "lkvm: BIOS: exception 6 at 0000:7c01\r\n");

	memset(&seen.console, 0, sizeof(seen.console));
	seen.console_len = 0;
	START(0x31, 0xc9, 0xf7, 0xf1); /* xor cx, cx; div cx */
	assert_int_equal(run_guest(), PORT_EXIT);
	assert_string_equal(seen.console, "lkvm: BIOS: exception 0 at 0000:7c02\r\n");

	/* No line 5 is in service: so it is a general protection. */
	memset(&seen.console, 0, sizeof(seen.console));
	seen.console_len = 0;
	START(0xcd, 0x0d);
	assert_int_equal(run_guest(), PORT_EXIT);
	assert_string_equal(seen.console, "lkvm: BIOS: exception 13 at 0000:7c02\r\n");
}

static void test_who_gives_up_is_told(void **state)
{
	NEED_KVM();
	START(0xcd, 0x19);
	assert_int_equal(run_guest(), PORT_EXIT);
	assert_int_equal(seen.value, STATUS_CRASH);
	assert_string_equal(seen.console, "lkvm: the boot code returned to the BIOS\r\n");
	START(0xcd, 0x18);
	assert_int_equal(run_guest(), PORT_EXIT);
}

static void test_the_reset_vector_resets(void **state)
{
	NEED_KVM();
	START(0xea, 0x00, 0x00, 0xff, 0xff); /* jmp ffff:0000 */
	assert_int_equal(run_guest(), PORT_RESET);
	assert_int_equal(seen.value, RESET_VALUE);
	assert_int_equal(seen.console_len, 0);
}

/* --- Linux's set-up code --- */

/* Load set-up code and fill its header as a boot loader does. */
static void load_setup_code(u16 vid_mode)
{
	static const char cmdline[] = "console=ttyS0";
	static const u8 arrived[] = {MARK};
	struct setup_header *header;
	u8 *at = gmem_ptr(&kvm.mem, SETUP_SEGMENT << 4, 0x10000);
	int fd = open(kernel, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread_full(fd, at, 512, 0), 0);
	assert_int_equal(pread_full(fd, at, (at[SETUP_SECTORS] + 1) * 512, 0), 0);
	close(fd);
	header = (struct setup_header *)(at + SETUP_SECTORS);
	header->type_of_loader = 0xff;
	header->loadflags |= CAN_USE_HEAP | LOADED_HIGH;
	header->heap_end_ptr = SETUP_STACK - 0x200;
	header->cmd_line_ptr = SETUP_CMDLINE;
	header->code32_start = LAYOUT_KERNEL_MIN;
	header->vid_mode = vid_mode;
	assert_int_equal(gmem_write(&kvm.mem, SETUP_CMDLINE, cmdline, sizeof(cmdline)), 0);
	assert_int_equal(gmem_write(&kvm.mem, LAYOUT_KERNEL_MIN, arrived, sizeof(arrived)), 0);
}

/* The set-up code looks whether the processor is good enough. */
static void set_cpuid(void)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = {.head = {.nent = 256}};

	assert_int_equal(ioctl(kvm.dev_fd, KVM_GET_SUPPORTED_CPUID, &cpuid), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_SET_CPUID2, &cpuid), 0);
}

static void test_linux_setup_code(void **state)
{
	struct kvm_regs regs = {.rbp = (SETUP_SEGMENT + 0x20ULL) << 16,
				.rsp = SETUP_STACK,
				.rip = BIOS_ENTRY_IP,
				.rflags = 2};
	struct boot_params params;
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	struct kvm_sregs sregs;
	u64 before;

	NEED_KVM();
	set_cpuid();
	load_setup_code(VID_CURRENT);
	set_registers(&regs, BIOS_ENTRY_CS, SETUP_SEGMENT, SETUP_SEGMENT);
	before = now_ns();
	assert_int_equal(run_guest(), MARK_PORT);
	print_message("%s: %llu ms, %u exits, %u of them MMIO\n%s\n", kernel,
		      ((now_ns() - before) / NSEC_PER_MSEC), seen.exits, seen.mmio_exits,
		      seen.console);

	/* It stands at the 32-bit entry, in protected mode. */
	assert_int_equal(ioctl(cpu_fd, KVM_GET_SREGS, &sregs), 0);
	assert_int_equal(ioctl(cpu_fd, KVM_GET_REGS, &regs), 0);
	assert_true(sregs.cr0 & 1);
	assert_int_equal(sregs.cs.selector, 0x10);
	assert_int_equal(regs.rip, LAYOUT_KERNEL_MIN + 2);

	/* What it found out is in boot_params. */
	assert_int_equal(gmem_read(&kvm.mem, regs.rsi, &params, sizeof(params)), 0);
	assert_int_equal(params.e820_entries, e820_fill(&kvm.mem, table));
	assert_memory_equal(params.e820_table, table, params.e820_entries * sizeof(table[0]));
	assert_int_equal(params.alt_mem_k, 63 * 1024);
	assert_int_equal(params.screen_info.ext_mem_k, 63 * 1024);
	assert_int_equal(params.screen_info.orig_video_cols, 0);
	assert_int_equal(params.screen_info.orig_video_isVGA, 0);
	assert_int_equal(params.eddbuf_entries, 0);
	assert_int_equal(params.edd_mbr_sig_buf_entries, 0);
	assert_string_equal(seen.console, "Probing EDD (edd=off to disable)... ok\r\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_services),
		TEST(test_no_key_is_told_by_the_zero_flag),
		TEST(test_the_teletype_is_com1),
		TEST(test_e820_walk),
		TEST(test_e820_refuses),
		TEST(test_block_move),
		TEST(test_wait),
		TEST(test_clock),
		TEST(test_ticks),
		TEST(test_entry_without_interrupts),
		TEST(test_entry_with_interrupts_has_a_running_timer),
		TEST(test_lines_are_acknowledged),
		TEST(test_exceptions_are_told),
		TEST(test_who_gives_up_is_told),
		TEST(test_the_reset_vector_resets),
	};
	const struct CMUnitTest kernel_tests[] = {
		TEST(test_linux_setup_code),
	};

	if (argc < 2)
		return cmocka_run_group_tests(tests, NULL, NULL);
	kernel = argv[1];
	return cmocka_run_group_tests(kernel_tests, NULL, NULL);
}
