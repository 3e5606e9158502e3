// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins core/exit.c: what of an exit reaches the buses, and which exits end the run.
 *
 * The buses are this test's; each access is recorded as text: "w3f8.1=41", "rc000.4".
 */
#include "tests/lib/log-record.h"
#include "tests/lib/test.h"

#include <kvm/arch.h>
#include <kvm/bus.h>
#include <kvm/exit.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <stdio.h>
#include <string.h>

#define DATA sizeof(struct kvm_run)

static union {
	struct kvm_run run;
	u8 page[sizeof(struct kvm_run) + 64];
} shared;
static struct kvm_run *const run = &shared.run;
static struct kvm kvm;
static struct kvm_cpu cpu;
static char trace[256];
static unsigned int dumps, resets;
static enum end_reason reason;
static int status;

static void trace_access(char kind, u64 addr, unsigned int len, const u8 *data)
{
	size_t at = strlen(trace);

	at += (size_t)snprintf(trace + at, sizeof(trace) - at, "%c%llx.%u", kind, addr, len);
	if (data)
		at += (size_t)snprintf(trace + at, sizeof(trace) - at, "=%02x", data[0]);
	snprintf(trace + at, sizeof(trace) - at, " ");
}

/* Port and MMIO accesses differ in their first letter. */
bool bus_write(struct bus *bus, u64 addr, const u8 *data, unsigned int len)
{
	trace_access(bus == &kvm.ports ? 'w' : 'W', addr, len, data);
	return true;
}

/* What is read counts upwards. */
bool bus_read(struct bus *bus, u64 addr, u8 *data, unsigned int len)
{
	static u8 next;

	next = trace[0] ? next + 1 : 0x50;
	trace_access(bus == &kvm.ports ? 'r' : 'R', addr, len, NULL);
	memset(data, next, len);
	return true;
}

void kvm_end(struct kvm *vm, enum end_reason why, int code)
{
	reason = why;
	status = code;
}

void kvm_request_reset(struct kvm *vm, const char *how)
{
	resets++;
}

void arch_cpu_dump(struct kvm_cpu *which, void (*line)(void *arg, const char *text), void *arg)
{
	dumps++;
}

const char *arch_shutdown_meaning(struct kvm_cpu *which)
{
	return "a triple fault";
}

static int set_up(void **state)
{
	memset(&shared, 0, sizeof(shared));
	memset(&cpu, 0, sizeof(cpu));
	cpu.kvm = &kvm;
	cpu.id = 3;
	cpu.run = run;
	trace[0] = logged.first[0] = '\0';
	dumps = resets = 0;
	reason = END_RUNNING;
	status = 0;
	log_record();
	return 0;
}

static void handle(u32 exit_reason)
{
	run->exit_reason = exit_reason;
	kvm_exit_handle(&cpu);
}

static void set_io(u8 direction, u8 size, u16 at, u32 count)
{
	run->io.direction = direction;
	run->io.size = size;
	run->io.port = at;
	run->io.count = count;
	run->io.data_offset = DATA;
}

static void test_ports(void **state)
{
	set_io(KVM_EXIT_IO_OUT, 1, 0x3f8, 1);
	shared.page[DATA] = 'A';
	handle(KVM_EXIT_IO);
	assert_string_equal(trace, "w3f8.1=41 ");
	assert_int_equal(atomic_load(&cpu.exits[KVM_EXIT_IO]), 1);
	trace[0] = '\0';
	set_io(KVM_EXIT_IO_IN, 4, 0xcfc, 1);
	handle(KVM_EXIT_IO);
	assert_string_equal(trace, "rcfc.4 ");
	assert_int_equal(shared.page[DATA + 3], 0x50);
	assert_int_equal(shared.page[DATA + 4], 0);
}

/* outsw and insw: count accesses, whose data lie one behind the other. */
static void test_string_instructions(void **state)
{
	memcpy(&shared.page[DATA], "a.b.c.", 6);
	set_io(KVM_EXIT_IO_OUT, 2, 0x80, 3);
	handle(KVM_EXIT_IO);
	assert_string_equal(trace, "w80.2=61 w80.2=62 w80.2=63 ");
	trace[0] = '\0';
	set_io(KVM_EXIT_IO_IN, 2, 0x80, 2);
	handle(KVM_EXIT_IO);
	assert_string_equal(trace, "r80.2 r80.2 ");
	assert_memory_equal(&shared.page[DATA],
			    "\x50\x50\x51\x51"
			    "c.",
			    6);
}

static void test_mmio(void **state)
{
	run->mmio.phys_addr = 0xfee00000;
	run->mmio.len = 8;
	run->mmio.data[0] = 7;
	run->mmio.is_write = 1;
	handle(KVM_EXIT_MMIO);
	assert_string_equal(trace, "Wfee00000.8=07 ");
	trace[0] = '\0';
	run->mmio.is_write = 0;
	handle(KVM_EXIT_MMIO);
	assert_string_equal(trace, "Rfee00000.8 ");
	assert_int_equal(run->mmio.data[7], 0x50);
}

