/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packing side, for tests/boot/test-unpack.c: what the tools of the kernel's build do, with
 * the same libraries. The containers of lzop and of lz4 -l are framed here. A format whose library
 * is missing is missing in packers[]. by_tools[] is what the tools themselves made.
 */
#ifndef TESTS_UTIL_UNPACK_FIXTURE_H
#define TESTS_UTIL_UNPACK_FIXTURE_H

#include "tests/lib/test.h"

#include <kvm/unpack.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES     (100 * 1000)
#define MIXED_BYTES    (3 * 1000 * 1000)
#define LZ4_FULL_BLOCK (8 * 1024 * 1024)

struct bytes {
	u8 *at;
	size_t len;
};

static struct bytes bytes_new(size_t max)
{
	struct bytes b = {calloc(1, max ?: 1), 0};

	assert_non_null(b.at);
	return b;
}

static void add(struct bytes *b, const void *from, size_t len)
{
	if (len)
		memcpy(b->at + b->len, from, len);
	b->len += len;
}

static inline void add_le32(struct bytes *b, u32 number)
{
	u8 le[] = {number, number >> 8, number >> 16, number >> 24};

	add(b, le, sizeof(le));
}

static inline void add_be(struct bytes *b, u32 number, unsigned int bytes)
{
	while (bytes--)
		add(b, &(u8){number >> 8 * bytes}, 1);
}

static inline u32 le32_at(const u8 *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (u32)at[3] << 24;
}

static u32 random_state;

static u32 random_next(void)
{
	random_state = random_state * 1103515245 + 12345;
	return random_state >> 8;
}

/* Text of few words, and with mixed also stretches of noise and of zeros. The same each time. */
static struct bytes contents(size_t len, bool mixed)
{
	static const char *const words[] = {"kernel ",	      "console=ttyS0 ", "initrd\n",
					    "the ",	      "panic(%d) ",	"0x1000 ",
					    "\xe8\x10\x20\0", "lkvm "};
	struct bytes b = bytes_new(len + 4096);

	random_state = 1;
	while (b.len < len) {
		u32 what = mixed ? random_next() % 200 : 2;

		if (what == 0) {
			b.len += 4096;
		} else if (what == 1) {
			for (int i = 0; i < 4096; i++)
				add(&b, &(u8){random_next()}, 1);
		} else {
			const char *word = words[random_next() % 8];

			add(&b, word, strlen(word));
		}
	}
	b.len = len;
	return b;
}

#ifdef HAVE_ZLIB
#include <zlib.h>

static struct bytes pack_gzip(const u8 *in, size_t len)
{
	struct bytes b = bytes_new(compressBound(len) + 64);
	z_stream z = {.next_in = (Bytef *)in, .avail_in = len, .next_out = b.at};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.avail_out = compressBound(len) + 64;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.len = z.total_out;
	deflateEnd(&z);
	return b;
}
#endif

#ifdef HAVE_BZIP2
#include <bzlib.h>

static struct bytes pack_bzip2(const u8 *in, size_t len)
{
	unsigned int max = len + len / 50 + 1024;
	struct bytes b = bytes_new(max);

	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)b.at, &max, (char *)in, len, 9, 0, 0),
			 BZ_OK);
	b.len = max;
	return b;
}
#endif

#ifdef HAVE_LZMA
#include <lzma.h>

static struct bytes pack_by_liblzma(lzma_stream *lzma, const u8 *in, size_t len)
{
	size_t max = len + len / 10 + 4096;
	struct bytes b = bytes_new(max);

	lzma->next_in = in;
	lzma->avail_in = len;
	lzma->next_out = b.at;
	lzma->avail_out = max;
	assert_int_equal(lzma_code(lzma, LZMA_FINISH), LZMA_STREAM_END);
	b.len = lzma->total_out;
	lzma_end(lzma);
	return b;
}

static struct bytes pack_lzma(const u8 *in, size_t len)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	assert_false(lzma_lzma_preset(&options, 1));
	assert_int_equal(lzma_alone_encoder(&lzma, &options), LZMA_OK);
	return pack_by_liblzma(&lzma, in, len);
}

static struct bytes pack_xz(const u8 *in, size_t len)
{
	lzma_stream lzma = LZMA_STREAM_INIT;
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};

	assert_false(lzma_lzma_preset(&options, 1));
	assert_int_equal(lzma_stream_encoder(&lzma, filters, LZMA_CHECK_CRC32), LZMA_OK);
	return pack_by_liblzma(&lzma, in, len);
}
#endif

#ifdef HAVE_LZO
#include <lzo/lzo1x.h>

/* A file of lzop that is made as asked for, by the numbers of its header. */
struct lzop {
	u16 version;
	u8 method;
	u32 flags;
	const char *name;
	size_t block_bytes;
};

static const struct lzop lzop_default = {0x1040, 3, 0x0300000d, "", 256 * 1024};

