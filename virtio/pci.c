// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over PCI: a device is a function whose vendor capabilities say where its registers are.
 *
 * Two BARs. A memory BAR has the common configuration, the interrupt status, the device's own
 * configuration and the MSI-X table. vCPU threads read and write it here; most registers are in
 * regs.c. A port BAR has the doorbells, one for each queue (queue_notify_off is the queue's
 * number). Ports, because the processor decodes a write to a port, while KVM has to disassemble a
 * write to memory. Measured in the lab: 64 bytes from /dev/hwrng take 23.8 us with doorbells in
 * ports and 24.7 us with doorbells in memory (46 us over virtio-mmio, where acknowledging an
 * interrupt costs exits).
 *
 * Each doorbell is an ioeventfd, so a notification does not leave the kernel. Doorbells are
 * registered at the first DRIVER_OK (registering costs a grace period, so an unused device
 * registers none) and move with the BAR: bar_moved() and ready() both call virtio_pci_sync_bells().
 * A write to a doorbell that is not registered comes here and rings the queue too.
 *
 * Interrupts: with MSI-X the driver chooses a vector for each queue and one for the configuration,
 * which msix.c raises by an eventfd. Without MSI-X there is the interrupt pin, and a status byte
 * that tells the reason; a read clears the byte and lowers the pin.
 *
 * VIRTIO_PCI_CAP_PCI_CFG lets a driver that cannot map BARs reach all registers through
 * configuration space: an access to its data register is one to 1, 2 or 4 bytes of any BAR.
 *
 * Locks: the device's mutex (regs.c), then irq_lock (status byte) or bell_lock (which doorbells are
 * registered), never both; the locks of pci/pci.c are taken last.
 *
 * Left out: legacy and transitional devices, shared memory, NOTIFICATION_DATA, power management.
 *
 * Spec: virtio 1.2, section 4.1; fields are accessed by their own width (4.1.3.1)
 */
#include "virtio/transport.h"

#include <kvm/bus.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/msix.h>
#include <kvm/pci.h>

#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define VENDOR	     0x1af4
#define DEVICE_FIRST 0x1040 /* plus the virtio device id (4.1.2) */
#define REVISION     1
#define CLASS_OTHER  0xff0000
#define ISR_QUEUE    1
#define ISR_CONFIG   2

/* The memory BAR. */
#define BAR_REGISTERS	1
#define COMMON_AT	0x000
#define COMMON_BYTES	0x3c
#define ISR_AT		0x040
#define ISR_BYTES	4
#define DEVICE_AT	0x100
#define MSIX_AT		0x1000
#define REGISTERS_BYTES 0x2000
/* The port BAR. */
#define BAR_DOORBELLS  0
#define DOORBELL_BYTES 4 /* for each queue */

/* A field of the common configuration that 6.1's header does not have. */
#define COMMON_QUEUE_RESET 0x3a

struct pci {
	struct kvm *kvm;
	struct virtio_device *dev;
	struct pci_function fn;
	struct msix msix;
	struct pci_capability common_cap, notify_cap, isr_cap, device_cap, pci_cfg_cap;

	/* Registers of this file: atomic, because no lock is held. */
	atomic_uint device_feature_select, driver_feature_select, queue_select;
	atomic_uint config_vector, queue_vector[VIRTIO_MAX_QUEUES];

	pthread_mutex_t irq_lock;
	u8 isr;

	pthread_mutex_t bell_lock;
	bool bells_wanted;
	u64 bar_at;   /* the port where the BAR of the doorbells answers, or 0 */
	u64 bells_at; /* the first port for which doorbells are registered, or 0 */
};

static struct pci *virtio_pci_of(struct virtio_device *dev)
{
	return virtio_transport_data(dev);
}

/* --- interrupts --- */

