/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every chip and every virtio device has in common. device.c.
 *
 * Reset in place, pause, statistics and the firmware tables walk one list of
 * devices; so the ACPI code never knows a chip and a chip never knows ACPI.
 */
#ifndef KVM_DEVICE_H
#define KVM_DEVICE_H

#include <kvm/types.h>

struct device;

/* A window is what a bridge hands on to the devices behind it, not what it takes itself. */
enum resource_type {
	RESOURCE_PORT,
	RESOURCE_MMIO,
	RESOURCE_IRQ,
	RESOURCE_PORT_WINDOW,
	RESOURCE_MMIO_WINDOW,
	RESOURCE_BUS_NUMBERS, /* of a PCI root bridge, its own bus first; at most one */
	RESOURCE_ECAM,	      /* PCI configuration space, 1 MiB a bus from 0 on; at most one */
};

struct device_resource {
	enum resource_type type;
	u64 base;	/* first port, address or bus; for RESOURCE_IRQ the GSI */
	u64 len;	/* bytes or buses; for RESOURCE_IRQ unused */
	bool level_low; /* RESOURCE_IRQ: level-triggered active low; else edge, active high */
};

/*
 * An interrupt pin of the devices behind a PCI root bridge: level-triggered, active low. Functions
 * of a device may share one, and pins a GSI.
 */
struct device_pin {
	u8 device; /* 0 to 31 */
	u8 pin;	   /* 0: INTA# ... 3: INTD# */
	u32 gsi;
};

/* What the firmware tables say of a device. */
struct device_record {
	const char *hid;  /* "PNP0501" */
	const char *cid;  /* another id that drivers know it by, or NULL */
	const char *ddn;  /* its name for people and, by Microsoft's papers, for drivers; or NULL */
	const char *stem; /* first letters of the ACPI name, "COM"; made unique with uid */
	u32 uid;
	struct device_resource resources[8];
	unsigned int count;
	const struct device_pin *pins; /* of a PCI root bridge; ascending, each once; 128 at most */
	unsigned int pin_count;
	/* The word that tells a kernel without ACPI of it, on its command line; or NULL. */
	const char *param;
	gpa_t addr; /* what ADDR() gives: where in guest RAM its data is; 0: there is none */
};

/*
 * State. A chip keeps all that its guest can see or is still to see in one struct NAME_state, and
 * nothing else is in it: not where the chip is, not who is at the other end of its wires, no
 * counters, no host time. save() copies the struct out and load() puts one in; a reset loads the
 * power-on state, so each reset tests load().
 *
 * Form: integers of fixed width in host byte order (a state is for the same architecture), flags as
 * u8 of 0 or 1, no pointer, no enum, no padding that the compiler chose. Raise the version whenever
 * a field is added, moved or changes its meaning: a state of another version or length is refused
 * before load() sees it.
 *
 * load() gets bytes that may come from a file. It checks each field that it uses as an index or a
 * length, or that no guest could have set; on -EINVAL the chip is as it was. Afterwards the
 * interrupt line has the level that the state stands for. Timers and back ends stay at rest:
 * resume() starts them.
 *
 * Both: main thread, every vCPU parked or none there yet; the device at rest (pause()) or new.
 */
struct device_state {
	const void *power_on; /* the state that a reset loads; NULL: reset() makes it */
	u32 version;	      /* from 1 on */
	u32 bytes;	      /* sizeof(struct NAME_state) */
	void (*save)(struct device *dev, void *state);
	/* 0, or -EINVAL: no guest can bring the device into such a state. */
	int (*load)(struct device *dev, const void *state);
};

/* What a saved state begins with; the struct NAME_state follows. */
struct device_state_header {
	char name[32]; /* the device's, the rest is 0 */
	u32 version;
	u32 bytes;
};

/* Power-on and reset go through the stages in this order. */
enum device_stage {
	DEVICE_CHIP,	 /* has registers: chips, buses, virtio devices */
	DEVICE_FIRMWARE, /* writes tables into guest RAM, each into a range of its own */
	DEVICE_BOOT,	 /* writes the boot image, and the registers of the first vCPU */
};

struct device {
	const char *name; /* "serial0" */
	enum device_stage stage;
	/* Modules that a stock kernel has for it, its bus's and its own: "virtio_pci"; or NULL. */
	const char *drivers[2];
	/* NULL: it has none, or cannot be saved yet. */
	const struct device_state *state;
	/*
	 * Power-on state. Every vCPU is parked, or none exists yet. Main thread.
	 * 0 or -errno after log_error(): the machine cannot go on. NULL: state->power_on is
	 * loaded, if there is one.
	 */
	int (*reset)(struct device *dev);
	/*
	 * Stop timers and back ends; then start them again. Main thread, vCPUs parked. 0: it is at
	 * rest. -EINPROGRESS: it begins nothing more, but the host is not done with what it had
	 * begun; device_rested() follows, and then it is asked again. Any number of times.
	 */
	int (*pause)(struct device *dev);
	void (*resume)(struct device *dev);
	/* It should have come to rest by now: log_error() what for it waits. */
	void (*overdue)(struct device *dev);
	/* Yield counters. Main thread, at any time. */
	void (*stats)(struct device *dev, void (*emit)(void *arg, const char *counter, u64 value),
		      void *arg);
	/* Yield records, from INIT_FIRMWARE on. The record is the callee's, copied if kept. */
	void (*describe)(struct device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg);
	struct device *next; /* device.c's own */
};

/*
 * Add to the list, as the last one of its stage. The device is the caller's; each function pointer
 * may be NULL. Main thread.
 */
void device_register(struct device *dev);
void device_unregister(struct device *dev);

/* Bring one device into its power-on state. 0 or -errno, as its reset() or load(). */
int device_reset(struct device *dev);

/*
 * The header and the state of a device, device_state_bytes() in all; 0: it has no state. buf is
 * aligned to 8 bytes, and so is what save() and load() get. As save() and load() above.
 * device_load(): 0, or -EINVAL after a log_error() line that names the device: another device's,
 * another version or length, or refused by load().
 */
size_t device_state_bytes(const struct device *dev);
void device_save(struct device *dev, void *buf);
int device_load(struct device *dev, const void *buf, size_t bytes);

/* Walk by stage, and within a stage in order of registration. */
int device_reset_all(void); /* stops at the first failure and returns it */
void device_resume_all(void);
void device_report_busy(void); /* overdue() of those that are not at rest */

/*
 * 0: all are at rest. -EINPROGRESS: some are not yet; ask again when the hook is called, or
 * device_resume_all() calls it off. Another -errno: those already paused are resumed.
 */
int device_pause_all(void);

/* One that said -EINPROGRESS may be at rest now. Calls the hook, if there is one. Main thread. */
void device_rested(void);
void device_set_rest_hook(void (*fn)(void *arg), void *arg);
void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg);

#endif
