/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every virtio device has: status, features, queues, configuration, reset. core.c.
 *
 * A device fills a struct virtio_device, gives it to virtio_add() and is called through its ops:
 * config_* on a vCPU's thread under the device's mutex, everything else on the loop's thread with
 * no lock held. A transport (pci.c, mmio.c; in tests tests/lib/virtio-driver.c) turns the guest's
 * register accesses into the calls of the second half.
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

	/* vCPU thread, under the device's mutex: FEATURES_OK, these it will be. May be NULL. */
	void (*negotiated)(struct virtio_device *dev, u64 features);

	/* --- from here on: loop thread --- */

	/*
	 * DRIVER_OK: dev->features is final, the queues that the driver enabled are started. May be
	 * NULL. An error (after a log line) makes the device NEEDS_RESET.
	 */
	int (*start)(struct virtio_device *dev);
	/* The driver rang: pop until empty. Also once after start, and after a resume. */
	void (*notify)(struct virtio_device *dev, unsigned int queue);
	/*
	 * The driver resets the device. Take no more; call virtio_stopped() once nothing is in
	 * flight, at best from in here. Chains may be pushed until then, and those which are not
	 * (a buffer kept for later) are forgotten. NULL: nothing is ever in flight. Not called when
	 * start failed.
	 */
	void (*stop)(struct virtio_device *dev);
	/* The same for one queue: virtio_queue_stopped(). NULL: nothing is ever in flight. */
	void (*stop_queue)(struct virtio_device *dev, unsigned int queue);
	/*
	 * The machine is to stand still, so that the device takes nothing any more: is the host at
	 * something still? Complete what is done, without waiting, and show it to the driver. When
	 * it says true, virtio_rested() follows. Chains that are kept for later are nothing. NULL:
	 * never.
	 */
	bool (*busy)(struct virtio_device *dev);
	/* It has been busy for too long: log_error() with what. NULL if busy is. */
	void (*overdue)(struct virtio_device *dev);
	/*
	 * The machine goes on: what was put off while virtio_is_paused() is to be done now. May be
	 * NULL. Also after a reset, and for a device that is not up.
	 */
	void (*resumed)(struct virtio_device *dev);
	/* Yield counters of the device's own. May be NULL. */
	void (*stats)(struct virtio_device *dev,
		      void (*emit)(void *arg, const char *counter, u64 value), void *arg);
};

struct virtio_device {
	/* The device's, before virtio_add(); constant afterwards. */
	const char *name;   /* "virtio-rng0": what a message starts with */
	u16 id;		    /* VIRTIO_ID_* */
	const char *driver; /* the module that a stock kernel has for it: "virtio_rng" */
	u32 pci_class;	    /* base, sub, interface: 0x010000 is a disk; 0: nothing of these */
	u64 offered;	    /* device-specific features, 1ULL << VIRTIO_*_F_*; core adds its own */
	unsigned int queue_count;
	const u16 *queue_max; /* [queue_count], powers of two, at most VIRTQ_MAX_SIZE */
	void *config;	      /* device-specific configuration, little-endian; may be NULL */
	u32 config_bytes;
	const struct virtio_ops *ops;

	/* core.c's. */
	u64 features; /* what was negotiated; loop, from start to stop */
	struct virtio_core *core;
};

/*
 * Put the device into the machine, by the transport that --virtio-transport names: on PCI in the
 * slot that the board has for such a device, on MMIO in the next free window. From INIT_VIRTIO
 * modules. 0 or -errno after log_error(). virtio_remove() drains. transport.c.
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
	int kick;		    /* an eventfd: the driver has rung */
	int call;		    /* an eventfd to be signalled: there are used buffers */
};

/*
 * Hand out a started queue with nothing in flight. Until it is taken back the device must not touch
 * it, and notify() is not called. The eventfds stay lkvm's: duplicate them to keep them. `kick` may
 * be signalled already. Features are dev->features. Loop. 0; -EINVAL: not started; -EBUSY: lent, or
 * something is in flight; or another -errno after log_error().
 */
int virtio_queue_lend(struct virtio_device *dev, unsigned int index, struct virtio_ring *ring);

/*
 * The borrower has let go, with nothing in flight; next is how far it came. The device looks into
 * the queue. Loop. 0; -EINVAL: it was not lent; another -errno: the device needs a reset.
 * virtio_stopped() and virtio_queue_stopped() end a loan too.
 */
int virtio_queue_take_back(struct virtio_device *dev, unsigned int index, u16 next);

/* The machine that dev is in. */
struct kvm *virtio_kvm(struct virtio_device *dev);

static inline bool virtio_has(const struct virtio_device *dev, unsigned int feature)
{
	return dev->features >> feature & 1;
}

/* busy() would be false now, if it was not before. Loop. */
void virtio_rested(struct virtio_device *dev);

/* stop() and stop_queue() are done. Loop. */
void virtio_stopped(struct virtio_device *dev);
void virtio_queue_stopped(struct virtio_device *dev, unsigned int index);

