// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI host: configuration mechanism #1, ECAM, and bus 0 with its functions.
 *
 * Mechanism #1. CONFIG_ADDRESS, at port 0xcf8, selects a register of a function; CONFIG_DATA, at
 * 0xcfc, is that register. Only a 32-bit access at 0xcf8 reaches CONFIG_ADDRESS. Narrower accesses
 * to its four ports are ordinary port accesses, and a byte at 0xcf9 is the reset control register
 * (hw/reset-port.c). The bus gives each port to one region, and splits an access that is too wide
 * for the region. If 0xcf9 were a region of its own, the bus would give it the second byte of each
 * write to CONFIG_ADDRESS, and a guest that selects function 4 would reset the machine. So there is
 * one region for all eight ports, 4 bytes wide, which passes byte accesses at 0xcf9 to the region
 * `inner` of the board. Other accesses to these ports read as all ones, and their writes are
 * ignored; so do accesses to absent functions and buses, and to CONFIG_DATA while the enable bit is
 * clear.
 *
 * ECAM is the same configuration space in memory, 4 KiB for each function of bus 0. No guest needs
 * it here, but Linux warns about a root bridge without ECAM.
 *
 * A function has 256 bytes of configuration space and, for each byte, a mask of the bits that a
 * guest can change. At power-on the bytes are as at the time of pci_add(). bus0 maps numbers
 * (devfn) to functions. Every access of the guest goes through pci_read() or pci_write(). After a
 * write, with the registers unlocked, BARs move (pci/bar.c) and the owners of capabilities are
 * called. A capability's owner may also ask to be called before a read.
 *
 * Interrupts. Functions 0 to 3 of a device use the pins INTA# to INTD#, and functions 4 to 7 the
 * same again. irq-line.c chooses the line of a pin; pins on the same line share it (irq-pin.c). The
 * record of the root bridge tells the pins to the firmware tables.
 *
 * The board's struct pci_place says where all of this is: ports, ECAM, windows for BARs, and the
 * numbers of functions.
 *
 * There is a host bridge because Linux looks for one before it trusts the ports. The host bridge
 * has no BARs and no interrupt.
 *
 * In the command register the bits without a function here (check parity, drive SERR#, special
 * cycles) stay 0, as the specification allows, and so do the latency timer and the cache line size.
 *
 * Locks, in the order in which they are taken: map_lock, which orders moves of BARs; the device's
 * own mutex; lock, over registers. Most functions run on vCPU threads. No lock is held during an
 * access to the reset register. bus0 changes on the main thread while no vCPU runs.
 *
 * Left out: special cycles, which go nowhere; CONFIG_ADDRESS bits 27:24, with which some AMD chips
 * reach beyond 256 bytes; mechanism #2.
 *
 * Spec: PCI Local Bus 3.0, sections 3.2.2.3.2 (mechanism #1), 6.1 (absent functions, reserved
 * registers), 6.2 (header), 6.2.2 (command), 6.2.3 (status), 6.7 (capabilities), 2.2.6 (interrupt
 * pins); PCI Express 3.0, 7.2.2 (ECAM); PCI Firmware 3.0, 4 (the root bridge in ACPI).
 */
#include "pci/bar.h"
#include "pci/host.h"

#include <kvm/bus.h>
#include <kvm/device.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/pci.h>
#include <linux/pci.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_ENABLE	    0x80000000U
#define ADDRESS_BITS	    0x80fffffcU /* the others are reserved and read as 0 */
#define ADDRESS_BUS(addr)   ((addr) >> 16 & 0xff)
#define ADDRESS_DEVFN(addr) ((addr) >> 8 & 0xff)
#define ADDRESS_REG(addr)   (0xfc & (addr))

#define CONFIG_PORTS	    8 /* CONFIG_ADDRESS, CONFIG_DATA */
#define OFFSET_DATA	    4

