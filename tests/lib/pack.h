/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packed bytes for tests, without the libraries that unpack them: gzip of stored blocks (RFC 1951
 * 3.2.4, RFC 1952 2.3) and lz4 legacy frames of literals (LZ4 frame format 1.6.1, block format).
 * Both are allocated by the caller with PACK_MAX(len).
 */
#ifndef TESTS_PACK_H
#define TESTS_PACK_H

#include <kvm/types.h>
#include <string.h>

#define PACK_MAX(len) ((len) + (len) / 128 + 64)
#define PACK_BLOCK    0xffffUL

static inline size_t pack_put(u8 *to, u32 value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (u8)(value >> (8 * i));
	return bytes;
}

static inline u32 pack_crc32(const u8 *data, size_t len)
{
	u32 crc = ~0U;

	for (size_t i = 0; i < len; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

/* Returns the packed length. */
static inline size_t pack_gzip(u8 *to, const u8 *data, size_t len)
{
	static const u8 head[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
	u8 *at = to + sizeof(head);
	size_t done = 0;

	memcpy(to, head, sizeof(head));
	do {
		size_t block = MIN(len - done, PACK_BLOCK);

		*at++ = done + block == len;
		at += pack_put(at, (u32)block, 2);
		at += pack_put(at, ~(u32)block, 2);
		memcpy(at, data + done, block);
		at += block;
		done += block;
	} while (done < len);
	at += pack_put(at, pack_crc32(data, len), 4);
	at += pack_put(at, (u32)len, 4);
	return (size_t)(at - to);
}

/* As the kernel's build has it: the unpacked length, in 4 bytes, follows. Up to 8 MiB. */
static inline size_t pack_lz4(u8 *to, const u8 *data, size_t len)
{
	u8 *block = to + 8, *at = block;
	size_t more = len - 15;

	pack_put(to, 0x184c2102, 4);
	*at++ = (u8)(MIN(len, 15UL) << 4);
	if (len >= 15) {
		for (; more >= 255; more -= 255)
			*at++ = 255;
		*at++ = (u8)more;
	}
	memcpy(at, data, len);
	at += len;
	pack_put(to + 4, (u32)(at - block), 4);
	at += pack_put(at, (u32)len, 4);
	return (size_t)(at - to);
}

#endif