static void add_lzop_sums(struct bytes *b, u32 flags, const u8 *at, size_t len)
{
	if (flags & 0x001)
		add_be(b, lzo_adler32(1, at, len), 4);
	if (flags & 0x100)
		add_be(b, lzo_crc32(0, at, len), 4);
}

static struct bytes pack_lzop(const struct lzop *how, const u8 *in, size_t len)
{
	static const u8 magic[] = {0x89, 'L', 'Z', 'O', 0, '\r', '\n', 0x1a, '\n'};
	struct bytes b = bytes_new(len + (len / how->block_bytes + 1) * 24 + 4096);
	u8 *work = malloc(LZO1X_1_MEM_COMPRESS);
	u8 *packed = malloc(how->block_bytes * 2 + 4096);
	bool is_long = how->version >= 0x940;

	assert_non_null(work);
	assert_non_null(packed);
	assert_int_equal(lzo_init(), LZO_E_OK);
	add(&b, magic, sizeof(magic));
	add_be(&b, how->version, 2);
	add_be(&b, 0x20a0, 2);
	add_be(&b, 0x0940, is_long ? 2 : 0);
	add_be(&b, how->method, 1);
	add_be(&b, 9, is_long ? 1 : 0);
	add_be(&b, how->flags, 4);
	add_be(&b, 0100644, 4);
	add_be(&b, 0x12345678, 4);
	add_be(&b, 0, is_long ? 4 : 0);
	add_be(&b, strlen(how->name), 1);
	add(&b, how->name, strlen(how->name));
	add_be(&b,
	       how->flags & 0x1000 ? lzo_crc32(0, b.at + 9, b.len - 9)
				   : lzo_adler32(1, b.at + 9, b.len - 9),
	       4);
	for (size_t done = 0, part; done < len; done += part) {
		lzo_uint packed_bytes;
		bool stored;

		part = MIN(len - done, how->block_bytes);
		assert_int_equal(lzo1x_1_compress(in + done, part, packed, &packed_bytes, work), 0);
		stored = packed_bytes >= part;
		add_be(&b, part, 4);
		add_be(&b, stored ? part : packed_bytes, 4);
		add_lzop_sums(&b, how->flags, in + done, part);
		if (!stored)
			add_lzop_sums(&b, how->flags >> 1, packed, packed_bytes);
		add(&b, stored ? in + done : packed, stored ? part : packed_bytes);
	}
	add_be(&b, 0, 4);
	free(work);
	free(packed);
	return b;
}

static struct bytes pack_lzo(const u8 *in, size_t len)
{
	return pack_lzop(&lzop_default, in, len);
}
#endif

#ifdef HAVE_LZ4
#include <lz4.h>
#include <lz4frame.h>

static struct bytes pack_lz4_legacy(const u8 *in, size_t len)
{
	struct bytes b = bytes_new(len + len / 200 + 4096);

	add_le32(&b, 0x184c2102);
	for (size_t done = 0, part; done < len; done += part) {
		int packed_bytes;

		part = MIN(len - done, (size_t)LZ4_FULL_BLOCK);
		packed_bytes = LZ4_compress_default((char *)in + done, (char *)b.at + b.len + 4,
						    part, LZ4_COMPRESSBOUND(part));
		assert_true(packed_bytes > 0);
		add_le32(&b, packed_bytes);
		b.len += packed_bytes;
	}
	return b;
}

static struct bytes pack_lz4_frame(const u8 *in, size_t len)
{
	LZ4F_preferences_t preferences = {
		.frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled}};
	size_t max = LZ4F_compressFrameBound(len, &preferences);
	struct bytes b = bytes_new(max);

	b.len = LZ4F_compressFrame(b.at, max, in, len, &preferences);
	assert_false(LZ4F_isError(b.len));
	return b;
}
#endif

#ifdef HAVE_ZSTD
#include <zstd.h>

/* As from a pipe: the frame does not say how long its contents are, and has the whole window. */
static struct bytes pack_zstd(const u8 *in, size_t len)
{
	size_t max = ZSTD_compressBound(len) + 64;
	struct bytes b = bytes_new(max);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	ZSTD_inBuffer input = {in, len / 2, 0};
	ZSTD_outBuffer output = {b.at, max, 0};

	assert_non_null(zstd);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
	assert_int_equal(ZSTD_compressStream2(zstd, &output, &input, ZSTD_e_flush), 0);
	input.size = len;
	assert_int_equal(ZSTD_compressStream2(zstd, &output, &input, ZSTD_e_end), 0);
	ZSTD_freeCCtx(zstd);
	b.len = output.pos;
	return b;
}
#endif

static const struct packer {
	enum unpack_format format;
	struct bytes (*pack)(const u8 *in, size_t len);
	bool checked; /* has a checksum: damage is always seen */
} packers[] = {
#ifdef HAVE_ZLIB
	{UNPACK_GZIP, pack_gzip, true},
#endif
#ifdef HAVE_BZIP2
	{UNPACK_BZIP2, pack_bzip2, true},
#endif
#ifdef HAVE_LZMA
	{UNPACK_LZMA, pack_lzma, false},      {UNPACK_XZ, pack_xz, true},
#endif
#ifdef HAVE_LZO
	{UNPACK_LZO, pack_lzo, true},
#endif
#ifdef HAVE_LZ4
	{UNPACK_LZ4, pack_lz4_legacy, false}, {UNPACK_LZ4, pack_lz4_frame, true},
#endif
#ifdef HAVE_ZSTD
	{UNPACK_ZSTD, pack_zstd, true},
#endif
	{UNPACK_NONE, NULL, false},
};

