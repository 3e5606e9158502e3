/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How hw/rtc.c reads the host's time: by a pointer, so that its tests can choose the time.
 */
#ifndef HW_RTC_H
#define HW_RTC_H

#include <kvm/types.h>

/*
 * Nanoseconds since 1970 in UTC: the host's CLOCK_REALTIME, unless a test sets the pointer before
 * init_run(). Called on vCPU threads and the loop's, with the chip's lock held: it must not block.
 */
extern u64 (*rtc_realtime_ns)(void);

#endif
