/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The common part of all chips and virtio devices. device.c.
 *
 * Reset, pause, statistics and the firmware tables walk one list of devices. So the ACPI code knows
 * no chip, and a chip does not know ACPI.
 */
#ifndef KVM_DEVICE_H
#define KVM_DEVICE_H

#include <kvm/types.h>

struct device;

/* A window: a bridge passes these addresses on to its devices, and does not answer there itself. */
enum resource_type {
	RESOURCE_PORT,
	RESOURCE_MMIO,
	RESOURCE_IRQ,
	RESOURCE_PORT_WINDOW,
	RESOURCE_MMIO_WINDOW,
	RESOURCE_BUS_NUMBERS, /* of a PCI root bridge, its own bus first; at most one */
	RESOURCE_ECAM,	      /* PCI configuration space, 1 MiB for each bus from 0; at most one */
};

struct device_resource {
	enum resource_type type;
	u64 base;	/* first port, address or bus; for RESOURCE_IRQ the GSI */
	u64 len;	/* bytes or buses; for RESOURCE_IRQ unused */
	bool level_low; /* RESOURCE_IRQ: level-triggered active low; else edge, active high */
};

/*
 * An interrupt pin of a device on a PCI root bridge: level-triggered, active low. Functions of a
 * device may share a pin, and pins may share a GSI.
 */
struct device_pin {
	u8 device; /* 0 to 31 */
	u8 pin;	   /* 0: INTA# ... 3: INTD# */
	u32 gsi;
};

/* The description of a device in the firmware tables. */
struct device_record {
	const char *hid;  /* "PNP0501" */
	const char *cid;  /* a second id for which drivers may look, or NULL */
	const char *ddn;  /* a name for people and, by Microsoft's papers, for drivers; or NULL */
	const char *stem; /* first letters of the ACPI name, "COM"; made unique with uid */
	u32 uid;
	struct device_resource resources[8];
	unsigned int count;
	const struct device_pin *pins; /* of a PCI root bridge: ascending, each once, at most 128 */
	unsigned int pin_count;
	/* The kernel parameter by which a kernel without ACPI finds the device, or NULL. */
	const char *param;
	gpa_t addr; /* result of ADDR(): where in guest RAM the device's data is; 0: no ADDR() */
};

/*
 * State. One struct NAME_state has everything in a chip that its guest can see now or later, and
 * nothing else: no address of the chip, nothing about the other end of its wires, no counters, no
 * host time. save() copies the struct out, and load() replaces it. A reset loads the power-on
 * state, so each reset tests load().
 *
 * Form: integers of fixed width in host byte order (a state is for the same architecture), flags as
 * u8 of 0 or 1, no pointer, no enum, no padding by the compiler. Raise the version whenever a field
 * is added or moved or changes its meaning: a state of another version or length is refused before
 * load() is called.
 *
 * load() gets bytes that may come from a file. load() checks each field that is used as an index or
 * a length, and each that no guest could have set to this value; on -EINVAL it changes nothing.
 * After load() the interrupt line has the level of the state. Timers and back ends stay at rest:
 * resume() starts them.
 *
 * Both: main thread; every vCPU parked, or none created yet; the device at rest (pause()) or new.
 */
struct device_state {
	const void *power_on; /* the state that a reset loads; NULL: reset() makes that state */
	u32 version;	      /* from 1 on */
	u32 bytes;	      /* sizeof(struct NAME_state) */
	void (*save)(struct device *dev, void *state);
	/* 0, or -EINVAL: no guest can bring the device into such a state. */
	int (*load)(struct device *dev, const void *state);
};

/* The begin of a saved state; the struct NAME_state follows. */
struct device_state_header {
	char name[32]; /* the device's name, the rest is 0 */
	u32 version;
	u32 bytes;
};

/* Power-on and reset go through the stages in this order. */
enum device_stage {
	DEVICE_CHIP,	 /* chips, buses, virtio devices: all that have registers */
	DEVICE_FIRMWARE, /* writes tables into guest RAM, each into a range of its own */
	DEVICE_BOOT,	 /* writes the boot image, and the registers of the first vCPU */
};

struct device {
	const char *name; /* "serial0" */
	enum device_stage stage;
	/* Its modules in a stock kernel, the bus's and the device's: "virtio_pci"; or NULL. */
	const char *drivers[2];
	/* NULL: the device has no state, or cannot be saved yet. */
	const struct device_state *state;
	/*
	 * Bring the device into its power-on state. Every vCPU is parked, or none exists yet. Main
	 * thread. 0 or -errno after log_error(): the machine cannot continue. NULL:
	 * state->power_on is loaded, if there is one.
	 */
	int (*reset)(struct device *dev);
	/*
	 * pause(): stop timers and back ends. 0: the device is at rest. -EINPROGRESS: it begins no
	 * more work, but the host still works on earlier requests. Then the device calls
	 * device_rested(), and pause() is called again, any number of times. resume(): start timers
	 * and back ends again. Both: main thread, vCPUs parked.
	 */
	int (*pause)(struct device *dev);
	void (*resume)(struct device *dev);
	/* The device should be at rest by now: log_error() why it is not. */
	void (*overdue)(struct device *dev);
	/* Call emit for each counter. Main thread, at any time. */
	void (*stats)(struct device *dev, void (*emit)(void *arg, const char *counter, u64 value),
		      void *arg);
	/* Call emit for each record, from INIT_FIRMWARE on. emit must copy what it keeps. */
	void (*describe)(struct device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg);
	struct device *next; /* for device.c alone */
};

/*
 * Add the device to the list, as the last one of its stage. The memory belongs to the caller; each
 * function pointer may be NULL. Main thread.
 */
void device_register(struct device *dev);
void device_unregister(struct device *dev);

/* Bring one device into its power-on state. 0, or -errno from its reset() or load(). */
int device_reset(struct device *dev);

/*
 * Save or load the header and the state of a device, device_state_bytes() in all; 0: the device has
 * no state. buf is aligned to 8 bytes, and so are the structs in save() and load(). Threads as for
 * save() and load() above. device_load(): 0, or -EINVAL after a log_error() line that names the
 * device: the state of another device, another version or length, or refused by load().
 */
size_t device_state_bytes(const struct device *dev);
void device_save(struct device *dev, void *buf);
int device_load(struct device *dev, const void *buf, size_t bytes);

/* Walk by stage, and within a stage in order of registration. */
int device_reset_all(void); /* stops at the first failure and returns it */
void device_resume_all(void);
void device_report_busy(void); /* overdue() of each device that is not at rest */

/*
 * 0: all devices are at rest. -EINPROGRESS: some are not yet; call again when the hook is called,
 * or give up by device_resume_all(). Another -errno: all paused devices were resumed.
 */
int device_pause_all(void);

/* For a device that returned -EINPROGRESS and may be at rest now: calls the hook. Main thread. */
void device_rested(void);
void device_set_rest_hook(void (*fn)(void *arg), void *arg);
void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg);

#endif
