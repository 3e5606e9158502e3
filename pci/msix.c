// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X: interrupts of a PCI function that are messages. The guest chooses the address and the data
 * of each message.
 *
 * A vector is an entry of the table (address, data, mask bit) and an eventfd. A vector is "let
 * through" while MSI-X is on, the function is not masked, and the vector is not masked. Then the
 * eventfd is KVM's irqfd: any thread or process writes to it, and KVM sends the message without
 * lkvm. Otherwise the eventfd is detached from KVM and keeps what is written to it: the vector's
 * bit in the Pending Bit Array is 1 if the eventfd is readable. When the vector is let through
 * again, KVM finds the eventfd readable and sends the message.
 *
 * KVM knows messages as routes, in a table that is replaced as a whole, which is slow (irq.c). A
 * kernel writes a vector's address and data in pieces while it is masked, and unmasks it last. So
 * an entry becomes a route when its vector is let through, not when the entry is written. All
 * vectors that one write lets through become routes in one new table, and a vector whose entry has
 * not changed needs no new table. A guest must not write the entry of a vector that is not masked;
 * if it does, the new entry takes effect the next time that the vector is let through. A vector has
 * a route from the first time that it is let through until reset.
 *
 * On a real machine a message is a write, to the local APICs or into RAM. Here a message with an
 * address outside the window of the local APICs is dropped: KVM would send it as an interrupt.
 *
 * Threads: vCPU threads write the table and the capability, under msix->lock, which is taken after
 * the device's mutex and before the one of pci/pci.c. msix_raise() takes no lock: if it races with
 * a guest that switches MSI-X off, the event may stay in the eventfd. So all eventfds are emptied
 * when MSI-X is switched on.
 *
 * Left out: a function without bus mastering must not send messages, which is not checked: drivers
 * switch bus mastering on first.
 *
 * Spec: PCI Local Bus 3.0, sections 6.8.2 (structure; accesses are of 32 or 64 bits, aligned),
 * 6.8.2.3 (Message Control), 6.8.2.6 to 6.8.2.10 (table, pending bits), 6.8.3.4 (masking)
 */
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/msix.h>

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pci/host.h"

#define ENTRY_BYTES	 16
#define CONTROL_BITS	 (PCI_MSIX_FLAGS_MASKALL | PCI_MSIX_FLAGS_ENABLE)
#define ADDRESS_LOW_BITS 0xfffffffcU
#define PBA_POLL_MAX	 64

enum entry_word { WORD_ADDRESS, WORD_ADDRESS_HIGH, WORD_DATA, WORD_CONTROL };

struct msix_vector {
	int fd;
	int gsi; /* the route, or -1 */
	bool attached;
};

static u64 table_bytes(const struct msix *msix)
{
	return (u64)ENTRY_BYTES * msix->count;
}

static const char *owner_name(const struct msix *msix)
{
	return msix->cap.fn->name;
}

/* --- routes and irqfds in KVM; the lock is held --- */

static bool is_message(const u32 *entry)
{
	const struct pci_window *messages = &pci_host_place->messages;

	return entry[WORD_ADDRESS_HIGH] == 0 && entry[WORD_ADDRESS] >= messages->start &&
	       entry[WORD_ADDRESS] < messages->end;
}

