/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The common part of all virtio devices: status, features, queues, configuration, reset. core.c.
 *
 * A device fills a struct virtio_device, gives it to virtio_add() and is called through its ops:
 * config_* and negotiated() on a vCPU's thread under the device's mutex, everything else on the
 * loop's thread with no lock held. A transport (pci.c, mmio.c; in tests
 * tests/lib/virtio-driver.c) turns the guest's register accesses into calls of the functions in the
 * second half of this file.
 */
#ifndef VIRTIO_CORE_H
#define VIRTIO_CORE_H

#include "virtio/queue.h"

#include <kvm/device.h>
#include <kvm/types.h>

struct kvm;
struct virtio_core;
struct virtio_device;

#define VIRTIO_MAX_QUEUES 64

struct virtio_ops {
	/*
	 * Device-specific configuration, [offset, offset + len) inside config_bytes. NULL: reads
	 * are from dev->config, writes are ignored. vCPU thread, under the device's mutex: call
	 * nothing that takes it (virtio_config_write()); virtio_config_changed() is fine.
	 */
	void (*config_read)(struct virtio_device *dev, u32 offset, void *buf, u32 len);
	void (*config_write)(struct virtio_device *dev, u32 offset, const void *buf, u32 len);

	/* The driver has set FEATURES_OK. vCPU thread, under the device's mutex. May be NULL. */
	void (*negotiated)(struct virtio_device *dev, u64 features);

	/* --- from here on: loop thread --- */

	/*
	 * The driver has set DRIVER_OK: dev->features is final, and the queues that it enabled are
	 * started. May be NULL. After an error (and its log line) the device is NEEDS_RESET.
	 */
	int (*start)(struct virtio_device *dev);
	/* The driver rang: pop until empty. Also once after start, and after a resume. */
	void (*notify)(struct virtio_device *dev, unsigned int queue);
	/*
	 * The driver resets the device. Pop no more chains; call virtio_stopped() as soon as
	 * nothing is in flight, from in here if possible. Chains may be pushed until then; chains
	 * that were not pushed (a buffer kept for later) are dropped. NULL: nothing is ever in
	 * flight. Not called when start failed.
	 */
	void (*stop)(struct virtio_device *dev);
	/* The same for one queue, with virtio_queue_stopped(). NULL: nothing is ever in flight. */
	void (*stop_queue)(struct virtio_device *dev, unsigned int queue);
	/*
	 * The machine is about to pause, and the device pops no more chains. Complete the requests
	 * that the host has finished, without waiting, and show them to the driver. True: the host
	 * still works on a request; the device calls virtio_rested() when that is over. Chains that
	 * are kept for later do not count. NULL: never busy.
	 */
	bool (*busy)(struct virtio_device *dev);
	/* busy() has been true for too long: log_error() the reason. NULL if busy is. */
	void (*overdue)(struct virtio_device *dev);
	/*
	 * The pause is over: do now what was put off while virtio_is_paused(). May be NULL. Also
	 * called after a reset, and for a device that has not been started.
	 */
	void (*resumed)(struct virtio_device *dev);
	/* Call emit for each counter of this device alone. May be NULL. */
	void (*stats)(struct virtio_device *dev,
		      void (*emit)(void *arg, const char *counter, u64 value), void *arg);
};

struct virtio_device {
	/* Set by the device before virtio_add(), constant after that. */
	const char *name;   /* "virtio-rng0": messages begin with it */
	u16 id;		    /* VIRTIO_ID_* */
	const char *driver; /* its driver's module in a stock kernel: "virtio_rng" */
	u32 pci_class;	    /* base, sub, interface: 0x010000 is a disk; 0: no class */
	u64 offered;	    /* device-specific features, 1ULL << VIRTIO_*_F_*; core.c adds others */
	unsigned int queue_count;
	const u16 *queue_max; /* [queue_count], powers of two, at most VIRTQ_MAX_SIZE */
	void *config;	      /* device-specific configuration, little-endian; may be NULL */
	u32 config_bytes;
	const struct virtio_ops *ops;

	/* Set by core.c. */
	u64 features; /* the negotiated features; loop, from start to stop */
	struct virtio_core *core;
};

/*
 * Put the device into the machine, on the transport of --virtio-transport: on PCI in the board's
 * slot for such a device, on MMIO in the next free window. For modules of the INIT_VIRTIO_ levels.
 * 0 or -errno after log_error(). virtio_remove() stops the device first. transport.c.
 */
int virtio_add(struct kvm *kvm, struct virtio_device *dev);
void virtio_remove(struct virtio_device *dev);

/* The queue, for virtq_*(). Never NULL for index < queue_count; see virtq_started(). Loop. */
struct virtq *virtio_queue(struct virtio_device *dev, unsigned int index);

/* A started queue, for vhost or another process. */
struct virtio_ring {
	u16 size;
	u16 next;		    /* the entry of the available ring that is served next */
	gpa_t desc, driver, device; /* the three areas of virtio 1.2, 2.7 */
	int kick;		    /* an eventfd, signalled when the driver rings */
	int call;		    /* an eventfd, to be signalled when there are used buffers */
};

/*
 * Lend a started queue with nothing in flight. Until the queue is taken back the device must not
 * touch it, and notify() is not called. The eventfds belong to lkvm: duplicate them to keep them.
 * `kick` may be signalled already. The features are dev->features. Loop. 0; -EINVAL: not started;
 * -EBUSY: lent already, or a chain is in flight; or another -errno after log_error().
 */
int virtio_queue_lend(struct virtio_device *dev, unsigned int index, struct virtio_ring *ring);

