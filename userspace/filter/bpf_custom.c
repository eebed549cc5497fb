/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A custom filter's object file: what it takes for a row, and what is in it to be shown. bpf_link.c makes it part of a program. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/bpf_internal.h"
#include "filter/bpf_library.h"
#include "filter/custom_row.h"

struct weir_custom {
	char *path;
	struct btf *btf;
	struct bpf_insn *code;
	const char **line; /* of source, for each instruction; NULL: not known. The text is the BTF's */
	uint32_t n_code;
	uint32_t entry, n_entry; /* of the code: the function that weir's programs call */
	char refusal[4096], misfit[WEIR_CUSTOM_WHY_MAX];
};

/* ----------------------------------------------------------------------- rows */

/* Big endian is what <linux/types.h> calls it; the bare integer below does not tell. */
static bool is_big_endian(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (btf_is_typedef(type) || btf_is_mod(type)) {
		if (!strncmp(btf__name_by_offset(btf, type->name_off), "__be", 4))
			return true;
		type = btf__type_by_id(btf, type->type);
	}
	return false;
}

static struct weir_custom_member read_member(const struct btf *btf, const struct btf_type *row, uint32_t index)
{
	const struct btf_member *member = btf_members(row) + index;
	const struct btf_type *type = btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, member->type));
	int64_t bytes = btf__resolve_size(btf, member->type);

	return (struct weir_custom_member){
		.name = btf__name_by_offset(btf, member->name_off),
		.bit = btf_member_bit_offset(row, index),
		.bytes = bytes < 0 ? 0 : (uint32_t)bytes,
		.is_integer = type && btf_is_int(type) && !btf_member_bitfield_size(row, index),
		.is_signed = type && btf_is_int(type) && btf_int_encoding(type) & BTF_INT_SIGNED,
		.is_big_endian = is_big_endian(btf, member->type),
	};
}

static int check_row(const struct btf *btf, const struct weir_schema *schema, char *why)
{
	int id = btf__find_by_name_kind(btf, "weir_row", BTF_KIND_VAR);
	const struct btf_type *row = id < 0 ? NULL
					    : btf__type_by_id(btf, (uint32_t)btf__resolve_type(btf, (uint32_t)id));
	int err = 0;

	if (!row || !btf_is_struct(row)) {
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "there is no WEIR_FILTER(struct …) in it");
		return -EINVAL;
	}
	for (uint32_t i = 0; i < btf_vlen(row) && !err; i++) {
		struct weir_custom_member member = read_member(btf, row, i);

		err = weir_custom_check_member(&member, schema, why);
	}
	return err ? err : weir_custom_check_size(row->size, schema, why);
}

static int check_layout(struct weir_custom *custom, const struct weir_schema *schema, char *why)
{
	struct btf *btf = btf__parse_elf(custom->path, NULL);

	if (libbpf_get_error(btf)) {
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "it has no type information (clang -g -O2 -target bpf -c)");
		return -ENOEXEC;
	}
	custom->btf = btf;
	return schema ? check_row(btf, schema, why) : 0;
}

/* ----------------------------------------------------------------------- code */

static Elf_Data *find_section(Elf *elf, const char *wanted, GElf_Shdr *of)
{
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
		GElf_Shdr header;
		const char *name = gelf_getshdr(section, &header) ? elf_strptr(elf, names, header.sh_name) : NULL;

		if (name && !strcmp(name, wanted)) {
			*of = header;
			return elf_getdata(section, NULL);
		}
	}
	return NULL;
}

static int copy_code(struct weir_custom *custom, const Elf_Data *data)
{
	custom->code = malloc(data->d_size + 1);
	if (!custom->code)
		return -ENOMEM;
	memcpy(custom->code, data->d_buf, data->d_size);
	custom->n_code = (uint32_t)(data->d_size / sizeof(*custom->code));
	return 0;
}

