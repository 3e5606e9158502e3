// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot image: kernel, initrds, command line and boot_params, put into guest RAM.
 *
 * boot_open_files() runs before any machine exists: it opens the kernel and the
 * initrds, checks what can be checked, and completes the command line. The rest is
 * a device: its reset() writes everything into RAM and sets the first vCPU to the
 * kernel's 64-bit entry. So power-on and reset in place are the same code; at a
 * reset the kernel's path is opened again, because a developer has rebuilt it
 * meanwhile, and one line says so. The kernel is read, never mapped.
 *
 * Where things lie (x86/layout.h): zero page, page tables, RNG seed and command line
 * in low memory; the kernel at its preferred address; the initrd as high as the
 * kernel allows, below 4 GiB and above [load, load + init_size), which the kernel
 * overwrites while it unpacks itself.
 *
 * The kernel is read with one pread() from the file into RAM; that is most of the
 * time between exec and the first guest instruction.
 *
 * Main thread. Left out: other entries than the 64-bit one, other images than
 * bzImage.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include "bzimage.h"
#include "e820.h"
#include "entry.h"
#include "initrd.h"
#include "layout.h"

#include <kvm/boot.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOADER_UNKNOWN	0xff /* type_of_loader without an assigned number */

#define SEED_BYTES	32
#define VIDEO_NORMAL	0xffff
#define ENTRY_64_OFFSET 0x200

/* Each word is documented, with what it saves, in lkvm(1). */
#define DEFAULT_CMDLINE "quiet earlycon=uart8250,io,0x3f8,115200n8 console=ttyS0 cryptomgr.notests"

static struct {
	struct kvm *kvm;
	struct device device;
	int fd;
	struct stat identity; /* of the file at the time it was opened */
	struct bzimage image;
	char *cmdline;
	gpa_t load, initrd;
} boot = {.fd = -1};

static const struct option boot_options[] = {
	{.name = "kernel",
	 .short_name = 'k',
	 .type = OPTION_STRING,
	 .value = &config.kernel,
	 .arg = "FILE",
	 .help = "the kernel: a bzImage (./bzImage, arch/x86/boot/bzImage, /boot)"},
	{.name = "initrd",
	 .short_name = 'i',
	 .type = OPTION_LIST,
	 .value = &config.initrds,
	 .arg = "FILE",
	 .help = "an initial RAM disk; several are concatenated"},
	{.name = "params",
	 .short_name = 'p',
	 .type = OPTION_LIST,
	 .value = &config.params,
	 .arg = "STRING",
	 .help = "append to the kernel command line; repeatable"},
	{.name = "nodefaults",
	 .type = OPTION_FLAG,
	 .value = &config.nodefaults,
	 .help = "drop lkvm's own words from the command line"},
};
OPTION_GROUP(boot, "run", "Boot", 20, boot_options);

/* --- files and command line, before the machine --- */

