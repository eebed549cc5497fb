/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every source that there is, asked for one row, for a few, for as many as a ring ever asks for, and for none: it writes nothing past
 * its room, claims no row that it did not write, says when to come back where it has nothing, and brings the same records however
 * it was asked. A source of this registry without a recipe fails the test.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build_path.h"
#include "contract.h"
#include "core/run.h"
#include "guard_place.h"
#include "harness.h"
#include "share_peer.h"
#include "weir/weir.h"

#define N 3000u         /* records of each file */
#define ENDLESS 12u     /* questions to a source that does not end */
#define WAIT_MS 5       /* of what it asks for */
#define PATIENCE_MS 100 /* with one that does not */

static char directory[] = "/tmp/weir-contract-XXXXXX";
static struct guard_place place;
static struct weir_share *share; /* of what weir: reads */
static uint64_t published;

static const struct contract_recipe recipes[] = {
	{ "synth", "synth:sine rate=max" },
	{ "synth", "synth:counter rate=max" },
	{ "synth", "synth:noise rate=2000Hz" },
	{ "csv", "csv:$DIR/numbers.csv", .n = N, .repeats = true },
	{ "csv", "csv:$DIR/bad.csv on_error=skip", .n = N / 2, .repeats = true },
	{ "csv", "csv:$DIR/numbers.csv[n:s16,text:text] width=9", .n = N, .repeats = true },
	{ "csv", "csv:$DIR/numbers.csv rate=1000Hz" },
	{ "lines", "lines:$DIR/numbers.csv", .n = N + 1 },
	{ "lines", "lines:$DIR/numbers.csv width=4", .n = N + 1 },
	{ "lines", "lines:$DIR/fifo" },
	{ "replay", "replay:$DIR/numbers.rec speed=max", .n = N, .repeats = true },
	{ "replay", "replay:$DIR/numbers.csv.t speed=max", .n = N, .repeats = true },
	{ "replay", "replay:$DIR/numbers.rec" },
	{ "exec", "exec:'seq 1 3000' out=n:int", .n = N },
	{ "exec", "exec:'seq 1 3000' out='n:int, text:text' on_error=skip" },
	{ "exec", "exec:'cat $DIR/numbers.csv' out='n:int, text:text'", .n = N },
	{ "exec", "exec:'sleep 100' out=n:int" },
	{ "call", "call '$DIR/functions.so:stock'", .n = N, .repeats = true },
	{ "actuations", "actuations" },
	{ "weir", "weir:s" },
	{ "kafka", "kafka://127.0.0.1:9/nothing out=n:int" },
	{ "amqp", "amqp://127.0.0.1:9/nothing out=n:int" },
	{ "mqtt", "mqtt://127.0.0.1:9/nothing out=n:int" },
	{ "hwmon", "hwmon:$DIR/hwmon0 rate=10000Hz" },
	{ "thermal", "thermal:$DIR/hwmon0 rate=10000Hz" },
	{ "w1", "w1:$DIR/28-000005e2fdc3 rate=10000Hz" },
	{ "serial", "serial:$DIR/port" },
	{ "serial", "serial:$DIR/port nmea" },
	{ "serial", "serial:$DIR/port frame='42 4d' length=32 checksum=sum16 out='pm25=u16be@12'" },
	{ "udp", "udp:127.0.0.1:47113" },
	{ "gpio", "gpio:DOOR", .rig = "tests/kernel/contract.sh" },
	{ "input", "input:panel", .rig = "tests/kernel/contract.sh" },
	{ "input", "input:panel[ABS_X,KEY_ENTER]", .rig = "tests/kernel/contract.sh" },
	{ "can", "can:vcan0", .rig = "tests/kernel/contract.sh" },
	{ "can", "can:vcan0 id=0x123 out='n=u8@0'", .rig = "tests/kernel/contract.sh" },
	{ "iio", "iio:accel_3d", .rig = "tests/kernel/contract.sh" },
	{ "v4l2", "v4l2:/dev/video0", .rig = "tests/kernel/contract.sh" },
};

/* ---------------------------------------------------------------------- setup */

static void make_file(const char *name, const char *format, uint32_t n, const char *header)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(header, file);
	for (uint32_t i = 0; i < n; i++)
		fprintf(file, format, i, i * 7919 % 1000000);
	fclose(file);
}

static int run_once(const char *program)
{
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, program, "<test>", NULL);

	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	return status;
}

