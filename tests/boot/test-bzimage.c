// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pins boot/bzimage.c: each refusal with its reason, and where a kernel may be put.
 *
 * Headers are built field by field, as a recent x86-64 kernel has them; each test then
 * breaks one thing, or makes the kernel older: what a field's absence means is boot.rst's. The
 * header of a distribution's kernel is tried too where the lab has fetched one.
 */
#include "tests/lib/test.h"

#include <kvm/bzimage.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <kvm/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTS	      27
#define PAYLOAD_START ((SECTS + 1) * 512)
#define SYSSIZE	      0x1000 /* paragraphs of 16 bytes */
#define FILE_BYTES    (PAYLOAD_START + SYSSIZE * 16)
#define HEADER_END    (0x202 + 0x6a) /* as protocol 2.15 says at 0x201 */
#define MIN_LOAD      MIB

static u8 head[BZIMAGE_HEAD_BYTES];
static struct setup_header *const header = (void *)(head + 0x1f1);

static int set_up(void **state)
{
	memset(head, 0, sizeof(head));
	*header = (struct setup_header){
		.setup_sects = SECTS,
		.syssize = htole32(SYSSIZE),
		.boot_flag = htole16(0xaa55),
		.jump = htole16(0x6aeb),
		.header = htole32(0x53726448),
		.version = htole16(0x020f),
		.loadflags = LOADED_HIGH | CAN_USE_HEAP,
		.code32_start = htole32(MIB),
		.initrd_addr_max = htole32(0x7fffffff),
		.kernel_alignment = htole32(2 * MIB),
		.relocatable_kernel = 1,
		.min_alignment = 21,
		.xloadflags = htole16(XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G),
		.cmdline_size = htole32(2047),
		.pref_address = htole64(16 * MIB),
		.init_size = htole32(60 * MIB),
	};
	return 0;
}

static struct bzimage image;

/* What is said of the first len bytes of a file of so many; "" when it is fine. */
static const char *verdict_of(size_t len, u64 file_bytes)
{
	const char *why = "nothing was said";
	/* A copy of its exact size, so that a sanitizer sees a read beyond it. */
	u8 *copy = malloc(MAX(len, 1UL));
	int err;

	assert_non_null(copy);
	memcpy(copy, head, len);
	err = bzimage_parse(copy, len, file_bytes, &image, &why);
	free(copy);
	assert_true(err == 0 || err == -EINVAL);
	return err ? why : "";
}

static const char *verdict(void)
{
	return verdict_of(sizeof(head), FILE_BYTES);
}

/* The same of a file of its exact length; image says what was found. */
static void parse_good(u64 file_bytes)
{
	assert_string_equal(verdict_of(MIN(sizeof(head), file_bytes), file_bytes), "");
}

#define assert_refused(verdict_, reason)                                      \
	do {                                                                  \
		const char *said = (verdict_);                                \
		if (!strstr(said, reason))                                    \
			fail_msg("wanted '%s', was told '%s'", reason, said); \
	} while (0)

static void test_a_good_one(void **state)
{
	parse_good(FILE_BYTES);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64);
	assert_int_equal(image.version, 0x020f);
	assert_false(image.low);
	assert_int_equal(image.setup_bytes, PAYLOAD_START);
	assert_int_equal(image.payload_offset, PAYLOAD_START);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16);
	assert_int_equal(image.init_size, 60 * MIB);
	assert_int_equal(image.pref_address, 16 * MIB);
	assert_int_equal(image.alignment, 2 * MIB);
	assert_int_equal(image.cmdline_size, 2047);
	assert_int_equal(image.initrd_max, 0x7fffffff);
	assert_int_equal(image.packed_offset, 0);
	assert_int_equal(image.packed_bytes, 0);
	assert_memory_equal(&image.header, header, HEADER_END - 0x1f1);
}

