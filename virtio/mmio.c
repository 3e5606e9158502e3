// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio over MMIO, version 2: a device is a window of 512 bytes and an interrupt line.
 *
 * The board says where the windows are (struct kvm_windows): one after the other. They share the
 * interrupt lines of PCI's pins (irq-pin.c). A window's first 256 bytes are registers of 32 bits,
 * which vCPU threads read and write here. The selectors and the interrupt status are in this file,
 * most other registers in regs.c. The rest of a window is the device's configuration.
 *
 * Doorbell: one register for all queues, to which the driver writes the queue's number. So each
 * queue has an ioeventfd that matches its number. It is registered at the first DRIVER_OK and stays
 * after that (registering costs a grace period, so an unused device registers none).
 *
 * Interrupt: a level. Status bits are set under a lock of their own, which is taken after the
 * device's mutex. The pin is high while a bit is set; the driver's acknowledgement clears bits.
 *
 * Kernels find a window by its ACPI record (LNRO0005), or, if ACPI is switched off, by a word of
 * the command line: virtio_mmio.device=SIZE@BASE:IRQ (x86/boot.c).
 *
 * Left out: version 1 (legacy), shared memory regions (their registers say that there is none).
 *
 * Spec: virtio 1.2, section 4.2
 */
#include "virtio/transport.h"

#include <kvm/bus.h>
#include <kvm/irq-pin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MMIO_MAGIC   0x74726976 /* "virt" */
#define MMIO_VERSION 2
#define MMIO_VENDOR  0x4d564b4c /* "LKVM" */
#ifndef VIRTIO_MMIO_QUEUE_RESET
#define VIRTIO_MMIO_QUEUE_RESET 0x0c0 /* virtio 1.2; not in 6.1's header */
#endif

struct mmio {
	struct kvm *kvm;
	struct virtio_device *dev;
	unsigned int window;
	struct bus_region region;
	char param[48];

	/* Selectors: atomic, because no lock is held. */
	atomic_uint device_features_sel, driver_features_sel, queue_sel;

	pthread_mutex_t lock; /* over what follows */
	u32 interrupt_status;
	struct irq_pin pin;

	/* Under the device's mutex. */
	bool bells;
};

#define WINDOWS_MAX 64
static unsigned long long windows_used; /* a bit each; main thread */

static struct mmio *mmio_of(struct virtio_device *dev)
{
	return virtio_transport_data(dev);
}

/* --- interrupts --- */

static void mmio_raise(struct mmio *mmio, u32 bits)
{
	pthread_mutex_lock(&mmio->lock);
	mmio->interrupt_status |= bits;
	irq_pin_set(mmio->kvm, &mmio->pin, true);
	pthread_mutex_unlock(&mmio->lock);
}

static void mmio_acknowledge(struct mmio *mmio, u32 bits)
{
	pthread_mutex_lock(&mmio->lock);
	mmio->interrupt_status &= ~bits;
	irq_pin_set(mmio->kvm, &mmio->pin, mmio->interrupt_status);
	pthread_mutex_unlock(&mmio->lock);
}

static u32 mmio_interrupt_status(struct mmio *mmio)
{
	u32 status;

	pthread_mutex_lock(&mmio->lock);
	status = mmio->interrupt_status;
	pthread_mutex_unlock(&mmio->lock);
	return status;
}

static void mmio_interrupt(struct virtio_device *dev, unsigned int queue)
{
	mmio_raise(mmio_of(dev), VIRTIO_MMIO_INT_VRING);
}

static void mmio_config_interrupt(struct virtio_device *dev)
{
	mmio_raise(mmio_of(dev), VIRTIO_MMIO_INT_CONFIG);
}

/* --- doorbells --- */

static int mmio_set_bell(struct mmio *mmio, unsigned int queue, bool add)
{
	const struct bus_doorbell bell = {
		.addr = mmio->region.base + VIRTIO_MMIO_QUEUE_NOTIFY,
		.len = 4,
		.match = true,
		.value = queue,
		.fd = virtio_doorbell_fd(mmio->dev, queue),
	};

	return add ? bus_doorbell_add(mmio->kvm->vm_fd, &bell)
		   : bus_doorbell_remove(mmio->kvm->vm_fd, &bell);
}

