// SPDX-License-Identifier: GPL-2.0-only
/*
 * The parts of the PC that KVM emulates: interrupt controllers and timer; and KVM's own pages.
 *
 * KVM emulates PIC, IOAPIC, local APICs and the PIT in the host's kernel. They are set up here, in
 * the order that KVM requires: the TSS and identity-map addresses (used on Intel to run real-mode
 * code; EINVAL after a vCPU exists), the irqchip, the PIT. The PIT includes port 0x61
 * (KVM_PIT_SPEAKER_DUMMY): otherwise a guest that calibrates its TSC against the PIT would cause
 * thousands of exits to lkvm. Missed ticks are not delivered later (KVM_REINJECT_CONTROL): to count
 * them, KVM would have to see each acknowledgement, which disables AVIC for the whole machine, and
 * guests have better clocks.
 *
 * Reset. If a reset in place is possible (--on-reboot=reset), the state of PIC, IOAPIC and PIT is
 * read once, directly after their creation, and written back at each reset. The guest's clock
 * starts from 0.
 *
 * Lines. GSI n is PIC pin n (below 16) and IOAPIC pin n. The exception is the timer, GSI 0: it is
 * IOAPIC pin 2, as on every PC and as the MADT says.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst 4.24-4.27, 4.71, 4.72; Intel 8259A,
 * 82093AA.
 */
#include "layout.h"

#include <kvm/arch.h>
#include <kvm/config.h>
#include <kvm/irq-pin.h>
#include <kvm/irq.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <cpuid.h>
#include <string.h>

#define PIC_PINS	    8
#define TIMER_GSI	    0
#define TIMER_IOAPIC_PIN    2

#define CPUID_ADDRESS_SIZES 0x80000008 /* EAX 7:0: physical address bits */
#define PHYS_BITS_MIN	    36U
#define PHYS_BITS_MAX	    52U

const gpa_t arch_ram_hole_start = LAYOUT_RAM_HOLE;
const gpa_t arch_ram_hole_end = LAYOUT_RAM_HIGH;

#define NEED(name)          \
	{                   \
		name, #name \
	}
const struct arch_cap arch_required_caps[] = {
	NEED(KVM_CAP_USER_MEMORY),
	NEED(KVM_CAP_IRQCHIP),
	NEED(KVM_CAP_SET_TSS_ADDR),
	NEED(KVM_CAP_SET_IDENTITY_MAP_ADDR),
	NEED(KVM_CAP_EXT_CPUID),
	NEED(KVM_CAP_PIT2),
	NEED(KVM_CAP_PIT_STATE2),
	NEED(KVM_CAP_IRQ_ROUTING),
	NEED(KVM_CAP_IRQFD),
	NEED(KVM_CAP_IOEVENTFD),
	NEED(KVM_CAP_MP_STATE),
	NEED(KVM_CAP_VCPU_EVENTS),
	NEED(KVM_CAP_DEBUGREGS),
	NEED(KVM_CAP_XSAVE),
	NEED(KVM_CAP_ADJUST_CLOCK),
	NEED(KVM_CAP_IMMEDIATE_EXIT),
	NEED(KVM_CAP_DESTROY_MEMORY_REGION_WORKS),
};
const size_t arch_required_cap_count = ARRAY_SIZE(arch_required_caps);

static const u32 machine_chips[] = {KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE,
				    KVM_IRQCHIP_IOAPIC};

/* KVM's power-on state, for a reset. */
static struct {
	struct kvm_irqchip chips[ARRAY_SIZE(machine_chips)];
	struct kvm_pit_state2 pit;
} machine;

static int machine_save(struct kvm *kvm)
{
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(machine_chips); i++) {
		machine.chips[i].chip_id = machine_chips[i];
		err = kvm_vm_ioctl(kvm, KVM_GET_IRQCHIP, &machine.chips[i]);
		if (err)
			return log_fail(err, "KVM_GET_IRQCHIP: %s", strerror(-err));
	}
	err = kvm_vm_ioctl(kvm, KVM_GET_PIT2, &machine.pit);
	return err ? log_fail(err, "KVM_GET_PIT2: %s", strerror(-err)) : 0;
}

