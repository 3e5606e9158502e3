/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events that other chips report to ACPI's fixed hardware. acpi-pm.c.
 */
#ifndef HW_ACPI_PM_H
#define HW_ACPI_PM_H

/* Set RTC_STS: the clock's alarm has interrupted. Any thread; the clock's lock may be held. */
void acpi_pm_rtc_alarm(void);

#endif
