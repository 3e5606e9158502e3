// SPDX-License-Identifier: GPL-2.0-only
/*
 * The boot image: kernel, initrds and command line, put into guest RAM.
 *
 * boot_open_files() runs before any machine exists: it opens the kernel and the initrds, checks
 * what can be checked, and completes the command line. The rest is a device: its reset() writes
 * everything into RAM and sets the first vCPU to the kernel's entry. So power-on and reset in place
 * are the same code. At a reset the kernel's path is opened again, because a developer may have
 * rebuilt the kernel; if it changed, a warning says so. The kernel is read, never mapped.
 *
 * image.c decides what kind of kernel it is, and which entry to use. This file has the three ways
 * to load (a bzImage's payload, ELF segments, a flat image), the place of the initrds, and for each
 * entry the tables that it needs (params.c, pvh.c, mbinfo.c, bios.c) and the initial state of the
 * CPU (entry.c).
 *
 * Places in RAM (x86/layout.h): tables, RNG seed and command line are in low memory; the kernel is
 * at its preferred address, or at a random one if it is unpacked here; the initrd is as high as the
 * kernel allows, below 4 GiB and above [load, load + init_size), which the kernel overwrites while
 * it unpacks itself. Reading the kernel into RAM is most of the time between exec and the first
 * guest instruction.
 *
 * Main thread.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst and zero-page.rst.
 */
#include "bios.h"
#include "e820.h"
#include "entry.h"
#include "layout.h"
#include "mbinfo.h"
#include "params.h"
#include "pvh.h"
#include <kvm/acpi-table.h>
#include <kvm/boot-image.h>
#include <kvm/initrd.h>
#include <kvm/limits.h>
#include <kvm/release.h>
#include <kvm/vmgenid.h>

#include <kvm/arch.h>
#include <kvm/boot.h>
#include <kvm/config.h>
#include <kvm/device.h>
#include <kvm/init.h>
#include <kvm/irq-pin.h>
#include <kvm/kvm.h>
#include <kvm/log.h>
#include <kvm/util.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINUX_INITRD_ALIGN 4
#define ENTRY_64_OFFSET	   0x200 /* of a bzImage's 64-bit entry from its load address */

/* lkvm(1) documents each word and what it saves. */
#define DEFAULT_CMDLINE(tty) \
	"quiet loglevel=5 earlycon=uart8250,io,0x3f8,115200n8 console=" tty " cryptomgr.notests"
static const char *const default_cmdline[] = {
	[CONSOLE_SERIAL] = DEFAULT_CMDLINE("ttyS0"),
	[CONSOLE_VIRTIO] = DEFAULT_CMDLINE("hvc0"),
};

enum kernel_type { KERNEL_TYPE_AUTO, KERNEL_TYPE_FLAT };
enum unpack_mode { UNPACK_AUTO, UNPACK_NEVER };

/* The options that no other file reads. */
static struct {
	int kernel_type; /* enum kernel_type */
	int entry;	 /* enum image_entry; 0: the best */
	int unpack;	 /* enum unpack_mode */
} boot_asked;

/* Names of enum image_entry, without the entry of flat images. */
static const char *const boot_entry_choices[] = {"auto", "64bit",     "32bit", "16bit",
						 "pvh",	 "multiboot", NULL};
static const char *const type_choices[] = {"auto", "flat", NULL};
static const char *const boot_unpack_choices[] = {"auto", "never", NULL};

static struct {
	struct kvm *kvm;
	struct device device;
	int fd;
	struct stat identity; /* state of the file when it was opened */
	struct image image;
	char *cmdline;
	bool loaded;	  /* loaded before: this is a reset */
	gpa_t load, end;  /* where the kernel is, and the end of the RAM it uses first */
	u64 shift;	  /* bytes from an unpacked kernel's linked address up to load */
	u64 moved;	  /* the same for its virtual address, */
	bool moved_known; /* false if the kernel chooses that itself */
	gpa_t initrd;
	struct mbinfo_place multiboot; /* for the multiboot entry, as is cmdline_bytes */
	u64 cmdline_bytes;
	struct boot_initramfs initramfs; /* make is NULL: none */
	char release[RELEASE_BYTES];	 /* the kernel's, if known; "" else */
} boot = {.fd = -1};

