/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every sink and every output that there is, given blocks of all sizes from memory that can only be read and that ends with the block,
 * and outputs values of every kind: nothing of it is changed, nothing behind it is read, and files hold as many records as were
 * given. One of this registry without a recipe fails the test.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_path.h"
#include "contract.h"
#include "core/run.h"
#include "harness.h"
#include "share_peer.h"

static char directory[] = "/tmp/weir-contract-XXXXXX";

/* `n` stands for: so many lines before the records in $DIR/out. */
static const struct contract_recipe sinks[] = {
	{ "null", "null" },
	{ "web", "web" },
	{ "print", "print", .n = 1 },
	{ "csv", "csv:$DIR/out.csv", .n = 2 },
	{ "record", "record:$DIR/out.rec" },
	{ "exec", "exec:'cat >$DIR/out.exec' input=lines" },
	{ "exec", "exec:'cat >$DIR/out.exec'", .n = 2 },
	{ "call", "call '$DIR/functions.so:absorb'" },
	{ "weir", "weir:s" },
	{ "mqtt", "mqtt://127.0.0.1:9/nothing linger=0s" },
	{ "amqp", "amqp://127.0.0.1:9/nothing linger=0s" },
	{ "kafka", "kafka://127.0.0.1:9/nothing linger=0s" },
	{ "http", "http://127.0.0.1:9/nothing linger=0s" },
	{ "https", "https://127.0.0.1:9/nothing linger=0s" },
};

static const struct contract_recipe outputs[] = {
	{ "pwm", "pwm:$DIR/chip/0 freq=1kHz park=0.25" },
	{ "gpio", "gpio:LAMP park=off", .rig = "tests/kernel/contract.sh" },
	{ "iio", "iio:weir-dummy/out_voltage0 park=0", .rig = "tests/kernel/contract.sh" },
};

/* ---------------------------------------------------------------------- setup */

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static uint32_t count_lines(const char *name)
{
	char path[128];
	uint32_t n = 0;
	FILE *file;
	int c;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((c = getc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

static int set_up(void **state)
{
	char path[1200], library[600];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/chip", directory);
	if (mkdir(path, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/chip/pwm0", directory);
	if (mkdir(path, 0700))
		return -1;
	put("chip/export", "");
	put("chip/npwm", "1");
	put("chip/pwm0/period", "0");
	put("chip/pwm0/duty_cycle", "0");
	put("chip/pwm0/enable", "0");
	put("chip/pwm0/polarity", "normal");
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

/* ---------------------------------------------------------------------- sinks */

static const uint32_t sizes[] = { 0, 1, 2, WEIR_BLOCK_MAX, 3, WEIR_BLOCK_MAX - 1, WEIR_BLOCK_MAX, 100 };

static uint32_t push_all(struct harness *h)
{
	uint64_t random = 1;
	uint32_t n = 0;
	int64_t t = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct contract_input input;

		contract_input_open(&input, sizes[i], &t, &random);
		if (harness_push(h, &input.block) < 0)
			fail_msg("a block of %u records: %s", sizes[i], harness_error(h));
		contract_input_close(&input);
		n += sizes[i];
	}
	return n;
}

static void open_chain(struct harness *h, const char *program)
{
	if (!harness_open(h, program, contract_schema()))
		fail_msg("%s: %s", program, harness_error(h));
}

/* A name of a file in the directory, if the program has one; then how many lines it holds is known. */
static void check_lines(const struct contract_recipe *recipe, uint32_t n)
{
	const char *name = strstr(recipe->program, "$DIR/out");
	char file[32] = "out.print";

	if (!recipe->n)
		return;
	if (name)
		sscanf(name, "$DIR/%31[a-z.]", file);
	/* Of each text the header has none, and a cell has no end of line. */
	assert_int_equal(count_lines(file), n + recipe->n - 1);
}

static void drive_sink(const struct contract_recipe *recipe)
{
	uint32_t n;
	struct harness h;

	open_chain(&h, contract_program(recipe, directory));
	if (harness_start(&h) < 0)
		fail_msg("%s: %s", recipe->program, harness_error(&h));
	n = push_all(&h);
	if (harness_flush(&h) < 0)
		fail_msg("%s: %s", recipe->program, harness_error(&h));
	harness_close(&h);
	check_lines(recipe, n);
}

/* Standard output goes to a file meanwhile. */
static void drive_print(const struct contract_recipe *recipe)
{
	char path[96];
	int saved = dup(STDOUT_FILENO);

	snprintf(path, sizeof(path), "%s/out.print", directory);
	fflush(stdout);
	assert_non_null(freopen(path, "w", stdout));
	drive_sink(recipe);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	check_lines(recipe, count_lines("out.print"));
}

static void every_sink_has_a_recipe(void **state)
{
	(void)state;
	contract_covers_registry(sinks, sizeof(sinks) / sizeof(*sinks), WEIR_SINK);
}

static void no_sink_reads_past_a_block(void **state)
{
	(void)state;
	assert_int_equal(peer_setup(NULL), 0);
	for (size_t i = 0; i < sizeof(sinks) / sizeof(*sinks); i++) {
		if (!contract_can_run(&sinks[i], WEIR_SINK))
			continue;
		if (!strcmp(sinks[i].driver, "print"))
			drive_print(&sinks[i]);
		else
			drive_sink(&sinks[i]);
	}
	assert_int_equal(peer_teardown(NULL), 0);
}

/* -------------------------------------------------------------------- outputs */

static void every_output_has_a_recipe(void **state)
{
	(void)state;
	contract_covers_registry(outputs, sizeof(outputs) / sizeof(*outputs), WEIR_ACTUATOR);
}

/* Values that a stream can bring: an output takes the nearest that it has, or says what is wrong, and can be parked after each. */
static void drive_output(const struct contract_recipe *recipe)
{
	static const double values[] = { 0, 1, 0.5, -0.0, -1, 7, 1e-300, 1e18, -1e300, INFINITY, -INFINITY };
	const struct weir_actuator_ops *ops;
	struct weir_physical what;
	struct harness h;
	int fd = -1;

	open_chain(&h, contract_program(recipe, directory));
	ops = h.last->driver->actuator;
	assert_true(isfinite(ops->parked(h.last)));
	memset(&what, CONTRACT_PATTERN, sizeof(what));
	if (ops->describe && ops->describe(h.last, &what, &fd) >= 0)
		assert_true(what.n >= 1 && what.n <= WEIR_PHYSICAL_LINES && memchr(what.title, 0, sizeof(what.title)) &&
			    memchr(what.device, 0, sizeof(what.device)));
	if (fd >= 0)
		close(fd);
	if (ops->start(h.last) < 0)
		fail_msg("%s: %s", recipe->program, harness_error(&h));
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		if (ops->apply(h.last, values[i]) < 0)
			harness_expect_error(&h, "cannot");
		assert_int_equal(ops->park(h.last), 0);
	}
	harness_close(&h);
}

static void outputs_take_every_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++)
		if (contract_can_run(&outputs[i], WEIR_ACTUATOR))
			drive_output(&outputs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sink_has_a_recipe),
		cmocka_unit_test(no_sink_reads_past_a_block),
		cmocka_unit_test(every_output_has_a_recipe),
		cmocka_unit_test(outputs_take_every_value),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
