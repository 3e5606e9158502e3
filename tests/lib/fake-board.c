// SPDX-License-Identifier: GPL-2.0-only
/*
 * The chips that a test does not have: x86/board.c, which is the real one, finds these instead.
 *
 * They are weak, so a chip whose object is linked takes their place. A test links the board and the
 * chips it is about, and finds them where a guest does.
 */
#include <kvm/chips.h>
#include <kvm/pci.h>

#define ABSENT(name)                                                                               \
	__attribute__((weak)) int name##_create(struct kvm *kvm, const struct chip_place *place)   \
	{                                                                                          \
		return 0;                                                                          \
	}                                                                                          \
	__attribute__((weak)) void name##_destroy(struct kvm *kvm, const struct chip_place *place) \
	{                                                                                          \
	}

ABSENT(acpi_pm)
ABSENT(exit_port)
ABSENT(i8042)
ABSENT(pvpanic)
ABSENT(reset_port)
ABSENT(rtc)
ABSENT(serial)
ABSENT(serial_pty)
ABSENT(status_port)

__attribute__((weak)) const struct bus_region *reset_port_register(u16 port)
{
	return NULL;
}

__attribute__((weak)) int pci_create(struct kvm *kvm, const struct pci_place *place)
{
	return 0;
}

__attribute__((weak)) void pci_destroy(struct kvm *kvm)
{
}