/* Make shared lines level-triggered at the PICs, too, as firmware does with port 0x4d0. */
static int machine_set_levels(struct kvm *kvm)
{
	int err = 0;

	for (u32 chip = KVM_IRQCHIP_PIC_MASTER; !err && chip <= KVM_IRQCHIP_PIC_SLAVE; chip++) {
		struct kvm_irqchip state = {.chip_id = chip};

		err = kvm_vm_ioctl(kvm, KVM_GET_IRQCHIP, &state);
		for (u32 pin = 0; pin < PIC_PINS; pin++) {
			if (irq_pin_shares_line(chip * PIC_PINS + pin))
				state.chip.pic.elcr |= (u8)(1U << pin);
		}
		err = err ?: kvm_vm_ioctl(kvm, KVM_SET_IRQCHIP, &state);
	}
	return err ? log_fail(err, "PIC: its lines cannot be made level-triggered: %s",
			      strerror(-err))
		   : 0;
}

int arch_vm_init(struct kvm *kvm)
{
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	struct kvm_reinject_control reinject = {.pit_reinject = 0};
	u64 identity_map = LAYOUT_IDENTITY_MAP;
	int err;

	err = kvm_vm_ioctl_value(kvm, KVM_SET_TSS_ADDR, LAYOUT_TSS);
	if (err)
		return log_fail(err, "KVM_SET_TSS_ADDR: %s", strerror(-err));
	err = kvm_vm_ioctl(kvm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	if (err)
		return log_fail(err, "KVM_SET_IDENTITY_MAP_ADDR: %s", strerror(-err));
	err = kvm_vm_ioctl_value(kvm, KVM_CREATE_IRQCHIP, 0);
	if (err)
		return log_fail(err, "KVM_CREATE_IRQCHIP: %s", strerror(-err));
	err = kvm_vm_ioctl(kvm, KVM_CREATE_PIT2, &pit);
	if (err)
		return log_fail(err, "KVM_CREATE_PIT2: %s", strerror(-err));
	/* An optimisation: errors are ignored. */
	kvm_vm_ioctl(kvm, KVM_REINJECT_CONTROL, &reinject);
	err = irq_pin_uses_isa_lines() ? machine_set_levels(kvm) : 0;
	if (err)
		return err;
	return config.on_reboot == ON_REBOOT_RESET ? machine_save(kvm) : 0;
}

int arch_vm_reset(struct kvm *kvm)
{
	struct kvm_clock_data clock = {0};
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(machine_chips); i++) {
		err = kvm_vm_ioctl(kvm, KVM_SET_IRQCHIP, &machine.chips[i]);
		if (err)
			return log_fail(err, "reset: KVM_SET_IRQCHIP: %s", strerror(-err));
	}
	err = kvm_vm_ioctl(kvm, KVM_SET_PIT2, &machine.pit);
	if (err)
		return log_fail(err, "reset: KVM_SET_PIT2: %s", strerror(-err));
	err = kvm_vm_ioctl(kvm, KVM_SET_CLOCK, &clock);
	return err ? log_fail(err, "reset: KVM_SET_CLOCK: %s", strerror(-err)) : 0;
}

unsigned int arch_line_routes(struct kvm_irq_routing_entry *entries, unsigned int max)
{
	unsigned int count = 0;

	for (u32 gsi = 0; gsi < IRQ_LINES && count + 2 <= max; gsi++) {
		if (gsi < 2 * PIC_PINS)
			entries[count++] = (struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip = gsi < PIC_PINS ? KVM_IRQCHIP_PIC_MASTER
									: KVM_IRQCHIP_PIC_SLAVE,
					      .pin = gsi % PIC_PINS},
			};
		if (gsi != TIMER_IOAPIC_PIN)
			entries[count++] = (struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip = KVM_IRQCHIP_IOAPIC,
					      .pin = gsi == TIMER_GSI ? TIMER_IOAPIC_PIN : gsi},
			};
	}
	return count;
}

u64 arch_max_ram(const struct kvm *kvm)
{
	u32 eax, ebx, ecx, edx;
	unsigned int bits = PHYS_BITS_MIN;

	if (__get_cpuid(CPUID_ADDRESS_SIZES, &eax, &ebx, &ecx, &edx))
		bits = MAX(eax & 0xff, PHYS_BITS_MIN);
	return (1ULL << MIN(bits, PHYS_BITS_MAX)) - (LAYOUT_RAM_HIGH - LAYOUT_RAM_HOLE);
}
