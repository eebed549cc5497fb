/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A custom filter is an object file with one function in it that our programs leave open. libbpf's linker puts the two
 * together, as a linker would on any machine, so the filter may have variables, maps and debug information of its own.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bpf_internal.h"
#include "core/custom_row.h"

struct weir_custom {
	char *path;
	struct bpf_insn *code;
	uint32_t n_code;
	char refusal[4096];
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

static int check_layout(const char *path, const struct weir_schema *schema, char *why)
{
	struct btf *btf = btf__parse_elf(path, NULL);
	int err = libbpf_get_error(btf) ? -errno : 0;

	if (err) {
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "it has no type information (clang -g -O2 -target bpf -c)");
		return -ENOEXEC;
	}
	err = check_row(btf, schema, why);
	btf__free(btf);
	return err;
}

/* ----------------------------------------------------------------------- code */

static bool is_code(Elf *elf, Elf_Scn *section)
{
	GElf_Shdr header;
	size_t names;
	const char *name;

	if (elf_getshdrstrndx(elf, &names) || !gelf_getshdr(section, &header))
		return false;
	name = elf_strptr(elf, names, header.sh_name);
	return name && !strcmp(name, ".text");
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

/* To be listed; what is loaded comes from the linker. */
static int read_code(struct weir_custom *custom, int fd)
{
	Elf *elf = elf_version(EV_CURRENT) == EV_NONE ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Data *data = NULL;
	int err = -ENOEXEC;

	for (Elf_Scn *section = NULL; elf && !data && (section = elf_nextscn(elf, section));)
		if (is_code(elf, section))
			data = elf_getdata(section, NULL);
	if (data && data->d_buf)
		err = copy_code(custom, data);
	elf_end(elf);
	return err;
}

static int read_file(struct weir_custom *custom, char *why)
{
	int fd = open(custom->path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0) {
		err = -errno;
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "%s", strerror(-err));
		return err;
	}
	err = read_code(custom, fd);
	close(fd);
	if (err == -ENOEXEC)
		snprintf(why, WEIR_CUSTOM_WHY_MAX, "it is no eBPF object (clang -g -O2 -target bpf -c)");
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
		err = read_file(custom, why);
	weir_bpf_hush(true);
	if (!err)
		err = check_layout(path, schema, why);
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
void weir_custom_refuse(struct weir_custom *custom, const char *log)
{
	const char *end = strstr(log, "\nprocessed ");
	size_t n = 0;

	if (!end)
		return;
	for (const char *at = last_source_line(log, end, sizeof(custom->refusal) / 2); at < end; at++) {
		if (n + 8 > sizeof(custom->refusal))
			break;
		if (!n || custom->refusal[n - 1] == '\n')
			n += (size_t)sprintf(custom->refusal + n, "    ");
		custom->refusal[n++] = *at;
	}
	custom->refusal[n] = 0;
}

/* ----------------------------------------------------------------------- link */

/* libbpf's linker of 2023 knows files by name only. */
static int memory_file(char *path, size_t size)
{
	int fd = memfd_create("weir-filter", MFD_CLOEXEC);

	snprintf(path, size, "/proc/self/fd/%d", fd);
	return fd < 0 ? -errno : fd;
}

static int put(int fd, const void *bytes, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t wrote = write(fd, (const char *)bytes + done, n - done);

		if (wrote < 0)
			return -errno;
		done += (size_t)wrote;
	}
	return 0;
}

static int get(int fd, void **out, size_t *n)
{
	struct stat file;

	if (fstat(fd, &file))
		return -errno;
	*n = (size_t)file.st_size;
	*out = malloc(*n + 1);
	if (!*out)
		return -ENOMEM;
	if (pread(fd, *out, *n, 0) == file.st_size)
		return 0;
	free(*out);
	*out = NULL;
	return -EIO;
}

/* Ours first: skeletons know the places of its variables. */
static int link_files(const char *into, const char *ours, const char *theirs)
{
	struct bpf_linker *linker = bpf_linker__new(into, NULL);
	int err;

	if (!linker)
		return -errno;
	err = bpf_linker__add_file(linker, ours, NULL);
	if (!err)
		err = bpf_linker__add_file(linker, theirs, NULL);
	if (!err)
		err = bpf_linker__finalize(linker);
	bpf_linker__free(linker);
	return err;
}

int weir_custom_link(const struct weir_custom *custom, const void *ours, size_t bytes, void **out, size_t *out_bytes)
{
	char from_path[32], to_path[32];
	int from = memory_file(from_path, sizeof(from_path)), to = memory_file(to_path, sizeof(to_path));
	int err = from < 0 ? from : to < 0 ? to : put(from, ours, bytes);

	if (!err)
		err = link_files(to_path, from_path, custom->path);
	if (!err)
		err = get(to, out, out_bytes);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return err;
}
