/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A filter passes the same samples wherever it runs: random chains of stages, many at a time, all on one IIO device. What is
 * pushed into the device is read from its buffer, which is what the batch and the user tier get, while the inline filters
 * see it being stored. For each chain and each set of samples the rows that pass must be those of the predicate, to the bit,
 * in all three tiers, and the records those of the operators in user space.
 *
 * Two devices: "play" of tests/rig/modules has channels of every kind, and takes what is written to it with any times; a HID
 * accelerometer runs the drivers of a stock kernel, which stamp the samples. Runs in the rig, as root, on one processor.
 *
 *   WEIR_FILTER_PAIRS=N  pairs of a chain and a set of samples, for each of the tests (500)
 *   WEIR_FILTER_SEED=N   another sequence
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "../rig/hid_device.h"
#include "../unit/random_chain.h"
#include "stream/record.h"

/* To hook takes far longer than to feed: so few chains at a time, each with so many sets of samples. */
#define HEADS 4
#define SETS 126
#define FEED "/dev/iio-play"
#define SETTLE_NS 50000000 /* while a HID device answers its driver, the kernel refuses samples */

/* A chain in all tiers. */
struct head {
	struct random_chain chain;
	struct weir_filter *tap, *batch;
	struct weir_ring *passed, *ring; /* of the inline, of the batch tier */
	struct weir_reader *reader;      /* of `passed` */
};

struct bench {
	struct dice dice;
	struct harness source;     /* opens, starts and closes the device as the product does */
	struct weir_schema schema; /* of its samples, without units: what is mixed here the language would refuse */
	struct weir_schema all;    /* of what is written to the device */
	struct head head[HEADS];
	struct hid_device *hid;
	int feed, device;
	int64_t t;
	struct chain_rows sent, rows, kept;
	/* What the test has seen. */
	uint64_t pairs, samples, passed;
	uint32_t rounds, n_hooked[2]; /* chains by fentry, by kprobe */
	uint32_t n_whole, n_partly, n_remembering;
};