/* What the drivers that poll find where there is a chip, a zone and a thermometer. */
static int make_sysfs(void)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/hwmon0", directory);
	if (mkdir(path, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/28-000005e2fdc3", directory);
	if (mkdir(path, 0700))
		return -1;
	make_file("hwmon0/temp1_input", "2150%u\n", 1, "");
	make_file("hwmon0/temp", "2150%u\n", 1, "");
	make_file("28-000005e2fdc3/w1_slave", "", 1,
		  "a1 01 4b 46 7f ff 0f 10 d9 : crc=d9 YES\na1 01 4b 46 7f ff 0f 10 d9 t=26062\n");
	return 0;
}

/* A serial port that is silent. Its other end stays open until the test ends. */
static int make_port(void)
{
	char path[96];
	int other = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	snprintf(path, sizeof(path), "%s/port", directory);
	return other < 0 || grantpt(other) || unlockpt(other) || symlink(ptsname(other), path);
}

static int set_up(void **state)
{
	struct contract_recipe record = { .program = "csv:$DIR/numbers.csv | record:$DIR/numbers.rec" };
	char path[1200], library[600];

	(void)state;
	if (!mkdtemp(directory))
		return -1;
	make_file("numbers.csv", "%u,value %u\n", N, "n,text\n");
	make_file("numbers.csv.t", "%u000000,%u\n", N, "t,n\n");
	make_file("bad.csv", "%u,%u\nneither,number\n", N / 2, "a,b\n");
	if (make_sysfs() || make_port())
		return -1;
	snprintf(path, sizeof(path), "%s/fifo", directory);
	if (mkfifo(path, 0600))
		return -1;
	build_path(library, sizeof(library), "tests/call/functions.so");
	snprintf(path, sizeof(path), "cp '%s' %s", library, directory);
	return system(path) || run_once(contract_program(&record, directory));
}

static int tear_down(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

/* ---------------------------------------------------------------------- drive */

/** What a source brought. */
struct tally {
	uint64_t rows, hash;
	uint32_t waits;
	int result;
};

static void add_bytes(struct tally *tally, const unsigned char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tally->hash = (tally->hash ^ at[i]) * UINT64_C(0x100000001b3);
}

/* One row more than it claims may have been begun and given up: its memory is claimed again. */
static void check_rows(const struct contract_memory *memory, const struct weir_rows *rows, uint32_t room)
{
	size_t begun = (size_t)(rows->n + (rows->n < room)) * rows->stride;

	assert_true(rows->n <= room);
	assert_int_equal(rows->left, room - rows->n);
	assert_ptr_equal(rows->at, memory->at + (size_t)rows->n * rows->stride);
	contract_memory_check(memory, begun < memory->bytes ? begun : memory->bytes);
}

static void check_wait(const struct weir_wait *wait)
{
	if (wait->until_ns == INT64_MAX && wait->fd < 0)
		fail_msg("it has nothing, and does not say when it may");
}

static void wait_for(const struct weir_wait *wait, int most_ms)
{
	struct pollfd readable = { .fd = wait->fd, .events = POLLIN };
	int64_t left = wait->until_ns == INT64_MAX ? most_ms
						   : (wait->until_ns - weir_now(WEIR_CLOCK_MONOTONIC)) / 1000000 + 1;

	poll(&readable, 1, left < 0 ? 0 : left < most_ms ? (int)left : most_ms);
}

static int ask_pulled(struct harness *h, uint32_t room, struct tally *tally, struct weir_wait *wait)
{
	struct contract_memory memory;
	struct weir_rows rows = { .left = room, .stride = h->source->out.row_bytes };
	int result;

	contract_memory_open(&memory, (size_t)room * rows.stride);
	rows.at = (char *)memory.at;
	result = weir_source_produce(h->source, &rows, wait);
	check_rows(&memory, &rows, room);
	assert_true(result <= 0 || !room || rows.n);
	add_bytes(tally, memory.at, (size_t)rows.n * rows.stride);
	tally->rows += rows.n;
	contract_memory_close(&memory);
	return result;
}

/* What a source lends is readable to its last byte. */
static int ask_lent(struct harness *h, uint32_t room, struct tally *tally, struct weir_wait *wait)
{
	const struct weir_source_ops *ops = h->source->driver->source;
	struct dice dice = { published };
	const void *rows;
	int n;

	if (room)
		peer_write(share, published, published + 100, &dice);
	published += room ? 100 : 0;
	n = room ? ops->lend(h->source, room, &rows, wait) : 1;
	if (n <= 0 || !room)
		return n;
	assert_true((uint32_t)n <= room);
	add_bytes(tally, rows, (size_t)n * h->source->out.row_bytes);
	tally->rows += (uint32_t)n;
	assert_int_equal(ops->take_back(h->source, (uint32_t)n), 0);
	return 1;
}

/* As the loop reads a descriptor: whole rows, and then the driver looks at them. */
static int ask_descriptor(struct harness *h, uint32_t room, struct tally *tally, struct weir_wait *wait)
{
	const struct weir_source_ops *ops = h->source->driver->source;
	uint32_t stride = h->source->out.row_bytes;
	struct contract_memory memory;
	ssize_t n;

	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = ops->fd(h->source) };
	if (!room)
		return ops->landed ? ops->landed(h->source, NULL, 0) : 0;
	contract_memory_open(&memory, (size_t)room * stride);
	n = read(wait->fd, memory.at, memory.bytes);
	if (n > 0) {
		assert_int_equal(n % stride, 0);
		contract_memory_check(&memory, (size_t)n);
		contract_memory_protect(&memory);
		assert_int_equal(ops->landed ? ops->landed(h->source, memory.at, (uint32_t)n / stride) : 0, 0);
		tally->rows += (uint64_t)n / stride;
	}
	contract_memory_close(&memory);
	return n > 0 ? 1 : n ? -errno : 0;
}

static int ask(struct harness *h, uint32_t room, struct tally *tally)
{
	struct weir_wait wait = { .until_ns = INT64_MAX, .fd = -1 };
	int result;

	if (h->source->driver->source->lend)
		result = ask_lent(h, room, tally, &wait);
	else if (weir_source_is_pulled(h->source))
		result = ask_pulled(h, room, tally, &wait);
	else
		result = ask_descriptor(h, room, tally, &wait);
	if (result != -EAGAIN)
		return result;
	check_wait(&wait);
	tally->waits++;
	wait_for(&wait, WAIT_MS);
	return 1;
}

static void open_chain(struct harness *h, const char *program)
{
	if (!harness_open(h, program, NULL))
		fail_msg("%s: %s", program, harness_error(h));
	if (harness_start(h) < 0)
		fail_msg("%s: %s", program, harness_error(h));
}

static void close_chain(struct harness *h)
{
	if (h->source->driver->source->stop)
		h->source->driver->source->stop(h->source);
	harness_close(h);
}

/* Ask for `room` rows at a time until the end, or often enough. In between for none. */
static struct tally drive(const struct contract_recipe *recipe, uint32_t room)
{
	const char *program = contract_program(recipe, directory);
	int64_t until = weir_now(WEIR_CLOCK_MONOTONIC) + PATIENCE_MS * INT64_C(1000000);
	struct tally tally = { .result = 1 };
	struct harness h;

	open_chain(&h, program);
	for (uint32_t i = 0; tally.result > 0 && (recipe->n || i < ENDLESS); i++) {
		struct tally none = { 0 };

		ask(&h, 0, &none);
		assert_int_equal(none.rows, 0);
		tally.result = ask(&h, room, &tally);
		if (weir_now(WEIR_CLOCK_MONOTONIC) > until && !recipe->n)
			break;
	}
	if (tally.result < 0)
		fail_msg("%s: %s", program, harness_error(&h));
	if (recipe->n && tally.rows != recipe->n)
		fail_msg("%s: %" PRIu64 " rows in pieces of %u, and not %u", program, tally.rows, room, recipe->n);
	assert_true(tally.rows || tally.waits || tally.result == 0);
	close_chain(&h);
	return tally;
}

static const uint32_t rooms[] = { 1, 7, WEIR_BLOCK_MAX - 1, WEIR_BLOCK_MAX, WEIR_BLOCK_MAX + 1, 8192, 65536 };

static void drive_in_every_size(const struct contract_recipe *recipe)
{
	struct tally first = { 0 };
	uint64_t rows = 0;

	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct tally tally = drive(recipe, rooms[i]);

		rows += tally.rows;
		if (!i)
			first = tally;
		if (recipe->repeats && tally.hash != first.hash)
			fail_msg("%s: other records in pieces of %u than in pieces of %u", recipe->program, rooms[i],
				 rooms[0]);
	}
	if (recipe->rig && !rows)
		fail_msg("%s brought nothing", recipe->program);
}

