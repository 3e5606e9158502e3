// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts towards the guest: lines, MSI routes, eventfds.
 *
 * KVM emulates PIC, IOAPIC and local APICs. One table tells KVM the meaning of each GSI.
 * KVM_SET_GSI_ROUTING always replaces the whole table and waits for a grace period. A guest writes
 * many MSI-X vectors, one register at a time: a call for each write would make its boot slow. So
 * this file keeps the table and collects changes, and irq_commit() calls KVM only if the table has
 * changed.
 *
 * The lines' entries come from the architecture (on a PC: PIC and IOAPIC pins, with IRQ 0 on IOAPIC
 * pin 2, as the MADT says). MSI routes are slots above them; a slot's index is its GSI. The next
 * route can use the slot of a removed one, with the same GSI.
 *
 * Threads: the table has one mutex; irq_set_level() and the eventfd calls need no lock here, KVM
 * has its own.
 */
#include <kvm/arch.h>
#include <kvm/init.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

struct irq_msi {
	bool used;
	u64 address;
	u32 data;
};

static struct {
	pthread_mutex_t lock;
	/* KVM limits the number of entries, and a line has up to two. */
	struct irq_msi msi[IRQ_MAX_ROUTES - 2 * IRQ_LINES];
	u32 msi_top; /* slots from here on were never used */
	bool dirty;
} irq = {.lock = PTHREAD_MUTEX_INITIALIZER};

void irq_set_level(struct kvm *kvm, u32 gsi, bool level)
{
	struct kvm_irq_level request = {.irq = gsi, .level = level};
	int err = kvm_vm_ioctl(kvm, KVM_IRQ_LINE, &request);

	if (err < 0) {
		static struct log_limit limit;

		log_warn_limited(&limit, "interrupt line %u: %s", gsi, strerror(-err));
	}
}

int irq_add_msi(struct kvm *kvm, u64 address, u32 data)
{
	int gsi = -ENOSPC;

	pthread_mutex_lock(&irq.lock);
	for (u32 i = 0; i < ARRAY_SIZE(irq.msi); i++) {
		if (irq.msi[i].used)
			continue;
		irq.msi[i] = (struct irq_msi){.used = true, .address = address, .data = data};
		irq.msi_top = MAX(irq.msi_top, i + 1);
		irq.dirty = true;
		gsi = (int)(IRQ_FIRST_MSI + i);
		break;
	}
	pthread_mutex_unlock(&irq.lock);
	return gsi;
}

bool irq_update_msi(struct kvm *kvm, u32 gsi, u64 address, u32 data)
{
	struct irq_msi *msi = &irq.msi[gsi - IRQ_FIRST_MSI];
	bool dirty;

	pthread_mutex_lock(&irq.lock);
	if (msi->address != address || msi->data != data) {
		msi->address = address;
		msi->data = data;
		irq.dirty = true;
	}
	dirty = irq.dirty;
	pthread_mutex_unlock(&irq.lock);
	return dirty;
}

void irq_remove_msi(struct kvm *kvm, u32 gsi)
{
	/* No commit: KVM keeps the old route, but nothing raises its GSI any more. */
	pthread_mutex_lock(&irq.lock);
	irq.msi[gsi - IRQ_FIRST_MSI].used = false;
	pthread_mutex_unlock(&irq.lock);
}

static u32 irq_fill_table(struct kvm_irq_routing *table)
{
	u32 count = arch_line_routes(table->entries, 2 * IRQ_LINES);

	for (u32 i = 0; i < irq.msi_top; i++) {
		const struct irq_msi *msi = &irq.msi[i];

		if (!msi->used)
			continue;
		table->entries[count++] = (struct kvm_irq_routing_entry){
			.gsi = IRQ_FIRST_MSI + i,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = {.address_lo = (u32)msi->address,
				  .address_hi = (u32)(msi->address >> 32),
				  .data = msi->data},
		};
	}
	return count;
}

int irq_commit(struct kvm *kvm)
{
	struct kvm_irq_routing *table;
	int err = 0;

	pthread_mutex_lock(&irq.lock);
	if (!irq.dirty)
		goto out_unlock;
	table = calloc(1,
		       sizeof(*table) + (2 * IRQ_LINES + irq.msi_top) * sizeof(table->entries[0]));
	if (!table) {
		err = -ENOMEM;
		goto out_unlock;
	}
	table->nr = irq_fill_table(table);
	err = kvm_vm_ioctl(kvm, KVM_SET_GSI_ROUTING, table);
	if (!err)
		irq.dirty = false;
	log_debug("interrupt routing: a table of %u entries", table->nr);
	free(table);
out_unlock:
	pthread_mutex_unlock(&irq.lock);
	if (err) {
		/* Limited: a guest can cause this error again and again. */
		static struct log_limit limit;

		log_line_limited(&limit, LOG_ERROR, "interrupt routing: KVM_SET_GSI_ROUTING: %s",
				 strerror(-err));
	}
	return err;
}

static int irq_fd_ioctl(struct kvm *kvm, u32 gsi, int fd, int resample_fd, u32 flags)
{
	struct kvm_irqfd request = {.fd = (u32)fd, .gsi = gsi, .flags = flags};

	if (resample_fd >= 0) {
		request.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		request.resamplefd = (u32)resample_fd;
	}
	return kvm_vm_ioctl(kvm, KVM_IRQFD, &request);
}

int irq_attach_fd(struct kvm *kvm, u32 gsi, int fd, int resample_fd)
{
	return irq_fd_ioctl(kvm, gsi, fd, resample_fd, 0);
}

int irq_detach_fd(struct kvm *kvm, u32 gsi, int fd)
{
	return irq_fd_ioctl(kvm, gsi, fd, -1, KVM_IRQFD_FLAG_DEASSIGN);
}

static int irq_init(struct kvm *kvm)
{
	irq.dirty = true; /* the routes of the lines differ from KVM's defaults */
	return irq_commit(kvm);
}

INIT_MODULE(irq, .level = INIT_DEV_BASE, .init = irq_init);
