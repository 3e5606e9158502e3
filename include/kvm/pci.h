/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions on PCI bus 0: configuration space, BARs, capabilities, the interrupt pin. pci/pci.c.
 *
 * A module fills a struct pci_function, calls pci_function_init(), adds its capabilities, then
 * pci_add(). From then on pci/pci.c answers the guest's configuration accesses, and the regions
 * of the BARs join and leave the buses as the guest places them and switches decoding.
 *
 * Locks. Callbacks run with none of pci.c's that pci_config_get(), pci_config_put(),
 * pci_set_intx() and msix_raise() take, so that they may call these and may take the device's
 * mutex; and these may be called under it. bar_moved runs under the lock that orders moves: it
 * must not wait for another vCPU or for the loop, nor cause a configuration write.
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
	PCI_BAR_MEM64, /* the same; takes the next BAR as well, which is PCI_BAR_NONE */
};

/* [start, end) */
struct pci_window {
	u64 start, end;
};

/* Functions of this kind are devfns first, first + 1, ... */
struct pci_slot {
	u16 vendor, device;
	u8 first, count;
};

/* Where the host bridge is, and what it has to give: the board's. */
struct pci_place {
	u16 config; /* eight ports: address, then data */
	/* A region of one byte within these ports, which byte accesses to it are for; or NULL. */
	const struct bus_region *inner;
	gpa_t ecam;
	u64 ecam_bytes;
	struct pci_window ports, memory; /* BARs are in here at power-on */
	u64 first_port;			 /* no BAR is below */
	struct pci_window chipset;	 /* no BAR is in here */
	struct pci_window messages;	 /* an MSI-X message to these addresses is an interrupt */
	u8 host_bridge;			 /* its devfn */
	const struct pci_slot *slots;
	size_t slot_count;
	u8 other_slots; /* devfn of the first device for functions that no slot is for */
};

struct pci_bar {
	enum pci_bar_kind kind;
	bool prefetchable;
	/*
	 * Name, length (a power of two), width, handlers and dev are the owner's; the base is
	 * pci/bar.c's. Handlers run on vCPU threads, several at once, and one may still run
	 * when the BAR has moved.
	 */
	struct bus_region region;
	bool mapped; /* it answers, at region.base; to be read in bar_moved() alone */
	/* pci/bar.c's own */
	bool wanted, refused;
	u64 wanted_base;
};

/*
 * A capability. After pci_add_capability() its bytes are at `at`, all 0 but the header: fill
 * them by pci_config_put() and pci_config_allow(). An access that a callback is told of may
 * begin before the capability and end behind it. Each may be NULL.
 */
struct pci_capability {
	u8 id;	/* PCI_CAP_ID_... of linux/pci_regs.h */
	u8 len; /* bytes, header included */
	/* A read of size bytes from reg on is about to be answered from config space. */
	void (*reading)(struct pci_capability *cap, unsigned int reg, unsigned int size);
	/* A write has changed what it may. */
	void (*written)(struct pci_capability *cap, unsigned int reg, unsigned int size);
	/* The machine was reset, and config space is as at power-on. Main thread, vCPUs parked. */
	void (*reset)(struct pci_capability *cap);
	/* Config space is that of a saved state, or as at power-on. Main thread, vCPUs parked. */
	void (*loaded)(struct pci_capability *cap);
	/* pci/pci.c's own, to be read */
	struct pci_function *fn;
	u8 at;
	struct pci_capability *next;
};

struct pci_function {
	/* The owner's, before pci_function_init() */
	const char *name; /* "virtio-blk0": for the map and for messages */
	u16 vendor, device, subsystem_vendor, subsystem;
	u32 class_code; /* 24 bits: base class, subclass, interface */
	u8 revision;
	bool intx;     /* it has an interrupt pin */
	bool messages; /* pci/pci.c's: MSI-X is on, and the pin stays low */
	struct pci_bar bars[PCI_BAR_COUNT];
	/*
	 * A BAR begins to answer or stops: bars[bar].mapped and .region.base. When it moves it is
	 * told of both. Accesses may come before the call that says it answers. Doorbells follow
	 * here. vCPU threads, or the main thread while no vCPU runs. May be NULL.
	 */
	void (*bar_moved)(struct pci_function *fn, unsigned int bar);