/*
 * The borrower has stopped, with nothing in flight; next: its next entry of the available ring. The
 * device serves the queue again. Loop. 0; -EINVAL: the queue was not lent; another -errno: the
 * device needs a reset. virtio_stopped() and virtio_queue_stopped() end a loan too.
 */
int virtio_queue_take_back(struct virtio_device *dev, unsigned int index, u16 next);

/* The machine that dev is in. */
struct kvm *virtio_kvm(struct virtio_device *dev);

static inline bool virtio_has(const struct virtio_device *dev, unsigned int feature)
{
	return dev->features >> feature & 1;
}

/* For a device whose busy() was true: it is false now. Loop. */
void virtio_rested(struct virtio_device *dev);

/* stop() and stop_queue() are done. Loop. */
void virtio_stopped(struct virtio_device *dev);
void virtio_queue_stopped(struct virtio_device *dev, unsigned int index);

/*
 * True: the device may touch its queues outside of notify(). It was started, is not being stopped,
 * and the machine is not paused. notify() is called after a pause. Loop.
 */
bool virtio_serves(struct virtio_device *dev);

/*
 * True: the machine is paused. Then the device must not change guest memory or the configuration,
 * nor raise an interrupt. resumed() is called when the pause is over. Loop.
 */
bool virtio_is_paused(const struct virtio_device *dev);

/* Change bytes of dev->config, and its generation. Not from config_*(). Any thread. */
void virtio_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len);

/* Tell the driver, by an interrupt, that the configuration changed. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/*
 * The driver broke a rule: one rate-limited log line "NAME: why; the device needs a reset",
 * NEEDS_RESET and a configuration interrupt (virtio 1.2, 2.1.2). Any thread.
 */
void virtio_needs_reset(struct virtio_device *dev, const char *why);

/* --- for transports: on vCPU threads, if no other thread is named --- */

struct virtio_transport {
	const char *driver; /* "virtio_pci" */
	/* There are used buffers in this queue. Loop, no lock held. */
	void (*interrupt)(struct virtio_device *dev, unsigned int queue);
	/*
	 * An eventfd from which KVM raises the interrupt that the driver has chosen for the queue;
	 * -1: none. Loop. May be NULL.
	 */
	int (*interrupt_fd)(struct virtio_device *dev, unsigned int queue);
	/* The configuration changed, or NEEDS_RESET. Any thread; the device's mutex may be held. */
	void (*config_interrupt)(struct virtio_device *dev);
	/* DRIVER_OK was set: the driver uses doorbells now. Device's mutex held. May be NULL. */
	void (*ready)(struct virtio_device *dev);
	/*
	 * The device was reset: reset the registers of the transport and lower the interrupt line.
	 * Any thread, the device's mutex held.
	 */
	void (*reset)(struct virtio_device *dev);
	/* The record for the firmware tables, see struct device. May be NULL. */
	void (*describe)(struct virtio_device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg);
};

/*
 * Give the device its state, its eventfds and a place in the device list. Main thread. 0 or -errno
 * after log_error().
 */
int virtio_attach(struct kvm *kvm, struct virtio_device *dev,
		  const struct virtio_transport *transport, void *transport_data);
void virtio_detach(struct virtio_device *dev);
void *virtio_transport_data(const struct virtio_device *dev);

/* The device's mutex. The functions below take it themselves. */
void virtio_lock(struct virtio_device *dev);
void virtio_unlock(struct virtio_device *dev);

/* 32 bits of the offered features, and of the driver's choice; for select above 1 they are 0. */
u32 virtio_device_features(struct virtio_device *dev, u32 select);
u32 virtio_driver_features(struct virtio_device *dev, u32 select);
void virtio_set_driver_features(struct virtio_device *dev, u32 select, u32 value);

/*
 * The status register. Writing 0 resets the device: the call returns when the loop has stopped the
 * device, or without that after 5 s or at the end of the run. Status reads 0 once the device is
 * stopped.
 */
u8 virtio_status(struct virtio_device *dev);
void virtio_set_status(struct virtio_device *dev, u8 status);

/* Registers of a queue. Without a queue of this index they read as 0, and writes are ignored. */
enum virtio_queue_reg {
	VIRTIO_QUEUE_MAX,    /* the device's maximal size, read-only */
	VIRTIO_QUEUE_SIZE,   /* the driver's choice; at first the maximum */
	VIRTIO_QUEUE_ENABLE, /* 1: enabled; writing 0 waits as a device reset does */
	VIRTIO_QUEUE_RESET,  /* 1 during a reset of the queue */
	VIRTIO_QUEUE_DESC,   /* addresses, 64 bits */
	VIRTIO_QUEUE_DRIVER,
	VIRTIO_QUEUE_DEVICE,
};
u64 virtio_queue_read(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg);
void virtio_queue_write(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg, u64 value);
/* One half of an address: bits 0..31, or with high bits 32..63. */
void virtio_queue_write_half(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg,
			     bool high, u32 value);

/* Device-specific configuration: bytes after its end read as 0, and writes to them are ignored. */
void virtio_config_access_read(struct virtio_device *dev, u64 offset, void *buf, u32 len);
void virtio_config_access_write(struct virtio_device *dev, u64 offset, const void *buf, u32 len);
u32 virtio_config_generation(struct virtio_device *dev);

/* Ring a queue's doorbell, where KVM did not. An index without a queue is ignored. */
void virtio_doorbell(struct virtio_device *dev, u32 index);
/* The queue's eventfd, which KVM signals when the driver rings. */
int virtio_doorbell_fd(const struct virtio_device *dev, unsigned int index);

#endif