/* Only what the header says it has is taken; what follows in the sector is no field. */
static void test_the_header_ends_where_it_says(void **state)
{
	memset(head + HEADER_END, 0xee, 64);
	parse_good(FILE_BYTES);
	assert_int_equal(image.header.kernel_info_offset, 0);
	head[0x201] = 0xff; /* longer than any we know: fine */
	assert_string_equal(verdict(), "");
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64);
	/* One that stops before xloadflags has none, and no init_size either. */
	head[0x201] = 0x236 - 0x202;
	assert_string_equal(verdict(), "");
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32);
	assert_int_equal(image.init_size, SYSSIZE * 16);
	/* One that stops before it says that it loads high is a zImage without a version. */
	head[0x201] = 0;
	parse_good(PAYLOAD_START + SYSSIZE * 16);
	assert_int_equal(image.version, 0);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16);
}

static void test_no_kernel_at_all(void **state)
{
	header->boot_flag = 0;
	assert_refused(verdict(), "is not a kernel image of a kind");
	header->boot_flag = htole16(0x55aa);
	assert_refused(verdict(), "is not a kernel image of a kind");
	memset(head, 0, sizeof(head));
	assert_refused(verdict(), "is not a kernel image of a kind");
	memcpy(head, "\177ELF", 4);
	assert_refused(verdict(), "is not a kernel image of a kind");
}

/* --- which entries --- */

static unsigned int entries(void)
{
	assert_string_equal(verdict(), "");
	return image.entries;
}

static void test_64bit_entry(void **state)
{
	header->version = htole16(0x020c);
	assert_int_equal(entries(), BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64);
	header->version = htole16(0x020b);
	assert_int_equal(entries(), BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32);
	header->version = htole16(0x020f);
	header->xloadflags = htole16(XLF_EFI_HANDOVER_64); /* a kernel for i386 */
	assert_int_equal(entries(), BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32);
}

static void test_32bit_entry(void **state)
{
	header->version = htole16(0x0202);
	assert_int_equal(entries(), BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32);
	header->version = htole16(0x0201);
	assert_int_equal(entries(), BZIMAGE_ENTRY_16);
	header->version = htole16(0x0200);
	assert_int_equal(entries(), BZIMAGE_ENTRY_16);
}

/* No 32-bit entry: neither a version nor an alignment gives it one. */
static void test_no_start_is_no_32bit_entry(void **state)
{
	header->code32_start = 0;
	assert_int_equal(entries(), BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_64);
	header->xloadflags = 0;
	assert_int_equal(entries(), BZIMAGE_ENTRY_16);
	header->relocatable_kernel = 0;
	header->version = htole16(0x0207); /* iPXE */
	assert_int_equal(entries(), BZIMAGE_ENTRY_16);
	assert_int_equal(image.pref_address, MIB);
	header->setup_sects = 64; /* too much set-up code for low memory */
	assert_refused(verdict_of(sizeof(head), 65 * 512 + SYSSIZE * 16), "room for no entry");
}

/* The heap lies behind the set-up code: 32 KiB are what may be there before it. */
static void test_16bit_entry(void **state)
{
	header->setup_sects = 63;
	parse_good(64 * 512 + SYSSIZE * 16);
	assert_int_equal(image.setup_bytes, 32 * KIB);
	assert_true(image.entries & BZIMAGE_ENTRY_16);
	header->setup_sects = 64;
	parse_good(65 * 512 + SYSSIZE * 16);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64);
	header->loadflags = 0; /* a zImage has no other entry */
	assert_refused(verdict_of(sizeof(head), 65 * 512 + SYSSIZE * 16), "room for no entry");
	header->loadflags = LOADED_HIGH;
	header->version = htole16(0x0201);
	assert_refused(verdict_of(sizeof(head), 65 * 512 + SYSSIZE * 16), "room for no entry");
}

/* --- old protocols --- */

#define LOW_START 0x10000
#define LOW_MAX	  (448 * KIB) /* up to 0x80000: its set-up code begins at 0x90000 */