static bool is_let_through(const struct msix *msix, unsigned int i)
{
	return (msix->control & CONTROL_BITS) == PCI_MSIX_FLAGS_ENABLE &&
	       !(msix->table[i][WORD_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

static void vector_detach(struct msix *msix, unsigned int i)
{
	struct msix_vector *vector = &msix->vectors[i];

	if (vector->attached)
		irq_detach_fd(msix->kvm, (u32)vector->gsi, vector->fd);
	vector->attached = false;
}

/* Make the entry a route. True: the table of routes has changed, and irq_commit() must follow. */
static bool vector_route(struct msix *msix, unsigned int i)
{
	static struct log_limit limit;
	struct msix_vector *vector = &msix->vectors[i];
	const u32 *entry = msix->table[i];

	if (vector->gsi >= 0)
		return irq_update_msi(msix->kvm, (u32)vector->gsi, entry[WORD_ADDRESS],
				      entry[WORD_DATA]);
	vector->gsi = irq_add_msi(msix->kvm, entry[WORD_ADDRESS], entry[WORD_DATA]);
	if (vector->gsi >= 0)
		return true;
	log_warn_limited(&limit, "%s: no route left for MSI-X vector %u; it stays silent",
			 owner_name(msix), i);
	return false;
}

static void vector_attach(struct msix *msix, unsigned int i)
{
	static struct log_limit limit;
	struct msix_vector *vector = &msix->vectors[i];
	int err = irq_attach_fd(msix->kvm, (u32)vector->gsi, vector->fd, -1);

	vector->attached = !err;
	if (err)
		log_warn_limited(&limit, "%s: KVM_IRQFD of MSI-X vector %u: %s; it stays silent",
				 owner_name(msix), i, strerror(-err));
}

/* Attach or detach count vectors from first on, as their mask bits say now. */
static void msix_apply(struct msix *msix, unsigned int first, unsigned int count)
{
	bool changed = false;

	for (unsigned int i = first; i < first + count; i++) {
		if (!is_let_through(msix, i) || !is_message(msix->table[i]))
			vector_detach(msix, i);
		else if (!msix->vectors[i].attached)
			changed |= vector_route(msix, i);
	}
	if (changed && irq_commit(msix->kvm))
		return;
	for (unsigned int i = first; i < first + count; i++) {
		const struct msix_vector *vector = &msix->vectors[i];

		if (is_let_through(msix, i) && is_message(msix->table[i]) && !vector->attached &&
		    vector->gsi >= 0)
			vector_attach(msix, i);
	}
}

/* --- the area in the BAR --- */

/* size bytes of the Pending Bit Array, from the given byte on. */
static u64 pending_bits(struct msix *msix, u64 byte, unsigned int size)
{
	struct pollfd fds[PBA_POLL_MAX];
	unsigned int first = (unsigned int)byte * 8, count = 0;
	u64 bits = 0;

	for (unsigned int i = first; i < first + 8 * size && i < msix->count; i++) {
		bool pends = !is_let_through(msix, i);

		fds[count++] =
			(struct pollfd){.fd = pends ? msix->vectors[i].fd : -1, .events = POLLIN};
	}
	if (poll(fds, count, 0) <= 0)
		return 0;
	for (unsigned int i = 0; i < count; i++)
		bits |= (u64)(fds[i].revents & POLLIN ? 1 : 0) << i;
	return bits;
}

u64 msix_read(struct msix *msix, u64 offset, unsigned int size)
{
	u64 bytes = msix_bytes(msix->count), table = table_bytes(msix), value = UINT64_MAX;

	if (size > 8 || size > bytes || offset > bytes - size)
		return value;
	pthread_mutex_lock(&msix->lock);
	if (offset >= table) {
		value = pending_bits(msix, offset - table, size);
	} else if (size <= table - offset) {
		value = 0;
		memcpy(&value, (u8 *)msix->table + offset, size);
	}
	pthread_mutex_unlock(&msix->lock);
	return value;
}

static void msix_write_word(struct msix *msix, unsigned int i, enum entry_word word, u32 value)
{
	u32 *entry = msix->table[i];

	if (word == WORD_ADDRESS)
		value &= ADDRESS_LOW_BITS;
	if (word == WORD_CONTROL)
		value &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	if (entry[word] == value)
		return;
	entry[word] = value;
	if (word == WORD_CONTROL)
		msix_apply(msix, i, 1);
}

void msix_write(struct msix *msix, u64 offset, unsigned int size, u64 value)
{
	u64 table = table_bytes(msix);

	if ((size != 4 && size != 8) || offset % size || offset > table - size)
		return;
	pthread_mutex_lock(&msix->lock);
	for (unsigned int done = 0; done < size; done += 4) {
		u64 at = offset + done;

		msix_write_word(msix, (unsigned int)(at / ENTRY_BYTES), at % ENTRY_BYTES / 4,
				(u32)(value >> 8 * done));
	}
	pthread_mutex_unlock(&msix->lock);
}

/* --- the capability --- */

/* Drop events that were written to the eventfds while MSI-X was off. */
static void msix_forget_events(struct msix *msix)
{
	u64 count;

	for (unsigned int i = 0; i < msix->count; i++) {
		if (read(msix->vectors[i].fd, &count, sizeof(count)) < 0)
			continue; /* the eventfd was empty */
	}
}

/* Act on Message Control, after a write by the guest, a load or a reset. */
static void msix_control(struct msix *msix)
{
	u16 control = (u16)pci_config_get(msix->cap.fn, msix->cap.at + PCI_MSIX_FLAGS, 2);
	u16 changed = (control ^ msix->control) & CONTROL_BITS;

	if (!changed)
		return;
	if (control & changed & PCI_MSIX_FLAGS_ENABLE)
		msix_forget_events(msix);
	msix->control = control;
	atomic_store(&msix->enabled, (control & PCI_MSIX_FLAGS_ENABLE) != 0);
	/* Lower the pin, in case it was raised before: no handler looks at the pin any more. */
	pci_use_messages(msix->cap.fn, (control & PCI_MSIX_FLAGS_ENABLE) != 0);
	msix_apply(msix, 0, msix->count);
}

static void msix_written(struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	struct msix *msix = container_of(cap, struct msix, cap);

	pthread_mutex_lock(&msix->lock);
	msix_control(msix);
	pthread_mutex_unlock(&msix->lock);
}

static void msix_loaded(struct pci_capability *cap)
{
	msix_written(cap, 0, 0);
}

static void msix_clear_table(struct msix *msix)
{
	for (unsigned int i = 0; i < msix->count; i++) {
		memset(msix->table[i], 0, ENTRY_BYTES);
		msix->table[i][WORD_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
}

static void msix_release_routes(struct msix *msix)
{
	for (unsigned int i = 0; i < msix->count; i++) {
		vector_detach(msix, i);
		if (msix->vectors[i].gsi >= 0)
			irq_remove_msi(msix->kvm, (u32)msix->vectors[i].gsi);
		msix->vectors[i].gsi = -1;
	}
}

static void msix_reset(struct pci_capability *cap)
{
	struct msix *msix = container_of(cap, struct msix, cap);

	pthread_mutex_lock(&msix->lock);
	msix_release_routes(msix);
	msix_clear_table(msix);
	pthread_mutex_unlock(&msix->lock);
}

/* --- for the owner --- */

bool msix_raise(struct msix *msix, unsigned int vector)
{
	const u64 one = 1;

	if (!atomic_load(&msix->enabled))
		return false;
	/* EAGAIN: the counter is full. The vector is pending, so one more event changes nothing. */
	if (vector < msix->count && write(msix->vectors[vector].fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
	return true;
}

int msix_fd(const struct msix *msix, unsigned int vector)
{
	assert(vector < msix->count);
	return msix->vectors[vector].fd;
}

static int msix_open_events(struct msix *msix)
{
	for (unsigned int i = 0; i < msix->count; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0)
			return -errno;
		msix->vectors[i].fd = fd;
	}
	return 0;
}

static int msix_add_capability(struct msix *msix, struct pci_function *fn, unsigned int bar,
			       u32 offset)
{
	u8 at;
	int err;

	msix->cap = (struct pci_capability){
		.id = PCI_CAP_ID_MSIX,
		.len = PCI_CAP_MSIX_SIZEOF,
		.written = msix_written,
		.loaded = msix_loaded,
		.reset = msix_reset,
	};
	err = pci_add_capability(fn, &msix->cap);
	if (err)
		return err;
	at = msix->cap.at;
	pci_config_put(fn, at + PCI_MSIX_FLAGS, 2, msix->count - 1);
	pci_config_allow(fn, at + PCI_MSIX_FLAGS, 2, CONTROL_BITS);
	pci_config_put(fn, at + PCI_MSIX_TABLE, 4, offset | bar);
	pci_config_put(fn, at + PCI_MSIX_PBA, 4, (u32)(offset + table_bytes(msix)) | bar);
	return 0;
}

int msix_init(struct msix *msix, struct kvm *kvm, struct pci_function *fn, unsigned int bar,
	      u32 offset, unsigned int count)
{
	int err = -ENOMEM;

	assert(count >= 1 && count <= MSIX_VECTORS_MAX && bar < PCI_BAR_COUNT && offset % 8 == 0);
	assert((u64)offset + msix_bytes(count) <= fn->bars[bar].region.len);
	*msix = (struct msix){.kvm = kvm, .lock = PTHREAD_MUTEX_INITIALIZER};
	msix->table = calloc(count, sizeof(*msix->table));
	msix->vectors = calloc(count, sizeof(*msix->vectors));
	if (msix->table && msix->vectors) {
		msix->count = count;
		for (unsigned int i = 0; i < count; i++)
			msix->vectors[i] = (struct msix_vector){.fd = -1, .gsi = -1};
		msix_clear_table(msix);
		err = msix_open_events(msix);
	}
	if (err)
		log_error("%s: %u MSI-X vectors: %s", fn->name, count, strerror(-err));
	else
		err = msix_add_capability(msix, fn, bar, offset);
	if (err)
		msix_exit(msix);
	return err;
}

void msix_exit(struct msix *msix)
{
	if (msix->vectors)
		msix_release_routes(msix);
	for (unsigned int i = 0; msix->vectors && i < msix->count; i++) {
		if (msix->vectors[i].fd >= 0)
			close(msix->vectors[i].fd);
	}
	free(msix->vectors);
	free(msix->table);
	*msix = (struct msix){0};
}
