// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/unpack.c and what it calls: every format comes out as it went in; what is cut, damaged
 * or too long is refused, and never written beyond its room.
 *
 * The input is packed here, by the same libraries (unpack-fixture.h); that both sides do not share
 * a mistake about lzop and lz4 -l, a line that the real tools packed shows.
 */
#include "tests/lib/patience.h"
#include "unpack-fixture.h"

#include <errno.h>
#include <kvm/util.h>

#define GUARD_BYTES		64
#define GUARD			0xa5

#define FOR_EACH_PACKER(packer) for (const struct packer *packer = packers; packer->pack; packer++)

/* Into an allocation of its own and from one: neither is exceeded. */
static ssize_t unpack_guarded(enum unpack_format format, const u8 *in, size_t in_len,
			      struct bytes *out, size_t out_max)
{
	u8 *own = malloc(in_len ?: 1);
	ssize_t done;

	*out = bytes_new(out_max + GUARD_BYTES);
	assert_non_null(own);
	memcpy(own, in, in_len);
	memset(out->at + out_max, GUARD, GUARD_BYTES);
	done = unpack(format, own, in_len, out->at, out_max);
	for (size_t i = 0; i < GUARD_BYTES; i++)
		assert_int_equal(out->at[out_max + i], GUARD);
	assert_true(done <= (ssize_t)out_max);
	out->len = done < 0 ? 0 : done;
	free(own);
	return done;
}

static ssize_t unpack_error(enum unpack_format format, const u8 *in, size_t in_len, size_t out_max)
{
	struct bytes out;
	ssize_t done = unpack_guarded(format, in, in_len, &out, out_max);

	free(out.at);
	return done;
}

static void assert_unpacks(enum unpack_format format, struct bytes packed, struct bytes wanted,
			   size_t out_max)
{
	struct bytes out;
	ssize_t done = unpack_guarded(format, packed.at, packed.len, &out, out_max);

	if (done != (ssize_t)wanted.len)
		print_error("%s: %zd instead of %zu\n", unpack_name(format), done, wanted.len);
	assert_int_equal(done, wanted.len);
	assert_memory_equal(out.at, wanted.at, wanted.len);
	free(out.at);
}

static void test_names(void **state)
{
	static const char *const names[] = {"none", "gzip", "bzip2", "lzma",
					    "xz",   "lzo",  "lz4",   "zstd"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_string_equal(unpack_name(i), names[i]);
	assert_string_equal(unpack_name(UNPACK_ZSTD + 1), "none");
	assert_string_equal(unpack_name(-1), "none");
}

static void test_what_is_left_out_is_said(void **state)
{
	u8 out[1];

	for (int i = -1; i <= UNPACK_ZSTD + 1; i++) {
		bool packs = false;

		FOR_EACH_PACKER(packer)
		packs |= (int)packer->format == i;
		assert_int_equal(unpack_supported(i), packs);
		if (!packs)
			assert_int_equal(unpack(i, "", 0, out, 1), -ENOTSUP);
		else
			assert_int_equal(unpack(i, "", 0, out, 1), -EINVAL);
	}
}

static void test_the_real_tools(void **state)
{
	struct bytes wanted = {(u8 *)line, sizeof(line) - 1};

	for (size_t i = 0; i < ARRAY_SIZE(by_tools); i++) {
		struct bytes packed = {(u8 *)by_tools[i].bytes, by_tools[i].len};

		assert_int_equal(unpack_detect(packed.at, packed.len), by_tools[i].format);
		if (unpack_supported(by_tools[i].format))
			assert_unpacks(by_tools[i].format, packed, wanted, wanted.len);
	}
}

static void test_detect(void **state)
{
	static const char *const others[] = {"",
					     "\x7f"
					     "ELF",
					     "MZ",
					     "BZ",
					     "\x1f\x8b",
					     "LZO",
					     "\x28\xb5\x2f\xfc",
					     "\xfd"
					     "7zXZ",
					     "070701"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(unpack_detect(others[i], strlen(others[i])), UNPACK_NONE);
	for (size_t i = 0; i < ARRAY_SIZE(by_tools); i++) {
		u8 head[UNPACK_MAGIC_MAX];

		memcpy(head, by_tools[i].bytes, sizeof(head));
		assert_int_equal(unpack_detect(head, sizeof(head)), by_tools[i].format);
		assert_int_equal(unpack_detect(head, 2), UNPACK_NONE);
		head[1] ^= 1;
		assert_int_equal(unpack_detect(head, sizeof(head)), UNPACK_NONE);
	}
	/* Asked for one format, another one is no input. */
	FOR_EACH_PACKER(packer)
	{
		if (packer->format != UNPACK_GZIP)
			assert_int_equal(unpack_error(packer->format, by_tools[0].bytes, 30, 99),
					 -EINVAL);
	}
}

static void test_round_trips(void **state)
{
	static const size_t sizes[] = {0, 1, TEXT_BYTES, MIXED_BYTES};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bytes wanted = contents(sizes[i], sizes[i] == MIXED_BYTES);

		FOR_EACH_PACKER(packer)
		{
			struct bytes packed = packer->pack(wanted.at, wanted.len);

			assert_unpacks(packer->format, packed, wanted, wanted.len);
			assert_unpacks(packer->format, packed, wanted, wanted.len + 10000);
			if (wanted.len) {
				assert_int_equal(unpack_error(packer->format, packed.at, packed.len,
							      wanted.len - 1),
						 -E2BIG);
				assert_int_equal(
					unpack_error(packer->format, packed.at, packed.len, 0),
					-E2BIG);
			}
			free(packed.at);
		}
		free(wanted.at);
	}
}

/* The trailer of a bzImage's payload, and what else may lie behind it. */
static void test_what_follows_is_ignored(void **state)
{
	static const size_t sizes[] = {0, 1, TEXT_BYTES};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bytes wanted = contents(sizes[i], false);

		FOR_EACH_PACKER(packer)
		{
			struct bytes plain = packer->pack(wanted.at, wanted.len);
			struct bytes packed = bytes_new(plain.len + 200);

			add(&packed, plain.at, plain.len);
			add_le32(&packed, wanted.len);
			assert_unpacks(packer->format, packed, wanted, wanted.len);
			packed.len += 100;
			assert_unpacks(packer->format, packed, wanted, wanted.len);
			free(packed.at);
			free(plain.at);
		}
		free(wanted.at);
	}
}

