// SPDX-License-Identifier: GPL-2.0-only
/*
 * A kernel's symbols, sorted by address.
 *
 * There are two kinds of files. An ELF vmlinux has a section of symbols and one of their names.
 * Only these two and the table of sections are read, because the rest may have hundreds of MiB
 * (debug information). System.map and /proc/kallsyms are text with lines "ADDRESS TYPE NAME", in
 * kallsyms sometimes followed by "[MODULE]". Other lines are skipped: the text may be copied from a
 * console.
 *
 * Symbols with a name and an address are kept. On x86-64 the "addresses" of per-CPU variables are
 * small offsets: if any address is in the upper half of the address space, all those in the lower
 * half are dropped. A symbol is code if its section is executable, or if its type is one of tTwW.
 *
 * Files are not trusted: every offset, count and index is checked against the file's size before it
 * is used, and in names, characters that could control a terminal are replaced.
 *
 * Spec: System V ABI, chapter 4 (sections, symbol table); nm(1) for the types; proc(5).
 */
#include <kvm/symbols.h>
#include <kvm/util.h>

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_MAX	   (32 * MIB)
#define TABLE_MAX  (64 * MIB) /* limit of the symbols' section, and of the names' */
#define FAR	   MIB	      /* an address so far after a symbol does not belong to it */
#define UPPER_HALF (1ULL << 63)

struct symbol {
	u64 address;
	u32 name; /* offset in names */
	u8 rank;  /* of several symbols at an address the highest rank is shown */
	bool text;
};

enum { RANK_LOCAL, RANK_WEAK, RANK_GLOBAL };

static int symbols_refuse(int err, const char **why, const char *text)
{
	*why = text;
	return err;
}

/* --- for both kinds of files --- */

static int symbols_compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	/* symbols_find() takes the last of equal symbols: put the first one in the file there. */
	return x->name > y->name ? -1 : x->name < y->name;
}

/* If any address is in the upper half, keep only those. */
static void symbols_drop_offsets(struct symbols *symbols)
{
	bool upper = false;
	size_t kept = 0;

	for (size_t i = 0; i < symbols->count; i++)
		upper |= symbols->list[i].address >= UPPER_HALF;
	for (size_t i = 0; i < symbols->count && upper; i++) {
		if (symbols->list[i].address >= UPPER_HALF)
			symbols->list[kept++] = symbols->list[i];
	}
	if (upper)
		symbols->count = kept;
}

static int symbols_finish(struct symbols *symbols, bool hidden, const char **why)
{
	bool text = false;

	symbols_drop_offsets(symbols);
	for (size_t i = 0; i < symbols->count; i++)
		text |= symbols->list[i].text;
	if (text) {
		qsort(symbols->list, symbols->count, sizeof(*symbols->list), symbols_compare);
		return 0;
	}
	if (hidden)
		return symbols_refuse(-ENODATA, why,
				      "has 0 for all addresses; /proc/kallsyms shows them to root");
	return symbols_refuse(-ENODATA, why,
			      "has no symbols of code; a vmlinux that is not stripped, System.map "
			      "or /proc/kallsyms has (Debian's System.map is a stub, the real one "
			      "is in the package linux-image-RELEASE-dbg)");
}

void symbols_free(struct symbols *symbols)
{
	free(symbols->list);
	free(symbols->names);
	*symbols = (struct symbols){0};
}

/* --- text --- */

static int symbols_read_all(int fd, struct symbols *symbols, const char **why)
{
	size_t room = 0, len = 0;
	ssize_t got = 1;

	while (got) {
		if (len + 1 >= room) {
			char *more = realloc(symbols->names, room ? 2 * room : MIB);

			if (!more)
				return symbols_refuse(-ENOMEM, why,
						      "is larger than there is memory for");
			symbols->names = more;
			room = room ? 2 * room : MIB;
		}
		got = read(fd, symbols->names + len, room - 1 - len);
		if (got < 0 && errno != EINTR)
			return symbols_refuse(-errno, why, strerror(errno));
		len += (size_t)MAX(got, (ssize_t)0);
		if (len > MAP_MAX)
			return symbols_refuse(-EFBIG, why,
					      "is larger than 32 MiB, which no System.map is");
	}
	symbols->names[len] = 0;
	symbols->names_bytes = len + 1;
	return 0;
}

