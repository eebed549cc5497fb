/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ring, on one thread: against a naive model that knows nothing but positions. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring_rows.h"
#include "stream/ring_internal.h"

/* ------------------------------------------------------------------ memory */

/* Whole pages for every row size and page size, at least what was asked for, and no page more than needed. */
static void test_rows_fill_whole_pages(void **state)
{
	static const uint32_t page[] = { 4096, 16384, 65536 };
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint32_t bytes = 1 + random_below(&seed, WEIR_ROW_MAX), want = 1 + random_below(&seed, 100000);
		uint32_t p = page[i % 3], rows = weir_ring_rows_in_pages(bytes, want, p), step = p;

		while (step % 2 == 0 && (uint64_t)step / 2 * bytes % p == 0)
			step /= 2;
		assert_true(rows >= want && rows - want < step);
		assert_int_equal((uint64_t)rows * bytes % p, 0);
	}
}

/* Nonsense is refused by the rounding and by open. */
static void test_out_of_range(void **state)
{
	static const struct weir_ring_config wrong[] = {
		{ .row_bytes = 0, .rows = 1, .fd = -1 },
		{ .row_bytes = WEIR_ROW_MAX + 1, .rows = 1, .fd = -1 },
		{ .row_bytes = 8, .rows = 0, .fd = -1 },
		{ .row_bytes = 8, .rows = UINT32_MAX, .fd = -1 },
	};
	struct weir_ring *ring;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(weir_ring_rows(wrong[i].row_bytes, wrong[i].rows), 0);
		assert_int_equal(weir_ring_open(&ring, &wrong[i]), -EINVAL);
	}
}

/* The two mappings are one memory, also when the descriptor is the caller's; its owner sees what the writer writes. */
static void test_mirror_of_a_given_descriptor(void **state)
{
	uint32_t rows = weir_ring_rows(24, 100);
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct weir_ring_config config = { .row_bytes = 24, .rows = rows, .fd = fd };
	struct weir_ring *ring;
	size_t bytes;

	(void)state;
	assert_int_equal(ftruncate(fd, (off_t)rows * 24), 0);
	assert_int_equal(weir_ring_open(&ring, &config), 0);
	assert_int_equal(weir_ring_capacity(ring), rows);
	uint8_t *memory = weir_ring_memory(ring, &bytes), seen;

	assert_int_equal(bytes, (size_t)rows * 24);
	memory[bytes + 7] = 42;
	assert_int_equal(memory[7], 42);
	assert_int_equal(pread(fd, &seen, 1, 7), 1);
	assert_int_equal(seen, 42);
	weir_ring_close(ring);
	close(fd);
}

/* ------------------------------------------------------------------- model */

#define MODEL_READERS 5

/* What a ring means, without a ring: positions alone. */
struct model {
	uint64_t head, reserved;
	uint32_t capacity, n;
	struct {
		enum weir_policy policy;
		uint64_t position, lost;
		struct weir_reader *reader;
	} of[MODEL_READERS];
};

static uint32_t model_space(const struct model *model)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < model->n; i++)
		if (model->of[i].policy != WEIR_DROP_OLDEST && model->head - model->of[i].position > most)
			most = model->head - model->of[i].position;
	return (uint32_t)(model->capacity - most);
}

static bool model_refuses(const struct model *model)
{
	bool newest = false, block = false;

	for (uint32_t i = 0; i < model->n; i++) {
		bool full = model->head - model->of[i].position >= model->capacity;

		block = block || (full && model->of[i].policy == WEIR_BLOCK);
		newest = newest || (full && model->of[i].policy == WEIR_DROP_NEWEST);
	}
	return newest && !block;
}

/* Rows of a drop_oldest reader that the claim has reached. */
static uint64_t model_overwritten(const struct model *model, uint32_t i)
{
	int64_t behind = (int64_t)(model->reserved - model->capacity - model->of[i].position);

	return model->of[i].policy == WEIR_DROP_OLDEST && behind > 0 ? (uint64_t)behind : 0;
}

