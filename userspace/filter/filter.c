/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which tier runs the early filter. The ways are tried from the best down; one that does not work leaves its reason behind,
 * so that whoever misses a tier can read what would mend it.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "filter/bpf.h"
#include "filter/filter_user.h"
#include "filter/proof.h"

struct way;

struct weir_filter {
	const struct way *way;
	struct weir_bpf_inline *tap;
	struct weir_bpf_batch *batch;
	struct weir_user_filter *user;
	uint64_t limit;
	char doubt[WEIR_WHY_MAX];
	_Atomic uint64_t seen, passed; /* batch and user tier; written by the loop's thread */
};

struct way {
	enum weir_tier tier;
	const char *name; /* in the list of reasons, and the word of WEIR_INLINE_HOOK */
	const char *how;
	int (*open)(struct weir_filter *filter, const struct weir_filter_config *config, char *why);
};

static int open_inline(struct weir_filter *filter, const struct weir_filter_config *config, enum weir_hook hook,
		       char *why)
{
	if (config->iio_device >= 0)
		return weir_bpf_inline_open(&filter->tap, config, hook, why);
	snprintf(why, WEIR_WHY_MAX, "not a buffered IIO device");
	return -ENODEV;
}

static int open_fentry(struct weir_filter *filter, const struct weir_filter_config *config, char *why)
{
	return open_inline(filter, config, WEIR_HOOK_FENTRY, why);
}

static int open_kprobe(struct weir_filter *filter, const struct weir_filter_config *config, char *why)
{
	return open_inline(filter, config, WEIR_HOOK_KPROBE, why);
}

static int open_batch(struct weir_filter *filter, const struct weir_filter_config *config, char *why)
{
	return weir_bpf_batch_open(&filter->batch, config, weir_ring_rows(config->schema->row_bytes, config->ring_rows),
				   why);
}

static int try_user_rows(void *user, void *rows, uint32_t n)
{
	return (int)weir_user_filter_rows(user, rows, n);
}

static int open_user(struct weir_filter *filter, const struct weir_filter_config *config, char *why)
{
	int err;

	if (config->custom) {
		snprintf(why, WEIR_WHY_MAX, "a custom filter is eBPF, which only the kernel runs");
		return -ENOTSUP;
	}
	err = weir_user_filter_open(&filter->user, config->predicate, config->schema);
	if (err) {
		snprintf(why, WEIR_WHY_MAX, "%s", strerror(-err));
		return err;
	}
	return weir_prove(&(struct weir_proof){ try_user_rows, filter->user, weir_user_filter_state(filter->user) },
			  config->predicate, config->schema, why);
}

static const struct way ways[] = {
	{ WEIR_TIER_INLINE, "fentry", "inline (fentry)", open_fentry },
	{ WEIR_TIER_INLINE, "kprobe", "inline (kprobe)", open_kprobe },
	{ WEIR_TIER_BATCH, "batch", "batch (BPF_PROG_RUN)", open_batch },
	{ WEIR_TIER_USER, "user", "user", open_user },
};

/* A switch for tests: WEIR_INLINE_HOOK=fentry or kprobe leaves the other one out. */
static bool is_wanted(const struct way *way, const struct weir_filter_config *config)
{
	const char *hook = secure_getenv("WEIR_INLINE_HOOK");

	if (config->tier != WEIR_TIER_AUTO && config->tier != way->tier)
		return false;
	return way->tier != WEIR_TIER_INLINE || !hook || !*hook || !strcmp(hook, way->name);
}

/* The same reason twice running (fentry's and kprobe's, often) is told once. */
static void add_reason(char *why, const char *name, const char *reason)
{
	size_t length = strlen(why), same = strlen(reason);

	if (length >= same && !strcmp(why + length - same, reason))
		return;
	snprintf(why + length, WEIR_WHY_MAX - length, "%s%s: %s", length ? "; " : "", name, reason);
}

/* The first is told: it is the best of the tiers that are at fault. */
static void doubt(struct weir_filter *filter, const char *name, const char *reason)
{
	if (!*filter->doubt)
		snprintf(filter->doubt, sizeof(filter->doubt), "%s: %s", name, reason);
}

static int try_ways(struct weir_filter *filter, const struct weir_filter_config *config, char *why)
{
	int err = -ENOTSUP;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char reason[WEIR_WHY_MAX] = "";

		if (!is_wanted(&ways[i], config))
			continue;
		filter->way = &ways[i];
		err = ways[i].open(filter, config, reason);
		if (!err)
			return 0;
		if (err == -WEIR_DISPROVED)
			doubt(filter, ways[i].name, reason);
		add_reason(why, ways[i].name, reason);
	}
	return err;
}

