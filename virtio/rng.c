// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-rng: the host's random numbers for the guest.
 *
 * One queue with buffers for the device to fill. The loop fills each by getrandom(2), directly in
 * guest memory, and gives it back. The kernel's generator never blocks after it is seeded, so
 * nothing is in flight between two callbacks.
 *
 * A request can be as long as a chain, which is 4 GiB, and a driver can make such a request with
 * little memory by overlapping buffers. So a request gets at most RNG_REQUEST_BYTES (a device may
 * give less than the buffer holds), and one call of notify serves at most RNG_TURN requests; then
 * the device rings its own doorbell, so that the other devices have their turn.
 *
 * A chain without a byte to write is given back at once.
 *
 * Spec: virtio 1.2, section 5.4
 */
#include "virtio/core.h"

#include <kvm/init.h>
#include <kvm/log.h>
#include <kvm/options.h>

#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>

#define RNG_QUEUE_SIZE	  64
#define RNG_REQUEST_BYTES 4096
#define RNG_TURN	  16

static bool rng_wanted;

static const struct option rng_options[] = {
	{.name = "rng",
	 .type = OPTION_FLAG,
	 .value = &rng_wanted,
	 .help = "give the guest the host's random numbers, by virtio-rng"},
};
OPTION_GROUP(virtio_rng, run, "Devices", 33, rng_options);

/* Returns the number of bytes written, from the first on; fewer than len after an error. */
static u32 rng_fill(u8 *buf, u32 len)
{
	u32 done = 0;

	while (done < len) {
		ssize_t got = getrandom(buf + done, len - done, 0);

		if (got < 0 && errno != EINTR)
			break;
		done += got > 0 ? (u32)got : 0;
	}
	return done;
}

static u32 rng_serve(const struct virtq_chain *chain)
{
	u32 written = 0;

	for (unsigned int i = 0; i < chain->in_count && written < RNG_REQUEST_BYTES; i++) {
		u32 len = (u32)MIN(chain->in[i].iov_len, RNG_REQUEST_BYTES - written);
		u32 done = rng_fill(chain->in[i].iov_base, len);

		written += done;
		if (done < len)
			break;
	}
	return written;
}

static void rng_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtq *vq = virtio_queue(dev, queue);
	struct virtq_chain *chain;
	unsigned int served = 0;

	while (served < RNG_TURN && virtq_pop(vq, &chain) == 1) {
		virtq_push(vq, chain, rng_serve(chain));
		served++;
	}
	virtq_flush(vq);
	if (served == RNG_TURN)
		virtio_doorbell(dev, queue);
}

static const struct virtio_ops rng_ops = {.notify = rng_notify};
static const u16 rng_queue_max[] = {RNG_QUEUE_SIZE};

static struct virtio_device rng = {
	.name = "virtio-rng0",
	.id = VIRTIO_ID_RNG,
	.driver = "virtio_rng",
	.queue_count = ARRAY_SIZE(rng_queue_max),
	.queue_max = rng_queue_max,
	.ops = &rng_ops,
};

static int rng_init(struct kvm *kvm)
{
	return rng_wanted ? virtio_add(kvm, &rng) : 0;
}

static void rng_exit(struct kvm *kvm)
{
	if (rng_wanted)
		virtio_remove(&rng);
}

INIT_MODULE(virtio_rng, .level = INIT_VIRTIO_RNG, .init = rng_init, .exit = rng_exit);
