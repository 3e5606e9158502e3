/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X of a PCI function: capability, table, pending bits, and the interrupts. pci/msix.c.
 *
 * Table and pending bits are an area of msix_bytes() bytes in a memory BAR of the owner. The
 * handlers of the BAR pass accesses to the area on to msix_read() and msix_write(). A write to a
 * vector's eventfd raises the vector. While the vector is unmasked, KVM reads the eventfd and sends
 * the interrupt without lkvm; an event that comes while the vector is masked stays pending.
 */
#ifndef KVM_MSIX_H
#define KVM_MSIX_H

#include <kvm/pci.h>
#include <kvm/types.h>
#include <pthread.h>
#include <stdatomic.h>

#define MSIX_VECTORS_MAX 2048

struct msix_vector;

/* For pci/msix.c alone. All zero at the start. */
struct msix {
	struct kvm *kvm;
	struct pci_capability cap;
	unsigned int count;
	u32 (*table)[4];	     /* as the guest reads it */
	struct msix_vector *vectors; /* what KVM knows of them */
	pthread_mutex_t lock;	     /* over both, and control */
	u16 control;		     /* Message Control, as msix.c last read it */
	atomic_bool enabled;
};

/* Bytes of table and pending bits for count vectors. */
static inline u32 msix_bytes(unsigned int count)
{
	return 16 * count + (count + 63) / 64 * 8;
}

/*
 * Give the function count (1 to MSIX_VECTORS_MAX) vectors, with the area at offset (a multiple of
 * 8) in the memory BAR. After pci_function_init(), before pci_add(). 0, or -errno after a
 * log_error() line. Main thread. Call msix_exit() after pci_remove(); on an all-zero struct, and
 * after a failure, it does nothing.
 */
int msix_init(struct msix *msix, struct kvm *kvm, struct pci_function *fn, unsigned int bar,
	      u32 offset, unsigned int count);
void msix_exit(struct msix *msix);

/*
 * One access of 1, 2, 4 or 8 bytes at offset within the area. Outside of the area reads are all
 * ones. vCPU threads, with no lock held or the device's own.
 */
u64 msix_read(struct msix *msix, u64 offset, unsigned int size);
void msix_write(struct msix *msix, u64 offset, unsigned int size, u64 value);

/*
 * Raise a vector; a number without a vector is ignored. False: the guest has MSI-X off, so the
 * caller must use the interrupt pin. Any thread; one write(2).
 */
bool msix_raise(struct msix *msix, unsigned int vector);

/* The eventfd that raises the vector, for a thread or process that writes to it directly. It still
   belongs to msix.c, which closes it. */
int msix_fd(const struct msix *msix, unsigned int vector);

#endif