static void virtio_pci_raise(struct pci *pci, u8 isr_bit, u32 vector)
{
	if (msix_raise(&pci->msix, vector)) /* which ignores VIRTIO_MSI_NO_VECTOR */
		return;
	pthread_mutex_lock(&pci->irq_lock);
	pci->isr |= isr_bit;
	pci_set_intx(&pci->fn, true);
	pthread_mutex_unlock(&pci->irq_lock);
}

static u8 virtio_pci_take_isr(struct pci *pci)
{
	u8 isr;

	pthread_mutex_lock(&pci->irq_lock);
	isr = pci->isr;
	pci->isr = 0;
	pci_set_intx(&pci->fn, false);
	pthread_mutex_unlock(&pci->irq_lock);
	return isr;
}

static void virtio_pci_interrupt(struct virtio_device *dev, unsigned int queue)
{
	struct pci *pci = virtio_pci_of(dev);

	virtio_pci_raise(pci, ISR_QUEUE, atomic_load(&pci->queue_vector[queue]));
}

/* The eventfd is good for a masked vector too: the event stays pending. */
static int virtio_pci_interrupt_fd(struct virtio_device *dev, unsigned int queue)
{
	struct pci *pci = virtio_pci_of(dev);
	u32 vector = atomic_load(&pci->queue_vector[queue]);

	if (!atomic_load(&pci->msix.enabled) || vector >= pci->msix.count)
		return -1;
	return msix_fd(&pci->msix, vector);
}

static void virtio_pci_config_interrupt(struct virtio_device *dev)
{
	struct pci *pci = virtio_pci_of(dev);

	virtio_pci_raise(pci, ISR_CONFIG, atomic_load(&pci->config_vector));
}

/* --- doorbells --- */

static int virtio_pci_set_bell(struct pci *pci, u64 base, unsigned int queue, bool add)
{
	const struct bus_doorbell bell = {
		.addr = base + queue * DOORBELL_BYTES,
		.port = true, /* any value matches: the port says which queue */
		.fd = virtio_doorbell_fd(pci->dev, queue),
	};

	return add ? bus_doorbell_add(pci->kvm->vm_fd, &bell)
		   : bus_doorbell_remove(pci->kvm->vm_fd, &bell);
}

static void virtio_pci_set_bells(struct pci *pci, u64 base, bool add)
{
	for (unsigned int i = 0; i < pci->dev->queue_count; i++) {
		int err = virtio_pci_set_bell(pci, base, i, add);

		/* If KVM takes no more ioeventfds, a write to the port exits to us instead. */
		if (err && add)
			log_debug("%s: queue %u has a slow doorbell: %s", pci->dev->name, i,
				  strerror(-err));
	}
}

/* Register the doorbells where the BAR is, if a driver needs them. bell_lock is held. */
static void virtio_pci_sync_bells(struct pci *pci)
{
	u64 at = pci->bells_wanted ? pci->bar_at : 0;

	if (at == pci->bells_at)
		return;
	if (pci->bells_at)
		virtio_pci_set_bells(pci, pci->bells_at, false);
	if (at)
		virtio_pci_set_bells(pci, at, true);
	pci->bells_at = at;
}

static void virtio_pci_bar_moved(struct pci_function *fn, unsigned int bar)
{
	struct pci *pci = container_of(fn, struct pci, fn);

	if (bar != BAR_DOORBELLS)
		return;
	pthread_mutex_lock(&pci->bell_lock);
	pci->bar_at = fn->bars[bar].mapped ? fn->bars[bar].region.base : 0;
	virtio_pci_sync_bells(pci);
	pthread_mutex_unlock(&pci->bell_lock);
}

static void virtio_pci_ready(struct virtio_device *dev)
{
	struct pci *pci = virtio_pci_of(dev);

	pthread_mutex_lock(&pci->bell_lock);
	pci->bells_wanted = true;
	virtio_pci_sync_bells(pci);
	pthread_mutex_unlock(&pci->bell_lock);
}

