// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MP table: processors and interrupts for a kernel that does not read ACPI tables.
 *
 *	floating pointer -> configuration table: processors, buses, the IOAPIC,
 *			    where each ISA interrupt goes, LINT0 and LINT1
 *
 * A kernel finds the floating pointer by its signature, on a 16-byte boundary of the last KiB of
 * low memory or of 0xf0000 to 0xfffff; ours is at LAYOUT_MPTABLE, and the table follows it. The
 * content is that of the MADT, in an older form: the same APIC ids, the same id of the IOAPIC, IRQ
 * 0 at the IOAPIC's pin 2, the SCI level-triggered and active high (acpi.h has the values that both
 * share). A kernel that reads the MADT ignores this table.
 *
 * Machine: virtual wire mode, no IMCR. Every local APIC has the PICs' output at LINT0 and NMI at
 * LINT1, as set up by cpu.c. The bus of the PCI root bridge, if a device describes one, has its PCI
 * bus number as its id, because Linux uses the id as the bus number. ISA's id is the next one, or 0
 * without PCI.
 *
 * The table is written by reset() of the struct device registered here, at power-on and at each
 * reset after RAM was cleared: main thread, no vCPU runs. It is built in private memory and then
 * copied. Numbers are little-endian, as the host is.
 *
 * The interrupt pins of PCI devices come from the record of the root bridge, like those of the
 * _PRT: level-triggered, active low, as always with PCI.
 *
 * Left out on purpose: the extended entries (address space and bus hierarchy; no kernel needs
 * them), and processors above APIC id 254, whose ids do not fit.
 *
 * Spec: Intel MultiProcessor Specification 1.4, sections 3.6.2 (interrupt modes), 4.1
 * (floating pointer), 4.2 (header), 4.3 (entries)
 */
#include "mptable.h"
#include "acpi.h"
#include "checksum.h"
#include "x86/layout.h"
#include <kvm/cpuid.h>

#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/irq-pin.h>
#include <kvm/irq.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPEC_1_4       4
#define LAPIC_VERSION  0x14 /* as in the version register of KVM's chip */
#define IOAPIC_VERSION 0x11
#define APIC_ID_ALL    0xff
#define ISA_INTERRUPTS 16
#define ISA_CASCADE    2 /* connects the two PICs, so it is not an ISA line */
#define BUSES_MAX      2
#define PCI_PINS_MAX   128
#define LEVEL_LOW      0x0f /* flags of an interrupt entry */

/* --- the structures in the layout of the specification --- */

struct mp_floating {
	char signature[4];
	le32 table;
	u8 length; /* in units of 16 bytes */
	u8 spec_revision;
	u8 checksum;
	u8 features[5]; /* all 0: there is a table, but no IMCR */
} __attribute__((packed));

struct mp_header {
	char signature[4];
	le16 length; /* of header and entries */
	u8 spec_revision;
	u8 checksum;
	char oem_id[8];
	char product_id[12];
	le32 oem_table;
	le16 oem_table_length;
	le16 entry_count;
	le32 lapic_address;
	le16 extended_length;
	u8 extended_checksum;
	u8 reserved;
} __attribute__((packed));

enum mp_entry_type {
	MP_PROCESSOR,
	MP_BUS,
	MP_IOAPIC,
	MP_INTERRUPT,
	MP_LOCAL_INTERRUPT,
};

struct mp_processor {
	u8 type;
	u8 apic_id;
	u8 apic_version;
	u8 flags;
	le32 signature;
	le32 features;
	le32 reserved[2];
} __attribute__((packed));

enum { /* mp_processor.flags */
       PROCESSOR_ENABLED = 1 << 0,
       PROCESSOR_BOOTS = 1 << 1,
};

struct mp_bus {
	u8 type;
	u8 id;
	char name[6];
} __attribute__((packed));

struct mp_ioapic {
	u8 type;
	u8 id;
	u8 version;
	u8 flags; /* bit 0: enabled */
	le32 address;
} __attribute__((packed));