static void check_low(u64 payload_bytes)
{
	parse_good(PAYLOAD_START + payload_bytes);
	assert_true(image.low);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16);
	assert_int_equal(image.pref_address, LOW_START);
	assert_int_equal(image.payload_bytes, payload_bytes);
	assert_int_equal(image.init_size, payload_bytes);
	/* It is nowhere else, whatever RAM there is above. */
	assert_int_equal(bzimage_place(&image, MIN_LOAD, 512 * MIB), LOW_START);
}

static void test_zimage(void **state)
{
	header->loadflags = CAN_USE_HEAP;
	header->version = htole16(0x0201);
	check_low(SYSSIZE * 16);
	check_low(LOW_MAX);
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START + LOW_MAX + 1),
		       "a zImage of more than 448 KiB");
}

/* Protocols that are younger than any zImage change nothing of where it goes. */
static void test_zimage_of_any_protocol(void **state)
{
	static const u16 versions[] = {0x0200, 0x0203, 0x0205, 0x020a, 0x020c, 0x020f};

	header->loadflags = 0;
	for (unsigned int i = 0; i < ARRAY_SIZE(versions); i++) {
		header->version = htole16(versions[i]);
		check_low(SYSSIZE * 16);
	}
	header->pref_address = htole64(0x9000);
	check_low(SYSSIZE * 16);
	header->pref_address = htole64(UINT64_MAX);
	check_low(SYSSIZE * 16);
}

/* Before 2.00: a boot sector, five words of which are all there is to know. */
static void make_boot_sector(void)
{
	memset(head, 0, sizeof(head));
	head[0x1f1] = SECTS;
	head[0x1f4] = SYSSIZE & 0xff;
	head[0x1f5] = SYSSIZE >> 8;
	head[0x1fe] = 0x55;
	head[0x1ff] = 0xaa;
	memset(head + 0x200, 0xcc, sizeof(head) - 0x200); /* code */
}

static void test_before_the_protocol(void **state)
{
	make_boot_sector();
	check_low(SYSSIZE * 16);
	assert_int_equal(image.version, 0);
	assert_int_equal(image.cmdline_size, 255);
	assert_int_equal(image.header.header, 0); /* what is there is code */
	assert_int_equal(image.header.loadflags, 0);
	head[0x1f1] = 0; /* 4 */
	parse_good(5 * 512 + SYSSIZE * 16);
	assert_int_equal(image.setup_bytes, 5 * 512);
	/* Two bytes of the length are there; what follows is the RAM disk's. */
	make_boot_sector();
	head[0x1f6] = head[0x1f7] = 0xff;
	check_low(SYSSIZE * 16);
}

/* A disk's boot sector has the two words at its end as well. */
static void test_other_boot_sectors(void **state)
{
	make_boot_sector();
	head[0x1f4] = head[0x1f5] = 0;
	assert_refused(verdict(), "a boot sector without a HdrS header");
	make_boot_sector();
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START + 512 * KIB + 1),
		       "a boot sector without a HdrS header");
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START + 512 * KIB),
		       "a zImage of more than 448 KiB");
	assert_refused(verdict_of(sizeof(head), FILE_BYTES - 16), "is truncated");
	/* One of our own with a letter of its header damaged is such a one, too. */
	set_up(state);
	head[0x205] = 's';
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START + MIB),
		       "a boot sector without a HdrS header");
}

static void test_defaults_of_old_protocols(void **state)
{
	header->cmdline_size = htole32(1000);
	header->initrd_addr_max = htole32(0x12345678);
	header->version = htole16(0x0206);
	parse_good(FILE_BYTES);
	assert_int_equal(image.cmdline_size, 1000);
	header->version = htole16(0x0205);
	parse_good(FILE_BYTES);
	assert_int_equal(image.cmdline_size, 255);
	assert_int_equal(image.alignment, 2 * MIB);
	assert_int_equal(image.initrd_max, 0x12345678);
	header->version = htole16(0x0204);
	parse_good(FILE_BYTES);
	assert_int_equal(image.alignment, 0);
	header->version = htole16(0x0203);
	parse_good(FILE_BYTES);
	assert_int_equal(image.initrd_max, 0x12345678);
	header->version = htole16(0x0202);
	parse_good(FILE_BYTES);
	assert_int_equal(image.initrd_max, 0x37ffffff);
	assert_int_equal(image.pref_address, MIB);
}