static void virtio_pci_bell_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct pci *pci = dev;

	if (offset % DOORBELL_BYTES == 0)
		virtio_doorbell(pci->dev, (u32)(offset / DOORBELL_BYTES));
}

/* --- the common configuration (4.1.4.3): vCPU threads --- */

enum field {
	DEVICE_FEATURE_SELECT,
	DEVICE_FEATURE,
	DRIVER_FEATURE_SELECT,
	DRIVER_FEATURE,
	CONFIG_VECTOR,
	NUM_QUEUES,
	DEVICE_STATUS,
	CONFIG_GENERATION,
	QUEUE_SELECT,
	QUEUE_SIZE,
	QUEUE_VECTOR,
	QUEUE_ENABLE,
	QUEUE_NOTIFY_OFF,
	QUEUE_DESC, /* halves of addresses: these six must stay in this order */
	QUEUE_DESC_HIGH,
	QUEUE_DRIVER,
	QUEUE_DRIVER_HIGH,
	QUEUE_DEVICE,
	QUEUE_DEVICE_HIGH,
	QUEUE_RESET,
};

static const struct {
	u8 at, size;
} fields[] = {
	[DEVICE_FEATURE_SELECT] = {VIRTIO_PCI_COMMON_DFSELECT, 4},
	[DEVICE_FEATURE] = {VIRTIO_PCI_COMMON_DF, 4},
	[DRIVER_FEATURE_SELECT] = {VIRTIO_PCI_COMMON_GFSELECT, 4},
	[DRIVER_FEATURE] = {VIRTIO_PCI_COMMON_GF, 4},
	[CONFIG_VECTOR] = {VIRTIO_PCI_COMMON_MSIX, 2},
	[NUM_QUEUES] = {VIRTIO_PCI_COMMON_NUMQ, 2},
	[DEVICE_STATUS] = {VIRTIO_PCI_COMMON_STATUS, 1},
	[CONFIG_GENERATION] = {VIRTIO_PCI_COMMON_CFGGENERATION, 1},
	[QUEUE_SELECT] = {VIRTIO_PCI_COMMON_Q_SELECT, 2},
	[QUEUE_SIZE] = {VIRTIO_PCI_COMMON_Q_SIZE, 2},
	[QUEUE_VECTOR] = {VIRTIO_PCI_COMMON_Q_MSIX, 2},
	[QUEUE_ENABLE] = {VIRTIO_PCI_COMMON_Q_ENABLE, 2},
	[QUEUE_NOTIFY_OFF] = {VIRTIO_PCI_COMMON_Q_NOFF, 2},
	[QUEUE_DESC] = {VIRTIO_PCI_COMMON_Q_DESCLO, 4},
	[QUEUE_DESC_HIGH] = {VIRTIO_PCI_COMMON_Q_DESCHI, 4},
	[QUEUE_DRIVER] = {VIRTIO_PCI_COMMON_Q_AVAILLO, 4},
	[QUEUE_DRIVER_HIGH] = {VIRTIO_PCI_COMMON_Q_AVAILHI, 4},
	[QUEUE_DEVICE] = {VIRTIO_PCI_COMMON_Q_USEDLO, 4},
	[QUEUE_DEVICE_HIGH] = {VIRTIO_PCI_COMMON_Q_USEDHI, 4},
	[QUEUE_RESET] = {COMMON_QUEUE_RESET, 2},
};

static bool virtio_pci_find_field(u64 at, unsigned int size, enum field *field)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++) {
		if (fields[i].at == at && fields[i].size == size) {
			*field = (enum field)i;
			return true;
		}
	}
	return false;
}

static enum virtio_queue_reg address_reg(enum field field)
{
	return VIRTIO_QUEUE_DESC + (field - QUEUE_DESC) / 2;
}

static bool address_high(enum field field)
{
	return (field - QUEUE_DESC) % 2;
}

