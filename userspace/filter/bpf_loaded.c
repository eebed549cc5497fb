/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "filter/bpf_loaded.h"

void weir_bpf_loaded_init(struct weir_bpf_loaded *loaded)
{
	*loaded = (struct weir_bpf_loaded){ 0 };
	for (uint32_t i = 0; i < WEIR_BPF_SLOTS; i++)
		loaded->fd[i] = -1;
}

void weir_bpf_loaded_hook(struct weir_bpf_loaded *loaded, uint32_t slot, struct bpf_link *link)
{
	loaded->link[slot] = link;
	loaded->fd[slot] = link ? bpf_link__fd(link) : -1;
}

void weir_bpf_loaded_unhook(struct weir_bpf_loaded *loaded, uint32_t slot)
{
	if (loaded->link[slot])
		bpf_link__destroy(loaded->link[slot]);
	else if (!loaded->object && loaded->fd[slot] >= 0)
		close(loaded->fd[slot]);
	loaded->link[slot] = NULL;
	loaded->fd[slot] = -1;
}

/* From the last: of hooks at the entry and the return of a function the entry goes last. */
void weir_bpf_loaded_close(struct weir_bpf_loaded *loaded)
{
	for (uint32_t i = WEIR_BPF_SLOTS; i--;)
		weir_bpf_loaded_unhook(loaded, i);
	if (loaded->object)
		loaded->destroy(loaded->object);
	loaded->object = NULL;
}

int weir_bpf_map_variables(void **out, size_t *bytes, int fd, size_t least)
{
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	*out = NULL;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.value_size < least)
		return -EINVAL;
	*bytes = (info.value_size + page - 1) / page * page;
	*out = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (*out != MAP_FAILED)
		return 0;
	*out = NULL;
	return -errno;
}