#define ECAM_DEVFN(offset)  ((offset) >> 12 & 0xff)
#define ECAM_REG(offset)    ((offset) % 4096)

#define DEVFNS		    256
#define PCI_DEVICES	    32
#define PINS		    4 /* of a device */

#define HEADER_END	    0x40 /* the bytes after the header are for capabilities */
#define MULTIFUNCTION	    0x80 /* in the header type */
#define IRQ_LINE_NONE	    0xff

#define STATE_VERSION	    1

/* The registers in the BARs, the MSI-X table among them, are in the states of the owners. */
struct pci_state {
	u32 address;
	u8 present[DEVFNS]; /* a function answers at this number */
	u8 config[DEVFNS][PCI_CONFIG_BYTES];
};

static struct {
	pthread_mutex_t map_lock; /* over where BARs answer */
	pthread_mutex_t lock;	  /* over address and all configuration space */
	u32 address;
	struct pci_function *bus0[DEVFNS];
	struct bus_region ports, ecam; /* the host's own */
} pci = {.map_lock = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER};

/* The first function with a number of at least *devfn, which then is the next number; or NULL. */
static struct pci_function *pci_next(unsigned int *devfn)
{
	while (*devfn < DEVFNS) {
		struct pci_function *fn = pci.bus0[(*devfn)++];

		if (fn)
			return fn;
	}
	return NULL;
}

#define for_each_function(fn) for (unsigned int next_ = 0; ((fn) = pci_next(&next_));)

/* --- configuration space; the lock is held --- */

static u64 load(const u8 *bytes, unsigned int size)
{
	u64 value = 0;

	for (unsigned int i = 0; i < size; i++)
		value |= (u64)bytes[i] << 8 * i;
	return value;
}

static void store(u8 *bytes, unsigned int size, u64 value)
{
	for (unsigned int i = 0; i < size; i++)
		bytes[i] = (u8)(value >> 8 * i);
}

static u16 function_command(const struct pci_function *fn)
{
	return (u16)load(&fn->config[PCI_COMMAND], 2);
}

/* Set the level of the pin from status and command register. With MSI-X on the pin stays low. */
static void function_update_pin(struct pci_function *fn)
{
	bool level = (fn->config[PCI_STATUS] & PCI_STATUS_INTERRUPT) &&
		     !(function_command(fn) & PCI_COMMAND_INTX_DISABLE) && !fn->messages;

	if (fn->intx)
		irq_pin_set(fn->kvm, &fn->pin, level);
}

static bool is_in_bars(unsigned int reg)
{
	return reg >= PCI_BASE_ADDRESS_0 && reg <= PCI_BASE_ADDRESS_5 + 3;
}

/* Returns whether a BAR may have to move. */
static bool function_write(struct pci_function *fn, unsigned int reg, unsigned int size, u64 value)
{
	const u16 decode = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	u16 command = function_command(fn);
	bool bar_changed = false;

	for (unsigned int i = 0; i < size; i++) {
		u8 *byte = &fn->config[reg + i];
		u8 mask = fn->writable[reg + i];
		u8 changed = (*byte ^ (u8)(value >> 8 * i)) & mask;

		*byte ^= changed;
		bar_changed |= changed && is_in_bars(reg + i);
	}
	if ((command ^ function_command(fn)) & PCI_COMMAND_INTX_DISABLE)
		function_update_pin(fn);
	return ((command ^ function_command(fn)) & decode) || (bar_changed && (command & decode));
}

/* --- accesses of the guest and what they cause; no lock is held --- */

/* Let each BAR answer where its registers say. */
static void pci_remap(void)
{
	struct pci_function *fn;

	pthread_mutex_lock(&pci.map_lock);
	pthread_mutex_lock(&pci.lock);
	for_each_function(fn) pci_bar_look(fn);
	pthread_mutex_unlock(&pci.lock);
	for_each_function(fn) pci_bar_leave(fn);
	for_each_function(fn) pci_bar_join(fn);
	pthread_mutex_unlock(&pci.map_lock);
}

