/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* `exec`: what programs are given and what they answer, and that one that fails or hangs costs no more than its own records. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "leftovers.h"

#define N 2500

static struct weir_block *make_records(struct weir_schema *schema)
{
	struct weir_block *memory;
	uint64_t seed = 1;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	weir_schema_add(schema, "s", WEIR_TEXT, "", 12);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		memory->column[0].real[k] = k % 9 ? harness_uniform(&seed) : 1e300;
		memory->column[1].integer[k] = (int64_t)harness_random(&seed);
		snprintf(memory->column[2].text + (size_t)k * 12, 12, "a,\"%u", k);
	}
	return memory;
}

/* At the end of a chain exec would be a sink. */
static const char *as_stage(const char *chain, char text[1024])
{
	snprintf(text, 1024, "%s | skip 0", chain);
	return text;
}

static bool open_stage(struct harness *h, const char *chain, const struct weir_schema *in)
{
	char text[1024];

	return harness_open(h, as_stage(chain, text), in);
}

static void run(struct harness *h, const char *chain, const struct weir_block *memory, uint32_t n, uint64_t seed)
{
	struct weir_block first;
	char text[1024];

	weir_block_slice(&first, memory, 0, n);
	harness_run(h, as_stage(chain, text), &first, seed % 2 ? WEIR_BLOCK_MAX : 7, seed);
}

/* Through a program that gives back what it gets, as CSV and as JSON, every bit of every value survives, with the times. */
static void a_mirror_changes_nothing(void **state)
{
	static const char *const chains[] = {
		"exec cat out=\"x, i:int, s:text:12\"",
		"exec cat input=jsonl output=jsonl out=\"s:text:12, i:int, x\"",
		"exec cat window=100 time=own out=\"x, i:int, s:text:12\"",
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	unsigned descriptors = open_descriptors();

	(void)state;
	for (unsigned c = 0; c < 3; c++) {
		struct harness h;

		run(&h, chains[c], memory, N, c);
		assert_int_equal(h.n, N);
		for (uint32_t k = 0; k < N; k++) {
			assert_int_equal(h.t[k], memory->t[k]);
			assert_memory_equal(&h.value[c == 1 ? 2 : 0][k].real, &memory->column[0].real[k], 8);
			assert_int_equal(h.value[1][k].integer, memory->column[1].integer[k]);
			assert_string_equal(h.value[c == 1 ? 0 : 2][k].text, memory->column[2].text + k * 12);
		}
		harness_close(&h);
		expect_nothing_left(descriptors);
	}
	harness_memory_free(memory);
}

/* Each window is a program of its own, with a header line and the window's records; its answer has the window's time. */
static void each_window_is_a_run(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h, "exec 'wc -l' window=10 step=4 partial out=\"lines:int\"", memory, 25, 0);
	/* Records 0-1, 0-5, 0-9, 4-13, 8-17, 12-21, and what is left from 16 on; each with a line for the names. */
	assert_int_equal(h.n, 7);
	for (uint32_t k = 0; k < 7; k++) {
		assert_int_equal(h.value[0][k].integer, k < 2 ? 3 + 4 * k : k < 6 ? 11 : 10);
		assert_int_equal(h.t[k], (k < 6 ? 1 + 4 * (int64_t)k : 24) * 1000000);
	}
	harness_close(&h);
	run(&h, "exec 'wc -l' window=10 step=4 out=\"lines:int\"", memory, 25, 0);
	assert_int_equal(h.n, 4);
	harness_close(&h);
	run(&h, "exec 'wc -l' window=10ms input=lines out=\"lines:int\"", memory, 25, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.value[0][2].integer, 5);
	assert_int_equal(h.t[2], 30000000);
	harness_close(&h);
	run(&h, "exec 'wc -c' per=record input=raw out=\"bytes:int\"", memory, 3, 1);
	assert_int_equal(h.n, 3);
	assert_int_equal(h.value[0][1].integer, 8 + 8 + 8 + 16);
	assert_int_equal(h.t[1], 1000000);
	harness_close(&h);
	harness_memory_free(memory);
}