/* The head of section .BTF.ext, of which only the lines are of interest. */
struct lines_head {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t bytes, functions_at, functions_bytes, lines_at, lines_bytes;
};

/* In front of the lines of each section of code: its name, and how many there are. */
struct lines_section {
	uint32_t name, n;
};

static void mark_lines(struct weir_custom *custom, const char *at, uint32_t n, uint32_t record_bytes)
{
	for (uint32_t i = 0; i < n; i++) {
		struct bpf_line_info info;
		const char *text;

		memcpy(&info, at + (size_t)i * record_bytes, sizeof(info));
		text = btf__name_by_offset(custom->btf, info.line_off);
		if (text && info.insn_off / sizeof(*custom->code) < custom->n_code)
			custom->line[info.insn_off / sizeof(*custom->code)] = text + strspn(text, " \t");
	}
}

static bool is_section(const struct weir_custom *custom, const struct lines_section *section)
{
	const char *name = btf__name_by_offset(custom->btf, section->name);

	return name && !strcmp(name, ".text");
}

static void read_lines(struct weir_custom *custom, const char *at, size_t left)
{
	struct lines_section section;
	uint32_t record_bytes;

	if (left < sizeof(record_bytes))
		return;
	memcpy(&record_bytes, at, sizeof(record_bytes));
	at += sizeof(record_bytes);
	left -= sizeof(record_bytes);
	while (record_bytes >= sizeof(struct bpf_line_info) && left > sizeof(section)) {
		memcpy(&section, at, sizeof(section));
		at += sizeof(section);
		left -= sizeof(section);
		if (section.n > left / record_bytes)
			return;
		if (is_section(custom, &section))
			mark_lines(custom, at, section.n, record_bytes);
		at += (size_t)section.n * record_bytes;
		left -= (size_t)section.n * record_bytes;
	}
}

/* To be shown beside the code. What is not as expected is not shown. */
static int copy_lines(struct weir_custom *custom, const Elf_Data *data)
{
	struct lines_head head;

	custom->line = calloc(custom->n_code + 1, sizeof(*custom->line));
	if (!custom->line)
		return -ENOMEM;
	if (!data || data->d_size < sizeof(head))
		return 0;
	memcpy(&head, data->d_buf, sizeof(head));
	if (head.bytes < sizeof(head) || head.bytes > data->d_size || head.lines_at > data->d_size - head.bytes ||
	    head.lines_bytes > data->d_size - head.bytes - head.lines_at)
		return 0;
	read_lines(custom, (const char *)data->d_buf + head.bytes + head.lines_at, head.lines_bytes);
	return 0;
}

static void find_entry(struct weir_custom *custom, Elf *elf)
{
	GElf_Shdr header = { 0 };
	Elf_Data *symbols = find_section(elf, ".symtab", &header);
	GElf_Sym symbol;

	for (int i = 0; symbols && gelf_getsym(symbols, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);

		if (!name || strcmp(name, "weir_custom") || symbol.st_value + symbol.st_size > custom->n_code * 8ul)
			continue;
		custom->entry = (uint32_t)(symbol.st_value / sizeof(*custom->code));
		custom->n_entry = (uint32_t)(symbol.st_size / sizeof(*custom->code));
	}
}

/* What the linker, or a relocation, changes is left out. */
static bool is_alike(const struct bpf_insn *a, const struct bpf_insn *b)
{
	return a->code == b->code && a->dst_reg == b->dst_reg;
}

bool weir_custom_is_in(const struct weir_custom *custom, const struct bpf_insn *insn, size_t n)
{
	const struct bpf_insn *entry = custom->code + custom->entry;

	for (size_t at = 0; custom->n_entry && at + custom->n_entry <= n; at++) {
		uint32_t same = 0;

		while (same < custom->n_entry && is_alike(&insn[at + same], &entry[same]))
			same++;
		if (same == custom->n_entry)
			return true;
	}
	return false;
}