static bool symbols_is_graphic(char c)
{
	return c > ' ' && c <= '~';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Parse a line such as "ffffffff81000000 T _text". False if the line looks different. */
static bool symbols_parse_line(const char *line, const char *end, struct symbol *symbol,
			       const char **name)
{
	const char *at = line;
	char type;

	symbol->address = 0;
	for (; at < end && hex_digit(*at) >= 0 && at - line < 16; at++)
		symbol->address = symbol->address << 4 | (u64)hex_digit(*at);
	if (at == line || end - at < 4 || at[0] != ' ' || at[2] != ' ')
		return false;
	type = at[1];
	symbol->text = strchr("tTwW", type) != NULL;
	if (type == 'w' || type == 'W')
		symbol->rank = RANK_WEAK;
	else
		symbol->rank = type < 'a' ? RANK_GLOBAL : RANK_LOCAL;
	*name = at + 3;
	return symbols_is_graphic(type) && symbols_is_graphic(at[3]);
}

/* End a name with a NUL, and replace characters that could control a terminal. */
static void symbols_clean_name(char *name, char *end)
{
	while (end > name && (end[-1] == '\r' || end[-1] == ' '))
		end--;
	*end = 0;
	for (; name < end; name++) {
		if (*name == '\t')
			*name = ' ';
		else if (!symbols_is_graphic(*name))
			*name = '?';
	}
}

static int symbols_parse_map(struct symbols *symbols, const char **why)
{
	char *at = symbols->names, *end = at + symbols->names_bytes - 1;
	bool hidden = false;
	size_t room = 0;

	while (at < end) {
		char *line_end = memchr(at, '\n', (size_t)(end - at));
		struct symbol symbol = {0};
		const char *name;

		line_end = line_end ?: end;
		if (symbols->count == room) {
			struct symbol *more;

			room = room ? 2 * room : 4096;
			more = reallocarray(symbols->list, room, sizeof(*more));
			if (!more)
				return symbols_refuse(-ENOMEM, why,
						      "has more symbols than there is memory for");
			symbols->list = more;
		}
		if (symbols_parse_line(at, line_end, &symbol, &name)) {
			hidden |= !symbol.address;
			symbol.name = (u32)(name - symbols->names);
			symbols_clean_name(symbols->names + symbol.name, line_end);
			if (symbol.address)
				symbols->list[symbols->count++] = symbol;
		}
		at = line_end + 1;
	}
	return symbols_finish(symbols, hidden, why);
}

int symbols_read_map(int fd, struct symbols *symbols, const char **why)
{
	int err;

	*symbols = (struct symbols){0};
	err = symbols_read_all(fd, symbols, why);
	err = err ?: symbols_parse_map(symbols, why);
	if (err)
		symbols_free(symbols);
	return err;
}

/* --- ELF: both classes become the 64-bit form, in host byte order --- */

struct elf_view {
	int fd;
	u64 bytes;
	bool is_64bit;
	Elf64_Shdr *sections;
	unsigned int count;
};

static int symbols_elf_get(const struct elf_view *elf, void *to, u64 len, u64 offset,
			   const char **why)
{
	if (offset > elf->bytes || len > elf->bytes - offset)
		return symbols_refuse(-EINVAL, why,
				      "is truncated: its ELF headers speak of more than it holds");
	if (pread_full(elf->fd, to, len, (off_t)offset))
		return symbols_refuse(-EIO, why, "cannot be read");
	return 0;
}

static Elf64_Shdr symbols_widen_section(const Elf32_Shdr *from)
{
	return (Elf64_Shdr){.sh_type = le32toh(from->sh_type),
			    .sh_flags = le32toh(from->sh_flags),
			    .sh_offset = le32toh(from->sh_offset),
			    .sh_size = le32toh(from->sh_size),
			    .sh_link = le32toh(from->sh_link),
			    .sh_entsize = le32toh(from->sh_entsize)};
}

static int symbols_elf_get_sections(struct elf_view *elf, u64 offset, unsigned int entry_bytes,
				    const char **why)
{
	u64 want = elf->is_64bit ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	int err = 0;

	if (!elf->count || entry_bytes != want)
		return symbols_refuse(
			-EINVAL, why,
			"has no table of sections; a vmlinux that is not stripped has");
	elf->sections = calloc(elf->count, sizeof(*elf->sections));
	if (!elf->sections)
		return symbols_refuse(-ENOMEM, why, "has more sections than there is memory for");
	for (unsigned int i = 0; i < elf->count && !err; i++) {
		Elf32_Shdr narrow;

		if (elf->is_64bit) {
			err = symbols_elf_get(elf, &elf->sections[i], want, offset + i * want, why);
		} else {
			err = symbols_elf_get(elf, &narrow, want, offset + i * want, why);
			if (!err)
				elf->sections[i] = symbols_widen_section(&narrow);
		}
	}
	return err;
}

static int symbols_elf_open(struct elf_view *elf, const char **why)
{
	union {
		u8 ident[EI_NIDENT];
		Elf32_Ehdr narrow;
		Elf64_Ehdr wide;
	} header = {0};
	struct stat st;
	int err;

	if (fstat(elf->fd, &st) < 0 || !S_ISREG(st.st_mode))
		return symbols_refuse(-EINVAL, why, "is no regular file; a vmlinux is wanted");
	elf->bytes = (u64)st.st_size;
	err = symbols_elf_get(elf, &header, MIN(sizeof(header), elf->bytes), 0, why);
	if (err)
		return err;
	if (memcmp(header.ident, ELFMAG, SELFMAG) != 0 || header.ident[EI_DATA] != ELFDATA2LSB ||
	    (header.ident[EI_CLASS] != ELFCLASS64 && header.ident[EI_CLASS] != ELFCLASS32))
		return symbols_refuse(-EINVAL, why,
				      "is not a little-endian ELF file; a vmlinux is wanted");
	elf->is_64bit = header.ident[EI_CLASS] == ELFCLASS64;
	elf->count = elf->is_64bit ? le16toh(header.wide.e_shnum) : le16toh(header.narrow.e_shnum);
	return symbols_elf_get_sections(
		elf, elf->is_64bit ? le64toh(header.wide.e_shoff) : le32toh(header.narrow.e_shoff),
		elf->is_64bit ? le16toh(header.wide.e_shentsize)
			      : le16toh(header.narrow.e_shentsize),
		why);
}

/* Load the bytes of a section, with a NUL after them. NULL with *why. */
static char *symbols_elf_load(const struct elf_view *elf, const Elf64_Shdr *section,
			      const char **why)
{
	u64 len = section->sh_size;
	char *data;

	/* Check before the allocation: the size must be within the file. */
	if (len > TABLE_MAX || section->sh_offset > elf->bytes ||
	    len > elf->bytes - section->sh_offset) {
		*why = "is damaged: its symbols are more than the file holds, or than 64 MiB";
		return NULL;
	}
	data = malloc(len + 1);
	if (!data || symbols_elf_get(elf, data, len, section->sh_offset, why)) {
		*why = data ? *why : "has more symbols than there is memory for";
		free(data);
		return NULL;
	}
	data[len] = 0;
	return data;
}

static Elf64_Sym symbols_elf_symbol(const struct elf_view *elf, const char *table, u64 i)
{
	Elf32_Sym narrow;
	Elf64_Sym wide;

	if (elf->is_64bit) {
		memcpy(&wide, table + i * sizeof(wide), sizeof(wide));
		wide.st_name = le32toh(wide.st_name);
		wide.st_shndx = le16toh(wide.st_shndx);
		wide.st_value = le64toh(wide.st_value);
		return wide;
	}
	memcpy(&narrow, table + i * sizeof(narrow), sizeof(narrow));
	return (Elf64_Sym){.st_name = le32toh(narrow.st_name),
			   .st_info = narrow.st_info,
			   .st_shndx = le16toh(narrow.st_shndx),
			   .st_value = le32toh(narrow.st_value)};
}

/* Convert a symbol that is useful to a person. False for all others. */
static bool symbols_elf_take(const struct elf_view *elf, const struct symbols *symbols,
			     const Elf64_Sym *from, struct symbol *to)
{
	u8 type = ELF64_ST_TYPE(from->st_info), bind = ELF64_ST_BIND(from->st_info);

	if (type == STT_SECTION || type == STT_FILE || type == STT_TLS || !from->st_value)
		return false;
	/* Skip undefined and absolute symbols: keep those in a section. */
	if (!from->st_shndx || from->st_shndx >= elf->count)
		return false;
	if (from->st_name >= symbols->names_bytes || !symbols->names[from->st_name])
		return false;
	*to = (struct symbol){.address = from->st_value,
			      .name = from->st_name,
			      .rank = RANK_LOCAL,
			      .text = elf->sections[from->st_shndx].sh_flags & SHF_EXECINSTR};
	if (bind == STB_GLOBAL)
		to->rank = RANK_GLOBAL;
	else if (bind == STB_WEAK)
		to->rank = RANK_WEAK;
	return true;
}

static int symbols_elf_fill(const struct elf_view *elf, const Elf64_Shdr *section,
			    struct symbols *symbols, const char **why)
{
	u64 entry_bytes = elf->is_64bit ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	u64 count = section->sh_size / entry_bytes;
	char *table = symbols_elf_load(elf, section, why);

	symbols->list = table ? calloc(MAX(count, 1ULL), sizeof(*symbols->list)) : NULL;
	if (!symbols->list) {
		free(table);
		return table ? symbols_refuse(-ENOMEM, why,
					      "has more symbols than there is memory "
					      "for")
			     : -EINVAL;
	}
	for (u64 i = 0; i < count; i++) {
		Elf64_Sym symbol = symbols_elf_symbol(elf, table, i);

		if (symbols_elf_take(elf, symbols, &symbol, &symbols->list[symbols->count]))
			symbols->count++;
	}
	free(table);
	return symbols_finish(symbols, false, why);
}

static int symbols_elf_read(const struct elf_view *elf, struct symbols *symbols, const char **why)
{
	const Elf64_Shdr *table = NULL, *names;

	for (unsigned int i = 0; i < elf->count && !table; i++) {
		if (elf->sections[i].sh_type == SHT_SYMTAB)
			table = &elf->sections[i];
	}
	if (!table)
		return symbols_refuse(-ENODATA, why,
				      "is stripped: it has no symbols; System.map or another "
				      "vmlinux of the same build has");
	if (table->sh_link >= elf->count)
		return symbols_refuse(-EINVAL, why, "is damaged: its symbols have no names");
	names = &elf->sections[table->sh_link];
	symbols->names = symbols_elf_load(elf, names, why);
	if (!symbols->names)
		return -EINVAL;
	symbols->names_bytes = names->sh_size + 1;
	for (size_t i = 0; i < symbols->names_bytes; i++) {
		if (symbols->names[i] && !symbols_is_graphic(symbols->names[i]))
			symbols->names[i] = '?';
	}
	return symbols_elf_fill(elf, table, symbols, why);
}

int symbols_read_elf(int fd, struct symbols *symbols, const char **why)
{
	struct elf_view elf = {.fd = fd};
	int err;

	*symbols = (struct symbols){0};
	err = symbols_elf_open(&elf, why);
	err = err ?: symbols_elf_read(&elf, symbols, why);
	free(elf.sections);
	if (err)
		symbols_free(symbols);
	return err;
}

/* --- looking up --- */

bool symbols_find(const struct symbols *symbols, u64 address, struct symbols_place *place)
{
	size_t low = 0, high = symbols->count; /* [low, high] has the first symbol after address */
	const struct symbol *symbol;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return false;
	symbol = &symbols->list[low - 1];
	*place = (struct symbols_place){.name = symbols->names + symbol->name,
					.offset = address - symbol->address,
					.text = symbol->text};
	if (low < symbols->count)
		place->size = symbols->list[low].address - symbol->address;
	return place->offset < FAR;
}

bool symbols_address(const struct symbols *symbols, const char *name, u64 *address)
{
	for (size_t i = 0; i < symbols->count; i++) {
		if (!strcmp(symbols->names + symbols->list[i].name, name)) {
			*address = symbols->list[i].address;
			return true;
		}
	}
	return false;
}
