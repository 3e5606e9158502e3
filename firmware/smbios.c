// SPDX-License-Identifier: GPL-2.0-only
/*
 * SMBIOS: names and properties of the machine, for people and for drivers with lists of machines.
 *
 *	entry point -> structures: 0 firmware, 1 system, 3 chassis, 4 processor,
 *		       16 memory array, 17 its one module, 19 where that is mapped,
 *		       32 how the machine came up, 127 end
 *
 * A kernel finds the 64-bit entry point by its anchor, on a 16-byte boundary of 0xf0000 to 0xfffff;
 * ours is at LAYOUT_SMBIOS, and the structures begin 32 bytes later. There is no 32-bit entry
 * point: Linux has read the 64-bit one since 3.19.
 *
 * A structure is its fields and then its strings. Each string ends with a 0, and the last one with
 * another 0. A field for a string has the string's number, 1 for the first, or 0 for none. The
 * functions for this are smbios_begin(), smbios_string() for each string, and smbios_end().
 *
 * Each value is true for this machine, or is the specification's value for "unknown". The serial
 * number in type 1 is the instance's name, so that a guest can read its name. The UUID is all zero,
 * which means "none": a UUID made from the name would be the same on each host that uses the name,
 * and a random one would change at each start.
 *
 * The tables are written by reset() of the struct device registered here, at power-on and at each
 * reset after RAM was cleared: main thread, no vCPU runs. Numbers are little-endian, as the host
 * is.
 *
 * Left out: types 7 and 9 (caches, slots), for which CPUID and PCI are better sources, and 2
 * (board).
 *
 * Spec: DMTF DSP0134, SMBIOS 3.0: 5.2.2 (entry point), 6.1 (structures and strings), 7.1
 * (firmware), 7.2 (system), 7.4 (chassis), 7.5 (processor), 7.17 to 7.20 (memory), 7.33
 * (boot), 7.45 (end)
 */
#include "smbios.h"
#include "checksum.h"
#include "x86/layout.h"
#include <kvm/cpuid.h>

#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SMBIOS_DATE	   "11/21/2026" /* when these tables last changed */
#define SMBIOS_NAME_MAX	   255		/* bytes of the machine's name */
#define SMBIOS_TABLE_BYTES 1024		/* enough for all, with the longest name */
#define HANDLE_NONE	   0xfffe
#define HANDLE_NO_CACHE	   0xffff

/* --- the structures in the layout of the specification --- */

struct smbios_entry {
	char anchor[5];
	u8 checksum;
	u8 length;
	u8 major, minor, docrev;
	u8 revision;
	u8 reserved;
	le32 table_bytes;
	le64 table;
} __attribute__((packed));

struct smbios_header {
	u8 type;
	u8 length; /* without the strings */
	le16 handle;
} __attribute__((packed));

struct smbios_firmware {
	struct smbios_header header;
	u8 vendor;
	u8 version;
	le16 segment; /* 0: no start address of BIOS code */
	u8 date;
	u8 rom_size; /* in 64 KiB, minus one */
	le64 characteristics;
	u8 extension[2];
	u8 major, minor;
	u8 controller_major, controller_minor;
} __attribute__((packed));

#define CHARACTERISTICS_NOT_SUPPORTED 0x08 /* no information about floppies and similar */
#define EXTENSION_ACPI		      0x01 /* in the first byte */
#define EXTENSION_VIRTUAL_MACHINE     0x10 /* in the second */
#define VERSION_NONE		      0xff

struct smbios_system {
	struct smbios_header header;
	u8 manufacturer;
	u8 product;
	u8 version;
	u8 serial;
	u8 uuid[16];
	u8 wakeup; /* 6: power switch */
	u8 sku;
	u8 family;
} __attribute__((packed));

struct smbios_chassis {
	struct smbios_header header;
	u8 manufacturer;
	u8 kind; /* 1: other */
	u8 version;
	u8 serial;
	u8 asset;
	u8 boot_state, power_state, thermal_state; /* 3: safe */
	u8 security;				   /* 2: unknown */
	le32 oem;
	u8 height, cords;
	u8 element_count, element_bytes;
	u8 sku;
} __attribute__((packed));