/*
 * May the device touch its queues of its own accord? It was started, is not being stopped, and the
 * machine is not paused; notify() is called when that is over. Loop.
 */
bool virtio_serves(struct virtio_device *dev);

/*
 * The machine stands still: nothing that the driver can see may change, neither its memory nor the
 * configuration, and no interrupt be raised. resumed() is called when that is over. Loop.
 */
bool virtio_is_paused(const struct virtio_device *dev);

/* Change bytes of dev->config, of a new generation then. Not from config_*(). Any thread. */
void virtio_config_write(struct virtio_device *dev, u32 offset, const void *buf, u32 len);

/* Tell the driver, by an interrupt, that the configuration changed. Any thread. */
void virtio_config_changed(struct virtio_device *dev);

/*
 * The driver did what it must not: one rate-limited line "NAME: why; the device needs a reset",
 * NEEDS_RESET and a configuration interrupt (virtio 1.2, 2.1.2). Any thread.
 */
void virtio_needs_reset(struct virtio_device *dev, const char *why);

/* --- for transports: from vCPU threads unless something else is said --- */

struct virtio_transport {
	const char *driver; /* "virtio_pci" */
	/* There are used buffers in this queue. Loop, no lock held. */
	void (*interrupt)(struct virtio_device *dev, unsigned int queue);
	/*
	 * An eventfd that KVM turns into the queue's interrupt as the driver wants it now; -1:
	 * there is none. Loop. May be NULL.
	 */
	int (*interrupt_fd)(struct virtio_device *dev, unsigned int queue);
	/* The configuration changed, or NEEDS_RESET. Any thread; the device's mutex may be held. */
	void (*config_interrupt)(struct virtio_device *dev);
	/* DRIVER_OK was set: doorbells will be rung. Device's mutex held. May be NULL. */
	void (*ready)(struct virtio_device *dev);
	/*
	 * The device was reset: registers of the transport's own too, its interrupt line low. Any
	 * thread, the device's mutex held.
	 */
	void (*reset)(struct virtio_device *dev);
	/* Firmware's description, as struct device has it. May be NULL. */
	void (*describe)(struct virtio_device *dev,
			 void (*emit)(void *arg, const struct device_record *record), void *arg);
};

/*
 * The device gets its state, eventfds and a place in the device list. Main thread. 0 or -errno
 * after log_error().
 */
int virtio_attach(struct kvm *kvm, struct virtio_device *dev,
		  const struct virtio_transport *transport, void *transport_data);
void virtio_detach(struct virtio_device *dev);
void *virtio_transport_data(const struct virtio_device *dev);

/* The device's mutex. The functions below take it themselves. */
void virtio_lock(struct virtio_device *dev);
void virtio_unlock(struct virtio_device *dev);

/* 32 bits of the offered features, and of those the driver accepts; select above 1 reads 0. */
u32 virtio_device_features(struct virtio_device *dev, u32 select);
u32 virtio_driver_features(struct virtio_device *dev, u32 select);
void virtio_set_driver_features(struct virtio_device *dev, u32 select, u32 value);

/*
 * The status register. Writing 0 resets: the call returns when the loop has let go of the device;
 * after 5 s, or when the run ends, it returns earlier, and the status is not 0 until then.
 */
u8 virtio_status(struct virtio_device *dev);
void virtio_set_status(struct virtio_device *dev, u8 status);

/* Registers of a queue. An index that is not there reads as 0 and swallows writes. */
enum virtio_queue_reg {
	VIRTIO_QUEUE_MAX,    /* as the device has it, read-only */
	VIRTIO_QUEUE_SIZE,   /* as the driver chose; at first the maximum */
	VIRTIO_QUEUE_ENABLE, /* 1; writing 0 waits as a device reset does */
	VIRTIO_QUEUE_RESET,  /* 1 while it lasts */
	VIRTIO_QUEUE_DESC,   /* addresses, 64 bits */
	VIRTIO_QUEUE_DRIVER,
	VIRTIO_QUEUE_DEVICE,
};
u64 virtio_queue_read(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg);
void virtio_queue_write(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg, u64 value);
/* One half of an address: bits 0..31, or with high bits 32..63. */
void virtio_queue_write_half(struct virtio_device *dev, u32 index, enum virtio_queue_reg reg,
			     bool high, u32 value);

/* Device-specific configuration: bytes behind its end read as 0 and swallow writes. */
void virtio_config_access_read(struct virtio_device *dev, u64 offset, void *buf, u32 len);
void virtio_config_access_write(struct virtio_device *dev, u64 offset, const void *buf, u32 len);
u32 virtio_config_generation(struct virtio_device *dev);

/* The driver rang, and KVM did not catch it. An index that is not there is ignored. */
void virtio_doorbell(struct virtio_device *dev, u32 index);
/* For KVM to catch it: the queue's eventfd. */
int virtio_doorbell_fd(const struct virtio_device *dev, unsigned int index);

#endif
