// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI's fixed hardware: the PM1a event and control registers. The power button and the clock's
 * alarm are events for the guest; with the control register the guest powers off.
 *
 * The FADT names these ports, so there is no record of them in the DSDT. The machine starts in ACPI
 * mode: SCI_EN is always set and there is no SMI command. Registers are handled one byte at a time
 * (the bus splits wider accesses, lowest byte first). That is enough: SLP_TYP and SLP_EN share a
 * byte, and each status bit is cleared on its own.
 *
 * The button is pressed on the loop's thread; registers are used on vCPU threads, and the clock's
 * alarm comes from either. One mutex covers all of this. The mutex is held while calling
 * irq_set_level(), so that KVM gets the levels in the order of the states that caused them.
 * kvm_end() is called without the mutex.
 *
 * Invariant: the SCI, a level-triggered line, is high exactly while status & enable is not 0.
 *
 * RTC_STS is for a guest that sleeps by idling (Linux: s2idle). Only wake-up interrupts reach such
 * a guest, and it accepts the SCI as one only if a status bit tells the reason.
 *
 * Left out: sleep states other than S5; the release of the global lock (GBL_RLS: no firmware waits
 * for it, so GBL_STS is never set); PM timer, GPE blocks, sleep button: the FADT says that they are
 * absent.
 *
 * Spec: ACPI 6.4, sections 4.8.2.2 (buttons), 4.8.2.4 (alarm), 4.8.3.1 (PM1 event), 4.8.3.2 (PM1
 * control).
 */
#include "hw/acpi-pm.h"

#include <errno.h>
#include <kvm/bus.h>
#include <kvm/chips.h>
#include <kvm/device.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <pthread.h>
#include <string.h>

#define CONTROL_OFFSET 4 /* from the event registers */

/* The same bits in the status and in the enable register. */
#define PM1_GLOBAL	  0x0020
#define PM1_POWER_BUTTON  0x0100
#define PM1_RTC		  0x0400
#define PM1_ENABLE_BITS	  (PM1_GLOBAL | PM1_POWER_BUTTON | PM1_RTC)

#define PM1_SCI_EN	  0x0001
#define PM1_BM_RLD	  0x0002
#define PM1_SLP_TYP	  0x1c00
#define PM1_SLP_TYP_SHIFT 10
#define PM1_SLP_EN	  0x2000
#define PM1_CONTROL_BITS  (PM1_BM_RLD | PM1_SLP_TYP) /* the stored bits; SLP_EN reads as 0 */

#define STATE_VERSION	  1

struct acpi_pm_state {
	u16 status, enable, control;
};

static const struct acpi_pm_state power_on;

static struct {
	struct kvm *kvm;
	u32 line;
	pthread_mutex_t lock; /* over what follows */
	struct acpi_pm_state state;
	bool sci; /* the level that KVM was told last */
} pm = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void acpi_pm_update_sci(void)
{
	bool sci = pm.state.status & pm.state.enable;

	if (sci != pm.sci)
		irq_set_level(pm.kvm, pm.line, sci);
	pm.sci = sci;
}

/* Shift a byte to its place in a 16-bit register, whose own offset is even. */
static u16 acpi_pm_place(u64 offset, u64 value)
{
	return (u16)((value & 0xff) << (offset & 1) * 8);
}

static u16 acpi_pm_byte_mask(u64 offset)
{
	return acpi_pm_place(offset, 0xff);
}

static u64 acpi_pm_read_event(void *dev, u64 offset, unsigned int size)
{
	u16 value;

	pthread_mutex_lock(&pm.lock);
	value = offset < 2 ? pm.state.status : pm.state.enable;
	pthread_mutex_unlock(&pm.lock);
	return value >> (offset & 1) * 8 & 0xff;
}

static void acpi_pm_write_event(void *dev, u64 offset, unsigned int size, u64 value)
{
	u16 bits = acpi_pm_place(offset, value);

	pthread_mutex_lock(&pm.lock);
	if (offset < 2)
		pm.state.status &= ~bits; /* a 1 clears */
	else
		pm.state.enable =
			(pm.state.enable & ~acpi_pm_byte_mask(offset)) | (bits & PM1_ENABLE_BITS);
	acpi_pm_update_sci();
	pthread_mutex_unlock(&pm.lock);
}

