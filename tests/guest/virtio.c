// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver that the virtio actions share: registers over either transport, the steps from reset
 * to DRIVER_OK, rings.
 *
 * The driver's side of a ring is tests/lib/virtq-driver.h, as in the unit tests.
 *
 * Spec: virtio 1.2, 2.1 (status), 2.7 (split virtqueues), 3.1 (initialization), 4.1 (PCI), 4.2
 * (MMIO)
 */
#include "virtio.h"

#include "pci.h"

#define MMIO_BYTES  512
#define MMIO_CONFIG 0x100

static struct {
	bool mmio;
	u32 id;
	u64 base; /* of the window, or of the common configuration */
	u64 config;
	u16 bell;
	u32 bells;
} dev;

struct drvq virtio_queue;

/* --- registers --- */

const struct virtio_reg virtio_status = {0x070, 0x14, 1}, virtio_device_sel = {0x014, 0x00, 4},
			virtio_device_features = {0x010, 0x04, 4},
			virtio_driver_sel = {0x024, 0x08, 4},
			virtio_driver_features = {0x020, 0x0c, 4},
			virtio_queue_sel = {0x030, 0x16, 2}, virtio_queue_max = {0x034, 0x18, 2},
			virtio_queue_size = {0x038, 0x18, 2},
			virtio_queue_enable = {0x044, 0x1c, 2},
			virtio_queue_desc = {0x080, 0x20, 4},
			virtio_queue_driver = {0x090, 0x28, 4},
			virtio_queue_device = {0x0a0, 0x30, 4};

u32 virtio_get(struct virtio_reg reg)
{
	if (dev.mmio)
		return mem_read32(dev.base + reg.mmio);
	if (reg.pci_bytes == 1)
		return *(volatile u8 *)(dev.base + reg.pci);
	if (reg.pci_bytes == 2)
		return *(volatile u16 *)(dev.base + reg.pci);
	return mem_read32(dev.base + reg.pci);
}

void virtio_set(struct virtio_reg reg, u32 value)
{
	if (dev.mmio)
		mem_write32(dev.base + reg.mmio, value);
	else if (reg.pci_bytes == 1)
		*(volatile u8 *)(dev.base + reg.pci) = (u8)value;
	else if (reg.pci_bytes == 2)
		*(volatile u16 *)(dev.base + reg.pci) = (u16)value;
	else
		mem_write32(dev.base + reg.pci, value);
}

void virtio_set_address(struct virtio_reg reg, u64 value)
{
	virtio_set(reg, (u32)value);
	reg.mmio += 4;
	reg.pci += 4;
	virtio_set(reg, (u32)(value >> 32));
}

u32 virtio_config32(u32 offset)
{
	return mem_read32(dev.config + offset);
}

void virtio_set_config32(u32 offset, u32 value)
{
	mem_write32(dev.config + offset, value);
}

u32 virtio_bells(void)
{
	return dev.bells;
}

void virtio_ring(u32 queue)
{
	if (dev.mmio)
		mem_write32(dev.base + 0x050, queue);
	else
		outw((u16)(dev.bell + 4 * queue), (u16)queue);
}

/* --- which device --- */

u32 virtio_id(void)
{
	return dev.id;
}

static bool find_pci(u32 devfn)
{
	u32 ids = pci_read(devfn, 0, 4);

	dev.id = (ids >> 16) - 0x1040;
	if (!expect("a virtio device", ids & 0xffff, 0x1af4))
		return false;
	pci_write(devfn, PCI_COMMAND, 2, PCI_PORTS | PCI_MEMORY | PCI_MASTER | PCI_INTX_OFF);
	for (u32 cap = pci_find_cap(devfn, PCI_CAP_VENDOR, 0); cap;
	     cap = pci_find_cap(devfn, PCI_CAP_VENDOR, cap)) {
		u64 at = pci_size_bar(devfn, pci_read(devfn, cap + 4, 1)).base +
			 pci_read(devfn, cap + 8, 4);

		switch (pci_read(devfn, cap + 3, 1)) {
		case 1:
			dev.base = at;
			break;
		case 2:
			dev.bell = (u16)at;
			dev.bells = pci_read(devfn, cap + 12, 4) / 4;
			break;
		case 4:
			dev.config = at;
			break;
		}
	}
	return expect("has its capabilities", dev.base && dev.bell, true);
}

static bool find_mmio(u32 window)
{
	dev.base = VIRTIO_MMIO_BASE + window * MMIO_BYTES;
	dev.config = dev.base + MMIO_CONFIG;
	dev.bells = 0xffffffff;
	dev.id = mem_read32(dev.base + 8);
	return expect("a virtio device", mem_read32(dev.base), 0x74726976);
}

bool virtio_find(const char *arg, u32 id)
{
	u32 number = (u32)word_number(word_argument(arg));

	dev.mmio = word_is(arg, "mmio");
	if (!(dev.mmio ? find_mmio(number) : find_pci(number)))
		return false;
	return !id || expect("device", dev.id, id);
}

/* --- a driver --- */

bool virtio_reset(void)
{
	virtio_set(virtio_status, 0);
	for (u32 tries = 5000; virtio_get(virtio_status) && --tries;)
		sleep_ms(1);
	return expect("status after a reset", virtio_get(virtio_status), 0);
}

bool virtio_negotiate(u32 features)
{
	if (!virtio_reset())
		return false;
	virtio_set(virtio_status, VIRTIO_DRIVER);
	virtio_set(virtio_driver_sel, 0);
	virtio_set(virtio_driver_features, features);
	virtio_set(virtio_driver_sel, 1);
	virtio_set(virtio_driver_features, 1); /* VERSION_1 */
	virtio_set(virtio_status, VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
	return expect("FEATURES_OK", virtio_get(virtio_status), VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

void virtio_set_queue(u32 index, u32 size, u64 desc, u64 driver, u64 device)
{
	virtio_set(virtio_queue_sel, index);
	virtio_set(virtio_queue_size, size);
	virtio_set_address(virtio_queue_desc, desc);
	virtio_set_address(virtio_queue_driver, driver);
	virtio_set_address(virtio_queue_device, device);
	virtio_set(virtio_queue_enable, 1);
}

void virtio_set_up(struct drvq *queue, u32 index, u32 features)
{
	u64 at = VIRTIO_RING + 4096 * index;

	drvq_init(queue, (void *)at, at, VIRTIO_SIZE, features & VIRTIO_F_EVENT_IDX);
	virtio_set_queue(index, VIRTIO_SIZE, drvq_desc_gpa(queue), drvq_avail_gpa(queue),
			 drvq_used_gpa(queue));
}

bool virtio_bring_up(u32 features)
{
	if (!virtio_negotiate(features))
		return false;
	virtio_set_up(&virtio_queue, 0, features);
	virtio_set(virtio_status, VIRTIO_UP);
	return true;
}

void virtio_send(struct drvq *queue, u32 index)
{
	drvq_publish(queue);
	virtio_ring(index);
}

bool virtio_wait_used(struct drvq *queue, u32 *head, u32 *written)
{
	for (u32 tries = 5000; tries; tries--) {
		if (drvq_take(queue, head, written))
			return true;
		sleep_ms(1);
	}
	put("bad: a request does not come back\n");
	return false;
}
