/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every stage promises about time: once those below have been told that time has come to t, nothing of t or before follows.
 * A stage at the end of random chains of all stages asks for ticks as close as it can, and looks at every record.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_path.h"
#include "core/run.h"
#include "harness.h"

#define N 1500
#define US INT64_C(1000)

/* ------------------------------------------------------------------ watchman */

struct watchman {
	int64_t passed; /* the last tick */
	uint32_t n_ticks, n_late;
	int64_t late, late_by;
};

static int watch_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct watchman *watchman = weir_state(node);

	watchman->passed = INT64_MIN;
	*out = *in;
	return 0;
}

static int watch_push(struct weir_node *node, const struct weir_block *in)
{
	struct watchman *watchman = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++)
		if (in->t[i] <= watchman->passed && !watchman->n_late++) {
			watchman->late = in->t[i];
			watchman->late_by = watchman->passed - in->t[i];
		}
	if (watchman->passed == INT64_MIN)
		weir_tick_at(node, in->t[0]);
	return weir_emit(node, in);
}

static int watch_tick(struct weir_node *node, int64_t now_ns)
{
	struct watchman *watchman = weir_state(node);

	watchman->passed = now_ns;
	watchman->n_ticks++;
	weir_tick_at(node, now_ns + 50 * US);
	return 0;
}

static const struct weir_param no_params[] = { { 0 } };
static const struct weir_operator_ops watch_ops = {
	.state_bytes = sizeof(struct watchman),
	.open = watch_open,
	.push = watch_push,
	.tick = watch_tick,
};
static const struct weir_driver watch_driver = {
	.name = "watchman",
	.operator_params = no_params,
	.stage = &watch_ops,
};

/* Between the last stage and what collects its records. */
static struct watchman *add_watchman(struct harness *h)
{
	struct weir_node *node, *end = h->last->down;

	assert_int_equal(
		weir_pipeline_add(h->pipeline, &watch_driver, WEIR_OPERATOR, weir_args_new(no_params), h->last, &node),
		0);
	h->last->down = node;
	node->down = end;
	return node->state;
}

/* -------------------------------------------------------------------- chains */

/* Each makes of a stream with a number x another one. Together they have all stages of one stream. */
static const char *const stages[] = {
	"where x > 0.3",
	"where x > 0.9 and delta(x) > 0",
	"every 3",
	"every 3ms",
	"changed x by 0.4",
	"skip 5",
	"limit 1200",
	"capture 7 when x > 0.8",
	"throttle 2ms",
	"dedupe x within=2ms",
	"throttle 2ms keep=last",
	"throttle 2ms keep=mean",
	"throttle 4ms x by 1.2 keep=last",
	"heartbeat 700us",
	"timeout 2ms | select x = stale * 1",
	"timeout 2ms keep | where stale == 1 | select x",
	"select x = x * 0.9",
	"rename y = x | select x = -y",
	"clamp min=-0.5 max=0.9",
	"clamp min=-0.5 max=0.9 outside=drop",
	"calibrate points=\"0 -> 0.1, 1 -> 0.9\"",
	"glitch by 0.5",
	"glitch",
	"ramp rate=200",
	"ramp rate=200 every=300us",
	"demean 20",
	"median 9",
	"ewma tau=1ms",
	"zscore 10",
	"stalta short=3 long=20",
	"butter low 10Hz rate=1kHz",
	"resample rate=1kHz",
	"resample rate=3kHz method=last",
	"resample rate=1kHz gap=3ms",
	"delay 5 x=0.5",
	"window 7 step 3 mean(x) as x",
	"window 3ms step 2ms mean(x) as x",
	"window 2ms step 5ms max(x) as x partial",
	"window session 2ms mean(x) as x",
	"sort 0s",
	"switch on x > 0.5 off x < 0 min_on=2ms | select x = on * 1",
	"slowpwm x period=5ms | select x = on * 1",
	"pid x set=0 kp=1 ki=1 | select x = out",
	"select b = x > 0 | debounce 1ms on=2ms | select x = b * 2 - 1",
	"select b = x > 0 | debounce 1ms mode=first | select x = b * 2 - 1",
	"select b = x > 0 | click gap=2ms long=3ms | select x = clicks - 1.5",
	"learn x from k = x * x | select x = predicted",
	"pca | select x = pc1",
	"pca loadings | select x = share",
	"kmeans 40 step 20 k=2 | select x",
	"fft 16 step 4 | select x",
	"fir low 100Hz rate=1kHz order=8",
	"select r = round(x * 5) | sketch heavy | select x = r",
	"select r = round(x * 5) | sketch distinct every=50 | select x = distinct",
	"sketch reservoir n=20 | select x",
	"sketch bloom x capacity=1000 | select x = x - seen",
	"json as=text | json text out=\"x\"",
	"call 'LIBRARY:twice' | select x = y - 1",
	"call 'LIBRARY:mean' window=3ms step=2ms | select x = mean",
	"call 'LIBRARY:mean' window=2ms step=5ms | select x = mean",
	"exec cat out=\"x\" input=lines output=lines | skip 0",
	"exec \"tail -n 1\" window=300ms input=lines output=lines out=\"x\" | skip 0",
};