static void step_writer(struct model *model, struct weir_ring *ring, uint64_t *seed)
{
	uint32_t bytes = weir_ring_row_bytes(ring), want = 1 + random_below(seed, model->capacity + 9), got;
	uint32_t space = model_space(model), commit;
	uint8_t *rows = weir_ring_reserve(ring, want, &got);

	assert_int_equal(got, want < space ? want : space);
	if (!got) {
		assert_int_equal(weir_ring_refuses(ring), model_refuses(model));
		assert_int_equal(weir_ring_wait_space(ring, 0), -ETIMEDOUT);
		weir_ring_refuse(ring, want);
		for (uint32_t i = 0; i < model->n; i++)
			model->of[i].lost += want;
		return;
	}
	if ((int64_t)(model->head + got - model->reserved) > 0)
		model->reserved = model->head + got;
	commit = random_below(seed, got + 1);
	for (uint32_t i = 0; i < got; i++)
		fill_row(rows + (size_t)i * bytes, bytes, model->head + i);
	weir_ring_commit(ring, commit);
	model->head += commit;
	assert_int_equal(weir_ring_head(ring), model->head);
}

static void step_reader(struct model *model, struct weir_ring *ring, uint32_t i, uint64_t *seed)
{
	uint32_t bytes = weir_ring_row_bytes(ring), max = 1 + random_below(seed, model->capacity), got, use;
	const uint8_t *rows = weir_reader_peek(model->of[i].reader, max, &got);
	uint64_t skip = model_overwritten(model, i);

	model->of[i].position += skip;
	model->of[i].lost += skip;
	uint64_t unread = model->head - model->of[i].position;

	assert_int_equal(got, max < unread ? max : unread);
	for (uint32_t r = 0; r < got; r++)
		assert_true(row_is(rows + (size_t)r * bytes, bytes, model->of[i].position + r));
	if (random_below(seed, 4) == 0)
		step_writer(model, ring, seed); /* while the rows are in use */
	use = random_below(seed, got + 1);
	uint64_t spoilt = model_overwritten(model, i);

	spoilt = spoilt < use ? spoilt : use;
	assert_int_equal(weir_reader_release(model->of[i].reader, use), spoilt);
	model->of[i].position += use;
	model->of[i].lost += spoilt;
}

static void play(uint32_t row_bytes, uint64_t start_at, uint64_t seed)
{
	struct weir_ring *ring = open_ring(row_bytes, 1 + random_below(&seed, 60), start_at);
	struct model model = { .head = start_at, .reserved = start_at, .capacity = weir_ring_capacity(ring) };

	model.n = random_below(&seed, MODEL_READERS + 1);
	for (uint32_t i = 0; i < model.n; i++) {
		model.of[i].policy = random_below(&seed, 3);
		model.of[i].position = start_at;
		model.of[i].reader = open_reader(ring, model.of[i].policy);
	}
	for (int step = 0; step < 60; step++) {
		uint32_t who = random_below(&seed, 2 * model.n + 1);

		if (who >= model.n)
			step_writer(&model, ring, &seed);
		else
			step_reader(&model, ring, who, &seed);
		for (uint32_t i = 0; i < model.n; i++) {
			assert_int_equal(weir_reader_lost(model.of[i].reader), model.of[i].lost);
			assert_int_equal(weir_reader_position(model.of[i].reader), model.of[i].position);
		}
	}
	for (uint32_t i = 0; i < model.n; i++)
		weir_reader_close(model.of[i].reader);
	weir_ring_close(ring);
}

/* Any sequence of calls, any mix of policies, any row size, also across 2^64: what the model says, the ring does. */
static void test_against_model(void **state)
{
	static const uint32_t row_bytes[] = { 1, 24, 25, 48, 4096 };

	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++) {
		uint32_t bytes = row_bytes[seed % 5];

		play(bytes, seed / 5 % 2 ? 0 : UINT64_MAX - weir_ring_rows(bytes, 60), seed);
	}
}

/* ----------------------------------------------------------------- readers */

/* A reader that joins late starts at the head and holds up the writer from there on, not before. */
static void test_late_reader(void **state)
{
	struct weir_ring *ring = open_ring(4096, 5, NEAR_WRAP);
	struct weir_reader *early = open_reader(ring, WEIR_DROP_OLDEST), *late;
	uint32_t got;

	(void)state;
	write_rows(ring, 3);
	late = open_reader(ring, WEIR_BLOCK);
	(void)weir_reader_peek(late, 1, &got);
	assert_int_equal(got, 0);
	write_rows(ring, weir_ring_capacity(ring));
	(void)weir_ring_reserve(ring, 1, &got);
	assert_int_equal(got, 0);
	assert_false(weir_ring_refuses(ring));
	weir_reader_close(late);
	write_rows(ring, 1);
	weir_reader_close(early);
	weir_ring_close(ring);
}

/* A reader that joins is overtaken by the whole ring before its place is known: no space until it is, whatever its policy, and then as
 * much as it leaves. */
