/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings: what comes back is what went in, and damage costs the blocks that it touches and nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "format/record_format.h"
#include "harness.h"
#include "short_file.h"
#include "stream/record.h"
#include "weir/record_file.h"

#define BLOCKS_MAX 64

/* A recording in memory, and where its blocks lie. */
struct recording {
	struct weir_schema schema;
	struct weir_block *memory;
	unsigned char *bytes;
	size_t size;
	size_t at[BLOCKS_MAX + 1]; /* of block i; one more for the end */
	uint32_t first[BLOCKS_MAX], n[BLOCKS_MAX];
	uint32_t n_blocks;
};

static void fill(struct recording *r, uint32_t n, uint64_t seed)
{
	weir_schema_init(&r->schema, WEIR_CLOCK_MONOTONIC);
	weir_schema_add(&r->schema, "x", WEIR_REAL, "m/s^2", 0);
	weir_schema_add(&r->schema, "i", WEIR_INT, "", 0);
	weir_schema_add(&r->schema, "s", WEIR_TEXT, "", 12);
	r->schema.field[0].scale = 0.1;
	r->schema.field[0].offset = -3;
	r->memory = harness_memory(&r->schema, n);
	for (uint32_t k = 0; k < n; k++) {
		r->memory->t[k] = (int64_t)harness_random(&seed);
		r->memory->column[0].real[k] = k % 7 ? harness_uniform(&seed) : NAN;
		r->memory->column[1].integer[k] = (int64_t)harness_random(&seed);
		snprintf(r->memory->column[2].text + (size_t)k * 12, 12, "s%u", k);
	}
}

/* Records `from` to `to` as one more session of the file, in blocks of random sizes. */
static void write_session(const struct recording *r, int fd, uint32_t from, uint32_t to, uint64_t *seed)
{
	struct weir_record_writer *writer;
	struct weir_block block;

	assert_int_equal(weir_record_writer_open(&writer, &r->schema), 0);
	assert_int_equal(weir_record_writer_start(writer, fd), 0);
	while (from < to) {
		uint32_t n = 1 + harness_below(seed, 20);

		n = n < to - from ? n : to - from;
		weir_block_slice(&block, r->memory, from, n);
		assert_int_equal(weir_record_writer_push(writer, &block), 0);
		assert_int_equal(weir_record_writer_flush(writer), 0);
		from += n;
	}
	weir_record_writer_close(writer);
}

static int memory_file(void)
{
	int fd = memfd_create("recording", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_SETFL, O_APPEND) >= 0);
	return fd;
}

static void find_blocks(struct recording *r)
{
	struct weir_record_header header;
	size_t at = 0;
	uint32_t first = 0;

	for (r->n_blocks = 0; at < r->size; r->n_blocks++) {
		assert_true(r->n_blocks < BLOCKS_MAX);
		assert_true(weir_record_header_read(&header, r->bytes + at));
		r->at[r->n_blocks] = at;
		r->first[r->n_blocks] = first;
		r->n[r->n_blocks] = header.kind == WEIR_RECORD_ROWS ? header.n : 0;
		first += r->n[r->n_blocks];
		at += WEIR_RECORD_HEADER + header.bytes;
	}
	r->at[r->n_blocks] = at;
	assert_int_equal(first, r->memory->n);
}

/* `n` records in two sessions. */
static void make_recording(struct recording *r, uint32_t n, uint64_t seed)
{
	int fd = memory_file();

	fill(r, n, seed);
	write_session(r, fd, 0, n / 2, &seed);
	write_session(r, fd, n / 2, n, &seed);
	r->size = (size_t)lseek(fd, 0, SEEK_END);
	r->bytes = malloc(r->size);
	assert_non_null(r->bytes);
	assert_int_equal(pread(fd, r->bytes, r->size, 0), r->size);
	close(fd);
	find_blocks(r);
}

static void free_recording(struct recording *r)
{
	free(r->bytes);
	harness_memory_free(r->memory);
}