/* The same answers however the stream was cut and whether the program writes at once or gathers its output. */
static void answers_do_not_depend_on_when(void **state)
{
	static const char *const programs[] = {
		"exec 'sed s/,.*//' input=csv", /* gathers */
		"exec 'sed -u s/,.*//' input=csv",
		"exec 'sed 1d' input=jsonl output=lines",
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		struct harness a, b;

		run(&a, programs[p], memory, 600, 0);
		run(&b, programs[p], memory, 600, 1);
		harness_expect_same(&a, &b);
		harness_close(&b);
		harness_close(&a);
	}
	harness_memory_free(memory);
}

/* A prompt program's answer is out when push returns, not one record later. */
static void a_prompt_answer_comes_at_once(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	struct harness h;

	(void)state;
	assert_true(open_stage(&h, "exec 'sed -u s/^/-/' input=lines", &schema));
	for (uint32_t k = 0; k < 200; k++) {
		weir_block_slice(&block, memory, k, 1);
		assert_int_equal(harness_push(&h, &block), 0);
	}
	/* The first may have been too early for a program that had yet to be loaded, and a busy machine may delay a few. */
	assert_in_range(h.n, 100, 200);
	assert_int_equal(harness_flush(&h), 0);
	assert_int_equal(h.n, 200);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A column or member `t` is the time; a header names columns in any order; what is missing is NaN or empty. */
static void answers_may_tell_their_time(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h, "exec \"printf 's,t,x\\n\\\"q,r\\\",77,\\n,78,1e3\\n'\" window=5 time=own out=\"x, s:text\"", memory, 5,
	    0);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.t[0], 77);
	assert_int_equal(h.t[1], 78);
	assert_true(h.value[0][0].real != h.value[0][0].real);
	assert_true(h.value[0][1].real == 1000);
	assert_string_equal(h.value[1][0].text, "q,r");
	assert_string_equal(h.value[1][1].text, "");
	harness_close(&h);
	run(&h,
	    "exec 'echo {\\\"b\\\":true,\\\"t\\\":5,\\\"other\\\":[1]}' window=5 time=own output=jsonl out=\"x, "
	    "s:text, "
	    "b:bool\"",
	    memory, 5, 0);
	assert_int_equal(h.n, 1);
	assert_int_equal(h.t[0], 5);
	assert_true(h.value[0][0].real != h.value[0][0].real);
	assert_int_equal(h.value[2][0].integer, 1);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A program that fails, hangs or cannot take a signal is counted, one for each window, and the others' answers come. */
