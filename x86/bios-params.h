/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parameters that bios.c writes and bios-code.S reads, at the start of the code.
 *
 * Offsets are from LAYOUT_BIOS; all numbers are little-endian. Only preprocessor lines, because
 * assembler code includes this file, too.
 */
#ifndef X86_BIOS_PARAMS_H
#define X86_BIOS_PARAMS_H

#define BIOS_EQUIPMENT	 0  /* word: the result of int 11h */
#define BIOS_BASE_KIB	 2  /* word: RAM below the EBDA; int 12h */
#define BIOS_EXT_KIB	 4  /* word: RAM above 1 MiB; int 15h AH=88h */
#define BIOS_LOW_KIB	 6  /* word: RAM from 1 to 16 MiB; int 15h AX=E801h */
#define BIOS_HIGH_64KIB	 8  /* word: RAM from 16 MiB up to the hole, in 64 KiB; the same */
#define BIOS_STOP_STATUS 10 /* byte: for the exit port, if there is nothing more to run */
#define BIOS_E820_COUNT	 12 /* dword */
#define BIOS_E820_TABLE	 16
#define BIOS_E820_MAX	 32
#define BIOS_E820_BYTES	 20 /* of an entry */
#define BIOS_PARAM_BYTES (BIOS_E820_TABLE + BIOS_E820_MAX * BIOS_E820_BYTES)

#endif