static int file_of(const unsigned char *bytes, size_t n)
{
	int fd = memory_file();

	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

/* The rows are those of the records from `from` on, bit for bit. */
static void expect_rows(const struct recording *r, const struct weir_record_rows *rows, uint32_t from)
{
	struct weir_schema native;
	char *expected;

	weir_schema_native(&r->schema, &native);
	expected = malloc((size_t)rows->n * native.row_bytes);
	assert_non_null(expected);
	weir_rows_encode(&native, r->memory, from, rows->n, expected);
	assert_memory_equal(expected, rows->rows, (size_t)rows->n * native.row_bytes);
	free(expected);
}

/* Exactly the blocks that `lives` says come out of the file, in order. Returns what was damaged. */
static struct weir_record_damage expect_blocks(const struct recording *r, int fd, const bool lives[])
{
	struct weir_record_damage damage;
	struct weir_record_reader *reader;
	struct weir_record_rows rows;
	struct weir_schema schema;

	assert_int_equal(weir_record_reader_open(&reader, fd, &schema), 0);
	for (uint32_t i = 0; i < r->n_blocks; i++) {
		if (!lives[i] || !r->n[i])
			continue;
		assert_int_equal(weir_record_reader_next(reader, &rows), 1);
		assert_int_equal(rows.n, r->n[i]);
		expect_rows(r, &rows, r->first[i]);
	}
	assert_int_equal(weir_record_reader_next(reader, &rows), 0);
	weir_record_reader_damage(reader, &damage);
	weir_record_reader_close(reader);
	return damage;
}

static void all_live(const struct recording *r, bool lives[])
{
	for (uint32_t i = 0; i < r->n_blocks; i++)
		lives[i] = true;
}

/* Fields, kinds, units, scales and the clock come back, and every bit of every record; nothing counts as damaged. */
static void what_was_written_is_read(void **state)
{
	struct recording r;
	struct weir_record_reader *reader;
	struct weir_record_damage damage;
	struct weir_schema schema;
	bool lives[BLOCKS_MAX];

	(void)state;
	make_recording(&r, 300, 1);
	all_live(&r, lives);
	damage = expect_blocks(&r, file_of(r.bytes, r.size), lives);
	assert_int_equal(damage.places + damage.bytes + damage.records, 0);
	assert_int_equal(weir_record_reader_open(&reader, file_of(r.bytes, r.size), &schema), 0);
	assert_int_equal(schema.clock, WEIR_CLOCK_MONOTONIC);
	assert_int_equal(schema.n_fields, 3);
	assert_string_equal(schema.field[0].name, "x");
	assert_string_equal(schema.field[0].unit, "m/s^2");
	assert_true(schema.field[0].scale == 0.1 && schema.field[0].offset == -3);
	assert_int_equal(schema.field[1].kind, WEIR_INT);
	assert_int_equal(schema.field[2].kind, WEIR_TEXT);
	assert_int_equal(schema.field[2].bytes, 12);
	weir_record_reader_close(reader);
	free_recording(&r);
}

/* Cut at any byte: every block that was complete is read, and nothing that is not there. */
static void a_cut_costs_the_torn_block_alone(void **state)
{
	struct recording r;
	struct weir_schema schema;
	bool lives[BLOCKS_MAX];

	(void)state;
	make_recording(&r, 60, 2);
	for (size_t cut = 0; cut < r.size; cut++) {
		struct weir_record_damage damage;
		struct weir_record_reader *reader;
		bool is_between = false;

		for (uint32_t i = 0; i < r.n_blocks; i++) {
			lives[i] = r.at[i + 1] <= cut;
			is_between |= cut == r.at[i];
		}
		if (!lives[0]) {
			/* No schema yet: said, and not made up. */
			assert_true(weir_record_reader_open(&reader, file_of(r.bytes, cut), &schema) < 0);
			continue;
		}
		damage = expect_blocks(&r, file_of(r.bytes, cut), lives);
		assert_int_equal(damage.places, !is_between);
	}
	free_recording(&r);
}

/* Is block `i` whole when the file is cut there and filled up with zeros? Zeros may be just what was cut off. */
static bool is_whole(const struct recording *r, uint32_t i, size_t cut)
{
	static const unsigned char zeros[WEIR_RECORD_ALIGN];
	size_t end = r->at[i + 1];

	return end <= cut || (end - cut < WEIR_RECORD_ALIGN && !memcmp(r->bytes + cut, zeros, end - cut));
}

/* Cut at any byte and continued: what was complete, then all of what was added. */
static void a_cut_file_can_be_continued(void **state)
{
	struct recording r;
	uint64_t seed = 3;

	(void)state;
	make_recording(&r, 60, 3);
	for (size_t cut = r.at[1]; cut < r.size; cut += 3) {
		int fd = file_of(r.bytes, cut);
		struct weir_record_reader *reader;
		struct weir_record_rows rows;
		struct weir_schema schema;
		uint32_t complete = 0, n = 0, added = 0;

		write_session(&r, fd, 0, 60, &seed);
		for (uint32_t i = 0; i < r.n_blocks; i++)
			complete += is_whole(&r, i, cut) ? r.n[i] : 0;
		assert_int_equal(weir_record_reader_open(&reader, fd, &schema), 0);
		while (weir_record_reader_next(reader, &rows) == 1) {
			if (n < complete) {
				expect_rows(&r, &rows, n);
				n += rows.n;
				continue;
			}
			assert_int_equal(rows.begins, !added);
			expect_rows(&r, &rows, added);
			added += rows.n;
		}
		assert_int_equal(n, complete);
		assert_int_equal(added, 60);
		weir_record_reader_close(reader);
	}
	free_recording(&r);
}

/* Which block a byte belongs to. */
static uint32_t block_of(const struct recording *r, size_t at)
{
	uint32_t i = 0;

	while (r->at[i + 1] <= at)
		i++;
	return i;
}

/* Any one bit turned over: that block is missing and its records are counted, all else is read. A schema has a second copy. */
static void a_flipped_bit_costs_its_block_alone(void **state)
{
	struct recording r;
	bool lives[BLOCKS_MAX];

	(void)state;
	make_recording(&r, 60, 4);
	for (size_t bit = 0; bit < r.size * 8; bit += 3) {
		uint32_t hit = block_of(&r, bit / 8);
		struct weir_record_damage damage;
		bool is_last_of_session = hit + 1 == r.n_blocks || !r.n[hit + 1];

		r.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		all_live(&r, lives);
		lives[hit] = false;
		damage = expect_blocks(&r, file_of(r.bytes, r.size), lives);
		r.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_int_equal(damage.places, 1);
		assert_int_equal(damage.bytes, r.at[hit + 1] - r.at[hit]);
		/* Behind the last block of a session nothing tells how many a block with a broken header had. */
		if (!is_last_of_session || bit / 8 >= r.at[hit] + WEIR_RECORD_HEADER)
			assert_int_equal(damage.records, r.n[hit]);
	}
	free_recording(&r);
}

/* Random bytes over random places: only whole records of the recording come out, each at most once and in order. */
static void nothing_is_invented(void **state)
{
	struct recording r;
	uint64_t seed = 5;

	(void)state;
	make_recording(&r, 200, 5);
	for (int trial = 0; trial < 300; trial++) {
		unsigned char *bytes = malloc(r.size);
		size_t from = harness_below(&seed, (uint32_t)r.size), n = harness_below(&seed, 3000);
		struct weir_record_reader *reader;
		struct weir_record_rows rows;
		struct weir_schema schema;
		uint32_t at = 0;

		assert_non_null(bytes);
		memcpy(bytes, r.bytes, r.size);
		for (size_t i = from; i < from + n && i < r.size; i++)
			bytes[i] = (unsigned char)harness_random(&seed);
		if (!weir_record_reader_open(&reader, file_of(bytes, r.size), &schema)) {
			while (weir_record_reader_next(reader, &rows) == 1) {
				int64_t t;

				memcpy(&t, rows.rows, sizeof(t));
				while (at < 200 && r.memory->t[at] != t)
					at++;
				assert_true(at + rows.n <= 200);
				expect_rows(&r, &rows, at);
				at += rows.n;
			}
			weir_record_reader_close(reader);
		}
		free(bytes);
	}
	free_recording(&r);
}

/* A block whose content is itself a recording: when it is damaged, what is inside does not come out. */
static void a_recording_within_a_recording_stays_inside(void **state)
{
	struct recording r;
	struct weir_record_header header;
	struct weir_record_reader *reader;
	struct weir_record_rows rows;
	struct weir_schema schema;
	unsigned char bytes[16384] = { 0 };
	size_t inner, n;

	(void)state;
	make_recording(&r, 200, 6);
	inner = r.at[4] - r.at[2];
	n = r.at[2];
	/* Schema blocks as they are, then a block that holds two of the others, then one that carries on from it. */
	memcpy(bytes, r.bytes, n);
	assert_true(weir_record_header_read(&header, r.bytes + r.at[2]));
	header.bytes = (uint32_t)inner;
	header.n = r.n[2] + r.n[3];
	header.sum = 1234;
	weir_record_header_write(&header, bytes + n);
	memcpy(bytes + n + WEIR_RECORD_HEADER, r.bytes + r.at[2], inner);
	n += WEIR_RECORD_HEADER + inner;
	memcpy(bytes + n, r.bytes + r.at[4], r.at[5] - r.at[4]);
	n += r.at[5] - r.at[4];
	assert_int_equal(weir_record_reader_open(&reader, file_of(bytes, n), &schema), 0);
	assert_int_equal(weir_record_reader_next(reader, &rows), 1);
	expect_rows(&r, &rows, r.first[4]);
	assert_int_equal(weir_record_reader_next(reader, &rows), 0);
	weir_record_reader_close(reader);
	free_recording(&r);
}

/* Text, an empty file and a file of another weir are told apart from recordings, each in its way. */
static void what_is_no_recording_is_said(void **state)
{
	struct recording r;
	struct weir_record_reader *reader;
	struct weir_schema schema;
	const char text[] = "t,x\n1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14\n15,16\n17,18\n";

	(void)state;
	make_recording(&r, 20, 7);
	assert_int_equal(
		weir_record_reader_open(&reader, file_of((const unsigned char *)text, sizeof(text) - 1), &schema),
		-ENOMSG);
	assert_int_equal(weir_record_reader_open(&reader, file_of(NULL, 0), &schema), -ENOMSG);
	/* Rows alone, without the schema blocks before them. */
	assert_int_equal(weir_record_reader_open(&reader, file_of(r.bytes + r.at[2], r.at[4] - r.at[2]), &schema),
			 -EBADMSG);
	free_recording(&r);
}

/* ------------------------------------------------------- through the drivers */

static void record_with(const char *path, const char *program)
{
	char text[256];
	struct weir_pipeline *pipeline;

	snprintf(text, sizeof(text), program, path);
	assert_int_equal(weir_open(&pipeline, text, "<test>", NULL), 0);
	assert_int_equal(weir_run(pipeline), 0);
	weir_close(pipeline);
}

/* record, then replay: the very records, also a choice of fields; a second run continues the file. */
static void replay_gives_what_was_recorded(void **state)
{
	char path[] = "/tmp/weir-test-XXXXXX", chain[128];
	int fd = mkstemp(path);
	struct harness live, again;

	(void)state;
	close(fd);
	record_with(path, "synth:noise rate=max seed=3 | limit 5000 | select value, high = value > 0 | record:%s");
	assert_true(harness_open(&live, "synth:noise rate=max seed=3 | select value, high = value > 0", NULL));
	assert_int_equal(harness_start(&live), 0);
	snprintf(chain, sizeof(chain), "replay:%s speed=max", path);
	assert_true(harness_open(&again, chain, NULL));
	assert_int_equal(again.schema.field[1].kind, WEIR_BOOL);
	assert_int_equal(harness_pull_all(&again, 700), 0);
	assert_int_equal(again.n, 5000);
	for (uint32_t k = 0; k < 5000; k++)
		assert_int_equal(again.t[k], (int64_t)k * 1000000);
	harness_close(&live);
	harness_close(&again);

	record_with(path, "synth:noise rate=max seed=4 | limit 10 | select value, high = value > 0 | record:%s");
	snprintf(chain, sizeof(chain), "replay:%s[high] speed=max", path);
	assert_true(harness_open(&again, chain, NULL));
	assert_int_equal(again.schema.n_fields, 1);
	assert_int_equal(harness_pull_all(&again, 1024), 0);
	assert_int_equal(again.n, 5010);
	harness_close(&again);
	unlink(path);
}

/* At speed 1 no record comes before its time, and a second session is not waited for although its times begin again. */
static void replay_keeps_the_distances(void **state)
{
	char path[] = "/tmp/weir-test-XXXXXX", chain[128];
	int64_t begun;
	struct harness h;

	(void)state;
	close(mkstemp(path));
	record_with(path, "synth:counter rate=max | limit 30 | record:%s");
	record_with(path, "synth:counter rate=max | limit 30 | record:%s");
	snprintf(chain, sizeof(chain), "replay:%s", path);
	assert_true(harness_open(&h, chain, NULL));
	begun = weir_now(WEIR_CLOCK_MONOTONIC);
	assert_int_equal(harness_pull_all(&h, 8), 0);
	assert_int_equal(h.n, 60);
	assert_true(weir_now(WEIR_CLOCK_MONOTONIC) - begun >= 2 * 29000000);
	harness_close(&h);
	unlink(path);
}

/* A file of other fields, a file that is no recording and a missing one are refused, and left as they are. */
static void recordings_are_not_mixed(void **state)
{
	char path[] = "/tmp/weir-test-XXXXXX", chain[128];
	int fd = mkstemp(path);
	struct weir_schema schema;

	(void)state;
	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	assert_int_equal(write(fd, "no recording\n", 13), 13);
	snprintf(chain, sizeof(chain), "record:%s", path);
	harness_expect_refusal(chain, &schema, "not a recording that can be continued");
	assert_int_equal(lseek(fd, 0, SEEK_END), 13);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	record_with(path, "synth:counter rate=max | limit 3 | record:%s");
	harness_expect_refusal(chain, &schema, "recording of other fields");
	snprintf(chain, sizeof(chain), "replay:%s[valu]", path);
	harness_expect_refusal(chain, NULL, "no field 'valu'");
	unlink(path);
}

/* Who plays a recording back with several damaged places loses what was in them, and counts it once. */
static void replay_counts_each_loss_once(void **state)
{
	struct recording r;
	struct harness h;
	uint32_t lost = 0, places = 0;
	struct file file;

	(void)state;
	make_recording(&r, 300, 6);
	for (uint32_t i = 1; i + 2 < r.n_blocks && places < 3; i += 2) {
		if (!r.n[i] || !r.n[i + 1])
			continue;
		r.bytes[r.at[i] + WEIR_RECORD_HEADER] ^= 1;
		lost += r.n[i];
		places++;
	}
	assert_true(places > 1);
	file = make_file_of(r.bytes, r.size);
	open_source(&h, "replay:%s speed=max", file.path);
	assert_int_equal(harness_pull_all(&h, 5), 0);
	assert_int_equal(h.source->lost[WEIR_LOST_CUT], lost);
	assert_int_equal(h.n + lost, 300);
	harness_close(&h);
	unlink(file.path);
	free_recording(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_cut_costs_the_torn_block_alone),
		cmocka_unit_test(a_cut_file_can_be_continued),
		cmocka_unit_test(a_flipped_bit_costs_its_block_alone),
		cmocka_unit_test(nothing_is_invented),
		cmocka_unit_test(a_recording_within_a_recording_stays_inside),
		cmocka_unit_test(what_is_no_recording_is_said),
		cmocka_unit_test(replay_gives_what_was_recorded),
		cmocka_unit_test(replay_keeps_the_distances),
		cmocka_unit_test(replay_counts_each_loss_once),
		cmocka_unit_test(recordings_are_not_mixed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
