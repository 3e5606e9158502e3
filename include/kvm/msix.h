/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X of a PCI function: capability, table, pending bits, and the interrupts. pci/msix.c.
 *
 * Table and pending bits are an area of msix_bytes() in a memory BAR of the owner, whose
 * handlers hand accesses to it on. A vector's eventfd raises it; KVM takes it from there without
 * lkvm while the vector is unmasked, and what comes while it is masked stays pending.
 */
#ifndef KVM_MSIX_H
#define KVM_MSIX_H

#include <kvm/pci.h>
#include <kvm/types.h>
#include <pthread.h>
#include <stdatomic.h>

#define MSIX_VECTORS_MAX 2048

struct msix_vector;

/* pci/msix.c's own. Zeroes at the start. */
struct msix {
	struct kvm *kvm;
	struct pci_capability cap;
	unsigned int count;
	u32 (*table)[4];	     /* as the guest reads it */
	struct msix_vector *vectors; /* what KVM knows of them */
	pthread_mutex_t lock;	     /* over both, and control */
	u16 control;		     /* Message Control, as of the last look */
	atomic_bool enabled;
};

/* Bytes of table and pending bits for count vectors. */
static inline u32 msix_bytes(unsigned int count)
{
	return 16 * count + (count + 63) / 64 * 8;
}

/*
 * count (1 to MSIX_VECTORS_MAX) vectors, whose area is at offset (a multiple of 8) of the memory
 * BAR. After pci_function_init(), before pci_add(). 0, or -errno after a log_error() line. Main
 * thread. msix_exit() comes after pci_remove(); it is harmless on zeroes and after a failure.
 */
int msix_init(struct msix *msix, struct kvm *kvm, struct pci_function *fn, unsigned int bar,
	      u32 offset, unsigned int count);
void msix_exit(struct msix *msix);

/*
 * An access at offset within the area, of 1, 2, 4 or 8 bytes. What is outside reads as all ones.
 * vCPU threads, under no lock or the device's own.
 */
u64 msix_read(struct msix *msix, u64 offset, unsigned int size);
void msix_write(struct msix *msix, u64 offset, unsigned int size, u64 value);

/*
 * Raise a vector; nothing happens when there is none of that number. False while the guest has
 * MSI-X off: then the function's line is its interrupt. Any thread; one write(2).
 */
bool msix_raise(struct msix *msix, unsigned int vector);

/* The eventfd that raises the vector, for whoever writes it himself; it stays ours. */
int msix_fd(const struct msix *msix, unsigned int vector);

#endif