static bool touches(const struct pci_capability *cap, unsigned int reg, unsigned int size)
{
	return reg < cap->at + cap->len && cap->at < reg + size;
}

/* size bytes from reg on, within configuration space. fn may be NULL: no function answers. */
static u64 pci_read(struct pci_function *fn, unsigned int reg, unsigned int size)
{
	u64 value;

	if (!fn)
		return UINT64_MAX >> (64 - 8 * size);
	for (struct pci_capability *cap = fn->capabilities; cap; cap = cap->next) {
		if (cap->reading && touches(cap, reg, size))
			cap->reading(cap, reg, size);
	}
	pthread_mutex_lock(&pci.lock);
	value = load(&fn->config[reg], size);
	pthread_mutex_unlock(&pci.lock);
	return value;
}

static void pci_write(struct pci_function *fn, unsigned int reg, unsigned int size, u64 value)
{
	bool remap;

	if (!fn)
		return;
	pthread_mutex_lock(&pci.lock);
	remap = function_write(fn, reg, size, value);
	pthread_mutex_unlock(&pci.lock);
	if (remap)
		pci_remap();
	for (struct pci_capability *cap = fn->capabilities; cap; cap = cap->next) {
		if (cap->written && touches(cap, reg, size))
			cap->written(cap, reg, size);
	}
}

/* --- for the owners of functions --- */

u32 pci_config_get(struct pci_function *fn, unsigned int reg, unsigned int size)
{
	u32 value;

	assert(reg + size <= PCI_CONFIG_BYTES && size <= 4);
	pthread_mutex_lock(&pci.lock);
	value = (u32)load(&fn->config[reg], size);
	pthread_mutex_unlock(&pci.lock);
	return value;
}

void pci_config_put(struct pci_function *fn, unsigned int reg, unsigned int size, u32 value)
{
	assert(reg + size <= PCI_CONFIG_BYTES && size <= 4);
	pthread_mutex_lock(&pci.lock);
	store(&fn->config[reg], size, value);
	pthread_mutex_unlock(&pci.lock);
}

void pci_config_allow(struct pci_function *fn, unsigned int reg, unsigned int size, u32 mask)
{
	assert(reg + size <= PCI_CONFIG_BYTES && size <= 4);
	store(&fn->writable[reg], size, mask);
}

void pci_set_intx(struct pci_function *fn, bool level)
{
	pthread_mutex_lock(&pci.lock);
	fn->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	fn->config[PCI_STATUS] |= level ? PCI_STATUS_INTERRUPT : 0;
	function_update_pin(fn);
	pthread_mutex_unlock(&pci.lock);
}

void pci_use_messages(struct pci_function *fn, bool on)
{
	pthread_mutex_lock(&pci.lock);
	fn->messages = on;
	function_update_pin(fn);
	pthread_mutex_unlock(&pci.lock);
}

u64 pci_bar_address(struct pci_function *fn, unsigned int bar)
{
	u64 base;

	pthread_mutex_lock(&pci.lock);
	base = pci_bar_base(fn, bar);
	pthread_mutex_unlock(&pci.lock);
	return base;
}

void pci_for_each(void (*see)(struct pci_function *fn, void *arg), void *arg)
{
	struct pci_function *fn;

	for_each_function(fn) see(fn, arg);
}

/* --- adding and removing functions: the main thread, no vCPU running --- */