static uint64_t wanted(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* ------------------------------------------------------------------ the device */

static void open_source(struct bench *b, const char *text)
{
	if (!harness_open(&b->source, text, NULL) || harness_start(&b->source))
		fail_msg("%s: %s", text, harness_error(&b->source));
	b->device = b->source.source->driver->source->iio_device(b->source.source);
	b->schema = b->source.source->out;
	assert_in_range(b->schema.row_bytes, 1, RANDOM_ROW_BYTES);
	for (uint32_t i = 0; i < b->schema.n_fields; i++)
		b->schema.field[i].unit[0] = 0;
}

/* All that the device has been told, as its reader gets it: no more, no less. */
static void read_samples(struct bench *b, uint32_t n)
{
	uint32_t bytes = b->schema.row_bytes;
	struct pollfd buffer = { .fd = b->source.source->driver->source->fd(b->source.source), .events = POLLIN };

	b->rows.n = 0;
	while (b->rows.n < n && poll(&buffer, 1, 5000) == 1) {
		ssize_t got = read(buffer.fd, b->rows.bytes + b->rows.n * bytes, (n - b->rows.n) * bytes);

		assert_true(got > 0 && got % bytes == 0);
		b->rows.n += (uint32_t)got / bytes;
	}
	assert_int_equal(b->rows.n, n);
}

/* ------------------------------------------------------------------- its filters */

/* The other hook must not come to the rescue. */
static void open_tap(struct head *head, const struct bench *b, const char *hook)
{
	struct weir_filter_config config = random_chain_config(&head->chain, WEIR_TIER_INLINE, b->device);
	struct weir_ring_config ring = { .row_bytes = head->chain.schema.row_bytes, .rows = CHAIN_ROWS_MAX, .fd = -1 };
	char why[256];

	setenv("WEIR_INLINE_HOOK", hook, 1);
	if (weir_filter_open(&head->tap, &config, why))
		fail_msg("inline by %s refuses '%s' …: %s", hook, head->chain.stage[0], why);
	assert_int_equal(weir_ring_open(&head->passed, &ring), 0);
	assert_int_equal(weir_reader_open(&head->reader, head->passed, WEIR_BLOCK), 0);
	assert_int_equal(weir_filter_attach(head->tap), 0);
}

static void open_batch(struct head *head)
{
	struct weir_filter_config config = random_chain_config(&head->chain, WEIR_TIER_BATCH, -1);
	struct weir_ring_config ring = { .row_bytes = head->chain.schema.row_bytes, .rows = CHAIN_ROWS_MAX };
	char why[256];

	if (weir_filter_open(&head->batch, &config, why))
		fail_msg("batch refuses '%s' …: %s", head->chain.stage[0], why);
	ring.fd = weir_filter_ring_fd(head->batch);
	assert_int_equal(weir_ring_open(&head->ring, &ring), 0);
}

static void open_heads(struct bench *b, const char *hook)
{
	for (struct head *head = b->head; head < b->head + HEADS; head++) {
		while (!random_chain_open(&head->chain, &b->dice, &b->schema))
			;
		open_tap(head, b, hook);
		open_batch(head);
		b->n_whole += head->chain.n_pushed == head->chain.n_stages && head->chain.predicate.exact;
		b->n_partly += head->chain.n_pushed < head->chain.n_stages || !head->chain.predicate.exact;
		b->n_remembering += head->chain.predicate.n_state > 0;
	}
}

static void close_heads(struct bench *b)
{
	for (struct head *head = b->head; head < b->head + HEADS; head++) {
		weir_filter_detach(head->tap);
		weir_reader_close(head->reader);
		weir_ring_close(head->passed);
		weir_filter_close(head->tap);
		weir_ring_close(head->ring);
		weir_filter_close(head->batch);
		random_chain_close(&head->chain);
	}
}

/* ---------------------------------------------------------------- a set of samples */

/* Near to the bounds of one chain or another. */
static void make_rows(struct bench *b)
{
	uint32_t bytes = b->schema.row_bytes;

	b->sent.n = 1 + roll_below(&b->dice, CHAIN_ROWS_MAX);
	for (uint32_t i = 0; i < b->sent.n; i++) {
		unsigned char *row = b->sent.bytes + i * bytes;

		random_chain_row(&b->dice, &b->schema, &b->head[roll_below(&b->dice, HEADS)].chain.predicate,
				 i ? row - bytes : NULL, &b->t, row);
	}
}

static void expect_kept(const struct head *head, const char *tier, const void *rows, int64_t n,
			const struct chain_rows *kept)
{
	if (n == kept->n && !memcmp(rows, kept->bytes, kept->n * head->chain.schema.row_bytes))
		return;
	for (uint32_t i = 0; i < head->chain.n_stages; i++)
		print_message("%s | ", head->chain.stage[i]);
	fail_msg("%s passes %lld rows, which are not the %u expected", tier, (long long)n, kept->n);
}

static void check_inline(struct head *head, const struct chain_rows *kept)
{
	int moved = weir_filter_consume(head->tap, head->passed);
	uint32_t n;
	const void *rows = weir_reader_peek(head->reader, CHAIN_ROWS_MAX, &n);

	assert_int_equal(moved, n);
	expect_kept(head, weir_filter_how(head->tap), rows, n, kept);
	assert_int_equal(weir_reader_release(head->reader, n), 0);
}

static void check_batch(struct head *head, const struct chain_rows *rows, const struct chain_rows *kept)
{
	uint32_t n;
	void *claim = weir_ring_reserve(head->ring, rows->n, &n);

	memcpy(claim, rows->bytes, rows->n * head->chain.schema.row_bytes);
	expect_kept(head, "batch", claim, weir_filter_rows(head->batch, claim, 0, rows->n), kept);
}

static void check_heads(struct bench *b)
{
	for (struct head *head = b->head; head < b->head + HEADS; head++) {
		random_chain_keep(&head->chain, &b->dice, &b->rows, &b->kept);
		check_inline(head, &b->kept);
		check_batch(head, &b->rows, &b->kept);
		b->pairs++;
		b->samples += b->rows.n;
		b->passed += b->kept.n;
	}
}

/* Each inline filter has seen each sample, and the kernel has left none out. */
static void check_counts(const struct bench *b, uint64_t samples)
{
	for (const struct head *head = b->head; head < b->head + HEADS; head++) {
		struct weir_filter_counts counts;

		weir_filter_detach(head->tap);
		weir_filter_read_counts(head->tap, &counts);
		assert_int_equal(counts.seen, samples);
		assert_int_equal(counts.lost, 0);
	}
}

/* One opening of the device: some chains, all on the same samples. */
static void play_round(struct bench *b, void (*feed)(struct bench *b))
{
	bool is_kprobe = b->rounds++ % 2;
	uint64_t samples = 0;

	open_heads(b, is_kprobe ? "kprobe" : "fentry");
	b->n_hooked[is_kprobe] += HEADS;
	for (int i = 0; i < SETS; i++) {
		make_rows(b);
		feed(b);
		read_samples(b, b->sent.n);
		check_heads(b);
		samples += b->rows.n;
	}
	check_counts(b, samples);
	close_heads(b);
}

/* Short runs have one round: one test begins with one hook, the other with the other. */
static struct bench *begin(uint32_t test)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->dice.state = wanted("WEIR_FILTER_SEED", 3) + 1000 * test;
	b->rounds = test;
	return b;
}

/* Both answers, and of many chains every kind. */
static void end(struct bench *b)
{
	print_message("# %llu pairs, %llu samples, %llu passed; %u chains by fentry, %u by kprobe; "
		      "%u whole, %u in part, %u that remember\n",
		      (unsigned long long)b->pairs, (unsigned long long)b->samples, (unsigned long long)b->passed,
		      b->n_hooked[0], b->n_hooked[1], b->n_whole, b->n_partly, b->n_remembering);
	assert_true(b->passed > 0 && b->passed < b->samples);
	if (b->rounds >= 6)
		assert_true(b->passed > b->samples / 50 && b->n_whole && b->n_partly && b->n_remembering);
	free(b);
}