static u64 acpi_pm_read_control(void *dev, u64 offset, unsigned int size)
{
	u16 value;

	pthread_mutex_lock(&pm.lock);
	value = pm.state.control | PM1_SCI_EN;
	pthread_mutex_unlock(&pm.lock);
	return value >> (offset & 1) * 8 & 0xff;
}

static void acpi_pm_enter_sleep(unsigned int type)
{
	static struct log_limit limit;

	if (type == ACPI_PM_TYPE_S5)
		kvm_end(pm.kvm, END_POWEROFF, 0);
	else
		log_warn_limited(&limit,
				 "acpi-pm: the guest asked for sleep type %u, which no ACPI table "
				 "offers; ignored, only S5 (type %u) is known",
				 type, ACPI_PM_TYPE_S5);
}

static void acpi_pm_write_control(void *dev, u64 offset, unsigned int size, u64 value)
{
	u16 bits = acpi_pm_place(offset, value);

	pthread_mutex_lock(&pm.lock);
	pm.state.control =
		(pm.state.control & ~acpi_pm_byte_mask(offset)) | (bits & PM1_CONTROL_BITS);
	pthread_mutex_unlock(&pm.lock);

	if (bits & PM1_SLP_EN)
		acpi_pm_enter_sleep((bits & PM1_SLP_TYP) >> PM1_SLP_TYP_SHIFT);
}

static void acpi_pm_set_status(u16 bit)
{
	pthread_mutex_lock(&pm.lock);
	pm.state.status |= bit;
	acpi_pm_update_sci();
	pthread_mutex_unlock(&pm.lock);
}

static void acpi_pm_press_power_button(void *dev)
{
	acpi_pm_set_status(PM1_POWER_BUTTON);
}

void acpi_pm_rtc_alarm(void)
{
	acpi_pm_set_status(PM1_RTC);
}

static void acpi_pm_save(struct device *device, void *state)
{
	pthread_mutex_lock(&pm.lock);
	memcpy(state, &pm.state, sizeof(pm.state));
	pthread_mutex_unlock(&pm.lock);
}

static int acpi_pm_load(struct device *device, const void *state)
{
	struct acpi_pm_state loaded;

	memcpy(&loaded, state, sizeof(loaded));
	if (loaded.status & ~(PM1_POWER_BUTTON | PM1_RTC) || loaded.enable & ~PM1_ENABLE_BITS ||
	    loaded.control & ~PM1_CONTROL_BITS)
		return -EINVAL;
	pthread_mutex_lock(&pm.lock);
	pm.state = loaded;
	acpi_pm_update_sci();
	pthread_mutex_unlock(&pm.lock);
	return 0;
}

static struct bus_region event_region = {
	.name = "acpi-pm1-event",
	.len = 4,
	.width = 1,
	.read = acpi_pm_read_event,
	.write = acpi_pm_write_event,
};

static struct bus_region control_region = {
	.name = "acpi-pm1-control",
	.len = 2,
	.width = 1,
	.read = acpi_pm_read_control,
	.write = acpi_pm_write_control,
};

static const struct device_state state = {
	.power_on = &power_on,
	.version = STATE_VERSION,
	.bytes = sizeof(struct acpi_pm_state),
	.save = acpi_pm_save,
	.load = acpi_pm_load,
};

static struct device device = {.name = "acpi-pm", .state = &state};

int acpi_pm_create(struct kvm *kvm, const struct chip_place *place)
{
	int err;

	pm.kvm = kvm;
	pm.line = place->line;
	event_region.base = place->base;
	control_region.base = place->base + CONTROL_OFFSET;
	device_reset(&device);
	err = bus_add(place->bus, &event_region);
	if (err)
		return err;
	err = bus_add(place->bus, &control_region);
	if (err)
		goto err_event;
	device_register(&device);
	kvm_set_power_button(acpi_pm_press_power_button, NULL);
	return 0;

err_event:
	bus_remove(place->bus, &event_region);
	return err;
}

void acpi_pm_destroy(struct kvm *kvm, const struct chip_place *place)
{
	kvm_set_power_button(NULL, NULL);
	device_unregister(&device);
	bus_remove(place->bus, &control_region);
	bus_remove(place->bus, &event_region);
}