static const struct option boot_options[] = {
	{.name = "kernel",
	 .short_name = 'k',
	 .type = OPTION_STRING,
	 .value = &config.kernel,
	 .arg = "FILE",
	 .help = "the kernel: bzImage or vmlinux (that of the build tree, else of this machine)"},
	{.name = "kernel-type",
	 .type = OPTION_CHOICE,
	 .value = &boot_asked.kernel_type,
	 .arg = "auto|flat",
	 .choices = type_choices,
	 .help = "flat: real-mode code without a header, entered at its first byte"},
	{.name = "boot",
	 .type = OPTION_CHOICE,
	 .value = &boot_asked.entry,
	 .arg = "auto|64bit|32bit|16bit|pvh|multiboot",
	 .choices = boot_entry_choices,
	 .help = "by which entry to boot it (auto: the best it offers)"},
	{.name = "unpack",
	 .type = OPTION_CHOICE,
	 .value = &boot_asked.unpack,
	 .arg = "auto|never",
	 .choices = boot_unpack_choices,
	 .help = "whether a bzImage is unpacked here, once, instead of in each guest"},
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
OPTION_GROUP(boot, run, "Boot", 20, boot_options);

/* --- files and command line, before the machine --- */

/* True if the command line contains word. */
static bool boot_has_word(const char *word)
{
	size_t len = strlen(word);

	for (const char *at = boot.cmdline; (at = strstr(at, word)); at += len) {
		if ((at == boot.cmdline || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	}
	return false;
}

/* True if the command line or a table of the user's limits where the kernel may be in RAM. */
static bool boot_kernel_is_bound(void)
{
	const struct acpi_table *table;

	for (unsigned int i = 0; (table = acpi_table_get(i)); i++) {
		if (!memcmp(table->bytes, "SRAT", 4)) /* it says which memory can be unplugged */
			return true;
	}
	return limits_bind_kernel(boot.cmdline);
}

static int boot_open_kernel(void)
{
	enum image_entry entry = (enum image_entry)boot_asked.entry;
	bool stays = boot_has_word("nokaslr");
	/* A kernel that is entered by PVH is never moved. */
	bool chooses = !stays && entry != IMAGE_ENTRY_PVH && boot_kernel_is_bound();
	const struct image_wish wish = {.entry = entry,
					.flat = boot_asked.kernel_type == KERNEL_TYPE_FLAT,
					.never_unpack =
						boot_asked.unpack == UNPACK_NEVER || chooses,
					.stays = stays,
					.ram_top = MIN(config.mem_bytes, LAYOUT_RAM_HOLE)};
	struct stat *st = &boot.identity;
	const char *why;
	int err;

	if (boot.fd >= 0)
		close(boot.fd);
	boot.fd = open(config.kernel, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (boot.fd < 0 || fstat(boot.fd, st) < 0)
		return log_fail(-errno, "kernel %s: %s", config.kernel, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return log_fail(-EINVAL, "kernel %s: is %s; a bzImage or a vmlinux is wanted",
				config.kernel,
				S_ISDIR(st->st_mode) ? "a directory" : "not a regular file");
	err = image_open(boot.fd, (u64)st->st_size, &wish, &boot.image, &why);
	return err ? log_fail(err, "kernel %s: %s", config.kernel, why) : 0;
}

/* Join lkvm's words, then the user's, with one blank between. */
static int boot_build_cmdline(void)
{
	const char *words = config.nodefaults ? "" : default_cmdline[config.console];
	size_t bytes = strlen(words) + 1;
	char *end;

	for (size_t i = 0; i < config.params.count; i++)
		bytes += 1 + strlen(config.params.items[i]);
	boot.cmdline = malloc(bytes);
	if (!boot.cmdline)
		return log_fail(-ENOMEM, "command line: no memory");
	end = stpcpy(boot.cmdline, words);
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
	size_t max = MIN(boot.image.bz.cmdline_size, LAYOUT_CMDLINE_MAX - 1);

	if (len > max)
		return log_fail(-E2BIG, "command line: has %zu characters; kernel %s takes %zu",
				len, config.kernel, max);
	return 0;
}

void boot_use_initramfs(const struct boot_initramfs *initramfs)
{
	boot.initramfs = *initramfs;
}

/* Add a word for the kernel: before " -- ", which ends the kernel's own words. */
static int boot_add_word(const char *word)
{
	char *end = strstr(boot.cmdline, " -- "), *longer;
	int len = (int)(end ? end - boot.cmdline : (ptrdiff_t)strlen(boot.cmdline));

	if (asprintf(&longer, "%.*s%s%s%s", len, boot.cmdline, len ? " " : "", word, end ?: "") < 0)
		return log_fail(-ENOMEM, "command line: no memory");
	free(boot.cmdline);
	boot.cmdline = longer;
	return 0;
}

/* NULL if lkvm's own init works with this kernel, else the reason why not. */
static const char *boot_refuses_initramfs(void)
{
	const struct image *image = &boot.image;

	if (image->entry == IMAGE_ENTRY_MULTIBOOT || image->entry == IMAGE_ENTRY_REAL)
		return "is no Linux kernel";
	if (!(image->kind == IMAGE_ELF ? image->elf.is_64bit
				       : image->bz.entries & BZIMAGE_ENTRY_64))
		return "is no 64-bit kernel";
	if (!release_find(image, boot.fd, boot.release))
		return "does not say which release it is";
	return NULL;
}

/* Called once, at the start: a reset keeps the command line. */
static int boot_check_initramfs(void)
{
	const char *why = boot.initramfs.make ? boot_refuses_initramfs() : NULL;

	if (!boot.initramfs.make)
		return 0;
	if (!why)
		return boot_add_word(boot.initramfs.param);
	if (boot.initramfs.required)
		return log_fail(-EINVAL, "kernel %s: %s; lkvm's own init is for 64-bit Linux",
				config.kernel, why);
	boot.initramfs.make = NULL;
	return 0;
}

static int boot_make_initramfs(void)
{
	const void *data;
	size_t bytes;
	int err;

	if (!boot.initramfs.make)
		return 0;
	err = boot.initramfs.make(boot.release, &data, &bytes, boot.initramfs.arg);
	if (!err)
		initrd_prepend(data, bytes);
	return err;
}

static int boot_open_initrds(void)
{
	bool modules = boot.image.entry == IMAGE_ENTRY_MULTIBOOT;

	return initrd_open(modules, modules ? MBINFO_MODULE_ALIGN : LINUX_INITRD_ALIGN);
}

/* With these words Linux uses only the PICs, or may do so: see irq-pin.c. */
static void boot_choose_lines(void)
{
	static const char *const words[] = {"acpi=off", "nolapic", "disableapic", "noapic"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (boot_has_word(words[i]))
			irq_pin_use_isa_lines();
	}
}

int boot_open_files(void)
{
	int err = boot_build_cmdline();

	err = err ?: acpi_table_open();
	if (!err)
		boot_choose_lines();
	err = err ?: boot_open_kernel();
	err = err ?: boot_check_initramfs();
	err = err ?: boot_check_cmdline();
	return err ?: boot_open_initrds();
}

const char *boot_cmdline(void)
{
	return boot.cmdline;
}

/* --- into guest RAM --- */

/* Read [offset, offset + len) of the kernel to gpa. All of it must be RAM. */
static int boot_read(const struct gmem *mem, gpa_t gpa, u64 len, u64 offset)
{
	const struct elf_source *source = &boot.image.source;
	void *to = gmem_ptr(mem, gpa, len);
	int err;

	if (!len)
		return 0;
	if (!to)
		return log_fail(-EFAULT,
				"kernel %s: does not fit into RAM: 0x%llx is above or in a hole; "
				"--mem gives %llu MiB in all",
				config.kernel, (gpa + len - 1), (gmem_total(mem) / MIB));
	err = elf_source_load(source, to, len, offset);
	return err ? log_fail(err, "kernel %s: cannot be read to its end: %s", config.kernel,
			      strerror(-err))
		   : 0;
}

static int boot_load_bzimage(const struct gmem *mem)
{
	const struct bzimage *bz = &boot.image.bz;

	boot.load = bzimage_place(bz, LAYOUT_KERNEL_MIN, gmem_low_top(mem));
	if (!boot.load)
		return log_fail(-ENOMEM,
				"kernel %s: needs %llu MiB from 0x%llx on to unpack itself; "
				"--mem gives %llu MiB in all",
				config.kernel, (ALIGN_UP(bz->init_size, MIB) / MIB),
				bz->pref_address, (gmem_total(mem) / MIB));
	boot.end = boot.load + bz->init_size;
	boot.moved = 0;
	boot.moved_known = boot_has_word("nokaslr");
	if (boot.image.entry == IMAGE_ENTRY_16 && boot_read(mem, LAYOUT_SETUP, bz->setup_bytes, 0))
		return -EFAULT;
	return boot_read(mem, boot.load, bz->payload_bytes, bz->payload_offset);
}

/* Choose boot.shift; returns the distance to move the kernel's virtual address up. */
static u64 boot_randomize(const struct gmem *mem)
{
	const struct image *image = &boot.image;
	const struct elf *elf = &image->elf;
	u64 align = image->bz.alignment;
	gpa_t limit = MIN(image->bz.initrd_max + 1, gmem_low_top(mem));
	u64 initrd = ALIGN_UP(initrd_bytes(), 4096ULL);

	boot.shift = 0;
	/* With PVH the kernel runs at its linked address until it has its own page tables. */
	if (image->entry != IMAGE_ENTRY_64 || !image->kaslr.table || !align)
		return 0;
	limit = initrd < limit ? limit - initrd : 0;
	boot.shift = kaslr_choose(elf->start, elf->end - elf->start, limit, align);
	return kaslr_choose_virtual(elf, align);
}

static int boot_load_elf(const struct gmem *mem)
{
	const struct elf *elf = &boot.image.elf;
	u64 offset = boot_randomize(mem);
	const char *why;
	int err = 0;

	boot.load = elf->start + boot.shift;
	boot.end = elf->end + boot.shift;
	boot.moved = offset;
	boot.moved_known = true;
	if (boot.end > gmem_low_top(mem))
		return log_fail(-ENOMEM,
				"kernel %s: needs RAM up to 0x%llx; --mem gives %llu MiB in all",
				config.kernel, boot.end, (gmem_total(mem) / MIB));
	for (unsigned int i = 0; !err && i < elf->count; i++) {
		const struct elf_segment *segment = &elf->segments[i];

		err = boot_read(mem, segment->addr + boot.shift, segment->file_bytes,
				segment->offset);
	}
	if (err)
		return err;
	err = kaslr_apply(&boot.image.kaslr, mem, elf, boot.shift, offset, &why);
	return err ? log_fail(err, "kernel %s: %s", config.kernel, why) : 0;
}

static int boot_load_flat(const struct gmem *mem)
{
	boot.load = LAYOUT_FLAT;
	boot.end = LAYOUT_KERNEL_MIN;
	return boot_read(mem, boot.load, boot.image.source.bytes, 0);
}

static int boot_load_kernel(const struct gmem *mem)
{
	switch (boot.image.kind) {
	case IMAGE_BZIMAGE:
		return boot_load_bzimage(mem);
	case IMAGE_ELF:
		return boot_load_elf(mem);
	default:
		return boot_load_flat(mem);
	}
}

static int boot_load_initrd(const struct gmem *mem)
{
	gpa_t top = MIN(boot.image.bz.initrd_max + 1, gmem_low_top(mem));
	gpa_t floor = MAX(boot.end, (gpa_t)LAYOUT_KERNEL_MIN);
	u64 bytes = initrd_bytes();
	/* With mem= the kernel uses no RAM above: put the initrd below, if there is room. */
	gpa_t end = MIN(top, ALIGN_DOWN(limits_end_ram(boot.cmdline), 4096ULL));

	boot.initrd = 0;
	if (!bytes)
		return 0;
	if (bytes > UINT32_MAX || floor > top || ALIGN_UP(bytes, 4096ULL) > top - floor)
		return log_fail(-ENOMEM,
				"initrd: %llu MiB do not fit beside the kernel; --mem gives "
				"%llu MiB in all",
				(ALIGN_UP(bytes, MIB) / MIB), (gmem_total(mem) / MIB));
	if (floor <= end && ALIGN_UP(bytes, 4096ULL) <= end - floor)
		top = end;
	boot.initrd = ALIGN_DOWN(top - bytes, 4096ULL);
	return initrd_load(mem, boot.initrd);
}

/* --- tables and registers, by entry --- */

static int boot_write_cmdline(const struct gmem *mem)
{
	int err = gmem_write(mem, LAYOUT_CMDLINE, boot.cmdline, strlen(boot.cmdline) + 1);

	return err ? log_fail(err, "--mem: too little RAM for the command line") : 0;
}

static int boot_enter_linux(struct kvm *kvm, enum image_entry entry)
{
	const struct image *image = &boot.image;
	const struct params params = {.bz = &image->bz,
				      .load = boot.load,
				      .initrd = boot.initrd,
				      .initrd_bytes = initrd_bytes(),
				      .cmdline = boot.cmdline,
				      .randomized = boot.moved != 0};
	/* The set-up code begins after the boot sector; a paragraph is 16 bytes. */
	const struct entry_real setup = {.cs = (LAYOUT_SETUP + 0x200) >> 4,
					 .ds = LAYOUT_SETUP >> 4,
					 .sp = LAYOUT_SETUP_HEAP - LAYOUT_SETUP};
	bool is_elf = image->kind == IMAGE_ELF;
	int err;

	if (entry == IMAGE_ENTRY_16) {
		err = params_write_setup(&kvm->mem, &params);
		err = err ?: bios_write(&kvm->mem);
		return err ?: entry_set_real(kvm, &setup);
	}
	err = params_write(&kvm->mem, &params);
	if (err)
		return err;
	if (entry == IMAGE_ENTRY_64)
		return entry_set_64bit(
			kvm, is_elf ? image->elf.entry + boot.shift : boot.load + ENTRY_64_OFFSET,
			LAYOUT_ZERO_PAGE);
	return entry_set_32bit(
		kvm, &(struct entry_regs){.eip = (u32)(is_elf ? image->elf.entry : boot.load),
					  .esi = LAYOUT_ZERO_PAGE});
}

static int boot_enter_pvh(struct kvm *kvm)
{
	int err = boot_write_cmdline(&kvm->mem);

	err = err ?: pvh_write(&kvm->mem, boot.initrd, initrd_bytes());
	return err ? err
		   : entry_set_32bit(kvm, &(struct entry_regs){.eip = (u32)boot.image.elf.pvh_entry,
							       .ebx = LAYOUT_BOOT_INFO});
}

/* Put the file's name first, as other loaders do: kernels skip the first word. */
static int boot_enter_multiboot(struct kvm *kvm)
{
	struct mbinfo_place *place = &boot.multiboot;
	char *cmdline;
	int len = asprintf(&cmdline, "%s %s", config.kernel, boot.cmdline);
	int err = len < 0 ? log_fail(-ENOMEM, "command line: no memory") : 0;

	if (err)
		return err;
	if (len >= LAYOUT_CMDLINE_MAX || mbinfo_find_place(&boot.image.elf, (size_t)len + 1, place))
		err = log_fail(-ENOMEM,
			       "kernel %s: leaves no room in low memory for the %d bytes "
			       "of the command line",
			       config.kernel, len);
	else if (gmem_write(&kvm->mem, place->cmdline, cmdline, (u64)len + 1))
		err = log_fail(-EFAULT, "--mem: too little RAM for the command line");
	boot.cmdline_bytes = (u64)len + 1;
	free(cmdline);
	err = err ?: mbinfo_write(&kvm->mem, place, boot.initrd);
	return err ? err
		   : entry_set_32bit(kvm, &(struct entry_regs){.eip = (u32)boot.image.elf.entry,
							       .eax = MBINFO_LOADER_MAGIC,
							       .ebx = (u32)place->info,
							       .gdt = place->gdt});
}

/* AX and BX are 2, for the well-known example program that adds both and prints the sum. */
static int boot_enter_flat(struct kvm *kvm)
{
	const struct entry_real flat = {
		.cs = LAYOUT_FLAT >> 4, .ds = LAYOUT_FLAT >> 4, .sp = LAYOUT_FLAT_STACK, .ax = 2};
	int err = bios_write(&kvm->mem);

	return err ?: entry_set_real(kvm, &flat);
}

static int boot_enter(struct kvm *kvm)
{
	enum image_entry entry = boot.image.entry;

	switch (entry) {
	case IMAGE_ENTRY_PVH:
		return boot_enter_pvh(kvm);
	case IMAGE_ENTRY_MULTIBOOT:
		return boot_enter_multiboot(kvm);
	case IMAGE_ENTRY_REAL:
		return boot_enter_flat(kvm);
	default:
		return boot_enter_linux(kvm, entry);
	}
}

/* Open the path again, and warn if it is another file now or has another content. */
static int boot_reopen_kernel(void)
{
	struct stat before = boot.identity;
	const struct stat *now = &boot.identity;
	const char *why;
	int err = boot_open_kernel();

	err = err ?: boot_check_cmdline();
	err = err ?: boot_open_initrds();
	if (err)
		return err;
	why = boot.initramfs.make ? boot_refuses_initramfs() : NULL;
	if (why)
		return log_fail(-EINVAL, "kernel %s: has changed, and %s", config.kernel, why);
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

	if (boot.loaded)
		err = boot_reopen_kernel();
	boot.loaded = true;
	err = err ?: boot_make_initramfs();
	/* Written before the kernel, which may overwrite the BIOS's data, as on a PC. */
	if (!err && boot.image.entry == IMAGE_ENTRY_MULTIBOOT)
		err = bios_write(&kvm->mem);
	err = err ?: boot_load_kernel(&kvm->mem);
	err = err ?: boot_load_initrd(&kvm->mem);
	err = err ?: boot_enter(kvm);
	/* Only from a bzImage's header: to search a vmlinux is too slow just for a debugger. */
	if (!err && boot.image.bz.setup_bytes)
		release_find(&boot.image, boot.fd, boot.release);
	/* The kernel is in guest RAM now. */
	image_close(&boot.image);
	return err;
}

const char *boot_entry(void)
{
	return image_entry_name(boot.image.entry);
}

void arch_find_kernel(struct arch_kernel *kernel)
{
	char link[32];
	ssize_t len;

	/* The name of the open file: no path is looked up, which could block. */
	snprintf(link, sizeof(link), "/proc/self/fd/%d", boot.fd);
	len = readlink(link, kernel->path, sizeof(kernel->path) - 1);
	kernel->path[MAX(len, (ssize_t)0)] = 0;
	kernel->release = boot.release;
	kernel->moved_known = boot.moved_known;
	kernel->moved = boot.moved;
}

/* The used parts of low memory depend on the entry. */
void boot_for_each_range(void (*fn)(const struct boot_range *range, void *arg), void *arg)
{
	enum image_entry entry = boot.image.entry;
	bool multiboot = entry == IMAGE_ENTRY_MULTIBOOT;
	gpa_t info = multiboot ? boot.multiboot.info : LAYOUT_BOOT_INFO;
	u64 info_bytes = entry == IMAGE_ENTRY_PVH || multiboot ? 4096 : 0;
	gpa_t cmdline_at = multiboot ? boot.multiboot.cmdline : LAYOUT_CMDLINE;
	bool params = entry == IMAGE_ENTRY_64 || entry == IMAGE_ENTRY_32;
	u64 cmdline = multiboot ? boot.cmdline_bytes : strlen(boot.cmdline) + 1;
	u64 zero_page = params ? sizeof(struct boot_params) : 0;
	u64 setup = entry == IMAGE_ENTRY_16 ? boot.image.bz.setup_bytes : 0;
	bool real = entry == IMAGE_ENTRY_16 || entry == IMAGE_ENTRY_REAL || multiboot;
	u64 bios = real ? LAYOUT_BIOS_END - LAYOUT_BIOS : 0;
	const struct boot_range ranges[] = {
		{"boot information", info, info + info_bytes},
		{"boot_params", LAYOUT_ZERO_PAGE, LAYOUT_ZERO_PAGE + zero_page},
		{"command line", cmdline_at,
		 cmdline_at + (entry == IMAGE_ENTRY_REAL ? 0 : cmdline)},
		{"set-up code", LAYOUT_SETUP, LAYOUT_SETUP + setup},
		{"ACPI tables", LAYOUT_ACPI, LAYOUT_ACPI_END},
		{"SMBIOS", LAYOUT_SMBIOS, LAYOUT_SMBIOS_END},
		{"MP table", LAYOUT_MPTABLE, LAYOUT_MPTABLE_END},
		{"generation ID", LAYOUT_VMGENID, LAYOUT_VMGENID + VMGENID_BYTES},
		{"BIOS", LAYOUT_BIOS, LAYOUT_BIOS + bios},
		{"kernel", boot.load, boot.end},
		{"initrd", boot.initrd, boot.initrd + initrd_bytes()},
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (ranges[i].end > ranges[i].start)
			fn(&ranges[i], arg);
	}
}

/* --- words for a kernel that does not read ACPI's devices --- */

static void boot_add_param(void *arg, const struct device_record *record)
{
	int *err = arg;

	if (!*err && record->param)
		*err = boot_add_word(record->param);
}

static void boot_add_params_of(struct device *dev, void *arg)
{
	if (dev->describe)
		dev->describe(dev, boot_add_param, arg);
}

/* Only with acpi=off: a kernel that also reads ACPI would find each device twice. */
static int boot_add_params(void)
{
	int err = 0;

	if (!boot_has_word("acpi=off"))
		return 0;
	device_for_each(boot_add_params_of, &err);
	return err ?: boot_check_cmdline();
}

static int boot_init(struct kvm *kvm)
{
	int err = boot_add_params();

	if (err)
		return err;
	boot.kvm = kvm;
	boot.device = (struct device){.name = "boot", .stage = DEVICE_BOOT, .reset = boot_reset};
	device_register(&boot.device);
	return 0;
}

static void boot_exit(struct kvm *kvm)
{
	device_unregister(&boot.device);
}

INIT_MODULE(boot, .level = INIT_BOOT, .init = boot_init, .exit = boot_exit);