static u32 virtio_pci_read_field(struct pci *pci, enum field field)
{
	struct virtio_device *dev = pci->dev;
	u32 queue = atomic_load(&pci->queue_select);

	switch (field) {
	case DEVICE_FEATURE_SELECT:
		return atomic_load(&pci->device_feature_select);
	case DEVICE_FEATURE:
		return virtio_device_features(dev, atomic_load(&pci->device_feature_select));
	case DRIVER_FEATURE_SELECT:
		return atomic_load(&pci->driver_feature_select);
	case DRIVER_FEATURE:
		return virtio_driver_features(dev, atomic_load(&pci->driver_feature_select));
	case CONFIG_VECTOR:
		return atomic_load(&pci->config_vector);
	case NUM_QUEUES:
		return dev->queue_count;
	case DEVICE_STATUS:
		return virtio_status(dev);
	case CONFIG_GENERATION:
		return (u8)virtio_config_generation(dev);
	case QUEUE_SELECT:
		return queue;
	case QUEUE_SIZE:
		return (u16)virtio_queue_read(dev, queue, VIRTIO_QUEUE_SIZE);
	case QUEUE_VECTOR:
		return queue < dev->queue_count ? atomic_load(&pci->queue_vector[queue])
						: VIRTIO_MSI_NO_VECTOR;
	case QUEUE_ENABLE:
		return (u32)virtio_queue_read(dev, queue, VIRTIO_QUEUE_ENABLE);
	case QUEUE_NOTIFY_OFF:
		return queue < dev->queue_count ? queue : 0;
	case QUEUE_RESET:
		return (u32)virtio_queue_read(dev, queue, VIRTIO_QUEUE_RESET);
	default:
		return (u32)(virtio_queue_read(dev, queue, address_reg(field)) >>
			     (address_high(field) ? 32 : 0));
	}
}

/* 4.1.5.1.2.1: the vector, or VIRTIO_MSI_NO_VECTOR if it does not exist. */
static u32 virtio_pci_check_vector(const struct pci *pci, u32 vector)
{
	return vector < pci->msix.count ? vector : VIRTIO_MSI_NO_VECTOR;
}

static void virtio_pci_write_field(struct pci *pci, enum field field, u32 value)
{
	struct virtio_device *dev = pci->dev;
	u32 queue = atomic_load(&pci->queue_select);

	switch (field) {
	case DEVICE_FEATURE_SELECT:
		atomic_store(&pci->device_feature_select, value);
		break;
	case DRIVER_FEATURE_SELECT:
		atomic_store(&pci->driver_feature_select, value);
		break;
	case DRIVER_FEATURE:
		virtio_set_driver_features(dev, atomic_load(&pci->driver_feature_select), value);
		break;
	case CONFIG_VECTOR:
		atomic_store(&pci->config_vector, virtio_pci_check_vector(pci, value));
		break;
	case DEVICE_STATUS:
		virtio_set_status(dev, (u8)value);
		break;
	case QUEUE_SELECT:
		atomic_store(&pci->queue_select, value);
		break;
	case QUEUE_SIZE:
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_SIZE, value);
		break;
	case QUEUE_VECTOR:
		if (queue < dev->queue_count)
			atomic_store(&pci->queue_vector[queue],
				     virtio_pci_check_vector(pci, value));
		break;
	case QUEUE_ENABLE:
		if (value == 1) /* 4.1.4.3.2: only a reset disables a queue */
			virtio_queue_write(dev, queue, VIRTIO_QUEUE_ENABLE, 1);
		break;
	case QUEUE_RESET:
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_RESET, value);
		break;
	case DEVICE_FEATURE:
	case NUM_QUEUES:
	case CONFIG_GENERATION:
	case QUEUE_NOTIFY_OFF:
		break; /* read-only */
	default:
		virtio_queue_write_half(dev, queue, address_reg(field), address_high(field), value);
		break;
	}
}

/* --- the memory BAR --- */

