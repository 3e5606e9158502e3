/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PVH boot protocol: makes the information for the kernel. pvh.c.
 */
#ifndef X86_PVH_H
#define X86_PVH_H

#include <kvm/gmem.h>
#include <kvm/types.h>

/*
 * Write the start information, its module (all initrds together, if initrd_bytes is not 0) and the
 * memory map to LAYOUT_BOOT_INFO. 0 or -errno.
 */
int pvh_write(const struct gmem *mem, gpa_t initrd, u64 initrd_bytes);

#endif
