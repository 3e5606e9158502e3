/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state of a device by its name, for the tests of save and load.
 *
 *     save_state("rtc"); ... the test changes the chip ...
 *     assert_int_equal(load_state("rtc"), 0); ... its registers are as they were ...
 */
#ifndef TESTS_LIB_DEVICE_STATE_H
#define TESTS_LIB_DEVICE_STATE_H

#include "tests/lib/test.h"

#include <errno.h>
#include <kvm/device.h>
#include <kvm/log.h>
#include <string.h>

/* The bytes of the last save_state(), header and all: a test may damage them. */
static u8 saved_state[128 * KIB] __attribute__((aligned(8)));
static size_t saved_bytes;

struct state_search {
	const char *name;
	struct device *found;
};

static inline void match_device(struct device *dev, void *arg)
{
	struct state_search *search = arg;

	if (!strcmp(dev->name, search->name))
		search->found = dev;
}

static inline struct device *find_device(const char *name)
{
	struct state_search search = {.name = name};

	device_for_each(match_device, &search);
	assert_non_null(search.found);
	return search.found;
}

static inline void save_state(const char *name)
{
	struct device *dev = find_device(name);

	saved_bytes = device_state_bytes(dev);
	assert_in_range(saved_bytes, 1, sizeof(saved_state));
	device_save(dev, saved_state);
}

static inline int load_state(const char *name)
{
	return device_load(find_device(name), saved_state, saved_bytes);
}

static inline void drop_line(enum log_level level, const char *line, void *arg)
{
}

/* The state with one byte (of the struct, not of the header) changed must be refused. */
static inline void assert_refused(const char *name, size_t at, u8 value)
{
	u8 *byte = saved_state + sizeof(struct device_state_header) + at;
	u8 before = *byte;

	log_set_sink(drop_line, NULL);
	*byte = value;
	assert_int_equal(load_state(name), -EINVAL);
	*byte = before;
	log_set_sink(NULL, NULL);
}

#endif
