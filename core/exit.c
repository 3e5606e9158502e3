// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exits of a guest from KVM_RUN: one table from exit reason to handler.
 *
 * Every reason that has a name (exit-names.c) has a row. If a row has a handler, the vCPU's thread
 * calls it and the guest goes on. A row without a handler ends the machine: a report shows the
 * reason, its usual meaning, the registers and the code bytes, and the run ends as a crash. A
 * reason without a name comes from a KVM that is newer than this binary, and is reported in the
 * same way.
 *
 * struct kvm_run is shared with the kernel, not with the guest; KVM limits the values in it that
 * the guest chooses (port, address, length, count), and bus.c checks them again.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst, section 5 (the kvm_run structure).
 */
#include <kvm/arch.h>
#include <kvm/bus.h>
#include <kvm/exit.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <stdio.h>
#include <string.h>

struct exit_kind {
	void (*handle)(struct kvm_cpu *cpu); /* NULL: the vCPU cannot go on */
	const char *meaning;		     /* for the report */
};

static void (*exit_counter)(const struct kvm_run *run);

static void exit_io(struct kvm_cpu *cpu)
{
	struct kvm_run *run = cpu->run;
	u8 *data = (u8 *)run + run->io.data_offset;

	/* A string instruction makes `count` accesses to one port. */
	for (u32 i = 0; i < run->io.count; i++, data += run->io.size) {
		if (run->io.direction == KVM_EXIT_IO_OUT)
			bus_write(&cpu->kvm->ports, run->io.port, data, run->io.size);
		else
			bus_read(&cpu->kvm->ports, run->io.port, data, run->io.size);
	}
}

