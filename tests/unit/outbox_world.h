/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file outbox_world.h
 * @brief A source that counts, a sink that sends, and a broker in shared memory, for whole pipelines of an outbox. The broker outlives
 * the process that talks with it; the test says what it refuses, forgets and drops.
 */
#ifndef WEIR_TESTS_OUTBOX_WORLD_H
#define WEIR_TESTS_OUTBOX_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/dice.h"
#include "core/internal.h"
#include "message/seen.h"
#include "outbox_sink.h"

#define STORE_MAX 4000000
#define WIRE_MAX WEIR_OUTBOX_WINDOW

/* What the broker has taken. */
struct stored {
	uint64_t sender, id;
	int64_t n; /* the record's number */
	uint32_t bytes;
};

static struct world {
	/* The test's wishes. */
	int64_t n_records;  /* that a run's source makes */
	bool is_away;       /* nobody answers */
	bool is_closed;     /* we are refused */
	uint32_t cut_every; /* serve() calls, about; 0: never */
	int64_t refuses;    /* numbers that this divides; 0: none */
	int64_t longest;    /* bytes of a message; the broker hangs up at a longer one. 0: at none */
	int64_t hangs_up;   /* it also hangs up at this number; 0: at none */
	bool tells;         /* and says that it is the message */
	int64_t crashes;    /* it hangs up at the next so many messages, whatever they are */
	int64_t wide;       /* each so many-th number is long; 0: none */
	bool is_full;       /* there is room for a message now and then */
	bool lingers;       /* the source does not end */
	/* What came of it. */
	int64_t produced; /* by all runs */
	int64_t safe;     /* records up to this one are in files */
	int64_t refused, cuts, hung_up, postponed;
	uint64_t n_stored;
	struct stored stored[STORE_MAX];
} * world;

/* --------------------------------------------------------------------- source */

static int steps_open(struct weir_node *node, struct weir_schema *out)
{
	(void)node;
	weir_schema_init(out, WEIR_CLOCK_NOMINAL);
	weir_schema_add(out, "n", WEIR_INT, "", 8);
	return 0;
}

static bool is_wide(int64_t number)
{
	return world->wide && number % world->wide == world->wide - 1;
}

static int steps_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	int64_t *left = weir_state(node), *row;

	if (!*left)
		*left = world->n_records + 1;
	for (; rows->n < 50 && *left > 1 && (row = weir_rows_next(rows)); --*left) {
		row[0] = world->produced;
		row[1] = world->produced + (is_wide(world->produced) ? 1000000000 : 0);
		world->produced++;
		weir_rows_add(rows);
	}
	if (rows->n || !world->lingers)
		return rows->n != 0;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1 };
	return -EAGAIN;
}

/* ----------------------------------------------------------------------- sink */

struct wire {
	struct weir_outbox *outbox;
	struct weir_outbox_args args;
	struct dice dice;
	struct stored way[WIRE_MAX];
	uint64_t token[WIRE_MAX];
	bool is_postponed[WIRE_MAX];
	uint32_t n, n_arrived; /* on the wire or unanswered; of these, what the broker has */
	uint64_t next;
	int64_t pushed; /* the last record */
};

static int wire_connect(void *context, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;

	wire->n = wire->n_arrived = 0;
	snprintf(why, WEIR_LINK_WHY, "%s", world->is_closed ? "you again" : "nobody is there");
	return world->is_closed ? -EACCES : world->is_away ? -ECONNREFUSED : 0;
}

static void arrive(struct wire *wire)
{
	const struct stored *message = &wire->way[wire->n_arrived++];
	bool *is_postponed = &wire->is_postponed[wire->n_arrived - 1];

	assert_true(world->n_stored < STORE_MAX);
	*is_postponed = world->is_full && !roll_below(&wire->dice, 3);
	if (*is_postponed || (world->refuses && message->n % world->refuses == 0))
		return;
	world->stored[world->n_stored] = *message;
	world->n_stored++;
}

static void answer(struct wire *wire)
{
	bool is_postponed = wire->is_postponed[0];
	bool is_refused = !is_postponed && world->refuses && wire->way[0].n % world->refuses == 0;
	uint64_t token = wire->token[0];

	wire->n--;
	wire->n_arrived--;
	memmove(wire->way, wire->way + 1, wire->n * sizeof(*wire->way));
	memmove(wire->token, wire->token + 1, wire->n * sizeof(*wire->token));
	memmove(wire->is_postponed, wire->is_postponed + 1, wire->n * sizeof(*wire->is_postponed));
	world->refused += is_refused;
	world->postponed += is_postponed;
	weir_outbox_settle(wire->outbox, token,
			   is_postponed ? WEIR_OUTBOX_POSTPONED : (enum weir_outbox_fate)is_refused);
}

static bool is_too_much(const struct stored *message)
{
	bool crashes = world->crashes > 0;

	world->crashes -= crashes;
	return crashes || (world->longest && message->bytes > world->longest) ||
	       (world->hangs_up && message->n == world->hangs_up);
}