/* Relocatable since 2.05, which did not say yet where it would rather be. */
static void test_relocatable_of_old_protocols(void **state)
{
	header->version = htole16(0x0209);
	header->pref_address = htole64(UINT64_MAX); /* not there yet */
	header->init_size = 0;
	header->kernel_alignment = htole32(16 * MIB);
	parse_good(FILE_BYTES);
	assert_int_equal(image.alignment, 16 * MIB);
	assert_int_equal(image.pref_address, MIB);
	/* What it needs is guessed: 8 times its length, which is whole pages here. */
	assert_int_equal(image.init_size, 8 * SYSSIZE * 16);
	header->kernel_alignment = 0;
	parse_good(FILE_BYTES + 1);
	assert_int_equal(image.alignment, 2 * MIB);
	assert_int_equal(image.init_size, 8 * (SYSSIZE * 16 + 4096));
	assert_int_equal(image.payload_bytes, SYSSIZE * 16 + 1);
	header->version = htole16(0x020a);
	header->init_size = htole32(MIB);
	header->pref_address = 0;
	assert_refused(verdict(), "kernel_alignment is not a power of two");
}

/* syssize had two bytes before 2.04, too few for a bzImage: its length is the file's. */
static void test_short_syssize(void **state)
{
	header->version = htole16(0x0203);
	header->syssize = htole32(0xabcd0000 | SYSSIZE);
	parse_good(FILE_BYTES);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16);
	header->syssize = htole32(0xabcd0000);
	parse_good(FILE_BYTES + 2 * MIB);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16 + 2 * MIB);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16); /* GRUB's lnxboot.img */
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START), "is set-up code alone");
	header->version = htole16(0x0204);
	assert_refused(verdict(), "is truncated: its header promises");
}

/* --- sizes --- */

static void test_truncation_at_each_byte_of_the_header(void **state)
{
	for (size_t len = 0; len < HEADER_END; len++)
		assert_refused(verdict_of(len, len), len < 0x206 ? "is too short to be a kernel"
								 : "is truncated: it ends");
	/* The header is whole, what it promises is not there. */
	assert_refused(verdict_of(HEADER_END, HEADER_END), "is truncated: its header promises");
}

static void test_truncation_at_each_boundary(void **state)
{
	static const u64 sizes[] = {0x400,	     PAYLOAD_START - 1,
				    PAYLOAD_START,   PAYLOAD_START + 1,
				    FILE_BYTES - 32, FILE_BYTES - 16};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++)
		assert_refused(verdict_of(MIN(sizes[i], sizeof(head)), sizes[i]),
			       "is truncated: its header promises");
	/* syssize is rounded up: of the last paragraph one byte is enough. */
	for (u64 missing = 0; missing < 16; missing++) {
		parse_good(FILE_BYTES - missing);
		assert_int_equal(image.payload_bytes, SYSSIZE * 16 - missing);
		assert_int_equal(image.init_size, 60 * MIB);
	}
	/* A signature behind the kernel is loaded with it. */
	parse_good(FILE_BYTES + 700);
	assert_int_equal(image.payload_bytes, SYSSIZE * 16 + 700);
	/* But never more than the memory the kernel asked for. */
	parse_good(GIB);
	assert_int_equal(image.payload_bytes, 60 * MIB);
}

static void test_setup_sects(void **state)
{
	header->setup_sects = 0; /* means 4 */
	parse_good(FILE_BYTES);
	assert_int_equal(image.payload_offset, 5 * 512);
	header->setup_sects = 255;
	assert_refused(verdict(), "is truncated: its header promises");
	parse_good(256 * 512 + SYSSIZE * 16);
	assert_int_equal(image.setup_bytes, 256 * 512);
}