static u32 virtio_pci_common_read(struct pci *pci, u64 offset, unsigned int size)
{
	enum field field;

	return virtio_pci_find_field(offset, size, &field) ? virtio_pci_read_field(pci, field) : 0;
}

static void virtio_pci_common_write(struct pci *pci, u64 offset, unsigned int size, u32 value)
{
	enum field field;

	if (virtio_pci_find_field(offset, size, &field))
		virtio_pci_write_field(pci, field, value);
}

static u64 virtio_pci_bar1_read(void *dev, u64 offset, unsigned int size)
{
	struct pci *pci = dev;
	u64 value = 0;

	if (offset >= MSIX_AT)
		return msix_read(&pci->msix, offset - MSIX_AT, size);
	if (offset >= DEVICE_AT)
		virtio_config_access_read(pci->dev, offset - DEVICE_AT, &value, size);
	else if (offset == ISR_AT)
		value = virtio_pci_take_isr(pci);
	else if (size == 8) /* both halves of an address at once */
		value = virtio_pci_common_read(pci, offset, 4) |
			(u64)virtio_pci_common_read(pci, offset + 4, 4) << 32;
	else
		value = virtio_pci_common_read(pci, offset, size);
	return value;
}

static void virtio_pci_bar1_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct pci *pci = dev;

	if (offset >= MSIX_AT) {
		msix_write(&pci->msix, offset - MSIX_AT, size, value);
	} else if (offset >= DEVICE_AT) {
		virtio_config_access_write(pci->dev, offset - DEVICE_AT, &value, size);
	} else if (size == 8) {
		virtio_pci_common_write(pci, offset, 4, (u32)value);
		virtio_pci_common_write(pci, offset + 4, 4, (u32)(value >> 32));
	} else {
		virtio_pci_common_write(pci, offset, size, (u32)value);
	}
}

/* --- capabilities (4.1.4) --- */

static void virtio_pci_put_cap(struct pci *pci, struct pci_capability *cap, u8 type, u8 bar,
			       u32 offset, u32 length)
{
	pci_config_put(&pci->fn, cap->at + VIRTIO_PCI_CAP_LEN, 1, cap->len);
	pci_config_put(&pci->fn, cap->at + VIRTIO_PCI_CAP_CFG_TYPE, 1, type);
	pci_config_put(&pci->fn, cap->at + VIRTIO_PCI_CAP_BAR, 1, bar);
	pci_config_put(&pci->fn, cap->at + VIRTIO_PCI_CAP_OFFSET, 4, offset);
	pci_config_put(&pci->fn, cap->at + VIRTIO_PCI_CAP_LENGTH, 4, length);
}

/* The driver's choice of bytes in VIRTIO_PCI_CAP_PCI_CFG. */
struct window {
	unsigned int bar, size;
	u32 offset;
};

static bool virtio_pci_cfg_window(struct pci_capability *cap, unsigned int reg, unsigned int size,
				  struct window *window)
{
	unsigned int data = cap->at + sizeof(struct virtio_pci_cap);

	if (reg + size <= data || reg >= data + 4)
		return false;
	window->bar = pci_config_get(cap->fn, cap->at + VIRTIO_PCI_CAP_BAR, 1);
	window->offset = pci_config_get(cap->fn, cap->at + VIRTIO_PCI_CAP_OFFSET, 4);
	window->size = pci_config_get(cap->fn, cap->at + VIRTIO_PCI_CAP_LENGTH, 4);
	/* 4.1.4.9.2: the driver must not use other values. */
	return window->bar < PCI_BAR_COUNT &&
	       (window->size == 1 || window->size == 2 || window->size == 4) &&
	       window->offset % window->size == 0;
}

static void virtio_pci_cfg_reading(struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	struct window window;

	if (virtio_pci_cfg_window(cap, reg, size, &window))
		pci_config_put(cap->fn, cap->at + sizeof(struct virtio_pci_cap), 4,
			       (u32)pci_bar_read(cap->fn, window.bar, window.offset, window.size));
}

