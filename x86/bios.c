// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BIOS: the data and code that a PC's firmware provides for real-mode code, in low memory and
 * at F000:0000.
 *
 * There is no firmware image. Linux's 16-bit set-up code asks a BIOS for the memory map, the video
 * mode, a keyboard and disks, and flat real-mode programs print characters; bios-code.S implements
 * these few calls. It is linked into this binary, and is written into guest RAM here. The block at
 * its start (bios-params.h) is filled with the numbers of this machine.
 *
 *	00000-003ff	interrupt vectors: all point into the code, most to an IRET
 *	00400-004ff	BIOS data area
 *	fc000-		parameters, entry, services
 *	ffff0-fffff	reset vector, date, model byte
 *
 * The BIOS data area has the four UARTs, the memory size, and video mode 3, but 0 columns, because
 * there is no screen. Linux's set-up code and its decompressor read the number of columns there (if
 * vid_mode is the current mode, 0x0f04). With 0 columns they show nothing and do not access video
 * memory.
 *
 * Called when the boot image is written, see bios.h. No state is kept.
 *
 * Left out: an extended BIOS data area's contents, disks, keyboard, PCI and APM services, VBE,
 * option ROMs.
 *
 * Spec: Ralf Brown's Interrupt List 61 (INT 10h to 1Ah, MEMORY.LST); ACPI 6.5 section
 * 15.1 (E820h); IBM PC AT Technical Reference (1984), section 5.
 */
#include "bios.h"
#include "e820.h"

#include <kvm/kvm.h>
#include <kvm/log.h>

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#define VECTORS		256
#define KIB_OF(bytes)	((bytes) / KIB)
#define EXT_KIB_MAX	(63 * 1024) /* limit of the answer to int 15h AH=88h, as in other BIOSes */
#define LOW_KIB_MAX	(15 * 1024)
#define LOW_END		(16 * MIB)

#define EQUIPMENT_FPU	0x0002
#define EQUIPMENT_COMS	(4 << 9)

#define VIDEO_MODE	3 /* text, 80x25 */
#define VIDEO_ROWS	25
#define CHARACTER_LINES 16
#define CURSOR_SHAPE	0x0607
#define VIDEO_CRTC	0x3d4
#define KEYBOARD_START	0x1e /* the keyboard buffer, in the BIOS data area */
#define KEYBOARD_END	0x3e

#define JMP_FAR		0xea
#define MODEL_AT	0xfc

/* bios-code.S */
struct bios_vector {
	le16 vector, ip;
};
extern const u8 bios_code[];
extern const u32 bios_code_bytes;
extern const struct bios_vector bios_vectors[];
extern const u32 bios_vector_count;
extern const le16 bios_iret_ip, bios_reset_ip;

struct bios_params {
	le16 equipment;
	le16 base_kib;
	le16 ext_kib;
	le16 low_kib;
	le16 high_64kib;
	u8 stop_status;
	u8 reserved;
	le32 e820_count;
	struct boot_e820_entry e820[BIOS_E820_MAX];
} __attribute__((packed));

static_assert(offsetof(struct bios_params, equipment) == BIOS_EQUIPMENT &&
		      offsetof(struct bios_params, base_kib) == BIOS_BASE_KIB &&
		      offsetof(struct bios_params, ext_kib) == BIOS_EXT_KIB &&
		      offsetof(struct bios_params, low_kib) == BIOS_LOW_KIB &&
		      offsetof(struct bios_params, high_64kib) == BIOS_HIGH_64KIB &&
		      offsetof(struct bios_params, stop_status) == BIOS_STOP_STATUS &&
		      offsetof(struct bios_params, e820_count) == BIOS_E820_COUNT &&
		      offsetof(struct bios_params, e820) == BIOS_E820_TABLE &&
		      sizeof(struct bios_params) == BIOS_PARAM_BYTES,
	      "the code looks where bios-params.h says");

/* Fields that stay 0 have no names: printers, disks, shift state, cursors, time since power-on. */
struct bios_data {
	le16 com[4];
	u8 lpt[6];
	le16 ebda_segment;
	le16 equipment; /* 10h */
	u8 reserved12;
	le16 base_kib;
	u8 reserved15[5];
	le16 keyboard_head; /* 1ah */
	le16 keyboard_tail;
	u8 reserved1e[0x2b];
	u8 video_mode;	    /* 49h */
	le16 video_columns; /* 0: no screen */
	u8 reserved4c[0x14];
	le16 cursor_shape; /* 60h */
	u8 video_page;
	le16 video_crtc;
	u8 reserved65[0x1b]; /* 6ch: ticks, 70h: midnight */
	le16 keyboard_start; /* 80h */
	le16 keyboard_end;
	u8 video_last_row;
	le16 character_lines;
	u8 reserved87[0x79];
} __attribute__((packed));

