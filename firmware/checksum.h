/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The checksum that ACPI, MP table and SMBIOS share: all bytes of a table add up to 0.
 */
#ifndef X86_CHECKSUM_H
#define X86_CHECKSUM_H

#include <kvm/types.h>

/* The value of the checksum byte, which must be 0 during the call. */
static inline u8 checksum(const void *bytes, size_t len)
{
	const u8 *p = bytes;
	u8 sum = 0;

	while (len--)
		sum += *p++;
	return (u8)-sum;
}

#endif