enum mp_interrupt_kind {
	KIND_INT,
	KIND_NMI,
	KIND_SMI,
	KIND_EXTINT,
};

/* For a pin of an IOAPIC and for a pin of a local APIC. */
struct mp_interrupt {
	u8 type;
	u8 kind;
	le16 flags; /* bits 1:0 polarity, 3:2 trigger mode; 0: as usual on the bus */
	u8 bus;
	u8 source;
	u8 apic_id;
	u8 pin;
} __attribute__((packed));

/* With space for the most entries. Entries are packed, so fewer use only the first part. */
struct mp_image {
	struct mp_floating floating;
	struct mp_header header;
	u8 entries[MPTABLE_CPUS_MAX * sizeof(struct mp_processor) +
		   BUSES_MAX * sizeof(struct mp_bus) + sizeof(struct mp_ioapic) +
		   (IRQ_LINES + PCI_PINS_MAX + 2) * sizeof(struct mp_interrupt)];
} __attribute__((packed));

static_assert(sizeof(struct mp_floating) == 16 && sizeof(struct mp_header) == 44 &&
		      sizeof(struct mp_processor) == 20 && sizeof(struct mp_bus) == 8 &&
		      sizeof(struct mp_ioapic) == 8 && sizeof(struct mp_interrupt) == 8,
	      "sizes the specification gives");
static_assert(sizeof(struct mp_image) <= LAYOUT_MPTABLE_END - LAYOUT_MPTABLE, "it fits");
static_assert(LAYOUT_MPTABLE % 16 == 0 && LAYOUT_MPTABLE >= 0xf0000, "kernels find it");

/* --- entries, one after the other --- */

struct mp_writer {
	struct mp_image *image;
	size_t used; /* bytes of entries */
	u8 isa_bus, ioapic_id;
	int pci_bus; /* -1: there is none */
	u32 lines;   /* bits of the lines above ISA's that have an entry */
};

static void mptable_add(struct mp_writer *writer, const void *entry, size_t len)
{
	assert(len <= sizeof(writer->image->entries) - writer->used);
	memcpy(writer->image->entries + writer->used, entry, len);
	writer->used += len;
	writer->image->header.entry_count++;
}

static void mptable_add_processors(struct mp_writer *writer, unsigned int cpu_count)
{
	u32 signature, features;

	x86_cpuid_signature(&signature, &features);
	for (unsigned int i = 0; i < cpu_count; i++) {
		const struct mp_processor entry = {
			.type = MP_PROCESSOR,
			.apic_id = i,
			.apic_version = LAPIC_VERSION,
			.flags = PROCESSOR_ENABLED | (i == 0 ? PROCESSOR_BOOTS : 0),
			.signature = signature,
			.features = features,
		};

		mptable_add(writer, &entry, sizeof(entry));
	}
}

static void mptable_add_bus(struct mp_writer *writer, u8 id, const char name[6])
{
	struct mp_bus entry = {.type = MP_BUS, .id = id};

	memcpy(entry.name, name, sizeof(entry.name));
	mptable_add(writer, &entry, sizeof(entry));
}

/* The bus number of a PCI root bridge, if it and the next id, for ISA, have 8 bits; else -1. */
static int mptable_bus_of(const struct device_record *record)
{
	for (unsigned int i = 0; i < record->count; i++) {
		const struct device_resource *res = &record->resources[i];

		if (res->type == RESOURCE_BUS_NUMBERS && res->base < UINT8_MAX)
			return (int)res->base;
	}
	return -1;
}

static void mptable_note_pci_bus(void *arg, const struct device_record *record)
{
	struct mp_writer *writer = arg;

	if (writer->pci_bus < 0)
		writer->pci_bus = mptable_bus_of(record);
}

struct mp_walk {
	struct mp_writer *writer;
	void (*see)(void *arg, const struct device_record *record);
};