static void test_overtaken_while_joining(void **state)
{
	static const enum weir_policy policy[] = { WEIR_BLOCK, WEIR_DROP_NEWEST };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct weir_ring *ring = open_ring(8, 1, NEAR_WRAP);
		struct weir_reader *reader = open_reader(ring, policy[i]);
		_Atomic uint64_t *position = &ring->control->reader[0].position;
		uint32_t capacity = weir_ring_capacity(ring), got;

		write_rows(ring, 100);
		*position = weir_ring_head(ring) - capacity - 1;
		(void)weir_ring_reserve(ring, capacity, &got);
		assert_int_equal(got, 0);
		assert_false(weir_ring_refuses(ring));
		assert_int_equal(weir_ring_wait_space(ring, 0), -ETIMEDOUT);
		*position = weir_ring_head(ring) - 30;
		(void)weir_ring_reserve(ring, capacity, &got);
		assert_int_equal(got, capacity - 30);
		weir_reader_close(reader);
		weir_ring_close(ring);
	}
}

/* There are exactly WEIR_RING_READERS_MAX places, and a closed reader gives its place back without its counters. */
static void test_places(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader[WEIR_RING_READERS_MAX], *more;

	(void)state;
	for (int i = 0; i < WEIR_RING_READERS_MAX; i++)
		reader[i] = open_reader(ring, WEIR_DROP_OLDEST);
	assert_int_equal(weir_reader_open(&more, ring, WEIR_BLOCK), -EUSERS);
	write_rows(ring, weir_ring_capacity(ring));
	write_rows(ring, 1);
	uint32_t got;

	(void)weir_reader_peek(reader[5], 1, &got);
	assert_int_equal(weir_reader_lost(reader[5]), 1);
	weir_reader_close(reader[5]);
	reader[5] = open_reader(ring, WEIR_DROP_OLDEST);
	assert_int_equal(weir_reader_lost(reader[5]), 0);
	for (int i = 0; i < WEIR_RING_READERS_MAX; i++)
		weir_reader_close(reader[i]);
	weir_ring_close(ring);
}

/* The end is seen only after the last row, by every reader, and a wait returns for it. */
static void test_end(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader[] = { open_reader(ring, WEIR_BLOCK), open_reader(ring, WEIR_DROP_OLDEST) };
	uint32_t got;

	(void)state;
	write_rows(ring, 2);
	weir_ring_finish(ring);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weir_reader_wait(reader[i], INT64_MAX), 0);
		assert_false(weir_reader_at_end(reader[i]));
		(void)weir_reader_peek(reader[i], 10, &got);
		assert_int_equal(got, 2);
		assert_int_equal(weir_reader_release(reader[i], got), 0);
		assert_true(weir_reader_at_end(reader[i]));
		assert_int_equal(weir_reader_wait(reader[i], INT64_MAX), 0);
		weir_reader_close(reader[i]);
	}
	weir_ring_close(ring);
}

/* A wait for rows that do not come ends at its deadline, not before. */
static void test_deadline(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK);
	int64_t deadline = after_ms(20);

	(void)state;
	assert_int_equal(weir_reader_wait(reader, deadline), -ETIMEDOUT);
	assert_true(after_ms(0) >= deadline);
	write_rows(ring, weir_ring_capacity(ring));
	deadline = after_ms(20);
	assert_int_equal(weir_ring_wait_space(ring, deadline), -ETIMEDOUT);
	assert_true(after_ms(0) >= deadline);
	weir_reader_close(reader);
	weir_ring_close(ring);
}

/* ------------------------------------------------------------- who is woken */

/* A writer that sleeps is woken when a quarter of the ring is free, not for each row; before that by a reader that waits itself. */
static void test_writer_is_woken(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, NEAR_WRAP);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK);
	uint32_t quarter = weir_ring_capacity(ring) / 4, got;
	_Atomic uint32_t bell = 0;

	(void)state;
	weir_ring_set_space_bell(ring, &bell);
	write_rows(ring, weir_ring_capacity(ring));
	weir_ring_announce(ring);
	(void)weir_reader_peek(reader, quarter, &got);
	assert_int_equal(weir_reader_release(reader, quarter - 1), 0);
	assert_int_equal(bell, 0);
	assert_int_equal(weir_reader_release(reader, 1), 0);
	assert_int_equal(bell, 1);
	write_rows(ring, quarter);
	weir_ring_announce(ring);
	weir_reader_announce(reader);
	assert_int_equal(bell, 2);
	weir_reader_retract(reader);
	weir_reader_close(reader);
	weir_ring_close(ring);
}

