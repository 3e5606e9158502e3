// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI map for people: one line for each function, numbered as by lspci.
 *
 *	00:04.0 1af4:1042 class 010000 irq 20 bar0 mem64 0xc0004000-0xc0007fff virtio-blk0
 *
 * The addresses of BARs are those in their registers, also if a BAR does not answer there. `run
 * --dry-run` prints the lines; --debug logs them at power-on, after the BARs got their addresses.
 * Main thread.
 *
 * Spec: PCI Local Bus 3.0, section 6.2.1 (class code), 6.2.5.1 (BARs)
 */
#include "pci/bar.h"

#include <linux/pci.h>
#include <stdio.h>

static const char *const kinds[] = {
	[PCI_BAR_PORT] = "port",
	[PCI_BAR_MEM32] = "mem32",
	[PCI_BAR_MEM64] = "mem64",
};

void pci_map_line(struct pci_function *fn, char *line, size_t size)
{
	FILE *out = fmemopen(line, size, "w");

	if (!out)
		return;
	fprintf(out, "00:%02x.%u %04x:%04x class %06x", PCI_SLOT(fn->devfn), PCI_FUNC(fn->devfn),
		fn->vendor, fn->device, fn->class_code);
	if (fn->intx)
		fprintf(out, " irq %u", fn->pin.gsi);
	for (unsigned int i = 0; i < PCI_BAR_COUNT; i++) {
		const struct pci_bar *bar = &fn->bars[i];
		u64 base = pci_bar_base(fn, i);

		if (bar->kind != PCI_BAR_NONE)
			fprintf(out, " bar%u %s 0x%llx-0x%llx", i, kinds[bar->kind], base,
				(base + bar->region.len - 1));
	}
	fprintf(out, " %s", fn->name);
	fclose(out);
}