static void assert_cut_is_refused(const struct packer *packer, struct bytes packed, size_t len)
{
	ssize_t done = unpack_error(packer->format, packed.at, len, TEXT_BYTES);

	if (done != -EINVAL)
		print_error("%s: %zu of %zu bytes give %zd\n", unpack_name(packer->format), len,
			    packed.len, done);
	assert_int_equal(done, -EINVAL);
}

static void test_truncated(void **state)
{
	struct bytes wanted = contents(TEXT_BYTES, false);

	FOR_EACH_PACKER(packer)
	{
		struct bytes packed = packer->pack(wanted.at, wanted.len);

		for (size_t len = 0; len < packed.len; len += len < 64 ? 1 : 97) {
			/* A legacy frame of nothing is its magic number alone. */
			if (len != 4 || le32_at(packed.at) != 0x184c2102)
				assert_cut_is_refused(packer, packed, len);
		}
		for (size_t len = packed.len - 32; len < packed.len; len++)
			assert_cut_is_refused(packer, packed, len);
		free(packed.at);
	}
	free(wanted.at);
}

static void test_flipped_bits(void **state)
{
	struct bytes wanted = contents(4000, true);

	FOR_EACH_PACKER(packer)
	{
		struct bytes packed = packer->pack(wanted.at, wanted.len);
		size_t refused = 0;

		for (size_t i = 0; i < packed.len; i++) {
			struct bytes out;
			ssize_t done;

			packed.at[i] ^= 1 << i % 8;
			done = unpack_guarded(packer->format, packed.at, packed.len, &out,
					      wanted.len);
			packed.at[i] ^= 1 << i % 8;
			if (done < 0) {
				assert_true(done == -EINVAL || done == -E2BIG || done == -ENOMEM);
				refused++;
			} else if (packer->checked) {
				assert_int_equal(done, wanted.len);
				assert_memory_equal(out.at, wanted.at, wanted.len);
			}
			free(out.at);
		}
		if (packer->checked)
			assert_true(refused > packed.len * 9 / 10);
		free(packed.at);
	}
	free(wanted.at);
}

/* 16 MiB of nothing for a room of 1 MiB. */
static void test_bombs(void **state)
{
	struct bytes zeros = bytes_new(16 * MIB);

	FOR_EACH_PACKER(packer)
	{
		struct bytes packed = packer->pack(zeros.at, 16 * MIB);

		assert_int_equal(unpack_error(packer->format, packed.at, packed.len, MIB), -E2BIG);
		free(packed.at);
	}
	free(zeros.at);
}

#ifdef HAVE_ZLIB
/* 1 GiB: one MiB of zeros, flushed to whole bytes, is repeated. */
static void test_gzip_bomb_of_a_gib(void **state)
{
	struct bytes zeros = bytes_new(MIB), part = bytes_new(64 * KIB);
	struct bytes bomb = bytes_new(4 * MIB);
	z_stream z = {.next_in = zeros.at, .avail_in = MIB, .next_out = part.at};
	u64 begin;

	z.avail_out = 64 * KIB;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FULL_FLUSH), Z_OK);
	part.len = z.total_out;
	deflateEnd(&z);
	add(&bomb, by_tools[0].bytes, 10);
	for (int i = 0; i < 1024; i++)
		add(&bomb, part.at, part.len);
	begin = now_ns();
	assert_int_equal(unpack_error(UNPACK_GZIP, bomb.at, bomb.len, MIB), -E2BIG);
	assert_true(now_ns() - begin < patient_ns(NSEC_PER_SEC / 2));
	free(bomb.at);
	free(part.at);
	free(zeros.at);
}
#endif