void pci_function_init(struct pci_function *fn)
{
	u8 *config = fn->config;

	memset(config, 0, sizeof(fn->config));
	memset(fn->writable, 0, sizeof(fn->writable));
	fn->capabilities = NULL;
	fn->config_used = HEADER_END;
	store(&config[PCI_VENDOR_ID], 2, fn->vendor);
	store(&config[PCI_DEVICE_ID], 2, fn->device);
	config[PCI_REVISION_ID] = fn->revision;
	store(&config[PCI_CLASS_PROG], 3, fn->class_code);
	config[PCI_HEADER_TYPE] = PCI_HEADER_TYPE_NORMAL;
	store(&config[PCI_SUBSYSTEM_VENDOR_ID], 2, fn->subsystem_vendor);
	store(&config[PCI_SUBSYSTEM_ID], 2, fn->subsystem);
	store(&fn->writable[PCI_COMMAND], 2, PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	pci_bar_init(fn);
}

int pci_add_capability(struct pci_function *fn, struct pci_capability *cap)
{
	struct pci_capability **last = &fn->capabilities;
	u8 pointer = PCI_CAPABILITY_LIST;

	if (cap->len > PCI_CONFIG_BYTES - fn->config_used)
		return log_fail(-ENOSPC, "%s: configuration space is full", fn->name);
	cap->fn = fn;
	cap->at = fn->config_used;
	cap->next = NULL;
	fn->config[cap->at] = cap->id;
	fn->config_used = ALIGN_UP(cap->at + cap->len, 4);
	while (*last) {
		pointer = (*last)->at + PCI_CAP_LIST_NEXT;
		last = &(*last)->next;
	}
	*last = cap;
	fn->config[pointer] = cap->at;
	fn->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	return 0;
}

/* The pin of a function, 0 for INTA#. line_of(): the GSI to which a pin of a device goes. */
static unsigned int pin_of(u8 devfn)
{
	return PCI_FUNC(devfn) % PINS;
}

static u32 line_of(unsigned int device, unsigned int pin)
{
	return irq_pin_line(device + pin);
}

/* Set the multifunction bit in each function of the device if there is more than one. */
static void pci_mark_multifunction(unsigned int device)
{
	struct pci_function **functions = &pci.bus0[PCI_DEVFN(device, 0)];
	unsigned int count = 0;

	for (unsigned int i = 0; i < 8; i++)
		count += functions[i] != NULL;
	for (unsigned int i = 0; i < 8; i++) {
		struct pci_function *fn = functions[i];

		if (!fn)
			continue;
		fn->config[PCI_HEADER_TYPE] &= ~MULTIFUNCTION;
		fn->config[PCI_HEADER_TYPE] |= count > 1 ? MULTIFUNCTION : 0;
		fn->initial[PCI_HEADER_TYPE] = fn->config[PCI_HEADER_TYPE];
	}
}

int pci_add(struct kvm *kvm, struct pci_function *fn, u8 devfn)
{
	if (pci.bus0[devfn])
		return log_fail(-EEXIST, "%s: PCI function %02x.%u is taken by %s", fn->name,
				PCI_SLOT(devfn), PCI_FUNC(devfn), pci.bus0[devfn]->name);
	fn->kvm = kvm;
	fn->devfn = devfn;
	if (fn->intx) {
		fn->pin = (struct irq_pin){.gsi = line_of(PCI_SLOT(devfn), pin_of(devfn))};
		fn->config[PCI_INTERRUPT_PIN] = (u8)(pin_of(devfn) + 1);
		/* A line of the 8259s, for a kernel that reads no other table of lines. */
		fn->config[PCI_INTERRUPT_LINE] =
			irq_pin_uses_isa_lines() ? (u8)fn->pin.gsi : IRQ_LINE_NONE;
		fn->writable[PCI_INTERRUPT_LINE] = 0xff;
	}
	memcpy(fn->initial, fn->config, sizeof(fn->initial));
	pci.bus0[devfn] = fn;
	pci_mark_multifunction(PCI_SLOT(devfn));
	return 0;
}

/* True: *devfn is a free slot for this kind of function. */
static bool pci_find_slot(const struct pci_function *fn, unsigned int *devfn)
{
	for (size_t i = 0; i < pci_host_place->slot_count; i++) {
		const struct pci_slot *slot = &pci_host_place->slots[i];

		if (slot->vendor != fn->vendor || slot->device != fn->device)
			continue;
		for (*devfn = slot->first; *devfn < slot->first + slot->count; ++*devfn) {
			if (!pci.bus0[*devfn])
				return true;
		}
	}
	for (*devfn = pci_host_place->other_slots; *devfn < DEVFNS; *devfn += PCI_DEVFN(1, 0)) {
		if (!pci.bus0[*devfn])
			return true;
	}
	return false;
}

int pci_add_to_slot(struct kvm *kvm, struct pci_function *fn)
{
	unsigned int devfn;

	if (!pci_find_slot(fn, &devfn))
		return log_fail(-ENOSPC, "%s: no slot is free on PCI bus 0; use fewer devices",
				fn->name);
	return pci_add(kvm, fn, (u8)devfn);
}

void pci_remove(struct kvm *kvm, struct pci_function *fn)
{
	pthread_mutex_lock(&pci.lock);
	memcpy(fn->config, fn->initial, sizeof(fn->config));
	function_update_pin(fn);
	pthread_mutex_unlock(&pci.lock);
	pci_remap();
	pci.bus0[fn->devfn] = NULL;
	pci_mark_multifunction(PCI_SLOT(fn->devfn));
}

/* --- mechanism #1 --- */

/* The function that CONFIG_ADDRESS selects, or NULL; *reg: the register at this offset. */
static struct pci_function *pci_selected(u64 offset, unsigned int *reg)
{
	u32 address;

	pthread_mutex_lock(&pci.lock);
	address = pci.address;
	pthread_mutex_unlock(&pci.lock);
	*reg = (unsigned int)(ADDRESS_REG(address) + offset - OFFSET_DATA);
	if (!(address & ADDRESS_ENABLE) || ADDRESS_BUS(address) != 0)
		return NULL;
	return pci.bus0[ADDRESS_DEVFN(address)];
}

/* The register of another chip, if the access is for it; NULL: it is for the PCI host. */
static const struct bus_region *pci_inner(u64 offset, unsigned int size)
{
	const struct bus_region *inner = pci_host_place->inner;

	return inner && size == 1 && pci_host_place->config + offset == inner->base ? inner : NULL;
}

static bool is_config_address(u64 offset, unsigned int size)
{
	return offset == 0 && size == 4;
}

static u64 pci_port_read(void *dev, u64 offset, unsigned int size)
{
	const struct bus_region *inner = pci_inner(offset, size);
	struct pci_function *fn = NULL;
	unsigned int reg = 0;
	u32 address;

	if (inner)
		return inner->read(inner->dev, 0, size);
	if (is_config_address(offset, size)) {
		pthread_mutex_lock(&pci.lock);
		address = pci.address;
		pthread_mutex_unlock(&pci.lock);
		return address;
	}
	if (offset >= OFFSET_DATA)
		fn = pci_selected(offset, &reg);
	return pci_read(fn, reg, size);
}

static void pci_port_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	const struct bus_region *inner = pci_inner(offset, size);
	unsigned int reg;

	if (inner) {
		inner->write(inner->dev, 0, size, value);
	} else if (is_config_address(offset, size)) {
		pthread_mutex_lock(&pci.lock);
		pci.address = value & ADDRESS_BITS;
		pthread_mutex_unlock(&pci.lock);
	} else if (offset >= OFFSET_DATA) {
		struct pci_function *fn = pci_selected(offset, &reg);

		pci_write(fn, reg, size, value);
	}
}

