/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions on PCI bus 0: configuration space, BARs, capabilities, the interrupt pin. pci/pci.c.
 *
 * A module fills a struct pci_function, calls pci_function_init(), adds its capabilities, then
 * pci_add(). From then on pci/pci.c answers the guest's configuration accesses, and the regions
 * of the BARs join and leave the buses as the guest places them and switches decoding.
 *
 * Locks. A callback may take the device's mutex and may call pci_config_get(), pci_config_put(),
 * pci_set_intx() and msix_raise(): pci.c holds none of the locks that these take. These functions
 * may also be called with the device's mutex held. bar_moved runs under the lock that orders moves
 * of BARs: it must not wait for another vCPU or for the loop, nor cause a configuration write.
 */
#ifndef KVM_PCI_H
#define KVM_PCI_H

#include <kvm/bus.h>
#include <kvm/irq-pin.h>
#include <kvm/types.h>

struct kvm;
struct pci_function;

#define PCI_CONFIG_BYTES 256
#define PCI_BAR_COUNT	 6

enum pci_bar_kind {
	PCI_BAR_NONE,
	PCI_BAR_PORT,  /* 4 to 256 bytes */
	PCI_BAR_MEM32, /* 16 bytes to 256 MiB */
	PCI_BAR_MEM64, /* the same size; uses two BARs, the second of which is PCI_BAR_NONE */
};

/* [start, end) */
struct pci_window {
	u64 start, end;
};

/* Functions with these IDs get the devfns first, first + 1, ... */
struct pci_slot {
	u16 vendor, device;
	u8 first, count;
};

/* Addresses of the host bridge, and the space for functions: constant, part of the board. */
struct pci_place {
	u16 config; /* eight ports: address, then data */
	/* Another chip's region of one byte within these ports: gets its byte accesses; or NULL. */
	const struct bus_region *inner;
	gpa_t ecam;
	u64 ecam_bytes;
	struct pci_window ports, memory; /* where BARs are at power-on */
	u64 first_port;			 /* no BAR may be below it */
	struct pci_window chipset;	 /* no BAR may be in here */
	struct pci_window messages;	 /* an MSI-X message to these addresses is an interrupt */
	u8 host_bridge;			 /* its devfn */
	const struct pci_slot *slots;
	size_t slot_count;
	u8 other_slots; /* devfn of the first device for functions without an entry in slots */
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	/*
	 * The owner sets name, length (a power of two), width, handlers and dev; pci/bar.c sets the
	 * base. Handlers run on vCPU threads, several at once, and one may still run after the BAR
	 * has moved.
	 */
	struct bus_region region;
	bool mapped; /* the BAR answers at region.base; only bar_moved() may read this */
	/* pci/bar.c's own */
	bool wanted, refused;
	u64 wanted_base;
};

/*
 * A capability. After pci_add_capability() its bytes are at `at`, all 0 except the header: fill
 * them with pci_config_put() and pci_config_allow(). The access in reading() and written() may
 * begin before the capability and end after it. Each callback may be NULL.
 */
struct pci_capability {
	u8 id;	/* PCI_CAP_ID_... of linux/pci_regs.h */
	u8 len; /* bytes, header included */
	/* The guest reads size bytes from reg on: the read is done after this call. */
	void (*reading)(struct pci_capability *cap, unsigned int reg, unsigned int size);
	/* The guest wrote size bytes from reg on: the writable bits have their new values. */
	void (*written)(struct pci_capability *cap, unsigned int reg, unsigned int size);
	/* The machine was reset, and config space is as at power-on. Main thread, vCPUs parked. */
	void (*reset)(struct pci_capability *cap);
	/* Config space was loaded: a saved or the power-on state. Main thread, vCPUs parked. */
	void (*loaded)(struct pci_capability *cap);
	/* Set by pci/pci.c; the owner may read them */
	struct pci_function *fn;
	u8 at;
	struct pci_capability *next;
};