#ifdef HAVE_LZMA
/* by_tools[] with another window: 128 MiB are granted, the next size is not. */
static void test_windows_are_limited(void **state)
{
	struct bytes wanted = {(u8 *)line, sizeof(line) - 1};
	u8 lzma[32], xz[72];
	struct bytes packed_lzma = {lzma, sizeof(lzma)}, packed_xz = {xz, sizeof(xz)};
	u32 crc;

	memcpy(lzma, by_tools[2].bytes, sizeof(lzma));
	lzma[4] = 0x08;
	assert_unpacks(UNPACK_LZMA, packed_lzma, wanted, wanted.len);
	lzma[4] = 0x0c;
	assert_int_equal(unpack_error(UNPACK_LZMA, lzma, sizeof(lzma), 100), -ENOMEM);

	memcpy(xz, by_tools[3].bytes, sizeof(xz));
	xz[18] = 30; /* 2 << (30 / 2 + 11) */
	crc = lzma_crc32(xz + 12, 8, 0);
	memcpy(xz + 20, &crc, sizeof(crc));
	assert_unpacks(UNPACK_XZ, packed_xz, wanted, wanted.len);
	xz[18] = 31;
	crc = lzma_crc32(xz + 12, 8, 0);
	memcpy(xz + 20, &crc, sizeof(crc));
	assert_int_equal(unpack_error(UNPACK_XZ, xz, sizeof(xz), 100), -ENOMEM);
}
#endif

#ifdef HAVE_LZO
static void test_lzop_headers(void **state)
{
	static const struct lzop good[] = {
		{0x1040, 1, 0x0000, "", 1000},
		{0x1040, 2, 0x0001, "vmlinux", 1000},
		{0x1040, 3, 0x0002, "", 1000},
		{0x1010, 3, 0x0100, "vmlinux.bin", 1000},
		{0x0940, 3, 0x0200, "", 7},
		{0x0940, 3, 0x1303, "x", 64 * 1024},
		{0x0930, 1, 0x1303, "an old one", 99},
	};
	static const struct lzop bad[] = {
		{0x1040, 0, 0x0001, "", 1000},				      /* no such method */
		{0x1040, 4, 0x0001, "", 1000}, {0x1040, 3, 0x0041, "", 1000}, /* an extra field */
		{0x1040, 3, 0x0401, "", 1000}, /* one part of several */
		{0x1040, 3, 0x0801, "", 1000}, /* a filter */
	};
	struct bytes wanted = contents(50000, true);

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct bytes packed = pack_lzop(&good[i], wanted.at, wanted.len);

		assert_unpacks(UNPACK_LZO, packed, wanted, wanted.len);
		/* Header and blocks end where a byte less is one too few. */
		assert_int_equal(unpack_error(UNPACK_LZO, packed.at, packed.len - 1, wanted.len),
				 -EINVAL);
		free(packed.at);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct bytes packed = pack_lzop(&bad[i], wanted.at, wanted.len);

		assert_int_equal(unpack_error(UNPACK_LZO, packed.at, packed.len, wanted.len),
				 -EINVAL);
		free(packed.at);
	}
	free(wanted.at);
}

/* A block whose packed bytes are longer than the unpacked ones, or above lzop's own limit. */
static void test_lzop_lengths(void **state)
{
	u8 file[68];

	memcpy(file, by_tools[4].bytes, sizeof(file));
	file[38 + 3] = 0x0d; /* 36 bytes are said to be 13: packed ones are 14 */
	assert_int_equal(unpack_error(UNPACK_LZO, file, sizeof(file), 100), -EINVAL);
	file[38 + 3] = 0x25; /* 37 */
	assert_int_equal(unpack_error(UNPACK_LZO, file, sizeof(file), 100), -EINVAL);
	file[38 + 0] = 0x04; /* 64 MiB and more */
	assert_int_equal(unpack_error(UNPACK_LZO, file, sizeof(file), 100), -EINVAL);
	file[38 + 0] = 0x03;
	assert_int_equal(unpack_error(UNPACK_LZO, file, sizeof(file), 100), -E2BIG);
}
#endif

