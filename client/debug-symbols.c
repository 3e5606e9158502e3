// SPDX-License-Identifier: GPL-2.0-only
/*
 * Find the symbols of the kernel that a machine runs, and how far the kernel was moved from them.
 *
 * Files: the file that --vmlinux or --system-map names. Otherwise the first usable one of these:
 * the kernel itself if it is an ELF file, System.map-RELEASE and System.map beside it, and
 * System.map at the top of a build tree if the kernel is arch/x86/boot/bzImage in that tree. Of
 * these, a file that is not usable is skipped without a message.
 *
 * KASLR: Linux runs at some distance above the addresses in its symbols. Two values of the CPU show
 * the distance, because they are addresses of functions with known symbols: LSTAR points to
 * entry_SYSCALL_64 from early in the boot on, and the gate of page faults to asm_exc_page_fault
 * (page_fault before 5.8). A possible distance is at least 0, less than 2 GiB and a multiple of 2
 * MiB (of 4 KiB for 32 bits). If both values give one, the two must be equal. If LSTAR is set but
 * gives no possible distance, nor does the gate, the symbols belong to another kernel and are not
 * used: wrong names are worse than none. For the guest's own /proc/kallsyms the distance is 0.
 * Before LSTAR is set, lkvm uses the distance from the load of the kernel: it moves unpacked
 * kernels itself, and "nokaslr" keeps others in place.
 *
 * Main thread.
 *
 * Spec: Linux Documentation/arch/x86/x86_64/mm.rst (kernel text mapping); the help of its options
 * RANDOMIZE_BASE and PHYSICAL_ALIGN (2 MiB at least).
 */
#include <kvm/client-debug.h>

#include <kvm/log.h>
#include <kvm/options.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUILD_TREE "/arch/x86/boot"
#define UPPER_HALF (1ULL << 63)
#define MOVE_LIMIT (2 * GIB)

u64 debug_number(const json_t *object, const char *group, const char *name)
{
	const char *text;
	u64 value = 0;

	if (group)
		object = json_object_get(object, group);
	text = json_string_value(json_object_get(object, name));
	return text && !parse_u64(text, &value) ? value : 0;
}

bool debug_symbols_place(const struct debug_symbols *symbols, u64 address,
			 struct symbols_place *place)
{
	return address >= symbols->moved &&
	       symbols_find(&symbols->table, address - symbols->moved, place);
}

/* --- how far the kernel has moved --- */

enum { ANCHOR_NONE, ANCHOR_FITS, ANCHOR_STRANGE };

/* The distance according to a register that should hold the address of this symbol. */
static int debug_anchor(const struct symbols *table, const char *symbol, u64 value, u64 *moved)
{
	u64 linked, align;

	if (!value || !symbols_address(table, symbol, &linked))
		return ANCHOR_NONE;
	align = linked >= UPPER_HALF ? 2 * MIB : 4 * KIB;
	*moved = value - linked;
	return *moved < MOVE_LIMIT && !(*moved % align) ? ANCHOR_FITS : ANCHOR_STRANGE;
}

/* The distance according to the registers of one CPU. */
static int debug_anchors(const struct symbols *table, const json_t *cpu, u64 *moved)
{
	u64 gate = debug_number(cpu, "idt", "page_fault"), by_gate;
	int syscall, fault;

	syscall = debug_anchor(table, "entry_SYSCALL_64", debug_number(cpu, "msr", "lstar"), moved);
	fault = debug_anchor(table, "asm_exc_page_fault", gate, &by_gate);
	if (fault == ANCHOR_NONE)
		fault = debug_anchor(table, "page_fault", gate, &by_gate);
	if (syscall == ANCHOR_FITS)
		return fault == ANCHOR_FITS && by_gate != *moved ? ANCHOR_STRANGE : ANCHOR_FITS;
	if (fault == ANCHOR_FITS) {
		*moved = by_gate;
		return ANCHOR_FITS;
	}
	/*
	 * The first interrupt table of a boot has other handlers: a gate that does not fit proves
	 * nothing.
	 */
	return syscall;
}