static void mmio_ready(struct virtio_device *dev)
{
	struct mmio *mmio = mmio_of(dev);

	if (mmio->bells)
		return;
	mmio->bells = true;
	/* If KVM takes no more ioeventfds, a write to the register exits to us instead. */
	for (unsigned int i = 0; i < dev->queue_count; i++) {
		int err = mmio_set_bell(mmio, i, true);

		if (err)
			log_debug("%s: queue %u has a slow doorbell: %s", dev->name, i,
				  strerror(-err));
	}
}

static void mmio_reset(struct virtio_device *dev)
{
	struct mmio *mmio = mmio_of(dev);

	atomic_store(&mmio->device_features_sel, 0);
	atomic_store(&mmio->driver_features_sel, 0);
	atomic_store(&mmio->queue_sel, 0);
	mmio_acknowledge(mmio, UINT32_MAX);
}

/* --- registers: vCPU threads --- */

static u32 mmio_read_register(struct mmio *mmio, u64 offset)
{
	struct virtio_device *dev = mmio->dev;
	u32 queue = atomic_load(&mmio->queue_sel);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MMIO_MAGIC;
	case VIRTIO_MMIO_VERSION:
		return MMIO_VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return MMIO_VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio_device_features(dev, atomic_load(&mmio->device_features_sel));
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return (u32)virtio_queue_read(dev, queue, VIRTIO_QUEUE_MAX);
	case VIRTIO_MMIO_QUEUE_READY:
		return (u32)virtio_queue_read(dev, queue, VIRTIO_QUEUE_ENABLE);
	case VIRTIO_MMIO_QUEUE_RESET:
		return (u32)virtio_queue_read(dev, queue, VIRTIO_QUEUE_RESET);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return mmio_interrupt_status(mmio);
	case VIRTIO_MMIO_STATUS:
		return virtio_status(dev);
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX; /* no shared memory region has this id (4.2.2, SHMLen) */
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return virtio_config_generation(dev);
	default:
		return 0;
	}
}

/* Write one half of an address of the selected queue. False: the register is another one. */
static bool mmio_write_address(struct mmio *mmio, u64 offset, u32 value)
{
	static const struct {
		u32 low;
		enum virtio_queue_reg reg;
	} addresses[] = {
		{VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_QUEUE_DESC},
		{VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_QUEUE_DRIVER},
		{VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_QUEUE_DEVICE},
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		if (offset != addresses[i].low && offset != addresses[i].low + 4)
			continue;
		virtio_queue_write_half(mmio->dev, atomic_load(&mmio->queue_sel), addresses[i].reg,
					offset != addresses[i].low, value);
		return true;
	}
	return false;
}

static void mmio_write_register(struct mmio *mmio, u64 offset, u32 value)
{
	struct virtio_device *dev = mmio->dev;
	u32 queue = atomic_load(&mmio->queue_sel);

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		atomic_store(&mmio->device_features_sel, value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		virtio_set_driver_features(dev, atomic_load(&mmio->driver_features_sel), value);
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		atomic_store(&mmio->driver_features_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		atomic_store(&mmio->queue_sel, value);
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_SIZE, value);
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_ENABLE, value);
		break;
	case VIRTIO_MMIO_QUEUE_RESET:
		virtio_queue_write(dev, queue, VIRTIO_QUEUE_RESET, value);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_doorbell(dev, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		mmio_acknowledge(mmio, value);
		break;
	case VIRTIO_MMIO_STATUS:
		virtio_set_status(dev, (u8)value);
		break;
	default:
		mmio_write_address(mmio, offset, value);
		break;
	}
}

