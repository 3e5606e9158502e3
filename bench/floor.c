// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floor probe: the least that must happen between exec and the first guest entry.
 *
 * usage: floor BZIMAGE|KEPT MIB
 *
 * The ioctls that any PC with in-kernel interrupt controllers needs, in KVM's order,
 * RAM aligned to 2 MiB, one read of the kernel to where it will run, KVM_RUN. The
 * guest is one instruction, a port write, and its exit is the end. No tables, no
 * options, no threads, no checks beyond "did it work". bench/run compares lkvm's time
 * to first entry with this one's in the same counted run.
 */
#include <asm/bootparam.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 4096
#define BOOT_FLAG    0xaa55
#define KERNEL_AT    0x1000000UL
#define HUGE	     (2UL << 20)
#define MAX_CPUID    256

static void must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void set_routes(int vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[64];
	} table = {0};
	uint32_t n = 0;

	for (uint32_t gsi = 0; gsi < 24; gsi++) {
		if (gsi < 16)
			table.entries[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip = gsi / 8, .pin = gsi % 8}};
		if (gsi != 2)
			table.entries[n++] = (struct kvm_irq_routing_entry){
				.gsi = gsi,
				.type = KVM_IRQ_ROUTING_IRQCHIP,
				.u.irqchip = {.irqchip = 2, .pin = gsi ?: 2}};
	}
	table.head.nr = n;
	must(!ioctl(vm, KVM_SET_GSI_ROUTING, &table), "KVM_SET_GSI_ROUTING");
}

static void set_cpuid(int kvm, int cpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[MAX_CPUID];
	} cpuid = {.head = {.nent = MAX_CPUID}};

	must(!ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid), "KVM_GET_SUPPORTED_CPUID");
	must(!ioctl(cpu, KVM_SET_CPUID2, &cpuid), "KVM_SET_CPUID2");
}

/* Real mode at 0x1000: out %al, $0xf4. What follows does not matter. */
static void set_registers(int cpu)
{
	struct kvm_lapic_state lapic;
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};

	must(!ioctl(cpu, KVM_GET_LAPIC, &lapic), "KVM_GET_LAPIC");
	must(!ioctl(cpu, KVM_SET_LAPIC, &lapic), "KVM_SET_LAPIC");
	must(!ioctl(cpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = sregs.cs.selector = 0;
	must(!ioctl(cpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	must(!ioctl(cpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* An unpacked kernel, as lkvm keeps it: a page of header, and holes where it is zero. */
static void load_kept(int fd, off_t size, uint8_t *ram)
{
	off_t data = HEADER_BYTES, hole;

	while (data < size && (data = lseek(fd, data, SEEK_DATA)) >= 0) {
		hole = lseek(fd, data, SEEK_HOLE);
		must(pread(fd, ram + KERNEL_AT + data, (size_t)(hole - data), data) > 0, "pread");
		data = hole;
	}
}

static void load_kernel(const char *path, uint8_t *ram)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct setup_header header;
	struct stat st;
	off_t offset;

	must(fd >= 0 && !fstat(fd, &st), path);
	must(pread(fd, &header, sizeof(header), 0x1f1) == sizeof(header), path);
	if (header.boot_flag != BOOT_FLAG) {
		load_kept(fd, st.st_size, ram);
		return;
	}
	offset = (header.setup_sects + 1) * 512;
	must(pread(fd, ram + KERNEL_AT, (size_t)(st.st_size - offset), offset) > 0, path);
}

int main(int argc, char **argv)
{
	struct kvm_userspace_memory_region slot = {0};
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};
	uint64_t identity = 0xfeffc000;
	size_t size;
	uint8_t *ram;
	struct kvm_run *run;
	int kvm, vm, cpu;

	must(argc == 3, "usage: floor BZIMAGE|KEPT MIB");
	size = strtoul(argv[2], NULL, 10) << 20;
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	must(kvm >= 0 && ioctl(kvm, KVM_GET_API_VERSION, 0) == KVM_API_VERSION, "/dev/kvm");
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	must(vm >= 0, "KVM_CREATE_VM");
	ram = mmap(NULL, size + HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(ram != MAP_FAILED, "mmap");
	ram = (uint8_t *)(((uintptr_t)ram + HUGE - 1) & ~(HUGE - 1));
	madvise(ram, size, MADV_HUGEPAGE);
	slot.memory_size = size;
	slot.userspace_addr = (uintptr_t)ram;
	must(!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot), "KVM_SET_USER_MEMORY_REGION");
	must(!ioctl(vm, KVM_SET_TSS_ADDR, 0xfeffd000), "KVM_SET_TSS_ADDR");
	must(!ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity), "KVM_SET_IDENTITY_MAP_ADDR");
	must(!ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	must(!ioctl(vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	must(cpu >= 0, "KVM_CREATE_VCPU");
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, cpu, 0);
	must(run != MAP_FAILED, "mmap of kvm_run");
	set_cpuid(kvm, cpu);
	set_routes(vm);
	load_kernel(argv[1], ram);
	memcpy(ram + 0x1000, "\xe6\xf4", 2);
	set_registers(cpu);
	must(!ioctl(cpu, KVM_RUN, 0), "KVM_RUN");
	must(run->exit_reason == KVM_EXIT_IO, "the exit");
	return 0;
}