static_assert(offsetof(struct bios_data, equipment) == 0x10 &&
		      offsetof(struct bios_data, keyboard_head) == 0x1a &&
		      offsetof(struct bios_data, video_mode) == 0x49 &&
		      offsetof(struct bios_data, cursor_shape) == 0x60 &&
		      offsetof(struct bios_data, keyboard_start) == 0x80 &&
		      sizeof(struct bios_data) == 0x100,
	      "the BIOS data area is where programs look");

struct bios_reset {
	u8 jump;
	le16 ip, cs;
	char date[8];
	u8 reserved;
	u8 model;
	u8 submodel;
} __attribute__((packed));

static_assert(LAYOUT_BIOS_RESET + sizeof(struct bios_reset) == LAYOUT_BIOS_END &&
		      LAYOUT_BDA + sizeof(struct bios_data) <= LAYOUT_GDT,
	      "they fit where they belong");

static int bios_fill_params(const struct gmem *mem, struct bios_params *params)
{
	struct boot_e820_entry table[E820_MAX_ENTRIES_ZEROPAGE];
	unsigned int count = e820_fill(mem, table);
	u64 top = gmem_low_top(mem);
	u64 ext = top - MIN(top, (u64)LAYOUT_KERNEL_MIN);

	if (count > BIOS_E820_MAX)
		return log_fail(-E2BIG, "BIOS: the memory map has %u entries; at most %d fit",
				count, BIOS_E820_MAX);
	*params = (struct bios_params){
		.equipment = htole16(EQUIPMENT_FPU | EQUIPMENT_COMS),
		.base_kib = htole16(KIB_OF(LAYOUT_EBDA)),
		.ext_kib = htole16(MIN(KIB_OF(ext), EXT_KIB_MAX)),
		.low_kib = htole16(MIN(KIB_OF(ext), LOW_KIB_MAX)),
		.high_64kib = htole16((top - MIN(top, LOW_END)) / (64 * KIB)),
		.stop_status = STATUS_CRASH,
		.e820_count = htole32(count),
	};
	memcpy(params->e820, table, count * sizeof(table[0]));
	return 0;
}

static int bios_write_vectors(const struct gmem *mem)
{
	struct {
		le16 ip, cs;
	} ivt[VECTORS];

	for (size_t i = 0; i < VECTORS; i++) {
		ivt[i].ip = bios_iret_ip;
		ivt[i].cs = htole16(BIOS_SEGMENT);
	}
	for (u32 i = 0; i < bios_vector_count; i++)
		ivt[le16toh(bios_vectors[i].vector)].ip = bios_vectors[i].ip;
	return gmem_write(mem, LAYOUT_IVT, ivt, sizeof(ivt));
}

static int bios_write_data(const struct gmem *mem, const struct bios_params *params)
{
	const struct bios_data data = {
		.com = {htole16(PORT_COM1), htole16(PORT_COM2), htole16(PORT_COM3),
			htole16(PORT_COM4)},
		.ebda_segment = htole16(LAYOUT_EBDA >> 4),
		.equipment = params->equipment,
		.base_kib = params->base_kib,
		.keyboard_head = htole16(KEYBOARD_START),
		.keyboard_tail = htole16(KEYBOARD_START),
		.video_mode = VIDEO_MODE,
		.cursor_shape = htole16(CURSOR_SHAPE),
		.video_crtc = htole16(VIDEO_CRTC),
		.keyboard_start = htole16(KEYBOARD_START),
		.keyboard_end = htole16(KEYBOARD_END),
		.video_last_row = VIDEO_ROWS - 1,
		.character_lines = htole16(CHARACTER_LINES),
	};

	return gmem_write(mem, LAYOUT_BDA, &data, sizeof(data));
}

static int bios_write_code(const struct gmem *mem, const struct bios_params *params)
{
	const struct bios_reset reset = {
		.jump = JMP_FAR,
		.ip = bios_reset_ip,
		.cs = htole16(BIOS_SEGMENT),
		.date = {'0', '1', '/', '0', '1', '/', '2', '6'},
		.model = MODEL_AT,
	};
	int err = gmem_write(mem, LAYOUT_BIOS, bios_code, bios_code_bytes);

	err = err ?: gmem_write(mem, LAYOUT_BIOS, params, sizeof(*params));
	return err ?: gmem_write(mem, LAYOUT_BIOS_RESET, &reset, sizeof(reset));
}

int bios_write(const struct gmem *mem)
{
	struct bios_params params;
	int err = bios_fill_params(mem, &params);

	if (err)
		return err;
	err = bios_write_code(mem, &params);
	err = err ?: bios_write_vectors(mem);
	err = err ?: bios_write_data(mem, &params);
	return err ? log_fail(err, "--mem: too little RAM for the BIOS; it needs 1 MiB") : 0;
}