/* A mark that stays where it is, or comes late, wakes nobody; one that moves wakes who watches it, once. */
static void test_mark_wakes_watchers(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *reader = open_reader(ring, WEIR_BLOCK), *other = open_reader(ring, WEIR_BLOCK);
	_Atomic uint32_t bell = 0, others = 0;

	(void)state;
	weir_reader_set_bell(reader, &bell);
	weir_reader_set_bell(other, &others);
	weir_reader_watch_marks(reader);
	weir_ring_mark(ring, 5);
	assert_int_equal(weir_reader_mark(reader), 5);
	weir_reader_announce(reader);
	weir_reader_announce(other);
	weir_ring_mark(ring, 5);
	weir_ring_mark(ring, 4);
	assert_int_equal(bell, 0);
	assert_false(weir_reader_has_news(reader));
	weir_ring_mark(ring, 6);
	weir_ring_mark(ring, 7);
	assert_int_equal(bell, 1);
	assert_true(weir_reader_has_news(reader));
	assert_int_equal(weir_reader_mark(reader), 7);
	assert_int_equal(others, 0);
	weir_reader_close(other);
	weir_reader_close(reader);
	weir_ring_close(ring);
}

/* Full is a ring in which a reader that is waited for has not one row's room left. */
static void test_full(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, NEAR_WRAP);
	struct weir_reader *fast = open_reader(ring, WEIR_DROP_OLDEST), *reader = open_reader(ring, WEIR_BLOCK);
	uint32_t got;

	(void)state;
	write_rows(ring, weir_ring_capacity(ring) - 1);
	assert_false(weir_ring_is_full(ring));
	write_rows(ring, 1);
	assert_true(weir_ring_is_full(ring));
	(void)weir_reader_peek(reader, 1, &got);
	assert_int_equal(weir_reader_release(reader, 1), 0);
	assert_false(weir_ring_is_full(ring));
	weir_reader_close(reader);
	write_rows(ring, 1);
	assert_false(weir_ring_is_full(ring));
	weir_reader_close(fast);
	weir_ring_close(ring);
}

/* What the ring refused before a reader came is none of its losses. */
static void test_refused_before(void **state)
{
	struct weir_ring *ring = open_ring(8, 1, 0);
	struct weir_reader *early = open_reader(ring, WEIR_DROP_NEWEST), *late;

	(void)state;
	weir_ring_refuse(ring, 5);
	late = open_reader(ring, WEIR_DROP_NEWEST);
	weir_ring_refuse(ring, 3);
	assert_int_equal(weir_reader_lost(early), 8);
	assert_int_equal(weir_reader_lost(late), 3);
	weir_reader_close(late);
	weir_reader_close(early);
	weir_ring_close(ring);
}

/* A look at rows costs the writer nothing, and never gives a row that may be overwritten. */
static void test_look(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct weir_ring *ring = open_ring(64, 64, i ? NEAR_WRAP : 0);
		struct weir_reader *reader = open_reader(ring, WEIR_DROP_OLDEST);
		uint32_t capacity = weir_ring_capacity(ring), got;
		uint8_t row[64];

		(void)state;
		assert_false(weir_ring_copy_row(ring, weir_ring_head(ring) - 1, row));
		assert_int_equal(weir_ring_unread(ring), 0);
		for (uint32_t n = 0; n < 20 * capacity; n++) {
			write_rows(ring, 1);
			assert_true(weir_ring_copy_row(ring, weir_ring_head(ring) - 1, row));
			assert_true(row_is(row, 64, weir_ring_head(ring) - 1));
			assert_true(weir_ring_copy_row(ring, weir_ring_first(ring), row));
			assert_true(row_is(row, 64, weir_ring_first(ring)));
			assert_false(weir_ring_copy_row(ring, weir_ring_head(ring), row));
			assert_int_equal(weir_ring_unread(ring), n + 1 < capacity ? n + 1 : capacity);
		}
		/* A claim covers the oldest rows. */
		weir_ring_reserve(ring, 3, &got);
		assert_int_equal(got, 3);
		assert_false(weir_ring_copy_row(ring, weir_ring_first(ring) + 2, row));
		assert_true(weir_ring_copy_row(ring, weir_ring_first(ring) + 3, row));
		weir_reader_close(reader);
		weir_ring_close(ring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_fill_whole_pages),
		cmocka_unit_test(test_out_of_range),
		cmocka_unit_test(test_mirror_of_a_given_descriptor),
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_overtaken_while_joining),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_writer_is_woken),
		cmocka_unit_test(test_mark_wakes_watchers),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_refused_before),
		cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