/* --- ECAM: bus 0's functions one after the other, 4 KiB each --- */

/* The function, or NULL: none, or the access reaches into a function's upper 3840 bytes. */
static struct pci_function *pci_ecam_find(u64 offset, unsigned int size)
{
	return ECAM_REG(offset) + size <= PCI_CONFIG_BYTES ? pci.bus0[ECAM_DEVFN(offset)] : NULL;
}

static u64 pci_ecam_read(void *dev, u64 offset, unsigned int size)
{
	return pci_read(pci_ecam_find(offset, size), ECAM_REG(offset), size);
}

static void pci_ecam_write(void *dev, u64 offset, unsigned int size, u64 value)
{
	pci_write(pci_ecam_find(offset, size), ECAM_REG(offset), size, value);
}

/* --- from the machine: the main thread --- */

static void pci_save(struct device *device, void *state)
{
	struct pci_state *saved = state;
	struct pci_function *fn;

	memset(saved, 0, sizeof(*saved));
	pthread_mutex_lock(&pci.lock);
	saved->address = pci.address;
	for_each_function(fn)
	{
		saved->present[fn->devfn] = 1;
		memcpy(saved->config[fn->devfn], fn->config, sizeof(fn->config));
	}
	pthread_mutex_unlock(&pci.lock);
}

