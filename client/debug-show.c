// SPDX-License-Identifier: GPL-2.0-only
/*
 * The report of lkvm debug, from the machine's answer.
 *
 * For each CPU: registers with their flags by name, segments, tables and MSRs, code around the
 * instruction pointer, the page-table entries that translate it, the top of the stack, and, with
 * symbols, the words of the stack that look like return addresses. That is only a guess at the
 * calls: an old word from an earlier call looks the same. An address at the very start of a
 * function is not shown, because no call returns there.
 *
 * The answer is JSON whose numbers are hexadecimal strings; a missing number is taken as 0. The
 * strings come from the machine and the symbols' file: they are made printable first.
 *
 * Main thread.
 *
 * Spec: docs/control.md; Intel SDM volume 3, 2.3 (RFLAGS), 2.5 (control registers), 2.2.1 (EFER),
 * 4.5 (page-table entries).
 */
#include <kvm/client-debug.h>

#include <kvm/options.h>
#include <kvm/printable.h>

#include <stdio.h>
#include <string.h>

#define STACK_WORDS_SHOWN 16
#define CALLS_MAX	  64
#define EFER_LMA	  (1ULL << 10)

typedef const char *debug_bits[64];

static const debug_bits rflags_bits = {
	[0] = "CF",  [2] = "PF",   [4] = "AF",	 [6] = "ZF",  [7] = "SF",  [8] = "TF",
	[9] = "IF",  [10] = "DF",  [11] = "OF",	 [14] = "NT", [16] = "RF", [17] = "VM",
	[18] = "AC", [19] = "VIF", [20] = "VIP", [21] = "ID",
};
static const debug_bits cr0_bits = {
	[0] = "PE",  [1] = "MP",  [2] = "EM",  [3] = "TS",  [4] = "ET",	 [5] = "NE",
	[16] = "WP", [18] = "AM", [29] = "NW", [30] = "CD", [31] = "PG",
};
static const debug_bits cr4_bits = {
	[0] = "VME",	     [1] = "PVI",    [2] = "TSD",      [3] = "DE",    [4] = "PSE",
	[5] = "PAE",	     [6] = "MCE",    [7] = "PGE",      [8] = "PCE",   [9] = "OSFXSR",
	[10] = "OSXMMEXCPT", [11] = "UMIP",  [12] = "LA57",    [13] = "VMXE", [14] = "SMXE",
	[16] = "FSGSBASE",   [17] = "PCIDE", [18] = "OSXSAVE", [20] = "SMEP", [21] = "SMAP",
	[22] = "PKE",	     [23] = "CET",
};
static const debug_bits efer_bits = {
	[0] = "SCE", [8] = "LME", [10] = "LMA", [11] = "NXE", [12] = "SVME", [14] = "FFXSR",
};
static const debug_bits debug_entry_bits = {
	[0] = "present",  [1] = "writable", [2] = "user",   [3] = "PWT",	 [4] = "PCD",
	[5] = "accessed", [6] = "dirty",    [8] = "global", [63] = "no-execute",
};

static void show_bits(u64 value, const debug_bits names)
{
	for (unsigned int i = 0; i < 64; i++) {
		if (value >> i & 1 && names[i])
			printf(" %s", names[i]);
	}
}

static void show_place(const struct debug_symbols *symbols, u64 address)
{
	struct symbols_place place;
	char name[SYMBOLS_NAME_MAX + 1], printable[4 * sizeof(name)];

	if (!debug_symbols_place(symbols, address, &place))
		return;
	snprintf(name, sizeof(name), "%s", place.name);
	printable_copy(printable, sizeof(printable), name);
	printf(" %s+0x%llx", printable, place.offset);
	if (place.size)
		printf("/0x%llx", place.size);
}

/* --- registers --- */

static void show_row(const json_t *cpu, const char *const *names)
{
	printf(" ");
	for (; *names; names++)
		printf(" %-3s %016llx", *names, debug_number(cpu, "general", *names));
	printf("\n");
}