static void exit_mmio(struct kvm_cpu *cpu)
{
	struct kvm_run *run = cpu->run;

	if (run->mmio.is_write)
		bus_write(&cpu->kvm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
	else
		bus_read(&cpu->kvm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len);
}

/* An exit that needs no work in user space: enter the guest again. */
static void exit_again(struct kvm_cpu *cpu)
{
}

static void exit_line(void *arg, const char *text)
{
	log_error("  %s", text);
}

/* End the run as a crash, and report what happened, the usual meaning and the vCPU's registers. */
static void exit_report(struct kvm_cpu *cpu, const char *what, const char *meaning)
{
	kvm_end(cpu->kvm, END_CRASH, STATUS_CRASH);
	log_error("vCPU %u cannot go on: %s: %s", cpu->id, what, meaning);
	arch_cpu_dump(cpu, exit_line, NULL);
}

static void exit_shutdown(struct kvm_cpu *cpu)
{
	exit_report(cpu, "shutdown", arch_shutdown_meaning(cpu));
}

static void exit_fail_entry(struct kvm_cpu *cpu)
{
	char what[80];

	snprintf(what, sizeof(what), "failed entry, hardware reason 0x%llx",
		 cpu->run->fail_entry.hardware_entry_failure_reason);
	exit_report(cpu, what,
		    "the CPU refused the vCPU's state: the guest loaded registers that "
		    "contradict each other, or this host's KVM has a bug");
}

static void exit_unknown(struct kvm_cpu *cpu)
{
	char what[80];

	snprintf(what, sizeof(what), "unknown hardware exit 0x%llx",
		 cpu->run->hw.hardware_exit_reason);
	exit_report(cpu, what, "the CPU left the guest for a reason this host's KVM does not know");
}

/* Format the instruction that KVM could not emulate, if KVM reports its bytes. */
static void exit_emulation_bytes(const struct kvm_run *run, char *text, size_t size)
{
	u32 count =
		MIN(run->emulation_failure.insn_size, sizeof(run->emulation_failure.insn_bytes));
	int used = 0;

	if (run->emulation_failure.ndata < 3 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		count = 0;
	used = snprintf(text, size, "emulation failure, instruction");
	for (u32 i = 0; i < count; i++)
		used += snprintf(text + used, size - (size_t)used, " %02x",
				 run->emulation_failure.insn_bytes[i]);
	if (!count)
		snprintf(text, size, "emulation failure, instruction at the marked code byte");
}

static void exit_internal_error(struct kvm_cpu *cpu)
{
	char what[128];

	switch (cpu->run->internal.suberror) {
	case KVM_INTERNAL_ERROR_EMULATION:
		exit_emulation_bytes(cpu->run, what, sizeof(what));
		exit_report(cpu, what,
			    "this host's KVM has to emulate this code instead of running it, and "
			    "does not know this instruction; guests run whole only on hardware "
			    "virtualisation");
		break;
	case KVM_INTERNAL_ERROR_SIMUL_EX:
		exit_report(cpu, "internal error: simultaneous exceptions",
			    "an exception came up while another was being delivered, in a way KVM "
			    "cannot combine");
		break;
	case KVM_INTERNAL_ERROR_DELIVERY_EV:
		exit_report(cpu, "internal error: exit while delivering an event",
			    "the guest's IDT, stack or TSS lies where no RAM is");
		break;
	case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		exit_report(cpu, "internal error: unexpected exit reason",
			    "this CPU has a feature that this host's KVM does not handle");
		break;
	default:
		snprintf(what, sizeof(what), "internal error, kind %u",
			 cpu->run->internal.suberror);
		exit_report(cpu, what, "this host's KVM gave up; its log (dmesg) may say more");
	}
}

static void exit_system_event(struct kvm_cpu *cpu)
{
	switch (cpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		kvm_end(cpu->kvm, END_POWEROFF, 0);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		kvm_request_reset(cpu->kvm, "a KVM system event");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		exit_report(cpu, "system event: crash", "the guest told KVM that it crashed");
		break;
	default:
		exit_report(cpu, "system event of an unknown type",
			    "a feature that lkvm did not ask for");
	}
}

#define NOT_ASKED_FOR "lkvm did not ask KVM for this exit; this host's KVM is at fault"
#define OTHER_ARCH    "this exit belongs to another architecture"

static const struct exit_kind exit_kinds[KVM_CPU_EXIT_KINDS] = {
	[KVM_EXIT_UNKNOWN] = {exit_unknown, NULL},
	[KVM_EXIT_EXCEPTION] = {NULL, "KVM could not handle an exception of the guest"},
	[KVM_EXIT_IO] = {exit_io, NULL},
	[KVM_EXIT_HYPERCALL] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_DEBUG] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_HLT] = {NULL, "the vCPU halted and no in-kernel APIC can wake it"},
	[KVM_EXIT_MMIO] = {exit_mmio, NULL},
	[KVM_EXIT_IRQ_WINDOW_OPEN] = {exit_again, NULL},
	[KVM_EXIT_SHUTDOWN] = {exit_shutdown, NULL},
	[KVM_EXIT_FAIL_ENTRY] = {exit_fail_entry, NULL},
	[KVM_EXIT_INTR] = {exit_again, NULL},
	[KVM_EXIT_SET_TPR] = {exit_again, NULL},
	[KVM_EXIT_TPR_ACCESS] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_S390_SIEIC] = {NULL, OTHER_ARCH},
	[KVM_EXIT_S390_RESET] = {NULL, OTHER_ARCH},
	[KVM_EXIT_DCR] = {NULL, OTHER_ARCH},
	[KVM_EXIT_NMI] = {exit_again, NULL},
	[KVM_EXIT_INTERNAL_ERROR] = {exit_internal_error, NULL},
	[KVM_EXIT_OSI] = {NULL, OTHER_ARCH},
	[KVM_EXIT_PAPR_HCALL] = {NULL, OTHER_ARCH},
	[KVM_EXIT_S390_UCONTROL] = {NULL, OTHER_ARCH},
	[KVM_EXIT_WATCHDOG] = {NULL, OTHER_ARCH},
	[KVM_EXIT_S390_TSCH] = {NULL, OTHER_ARCH},
	[KVM_EXIT_EPR] = {NULL, OTHER_ARCH},
	[KVM_EXIT_SYSTEM_EVENT] = {exit_system_event, NULL},
	[KVM_EXIT_S390_STSI] = {NULL, OTHER_ARCH},
	[KVM_EXIT_IOAPIC_EOI] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_HYPERV] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_ARM_NISV] = {NULL, OTHER_ARCH},
	[KVM_EXIT_X86_RDMSR] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_X86_WRMSR] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_DIRTY_RING_FULL] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_AP_RESET_HOLD] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_X86_BUS_LOCK] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_XEN] = {NULL, NOT_ASKED_FOR},
	[KVM_EXIT_RISCV_SBI] = {NULL, OTHER_ARCH},
	[KVM_EXIT_RISCV_CSR] = {NULL, OTHER_ARCH},
	[KVM_EXIT_NOTIFY] = {NULL, NOT_ASKED_FOR},
};

void kvm_exit_set_counter(void (*count)(const struct kvm_run *run))
{
	exit_counter = count;
}

void kvm_exit_handle(struct kvm_cpu *cpu)
{
	u32 reason = cpu->run->exit_reason;
	const char *name = kvm_exit_name(reason);
	const struct exit_kind *kind;
	char what[40];

	if (!name) {
		snprintf(what, sizeof(what), "exit reason %u", reason);
		exit_report(cpu, what, "newer than this lkvm");
		return;
	}
	kind = &exit_kinds[reason];
	atomic_fetch_add_explicit(&cpu->exits[reason], 1, memory_order_relaxed);
	if (exit_counter)
		exit_counter(cpu->run);
	if (kind->handle)
		kind->handle(cpu);
	else
		exit_report(cpu, name, kind->meaning);
}

void kvm_exit_run_failed(struct kvm_cpu *cpu, int error)
{
	exit_report(cpu, "KVM_RUN failed", strerror(error));
}