static void mptable_ask(struct device *dev, void *arg)
{
	const struct mp_walk *walk = arg;

	if (dev->describe)
		dev->describe(dev, walk->see, walk->writer);
}

/* Call see() for each record of each device. */
static void mptable_for_each_record(struct mp_writer *writer,
				    void (*see)(void *arg, const struct device_record *record))
{
	struct mp_walk walk = {.writer = writer, .see = see};

	device_for_each(mptable_ask, &walk);
}

/* Add the buses in ascending order of ids, as the specification requires. */
static void mptable_add_buses(struct mp_writer *writer)
{
	writer->pci_bus = -1;
	mptable_for_each_record(writer, mptable_note_pci_bus);
	if (writer->pci_bus >= 0)
		mptable_add_bus(writer, (u8)writer->pci_bus, "PCI   ");
	writer->isa_bus = (u8)(writer->pci_bus + 1);
	mptable_add_bus(writer, writer->isa_bus, "ISA   ");
}

static void mptable_add_ioapic(struct mp_writer *writer)
{
	const struct mp_ioapic entry = {
		.type = MP_IOAPIC,
		.id = writer->ioapic_id,
		.version = IOAPIC_VERSION,
		.flags = 1,
		.address = LAYOUT_IOAPIC,
	};

	mptable_add(writer, &entry, sizeof(entry));
}

/* Flags of an ISA line. Only the SCI and shared lines differ from ISA's default. */
static u16 mptable_isa_flags(u8 irq)
{
	if (irq == GSI_ACPI)
		return ACPI_SCI_FLAGS;
	return irq_pin_shares_line(irq) ? LEVEL_LOW : 0;
}

/* Pins and flags equal the MADT's overrides; all other lines are 1:1, as without an override. */
static void mptable_add_isa_interrupts(struct mp_writer *writer)
{
	for (u8 irq = 0; irq < ISA_INTERRUPTS; irq++) {
		const struct mp_interrupt entry = {
			.type = MP_INTERRUPT,
			.kind = KIND_INT,
			.flags = mptable_isa_flags(irq),
			.bus = writer->isa_bus,
			.source = irq,
			.apic_id = writer->ioapic_id,
			.pin = irq == 0 ? GSI_PIT : irq,
		};

		if (irq != ISA_CASCADE)
			mptable_add(writer, &entry, sizeof(entry));
	}
}

/* The source is device and pin. The flags say level and low, although that is PCI's default. */
static void mptable_add_pci_interrupts(void *arg, const struct device_record *record)
{
	struct mp_writer *writer = arg;

	if (writer->pci_bus < 0 || mptable_bus_of(record) != writer->pci_bus)
		return;
	for (unsigned int i = 0; i < record->pin_count; i++) {
		const struct device_pin *pin = &record->pins[i];
		const struct mp_interrupt entry = {
			.type = MP_INTERRUPT,
			.kind = KIND_INT,
			.flags = LEVEL_LOW,
			.bus = (u8)writer->pci_bus,
			.source = (u8)(pin->device << 2 | pin->pin),
			.apic_id = writer->ioapic_id,
			.pin = (u8)pin->gsi,
		};

		mptable_add(writer, &entry, sizeof(entry));
	}
}

/*
 * Add lines above ISA's that a device has in its own record (virtio-mmio). Linux does not use a pin
 * without an entry, and takes the source on the ISA bus as the IRQ number, which is the one in a
 * virtio_mmio.device= word.
 */
static void mptable_add_lines_of(void *arg, const struct device_record *record)
{
	struct mp_writer *writer = arg;

	for (unsigned int i = 0; i < record->count; i++) {
		u64 line = record->resources[i].base;
		const struct mp_interrupt entry = {
			.type = MP_INTERRUPT,
			.kind = KIND_INT,
			.flags = LEVEL_LOW,
			.bus = writer->isa_bus,
			.source = (u8)line,
			.apic_id = writer->ioapic_id,
			.pin = (u8)line,
		};

		if (record->resources[i].type != RESOURCE_IRQ || line < ISA_INTERRUPTS ||
		    line >= IRQ_LINES || writer->lines >> line & 1)
			continue;
		writer->lines |= 1U << line;
		mptable_add(writer, &entry, sizeof(entry));
	}
}

