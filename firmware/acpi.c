// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables, which describe the machine to the guest.
 *
 *	RSDP -> XSDT -> FADT -> FACS      power states, buttons, reset
 *	         |       +----> DSDT      \_S5, and a device object per chip
 *	         +----> MADT              processors and interrupt controllers
 *	         +----> MCFG              PCI configuration space in memory
 *	         +----> SPCR              which serial port is the console
 *	         +----> ...               the user's tables (acpi-table.c)
 *
 * All tables are in one structure, struct acpi_image, at LAYOUT_ACPI: a table's address in guest
 * memory is LAYOUT_ACPI plus its offset in the structure. The maximum size of each table except the
 * DSDT is known at compile time. The DSDT comes last, and the user's tables follow it in the rest
 * of the window. Only the DSDT and the user's tables can be too large: then an error is logged.
 *
 * No chip is named in this file. describe() of each registered device gives records (hardware id,
 * ports, memory, interrupt; a bridge's windows and pins). Each record becomes one Device object of
 * the DSDT, and the records decide whether there is an MCFG and an SPCR. So the tables describe the
 * devices that are registered when the tables are made. That happens at power-on and again at each
 * reset, in reset() of the struct device registered here, after RAM was cleared and before the
 * first instruction. Main thread, no vCPU runs. The image is built in private memory and then
 * copied to guest RAM.
 *
 * The machine has ACPI's fixed hardware, and is not hardware-reduced: PM1 event and control blocks
 * with the power button, and a reset register. SMI_CMD is 0: the machine is in ACPI mode from
 * power-on. The byte order of the tables is that of an x86 host, so le16 to le64 are assigned
 * without conversion.
 *
 * Left out on purpose: processor objects (Linux reads its CPUs from the MADT, and uses no processor
 * power states here), PM timer (kvmclock and TSC are better), GPEs, sleep states other than S5,
 * x2APIC entries (ids stay below 255).
 *
 * Spec: ACPI 6.4 sections 5.2.5.3 (RSDP), 5.2.6 (header), 5.2.8 (XSDT), 5.2.9 (FADT),
 * 5.2.10 (FACS), 5.2.12 (MADT), 6.1 and 6.2 (device objects), 6.2.13 (_PRT), 6.5.5 (_BBN),
 * 7.4.2 (\_Sx);
 * PCI Firmware 3.0, 4.1.2 (MCFG); Serial Port Console Redirection Table 1.03
 */
#include "acpi.h"
#include "aml.h"
#include "checksum.h"
#include "x86/layout.h"
#include <kvm/acpi-table.h>
#include <kvm/device.h>
#include <kvm/gmem.h>
#include <kvm/init.h>
#include <kvm/kvm-cpu.h>
#include <kvm/kvm.h>
#include <kvm/log.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACPI_WINDOW_BYTES (LAYOUT_ACPI_END - LAYOUT_ACPI)
#define ECAM_BUS_BYTES	  MIB

/* --- the tables in the layout of the specification --- */

/* Generic Address Structure, 5.2.3.2. */
struct acpi_address {
	u8 space; /* 0: memory, 1: ports */
	u8 bit_width;
	u8 bit_offset;
	u8 access; /* 1: byte, 2: word */
	le64 address;
} __attribute__((packed));

#define ADDRESS_SPACE_PORT 1

struct acpi_rsdp {
	char signature[8];
	u8 checksum; /* of the first 20 bytes, which are all of revision 0 */
	char oem_id[6];
	u8 revision;
	le32 rsdt;
	le32 length;
	le64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	le32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	le32 oem_revision;
	char creator_id[4];
	le32 creator_revision;
} __attribute__((packed));

#define XSDT_ENTRIES (4 + ACPI_TABLES_MAX)

struct acpi_xsdt {
	struct acpi_header header;
	le64 entries[XSDT_ENTRIES];
} __attribute__((packed));

struct acpi_facs {
	char signature[4];
	le32 length;
	le32 hardware_signature;
	le32 waking_vector;
	le32 global_lock;
	le32 flags;
	le64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __attribute__((packed));

struct acpi_fadt {
	struct acpi_header header;
	le32 firmware_ctrl;
	le32 dsdt;
	u8 reserved0;
	u8 preferred_pm_profile;
	le16 sci_int;
	le32 smi_cmd;
	u8 acpi_enable;
	u8 acpi_disable;
	u8 s4bios_req;
	u8 pstate_cnt;
	le32 pm1a_evt_blk;
	le32 pm1b_evt_blk;
	le32 pm1a_cnt_blk;
	le32 pm1b_cnt_blk;
	le32 pm2_cnt_blk;
	le32 pm_tmr_blk;
	le32 gpe0_blk;
	le32 gpe1_blk;
	u8 pm1_evt_len;
	u8 pm1_cnt_len;
	u8 pm2_cnt_len;
	u8 pm_tmr_len;
	u8 gpe0_blk_len;
	u8 gpe1_blk_len;
	u8 gpe1_base;
	u8 cst_cnt;
	le16 p_lvl2_lat;
	le16 p_lvl3_lat;
	le16 flush_size;
	le16 flush_stride;
	u8 duty_offset;
	u8 duty_width;
	u8 day_alrm;
	u8 mon_alrm;
	u8 century;
	le16 iapc_boot_arch;
	u8 reserved1;
	le32 flags;
	struct acpi_address reset_reg;
	u8 reset_value;
	le16 arm_boot_arch;
	u8 minor_revision;
	le64 x_firmware_ctrl;
	le64 x_dsdt;
	struct acpi_address x_pm1a_evt_blk;
	struct acpi_address x_pm1b_evt_blk;
	struct acpi_address x_pm1a_cnt_blk;
	struct acpi_address x_pm1b_cnt_blk;
	struct acpi_address x_pm2_cnt_blk;
	struct acpi_address x_pm_tmr_blk;
	struct acpi_address x_gpe0_blk;
	struct acpi_address x_gpe1_blk;
	struct acpi_address sleep_control_reg;
	struct acpi_address sleep_status_reg;
	le64 hypervisor_vendor;
} __attribute__((packed));

enum { /* iapc_boot_arch, 5.2.9.3; bit 1, "probe for an 8042", stays clear */
       BOOT_LEGACY_DEVICES = 1 << 0,
       BOOT_NO_VGA = 1 << 2,
};

enum { /* flags, 5.2.9; bits 4 and 6 clear: power button and alarm are fixed hardware */
       FADT_WBINVD = 1 << 0,
       FADT_PROC_C1 = 1 << 2,
       FADT_NO_FIXED_SLEEP_BUTTON = 1 << 5,
       FADT_RESET_REG_SUP = 1 << 10,
};

struct madt_ioapic {
	u8 type; /* 1 */
	u8 length;
	u8 id;
	u8 reserved;
	le32 address;
	le32 first_gsi;
} __attribute__((packed));

struct madt_override {
	u8 type; /* 2 */
	u8 length;
	u8 bus; /* 0: ISA */
	u8 source;
	le32 gsi;
	le16 flags; /* bits 1:0 polarity, 3:2 trigger mode; 0: as usual on the bus */
} __attribute__((packed));

struct madt_lapic_nmi {
	u8 type; /* 4 */
	u8 length;
	u8 uid; /* 255: every processor */
	le16 flags;
	u8 lint;
} __attribute__((packed));

struct madt_lapic {
	u8 type; /* 0 */
	u8 length;
	u8 uid;
	u8 apic_id;
	le32 flags; /* bit 0: enabled */
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	le32 lapic_address;
	le32 flags; /* bit 0: there are also the two 8259s */
	struct madt_ioapic ioapic;
	struct madt_override pit;
	struct madt_override sci;
	struct madt_lapic_nmi nmi;
	struct madt_lapic lapics[KVM_CPU_MAX]; /* last: as many as there are CPUs */
} __attribute__((packed));

struct acpi_spcr {
	struct acpi_header header;
	u8 interface; /* 0: 16550 */
	u8 reserved0[3];
	struct acpi_address base;
	u8 interrupt_type; /* bit 0: 8259, bit 1: IOAPIC */
	u8 irq;
	le32 gsi;
	u8 baud; /* 7: 115200 */
	u8 parity;
	u8 stop_bits;
	u8 flow_control;
	u8 terminal; /* 3: ANSI */
	u8 language;
	le16 pci_device; /* all ones: not a PCI device */
	le16 pci_vendor;
	u8 pci_bus;
	u8 pci_slot;
	u8 pci_function;
	le32 pci_flags;
	u8 pci_segment;
	le32 reserved1;
} __attribute__((packed));

struct acpi_mcfg {
	struct acpi_header header;
	u8 reserved0[8];
	le64 base; /* address of bus 0, even if first_bus is not 0 */
	le16 segment;
	u8 first_bus;
	u8 last_bus;
	le32 reserved1;
} __attribute__((packed));

struct acpi_tables {
	struct acpi_rsdp rsdp;
	struct acpi_xsdt xsdt __attribute__((aligned(16)));
	struct acpi_facs facs __attribute__((aligned(64)));
	struct acpi_fadt fadt __attribute__((aligned(16)));
	struct acpi_mcfg mcfg __attribute__((aligned(16)));
	struct acpi_spcr spcr __attribute__((aligned(16)));
	struct acpi_madt madt __attribute__((aligned(16)));
};

/* The content of the window in guest memory. */
struct acpi_image {
	struct acpi_tables fixed;
	struct acpi_dsdt {
		struct acpi_header header;
		u8 aml[ACPI_WINDOW_BYTES - sizeof(struct acpi_tables) - sizeof(struct acpi_header)];
	} dsdt;
};

static_assert(sizeof(struct acpi_image) == ACPI_WINDOW_BYTES, "the image fills the window");
static_assert(LAYOUT_ACPI % 64 == 0, "the FACS is aligned in the guest as it is here");
static_assert(sizeof(struct acpi_rsdp) == 36 && sizeof(struct acpi_facs) == 64 &&
		      sizeof(struct acpi_fadt) == 276 && sizeof(struct acpi_mcfg) == 60 &&
		      sizeof(struct acpi_spcr) == 80,
	      "sizes the specification gives");

/* The guest-physical address of a member of the image. */
#define IMAGE_GPA(member) (LAYOUT_ACPI + offsetof(struct acpi_image, member))

/* --- filling them in --- */

/* Fill in the header. Called last for each table: the checksum covers the whole table. */
static void finish_table(struct acpi_header *table, const char *signature, u8 revision, u32 length)
{
	memcpy(table->signature, signature, 4);
	table->length = length;
	table->revision = revision;
	memcpy(table->oem_id, "LKVM  ", 6);
	memcpy(table->oem_table_id, "LKVM    ", 8);
	table->oem_revision = 1;
	memcpy(table->creator_id, "LKVM", 4);
	table->creator_revision = 1;
	table->checksum = 0;
	table->checksum = checksum(table, length);
}

static struct acpi_address port_address(u16 port, u8 bytes, u8 access_bytes)
{
	return (struct acpi_address){
		.space = ADDRESS_SPACE_PORT,
		.bit_width = bytes * 8,
		.access = access_bytes, /* 1 and 2 are their own encoding */
		.address = port,
	};
}

static void fill_rsdp(struct acpi_rsdp *rsdp)
{
	*rsdp = (struct acpi_rsdp){
		.revision = 2,
		.length = sizeof(*rsdp),
		.xsdt = IMAGE_GPA(fixed.xsdt),
	};
	memcpy(rsdp->signature, "RSD PTR ", 8);
	memcpy(rsdp->oem_id, "LKVM  ", 6);
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

/* Found in the devices' records while the DSDT is made, and used by other tables. */
struct acpi_found {
	bool com1;
	struct device_resource ecam;  /* len 0: there is none */
	gpa_t added[ACPI_TABLES_MAX]; /* where the user's tables are */
	unsigned int added_count;
};

static void fill_xsdt(struct acpi_xsdt *xsdt, const struct acpi_found *found)
{
	unsigned int n = 0;

	xsdt->entries[n++] = IMAGE_GPA(fixed.fadt);
	xsdt->entries[n++] = IMAGE_GPA(fixed.madt);
	if (found->ecam.len)
		xsdt->entries[n++] = IMAGE_GPA(fixed.mcfg);
	if (found->com1)
		xsdt->entries[n++] = IMAGE_GPA(fixed.spcr);
	for (unsigned int i = 0; i < found->added_count; i++)
		xsdt->entries[n++] = found->added[i];
	finish_table(&xsdt->header, "XSDT", 1,
		     offsetof(struct acpi_xsdt, entries) + n * sizeof(le64));
}

static void fill_facs(struct acpi_facs *facs)
{
	*facs = (struct acpi_facs){.length = sizeof(*facs), .version = 2};
	memcpy(facs->signature, "FACS", 4);
}

/*
 * Revision 6.4: ACPICA has supported all its 276 bytes since ACPI 6.0. If a field has a 32-bit and
 * a 64-bit form, both have the same value. The exception is the FACS, which has only one address,
 * because ACPICA would list it twice. Blocks that this machine does not have are 0 in both forms,
 * and so are their lengths.
 */
static void fill_fadt(struct acpi_fadt *fadt)
{
	*fadt = (struct acpi_fadt){
		.firmware_ctrl = IMAGE_GPA(fixed.facs),
		.dsdt = IMAGE_GPA(dsdt),
		.x_dsdt = IMAGE_GPA(dsdt),
		.minor_revision = 4,
		.sci_int = GSI_ACPI,
		.pm1a_evt_blk = PORT_ACPI_PM1_EVENT,
		.x_pm1a_evt_blk = port_address(PORT_ACPI_PM1_EVENT, 4, 2),
		.pm1_evt_len = 4,
		.pm1a_cnt_blk = PORT_ACPI_PM1_CONTROL,
		.x_pm1a_cnt_blk = port_address(PORT_ACPI_PM1_CONTROL, 2, 2),
		.pm1_cnt_len = 2,
		.p_lvl2_lat = 101,  /* above 100 us: there is no C2 */
		.p_lvl3_lat = 1001, /* above 1000 us: there is no C3 */
		.century = CMOS_CENTURY,
		.iapc_boot_arch = BOOT_LEGACY_DEVICES | BOOT_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_NO_FIXED_SLEEP_BUTTON |
			 FADT_RESET_REG_SUP,
		.reset_reg = port_address(PORT_RESET, 1, 1),
		.reset_value = RESET_VALUE,
	};
	finish_table(&fadt->header, "FACP", 6, sizeof(*fadt));
}

static void fill_mcfg(struct acpi_mcfg *mcfg, const struct device_resource *ecam)
{
	mcfg->base = ecam->base;
	mcfg->last_bus = ecam->len / ECAM_BUS_BYTES - 1;
	finish_table(&mcfg->header, "MCFG", 1, sizeof(*mcfg));
}

static void fill_spcr(struct acpi_spcr *spcr)
{
	*spcr = (struct acpi_spcr){
		.base = port_address(PORT_COM1, 1, 1),
		.interrupt_type = 0x03,
		.irq = GSI_COM1,
		.gsi = GSI_COM1,
		.baud = 7,
		.stop_bits = 1,
		.terminal = 3,
		.pci_device = 0xffff,
		.pci_vendor = 0xffff,
	};
	finish_table(&spcr->header, "SPCR", 2, sizeof(*spcr));
}

static struct madt_override isa_override(u8 source, u32 gsi, u16 flags)
{
	return (struct madt_override){
		.type = 2,
		.length = sizeof(struct madt_override),
		.source = source,
		.gsi = gsi,
		.flags = flags,
	};
}

static void fill_madt(struct acpi_madt *madt, unsigned int cpu_count)
{
	madt->lapic_address = LAYOUT_LAPIC;
	madt->flags = 1;
	madt->ioapic = (struct madt_ioapic){
		.type = 1,
		.length = sizeof(madt->ioapic),
		.id = acpi_ioapic_id(cpu_count),
		.address = LAYOUT_IOAPIC,
		.first_gsi = 0, /* its 24 lines are GSI 0 to 23 */
	};
	madt->pit = isa_override(0, GSI_PIT, 0);
	madt->sci = isa_override(GSI_ACPI, GSI_ACPI, ACPI_SCI_FLAGS);
	madt->nmi = (struct madt_lapic_nmi){
		.type = 4,
		.length = sizeof(madt->nmi),
		.uid = 0xff,
		.lint = 1,
	};
	for (unsigned int i = 0; i < cpu_count; i++)
		madt->lapics[i] = (struct madt_lapic){
			.length = sizeof(struct madt_lapic),
			.uid = i,
			.apic_id = i,
			.flags = 1,
		};
	finish_table(&madt->header, "APIC", 5,
		     offsetof(struct acpi_madt, lapics) + cpu_count * sizeof(struct madt_lapic));
}

/* --- the DSDT --- */

struct dsdt_walk {
	struct aml *aml;
	struct device *dev; /* the device whose records are read, for messages */
	struct acpi_found *found;
	int err;
};

/* \_S5: the sleep type for PM1a and PM1b control; the other two are reserved. */
static void dsdt_s5(struct aml *aml)
{
	aml_name(aml, "\\_S5");
	aml_package(aml, 4);
	aml_integer(aml, ACPI_S5_SLP_TYP);
	aml_integer(aml, ACPI_S5_SLP_TYP);
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml);
}

/*
 * Used resources that are in no chip's object: the PM1 registers, the pages of KVM itself, and PCI
 * configuration space, which must not be in a root bridge's _CRS. PORT_RESET is not listed, because
 * it is in the PCI host's record: Linux claims ports 0xcf8 to 0xcff together for PCI, and would
 * warn that it cannot reserve 0xcf9.
 */
static void dsdt_motherboard(struct aml *aml, const struct device_resource *ecam)
{
	aml_device(aml, "MBRD");
	aml_name(aml, "_HID");
	aml_hardware_id(aml, "PNP0C02");
	aml_name(aml, "_CRS");
	aml_template(aml);
	aml_resource_io(aml, PORT_ACPI_PM1_EVENT, 4);
	aml_resource_io(aml, PORT_ACPI_PM1_CONTROL, 2);
	aml_resource_memory32(aml, LAYOUT_IDENTITY_MAP, 4 * 4096);
	if (ecam->len)
		aml_resource_memory32(aml, ecam->base, ecam->len);
	aml_template_end(aml);
	aml_end(aml);
}

/* True if the range is not empty, at most max_len long and ends at or below end. */
static bool resource_fits(const struct device_resource *res, u64 max_len, u64 end)
{
	return res->len > 0 && res->len <= max_len && res->base <= end - res->len;
}

static int dsdt_resource(struct dsdt_walk *walk, const struct device_resource *res)
{
	switch (res->type) {
	case RESOURCE_PORT:
		if (!resource_fits(res, UINT8_MAX, 64 * KIB))
			break;
		walk->found->com1 |= res->base == PORT_COM1;
		aml_resource_io(walk->aml, res->base, res->len);
		return 0;
	case RESOURCE_MMIO:
		if (!resource_fits(res, UINT32_MAX, 4 * GIB))
			break;
		aml_resource_memory32(walk->aml, res->base, res->len);
		return 0;
	case RESOURCE_IRQ:
		if (res->base > UINT32_MAX)
			break;
		aml_resource_irq(walk->aml, res->base, res->level_low);
		return 0;
	case RESOURCE_PORT_WINDOW:
		if (!resource_fits(res, UINT16_MAX, 64 * KIB))
			break;
		aml_resource_io_window(walk->aml, res->base, res->base + res->len - 1);
		return 0;
	case RESOURCE_MMIO_WINDOW:
		if (!resource_fits(res, UINT32_MAX, 4 * GIB))
			break;
		aml_resource_memory32_window(walk->aml, res->base, res->base + res->len - 1);
		return 0;
	case RESOURCE_BUS_NUMBERS:
		if (!resource_fits(res, 256, 256))
			break;
		aml_resource_bus_numbers(walk->aml, res->base, res->base + res->len - 1);
		return 0;
	case RESOURCE_ECAM:
		if (!resource_fits(res, 256 * ECAM_BUS_BYTES, 4 * GIB) || res->len % ECAM_BUS_BYTES)
			break;
		walk->found->ecam = *res; /* for the MCFG and the motherboard's _CRS */
		return 0;
	}
	return log_fail(-EINVAL,
			"acpi: %s: resource of type %d, %#llx, length %llu: cannot be described; "
			"up to 255 ports, a window of ports below 64 KiB, memory below 4 GiB, "
			"bus numbers below 256, or 1 MiB of ECAM a bus, can",
			walk->dev->name, res->type, res->base + 0ULL, res->len + 0ULL);
}

static void dsdt_resources(struct dsdt_walk *walk, const struct device_record *record)
{
	aml_name(walk->aml, "_CRS");
	aml_template(walk->aml);
	for (unsigned int i = 0; i < record->count && !walk->err; i++)
		walk->err = dsdt_resource(walk, &record->resources[i]);
	aml_template_end(walk->aml);
}

/*
 * _BBN: the bus of a PCI root bridge's own functions. There is no _ADR: an object with a _HID has
 * none (6.1).
 */
static void dsdt_base_bus_number(struct aml *aml, const struct device_record *record)
{
	for (unsigned int i = 0; i < record->count; i++) {
		if (record->resources[i].type != RESOURCE_BUS_NUMBERS)
			continue;
		aml_name(aml, "_BBN");
		aml_integer(aml, record->resources[i].base);
		return;
	}
}

/*
 * _PRT: the interrupt lines of the pins of devices behind a PCI root bridge. Each entry has the
 * address of all functions of a device, the pin, 0 for "no link device", and the GSI.
 */
static void dsdt_pins(struct aml *aml, const struct device_record *record)
{
	aml_name(aml, "_PRT");
	aml_package(aml, record->pin_count);
	for (unsigned int i = 0; i < record->pin_count; i++) {
		const struct device_pin *pin = &record->pins[i];

		aml_package(aml, 4);
		aml_integer(aml, (u32)pin->device << 16 | 0xffff);
		aml_integer(aml, pin->pin);
		aml_integer(aml, 0);
		aml_integer(aml, pin->gsi);
		aml_end(aml);
	}
	aml_end(aml);
}

/* ADDR: the lower and the upper half of an address in guest RAM. */
static void dsdt_address(struct aml *aml, gpa_t addr)
{
	aml_name(aml, "ADDR");
	aml_package(aml, 2);
	aml_integer(aml, addr & UINT32_MAX);
	aml_integer(aml, addr >> 32);
	aml_end(aml);
}

static void dsdt_ids(struct aml *aml, const struct device_record *record)
{
	aml_name(aml, "_HID");
	aml_hardware_id(aml, record->hid);
	if (record->cid) {
		aml_name(aml, "_CID");
		aml_hardware_id(aml, record->cid);
	}
	if (record->ddn) {
		aml_name(aml, "_DDN");
		aml_string(aml, record->ddn);
	}
	aml_name(aml, "_UID");
	aml_integer(aml, record->uid);
}

/* Make a name: COM1 from "COM" and 1, VR0A from "VR" and 10. False if not four characters. */
static bool record_name(char name[5], const struct device_record *record)
{
	size_t stem = strlen(record->stem);
	char uid[16];
	int digits;

	if (stem < 1 || stem > 3)
		return false;
	digits = snprintf(uid, sizeof(uid), "%0*X", (int)(4 - stem), record->uid);
	if (stem + digits != 4)
		return false;
	memcpy(name, record->stem, stem);
	memcpy(name + stem, uid, digits + 1);
	return true;
}

static void dsdt_record(void *arg, const struct device_record *record)
{
	struct dsdt_walk *walk = arg;
	struct aml *aml = walk->aml;
	char name[5];

	if (walk->err)
		return;
	if (!record_name(name, record)) {
		walk->err = log_fail(-EINVAL,
				     "acpi: %s: \"%s\" and %u do not form a four-character name",
				     walk->dev->name, record->stem, record->uid);
		return;
	}
	aml_device(aml, name);
	dsdt_ids(aml, record);
	aml_name(aml, "_STA");
	aml_integer(aml, 0x0f); /* present, enabled, shown, working */
	dsdt_base_bus_number(aml, record);
	if (record->count > 0)
		dsdt_resources(walk, record);
	if (record->pin_count > 0)
		dsdt_pins(aml, record);
	if (record->addr)
		dsdt_address(aml, record->addr);
	aml_end(aml);
}

static void dsdt_device(struct device *dev, void *arg)
{
	struct dsdt_walk *walk = arg;

	walk->dev = dev;
	if (dev->describe)
		dev->describe(dev, dsdt_record, walk);
}

/* Returns the bytes of AML, or -errno after a log_error() line. */
static int fill_dsdt(struct acpi_dsdt *dsdt, struct acpi_found *found)
{
	struct aml aml;
	struct dsdt_walk walk = {.aml = &aml, .found = found};
	int len;

	aml_init(&aml, dsdt->aml, sizeof(dsdt->aml));
	dsdt_s5(&aml);
	aml_scope(&aml, "\\_SB");
	device_for_each(dsdt_device, &walk);
	dsdt_motherboard(&aml, &found->ecam);
	aml_end(&aml);

	if (walk.err)
		return walk.err;
	len = aml_finish(&aml);
	if (len < 0)
		return log_fail(len,
				"acpi: the devices' descriptions do not fit %zu bytes; "
				"use fewer devices",
				sizeof(dsdt->aml));
	finish_table(&dsdt->header, "DSDT", 2, offsetof(struct acpi_dsdt, aml) + len);
	return len;
}

/* Add the user's tables after the used bytes. Returns the new use, or -ENOSPC after log_error(). */
static int add_tables(struct acpi_image *image, size_t used, struct acpi_found *found)
{
	const struct acpi_table *table;

	while ((table = acpi_table_get(found->added_count))) {
		used = ALIGN_UP(used, 16UL);
		if (table->len > sizeof(*image) - used)
			return log_fail(-ENOSPC,
					"--acpi-table %s: does not fit; %zu bytes are left",
					table->path, sizeof(*image) - used);
		memcpy((u8 *)image + used, table->bytes, table->len);
		found->added[found->added_count++] = LAYOUT_ACPI + used;
		used += table->len;
	}
	return (int)used;
}

/* Returns the used bytes of the image, or -errno after a log_error() line. */
static int fill_image(struct acpi_image *image, unsigned int cpu_count)
{
	struct acpi_found found = {0};
	int len;

	len = fill_dsdt(&image->dsdt, &found);
	if (len >= 0)
		len = add_tables(image, offsetof(struct acpi_image, dsdt.aml) + len, &found);
	if (len < 0)
		return len;
	fill_rsdp(&image->fixed.rsdp);
	fill_xsdt(&image->fixed.xsdt, &found);
	fill_facs(&image->fixed.facs);
	fill_fadt(&image->fixed.fadt);
	fill_mcfg(&image->fixed.mcfg, &found.ecam);
	fill_spcr(&image->fixed.spcr);
	fill_madt(&image->fixed.madt, cpu_count);
	return len;
}

int acpi_write_tables(const struct gmem *mem, unsigned int cpu_count)
{
	struct acpi_image *image;
	int len, err = 0;

	assert(cpu_count >= 1 && cpu_count <= KVM_CPU_MAX);
	image = calloc(1, sizeof(*image));
	if (!image)
		return log_fail(-ENOMEM, "acpi: no memory for %zu bytes of tables", sizeof(*image));

	len = fill_image(image, cpu_count);
	if (len < 0)
		err = len;
	else if (gmem_write(mem, LAYOUT_ACPI, image, len))
		err = log_fail(-EFAULT, "acpi: no RAM for the tables at %#x", LAYOUT_ACPI);
	free(image);
	return err;
}

/* --- the device that writes them at each reset --- */

struct acpi_device {
	struct device dev;
	struct kvm *kvm;
};

static int acpi_reset(struct device *dev)
{
	struct kvm *kvm = container_of(dev, struct acpi_device, dev)->kvm;

	return acpi_write_tables(&kvm->mem, kvm->cpu_count);
}

static struct acpi_device acpi = {
	.dev = {.name = "acpi", .stage = DEVICE_FIRMWARE, .reset = acpi_reset}};

static int acpi_init(struct kvm *kvm)
{
	acpi.kvm = kvm;
	device_register(&acpi.dev);
	return 0;
}

static void acpi_exit(struct kvm *kvm)
{
	device_unregister(&acpi.dev);
}

INIT_MODULE(acpi, .level = INIT_FIRMWARE, .init = acpi_init, .exit = acpi_exit);
