/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/* For custom.sh: its map has no room for anything. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "weir/custom.h"

struct row {
	__s64 t;
	__s16 a;
	__u16 b;
	__u8 _rest[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 0);
	__uint(key_size, 4);
	__uint(value_size, 8);
} nothing SEC(".maps");

WEIR_FILTER(struct row)
{
	__u32 zero = 0;

	return row->a > 0 && bpf_map_lookup_elem(&nothing, &zero);
}