static uint64_t pairs_wanted(void)
{
	return wanted("WEIR_FILTER_PAIRS", 500);
}

/* ------------------------------------------- channels of every kind: "play" */

/* The sample as the driver pushes it, with all channels; those that nobody asked for are random. */
static void widen(struct bench *b, const unsigned char *row, unsigned char *scan)
{
	const struct weir_schema *schema = &b->schema;

	for (uint32_t i = 0; i < b->all.row_bytes; i++)
		scan[i] = (unsigned char)roll(&b->dice);
	for (uint32_t i = 0; i < schema->n_fields; i++) {
		const struct weir_field *from = &schema->field[i];
		int to = weir_schema_find(&b->all, from->name);

		assert_true(to >= 0 && b->all.field[to].bytes == from->bytes);
		memcpy(scan + b->all.field[to].at, row + from->at, from->bytes);
	}
	memcpy(scan + b->all.t.at, row + schema->t.at, sizeof(int64_t));
}

static void feed_play(struct bench *b)
{
	static unsigned char scans[CHAIN_ROWS_MAX * RANDOM_ROW_BYTES];
	uint32_t bytes = b->schema.row_bytes;
	size_t size = b->sent.n * b->all.row_bytes;

	assert_true(size <= sizeof(scans));
	for (uint32_t i = 0; i < b->sent.n; i++)
		widen(b, b->sent.bytes + i * bytes, scans + i * b->all.row_bytes);
	assert_int_equal(write(b->feed, scans, size), size);
}

/* Up to six of its channels. */
static void open_play(struct bench *b)
{
	char text[256] = "iio:play[";
	uint32_t n = 1 + roll_below(&b->dice, 6), first = roll_below(&b->dice, b->all.n_fields);

	for (uint32_t i = 0; i < n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? "," : "",
			 b->all.field[(first + 5 * i) % b->all.n_fields].name);
	strcat(text, "] loss=infer buffer=64 watermark=1");
	open_source(b, text);
	b->t = (int64_t)(roll(&b->dice) >> roll_below(&b->dice, 64));
}

static void test_play(void **state)
{
	struct bench *b = begin(0);

	(void)state;
	b->feed = open(FEED, O_WRONLY | O_CLOEXEC);
	if (b->feed < 0)
		fail_msg("%s: %s", FEED, strerror(errno));
	open_source(b, "iio:play loss=infer");
	b->all = b->schema;
	harness_close(&b->source);
	while (b->pairs < pairs_wanted()) {
		open_play(b);
		play_round(b, feed_play);
		harness_close(&b->source);
	}
	close(b->feed);
	end(b);
}

/* -------------------------------------- drivers of a stock kernel: accel_3d */

static void no_poll(void *data, int32_t value[HID_AXES])
{
	(void)data;
	memset(value, 0, HID_AXES * sizeof(*value));
}

static void feed_hid(struct bench *b)
{
	const struct weir_schema *schema = &b->schema;

	for (uint32_t i = 0; i < b->sent.n; i++) {
		const unsigned char *row = b->sent.bytes + i * schema->row_bytes;
		int32_t value[HID_AXES];

		for (uint32_t k = 0; k < HID_AXES; k++)
			value[k] = (int32_t)weir_field_raw(&schema->field[k], row);
		assert_int_equal(hid_send(b->hid, value), 0);
	}
}

static void await_device(char *path, size_t size)
{
	for (int tries = 0; hid_find_iio(path, size); tries++) {
		assert_true(tries < 100);
		poll(NULL, 0, 50);
	}
}

/* Until the driver has asked for all that it wants to know: from then on every sample is taken. */
static void await_quiet(const struct hid_device *hid)
{
	while (hid->reporting != HID_ALL_EVENTS || !hid->answered_ns || clock_now_ns() - hid->answered_ns < SETTLE_NS)
		poll(NULL, 0, 10);
}

/* The sensor stays until the process ends, and so does the thread that answers for it. */
static void test_stock(void **state)
{
	static struct hid_device hid = { .kind = &hid_kinds[0], .poll = no_poll };
	struct bench *b = begin(1);
	char path[256], text[128];

	(void)state;
	b->hid = &hid;
	assert_int_equal(hid_plug(&hid), 0);
	await_device(path, sizeof(path));
	snprintf(text, sizeof(text), "iio:%s loss=infer buffer=64 watermark=1", strrchr(path, '/') + 1);
	open_source(b, text);
	await_quiet(&hid);
	while (b->pairs < pairs_wanted())
		play_round(b, feed_hid);
	harness_close(&b->source);
	end(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_play),
		cmocka_unit_test(test_stock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