static void failures_cost_their_window(void **state)
{
	static const char *const programs[] = {
		"exec 'read l; case $l in (1[0-9]*) exit 3;; esac; echo $l'",
		"exec 'read l; case $l in (1[0-9]*) sleep 1000;; esac; echo $l' deadline=300ms",
		"exec 'trap \"\" TERM INT; read l; case $l in (1[0-9]*) sleep 1000 & sleep 1000;; esac; echo $l' "
		"deadline=300ms",
		"exec 'read l; case $l in (1[0-9]*) kill -9 $$;; esac; echo $l'",
		"exec 'read l; case $l in (1[0-9]*) echo wrong; exit 1;; esac; echo $l'",
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	unsigned descriptors = open_descriptors();
	char chain[256];

	(void)state;
	for (uint32_t k = 0; k < 40; k++)
		memory->column[1].integer[k] = k;
	for (unsigned p = 0; p < 5; p++) {
		struct harness h;

		/* Windows begin with 0, 10, 20, 30: the second one fails. */
		snprintf(chain, sizeof(chain), "select i | %s window=10 input=lines out=\"first:int\" on_error=skip",
			 programs[p]);
		run(&h, chain, memory, 40, p);
		assert_int_equal(h.n, 3);
		assert_int_equal(h.value[0][0].integer, 0);
		assert_int_equal(h.value[0][1].integer, 20);
		assert_int_equal(h.value[0][2].integer, 30);
		assert_int_equal(h.last->up->lost[WEIR_LOST_POISON], 1);
		harness_close(&h);
		expect_nothing_left(descriptors);
	}
	harness_memory_free(memory);
}

/* Without on_error=skip the first failure ends the run, with what happened. */
static void a_failure_stops_the_run(void **state)
{
	static const struct {
		const char *chain, *error;
	} cases[] = {
		{ "exec 'exit 7;' window=2", "ended with status 7" },
		{ "exec 'kill -SEGV $$' window=2", "ended by signal 11" },
		{ "exec 'sleep 1000' window=2 deadline=100ms", "did not end by its deadline" },
		{ "exec 'exit 7;' per=stream", "ended with status 7" },
		{ "exec 'sleep 1000' deadline=100ms", "did not end by its deadline" },
		{ "exec 'echo x' window=2 out=n:int", "'x' is not an integer" },
		{ "exec 'echo 1,2' window=2 out=n:int", "2 cells instead of 1" },
		{ "exec 'echo []' window=2 out=n:int output=jsonl", "not a JSON object" },
		{ "exec 'echo {}' window=2 out=n:int output=jsonl", "'n' is missing" },
		{ "exec 'echo 1' window=2 out=n:int time=own", "'t' is missing" },
	};
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	unsigned descriptors = open_descriptors();

	(void)state;
	weir_block_slice(&block, memory, 0, 2);
	for (unsigned c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct harness h;

		assert_true(open_stage(&h, cases[c].chain, &schema));
		if (harness_push(&h, &block) >= 0)
			assert_true(harness_flush(&h) < 0);
		harness_expect_error(&h, cases[c].error);
		harness_close(&h);
		expect_nothing_left(descriptors);
	}
	harness_memory_free(memory);
}

/* A program for the stream that has had enough ends the chain; one that fails is started again, and what it owed is counted. */
static void a_stream_program_may_end_early(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	struct harness h;
	int err = 0;

	(void)state;
	assert_true(open_stage(&h, "select i | exec 'head -n 3' input=lines", &schema));
	for (uint32_t k = 0; k < 2000 && !err; k++) {
		weir_block_slice(&block, memory, k, 1);
		err = harness_push(&h, &block);
	}
	assert_int_equal(err, WEIR_ENOUGH);
	assert_int_equal(h.n, 3);
	assert_int_equal(harness_flush(&h), 0);
	harness_close(&h);

	for (uint32_t k = 0; k < 30; k++)
		memory->column[1].integer[k] = k;
	assert_true(open_stage(&h,
			       "select i | exec 'while read l; do [ $l = 10 ] && exit 1; echo $l; done' input=lines "
			       "out=n:int on_error=skip",
			       &schema));
	for (uint32_t k = 0; k < 30; k += 10) {
		weir_block_slice(&block, memory, k, 10);
		assert_int_equal(harness_push(&h, &block), 0);
	}
	assert_int_equal(harness_flush(&h), 0);
	assert_int_equal(h.n + h.last->up->lost[WEIR_LOST_POISON], 30);
	assert_int_equal(h.value[0][9].integer, 9);
	assert_int_equal(h.value[0][h.n - 1].integer, 29);
	harness_close(&h);
	harness_memory_free(memory);
}

/* Answers far ahead of their records could only have times that depend on when they came: that is said, and not done. */
static void answers_ahead_are_refused(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema), block;
	struct harness h;
	int err = 0;

	(void)state;
	assert_true(open_stage(&h, "exec yes", &schema));
	for (uint32_t k = 0; k < N && !err; k++) {
		weir_block_slice(&block, memory, k, 1);
		err = harness_push(&h, &block);
	}
	assert_int_equal(err, -ENOBUFS);
	harness_expect_error(&h, "more lines than records");
	harness_close(&h);
	harness_memory_free(memory);
}

/* More in and out than pipes hold, at the same time: nobody waits for the other for ever. */
static void full_pipes_do_not_block(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;

	(void)state;
	run(&h,
	    "exec 'while read l; do echo $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l $l; done' input=csv "
	    "width=2000 deadline=60s",
	    memory, N, 1);
	assert_int_equal(h.n, N + 1);
	harness_close(&h);
	harness_memory_free(memory);
}

