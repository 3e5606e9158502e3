// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the words of the kernel's command line that a boot loader must follow.
 *
 * Most words are only for the kernel, but some are about memory. Code that chooses an address for
 * the kernel or for its initrd must follow these:
 *
 * - mem=SIZE and memmap=SIZE: the kernel uses no RAM above SIZE. boot.rst says that a loader must
 *   put the initrd below;
 * - memmap=SIZE$START, and the same with #, ! or %: a piece of RAM is used for something else, for
 *   example as persistent memory; also movable_node, efi_fake_mem= and acpi_rsdp=;
 * - hugepages=, hugepagesz= and default_hugepagesz=: memory is kept free for pages of 1 GiB.
 *
 * The unpacker of a bzImage reads all of these before it chooses a random address, and each release
 * does so a little differently. lkvm does not copy that: if one of the words is present, the kernel
 * unpacks itself and chooses its own address (boot.c).
 *
 * Words are split as in the kernel: blanks separate them except between double quotes, a quote may
 * also come before the name, and the word "--" ends the kernel's own words. In names a dash equals
 * an underscore.
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

/* A word of the line: its name is [name, name_end), its value is [value, end). */
struct limits_word {
	const char *name, *name_end;
	const char *value; /* NULL: it has none */
	const char *end;
};

/* Get the next word from *at on, and advance *at. False at the end of the kernel's own words. */
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

/* Read a number with its suffix, 0 if there is none; *rest: the text after it. */
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

/* The smallest size in memmap=A,B,... that has no address; UINT64_MAX: there is none. */
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