/* 36 bytes of this, by the tools of Debian 12, from a pipe as the kernel's build has it. */
static const char line[] = "hello hello hello hello hello hello\n";

static const struct {
	enum unpack_format format;
	u8 len;
	u8 bytes[80];
} by_tools[] = {
	/* gzip -9n */
	{UNPACK_GZIP, 30, {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
			   0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57, 0xc8, 0xc0, 0x47, 0x72,
			   0x01, 0x00, 0xf3, 0xa0, 0x5d, 0xc7, 0x24, 0x00, 0x00, 0x00}},
	/* bzip2 -9 */
	{UNPACK_BZIP2, 60, {0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59,
			    0x4e, 0x56, 0xcf, 0xa2, 0x00, 0x00, 0x08, 0xd1, 0x00, 0x00,
			    0x10, 0x40, 0x00, 0x02, 0x44, 0xa0, 0x00, 0x30, 0xc0, 0x04,
			    0x50, 0xc9, 0x46, 0x0f, 0x27, 0x41, 0xa0, 0xf8, 0xbb, 0x92,
			    0x29, 0xc2, 0x84, 0x82, 0x72, 0xb6, 0x7d, 0x10}},
	/* xz --format=lzma -9 */
	{UNPACK_LZMA, 32, {0x5d, 0x00, 0x00, 0x00, 0x04, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			   0xff, 0xff, 0x00, 0x34, 0x19, 0x49, 0xee, 0x8d, 0xe9, 0x57, 0x6f,
			   0x2c, 0x0d, 0xb0, 0x03, 0xff, 0xff, 0xfd, 0xd1, 0xc0, 0x00}},
	/* xz --check=crc32 --x86 --lzma2=dict=32MiB */
	{UNPACK_XZ, 72, {0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x01, 0x69, 0x22, 0xde, 0x36,
			 0x02, 0x01, 0x04, 0x00, 0x21, 0x01, 0x1a, 0x00, 0x01, 0xc9, 0x80, 0xb3,
			 0xe0, 0x00, 0x23, 0x00, 0x0d, 0x5d, 0x00, 0x34, 0x19, 0x49, 0xee, 0x8d,
			 0xe9, 0x57, 0x6f, 0x2c, 0x09, 0x0c, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00,
			 0xf3, 0xa0, 0x5d, 0xc7, 0x00, 0x01, 0x25, 0x24, 0x1d, 0x81, 0x76, 0xf4,
			 0x90, 0x42, 0x99, 0x0d, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x59, 0x5a}},
	/* lzop -9 */
	{UNPACK_LZO, 68, {0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a, 0x10, 0x40, 0x20,
			  0xa0, 0x09, 0x40, 0x03, 0x09, 0x03, 0x00, 0x00, 0x0d, 0x00, 0x00, 0x00,
			  0x00, 0x6b, 0x01, 0x0c, 0x92, 0x00, 0x00, 0x00, 0x00, 0x00, 0x27, 0x55,
			  0x02, 0x80, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x0e, 0xf8, 0x78,
			  0x0d, 0x23, 0x17, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x3b, 0x15, 0x00,
			  0x0a, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
	/* lzop -9 --crc32 */
	{UNPACK_LZO, 68, {0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a, 0x10, 0x40, 0x20,
			  0xa0, 0x10, 0x01, 0x03, 0x09, 0x03, 0x00, 0x11, 0x0c, 0x00, 0x00, 0x00,
			  0x00, 0x6b, 0x01, 0x0c, 0x99, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4c, 0xe6,
			  0x07, 0x38, 0x00, 0x00, 0x00, 0x24, 0x00, 0x00, 0x00, 0x0e, 0xc7, 0x5d,
			  0xa0, 0xf3, 0x17, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x3b, 0x15, 0x00,
			  0x0a, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}},
	/* lz4 -l -9 - */
	{UNPACK_LZ4, 24, {0x02, 0x21, 0x4c, 0x18, 0x10, 0x00, 0x00, 0x00, 0x6f, 0x68, 0x65, 0x6c,
			  0x6c, 0x6f, 0x20, 0x06, 0x00, 0x06, 0x50, 0x65, 0x6c, 0x6c, 0x6f, 0x0a}},
	/* zstd -22 --ultra: a window of 128 MiB */
	{UNPACK_ZSTD, 26, {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x88, 0x6d, 0x00, 0x00,
			   0x38, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x20, 0x0a, 0x01,
			   0x00, 0xb9, 0x4b, 0x11, 0x6b, 0x1f, 0x08, 0x67}},
};

#endif
