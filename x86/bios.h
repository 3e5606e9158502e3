/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The BIOS that real-mode boot code calls. bios.c, bios-code.S.
 *
 * Main thread, no vCPU runs; at power-on and at each reset, after RAM was cleared and
 * before the first instruction.
 */
#ifndef X86_BIOS_H
#define X86_BIOS_H

#include "bios-params.h"
#include "layout.h"

#include <kvm/gmem.h>

/*
 * CS:IP at which the first vCPU starts. The code there does the rest of a PC's POST (PICs at
 * vectors 08h and 70h, all lines masked) and jumps to the boot code. The caller sets all registers
 * for the boot code, except EBP: it must hold the boot code's CS << 16 | IP, and is 0 when the boot
 * code starts. SS:SP must be a stack with 32 free bytes. If RFLAGS.IF is set, the timer runs at
 * 18.2 Hz, int 08h counts its ticks and the boot code starts with interrupts enabled, as a boot
 * sector expects. If IF is clear, the timer stays off and no interrupt comes. For Linux's set-up
 * code IF is clear; it enables interrupts itself, but none comes.
 */
#define BIOS_ENTRY_CS BIOS_SEGMENT
#define BIOS_ENTRY_IP (LAYOUT_BIOS - (BIOS_SEGMENT << 4) + BIOS_PARAM_BYTES)

/*
 * Write interrupt vectors, BIOS data area, the code with its parameters (RAM sizes and
 * e820_fill()'s map) and the reset vector into guest RAM. Nothing else is changed. Returns 0, or
 * after a log_error() line: -EFAULT (less than 1 MiB of RAM) or -E2BIG (more than BIOS_E820_MAX
 * entries in the map).
 */
int bios_write(const struct gmem *mem);

#endif