	/* pci/pci.c's own */
	struct kvm *kvm;
	u8 devfn;
	u8 config[PCI_CONFIG_BYTES];   /* as it reads */
	u8 writable[PCI_CONFIG_BYTES]; /* which bits of it a guest can change */
	u8 initial[PCI_CONFIG_BYTES];  /* at power-on, but for the BARs' addresses */
	u8 config_used;		       /* where the next capability goes */
	struct pci_capability *capabilities;
	struct irq_pin pin;
};

/* Forget all that is pci/pci.c's own, and write the header. Main thread. */
void pci_function_init(struct pci_function *fn);

/*
 * At the end of the list: first what a driver looks for first, for each step that it takes is an
 * exit or two. 0, or -ENOSPC after a log_error() line: the 192 bytes behind the header are full.
 */
int pci_add_capability(struct pci_function *fn, struct pci_capability *cap);

/*
 * The host bridge. The place is the caller's and stays until pci_destroy(). Main thread. 0 or
 * -errno after a log_error() line.
 */
int pci_create(struct kvm *kvm, const struct pci_place *place);
void pci_destroy(struct kvm *kvm);

/*
 * The function lives until pci_remove(). Function 0 of a device must be there if another one is.
 * 0, or -errno after a log_error() line: -EEXIST (taken). Main thread, no vCPU running; before
 * power-on, which gives the BARs their addresses.
 */
int pci_add(struct kvm *kvm, struct pci_function *fn, u8 devfn);

/*
 * The same where the board has a slot for functions of this vendor and device, or else on the first
 * free device behind all slots. -ENOSPC: there is none.
 */
int pci_add_to_slot(struct kvm *kvm, struct pci_function *fn);
void pci_remove(struct kvm *kvm, struct pci_function *fn);

/*
 * size bytes (1, 2 or 4) of configuration space. pci_config_put() changes what the guest reads,
 * whether it could write it or not. Any thread.
 */
u32 pci_config_get(struct pci_function *fn, unsigned int reg, unsigned int size);
void pci_config_put(struct pci_function *fn, unsigned int reg, unsigned int size, u32 value);

/* The guest may change the bits of mask. Between pci_function_init() and pci_add(). */
void pci_config_allow(struct pci_function *fn, unsigned int reg, unsigned int size, u32 mask);

/* The interrupt pin, and the Interrupt Status bit that tells of it. Any thread. */
void pci_set_intx(struct pci_function *fn, bool level);

/*
 * The guest has switched MSI-X on or off: with it the pin is not asserted, whatever
 * pci_set_intx() says or has said. Any thread.
 */
void pci_use_messages(struct pci_function *fn, bool on);

/* Where the BAR's registers say it is, decoded or not. Any thread. */
u64 pci_bar_address(struct pci_function *fn, unsigned int bar);

/*
 * One access to a BAR as if by its address, decoded or not. All ones, and nothing, when it is
 * not of 1, 2, 4 or 8 bytes, wider than the region takes, or not within the BAR. vCPU threads.
 */
u64 pci_bar_read(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size);
void pci_bar_write(struct pci_function *fn, unsigned int bar, u64 offset, unsigned int size,
		   u64 value);

/*
 * What the function is, for the map: one line without its end, cut at size. Main thread, no vCPU
 * running.
 */
#define PCI_MAP_LINE 512
void pci_map_line(struct pci_function *fn, char *line, size_t size);

/* Call see for each function, ascending. Main thread, no vCPU running. */
void pci_for_each(void (*see)(struct pci_function *fn, void *arg), void *arg);

#endif