/* LINT0 is pin 0, LINT1 is pin 1. */
static void mptable_add_local_interrupts(struct mp_writer *writer)
{
	static const u8 kinds[] = {KIND_EXTINT, KIND_NMI};

	for (size_t pin = 0; pin < ARRAY_SIZE(kinds); pin++) {
		const struct mp_interrupt entry = {
			.type = MP_LOCAL_INTERRUPT,
			.kind = kinds[pin],
			.bus = writer->isa_bus,
			.source = 0,
			.apic_id = APIC_ID_ALL,
			.pin = pin,
		};

		mptable_add(writer, &entry, sizeof(entry));
	}
}

/* --- the whole table --- */

static void mptable_fill_floating(struct mp_floating *floating)
{
	*floating = (struct mp_floating){
		.table = LAYOUT_MPTABLE + offsetof(struct mp_image, header),
		.length = sizeof(*floating) / 16,
		.spec_revision = SPEC_1_4,
	};
	memcpy(floating->signature, "_MP_", 4);
	floating->checksum = checksum(floating, sizeof(*floating));
}

/* Called last, because the checksum covers the entries, too. */
static void mptable_finish_header(struct mp_header *header, size_t entry_bytes)
{
	memcpy(header->signature, "PCMP", 4);
	memcpy(header->oem_id, "LKVM    ", 8);
	memcpy(header->product_id, "LKVM        ", 12);
	header->length = sizeof(*header) + entry_bytes;
	header->spec_revision = SPEC_1_4;
	header->lapic_address = LAYOUT_LAPIC;
	header->checksum = checksum(header, sizeof(*header) + entry_bytes);
}

/* Returns the used bytes of the image. */
static size_t mptable_fill(struct mp_image *image, unsigned int cpu_count)
{
	struct mp_writer writer = {.image = image, .ioapic_id = acpi_ioapic_id(cpu_count)};

	mptable_fill_floating(&image->floating);
	mptable_add_processors(&writer, cpu_count);
	mptable_add_buses(&writer);
	mptable_add_ioapic(&writer);
	mptable_for_each_record(&writer, mptable_add_pci_interrupts);
	mptable_add_isa_interrupts(&writer);
	mptable_for_each_record(&writer, mptable_add_lines_of);
	mptable_add_local_interrupts(&writer);
	mptable_finish_header(&image->header, writer.used);
	return offsetof(struct mp_image, entries) + writer.used;
}

int mptable_write(const struct gmem *mem, unsigned int cpu_count)
{
	struct mp_image *image = calloc(1, sizeof(*image));
	size_t len;
	int err;

	if (!image)
		return log_fail(-ENOMEM, "mptable: no memory for %zu bytes", sizeof(*image));
	len = mptable_fill(image, MIN(cpu_count, (unsigned int)MPTABLE_CPUS_MAX));
	err = gmem_write(mem, LAYOUT_MPTABLE, image, len);
	free(image);
	return err ? log_fail(err, "mptable: no RAM for the MP table at %#x", LAYOUT_MPTABLE) : 0;
}

/* --- the device that writes it at each reset --- */

static struct kvm *mptable_kvm;

static int mptable_reset(struct device *dev)
{
	return mptable_write(&mptable_kvm->mem, mptable_kvm->cpu_count);
}

static struct device mptable_device = {
	.name = "mptable", .stage = DEVICE_FIRMWARE, .reset = mptable_reset};

static int mptable_init(struct kvm *kvm)
{
	mptable_kvm = kvm;
	device_register(&mptable_device);
	return 0;
}

static void mptable_exit(struct kvm *kvm)
{
	device_unregister(&mptable_device);
}

INIT_MODULE(mptable, .level = INIT_FIRMWARE, .init = mptable_init, .exit = mptable_exit);