/* True: the same functions, different only in bits that a guest or an interrupt can change. */
static bool pci_state_is_good(const struct pci_state *state)
{
	if (state->address & ~ADDRESS_BITS)
		return false;
	for (unsigned int devfn = 0; devfn < DEVFNS; devfn++) {
		const struct pci_function *fn = pci.bus0[devfn];

		if (state->present[devfn] != (fn != NULL))
			return false;
		for (unsigned int i = 0; fn && i < PCI_CONFIG_BYTES; i++) {
			u8 fixed =
				~fn->writable[i] & (i == PCI_STATUS ? ~PCI_STATUS_INTERRUPT : ~0);

			if ((state->config[devfn][i] ^ fn->initial[i]) & fixed)
				return false;
		}
	}
	return true;
}

static int pci_load(struct device *device, const void *state)
{
	const struct pci_state *loaded = state;
	struct pci_function *fn;

	if (!pci_state_is_good(loaded))
		return -EINVAL;
	pthread_mutex_lock(&pci.lock);
	pci.address = loaded->address;
	for_each_function(fn)
	{
		memcpy(fn->config, loaded->config[fn->devfn], sizeof(fn->config));
		function_update_pin(fn);
	}
	pthread_mutex_unlock(&pci.lock);
	pci_remap();
	for_each_function(fn)
	{
		for (struct pci_capability *cap = fn->capabilities; cap; cap = cap->next) {
			if (cap->loaded)
				cap->loaded(cap);
		}
	}
	return 0;
}

/* Fill in the registers as at power-on, with an address for each BAR. */
static int pci_fill_power_on(struct pci_state *state)
{
	struct pci_bar_space next = {.port = pci_host_place->ports.start,
				     .memory = pci_host_place->memory.start};
	struct pci_function *fn;
	int err = 0;

	for_each_function(fn)
	{
		u8 *config = state->config[fn->devfn];

		state->present[fn->devfn] = 1;
		memcpy(config, fn->initial, sizeof(fn->initial));
		err = err ?: pci_bar_place(fn, config, &next);
	}
	return err;
}

static void pci_log_function(struct pci_function *fn, void *arg)
{
	char line[PCI_MAP_LINE] = "";

	pci_map_line(fn, line, sizeof(line));
	log_debug("pci: %s", line);
}

static int pci_reset(struct device *device)
{
	struct pci_state *power_on = calloc(1, sizeof(*power_on));
	struct pci_function *fn;
	int err;

	if (!power_on)
		return log_fail(-ENOMEM, "pci: out of memory");
	err = pci_fill_power_on(power_on);
	err = err ?: pci_load(device, power_on);
	free(power_on);
	if (err)
		return err;
	for_each_function(fn)
	{
		for (struct pci_capability *cap = fn->capabilities; cap; cap = cap->next) {
			if (cap->reset)
				cap->reset(cap);
		}
	}
	if (log_threshold >= LOG_DEBUG)
		pci_for_each(pci_log_function, NULL);
	return 0;
}