/* A program sees default signals, no descriptor but three, and a process group that is not ours. */
static void programs_begin_clean(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	char group[32];
	struct harness h;
	sigset_t set, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	signal(SIGPIPE, SIG_IGN);
	run(&h,
	    "exec \"grep -E '^Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd; cut -d ' ' -f 5 /proc/self/stat\" "
	    "window=1",
	    memory, 1, 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(h.n, 7);
	assert_string_equal(h.value[0][0].text, "SigBlk:\t0000000000000000");
	/* The two that the C library keeps for itself may be ignored since before us. */
	assert_int_equal(strtoull(h.value[0][1].text + strlen("SigIgn:"), NULL, 16) & 0x7fffffff, 0);
	/* ls has opened the directory as 3. */
	assert_string_equal(h.value[0][5].text, "3");
	snprintf(group, sizeof(group), "%d", (int)getpgrp());
	assert_string_not_equal(h.value[0][6].text, group);
	harness_close(&h);
	harness_memory_free(memory);
}

/* What a program leaves running in its group is gone after it. */
static void nothing_is_left_running(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);
	struct harness h;
	pid_t left;

	(void)state;
	run(&h, "exec 'sleep 1000 & echo $!' window=1 out=pid:int", memory, 1, 0);
	assert_int_equal(h.n, 1);
	left = (pid_t)h.value[0][0].integer;
	/* It is reaped by whoever adopted it, in its own time. */
	for (int i = 0; i < 500 && !kill(left, 0); i++) {
		char path[64], text[256] = "";
		FILE *stat;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)left);
		stat = fopen(path, "r");
		if (!stat || (fgets(text, sizeof(text), stat) && strstr(text, ") Z "))) {
			left = 0;
			if (stat)
				fclose(stat);
			break;
		}
		fclose(stat);
		usleep(10000);
	}
	assert_true(!left || kill(left, 0) < 0);
	harness_close(&h);
	harness_memory_free(memory);
}

/* What cannot work is refused before anything runs. */
static void mistakes_are_refused(void **state)
{
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema);

	(void)state;
	harness_expect_refusal("exec 'no-such-program' | skip 0", &schema, "cannot find the program 'no-such-program'");
	harness_expect_refusal("exec ' ' | skip 0", &schema, "the command is empty");
	harness_expect_refusal("exec cat per=window | skip 0", &schema, "windows need window=");
	harness_expect_refusal("exec cat per=stream window=5 | skip 0", &schema, "need per=window");
	harness_expect_refusal("exec cat step=5 | skip 0", &schema, "needs window=");
	harness_expect_refusal("exec cat output=csv | skip 0", &schema, "out= must say");
	harness_expect_refusal("exec cat out=\"a, b\" output=lines | skip 0", &schema, "a line can be one field");
	harness_expect_refusal("exec cat time=own | skip 0", &schema, "a line has no time");
	harness_expect_refusal("exec cat out=\"a:number\" | skip 0", &schema, "'number' is no kind");
	harness_expect_refusal("exec cat out=\"a, a\" | skip 0", &schema, "another field");
	harness_expect_refusal("exec cat out=\"t\" | skip 0", &schema, "the time");
	harness_expect_refusal("exec cat out=\"a b\" | skip 0", &schema, "cannot name a field");
	harness_expect_refusal("exec cat out=\"a:text:1\" | skip 0", &schema, "no size");
	harness_expect_refusal("exec cat out=\"a:text:9:9\" | skip 0", &schema, "more than a kind");
	harness_expect_refusal("exec cat out=\"a,\" | skip 0", &schema, "cannot name a field");
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mirror_changes_nothing),      cmocka_unit_test(each_window_is_a_run),
		cmocka_unit_test(answers_do_not_depend_on_when), cmocka_unit_test(a_prompt_answer_comes_at_once),
		cmocka_unit_test(answers_may_tell_their_time),   cmocka_unit_test(failures_cost_their_window),
		cmocka_unit_test(a_failure_stops_the_run),       cmocka_unit_test(a_stream_program_may_end_early),
		cmocka_unit_test(answers_ahead_are_refused),     cmocka_unit_test(full_pipes_do_not_block),
		cmocka_unit_test(programs_begin_clean),          cmocka_unit_test(nothing_is_left_running),
		cmocka_unit_test(mistakes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
