/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each service of x86/bios-code.S answers, for test-bios.c: the registers before and after.
 */
#ifndef TESTS_KVM_BIOS_SERVICES_H
#define TESTS_KVM_BIOS_SERVICES_H

#include <kvm/types.h>

enum carry { CLEAR, SET, KEPT };

#define EBX	       0xb0b1b2b3
#define ECX	       0xc0c1c2c3
#define EDX	       0xd0d1d2d3
#define HIGH(reg, low) (((reg)&0xffff0000) | (low))

static const struct service {
	const char *name;
	u8 vector;
	u32 eax; /* in */
	enum carry carry;
	u32 eax_out, ebx_out, ecx_out, edx_out;
} services[] = {
	{"mode", 0x10, 0xa0a10f00, KEPT, 0xa0a15003, HIGH(EBX, 0x00b3), ECX, EDX},
	{"set mode", 0x10, 0xa0a10003, KEPT, 0xa0a10003, EBX, ECX, EDX},
	{"cursor", 0x10, 0xa0a10300, KEPT, 0xa0a10300, EBX, HIGH(ECX, 0x0607), HIGH(EDX, 0)},
	{"set cursor", 0x10, 0xa0a10200, KEPT, 0xa0a10200, EBX, ECX, EDX},
	{"read character", 0x10, 0xa0a10800, KEPT, 0xa0a10720, EBX, ECX, EDX},
	{"scroll", 0x10, 0xa0a10601, KEPT, 0xa0a10601, EBX, ECX, EDX},
	{"no EGA", 0x10, 0xa0a11200, KEPT, 0xa0a11200, EBX, ECX, EDX},
	{"no VGA", 0x10, 0xa0a11a00, KEPT, 0xa0a11a00, EBX, ECX, EDX},
	{"no VBE", 0x10, 0xa0a14f00, KEPT, 0xa0a10100, EBX, ECX, EDX},
	{"equipment", 0x11, 0xa0a1a2a3, KEPT, 0xa0a10802, EBX, ECX, EDX},
	{"base memory", 0x12, 0xa0a1a2a3, KEPT, 0xa0a1027f, EBX, ECX, EDX},
	{"disk: reset", 0x13, 0xa0a10055, SET, 0xa0a10155, EBX, ECX, EDX},
	{"disk: read", 0x13, 0xa0a10201, SET, 0xa0a10101, EBX, ECX, EDX},
	{"disk: geometry", 0x13, 0xa0a10800, SET, 0xa0a10100, EBX, ECX, EDX},
	{"disk: EDD", 0x13, 0xa0a14100, SET, 0xa0a10100, EBX, ECX, EDX},
	{"disk: EDD parameters", 0x13, 0xa0a14800, SET, 0xa0a10100, EBX, ECX, EDX},
	{"serial", 0x14, 0xa0a10355, KEPT, 0xa0a18055, EBX, ECX, EDX},
	{"E801", 0x15, 0xa0a1e801, CLEAR, 0xa0a13c00, HIGH(EBX, 0x0300), HIGH(ECX, 0x3c00),
	 HIGH(EDX, 0x0300)},
	{"88h", 0x15, 0xa0a188a3, CLEAR, 0xa0a1fc00, EBX, ECX, EDX},
	{"A20 off", 0x15, 0xa0a12400, SET, 0xa0a18600, EBX, ECX, EDX},
	{"A20 on", 0x15, 0xa0a12401, CLEAR, 0xa0a10001, EBX, ECX, EDX},
	{"A20?", 0x15, 0xa0a12402, CLEAR, 0xa0a10001, EBX, ECX, EDX},
	{"A20 how", 0x15, 0xa0a12403, CLEAR, 0xa0a10003, HIGH(EBX, 1), ECX, EDX},
	{"target mode", 0x15, 0xa0a1ec00, CLEAR, 0xa0a10000, EBX, ECX, EDX},
	{"SpeedStep", 0x15, 0xa0a1e980, SET, 0xa0a18680, EBX, ECX, EDX},
	{"APM", 0x15, 0xa0a15300, SET, 0xa0a18600, EBX, ECX, EDX},
	{"configuration", 0x15, 0xa0a1c000, SET, 0xa0a18600, EBX, ECX, EDX},
	{"unknown", 0x15, 0xa0a17700, SET, 0xa0a18600, EBX, ECX, EDX},
	{"E820, no SMAP", 0x15, 0xa0a1e820, SET, 0xa0a18620, EBX, ECX, EDX},
	{"key", 0x16, 0xa0a10055, KEPT, 0xa0a10000, EBX, ECX, EDX},
	{"key, 101", 0x16, 0xa0a11055, KEPT, 0xa0a10000, EBX, ECX, EDX},
	{"key?", 0x16, 0xa0a10155, KEPT, 0xa0a10155, EBX, ECX, EDX},
	{"shift", 0x16, 0xa0a10255, KEPT, 0xa0a10200, EBX, ECX, EDX},
	{"shift, 101", 0x16, 0xa0a11255, KEPT, 0xa0a10000, EBX, ECX, EDX},
	{"typematic", 0x16, 0xa0a10305, KEPT, 0xa0a10305, EBX, ECX, EDX},
	{"store key", 0x16, 0xa0a10500, KEPT, 0xa0a10501, EBX, ECX, EDX},
	{"printer", 0x17, 0xa0a10255, KEPT, 0xa0a10155, EBX, ECX, EDX},
	{"PCI", 0x1a, 0xa0a1b101, SET, 0xa0a18601, EBX, ECX, EDX},
	{"nobody's", 0x60, 0xa0a1a2a3, KEPT, 0xa0a1a2a3, EBX, ECX, EDX},
};

#endif
