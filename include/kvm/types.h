/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The integer names used everywhere, and the handful of macros that C lacks.
 *
 * A value whose bytes come from or go to the guest is little-endian and has a
 * le16/le32/le64 type; everything else is in host order.
 */
#ifndef KVM_TYPES_H
#define KVM_TYPES_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef __u64 u64; /* unsigned long long on every architecture: %llu prints it */
typedef __s64 s64;
typedef __le16 le16;
typedef __le32 le32;
typedef __le64 le64;

/* A guest-physical address, in bytes. Never a host pointer in disguise. */
typedef u64 gpa_t;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)     ((a) < (b) ? (a) : (b))
#define MAX(a, b)     ((a) > (b) ? (a) : (b))
/* align is a power of two. */
#define ALIGN_UP(v, align)		(((v) + (align)-1) & ~((align)-1))
#define ALIGN_DOWN(v, align)		((v) & ~((align)-1))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define KIB				(1ULL << 10)
#define MIB				(1ULL << 20)
#define GIB				(1ULL << 30)
#define NSEC_PER_MSEC			1000000ULL
#define NSEC_PER_SEC			1000000000ULL

#endif
