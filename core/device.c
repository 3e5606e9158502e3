// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of devices that reset, pause, statistics and firmware tables walk.
 *
 * The order is that of the stages, which power-on needs: chips and virtio devices,
 * then the firmware tables, then the boot image. Tables and image are devices too:
 * "reset" for them means to write themselves into guest RAM again. So a reset in place
 * is one walk. Within a stage it is the order of registration.
 *
 * Main thread only. Devices are static or owned by their module, which
 * unregisters them before their memory goes.
 */
#include <kvm/device.h>

#include <errno.h>

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

int device_reset_all(void)
{
	for (struct device *dev = device_list; dev; dev = dev->next) {
		int err = dev->reset ? dev->reset(dev) : 0;

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