#ifdef HAVE_LZ4
/* Several blocks, with and without the trailer and more. */
static void test_lz4_of_several_blocks(void **state)
{
	static const size_t sizes[] = {LZ4_FULL_BLOCK - 1, LZ4_FULL_BLOCK, LZ4_FULL_BLOCK + 1,
				       2 * LZ4_FULL_BLOCK, 2 * LZ4_FULL_BLOCK + 12345};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct bytes wanted = bytes_new(sizes[i]);
		struct bytes packed;

		memset(wanted.at, 'x', sizes[i] / 2);
		wanted.len = sizes[i];
		packed = pack_lz4_legacy(wanted.at, wanted.len);
		assert_unpacks(UNPACK_LZ4, packed, wanted, wanted.len);
		add_le32(&packed, wanted.len);
		assert_unpacks(UNPACK_LZ4, packed, wanted, wanted.len);
		packed.len += 7;
		assert_unpacks(UNPACK_LZ4, packed, wanted, wanted.len);
		assert_int_equal(unpack_error(UNPACK_LZ4, packed.at, packed.len, wanted.len - 1),
				 -E2BIG);
		free(packed.at);
		free(wanted.at);
	}
}

static void test_lz4_truncated_in_a_later_block(void **state)
{
	struct bytes wanted = bytes_new(LZ4_FULL_BLOCK + 100000);
	u8 *out = malloc(LZ4_FULL_BLOCK + 100000);
	struct bytes packed;
	size_t second;

	assert_non_null(out);
	wanted.len = LZ4_FULL_BLOCK + 100000;
	packed = pack_lz4_legacy(wanted.at, wanted.len);
	second = 8 + le32_at(packed.at + 4);
	for (size_t len = second - 500, near; len < packed.len; len += near ? 1 : 29) {
		ssize_t done = unpack(UNPACK_LZ4, packed.at, len, out, wanted.len);

		near = len + 40 > second && len < second + 8;
		/* Behind a full block the file may end: nobody can know that it should not. */
		assert_int_equal(done, len == second ? LZ4_FULL_BLOCK : -EINVAL);
	}
	/* Not the length so far, and no block: damaged. */
	packed.len = second;
	add_le32(&packed, LZ4_FULL_BLOCK - 1);
	assert_int_equal(unpack(UNPACK_LZ4, packed.at, packed.len, out, wanted.len), -EINVAL);
	packed.len = second;
	add_le32(&packed, 0);
	assert_int_equal(unpack(UNPACK_LZ4, packed.at, packed.len, out, wanted.len), -EINVAL);
	free(packed.at);
	free(out);
	free(wanted.at);
}

/* Nothing, told by a match of 8 bytes without an offset: liblz4 minds when there is no room. */
static void test_lz4_block_that_ends_oddly(void **state)
{
	static const u8 odd[] = {0x02, 0x21, 0x4c, 0x18, 1, 0, 0, 0, 0x08};

	assert_int_equal(unpack_error(UNPACK_LZ4, odd, sizeof(odd), 100), 0);
	assert_int_equal(unpack_error(UNPACK_LZ4, odd, sizeof(odd), 0), 0);
}

static void test_lz4_frames_in_a_row(void **state)
{
	struct bytes wanted = contents(TEXT_BYTES, false);
	struct bytes first = pack_lz4_legacy(wanted.at, 40000);
	struct bytes second = pack_lz4_legacy(wanted.at + 40000, TEXT_BYTES - 40000);
	struct bytes packed = bytes_new(first.len + second.len + 12);

	add(&packed, first.at, first.len);
	add_le32(&packed, 0x184c2102); /* one of nothing between them */
	add(&packed, second.at, second.len);
	assert_unpacks(UNPACK_LZ4, packed, wanted, wanted.len);
	add_le32(&packed, wanted.len);
	assert_unpacks(UNPACK_LZ4, packed, wanted, wanted.len);
	assert_int_equal(unpack_error(UNPACK_LZ4, packed.at, packed.len, 40000), -E2BIG);
	free(packed.at);
	free(second.at);
	free(first.at);
	free(wanted.at);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_left_out_is_said),
		cmocka_unit_test(test_the_real_tools),
		cmocka_unit_test(test_detect),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_what_follows_is_ignored),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_flipped_bits),
		cmocka_unit_test(test_bombs),
#ifdef HAVE_ZLIB
		cmocka_unit_test(test_gzip_bomb_of_a_gib),
#endif
#ifdef HAVE_LZMA
		cmocka_unit_test(test_windows_are_limited),
#endif
#ifdef HAVE_LZO
		cmocka_unit_test(test_lzop_headers),
		cmocka_unit_test(test_lzop_lengths),
#endif
#ifdef HAVE_LZ4
		cmocka_unit_test(test_lz4_of_several_blocks),
		cmocka_unit_test(test_lz4_truncated_in_a_later_block),
		cmocka_unit_test(test_lz4_block_that_ends_oddly),
		cmocka_unit_test(test_lz4_frames_in_a_row),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