struct smbios_processor {
	struct smbios_header header;
	u8 socket;
	u8 kind;   /* 3: central processor */
	u8 family; /* 2: unknown */
	u8 manufacturer;
	le32 id[2]; /* EAX and EDX of CPUID leaf 1 */
	u8 version;
	u8 voltage;
	le16 external_clock, max_speed, current_speed; /* 0: unknown */
	u8 status;				       /* bit 6: socket populated; 1: enabled */
	u8 upgrade;				       /* 2: unknown */
	le16 cache_handles[3];
	u8 serial;
	u8 asset;
	u8 part;
	u8 cores, cores_enabled, threads;
	le16 characteristics; /* bit 2: 64 bits, 3: several cores */
	le16 family2;
	le16 cores2, cores_enabled2, threads2;
} __attribute__((packed));

struct smbios_memory_array {
	struct smbios_header header;
	u8 location; /* 3: mainboard */
	u8 use;	     /* 3: system memory */
	u8 ecc;	     /* 3: none */
	le32 capacity;
	le16 error_handle;
	le16 modules;
	le64 extended_capacity; /* in bytes, used if capacity is 0x80000000 */
} __attribute__((packed));

struct smbios_memory_module {
	struct smbios_header header;
	le16 array;
	le16 error_handle;
	le16 total_width, data_width; /* 0xffff: unknown */
	le16 size;		      /* 0x7fff: see extended_size */
	u8 form;		      /* 1: other */
	u8 set;
	u8 locator;
	u8 bank;
	u8 kind;     /* 7: RAM */
	le16 detail; /* bit 2: unknown */
	le16 speed;
	u8 manufacturer;
	u8 serial;
	u8 asset;
	u8 part;
	u8 attributes;
	le32 extended_size; /* in MiB, 31 bits */
	le16 configured_speed;
	le16 voltages[3];
} __attribute__((packed));

struct smbios_mapped {
	struct smbios_header header;
	le32 start, end; /* all ones in start: see first and last */
	le16 array;
	u8 width;	  /* modules in a row */
	le64 first, last; /* bytes */
} __attribute__((packed));

struct smbios_boot {
	struct smbios_header header;
	u8 reserved[6];
	u8 status; /* 0: no errors */
} __attribute__((packed));

static_assert(sizeof(struct smbios_entry) == 24 && sizeof(struct smbios_firmware) == 0x18 &&
		      sizeof(struct smbios_system) == 0x1b &&
		      sizeof(struct smbios_chassis) == 0x16 &&
		      sizeof(struct smbios_processor) == 0x30 &&
		      sizeof(struct smbios_memory_array) == 0x17 &&
		      sizeof(struct smbios_memory_module) == 0x28 &&
		      sizeof(struct smbios_mapped) == 0x1f && sizeof(struct smbios_boot) == 0x0b,
	      "sizes the specification gives");

/* The content of the window in guest memory. */
struct smbios_image {
	struct smbios_entry entry;
	u8 reserved[8];
	u8 table[SMBIOS_TABLE_BYTES];
};

static_assert(sizeof(struct smbios_image) <= LAYOUT_SMBIOS_END - LAYOUT_SMBIOS, "it fits");
static_assert(LAYOUT_SMBIOS % 16 == 0 && LAYOUT_SMBIOS >= 0xf0000, "kernels find it");

/* --- structures with their strings, one after the other --- */

struct smbios_writer {
	u8 *table;
	size_t used;
	u8 strings;  /* number of strings in the current structure */
	u16 handles; /* the next handle; the first is 0 */
};

/* Append len bytes. Only our own data, for which the table is always large enough. */
static void *smbios_add(struct smbios_writer *writer, const void *bytes, size_t len)
{
	void *at = writer->table + writer->used;

	assert(len <= SMBIOS_TABLE_BYTES - writer->used);
	memcpy(at, bytes, len);
	writer->used += len;
	return at;
}