static void virtio_pci_cfg_written(struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	struct window window;
	u32 value = pci_config_get(cap->fn, cap->at + sizeof(struct virtio_pci_cap), 4);

	if (virtio_pci_cfg_window(cap, reg, size, &window))
		pci_bar_write(cap->fn, window.bar, window.offset, window.size,
			      value & (u32)(0xffffffffU >> (32 - 8 * window.size)));
}

static int virtio_pci_add_cap(struct pci *pci, struct pci_capability *cap, size_t len)
{
	cap->id = PCI_CAP_ID_VNDR;
	cap->len = (u8)len;
	return pci_add_capability(&pci->fn, cap);
}

static int virtio_pci_add_caps(struct pci *pci)
{
	struct pci_function *fn = &pci->fn;
	struct virtio_device *dev = pci->dev;
	struct pci_capability *cfg = &pci->pci_cfg_cap;
	int err;

	cfg->reading = virtio_pci_cfg_reading;
	cfg->written = virtio_pci_cfg_written;
	err = virtio_pci_add_cap(pci, &pci->common_cap, sizeof(struct virtio_pci_cap));
	err = err
		      ?: virtio_pci_add_cap(pci, &pci->notify_cap,
					    sizeof(struct virtio_pci_notify_cap));
	err = err ?: virtio_pci_add_cap(pci, &pci->isr_cap, sizeof(struct virtio_pci_cap));
	err = err ?: virtio_pci_add_cap(pci, cfg, sizeof(struct virtio_pci_cfg_cap));
	if (!err && dev->config_bytes)
		err = virtio_pci_add_cap(pci, &pci->device_cap, sizeof(struct virtio_pci_cap));
	if (err)
		return err;

	virtio_pci_put_cap(pci, &pci->common_cap, VIRTIO_PCI_CAP_COMMON_CFG, BAR_REGISTERS,
			   COMMON_AT, COMMON_BYTES);
	virtio_pci_put_cap(pci, &pci->notify_cap, VIRTIO_PCI_CAP_NOTIFY_CFG, BAR_DOORBELLS, 0,
			   (u32)fn->bars[BAR_DOORBELLS].region.len);
	pci_config_put(fn, pci->notify_cap.at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, DOORBELL_BYTES);
	virtio_pci_put_cap(pci, &pci->isr_cap, VIRTIO_PCI_CAP_ISR_CFG, BAR_REGISTERS, ISR_AT,
			   ISR_BYTES);
	if (dev->config_bytes)
		virtio_pci_put_cap(pci, &pci->device_cap, VIRTIO_PCI_CAP_DEVICE_CFG, BAR_REGISTERS,
				   DEVICE_AT, dev->config_bytes);
	virtio_pci_put_cap(pci, cfg, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0);
	pci_config_allow(fn, cfg->at + VIRTIO_PCI_CAP_BAR, 1, UINT8_MAX);
	pci_config_allow(fn, cfg->at + VIRTIO_PCI_CAP_OFFSET, 4, UINT32_MAX);
	pci_config_allow(fn, cfg->at + VIRTIO_PCI_CAP_LENGTH, 4, UINT32_MAX);
	pci_config_allow(fn, cfg->at + sizeof(struct virtio_pci_cap), 4, UINT32_MAX);
	return 0;
}

/* --- the machine --- */

static void virtio_pci_reset(struct virtio_device *dev)
{
	struct pci *pci = virtio_pci_of(dev);

	atomic_store(&pci->device_feature_select, 0);
	atomic_store(&pci->driver_feature_select, 0);
	atomic_store(&pci->queue_select, 0);
	atomic_store(&pci->config_vector, VIRTIO_MSI_NO_VECTOR);
	for (unsigned int i = 0; i < dev->queue_count; i++)
		atomic_store(&pci->queue_vector[i], VIRTIO_MSI_NO_VECTOR);
	virtio_pci_take_isr(pci);
}

