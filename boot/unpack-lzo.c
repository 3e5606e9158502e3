// SPDX-License-Identifier: GPL-2.0-only
/*
 * lzo: the container of lzop, which liblzo2 does not read, and its blocks.
 *
 * A file is a header and blocks, all numbers big-endian:
 *
 *   magic[9]  version:16  library's version:16  version needed:16  method:8  level:8  flags:32
 *   [filter:32]  mode:32  mtime:32  mtime, high:32  name length:8  name  checksum:32
 *
 *   unpacked:32  packed:32  [checksums of the unpacked bytes]  [checksums of the packed]  bytes
 *   ...
 *   0:32
 *
 * Files of lzop before 0.940 have no "version needed", level and high mtime. The header's checksum
 * covers all from the version to the name. A block that did not get shorter is stored unpacked: its
 * two lengths are equal, and it has no checksum of its packed bytes. The flags say which checksums
 * exist, Adler-32 or CRC-32 of packed and unpacked bytes; each one is verified.
 *
 * A header with an unknown feature is refused: a filter, an extra field, a method that is not
 * LZO1X. A block's header has its unpacked length, so -E2BIG is known before unpacking. All lengths
 * are checked against the rest of the input before the bytes are read.
 *
 * Called on any thread; no memory is allocated.
 *
 * Spec: no specification but lzop's manual and source; written from files of lzop 1.04
 * Spec: liblzo2's lzo1x.h (lzo1x_decompress_safe) and lzoconf.h (checksums)
 */
#include "unpack-formats.h"

#include <errno.h>
#include <kvm/cancel.h>
#include <kvm/feature.h>
#include <kvm/unpack.h>
#include <lzo/lzo1x.h>
#include <string.h>

#define MAGIC_BYTES	    9

#define VERSION_LONG_HEADER 0x0940 /* the first with level, version needed, high mtime */

enum method { METHOD_LZO1X_1 = 1, METHOD_LZO1X_1_15 = 2, METHOD_LZO1X_999 = 3 };

#define FLAG_ADLER32_UNPACKED 0x0001
#define FLAG_ADLER32_PACKED   0x0002
#define FLAG_EXTRA_FIELD      0x0040
#define FLAG_CRC32_UNPACKED   0x0100
#define FLAG_CRC32_PACKED     0x0200
#define FLAG_MULTIPART	      0x0400
#define FLAG_FILTER	      0x0800
#define FLAG_CRC32_HEADER     0x1000
#define FLAGS_NOT_UNDERSTOOD  (FLAG_EXTRA_FIELD | FLAG_MULTIPART | FLAG_FILTER)

#define BLOCK_MAX	      (64 * MIB) /* lzop's own limit */

#define ADLER32_OF_NOTHING    1
#define CRC32_OF_NOTHING      0

/* The rest of the input. A read beyond the end gives 0 and sets short_of, checked later. */
struct input {
	const u8 *at;
	size_t left;
	bool short_of;
};

static const u8 *take(struct input *input, size_t len)
{
	const u8 *at = input->at;

	if (len > input->left) {
		input->short_of = true;
		input->left = 0;
		return NULL;
	}
	input->at += len;
	input->left -= len;
	return at;
}

static u32 take_number(struct input *input, size_t bytes)
{
	const u8 *at = take(input, bytes);
	u32 number = 0;

	for (size_t i = 0; at && i < bytes; i++)
		number = number << 8 | at[i];
	return number;
}

static u32 adler32_of(const u8 *bytes, size_t len)
{
	return lzo_adler32(ADLER32_OF_NOTHING, bytes, len);
}

static u32 crc32_of(const u8 *bytes, size_t len)
{
	return lzo_crc32(CRC32_OF_NOTHING, bytes, len);
}