/* List the interrupt pins that functions use, with their GSIs. Returns their number. */
static unsigned int pci_pins(struct device_pin pins[PCI_DEVICES * PINS])
{
	unsigned int count = 0;
	struct pci_function *fn;
	u8 seen[PCI_DEVICES] = {0};

	for_each_function(fn)
	{
		if (fn->intx)
			seen[PCI_SLOT(fn->devfn)] |= 1 << pin_of(fn->devfn);
	}
	for (u8 at = 0; at < PCI_DEVICES * PINS; at++) {
		u8 device = at / PINS, pin = at % PINS;

		if (seen[device] >> pin & 1)
			pins[count++] = (struct device_pin){
				.device = device, .pin = pin, .gsi = line_of(device, pin)};
	}
	return count;
}

/* The record of the root bridge: its own ports and ECAM, the windows for BARs, and the pins. */
static void pci_describe(struct device *device,
			 void (*emit)(void *arg, const struct device_record *record), void *arg)
{
	const struct pci_place *place = pci_host_place;
	u64 ports_end = place->config + CONFIG_PORTS;
	struct device_pin pins[PCI_DEVICES * PINS];
	const struct device_record record = {
		.hid = "PNP0A03",
		.stem = "PCI",
		.uid = 0,
		.resources =
			{
				{.type = RESOURCE_BUS_NUMBERS, .base = 0, .len = 1},
				{.type = RESOURCE_PORT, .base = place->config, .len = CONFIG_PORTS},
				{.type = RESOURCE_PORT_WINDOW, .base = 0, .len = place->config},
				{.type = RESOURCE_PORT_WINDOW,
				 .base = ports_end,
				 .len = 64 * KIB - ports_end},
				{.type = RESOURCE_MMIO_WINDOW,
				 .base = place->memory.start,
				 .len = place->memory.end - place->memory.start},
				{.type = RESOURCE_ECAM,
				 .base = place->ecam,
				 .len = place->ecam_bytes},
			},
		.count = 6,
		.pins = pins,
		.pin_count = pci_pins(pins),
	};

	emit(arg, &record);
}

/* The IDs that QEMU uses for a host bridge that is not a particular chip. */
static struct pci_function host_bridge = {
	.name = "host-bridge",
	.vendor = 0x1b36,
	.device = 0x0008,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.class_code = 0x060000,
};

static const struct device_state pci_form = {
	.version = STATE_VERSION,
	.bytes = sizeof(struct pci_state),
	.save = pci_save,
	.load = pci_load,
};

static struct device pci_device = {
	.name = "pci", .state = &pci_form, .reset = pci_reset, .describe = pci_describe};

int pci_create(struct kvm *kvm, const struct pci_place *place)
{
	int err;

	pci_host_place = place;
	pci.address = 0;
	pci.ports = (struct bus_region){.name = "pci-config",
					.base = place->config,
					.len = CONFIG_PORTS,
					.width = 4,
					.read = pci_port_read,
					.write = pci_port_write};
	pci.ecam = (struct bus_region){.name = "pci-ecam",
				       .base = place->ecam,
				       .len = place->ecam_bytes,
				       .width = 4,
				       .read = pci_ecam_read,
				       .write = pci_ecam_write};
	pci_function_init(&host_bridge);
	err = pci_add(kvm, &host_bridge, place->host_bridge);
	if (err)
		return err;
	err = bus_add(&kvm->ports, &pci.ports);
	if (err)
		goto err_bridge;
	err = bus_add(&kvm->mmio, &pci.ecam);
	if (err)
		goto err_ports;
	device_register(&pci_device);
	return 0;

err_ports:
	bus_remove(&kvm->ports, &pci.ports);
err_bridge:
	pci_remove(kvm, &host_bridge);
	return err;
}

void pci_destroy(struct kvm *kvm)
{
	device_unregister(&pci_device);
	bus_remove(&kvm->mmio, &pci.ecam);
	bus_remove(&kvm->ports, &pci.ports);
	pci_remove(kvm, &host_bridge);
}