/* Append a copy of a structure without its strings, and return the copy. */
static void *smbios_begin(struct smbios_writer *writer, u8 type, const void *bytes, size_t len)
{
	struct smbios_header *header = smbios_add(writer, bytes, len);

	header->type = type;
	header->length = (u8)len;
	header->handle = writer->handles++;
	writer->strings = 0;
	return header;
}

/* Append a string, at most SMBIOS_NAME_MAX bytes of it. Returns its number, 0 if empty. */
static u8 smbios_string(struct smbios_writer *writer, const char *text)
{
	size_t len = strnlen(text, SMBIOS_NAME_MAX);

	if (!len)
		return 0;
	smbios_add(writer, text, len);
	smbios_add(writer, "", 1);
	return ++writer->strings;
}

static void smbios_end(struct smbios_writer *writer)
{
	smbios_add(writer, "\0", writer->strings ? 1 : 2);
}

/* --- the content --- */

static void smbios_add_firmware(struct smbios_writer *writer)
{
	const struct smbios_firmware fields = {
		.characteristics = CHARACTERISTICS_NOT_SUPPORTED,
		.extension = {EXTENSION_ACPI, EXTENSION_VIRTUAL_MACHINE},
		.major = VERSION_NONE,
		.minor = VERSION_NONE,
		.controller_major = VERSION_NONE,
		.controller_minor = VERSION_NONE,
	};
	struct smbios_firmware *entry = smbios_begin(writer, 0, &fields, sizeof(fields));

	entry->vendor = smbios_string(writer, "LKVM");
	entry->version = smbios_string(writer, LKVM_VERSION);
	entry->date = smbios_string(writer, SMBIOS_DATE);
	smbios_end(writer);
}

static void smbios_add_system(struct smbios_writer *writer, const char *name)
{
	const struct smbios_system fields = {.wakeup = 6};
	struct smbios_system *entry = smbios_begin(writer, 1, &fields, sizeof(fields));

	entry->manufacturer = smbios_string(writer, "LKVM");
	entry->product = smbios_string(writer, "Virtual Machine");
	entry->version = smbios_string(writer, LKVM_VERSION);
	entry->serial = smbios_string(writer, name);
	smbios_end(writer);
}

static void smbios_add_chassis(struct smbios_writer *writer)
{
	const struct smbios_chassis fields = {
		.kind = 1,
		.boot_state = 3,
		.power_state = 3,
		.thermal_state = 3,
		.security = 2,
	};
	struct smbios_chassis *entry = smbios_begin(writer, 3, &fields, sizeof(fields));

	entry->manufacturer = smbios_string(writer, "LKVM");
	smbios_end(writer);
}

/* One package of cores with one thread each, as in cpuid.c. */
static void smbios_add_processor(struct smbios_writer *writer, unsigned int cpu_count)
{
	u8 count = (u8)MIN(cpu_count, 255U);
	struct smbios_processor fields = {
		.kind = 3,
		.family = 2,
		.status = 1 << 6 | 1,
		.upgrade = 2,
		.cache_handles = {HANDLE_NO_CACHE, HANDLE_NO_CACHE, HANDLE_NO_CACHE},
		.cores = count,
		.cores_enabled = count,
		.threads = count,
		.characteristics = 1 << 2 | (cpu_count > 1) << 3,
		.family2 = 2,
		.cores2 = (u16)cpu_count,
		.cores_enabled2 = (u16)cpu_count,
		.threads2 = (u16)cpu_count,
	};
	struct smbios_processor *entry;
	u32 id[2];

	x86_cpuid_signature(&id[0], &id[1]);
	memcpy(fields.id, id, sizeof(id));
	entry = smbios_begin(writer, 4, &fields, sizeof(fields));
	entry->socket = smbios_string(writer, "CPU 0");
	smbios_end(writer);
}

