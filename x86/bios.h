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
 * Where the first vCPU starts: CS:IP. The entry finishes what POST does on a PC (PICs
 * at vectors 08h and 70h, all lines masked) and jumps to the boot code, whose registers
 * the caller has set: all but EBP, which holds the target's CS << 16 | IP and is 0 in
 * the target. SS:SP must be a stack with 32 bytes to spare. RFLAGS.IF set: the timer
 * runs at 18.2 Hz, int 08h counts it and the target is entered with interrupts on, as
 * a boot sector expects. IF clear: the timer stays off, no interrupt will come. For
 * Linux's set-up code IF is clear; it enables interrupts itself and finds none.
 */
#define BIOS_ENTRY_CS BIOS_SEGMENT
#define BIOS_ENTRY_IP (LAYOUT_BIOS - (BIOS_SEGMENT << 4) + BIOS_PARAM_BYTES)

/*
 * Write interrupt vectors, BIOS data area, the code with its parameters (RAM sizes and
 * e820_fill()'s map) and the reset vector into guest RAM. Touches nothing else.
 * Returns 0, or -errno after a log_error() line: -EFAULT less than 1 MiB of RAM,
 * -E2BIG more than BIOS_E820_MAX entries in the map.
 */
int bios_write(const struct gmem *mem);

#endif