#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

/* A library may be missing that a stage needs. */
static bool is_there(const char *stage)
{
	char word[32];

	return sscanf(stage, "%31[a-z]", word) == 1 && !weir_tell_absent(word, stderr);
}

/* The library of the tests lies beside them. */
static void append(char *chain, size_t bytes, const char *stage)
{
	const char *library = strstr(stage, "LIBRARY");
	size_t n = strlen(chain);
	char path[600];

	build_path(path, sizeof(path), "tests/call/functions.so");
	if (library)
		snprintf(chain + n, bytes - n, " | %.*s%s%s", (int)(library - stage), stage, path,
			 library + strlen("LIBRARY"));
	else
		snprintf(chain + n, bytes - n, " | %s", stage);
}

/* A number x at irregular times in order, with silences; some times are equal. */
static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random)
{
	struct weir_block *memory;
	int64_t t = (int64_t)harness_below(random, 1000000);
	double x = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t i = 0; i < N; i++) {
		t += harness_below(random, harness_below(random, 50) ? 800 : 20000) * US;
		x = 0.7 * x + harness_uniform(random);
		memory->t[i] = t;
		memory->column[0].real[i] = x;
	}
	return memory;
}

/* The watchman finds nothing late, and the records are those of the chain without him. */
static void expect_order(const char *chain, const struct weir_block *memory, uint64_t seed)
{
	struct harness h, plain;
	struct watchman *watchman;

	if (!harness_open(&h, chain, memory->schema))
		fail_msg("%s: %s", chain, harness_error(&h));
	watchman = add_watchman(&h);
	harness_push_cut(&h, memory, memory->n, 1 + harness_below(&seed, 40), &seed);
	assert_true(harness_flush(&h) >= 0);
	if (watchman->n_late)
		fail_msg("%s: %u records are late, the first of %lld by %lld ns", chain, watchman->n_late,
			 (long long)watchman->late, (long long)watchman->late_by);
	harness_run(&plain, chain, memory, WEIR_BLOCK_MAX, seed);
	harness_expect_same(&h, &plain);
	harness_close(&plain);
	harness_close(&h);
}

/* Every stage that is registered is among those that are tried. */
static void no_stage_is_forgotten(void **state)
{
	static const char *const elsewhere[] = { "split", "unzip",
						 "model" }; /* pass or refuse records, and nothing else */

	(void)state;
	for (size_t i = 0; i < weir_n_drivers; i++) {
		const char *name = weir_drivers[i]->name;
		bool found = !weir_drivers[i]->stage;

		for (size_t k = 0; k < N_STAGES && !found; k++)
			for (const char *at = stages[k]; at && !found;
			     at = strstr(at, " | ") ? strstr(at, " | ") + 3 : NULL)
				found = !strncmp(at, name, strlen(name)) && strchr(" ", at[strlen(name)]);
		for (size_t k = 0; k < sizeof(elsewhere) / sizeof(*elsewhere); k++)
			found |= !strcmp(name, elsewhere[k]);
		if (!found)
			fail_msg("'%s' is a stage, and no chain here has it", name);
	}
}

/* One stage behind a condition that lets little pass, for each of them: time goes on where records do not. */
static void each_stage_keeps_its_word(void **state)
{
	uint64_t random = 31;

	(void)state;
	for (size_t i = 0; i < 2 * N_STAGES; i++) {
		struct weir_schema schema;
		struct weir_block *memory;
		char chain[1024];

		if (!is_there(stages[i / 2]))
			continue;
		memory = make_records(&schema, &random);
		strcpy(chain, i % 2 ? "where x > 0.8" : "skip 0");
		append(chain, sizeof(chain), stages[i / 2]);
		expect_order(chain, memory, random);
		harness_memory_free(memory);
	}
}

/* Random chains of two to four. WEIR_TEST_CHAINS: how many. */
static void chains_keep_their_word(void **state)
{
	const char *rounds = getenv("WEIR_TEST_CHAINS");
	uint64_t random = 32;

	(void)state;
	for (int round = 0; round < (rounds ? atoi(rounds) : 150); round++) {
		uint32_t n = 2 + harness_below(&random, 3);
		struct weir_schema schema;
		struct weir_block *memory = make_records(&schema, &random);
		char chain[2048] = "select x";

		while (n) {
			const char *stage = stages[harness_below(&random, N_STAGES)];

			/* Programs take their time: they have it above. */
			if (!is_there(stage) || !strncmp(stage, "exec", 4))
				continue;
			append(chain, sizeof(chain), stage);
			n--;
		}
		expect_order(chain, memory, random);
		harness_memory_free(memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_stage_is_forgotten),
		cmocka_unit_test(each_stage_keeps_its_word),
		cmocka_unit_test(chains_keep_their_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