static void test_sizes(void **state)
{
	header->syssize = 0;
	assert_refused(verdict(), "has no code");
	header->syssize = htole32(UINT32_MAX); /* 64 GiB */
	assert_refused(verdict(), "is truncated: its header promises");
	assert_refused(verdict_of(sizeof(head), UINT64_MAX), "longer than 4 GiB");
	header->syssize = htole32(4 * GIB / 16 + 1);
	assert_refused(verdict_of(sizeof(head), UINT64_MAX), "longer than 4 GiB");
	header->syssize = htole32(4 * GIB / 16);
	assert_refused(verdict_of(sizeof(head), UINT64_MAX), "above 4 GiB");
	set_up(state);
	header->syssize = htole32(1);
	parse_good(PAYLOAD_START + 1);
	assert_int_equal(image.payload_bytes, 1);
	assert_refused(verdict_of(sizeof(head), PAYLOAD_START),
		       "is truncated: its header promises");
}

/* An init_size of less than the kernel says nothing: the kernel itself needs its room. */
static void test_small_init_size(void **state)
{
	static const u32 sizes[] = {0, 1, SYSSIZE * 16 - 1, SYSSIZE * 16};

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		header->init_size = htole32(sizes[i]);
		parse_good(FILE_BYTES);
		assert_int_equal(image.init_size, SYSSIZE * 16);
		assert_int_equal(image.payload_bytes, SYSSIZE * 16);
		/* What follows the kernel is loaded only where there is room. */
		parse_good(FILE_BYTES + 700);
		assert_int_equal(image.payload_bytes, SYSSIZE * 16);
		parse_good(FILE_BYTES - 15);
		assert_int_equal(image.payload_bytes, SYSSIZE * 16 - 15);
	}
}

static void test_packed(void **state)
{
	header->payload_offset = htole32(0x123);
	header->payload_length = htole32(0x456);
	parse_good(FILE_BYTES);
	assert_int_equal(image.packed_offset, PAYLOAD_START + 0x123);
	assert_int_equal(image.packed_bytes, 0x456);
	header->payload_length = htole32(SYSSIZE * 16 - 0x123);
	parse_good(FILE_BYTES);
	assert_int_equal(image.packed_bytes, SYSSIZE * 16 - 0x123);
	/* Before 2.08 nobody says where it is. */
	header->version = htole16(0x0207);
	parse_good(FILE_BYTES);
	assert_int_equal(image.packed_offset, 0);
	assert_int_equal(image.packed_bytes, 0);
	header->version = htole16(0x0208);
	parse_good(FILE_BYTES);
	assert_int_equal(image.packed_offset, PAYLOAD_START + 0x123);
	/* None is none, wherever it may be. */
	header->payload_offset = htole32(UINT32_MAX);
	header->payload_length = 0;
	parse_good(FILE_BYTES);
	assert_int_equal(image.packed_offset, 0);
}

static void test_packed_outside(void **state)
{
	static const u32 bad[][2] = {{0, SYSSIZE * 16 + 1},    {1, SYSSIZE * 16},
				     {SYSSIZE * 16, 1},	       {SYSSIZE * 16 + 1, 1},
				     {UINT32_MAX, UINT32_MAX}, {UINT32_MAX, 1},
				     {0x80000000, 0x80000000}, {1, UINT32_MAX}};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->payload_offset = htole32(bad[i][0]);
		header->payload_length = htole32(bad[i][1]);
		assert_refused(verdict(), "its compressed kernel lies outside");
	}
}

static void test_alignment(void **state)
{
	static const u32 bad[] = {0, 3, 4095, 4097, 3 * MIB, UINT32_MAX};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->kernel_alignment = htole32(bad[i]);
		assert_refused(verdict(), "kernel_alignment is not a power of two");
	}
	for (u32 small = 1; small <= 4096; small *= 2) {
		header->kernel_alignment = htole32(small);
		parse_good(FILE_BYTES);
		assert_int_equal(image.alignment, 4096);
	}
	header->kernel_alignment = htole32(1U << 31);
	assert_string_equal(verdict(), "");
	/* One that cannot be moved needs none. */
	header->relocatable_kernel = 0;
	header->kernel_alignment = 0;
	parse_good(FILE_BYTES);
	assert_int_equal(image.alignment, 0);
}

