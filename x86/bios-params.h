/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Between bios.c and bios-code.S: what the code reads at its start, and where.
 *
 * Offsets are from LAYOUT_BIOS; all numbers are little-endian. Preprocessor only, for
 * the assembler reads it too.
 */
#ifndef X86_BIOS_PARAMS_H
#define X86_BIOS_PARAMS_H

#define BIOS_EQUIPMENT	 0  /* word: what int 11h tells */
#define BIOS_BASE_KIB	 2  /* word: RAM below the EBDA; int 12h */
#define BIOS_EXT_KIB	 4  /* word: above 1 MiB, as int 15h AH=88h tells */
#define BIOS_LOW_KIB	 6  /* word: from 1 to 16 MiB; int 15h AX=E801h */
#define BIOS_HIGH_64KIB	 8  /* word: from 16 MiB up to the hole, in 64 KiB; the same */
#define BIOS_STOP_STATUS 10 /* byte: for the exit port, when nothing is left to run */
#define BIOS_E820_COUNT	 12 /* dword */
#define BIOS_E820_TABLE	 16
#define BIOS_E820_MAX	 32
#define BIOS_E820_BYTES	 20 /* of an entry */
#define BIOS_PARAM_BYTES (BIOS_E820_TABLE + BIOS_E820_MAX * BIOS_E820_BYTES)

#endif