static const struct virtio_transport virtio_pci_transport = {
	.driver = "virtio_pci",
	.interrupt = virtio_pci_interrupt,
	.interrupt_fd = virtio_pci_interrupt_fd,
	.config_interrupt = virtio_pci_config_interrupt,
	.ready = virtio_pci_ready,
	.reset = virtio_pci_reset,
};

static void virtio_pci_fill_function(struct pci *pci)
{
	struct virtio_device *dev = pci->dev;
	u64 bells = DOORBELL_BYTES;

	assert(dev->config_bytes <= MSIX_AT - DEVICE_AT);
	while (bells < (u64)dev->queue_count * DOORBELL_BYTES)
		bells *= 2;
	pci->fn = (struct pci_function){
		.name = dev->name,
		.vendor = VENDOR,
		.device = (u16)(DEVICE_FIRST + dev->id),
		.subsystem_vendor = VENDOR,
		.subsystem = (u16)(DEVICE_FIRST + dev->id),
		.class_code = dev->pci_class ? dev->pci_class : CLASS_OTHER,
		.revision = REVISION,
		.intx = true,
		.bar_moved = virtio_pci_bar_moved,
	};
	pci->fn.bars[BAR_DOORBELLS] = (struct pci_bar){
		.kind = PCI_BAR_PORT,
		.region = {.name = dev->name,
			   .len = bells,
			   .width = 4,
			   .write = virtio_pci_bell_write,
			   .dev = pci},
	};
	pci->fn.bars[BAR_REGISTERS] = (struct pci_bar){
		.kind = PCI_BAR_MEM32,
		.region = {.name = dev->name,
			   .len = REGISTERS_BYTES,
			   .width = 8,
			   .read = virtio_pci_bar1_read,
			   .write = virtio_pci_bar1_write,
			   .dev = pci},
	};
	pci_function_init(&pci->fn);
}

static int virtio_pci_plug(struct pci *pci)
{
	int err;

	err = msix_init(&pci->msix, pci->kvm, &pci->fn, BAR_REGISTERS, MSIX_AT,
			pci->dev->queue_count + 1);
	err = err ?: virtio_pci_add_caps(pci);
	err = err ?: pci_add_to_slot(pci->kvm, &pci->fn);
	if (err)
		msix_exit(&pci->msix);
	return err;
}

static void virtio_pci_free(struct pci *pci)
{
	pthread_mutex_destroy(&pci->bell_lock);
	pthread_mutex_destroy(&pci->irq_lock);
	free(pci);
}

int virtio_pci_add(struct kvm *kvm, struct virtio_device *dev)
{
	struct pci *pci = calloc(1, sizeof(*pci));
	int err;

	if (!pci)
		return log_fail(-ENOMEM, "%s: out of memory", dev->name);
	pci->kvm = kvm;
	pci->dev = dev;
	pthread_mutex_init(&pci->irq_lock, NULL);
	pthread_mutex_init(&pci->bell_lock, NULL);
	err = virtio_attach(kvm, dev, &virtio_pci_transport, pci);
	if (err) {
		virtio_pci_free(pci);
		return err;
	}
	virtio_pci_fill_function(pci);
	err = virtio_pci_plug(pci);
	if (err) {
		virtio_detach(dev);
		virtio_pci_free(pci);
	}
	return err;
}

void virtio_pci_remove(struct virtio_device *dev)
{
	struct pci *pci = virtio_pci_of(dev);

	pthread_mutex_lock(&pci->bell_lock);
	pci->bells_wanted = false;
	virtio_pci_sync_bells(pci);
	pthread_mutex_unlock(&pci->bell_lock);
	virtio_detach(dev);
	pci_remove(pci->kvm, &pci->fn);
	msix_exit(&pci->msix);
	virtio_pci_free(pci);
}