struct pci_function {
	/* Set by the owner before pci_function_init() */
	const char *name; /* "virtio-blk0": for the map and for messages */
	u16 vendor, device, subsystem_vendor, subsystem;
	u32 class_code; /* 24 bits: base class, subclass, interface */
	u8 revision;
	bool intx;     /* the function has an interrupt pin */
	bool messages; /* pci/pci.c's: MSI-X is on, and the pin stays low */
	struct pci_bar bars[PCI_BAR_COUNT];
	/*
	 * A BAR begins to answer or stops: see bars[bar].mapped and .region.base. A move makes two
	 * calls. The first accesses may come before the call for the begin. Called before the BAR
	 * leaves the bus, and after it has joined: a device moves its doorbells here. vCPU threads,
	 * or the main thread while no vCPU runs. May be NULL.
	 */
	void (*bar_moved)(struct pci_function *fn, unsigned int bar);

	/* pci/pci.c's own */
	struct kvm *kvm;
	u8 devfn;
	u8 config[PCI_CONFIG_BYTES];   /* as it reads */
	u8 writable[PCI_CONFIG_BYTES]; /* which bits of it a guest can change */
	u8 initial[PCI_CONFIG_BYTES];  /* at power-on, without the BARs' addresses */
	u8 config_used;		       /* where the next capability goes */
	struct pci_capability *capabilities;
	struct irq_pin pin;
};

/* Clear the fields of pci/pci.c, and write the header from the owner's fields. Main thread. */
void pci_function_init(struct pci_function *fn);

/*
 * Add a capability at the end of the list. Add first those that a driver looks for first: each step
 * along the list costs the guest an exit or two. 0, or -ENOSPC after a log_error() line: the 192
 * bytes after the header are full.
 */
int pci_add_capability(struct pci_function *fn, struct pci_capability *cap);

/*
 * Create the host bridge. The place belongs to the caller and must stay until pci_destroy(). Main
 * thread. 0 or -errno after a log_error() line.
 */
int pci_create(struct kvm *kvm, const struct pci_place *place);
void pci_destroy(struct kvm *kvm);

/*
 * Put the function on bus 0. The function must stay until pci_remove(). A device with any function
 * must have a function 0. 0, or -errno after a log_error() line: -EEXIST (devfn is taken). Main
 * thread, no vCPU running; before power-on, which gives the BARs their addresses.
 */
int pci_add(struct kvm *kvm, struct pci_function *fn, u8 devfn);

/*
 * The same, but the board's slots give the devfn: a free slot for this vendor and device, or else
 * the first free device from other_slots on. -ENOSPC: no slot is free.
 */
int pci_add_to_slot(struct kvm *kvm, struct pci_function *fn);
void pci_remove(struct kvm *kvm, struct pci_function *fn);

/*
 * Get or put size bytes (1, 2 or 4) of configuration space. pci_config_put() also changes bits that
 * the guest cannot write. Any thread.
 */
u32 pci_config_get(struct pci_function *fn, unsigned int reg, unsigned int size);
void pci_config_put(struct pci_function *fn, unsigned int reg, unsigned int size, u32 value);

/* Let the guest change the bits of mask. Between pci_function_init() and pci_add(). */
void pci_config_allow(struct pci_function *fn, unsigned int reg, unsigned int size, u32 mask);

/* Set the level of the interrupt pin, and the Interrupt Status bit. Any thread. */
void pci_set_intx(struct pci_function *fn, bool level);

/*
 * The guest has switched MSI-X on or off. While it is on, the pin stays low, whatever level
 * pci_set_intx() sets. Any thread.
 */
void pci_use_messages(struct pci_function *fn, bool on);

/* The address in the BAR's registers, whether the BAR answers there or not. Any thread. */
u64 pci_bar_address(struct pci_function *fn, unsigned int bar);

/*
 * One access to a BAR as if by its address, whether the BAR answers there or not. An access that is
 * not of 1, 2, 4 or 8 bytes, is wider than the region's width, or is not within the BAR reads as
 * all ones and writes nothing. vCPU threads.
 */
u64 pci_bar_read(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size);
void pci_bar_write(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size,
		   u64 value);

/*
 * Write the function's line of the map, without a newline and cut at size. Main thread, no vCPU
 * running.
 */
#define PCI_MAP_LINE 512
void pci_map_line(struct pci_function *fn, char *line, size_t size);

/* Call see for each function, ascending. Main thread, no vCPU running. */
void pci_for_each(void (*see)(struct pci_function *fn, void *arg), void *arg);

#endif