int weir_filter_open(struct weir_filter **out, const struct weir_filter_config *config, char why[WEIR_WHY_MAX])
{
	struct weir_filter *filter = calloc(1, sizeof(*filter));
	int err;

	*out = NULL;
	why[0] = 0;
	if (!filter)
		return -ENOMEM;
	filter->limit = config->limit;
	err = try_ways(filter, config, why);
	if (err)
		weir_filter_close(filter);
	else
		*out = filter;
	return err;
}

void weir_filter_close(struct weir_filter *filter)
{
	if (!filter)
		return;
	weir_bpf_inline_close(filter->tap);
	weir_bpf_batch_close(filter->batch);
	weir_user_filter_close(filter->user);
	free(filter);
}

const char *weir_tier_name(enum weir_tier tier)
{
	static const char *const names[] = { "auto", "inline", "batch", "user" };

	return names[tier];
}

enum weir_tier weir_filter_tier(const struct weir_filter *filter)
{
	return filter->way->tier;
}

const char *weir_filter_how(const struct weir_filter *filter)
{
	return filter->way->how;
}

const char *weir_filter_doubt(const struct weir_filter *filter)
{
	return filter->doubt;
}

int weir_filter_ring_fd(const struct weir_filter *filter)
{
	return filter->batch ? weir_bpf_batch_fd(filter->batch) : -1;
}

static uint64_t *state_of(const struct weir_filter *filter)
{
	if (filter->user)
		return weir_user_filter_state(filter->user);
	return filter->batch ? weir_bpf_batch_state(filter->batch) : weir_bpf_inline_state(filter->tap);
}

void weir_filter_get_state(const struct weir_filter *filter, uint64_t *state)
{
	memcpy(state, state_of(filter), WEIR_STATE_WORDS * sizeof(*state));
}

void weir_filter_set_state(struct weir_filter *filter, const uint64_t *state)
{
	memcpy(state_of(filter), state, WEIR_STATE_WORDS * sizeof(*state));
}

static void count(struct weir_filter *filter, uint32_t seen, uint32_t passed)
{
	uint64_t before = atomic_load_explicit(&filter->seen, memory_order_relaxed);

	atomic_store_explicit(&filter->seen, before + seen, memory_order_relaxed);
	before = atomic_load_explicit(&filter->passed, memory_order_relaxed);
	atomic_store_explicit(&filter->passed, before + passed, memory_order_relaxed);
}

int weir_filter_rows(struct weir_filter *filter, void *rows, uint32_t slot, uint32_t n)
{
	uint64_t left = filter->limit ? filter->limit - atomic_load_explicit(&filter->seen, memory_order_relaxed) : n;
	int kept;

	if (n > left)
		n = (uint32_t)left;
	if (!n)
		return 0;
	kept = filter->batch ? weir_bpf_batch_run(filter->batch, slot, n)
			     : (int)weir_user_filter_rows(filter->user, rows, n);
	if (kept >= 0)
		count(filter, n, (uint32_t)kept);
	return kept;
}

int weir_filter_attach(struct weir_filter *filter)
{
	weir_bpf_inline_arm(filter->tap);
	return 0;
}

int weir_filter_fd(const struct weir_filter *filter)
{
	return weir_bpf_inline_fd(filter->tap);
}

int weir_filter_consume(struct weir_filter *filter, struct weir_ring *ring)
{
	return weir_bpf_inline_consume(filter->tap, ring);
}

int64_t weir_filter_time(const struct weir_filter *filter)
{
	return weir_bpf_inline_time(filter->tap);
}

void weir_filter_want_time(struct weir_filter *filter, int64_t t_ns)
{
	weir_bpf_inline_want_time(filter->tap, t_ns);
}

void weir_filter_detach(struct weir_filter *filter)
{
	weir_bpf_inline_disarm(filter->tap);
}

void weir_filter_read_counts(const struct weir_filter *filter, struct weir_filter_counts *counts)
{
	if (filter->tap) {
		weir_bpf_inline_counts(filter->tap, counts);
		return;
	}
	counts->seen = atomic_load_explicit(&filter->seen, memory_order_relaxed);
	counts->passed = atomic_load_explicit(&filter->passed, memory_order_relaxed);
	counts->lost = 0;
}
