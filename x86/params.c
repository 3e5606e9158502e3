// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the zero page, which Linux's own boot protocols give to the kernel.
 *
 * For the 32-bit and the 64-bit entry lkvm does the work of a boot loader and of the set-up code:
 * the zero page has the header of the kernel file with the loader's fields filled in, and the
 * memory map and RSDP that set-up code would get from the BIOS. For the 16-bit entry the kernel's
 * own set-up code runs and makes the zero page itself, from the header in its boot sector; so that
 * header is filled in where it was loaded. In both cases the command line is a string at
 * LAYOUT_CMDLINE. Two kinds of kernels get it after the set-up code's heap instead: those too old
 * for a pointer to it, and those that load low, where it would be.
 *
 * A setup_data record has 32 random bytes for the guest's early random numbers, new at each call.
 * It is in low memory, which the kernel does not overwrite while it unpacks.
 *
 * Main thread; called at power-on and at each reset.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst ("Details of Header Fields", "The Kernel
 * Command Line", "Sample Boot Configuration"), zero-page.rst.
 */
#include "params.h"
#include "e820.h"
#include "layout.h"

#include <kvm/log.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

#define LOADER_UNKNOWN	    0xff /* type_of_loader without an assigned number */
#define VIDEO_NORMAL	    0xffff
#define VIDEO_CURRENT	    0x0f04 /* for set-up code: do not probe a screen */
#define SEED_BYTES	    32
#define HEADER_OFFSET	    0x1f1
#define HEAP_END	    (LAYOUT_SETUP_HEAP - LAYOUT_SETUP - 0x200)

#define PROTOCOL_HEAP	    0x0201
#define PROTOCOL_CMDLINE    0x0202
#define PROTOCOL_SETUP_DATA 0x0209

/* Before 2.02: two words in the set-up segment point to the command line. */
#define OLD_CMDLINE_MAGIC_AT 0x20
#define OLD_CMDLINE_MAGIC    0xa33f
#define OLD_CMDLINE_MAX	     (LAYOUT_EBDA - LAYOUT_SETUP_HEAP)

/* Write random bytes for the guest's early random numbers. */
static int params_write_seed(const struct gmem *mem)
{
	struct {
		struct setup_data head;
		u8 seed[SEED_BYTES];
	} data = {.head = {.type = htole32(SETUP_RNG_SEED), .len = htole32(SEED_BYTES)}};
	int err;

	if (getrandom(data.seed, sizeof(data.seed), 0) != sizeof(data.seed))
		return log_fail(-EIO, "RNG seed: %s", strerror(errno));
	err = gmem_write(mem, LAYOUT_SETUP_DATA, &data, sizeof(data));
	explicit_bzero(&data, sizeof(data));
	return err;
}

/* Set only fields that this version of the protocol has: an older kernel has other data there. */
static void params_fill_header(const struct params *from, gpa_t cmdline,
			       struct setup_header *header)
{
	u16 version = from->bz->version;

	header->type_of_loader = LOADER_UNKNOWN;
	header->vid_mode = htole16(VIDEO_NORMAL);
	header->ramdisk_image = htole32((u32)from->initrd);
	header->ramdisk_size = htole32((u32)from->initrd_bytes);
	/* A zImage moves itself down to its own code32_start, over much of low memory: keep it. */
	if (!from->bz->low)
		header->code32_start = htole32((u32)from->load);
	header->loadflags &= (u8)~KEEP_SEGMENTS;
	if (from->randomized)
		header->loadflags |= KASLR_FLAG;
	if (version >= PROTOCOL_HEAP) {
		header->loadflags |= CAN_USE_HEAP;
		header->heap_end_ptr = htole16(HEAP_END);
	}
	if (version >= PROTOCOL_CMDLINE)
		header->cmd_line_ptr = htole32((u32)cmdline);
	if (version >= PROTOCOL_SETUP_DATA && !from->bz->low)
		header->setup_data = htole64(LAYOUT_SETUP_DATA);
}

static int params_say(int err)
{
	if (err)
		log_error("--mem: too little RAM for the boot parameters");
	return err;
}

int params_write(const struct gmem *mem, const struct params *from)
{
	struct boot_params params = {.hdr = from->bz->header};
	int err;

	params_fill_header(from, LAYOUT_CMDLINE, &params.hdr);
	params.hdr.loadflags |= LOADED_HIGH;
	params.acpi_rsdp_addr = htole64(LAYOUT_ACPI);
	/* For kernels older than the e820 map. */
	params.alt_mem_k = htole32((u32)((gmem_low_top(mem) - MIB) / KIB));
	params.screen_info.ext_mem_k = htole16((u16)MIN(le32toh(params.alt_mem_k), 0xfc00U));
	params.e820_entries = (u8)e820_fill(mem, params.e820_table);
	err = gmem_write(mem, LAYOUT_ZERO_PAGE, &params, sizeof(params));
	err = err ?: gmem_write(mem, LAYOUT_CMDLINE, from->cmdline, strlen(from->cmdline) + 1);
	err = err ?: params_write_seed(mem);
	return params_say(err);
}

int params_write_setup(const struct gmem *mem, const struct params *from)
{
	bool old = from->bz->version < PROTOCOL_CMDLINE || from->bz->low;
	gpa_t cmdline = old ? LAYOUT_SETUP_HEAP : LAYOUT_CMDLINE;
	size_t bytes = strlen(from->cmdline) + 1;
	struct setup_header header = from->bz->header;
	/* Write only the header's own length: code follows it. */
	size_t len = 0x200 - HEADER_OFFSET;
	int err = 0;

	if (old && bytes > OLD_CMDLINE_MAX)
		return log_fail(-E2BIG,
				"command line: too long for a kernel of this old boot protocol");
	if (from->bz->version)
		len = MIN((size_t)(0x202 + (le16toh(header.jump) >> 8) - HEADER_OFFSET),
			  sizeof(header));
	params_fill_header(from, cmdline, &header);
	header.vid_mode = htole16(VIDEO_CURRENT);
	err = gmem_write(mem, LAYOUT_SETUP + HEADER_OFFSET, &header, len);
	err = err ?: gmem_write(mem, cmdline, from->cmdline, bytes);
	if (!err && from->bz->version < PROTOCOL_CMDLINE) {
		const le16 old_way[] = {htole16(OLD_CMDLINE_MAGIC),
					htole16((u16)(LAYOUT_SETUP_HEAP - LAYOUT_SETUP))};

		err = gmem_write(mem, LAYOUT_SETUP + OLD_CMDLINE_MAGIC_AT, old_way,
				 sizeof(old_way));
	}
	err = err ?: params_write_seed(mem);
	return params_say(err);
}