static int wire_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
	uint32_t arriving, answering;
	bool hangs_up = false;

	if (!wire->n && until_ns > weir_now(WEIR_CLOCK_MONOTONIC))
		poll(&wake, 1, 20);
	arriving = roll_below(&wire->dice, wire->n - wire->n_arrived + 1);
	while (arriving-- && !(hangs_up = is_too_much(&wire->way[wire->n_arrived])))
		arrive(wire);
	if (hangs_up) {
		world->hung_up++;
		snprintf(why, WEIR_LINK_WHY, "it hung up");
		return world->tells ? -EBADMSG : -ECONNRESET;
	}
	answering = roll_below(&wire->dice, wire->n_arrived + 1);
	while (answering--)
		answer(wire);
	if (!world->cut_every || roll_below(&wire->dice, world->cut_every))
		return 1;
	world->cuts++;
	snprintf(why, WEIR_LINK_WHY, "cut");
	return -EIO;
}

static void wire_shut(void *context)
{
	(void)context;
}

static int wire_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;
	char text[64] = "";

	(void)why;
	if (wire->n == WIRE_MAX || !roll_below(&wire->dice, 50))
		return -EAGAIN;
	memcpy(text, message->bytes, message->n);
	wire->way[wire->n] = (struct stored){ message->sender, message->id, atoll(strstr(text, "\"n\":") + 4),
					      message->n };
	*token = wire->token[wire->n++] = ++wire->next;
	return 0;
}

static int wire_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = {
		.link = { .open = wire_connect,
			  .serve = wire_serve,
			  .shut = wire_shut,
			  .first_ns = 1000,
			  .lasts_ns = 1 },
		.send = wire_send,
	};
	struct wire *wire = weir_state(node);

	(void)in;
	wire->pushed = -1;
	wire->dice.state = (uint64_t)getpid() + (uint64_t)world->produced;
	return weir_outbox_open(&wire->outbox, node, &wire->args, &ops, wire, "broker", "");
}

static int wire_push(struct weir_node *node, const struct weir_block *in)
{
	struct wire *wire = weir_state(node);

	if (wire->pushed > world->safe && !strstr(weir_outbox_how(wire->outbox), "in memory"))
		world->safe = wire->pushed;
	wire->pushed = in->column[0].integer[in->n - 1];
	return weir_outbox_push(wire->outbox, in);
}

static const char *wire_how(const struct weir_node *node)
{
	return weir_outbox_how(((struct wire *)weir_state(node))->outbox);
}

static const struct weir_param no_params[] = { { 0 } };
static const struct weir_param wire_params[] = { WEIR_OUTBOX_PARAMS(struct wire, args), { 0 } };
static const struct weir_source_ops steps_ops = { .state_bytes = sizeof(int64_t),
						  .open = steps_open,
						  .produce = steps_produce };
static const struct weir_sink_ops wire_ops = {
	.state_bytes = sizeof(struct wire),
	.open = wire_open,
	.start = outbox_sink_start,
	.push = wire_push,
	.end = outbox_sink_end,
	.close = outbox_sink_close,
	.how = wire_how,
};
static const struct weir_driver steps = { .name = "steps", .source_params = no_params, .source = &steps_ops };
static const struct weir_driver wire = { .name = "wire", .sink_params = wire_params, .sink = &wire_ops };

const struct weir_driver *const weir_drivers[] = { &steps, &wire };
const size_t weir_n_drivers = 2;
const struct weir_builtin weir_builtins[] = { { 0 } };

/* ------------------------------------------------------------------------ run */

static bool is_child;

struct outcome {
	int status;
	uint64_t unsent, lost;
	char how[600], said[2000];
};

static struct outcome run(const char *arguments)
{
	struct weir_options options = { 0 };
	struct outcome outcome = { 0 };
	struct weir_pipeline *pipeline;
	char program[300], *said = NULL;
	size_t size;

	options.messages = open_memstream(&said, &size);
	snprintf(program, sizeof(program), "steps | wire %s", arguments);
	outcome.status = weir_open(&pipeline, program, "<test>", &options);
	if (pipeline) {
		outcome.status = weir_run(pipeline);
		outcome.unsent = atomic_load(&pipeline->node[1]->lost[WEIR_LOST_UNSENT]);
		outcome.lost = weir_pipeline_lost(pipeline);
		snprintf(outcome.how, sizeof(outcome.how), "%s", weir_node_how(pipeline->node[1]));
		weir_close(pipeline);
	}
	fclose(options.messages);
	if (is_child)
		_exit(1); /* it was to be killed */
	if (outcome.status == 2)
		fail_msg("%s: %s", program, said);
	snprintf(outcome.said, sizeof(outcome.said), "%s", said);
	free(said);
	return outcome;
}

static int setup(void **state)
{
	(void)state;
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return world == MAP_FAILED;
}

static int teardown(void **state)
{
	(void)state;
	return munmap(world, sizeof(*world));
}

static char *make_directory(void)
{
	static char dir[64];

	snprintf(dir, sizeof(dir), "/tmp/weir-outbox-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static void remove_directory(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
}

/* Leave out what came before, as a reader does. @return how many that was. */
static uint64_t leave_out_duplicates(void)
{
	struct weir_seen *seen = weir_seen_new();
	uint64_t kept = 0, n = world->n_stored;

	assert_non_null(seen);
	for (uint64_t i = 0; i < n; i++)
		if (!weir_seen_before(seen, world->stored[i].sender, world->stored[i].id))
			world->stored[kept++] = world->stored[i];
	world->n_stored = kept;
	weir_seen_free(seen);
	return n - kept;
}

static void expect_all_in_order(int64_t n)
{
	assert_int_equal(world->n_stored, n);
	for (int64_t i = 0; i < n; i++)
		assert_int_equal(world->stored[i].n, i);
}

#endif