static int boot_open_kernel(void)
{
	const char *why;
	u8 head[BZIMAGE_HEAD_BYTES];
	struct stat *st = &boot.identity;
	size_t len;
	int err;

	if (boot.fd >= 0)
		close(boot.fd);
	boot.fd = open(config.kernel, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (boot.fd < 0 || fstat(boot.fd, st) < 0)
		return log_fail(-errno, "kernel %s: %s", config.kernel, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return log_fail(-EINVAL, "kernel %s: is %s; a bzImage file is wanted",
				config.kernel,
				S_ISDIR(st->st_mode) ? "a directory" : "not a regular file");
	len = MIN((u64)st->st_size, sizeof(head));
	err = pread_full(boot.fd, head, len, 0);
	if (err)
		return log_fail(err, "kernel %s: %s", config.kernel, strerror(-err));
	err = bzimage_parse(head, len, (u64)st->st_size, &boot.image, &why);
	return err ? log_fail(err, "kernel %s: %s", config.kernel, why) : 0;
}

/* lkvm's words, then the user's, one blank between. */
static int boot_build_cmdline(void)
{
	size_t bytes = sizeof(DEFAULT_CMDLINE);
	char *end;

	for (size_t i = 0; i < config.params.count; i++)
		bytes += 1 + strlen(config.params.items[i]);
	boot.cmdline = malloc(bytes);
	if (!boot.cmdline)
		return log_fail(-ENOMEM, "command line: no memory");
	end = stpcpy(boot.cmdline, config.nodefaults ? "" : DEFAULT_CMDLINE);
	for (size_t i = 0; i < config.params.count; i++) {
		if (end != boot.cmdline)
			*end++ = ' ';
		end = stpcpy(end, config.params.items[i]);
	}
	return 0;
}

static int boot_check_cmdline(void)
{
	size_t len = strlen(boot.cmdline);
	size_t max = MIN(boot.image.cmdline_size, LAYOUT_CMDLINE_MAX - 1);

	if (len > max)
		return log_fail(-E2BIG, "command line: has %zu characters; kernel %s takes %zu",
				len, config.kernel, max);
	return 0;
}

int boot_open_files(void)
{
	int err = boot_open_kernel();

	err = err ? err : boot_build_cmdline();
	err = err ? err : boot_check_cmdline();
	return err ? err : initrd_open();
}

const char *boot_cmdline(void)
{
	return boot.cmdline;
}

/* --- into guest RAM --- */

static int boot_load_kernel(const struct gmem *mem)
{
	const struct bzimage *image = &boot.image;
	gpa_t top = gmem_low_top(mem);
	void *to;
	int err;

	boot.load = bzimage_place(image, LAYOUT_KERNEL_MIN, top);
	if (!boot.load)
		return log_fail(-ENOMEM,
				"kernel %s: needs %llu MiB from 0x%llx on to unpack itself; "
				"--mem gives %llu MiB in all",
				config.kernel,
				(unsigned long long)(ALIGN_UP(image->init_size, MIB) / MIB),
				(unsigned long long)image->pref_address,
				(unsigned long long)(gmem_total(mem) / MIB));
	to = gmem_ptr(mem, boot.load, image->payload_bytes);
	if (!to)
		return log_fail(-EFAULT, "kernel %s: does not fit into RAM", config.kernel);
	err = pread_full(boot.fd, to, image->payload_bytes, (off_t)image->payload_offset);
	if (err)
		log_error("kernel %s: cannot be read to its end: %s", config.kernel,
			  strerror(-err));
	return err;
}

static int boot_load_initrd(const struct gmem *mem)
{
	gpa_t top = MIN(boot.image.initrd_max + 1, gmem_low_top(mem));
	gpa_t floor = boot.load + boot.image.init_size;
	u64 bytes = initrd_bytes();

	boot.initrd = 0;
	if (!bytes)
		return 0;
	if (bytes > UINT32_MAX || floor > top || ALIGN_UP(bytes, 4096ULL) > top - floor)
		return log_fail(-ENOMEM,
				"initrd: %llu MiB do not fit beside the kernel; --mem gives "
				"%llu MiB in all",
				(unsigned long long)(ALIGN_UP(bytes, MIB) / MIB),
				(unsigned long long)(gmem_total(mem) / MIB));
	boot.initrd = ALIGN_DOWN(top - bytes, 4096ULL);
	return initrd_load(mem, boot.initrd);
}

/* Entropy for the guest's first moments; fresh at every reset. */
static int boot_write_seed(const struct gmem *mem)
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

static void boot_fill_params(const struct gmem *mem, struct boot_params *params)
{
	struct setup_header *header = &params->hdr;
	u64 initrd = initrd_bytes();

	*header = boot.image.header;
	header->type_of_loader = LOADER_UNKNOWN;
	header->loadflags = (header->loadflags & ~KEEP_SEGMENTS) | LOADED_HIGH | CAN_USE_HEAP;
	header->heap_end_ptr = htole16(0xfe00);
	header->vid_mode = htole16(VIDEO_NORMAL);
	header->code32_start = htole32((u32)boot.load);
	header->cmd_line_ptr = htole32(LAYOUT_CMDLINE);
	header->ramdisk_image = htole32((u32)boot.initrd);
	header->ramdisk_size = htole32((u32)initrd);
	header->setup_data = htole64(LAYOUT_SETUP_DATA);
	params->acpi_rsdp_addr = htole64(LAYOUT_ACPI);
	params->e820_entries = (u8)e820_fill(mem, params->e820_table);
}

static int boot_write_low_memory(const struct gmem *mem)
{
	struct boot_params params = {0};
	int err;

	boot_fill_params(mem, &params);
	err = gmem_write(mem, LAYOUT_ZERO_PAGE, &params, sizeof(params));
	err = err ? err : gmem_write(mem, LAYOUT_CMDLINE, boot.cmdline, strlen(boot.cmdline) + 1);
	err = err ? err : boot_write_seed(mem);
	if (err)
		log_error("--mem: too little RAM for the boot parameters");
	return err;
}

/* Has the path come to mean another file, or another content, since it was opened? */
static int boot_reopen_kernel(void)
{
	struct stat before = boot.identity;
	const struct stat *now = &boot.identity;
	int err = boot_open_kernel();

	err = err ? err : boot_check_cmdline();
	err = err ? err : initrd_open();
	if (err)
		return err;
	if (now->st_ino != before.st_ino || now->st_dev != before.st_dev ||
	    now->st_size != before.st_size || now->st_mtim.tv_sec != before.st_mtim.tv_sec ||
	    now->st_mtim.tv_nsec != before.st_mtim.tv_nsec)
		log_warn("kernel %s: has changed; the reset boots the new one", config.kernel);
	return 0;
}

static int boot_reset(struct device *dev)
{
	struct kvm *kvm = boot.kvm;
	int err = 0;

	(void)dev;
	if (boot.load)
		err = boot_reopen_kernel();
	err = err ? err : boot_load_kernel(&kvm->mem);
	err = err ? err : boot_load_initrd(&kvm->mem);
	err = err ? err : boot_write_low_memory(&kvm->mem);
	return err ? err : entry_set_64bit(kvm, boot.load + ENTRY_64_OFFSET, LAYOUT_ZERO_PAGE);
}

void boot_for_each_range(void (*fn)(const struct boot_range *range, void *arg), void *arg)
{
	const struct boot_range ranges[] = {
		{"boot_params", LAYOUT_ZERO_PAGE, LAYOUT_ZERO_PAGE + sizeof(struct boot_params)},
		{"command line", LAYOUT_CMDLINE, LAYOUT_CMDLINE + strlen(boot.cmdline) + 1},
		{"ACPI tables", LAYOUT_ACPI, LAYOUT_ACPI_END},
		{"kernel", boot.load, boot.load + boot.image.payload_bytes},
		{"kernel, unpacking", boot.load, boot.load + boot.image.init_size},
		{"initrd", boot.initrd, boot.initrd + initrd_bytes()},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ranges[i].end > ranges[i].start)
			fn(&ranges[i], arg);
	}
}

static int boot_init(struct kvm *kvm)
{
	boot.kvm = kvm;
	boot.device = (struct device){.name = "boot", .reset = boot_reset};
	device_register(&boot.device);
	return 0;
}

static void boot_exit(struct kvm *kvm)
{
	(void)kvm;
	device_unregister(&boot.device);
}

INIT_MODULE(boot, .level = INIT_FIRMWARE, .init = boot_init, .exit = boot_exit);
