/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A writer of AML, the byte code of ACPI's DSDT. aml.c.
 *
 * Declarations only: names, packages, devices and their resources, no methods. The caller gives the
 * buffer. Bytes that do not fit are dropped, and aml_finish() reports that. Any thread, but one at
 * a time for each struct aml.
 */
#ifndef X86_AML_H
#define X86_AML_H

#include <kvm/types.h>

#define AML_MAX_DEPTH 8 /* scopes, devices, packages and templates within each other */

struct aml {
	u8 *buf;
	size_t size; /* length of buf */
	size_t len;  /* bytes written */
	bool overflow;
	size_t open[AML_MAX_DEPTH]; /* offset of each open block's PkgLength, outermost first */
	unsigned int depth;
};

void aml_init(struct aml *aml, void *buf, size_t size);

/* All blocks must be closed. Returns the bytes written, or -ENOSPC if something did not fit. */
int aml_finish(const struct aml *aml);

/*
 * A block stays open, and contains what is written next, until the matching aml_end(). A path is
 * "\\_SB", "COM1" or "^PCI0.LPC"; segments shorter than four characters are padded with '_'.
 */
void aml_scope(struct aml *aml, const char *path);
void aml_device(struct aml *aml, const char *path);
void aml_package(struct aml *aml, u8 elements);
void aml_end(struct aml *aml);

/* Name(path, ...): the next integer, string, package or template is its value. */
void aml_name(struct aml *aml, const char *path);

/* Values. An integer is written in the shortest form; a string is 7-bit ASCII. */
void aml_integer(struct aml *aml, u64 value);
void aml_string(struct aml *aml, const char *text);

/* A hardware id: "PNP0501" as a compressed EISA id, any other ("ACPI0007") as a string. */
void aml_hardware_id(struct aml *aml, const char *hid);

/* ResourceTemplate() { ... }; aml_template_end() adds the end tag. */
void aml_template(struct aml *aml);
void aml_template_end(struct aml *aml);

/* For use inside a template. Ports have 16-bit decoding; memory is writable. */
void aml_resource_io(struct aml *aml, u16 base, u8 len);
void aml_resource_memory32(struct aml *aml, u32 base, u32 len);

/*
 * Windows of a bridge, first to last inclusive: addresses that the bridge passes on to the devices
 * behind it, and that no other device decodes. Memory is writable and not cacheable.
 */
void aml_resource_bus_numbers(struct aml *aml, u8 first, u8 last);
void aml_resource_io_window(struct aml *aml, u16 first, u16 last);
void aml_resource_memory32_window(struct aml *aml, u32 first, u32 last);

/*
 * A GSI: edge-triggered, active high, exclusive; with level_low: level-triggered, active low,
 * shared.
 */
void aml_resource_irq(struct aml *aml, u32 gsi, bool level_low);

#endif