/* Addresses are in KiB if 32 bits are enough, else in bytes with 64 bits. */
static void smbios_add_mapped(struct smbios_writer *writer, const struct gmem_bank *bank, u16 array)
{
	u64 last = bank->base + bank->size - 1;
	bool wide = last / KIB >= UINT32_MAX;
	const struct smbios_mapped mapped = {
		.start = wide ? UINT32_MAX : (u32)(bank->base / KIB),
		.end = wide ? UINT32_MAX : (u32)(last / KIB),
		.array = array,
		.width = 1,
		.first = wide ? bank->base : 0,
		.last = wide ? last : 0,
	};

	smbios_begin(writer, 19, &mapped, sizeof(mapped));
	smbios_end(writer);
}

/* All RAM is described as one module, and every bank is a part of it. */
static void smbios_add_memory(struct smbios_writer *writer, const struct gmem *mem)
{
	const struct smbios_memory_array array = {
		.location = 3,
		.use = 3,
		.ecc = 3,
		.capacity = 0x80000000,
		.error_handle = HANDLE_NONE,
		.modules = 1,
		.extended_capacity = gmem_total(mem),
	};
	const struct smbios_memory_module module = {
		.array = writer->handles, /* the next handle: that of the array */
		.error_handle = HANDLE_NONE,
		.total_width = 0xffff,
		.data_width = 0xffff,
		.size = (u16)MIN(gmem_total(mem) / MIB, 0x7fffULL),
		.form = 1,
		.kind = 7,
		.detail = 1 << 2,
		.extended_size = (u32)MIN(gmem_total(mem) / MIB, 0x7fffffffULL),
	};
	struct smbios_memory_module *entry;

	smbios_begin(writer, 16, &array, sizeof(array));
	smbios_end(writer);
	entry = smbios_begin(writer, 17, &module, sizeof(module));
	entry->locator = smbios_string(writer, "RAM");
	smbios_end(writer);
	for (unsigned int i = 0; i < mem->count; i++)
		smbios_add_mapped(writer, &mem->banks[i], module.array);
}

static void smbios_add_boot_and_end(struct smbios_writer *writer)
{
	const struct smbios_boot boot = {.status = 0};
	const struct smbios_header end = {0};

	smbios_begin(writer, 32, &boot, sizeof(boot));
	smbios_end(writer);
	smbios_begin(writer, 127, &end, sizeof(end));
	smbios_end(writer);
}

/* --- the whole table --- */

static void smbios_fill_entry(struct smbios_entry *entry, size_t table_bytes)
{
	*entry = (struct smbios_entry){
		.length = sizeof(*entry),
		.major = 3,
		.revision = 1,
		.table_bytes = table_bytes,
		.table = LAYOUT_SMBIOS + offsetof(struct smbios_image, table),
	};
	memcpy(entry->anchor, "_SM3_", 5);
	entry->checksum = checksum(entry, sizeof(*entry));
}

int smbios_write(const struct gmem *mem, const char *name, unsigned int cpu_count)
{
	struct smbios_image image = {0};
	struct smbios_writer writer = {.table = image.table};
	int err;

	smbios_add_firmware(&writer);
	smbios_add_system(&writer, name);
	smbios_add_chassis(&writer);
	smbios_add_processor(&writer, cpu_count);
	smbios_add_memory(&writer, mem);
	smbios_add_boot_and_end(&writer);
	smbios_fill_entry(&image.entry, writer.used);
	err = gmem_write(mem, LAYOUT_SMBIOS, &image,
			 offsetof(struct smbios_image, table) + writer.used);
	return err ? log_fail(err, "smbios: no RAM for the tables at %#x", LAYOUT_SMBIOS) : 0;
}

/* --- the device that writes them at each reset --- */

static struct kvm *smbios_kvm;

static int smbios_reset(struct device *dev)
{
	return smbios_write(&smbios_kvm->mem, config.name, smbios_kvm->cpu_count);
}

static struct device smbios_device = {
	.name = "smbios", .stage = DEVICE_FIRMWARE, .reset = smbios_reset};

static int smbios_init(struct kvm *kvm)
{
	smbios_kvm = kvm;
	device_register(&smbios_device);
	return 0;
}

static void smbios_exit(struct kvm *kvm)
{
	device_unregister(&smbios_device);
}

INIT_MODULE(smbios, .level = INIT_FIRMWARE, .init = smbios_init, .exit = smbios_exit);
