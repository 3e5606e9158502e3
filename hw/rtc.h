/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam through which hw/rtc.c learns the time, so that its tests can choose it.
 */
#ifndef HW_RTC_H
#define HW_RTC_H

#include <kvm/types.h>

/*
 * Nanoseconds since 1970 in UTC; the host's CLOCK_REALTIME unless a test says otherwise, before
 * init_run(). Called on vCPU threads and the loop's, with the chip's lock held: it must not block.
 */
extern u64 (*rtc_realtime_ns)(void);

#endif
