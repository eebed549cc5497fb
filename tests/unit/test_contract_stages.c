/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every stage that there is, given blocks of all sizes from memory that can only be read and that ends with the block: it changes
 * nothing of what it is given, reads nothing behind it, hands on blocks of 1 to WEIR_BLOCK_MAX records, and writes nothing past its own
 * blocks. A stage of this registry without a recipe fails the test.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "build_path.h"
#include "contract.h"
#include "core/run.h"
#include "harness.h"
#include "weir/weir.h"

#define ROUNDS 3u /* of blocks of every size */

static char directory[] = "/tmp/weir-contract-XXXXXX";

/* What each is given: reals x and y, an integer i, a truth value b, texts s and j; j holds JSON. */
static const struct contract_recipe recipes[] = {
	{ "butter", "butter low 10Hz x rate=1kHz order=4" },
	{ "calibrate", "calibrate x points=\"0 -> 1, 1 -> 3, 2 -> 9\"" },
	{ "call", "call '$DIR/functions.so:twice'" },
	{ "call", "call '$DIR/functions.so:twos'" },
	{ "call", "call '$DIR/functions.so:mean' window=10" },
	{ "call", "call '$DIR/functions.so:square'" },
	{ "capture", "capture 5 when x > 0.9" },
	{ "changed", "changed x by 0.1" },
	{ "changed", "changed s" },
	{ "changed", "changed s key=i,j" },
	{ "clamp", "clamp x, y min=-0.5 max=4 outside=drop" },
	{ "clamp", "clamp i min=-10 max=10" },
	{ "click", "click b gap=1ms long=2ms" },
	{ "debounce", "debounce 2ms b" },
	{ "dedupe", "dedupe s within=2ms" },
	{ "delay", "delay 3000" },
	{ "demean", "demean 250 x" },
	{ "every", "every 3" },
	{ "every", "every 10ms" },
	{ "every", "every 3 key=s keys=5" },
	{ "ewma", "ewma x tau=100ms" },
	{ "exec", "exec 'cat' out='x, y, i:int, b:bool, s:text:16, j:text:16'" },
	{ "exec", "exec 'wc -l' input=lines" },
	{ "exec", "exec 'cat >/dev/null; seq 1 3000' window=1000 out=k:int" },
	{ "fft", "fft 64 x peak" },
	{ "fft", "fft 64 x" },
	{ "fir", "fir low 10Hz x rate=1kHz order=40" },
	{ "glitch", "glitch x by 0.5" },
	{ "heartbeat", "heartbeat 50us" },
	{ "heartbeat", "heartbeat 100ms" },
	{ "json", "json j out='a:int' on_error=skip" },
	{ "json", "json" },
	{ "kmeans", "kmeans 5 x, y k=5" },
	{ "learn", "learn x from y" },
	{ "limit", "limit 700" },
	{ "limit", "limit 3 key=s keys=5" },
	{ "median", "median 9 x" },
	{ "pca", "pca x, y loadings" },
	{ "pid", "pid x set=1 kp=1 ki=2 min=0 max=15" },
	{ "ramp", "ramp x rate=2 every=50us" },
	{ "rename", "rename z = x" },
	{ "resample", "resample rate=20kHz gap=1s" },
	{ "resample", "resample rate=10Hz gap=10s method=last" },
	{ "select", "select z = x * y, i, s" },
	{ "select",
	  "select u = upper(s), c = concat(s, '-', j), f = format('%.2f', x), e = extract(s, '(.)$'), n = number(s), "
	  "k = split(j, ',', 0), r = replace(s, 'a', 'bc'), w = if(matches(s, '^(a|b)+'), s, trim(j)) width=64" },
	{ "sketch", "sketch heavy s n=2000 top=1000 every=7" },
	{ "sketch", "sketch distinct s every=1" },
	{ "sketch", "sketch bloom s" },
	{ "sketch", "sketch count s" },
	{ "sketch", "sketch reservoir n=1000 every=100" },
	{ "skip", "skip 5" },
	{ "skip", "skip 5 key=b keys=7" },
	{ "slowpwm", "slowpwm x period=1ms" },
	{ "sort", "sort 20ms" },
	{ "split", "a, b = csv:$DIR/a.csv | split v > 99; a | csv:$DIR/out.csv; b | null", .n = 2900 },
	{ "stalta", "stalta r = x short=12 long=250 on=4 off=1.5" },
	{ "switch", "switch on x > 0.1 off x < 0" },
	{ "switch", "switch on x > 0.1 off x < 0 key=s" },
	{ "throttle", "throttle 2ms x by 0.5 keep=last" },
	{ "timeout", "timeout 500us" },
	{ "unzip", "a, b = csv:$DIR/a.csv | select x = v, y = v | unzip x, y; a | csv:$DIR/out.csv; b | null",
	  .n = 3000 },
	{ "where", "where x > 0 and prev(i) < i" },
	{ "where", "where s > 'b' and not matches(s, '[a-m]$') or length(s) in (3, 4) and (x > 0) + (y > 0) == 2" },
	{ "window", "window 10 step 1 mean(x) as m, quantile(y, 0.9) as q" },
	{ "window", "window 1ms step 50us count() as n" },
	{ "window", "window 20 step 7 integral(x), tmean(x), increase(x), rate(x), crossings(x), count(x > 0) as n" },
	{ "window", "window 20 step 7 distinct(x), mode(x), max_by(x, y), min_by(t, x) as at, corr(x, y) nan=skip" },
	{ "window", "window session 5ms max(x) as m" },
	{ "zscore", "zscore 20 x" },
	/* Those of several streams run whole; see several_streams. */
	{ "join", "a = csv:$DIR/a.csv; b = csv:$DIR/a.csv; join(a, b) within=1ms | csv:$DIR/out.csv", .n = 3000 },
	{ "merge", "a = csv:$DIR/a.csv; b = csv:$DIR/a.csv; merge(a, b) tag=from | csv:$DIR/out.csv", .n = 6000 },
	{ "on", "a = csv:$DIR/a.csv; b = csv:$DIR/a.csv; a on b | csv:$DIR/out.csv", .n = 3000 },
	{ "zip", "a = csv:$DIR/a.csv; b = csv:$DIR/a.csv; zip(a, b) | csv:$DIR/out.csv", .n = 3000 },
	{ "model", NULL }, /* it refuses every program */
};

