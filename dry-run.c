// SPDX-License-Identifier: GPL-2.0-only
/*
 * What `run --dry-run` prints: the machine as it stands just before the first KVM_RUN.
 *
 * Everything has been done but the run itself, so what is printed is what is
 * there, not what was meant: the command line in guest memory, the RAM banks,
 * where the boot image lies, each port and MMIO region with its owner, the
 * PCI functions with their BARs, the devices. It goes to standard output, because it
 * is what was asked for. Lines are "kind: fields", stable enough for grep.
 */
#include <kvm/boot.h>
#include <kvm/bus.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/dry-run.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/pci.h>

#include <errno.h>
#include <stdio.h>

static void print_range(const struct boot_range *range, void *arg)
{
	printf("boot: 0x%010llx-0x%010llx %s\n", range->start, (range->end - 1), range->name);
}

static void print_region(const struct bus_region *region, void *arg)
{
	const struct bus *bus = arg;

	printf("%s: 0x%04llx-0x%04llx %s\n", bus->name, region->base,
	       (region->base + region->len - 1), region->name);
}

static void print_function(struct pci_function *fn, void *arg)
{
	char line[PCI_MAP_LINE] = "";

	pci_map_line(fn, line, sizeof(line));
	printf("pci: %s\n", line);
}

static void print_record(void *arg, const struct device_record *record)
{
	printf(" %s:%u", record->hid, record->uid);
	for (unsigned int i = 0; i < record->count; i++) {
		const struct device_resource *res = &record->resources[i];

		if (res->type == RESOURCE_IRQ)
			printf(" irq %llu", res->base);
	}
}

static void print_device(struct device *dev, void *arg)
{
	printf("device: %s", dev->name);
	if (dev->describe)
		dev->describe(dev, print_record, arg);
	printf("\n");
}

int dry_run_print(struct kvm *kvm)
{
	printf("name: %s\n", config.name);
	printf("kernel: %s\n", config.kernel);
	printf("entry: %s\n", boot_entry());
	printf("cmdline: %s\n", boot_cmdline());
	printf("cpus: %u\n", kvm->cpu_count);
	for (unsigned int i = 0; i < kvm->mem.count; i++) {
		const struct gmem_bank *bank = &kvm->mem.banks[i];

		printf("ram: 0x%010llx-0x%010llx\n", bank->base, (bank->base + bank->size - 1));
	}
	boot_for_each_range(print_range, NULL);
	bus_for_each(&kvm->ports, print_region, &kvm->ports);
	bus_for_each(&kvm->mmio, print_region, &kvm->mmio);
	pci_for_each(print_function, NULL);
	device_for_each(print_device, NULL);
	if (fflush(stdout) || ferror(stdout))
		return log_fail(-EIO, "--dry-run: standard output cannot be written");
	return 0;
}