static void test_preferred_address(void **state)
{
	static const u64 bad[] = {4 * GIB, 4 * GIB - 60 * MIB + 1, UINT64_MAX, 1ULL << 63};

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->pref_address = htole64(bad[i]);
		assert_refused(verdict(), "preferred address is above 4 GiB");
	}
	header->pref_address = htole64(4 * GIB - 60 * MIB);
	assert_string_equal(verdict(), "");
}

/* --- 32-bit kernels that do not relocate: loaded at code32_start --- */

static void make_unrelocatable(void)
{
	header->relocatable_kernel = 0;
	header->xloadflags = 0;
	header->code32_start = htole32(MIB);
}

static void test_start_of_one_that_does_not_relocate(void **state)
{
	make_unrelocatable();
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, MIB);
	assert_int_equal(image.init_size, 75 * MIB); /* up to where it would have ended */
	assert_int_equal(image.alignment, 0);
	header->code32_start = htole32(16 * MIB);
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, 16 * MIB);
	assert_int_equal(image.init_size, 60 * MIB);
}

static void test_start_is_not_believed(void **state)
{
	static const u32 bad[] = {0, 0x1000, MIB - 1, 16 * MIB + 1, UINT32_MAX};

	make_unrelocatable();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->code32_start = htole32(bad[i]);
		parse_good(FILE_BYTES);
		assert_int_equal(image.pref_address, 16 * MIB);
		assert_int_equal(image.init_size, 60 * MIB);
	}
}

static void test_start_of_others_does_not_matter(void **state)
{
	header->code32_start = htole32(MIB); /* as all have it */
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, 16 * MIB);
	header->relocatable_kernel = 0; /* 64-bit */
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, 16 * MIB);
	header->xloadflags = 0;
	header->relocatable_kernel = 1; /* 32-bit, relocatable */
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, 16 * MIB);
	make_unrelocatable(); /* too old to prefer anything */
	header->version = htole16(0x0209);
	header->code32_start = htole32(3 * MIB);
	parse_good(FILE_BYTES);
	assert_int_equal(image.pref_address, MIB);
}

/* A preferred address out of bounds is refused there as well: the sum must not wrap. */
static void test_start_far_below_the_preferred_address(void **state)
{
	static const u64 bad[] = {UINT64_MAX, UINT64_MAX - 59 * MIB, UINT64_MAX - 60 * MIB, 4 * GIB,
				  4 * GIB - 60 * MIB + 1};

	make_unrelocatable();
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		header->pref_address = htole64(bad[i]);
		assert_refused(verdict(), "preferred address is above 4 GiB");
	}
	header->pref_address = htole64(4 * GIB - 60 * MIB);
	parse_good(FILE_BYTES);
	assert_int_equal(image.init_size, 4 * GIB - MIB);
}

/* --- place --- */

static gpa_t place(u64 pref, u64 size, u64 alignment, gpa_t min, gpa_t top)
{
	struct bzimage kernel = {.pref_address = pref, .init_size = size, .alignment = alignment};

	return bzimage_place(&kernel, min, top);
}

static void test_place_preferred(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 16 * MIB);
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 256 * MIB), 16 * MIB);
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 76 * MIB), 16 * MIB); /* exactly */
	/* The preferred address is taken as it is, aligned or not. */
	assert_int_equal(place(17 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 17 * MIB);
	assert_int_equal(place(MIN_LOAD, MIB, 2 * MIB, MIN_LOAD, 2 * MIB), MIN_LOAD);
}