/* 4.2.2.2: drivers access registers as aligned 32 bits. Other accesses are ignored, and read 0. */
static u64 mmio_read(void *dev, u64 offset, unsigned int size)
{
	struct mmio *mmio = dev;
	u32 value = 0;

	if (offset >= VIRTIO_MMIO_CONFIG)
		virtio_config_access_read(mmio->dev, offset - VIRTIO_MMIO_CONFIG, &value, size);
	else if (size == 4 && offset % 4 == 0)
		value = mmio_read_register(mmio, offset);
	return value;
}

static void mmio_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	struct mmio *mmio = dev;
	u32 word = (u32)value;

	if (offset >= VIRTIO_MMIO_CONFIG)
		virtio_config_access_write(mmio->dev, offset - VIRTIO_MMIO_CONFIG, &word, size);
	else if (size == 4 && offset % 4 == 0)
		mmio_write_register(mmio, offset, word);
}

/* --- the machine --- */

static void mmio_describe(struct virtio_device *dev,
			  void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	const struct mmio *mmio = mmio_of(dev);
	const struct device_record record = {
		.hid = "LNRO0005",
		.stem = "VR",
		.uid = mmio->window,
		.param = mmio->param,
		.resources = {{.type = RESOURCE_MMIO,
			       .base = mmio->region.base,
			       .len = mmio->region.len},
			      {.type = RESOURCE_IRQ, .base = mmio->pin.gsi, .level_low = true}},
		.count = 2,
	};

	emit(arg, &record);
}

static const struct virtio_transport mmio_transport = {
	.driver = "virtio_mmio",
	.interrupt = mmio_interrupt,
	.config_interrupt = mmio_config_interrupt,
	.ready = mmio_ready,
	.reset = mmio_reset,
	.describe = mmio_describe,
};

static int mmio_find_window(const struct kvm *kvm, const struct virtio_device *dev,
			    unsigned int *window)
{
	for (unsigned int i = 0; i < WINDOWS_MAX && i < kvm->windows.count; i++) {
		if (windows_used >> i & 1)
			continue;
		*window = i;
		return 0;
	}
	return log_fail(-ENOSPC, "%s: only %u devices fit on virtio-mmio; use fewer", dev->name,
			kvm->windows.count);
}

int virtio_mmio_add(struct kvm *kvm, struct virtio_device *dev)
{
	struct mmio *mmio;
	unsigned int window;
	int err = mmio_find_window(kvm, dev, &window);

	if (err)
		return err;
	mmio = calloc(1, sizeof(*mmio));
	if (!mmio)
		return log_fail(-ENOMEM, "%s: out of memory", dev->name);
	mmio->kvm = kvm;
	mmio->dev = dev;
	mmio->window = window;
	mmio->pin.gsi = irq_pin_line(window);
	mmio->region = (struct bus_region){
		.name = dev->name,
		.base = kvm->windows.base + window * kvm->windows.bytes,
		.len = kvm->windows.bytes,
		.width = 4,
		.read = mmio_read,
		.write = mmio_write,
		.dev = mmio,
	};
	snprintf(mmio->param, sizeof(mmio->param), "virtio_mmio.device=%llu@0x%llx:%u",
		 mmio->region.len, mmio->region.base, mmio->pin.gsi);
	pthread_mutex_init(&mmio->lock, NULL);

	err = virtio_attach(kvm, dev, &mmio_transport, mmio);
	if (err)
		goto err_alloc;
	err = bus_add(&kvm->mmio, &mmio->region);
	if (err) {
		virtio_detach(dev);
		goto err_alloc;
	}
	windows_used |= 1ULL << window;
	return 0;

err_alloc:
	pthread_mutex_destroy(&mmio->lock);
	free(mmio);
	return err;
}

void virtio_mmio_remove(struct virtio_device *dev)
{
	struct mmio *mmio = mmio_of(dev);

	bus_remove(&mmio->kvm->mmio, &mmio->region);
	for (unsigned int i = 0; mmio->bells && i < dev->queue_count; i++)
		mmio_set_bell(mmio, i, false);
	virtio_detach(dev);
	windows_used &= ~(1ULL << mmio->window);
	pthread_mutex_destroy(&mmio->lock);
	free(mmio);
}