/* ---------------------------------------------------------------------- tests */

static void every_source_has_a_recipe(void **state)
{
	(void)state;
	contract_covers_registry(recipes, sizeof(recipes) / sizeof(*recipes), WEIR_SOURCE);
}

static bool needs(const struct contract_recipe *recipe, const char *driver)
{
	return !strcmp(recipe->driver, driver);
}

static void drive_weir(const struct contract_recipe *recipe)
{
	struct weir_share_config config = peer_config();

	assert_int_equal(peer_setup(NULL), 0);
	share = peer_share(&config);
	drive_in_every_size(recipe);
	weir_share_close(share);
	share = NULL;
	assert_int_equal(peer_teardown(NULL), 0);
}

static void drive_actuations(const struct contract_recipe *recipe)
{
	struct weir_guard_link link;

	assert_int_equal(place_make(&place), 0);
	place_connect(&link);
	drive_in_every_size(recipe);
	weir_guard_link_close(&link);
	assert_int_equal(place_drop(&place), 0);
}

static void no_source_writes_past_its_room(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(recipes) / sizeof(*recipes); i++) {
		const struct contract_recipe *recipe = &recipes[i];

		if (!contract_can_run(recipe, WEIR_SOURCE))
			continue;
		published = 0;
		if (needs(recipe, "weir"))
			drive_weir(recipe);
		else if (needs(recipe, "actuations"))
			drive_actuations(recipe);
		else
			drive_in_every_size(recipe);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_source_has_a_recipe),
		cmocka_unit_test(no_source_writes_past_its_room),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