static void test_place_relocated(void **state)
{
	/* Preferred below what may be used: the lowest that is aligned. */
	assert_int_equal(place(0, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 2 * MIB);
	assert_int_equal(place(0x1000, 60 * MIB, 2 * MIB, MIN_LOAD, 62 * MIB), 2 * MIB);
	assert_int_equal(place(0, MIB, 4096, MIN_LOAD, 256 * MIB), MIN_LOAD);
	assert_int_equal(place(0, MIB, 4096, MIN_LOAD + 1, 256 * MIB), MIN_LOAD + 4096);
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, 3 * GIB), 2 * GIB);
	/* It cannot be moved. */
	assert_int_equal(place(0, 60 * MIB, 0, MIN_LOAD, 256 * MIB), 0);
}

static void test_place_does_not_fit(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 0, MIN_LOAD, 76 * MIB - 1), 0);
	assert_int_equal(place(0, 60 * MIB, 2 * MIB, MIN_LOAD, 62 * MIB - 1), 0);
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, 2 * GIB), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, MIN_LOAD), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 0), 0);
	/* Alignment beyond the top of RAM. */
	assert_int_equal(place(0, MIB, 1ULL << 31, MIN_LOAD, GIB), 0);
}

/*
 * A kernel that is loaded below its preferred address moves itself up to it (boot.rst,
 * pref_address, init_size), so a place below helps nobody: it would run out of RAM there.
 */
static void test_place_is_never_below_preferred(void **state)
{
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 64 * MIB), 0);
	assert_int_equal(place(16 * MIB, 60 * MIB, 2 * MIB, MIN_LOAD, 76 * MIB - 1), 0);
	assert_int_equal(place(3 * GIB, 60 * MIB, 2 * MIB, MIN_LOAD, 256 * MIB), 0);
}

/* --- a real one --- */

static void test_a_distributions_kernel(void **state)
{
	const char *home = getenv("HOME");
	const char *why = "";
	char path[512];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/.cache/lkvm-lab/cloud/vmlinuz", home ?: "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		print_message("skipped: there is no %s; tests/lab/fetch-kernel gets it\n", path);
		skip();
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pread_full(fd, head, sizeof(head), 0), 0);
	close(fd);
	if (bzimage_parse(head, sizeof(head), (u64)st.st_size, &image, &why))
		fail_msg("%s: %s", path, why);
	assert_true(image.payload_offset + image.payload_bytes <= (u64)st.st_size);
	assert_int_equal(image.pref_address, 16 * MIB);
	assert_int_equal(bzimage_place(&image, MIN_LOAD, 512 * MIB), 16 * MIB);
	assert_int_equal(image.entries, BZIMAGE_ENTRY_16 | BZIMAGE_ENTRY_32 | BZIMAGE_ENTRY_64);
	assert_true(image.packed_bytes > MIB);
	assert_refused(verdict_of(sizeof(head), (u64)st.st_size - 65536), "is truncated");
	assert_refused(verdict_of(sizeof(head), (u64)st.st_size / 2), "is truncated");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_one),
		TEST(test_the_header_ends_where_it_says),
		TEST(test_no_kernel_at_all),
		TEST(test_64bit_entry),
		TEST(test_32bit_entry),
		TEST(test_no_start_is_no_32bit_entry),
		TEST(test_16bit_entry),
		TEST(test_zimage),
		TEST(test_zimage_of_any_protocol),
		TEST(test_before_the_protocol),
		TEST(test_other_boot_sectors),
		TEST(test_defaults_of_old_protocols),
		TEST(test_relocatable_of_old_protocols),
		TEST(test_short_syssize),
		TEST(test_truncation_at_each_byte_of_the_header),
		TEST(test_truncation_at_each_boundary),
		TEST(test_setup_sects),
		TEST(test_sizes),
		TEST(test_small_init_size),
		TEST(test_packed),
		TEST(test_packed_outside),
		TEST(test_alignment),
		TEST(test_preferred_address),
		TEST(test_start_of_one_that_does_not_relocate),
		TEST(test_start_is_not_believed),
		TEST(test_start_of_others_does_not_matter),
		TEST(test_start_far_below_the_preferred_address),
		TEST(test_place_preferred),
		TEST(test_place_relocated),
		TEST(test_place_does_not_fit),
		TEST(test_place_is_never_below_preferred),
		TEST(test_a_distributions_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