static void show_general(const json_t *cpu, const struct debug_symbols *symbols)
{
	static const char *const rows[][5] = {
		{"rax", "rbx", "rcx", "rdx"},
		{"rsi", "rdi", "rbp", "rsp"},
		{"r8", "r9", "r10", "r11"},
		{"r12", "r13", "r14", "r15"},
	};
	u64 rip = debug_number(cpu, "general", "rip");
	u64 rflags = debug_number(cpu, "general", "rflags");

	printf("  rip %016llx", rip);
	show_place(symbols, rip);
	printf("\n  rflags %016llx", rflags);
	show_bits(rflags, rflags_bits);
	printf(" IOPL=%u\n", (unsigned int)(rflags >> 12 & 3));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		show_row(cpu, rows[i]);
}

static void show_control(const json_t *cpu)
{
	static const struct {
		const char *name;
		const debug_bits *bits;
	} registers[] = {{"cr0", &cr0_bits}, {"cr2", NULL}, {"cr3", NULL},
			 {"cr4", &cr4_bits}, {"cr8", NULL}, {"efer", &efer_bits}};

	for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
		u64 value = debug_number(cpu, "control", registers[i].name);

		printf("  %-4s %016llx", registers[i].name, value);
		if (registers[i].bits)
			show_bits(value, *registers[i].bits);
		printf("\n");
	}
}

static void show_segments(const json_t *cpu)
{
	static const char *const segments[] = {"cs", "ss", "ds", "es", "fs", "gs", "tr", "ldt"};
	static const char *const tables[] = {"gdt", "idt"};

	for (size_t i = 0; i < ARRAY_SIZE(segments); i++)
		printf("  %-3s %04llx base %016llx limit %08llx attributes %05llx\n", segments[i],
		       debug_number(cpu, segments[i], "selector"),
		       debug_number(cpu, segments[i], "base"),
		       debug_number(cpu, segments[i], "limit"),
		       debug_number(cpu, segments[i], "attributes"));
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		printf("  %-3s      base %016llx limit %08llx\n", tables[i],
		       debug_number(cpu, tables[i], "base"), debug_number(cpu, tables[i], "limit"));
}

static void show_msrs(const json_t *cpu, const struct debug_symbols *symbols)
{
	json_t *msrs = json_object_get(cpu, "msr");

	for (void *at = json_object_iter(msrs); at; at = json_object_iter_next(msrs, at)) {
		u64 value = debug_number(msrs, NULL, json_object_iter_key(at));

		printf("  %s %016llx", json_object_iter_key(at), value);
		if (value)
			show_place(symbols, value);
		printf("\n");
	}
}

/* --- memory: two digits for each byte, or ".." --- */

static const char *show_bytes_of(const json_t *memory, size_t *count)
{
	const char *text = json_string_value(json_object_get(memory, "bytes"));

	*count = text ? strspn(text, "0123456789abcdef.") / 2 : 0;
	return text;
}

static void show_code(const json_t *cpu)
{
	const json_t *code = json_object_get(cpu, "code");
	u64 address = debug_number(code, NULL, "address"), rip;
	size_t count;
	const char *text = show_bytes_of(code, &count);

	/* Use the address of the walk: it includes the base of CS. */
	rip = debug_number(cpu, "walk", "address");
	printf("  code from %016llx:", address);
	for (size_t i = 0; i < count; i++)
		printf(address + i == rip ? " <%.2s>" : " %.2s", text + 2 * i);
	printf("\n");
}

/* A little-endian word. False: one of its bytes is not mapped. */
static bool show_word(const char *text, size_t bytes, u64 *word)
{
	char digits[20] = "0x", *to = digits + 2;

	for (size_t i = bytes; i-- > 0;) {
		*to++ = text[2 * i];
		*to++ = text[2 * i + 1];
	}
	*to = 0;
	return !parse_u64(digits, word);
}

static void show_stack(const json_t *cpu, const struct debug_symbols *symbols)
{
	const json_t *stack = json_object_get(cpu, "stack");
	size_t word_bytes = debug_number(cpu, "control", "efer") & EFER_LMA ? 8 : 4, count;
	const char *text = show_bytes_of(stack, &count);
	size_t words = count / word_bytes, calls = 0;
	u64 word;

	printf("  stack from %016llx:", debug_number(stack, NULL, "address"));
	for (size_t i = 0; i < MIN(words, (size_t)STACK_WORDS_SHOWN); i++) {
		const char *at = text + 2 * word_bytes * i;

		printf("%s", i % 4 ? " " : "\n    ");
		if (show_word(at, word_bytes, &word))
			printf("%0*llx", 2 * (int)word_bytes, word);
		else
			printf("%.*s", 2 * (int)word_bytes, at);
	}
	printf("\n");
	if (!symbols->table.count)
		return;
	printf("  calls, as a guess from the stack:\n");
	for (size_t i = 0; i < words && calls < CALLS_MAX; i++) {
		struct symbols_place place;

		if (!show_word(text + 2 * word_bytes * i, word_bytes, &word) ||
		    !debug_symbols_place(symbols, word, &place) || !place.text || !place.offset)
			continue;
		printf("    %0*llx", 2 * (int)word_bytes, word);
		show_place(symbols, word);
		printf("\n");
		calls++;
	}
}

