/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generation ID in guest RAM, at LAYOUT_VMGENID. vmgenid.c.
 */
#ifndef X86_VMGENID_H
#define X86_VMGENID_H

#define VMGENID_BYTES 16

#endif
