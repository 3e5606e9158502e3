// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of devices that reset, pause, statistics and firmware tables walk.
 *
 * The list is in the order of the stages, which power-on needs: chips and virtio devices, then the
 * firmware tables, then the boot image. Within a stage it is in the order of registration. Tables
 * and image are devices too: their reset() writes them into guest RAM again. So a reset in place is
 * one walk over the list.
 *
 * A saved state begins with a header that names its device. The whole header is checked here, so a
 * device's load() gets only a struct of its own version and length.
 *
 * Main thread only. Devices are static or owned by their module, which unregisters them before it
 * frees their memory.
 */
#include <kvm/device.h>
#include <kvm/log.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct device *device_list;

static struct {
	void (*fn)(void *arg);
	void *arg;
} rest_hook;

void device_register(struct device *dev)
{
	struct device **at = &device_list;

	while (*at && (*at)->stage <= dev->stage)
		at = &(*at)->next;
	dev->next = *at;
	*at = dev;
}

void device_unregister(struct device *dev)
{
	for (struct device **at = &device_list; *at; at = &(*at)->next) {
		if (*at == dev) {
			*at = dev->next;
			return;
		}
	}
}

int device_reset(struct device *dev)
{
	if (dev->reset)
		return dev->reset(dev);
	return dev->state && dev->state->power_on ? dev->state->load(dev, dev->state->power_on) : 0;
}

size_t device_state_bytes(const struct device *dev)
{
	return dev->state ? sizeof(struct device_state_header) + dev->state->bytes : 0;
}

void device_save(struct device *dev, void *buf)
{
	struct device_state_header header = {.version = dev->state->version,
					     .bytes = dev->state->bytes};

	snprintf(header.name, sizeof(header.name), "%s", dev->name);
	memcpy(buf, &header, sizeof(header));
	dev->state->save(dev, (u8 *)buf + sizeof(header));
}

int device_load(struct device *dev, const void *buf, size_t bytes)
{
	struct device_state_header header;
	int err;

	if (!dev->state || bytes != device_state_bytes(dev))
		return log_fail(-EINVAL, "%s: its saved state has %zu bytes, not %zu", dev->name,
				bytes, device_state_bytes(dev));
	memcpy(&header, buf, sizeof(header));
	header.name[sizeof(header.name) - 1] = '\0';
	if (strcmp(header.name, dev->name) != 0 || header.bytes != dev->state->bytes)
		return log_fail(-EINVAL, "%s: is given the saved state of another device",
				dev->name);
	if (header.version != dev->state->version)
		return log_fail(-EINVAL, "%s: its saved state has version %u; this lkvm has %u",
				dev->name, header.version, dev->state->version);
	err = dev->state->load(dev, (const u8 *)buf + sizeof(header));
	return err ? log_fail(err, "%s: its saved state is damaged", dev->name) : 0;
}

int device_reset_all(void)
{
	for (struct device *dev = device_list; dev; dev = dev->next) {
		int err = device_reset(dev);

		if (err)
			return err;
	}
	return 0;
}

static void device_resume_until(const struct device *end)
{
	for (struct device *dev = device_list; dev != end; dev = dev->next) {
		if (dev->resume)
			dev->resume(dev);
	}
}

static int device_pause(struct device *dev)
{
	return dev->pause ? dev->pause(dev) : 0;
}

int device_pause_all(void)
{
	int ret = 0;

	for (struct device *dev = device_list; dev; dev = dev->next) {
		int err = device_pause(dev);

		if (err == -EINPROGRESS) {
			ret = err;
		} else if (err) {
			device_resume_until(dev);
			return err;
		}
	}
	return ret;
}

void device_report_busy(void)
{
	for (struct device *dev = device_list; dev; dev = dev->next) {
		if (dev->overdue && device_pause(dev) == -EINPROGRESS)
			dev->overdue(dev);
	}
}

void device_set_rest_hook(void (*fn)(void *arg), void *arg)
{
	rest_hook.fn = fn;
	rest_hook.arg = arg;
}

void device_rested(void)
{
	if (rest_hook.fn)
		rest_hook.fn(rest_hook.arg);
}

void device_resume_all(void)
{
	device_resume_until(NULL);
}

void device_for_each(void (*fn)(struct device *dev, void *arg), void *arg)
{
	for (struct device *dev = device_list; dev; dev = dev->next)
		fn(dev, arg);
}
