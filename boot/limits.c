// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel's command line says to a boot loader.
 *
 * Most of it is for the kernel alone, but some words are about memory, and whoever chooses an
 * address for the kernel or for its initrd is bound by them:
 *
 * - mem=SIZE and memmap=SIZE: there is no RAM above. boot.rst has it that a loader puts the
 *   initrd below;
 * - memmap=SIZE$START, #, ! and %: a piece of RAM is something else, persistent memory
 *   for one; also movable_node, efi_fake_mem= and acpi_rsdp=;
 * - hugepages=, hugepagesz= and default_hugepagesz=: room is left for pages of 1 GiB.
 *
 * The unpacker of a bzImage looks at all of these before it chooses an address at random,
 * each release a little differently. lkvm does not repeat that: where one of the words is
 * there, the kernel unpacks itself and chooses itself (boot.c).
 *
 * Words are taken apart as the kernel does it: blanks separate them except between double
 * quotes, a quote may also come before the name, and the word "--" ends what is the kernel's. In
 * names a dash is an underscore.
 *
 * Pure.
 *
 * Spec: Linux Documentation/arch/x86/boot.rst ("Special Command Line Options"),
 * Documentation/admin-guide/kernel-parameters.txt.
 */
#include <kvm/limits.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* A word of the line: [name, name_end), and what comes after the "=", up to end. */
struct limits_word {
	const char *name, *name_end;
	const char *value; /* NULL: it has none */
	const char *end;
};

/* The word at or after *at, which moves behind it; false at the end of the kernel's own words. */
static bool limits_next(const char **at, struct limits_word *word)
{
	const char *p = *at;
	bool quoted = false;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '"') {
		quoted = true;
		p++;
	}
	*word = (struct limits_word){.name = p};
	for (; *p && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		if (*p == '=' && !word->value) {
			word->name_end = p;
			word->value = p[1] == '"' ? p + 2 : p + 1;
		}
	}
	word->end = p;
	if (!word->value)
		word->name_end = p;
	*at = p;
	return p != word->name && !(p - word->name == 2 && !memcmp(word->name, "--", 2));
}

static bool limits_is(const struct limits_word *word, const char *name)
{
	size_t len = (size_t)(word->name_end - word->name);

	if (len && word->name_end[-1] == '"') /* "name" without a value */
		len--;
	if (len != strlen(name))
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((word->name[i] == '-' ? '_' : word->name[i]) != name[i])
			return false;
	}
	return true;
}

bool limits_bind_kernel(const char *line)
{
	static const char *const names[] = {
		"mem",		"memmap",	"hugepages", "hugepagesz", "default_hugepagesz",
		"efi_fake_mem", "movable_node", "acpi_rsdp"};
	struct limits_word word;

	while (limits_next(&line, &word)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (limits_is(&word, names[i]))
				return true;
		}
	}
	return false;
}

/* A number with its suffix; *rest: what follows. 0 where there is none. */
static u64 limits_size(const char *text, const char **rest)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;
	unsigned int shift;
	char *end;
	u64 value;

	*rest = text;
	if (!isdigit((unsigned char)*text))
		return 0;
	value = strtoull(text, &end, 0);
	*rest = end;
	suffix = *end ? strchr(suffixes, toupper((unsigned char)*end)) : NULL;
	if (!suffix)
		return value;
	*rest = end + 1;
	shift = 10 * (unsigned int)(suffix - suffixes + 1);
	return value > UINT64_MAX >> shift ? UINT64_MAX : value << shift;
}

/* The least of the sizes in memmap=A,B,... that come without an address. */
static u64 limits_memmap_limit(const struct limits_word *word)
{
	const char *at = word->value, *rest;
	u64 limit = UINT64_MAX;

	while (at && at < word->end) {
		u64 size = limits_size(at, &rest);

		if (size && (*rest == ',' || *rest == '"' || rest >= word->end))
			limit = MIN(limit, size);
		at = memchr(at, ',', (size_t)(word->end - at));
		at = at ? at + 1 : NULL;
	}
	return limit;
}

u64 limits_end_ram(const char *line)
{
	struct limits_word word;
	u64 limit = UINT64_MAX;

	while (limits_next(&line, &word)) {
		const char *rest;
		u64 size = 0;

		if (!word.value)
			continue;
		if (limits_is(&word, "mem"))
			size = limits_size(word.value, &rest);
		else if (limits_is(&word, "memmap"))
			size = limits_memmap_limit(&word);
		if (size)
			limit = MIN(limit, size);
	}
	return limit;
}
