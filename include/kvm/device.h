/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every chip and every virtio device has in common. core/device.c.
 *
 * Reset in place, pause, statistics and the firmware tables walk one list of devices. So the ACPI
 * code does not depend on a chip, and a chip does not depend on ACPI.
 */
#ifndef KVM_DEVICE_H
#define KVM_DEVICE_H

#include <kvm/types.h>

struct device;

/*
 * A window is a range that a bridge passes on to the devices behind it; it does not answer there.
 */
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
	const char *cid;  /* another id by which drivers find it, or NULL */
	const char *ddn;  /* its name for people and, by Microsoft's papers, for drivers; or NULL */
	const char *stem; /* first letters of the ACPI name, "COM"; made unique with uid */
	u32 uid;
	struct device_resource resources[8];
	unsigned int count;
	const struct device_pin *pins; /* of a PCI root bridge: ascending, each once, at most 128 */
	unsigned int pin_count;
	/* Word on the command line that tells a kernel without ACPI of the device; or NULL. */
	const char *param;
	gpa_t addr; /* result of ADDR(): address of its data in guest RAM; 0: no data */
};

/*
 * State. A chip keeps everything that its guest can see, now or later, in one struct NAME_state.
 * Nothing else is in it: no place of the chip, no connection to a back end, no counters, no host
 * time. save() copies the struct out and load() copies one in. A reset loads the power-on state, so
 * each reset tests load().
 *
 * Form: integers of fixed width in host byte order (a state is for the same architecture), flags as
 * u8 of 0 or 1, no pointer, no enum, no padding that the compiler chose. Raise the version whenever
 * a field is added, moved or changes its meaning: a state of another version or length is refused
 * before load() sees it.
 *
 * load() gets bytes that may come from a file. It checks each field that it uses as an index or a
 * length, or that no guest could have set; on -EINVAL the chip is as it was. After load() the
 * interrupt line has the level that belongs to the state. Timers and back ends stay at rest:
 * resume() starts them.
 *
 * Both: main thread; every vCPU is parked, or none exists yet; the device is at rest (pause()) or
 * new.
 */
struct device_state {
	const void *power_on; /* the state that a reset loads; NULL: reset() makes it */
	u32 version;	      /* from 1 on */
	u32 bytes;	      /* sizeof(struct NAME_state) */
	void (*save)(struct device *dev, void *state);
	/* 0, or -EINVAL: no guest can bring the device into such a state. */
	int (*load)(struct device *dev, const void *state);
};

/* The start of a saved state; the struct NAME_state follows. */
struct device_state_header {
	char name[32]; /* of the device; the rest is 0 */
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
	/* Modules of a stock kernel that drive the device and its bus: "virtio_pci"; or NULL. */
	const char *drivers[2];
	/* NULL: the device has no state, or cannot be saved yet. */
	const struct device_state *state;
	/*
	 * Go to the power-on state. Every vCPU is parked, or none exists yet. Main thread. 0, or
	 * -errno after log_error(): the machine cannot go on. NULL: state->power_on is loaded, if
	 * there is one.
	 */
	int (*reset)(struct device *dev);
	/*
	 * Stop timers and back ends; then start them again. Main thread, vCPUs parked. 0: the
	 * device is at rest. -EINPROGRESS: it begins no new request, but some are still in flight;
	 * it will call device_rested(), and pause() is called again, any number of times.
	 */
	int (*pause)(struct device *dev);
	void (*resume)(struct device *dev);
	/* The device did not come to rest in time: log_error() what it waits for. */
	void (*overdue)(struct device *dev);
	/* Call emit() for each counter. Main thread, at any time. */
	void (*stats)(struct device *dev, void (*emit)(void *arg, const char *counter, u64 value),
		      void *arg);
	/*
	 * Call emit() for each record, from INIT_FIRMWARE on. The record belongs to the callee:
	 * copy it to keep it.
	 */
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

/* Bring one device into its power-on state. 0 or -errno of its reset() or load(). */
int device_reset(struct device *dev);

/*
 * Save and load the header and the state of a device, together device_state_bytes(); 0: it has no
 * state. buf is aligned to 8 bytes, and so are the pointers that save() and load() get. Threads as
 * for save() and load() above. device_load(): 0, or -EINVAL after a log_error() that names the
 * device: the state of another device, of another version or length, or refused by load().
 */
size_t device_state_bytes(const struct device *dev);
void device_save(struct device *dev, void *buf);
int device_load(struct device *dev, const void *buf, size_t bytes);

/* Walk by stage, and within a stage in order of registration. */
int device_reset_all(void); /* stops at the first failure and returns it */
void device_resume_all(void);
void device_report_busy(void); /* calls overdue() of devices that are not at rest */

/*
 * 0: all are at rest. -EINPROGRESS: some are not yet: call again when the hook is called, or cancel
 * the pause by device_resume_all(). Another -errno: those already paused were resumed.
 */
int device_pause_all(void);

/*
 * Called by a device that returned -EINPROGRESS when it may be at rest. Calls the hook, if there is
 * one. Main thread.
 */
void device_rested(void);
void device_set_rest_hook(void (*fn)(void *arg), void *arg);
void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg);

#endif