static int take_header(struct input *input, u32 *flags)
{
	const u8 *covered;
	size_t covered_bytes;
	u32 version, method, checksum;
	bool long_header;

	take(input, MAGIC_BYTES);
	covered = input->at;
	version = take_number(input, 2);
	long_header = version >= VERSION_LONG_HEADER;
	take(input, long_header ? 4 : 2); /* the library's version, the version needed */
	method = take_number(input, 1);
	take(input, long_header ? 1 : 0); /* level */
	*flags = take_number(input, 4);
	take(input, long_header ? 12 : 8); /* mode, mtime */
	take(input, take_number(input, 1));
	covered_bytes = input->at - covered;
	checksum = take_number(input, 4);
	if (input->short_of || (*flags & FLAGS_NOT_UNDERSTOOD))
		return -EINVAL;
	if (method < METHOD_LZO1X_1 || method > METHOD_LZO1X_999)
		return -EINVAL;
	if (checksum != (*flags & FLAG_CRC32_HEADER ? crc32_of(covered, covered_bytes)
						    : adler32_of(covered, covered_bytes)))
		return -EINVAL;
	return 0;
}

/* The checksums of a block's packed or unpacked bytes, as announced by the flags. */
struct checksums {
	bool has_adler32, has_crc32;
	u32 adler32, crc32;
};

static struct checksums take_checksums(struct input *input, bool has_adler32, bool has_crc32)
{
	struct checksums sums = {.has_adler32 = has_adler32, .has_crc32 = has_crc32};

	if (has_adler32)
		sums.adler32 = take_number(input, 4);
	if (has_crc32)
		sums.crc32 = take_number(input, 4);
	return sums;
}

static bool checksums_match(const struct checksums *sums, const u8 *bytes, size_t len)
{
	return (!sums->has_adler32 || sums->adler32 == adler32_of(bytes, len)) &&
	       (!sums->has_crc32 || sums->crc32 == crc32_of(bytes, len));
}

/* Unpack a block. Returns the number of bytes written, 0 at the end mark, or -errno. */
static ssize_t take_block(struct input *input, u32 flags, u8 *out, size_t out_max)
{
	u32 unpacked_bytes = take_number(input, 4);
	struct checksums unpacked_sums, packed_sums;
	lzo_uint written = unpacked_bytes;
	u32 packed_bytes;
	const u8 *packed;
	bool stored;

	if (!unpacked_bytes)
		return input->short_of ? -EINVAL : 0;
	packed_bytes = take_number(input, 4);
	stored = packed_bytes == unpacked_bytes;
	unpacked_sums =
		take_checksums(input, flags & FLAG_ADLER32_UNPACKED, flags & FLAG_CRC32_UNPACKED);
	packed_sums = take_checksums(input, !stored && (flags & FLAG_ADLER32_PACKED),
				     !stored && (flags & FLAG_CRC32_PACKED));
	if (!packed_bytes || packed_bytes > unpacked_bytes || unpacked_bytes > BLOCK_MAX)
		return -EINVAL;
	packed = take(input, packed_bytes);
	if (!packed || !checksums_match(&packed_sums, packed, packed_bytes))
		return -EINVAL;
	if (unpacked_bytes > out_max)
		return -E2BIG;
	if (stored)
		memcpy(out, packed, unpacked_bytes);
	else if (lzo1x_decompress_safe(packed, packed_bytes, out, &written, NULL) != LZO_E_OK)
		return -EINVAL;
	if (written != unpacked_bytes || !checksums_match(&unpacked_sums, out, unpacked_bytes))
		return -EINVAL;
	return unpacked_bytes;
}

ssize_t unpack_lzo(const u8 *in, size_t in_len, u8 *out, size_t out_max)
{
	struct input input = {in, in_len, false};
	size_t done = 0;
	ssize_t block;
	u32 flags;
	int err;

	/* lzo_init() fails if our types have other sizes than the library was built with. */
	if (lzo_init() != LZO_E_OK)
		return -ENOTSUP;
	err = take_header(&input, &flags);
	if (err)
		return err;
	while ((block = take_block(&input, flags, out + done, out_max - done)) > 0) {
		done += block;
		if (cancel_check())
			return -ECANCELED;
	}
	return block ?: (ssize_t)done;
}

FEATURE(lzo);