/* False: these symbols belong to another kernel. */
static bool debug_find_move(const struct debug_wish *wish, const json_t *answer,
			    struct debug_symbols *symbols)
{
	const json_t *kernel = json_object_get(answer, "kernel");
	const json_t *cpus = json_object_get(answer, "cpus");
	int anchor = ANCHOR_NONE;

	symbols->moved = wish->moved;
	symbols->moved_by = "as --kaslr-offset says";
	if (wish->moved_given)
		return true;
	for (size_t i = 0; i < json_array_size(cpus) && anchor == ANCHOR_NONE; i++)
		anchor = debug_anchors(&symbols->table, json_array_get(cpus, i), &symbols->moved);
	symbols->moved_by = "as its registers say";
	if (anchor != ANCHOR_NONE)
		return anchor == ANCHOR_FITS;
	symbols->moved = debug_number(kernel, NULL, "moved");
	symbols->moved_by = json_object_get(kernel, "moved") ? "as it was loaded" : NULL;
	return true;
}

/* --- files --- */

static int debug_open(const char *path, bool elf, bool guessed, struct symbols *table,
		      const char **why)
{
	/* The machine chose this path: if it is a pipe, do not wait for the other end. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | (guessed ? O_NONBLOCK | O_NOCTTY : 0));
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st) < 0) {
		err = -errno;
		*why = strerror(errno);
	} else if (S_ISDIR(st.st_mode) || (guessed && !S_ISREG(st.st_mode))) {
		err = -EISDIR;
		*why = "is not a file";
	} else {
		err = elf ? symbols_read_elf(fd, table, why) : symbols_read_map(fd, table, why);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

/* Try one file that may have the symbols. True: they fit this kernel. */
static bool debug_try(const struct debug_wish *wish, const json_t *answer, bool elf,
		      struct debug_symbols *symbols)
{
	const char *why;

	if (debug_open(symbols->file, elf, true, &symbols->table, &why))
		return false;
	if (debug_find_move(wish, answer, symbols))
		return true;
	symbols_free(&symbols->table);
	return false;
}

static void debug_guess(const struct debug_wish *wish, const json_t *answer,
			struct debug_symbols *symbols)
{
	const json_t *kernel = json_object_get(answer, "kernel");
	const char *path = json_string_value(json_object_get(kernel, "path"));
	const char *release = json_string_value(json_object_get(kernel, "release"));
	const char *slash = path ? strrchr(path, '/') : NULL;
	int folder = slash ? (int)(slash - path) : 0, top = folder - (int)strlen(BUILD_TREE);

	if (!slash || strlen(path) >= 4096)
		return;
	snprintf(symbols->file, sizeof(symbols->file), "%s", path);
	if (debug_try(wish, answer, true, symbols))
		return;
	if (release && strlen(release) < 64 && !strchr(release, '/')) {
		snprintf(symbols->file, sizeof(symbols->file), "%.*s/System.map-%s", folder, path,
			 release);
		if (debug_try(wish, answer, false, symbols))
			return;
	}
	snprintf(symbols->file, sizeof(symbols->file), "%.*s/System.map", folder, path);
	if (debug_try(wish, answer, false, symbols))
		return;
	if (top < 0 || strncmp(path + top, BUILD_TREE, strlen(BUILD_TREE)) != 0)
		return;
	snprintf(symbols->file, sizeof(symbols->file), "%.*s/System.map", top, path);
	debug_try(wish, answer, false, symbols);
}

int debug_symbols_find(const struct debug_wish *wish, const json_t *answer,
		       struct debug_symbols *symbols)
{
	const char *file = wish->vmlinux ? wish->vmlinux : wish->system_map, *why;
	int err;

	symbols->table = (struct symbols){0};
	symbols->moved = 0;
	if (!file) {
		debug_guess(wish, answer, symbols);
		return 0;
	}
	snprintf(symbols->file, sizeof(symbols->file), "%s", file);
	err = debug_open(file, wish->vmlinux != NULL, false, &symbols->table, &why);
	if (err)
		return log_fail(err, "symbols %s: %s", file, why);
	if (debug_find_move(wish, answer, symbols))
		return 0;
	log_warn("symbols %s: belong to another kernel: the running one enters system calls at "
		 "another address; they are not used (--kaslr-offset uses them nevertheless)",
		 file);
	symbols_free(&symbols->table);
	return 0;
}
