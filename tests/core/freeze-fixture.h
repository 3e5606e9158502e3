/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine of the tests of core/freeze.c and its clients: two vCPUs that park when the test says
 * so, one device, the real loop and the real list of devices.
 */
#ifndef TESTS_CORE_FREEZE_FIXTURE_H
#define TESTS_CORE_FREEZE_FIXTURE_H

#include "tests/lib/test.h"

#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/park.h>

static struct kvm_cpu cpus[2];
static struct kvm kvm = {.cpus = cpus, .cpu_count = ARRAY_SIZE(cpus)};
static bool parked;
static int device_err; /* what the device's pause returns */
static unsigned int requests, unparks, unparked, resumes;
static const char *unparked_for;
static void (*parked_hook)(void *arg);
static void *parked_arg;
static struct loop_bell stop_bell;
static unsigned int rounds;

void park_ask_all(struct kvm *vm, unsigned int request)
{
	assert_int_equal(request, PARK_REQUEST);
	requests++;
}

bool park_is_complete(const struct kvm *vm)
{
	return parked;
}

void park_report_missing(const struct kvm *vm, const char *who)
{
	unparked++;
	unparked_for = who;
}

void park_release_all(struct kvm *vm)
{
	parked = false;
	unparks++;
}

void park_set_hook(void (*fn)(void *arg), void *arg)
{
	parked_hook = fn;
	parked_arg = arg;
}

static inline int pause_device(struct device *dev)
{
	return device_err;
}

static inline void resume_device(struct device *dev)
{
	resumes++;
}

static inline void stop_rung(void *arg)
{
	if (rounds--)
		loop_ring(kvm.loop, &stop_bell);
	else
		loop_stop(kvm.loop);
}

/* A new machine, with this device. Returns what a test's set-up returns. */
static inline int machine_up(struct device *disk)
{
	parked = false;
	device_err = 0;
	requests = unparks = unparked = resumes = 0;
	kvm.loop = loop_new();
	stop_bell = (struct loop_bell){.fn = stop_rung};
	loop_add_bell(kvm.loop, &stop_bell);
	device_register(disk);
	return init_run(&kvm);
}

static inline void machine_down(struct device *disk)
{
	init_exit(&kvm);
	device_unregister(disk);
	loop_free(kvm.loop);
}

/* Bells that were rung in a round may ring others, so there are some. */
static inline void run_bells(void)
{
	loop_continue(kvm.loop);
	rounds = 3;
	loop_ring(kvm.loop, &stop_bell);
	assert_int_equal(loop_run(kvm.loop), 0);
}

/* All vCPUs have parked. */
static inline void park(void)
{
	parked = true;
	parked_hook(parked_arg);
	run_bells();
}

#endif