static void test_the_guest_goes_on(void **state)
{
	handle(KVM_EXIT_INTR);
	handle(KVM_EXIT_IRQ_WINDOW_OPEN);
	assert_int_equal(reason, END_RUNNING);
	assert_int_equal(logged.lines, 0);
}

static void assert_crash(const char *line)
{
	assert_int_equal(reason, END_CRASH);
	assert_int_equal(status, STATUS_CRASH);
	assert_int_equal(dumps, 1);
	assert_string_equal(logged.first, line);
	set_up(NULL);
}

static void test_the_vcpu_cannot_go_on(void **state)
{
	handle(KVM_EXIT_SHUTDOWN);
	assert_crash("lkvm: vCPU 3 cannot go on: shutdown: a triple fault");
	handle(KVM_EXIT_HLT);
	assert_crash("lkvm: vCPU 3 cannot go on: hlt: the vCPU halted and no in-kernel APIC can "
		     "wake it");
	kvm_exit_run_failed(&cpu, 14);
	assert_crash("lkvm: vCPU 3 cannot go on: KVM_RUN failed: Bad address");
}

/* A newer KVM than this lkvm: the first number behind the table, and the last of all. */
static void test_reasons_that_have_no_row(void **state)
{
	assert_null(kvm_exit_name(KVM_CPU_EXIT_KINDS - 1));
	assert_null(kvm_exit_name(KVM_CPU_EXIT_KINDS));
	assert_string_equal(kvm_exit_name(KVM_EXIT_MMIO), "mmio");
	handle(KVM_CPU_EXIT_KINDS);
	assert_crash("lkvm: vCPU 3 cannot go on: exit reason 64: newer than this lkvm");
	handle(UINT32_MAX);
	assert_crash("lkvm: vCPU 3 cannot go on: exit reason 4294967295: newer than this lkvm");
}

/* A report without words would print "(null)". */
static void test_every_reason_that_has_a_name(void **state)
{
	for (u32 kind = 0; kind < KVM_CPU_EXIT_KINDS; kind++) {
		if (!kvm_exit_name(kind))
			continue;
		set_up(NULL);
		handle(kind);
		assert_int_equal(atomic_load(&cpu.exits[kind]), 1);
		assert_int_equal(logged.lines, reason == END_CRASH);
		assert_null(strstr(logged.first, "(null)"));
	}
}

static unsigned int counted;

static void count(const struct kvm_run *what)
{
	assert_ptr_equal(what, run);
	assert_string_equal(trace, ""); /* it is not handled yet */
	counted++;
}

/* Those that have no name are not counted: the counter has no place for them. */
static void test_a_counter(void **state)
{
	kvm_exit_set_counter(count);
	set_io(KVM_EXIT_IO_OUT, 1, 0x3f8, 3);
	handle(KVM_EXIT_IO);
	handle(KVM_CPU_EXIT_KINDS);
	assert_int_equal(counted, 1);
	kvm_exit_set_counter(NULL);
	set_up(NULL);
	handle(KVM_EXIT_IO);
	assert_int_equal(counted, 1);
}

#define EMULATION "lkvm: vCPU 3 cannot go on: emulation failure, instruction"

static void fail_emulation(u32 ndata, u64 flags, u8 insn_size)
{
	set_up(NULL);
	run->internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = ndata;
	run->emulation_failure.flags = flags;
	run->emulation_failure.insn_size = insn_size;
	memset(run->emulation_failure.insn_bytes, 0xab, sizeof(run->emulation_failure.insn_bytes));
	handle(KVM_EXIT_INTERNAL_ERROR);
	assert_int_equal(reason, END_CRASH);
}

/* The instruction's bytes are good only as far as KVM says so. */
static void test_emulation_failures(void **state)
{
	const u64 bytes = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;

	fail_emulation(3, bytes, 2);
	assert_non_null(strstr(logged.first, EMULATION " ab ab: "));
	fail_emulation(3, bytes, 200);
	assert_non_null(strstr(logged.first, EMULATION " ab ab ab ab ab ab ab ab ab ab ab ab ab ab "
						       "ab: "));
	fail_emulation(2, bytes, 2);
	assert_non_null(strstr(logged.first, EMULATION " at the marked code byte: "));
	fail_emulation(3, 0, 2);
	assert_non_null(strstr(logged.first, EMULATION " at the marked code byte: "));
}

static void test_system_events(void **state)
{
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
	handle(KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(resets, 1);
	assert_int_equal(reason, END_RUNNING);
	run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
	handle(KVM_EXIT_SYSTEM_EVENT);
	assert_int_equal(reason, END_POWEROFF);
	assert_int_equal(logged.lines, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ports),
		TEST(test_string_instructions),
		TEST(test_mmio),
		TEST(test_the_guest_goes_on),
		TEST(test_the_vcpu_cannot_go_on),
		TEST(test_reasons_that_have_no_row),
		TEST(test_every_reason_that_has_a_name),
		TEST(test_a_counter),
		TEST(test_emulation_failures),
		TEST(test_system_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