static void show_page(u64 bytes)
{
	if (bytes >= GIB)
		printf(", in a page of %llu GiB", (bytes / GIB));
	else if (bytes >= MIB)
		printf(", in a page of %llu MiB", (bytes / MIB));
	else if (bytes)
		printf(", in a page of %llu KiB", (bytes / KIB));
}

static void show_walk(const json_t *cpu)
{
	const json_t *walk = json_object_get(cpu, "walk");
	const json_t *entries = json_object_get(walk, "entries");
	const char *mode = json_string_value(json_object_get(walk, "mode"));
	const char *why = json_string_value(json_object_get(walk, "fails"));
	u64 gpa = debug_number(walk, NULL, "gpa"), kvm = debug_number(cpu, NULL, "kvm_gpa");

	printf("  page walk of %016llx, %s:\n", debug_number(walk, NULL, "address"), mode ?: "?");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *level = json_string_value(json_object_get(entry, "level"));
		u64 value = debug_number(entry, NULL, "value");

		printf("    %s[%lld] at %016llx: %016llx", level ?: "?",
		       (long long)json_integer_value(json_object_get(entry, "index")),
		       debug_number(entry, NULL, "at"), value);
		show_bits(value, debug_entry_bits);
		printf("\n");
	}
	if (why) {
		printf("    %s\n", why);
		return;
	}
	printf("    physical %016llx", gpa);
	show_page((u64)json_integer_value(json_object_get(walk, "page_bytes")));
	if (json_object_get(cpu, "kvm_gpa") && kvm != gpa)
		printf("; KVM says %016llx: the guest runs a guest of its own, or has just changed "
		       "its tables",
		       kvm);
	printf("\n");
}

/* --- the whole report --- */

static void show_cpu(size_t id, const json_t *cpu, const struct debug_symbols *symbols)
{
	const char *state = json_string_value(json_object_get(cpu, "state"));

	printf("\nCPU %zu: %s, at privilege level %u\n", id, state ?: "?",
	       (unsigned int)(debug_number(cpu, "ss", "attributes") >> 5 & 3));
	show_general(cpu, symbols);
	show_control(cpu);
	show_segments(cpu);
	show_msrs(cpu, symbols);
	show_code(cpu);
	show_walk(cpu);
	show_stack(cpu, symbols);
}

static void show_symbols(const struct debug_symbols *symbols)
{
	char file[4 * sizeof(symbols->file)];

	if (!symbols->table.count) {
		printf("symbols: none; --vmlinux or --system-map names a file with them\n");
		return;
	}
	printable_copy(file, sizeof(file), symbols->file);
	printf("symbols: %s, %zu of them", file, symbols->table.count);
	if (symbols->moved_by)
		printf("; the kernel runs 0x%llx above them, %s\n", symbols->moved,
		       symbols->moved_by);
	else
		printf("; nothing says how far above them the kernel runs (--kaslr-offset)\n");
}

void debug_show(const json_t *from_machine, const struct debug_symbols *symbols)
{
	json_t *answer = printable_json(from_machine);
	const json_t *kernel = json_object_get(answer, "kernel");
	const json_t *cpus = json_object_get(answer, "cpus");
	const char *name = json_string_value(json_object_get(answer, "name"));
	const char *path = json_string_value(json_object_get(kernel, "path"));
	const char *release = json_string_value(json_object_get(kernel, "release"));

	printf("machine: %s%s\n", name ?: "?",
	       json_is_true(json_object_get(answer, "paused")) ? ", paused" : "");
	printf("kernel: %s%s%s\n", path ?: "?", release ? ", " : "", release ?: "");
	show_symbols(symbols);
	for (size_t i = 0; i < json_array_size(cpus); i++)
		show_cpu(i, json_array_get(cpus, i), symbols);
	json_decref(answer);
}