/* To be listed; what is loaded comes from the linker. */
static int read_code(struct weir_custom *custom, int fd, const struct weir_schema *schema, char *why)
{
	GElf_Shdr header;
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Data *data = elf ? find_section(elf, ".text", &header) : NULL;
	int err = data && data->d_buf ? copy_code(custom, data) : -ENOEXEC;

	if (err)
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "it is no eBPF object (clang -g -O2 -target bpf -c)");
	else
		err = check_layout(custom, schema, why);
	if (!err)
		err = copy_lines(custom, find_section(elf, ".BTF.ext", &header));
	if (!err)
		find_entry(custom, elf);
	elf_end(elf);
	return err;
}

static int read_file(struct weir_custom *custom, const struct weir_schema *schema, char *why)
{
	int fd = open(custom->path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0) {
		err = -errno;
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "%s", strerror(-err));
		return err;
	}
	err = read_code(custom, fd, schema, why);
	close(fd);
	return err;
}

int weir_custom_open(struct weir_custom **out, const char *path, const struct weir_schema *schema,
		     char why[WEIR_CUSTOM_WHY_MAX])
{
	struct weir_custom *custom = calloc(1, sizeof(*custom));
	int err = -ENOMEM;

	*out = NULL;
	snprintf(why, WEIR_CUSTOM_WHY_MAX, "%s", strerror(ENOMEM));
	if (custom)
		custom->path = strdup(path);
	if (custom && custom->path)
		err = weir_bpf_library_open(why);
	weir_bpf_hush(true);
	if (!err)
		err = read_file(custom, schema, why);
	weir_bpf_hush(false);
	if (err)
		weir_custom_close(custom);
	else
		*out = custom;
	return err;
}

void weir_custom_close(struct weir_custom *custom)
{
	if (!custom)
		return;
	btf__free(custom->btf);
	free(custom->line);
	free(custom->code);
	free(custom->path);
	free(custom);
}

const char *weir_custom_path(const struct weir_custom *custom)
{
	return custom->path;
}

const struct bpf_insn *weir_custom_code(const struct weir_custom *custom, uint32_t *n)
{
	*n = custom->n_code;
	return custom->code;
}

const char *const *weir_custom_lines(const struct weir_custom *custom)
{
	return custom->line;
}

const char *weir_custom_misfit(const struct weir_custom *custom)
{
	return custom->misfit;
}

void weir_custom_reject(struct weir_custom *custom, const char *why)
{
	snprintf(custom->misfit, sizeof(custom->misfit), "it cannot be made a part of weir's program: %s", why);
}

void weir_custom_take_over(struct weir_custom *custom, const char *refusal, const char *misfit)
{
	snprintf(custom->refusal, sizeof(custom->refusal), "%s", refusal);
	snprintf(custom->misfit, sizeof(custom->misfit), "%s", misfit);
}

const char *weir_custom_refusal(const struct weir_custom *custom)
{
	return custom->refusal;
}

/* What the verifier said from the last line of source on that it looked at; where it knows none, the last of what it said. */
static const char *last_source_line(const char *log, const char *end, size_t most)
{
	const char *from = end;

	while (from > log && (size_t)(end - from) < most) {
		from--;
		if (*from == ';' && (from == log || from[-1] == '\n'))
			return from;
	}
	return from;
}

/* Behind the refusal come statistics. Without them it has not come as far as a verdict. */
bool weir_custom_refuse(struct weir_custom *custom, const char *log)
{
	const char *end = strstr(log, "\nprocessed ");
	size_t n = 0;

	if (!end)
		return false;
	for (const char *at = last_source_line(log, end, sizeof(custom->refusal) / 2); at < end; at++) {
		if (n + 8 > sizeof(custom->refusal))
			break;
		if (!n || custom->refusal[n - 1] == '\n')
			n += (size_t)sprintf(custom->refusal + n, "    ");
		custom->refusal[n++] = *at;
	}
	custom->refusal[n] = 0;
	return true;
}