/* ---------------------------------------------------------------------- drive */

static const uint32_t sizes[] = { 0, 1, 2, WEIR_BLOCK_MAX, 3, WEIR_BLOCK_MAX - 1, WEIR_BLOCK_MAX, 100 };

/* 0, or what a stage says when it has enough. */
static int push_all(struct harness *h, uint64_t *random)
{
	int64_t t = 0;
	int result = 0;

	for (uint32_t i = 0; i < ROUNDS * sizeof(sizes) / sizeof(*sizes) && !result; i++) {
		struct contract_input input;

		contract_input_open(&input, sizes[i % (sizeof(sizes) / sizeof(*sizes))], &t, random);
		result = harness_push(h, &input.block);
		contract_input_close(&input);
	}
	return result;
}

/* A chain that would end in a sink of that name gets a stage behind it. */
static void open_chain(struct harness *h, const char *program)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s | skip 0", program);
	if (!harness_open(h, text, contract_schema()))
		fail_msg("%s: %s", text, harness_error(h));
}

static void drive(const struct contract_recipe *recipe)
{
	uint64_t random = 1;
	struct harness h;

	open_chain(&h, contract_program(recipe, directory));
	assert_true(weir_chain_begin(h.first) >= 0);
	if (push_all(&h, &random) < 0 || harness_flush(&h) < 0)
		fail_msg("%s: %s", recipe->program, harness_error(&h));
	if (!h.n)
		fail_msg("%s hands nothing on, so nothing is proven", recipe->program);
	harness_close(&h);
}

/* ------------------------------------------------------------------- combiners */

static uint32_t count_lines(const char *name)
{
	char path[128], line[512];
	uint32_t n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		n++;
	fclose(file);
	return n;
}

static void run_whole(const struct contract_recipe *recipe)
{
	const char *program = contract_program(recipe, directory);
	struct weir_pipeline *pipeline;

	assert_int_equal(weir_open(&pipeline, program, "<test>", NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
	assert_int_equal(count_lines("out.csv"), recipe->n + 1);
}

static int set_up(void **state)
{
	char path[1200], library[600];
	FILE *file;

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/a.csv", directory);
	file = fopen(path, "w");
	if (!file)
		return -1;
	fputs("v\n", file);
	for (int i = 0; i < 3000; i++)
		fprintf(file, "%d\n", i);
	fclose(file);
	build_path(library, sizeof(library), "tests/call/functions.so");
	snprintf(path, sizeof(path), "cp '%s' %s", library, directory);
	return system(path);
}

static int tear_down(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* ---------------------------------------------------------------------- tests */

static void every_stage_has_a_recipe(void **state)
{
	(void)state;
	contract_covers_registry(recipes, sizeof(recipes) / sizeof(*recipes), WEIR_OPERATOR);
}

static void no_stage_writes_past_its_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(*recipes); i++) {
		const struct contract_recipe *recipe = &recipes[i];

		if (!recipe->program || !contract_can_run(recipe, WEIR_OPERATOR))
			continue;
		if (recipe->n)
			run_whole(recipe);
		else
			drive(recipe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_has_a_recipe),
		cmocka_unit_test(no_stage_writes_past_its_blocks),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
