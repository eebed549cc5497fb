// SPDX-License-Identifier: GPL-2.0-only
/*
 * The batch tier: filter rows in the ring's own memory.
 *
 * The ring of a stream is this object's array map, one element a row, which user space has mapped. The loop reads a sensor
 * into it, then has this program run (BPF_PROG_RUN) over what it read: passing rows move to the front of the region, in
 * order. Nothing is copied across the boundary, neither rows nor arguments: the job lies in mapped memory too.
 *
 * The loop is bpf_loop() over bursts. A burst is short enough for the verifier to walk through it row by row, and long
 * enough to make the cost of the callback vanish. What lasts from one burst to the next lives in `job`, not on the stack:
 * there the verifier would follow its values from burst to burst and never end.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "verdict.h"

#define BURST 16
#define WORDS_MAX 512 /* WEIR_ROW_MAX / 8 */

char LICENSE[] SEC("license") = "GPL";

const volatile struct weir_filter_knobs knobs = { .row_bytes = 8, .capacity = 1 };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* both sizes are set before load */
	__uint(key_size, 4);
	__uint(value_size, 8);
} ring SEC(".maps");

struct weir_batch_job job;
struct weir_filter_memory memory;

static __always_inline __u32 next_slot(__u32 slot)
{
	return slot + 1 == knobs.capacity ? 0 : slot + 1;
}

static __always_inline void copy_row(__u64 *to, const __u64 *from)
{
	__u32 words = knobs.row_bytes / 8;

	for (__u32 i = 0; i < WORDS_MAX && i < words; i++)
		to[i] = from[i];
}

static long burst(__u32 index, void *context)
{
	__u32 from = job.from, to = job.to, left = job.n, passed = job.passed;

	for (__u32 i = 0; i < BURST && left; i++, left--) {
		/* The helper wants the key in memory; copies keep the counters themselves in registers. */
		__u32 key = from, free = to;
		const __u64 *row = bpf_map_lookup_elem(&ring, &key);

		if (!row)
			return 1;
		from = next_slot(from);
		if (!weir_passes(knobs.custom, row, &memory))
			continue;
		if (key != free) {
			__u64 *gap = bpf_map_lookup_elem(&ring, &free);

			if (!gap)
				return 1;
			copy_row(gap, row);
		}
		to = next_slot(to);
		passed++;
	}
	job.from = from;
	job.to = to;
	job.n = left;
	job.passed = passed;
	return 0;
}

SEC("weir/batch")
int batch(void *context)
{
	job.from = job.to = job.slot;
	job.passed = 0;
	bpf_loop((job.n + BURST - 1) / BURST, burst, NULL, 0);
	return job.n ? -1 : 0;
}
