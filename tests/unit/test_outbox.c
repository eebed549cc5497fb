/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages on their way to a broker that refuses, forgets and dies, from a sender that is killed: whole pipelines, with a broker
 * in shared memory, so that it outlives the process that talks with it.
 *
 * The broker has what reached it in order; a cut loses what was on the wire, and answers to what was not. WEIR_CUTS says how
 * often the sender is killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/dice.h"
#include "core/internal.h"
#include "message/seen.h"
#include "weir/outbox.h"

#define STORE_MAX 4000000
#define WIRE_MAX WEIR_OUTBOX_WINDOW

/* What the broker has taken. */
struct stored {
	uint64_t sender, id;
	int64_t n; /* the record's number */
};

static struct world {
	/* The test's wishes. */
	int64_t n_records;  /* that a run's source makes */
	bool is_away;       /* nobody answers */
	bool is_closed;     /* we are refused */
	uint32_t cut_every; /* serve() calls, about; 0: never */
	int64_t refuses;    /* numbers that this divides; 0: none */
	bool lingers;       /* the source does not end */
	/* What came of it. */
	int64_t produced; /* by all runs */
	int64_t safe;     /* records up to this one are in files */
	int64_t refused, cuts;
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

static int steps_produce(struct weir_node *node, void *rows, uint32_t max, struct weir_wait *wait)
{
	int64_t *left = weir_state(node);
	uint32_t n = 0;

	if (!*left)
		*left = world->n_records + 1;
	for (; n < max && n < 50 && *left > 1; n++, --*left) {
		((int64_t *)rows)[2 * n] = world->produced;
		((int64_t *)rows)[2 * n + 1] = world->produced++;
	}
	if (n || !world->lingers)
		return (int)n;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = -1 };
	return -EAGAIN;
}

/* ----------------------------------------------------------------------- sink */

struct wire {
	struct weir_outbox *outbox;
	struct dice dice;
	struct stored way[WIRE_MAX];
	uint64_t token[WIRE_MAX];
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

	assert_true(world->n_stored < STORE_MAX);
	if (world->refuses && message->n % world->refuses == 0)
		return;
	world->stored[world->n_stored] = *message;
	world->n_stored++;
}

static void answer(struct wire *wire)
{
	bool is_refused = world->refuses && wire->way[0].n % world->refuses == 0;
	uint64_t token = wire->token[0];

	wire->n--;
	wire->n_arrived--;
	memmove(wire->way, wire->way + 1, wire->n * sizeof(*wire->way));
	memmove(wire->token, wire->token + 1, wire->n * sizeof(*wire->token));
	world->refused += is_refused;
	weir_outbox_settle(wire->outbox, token, is_refused ? WEIR_OUTBOX_REJECTED : WEIR_OUTBOX_DELIVERED);
}

static int wire_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
	uint32_t arriving, answering;

	if (!wire->n && until_ns > weir_now(WEIR_CLOCK_MONOTONIC))
		poll(&wake, 1, 20);
	arriving = roll_below(&wire->dice, wire->n - wire->n_arrived + 1);
	while (arriving--)
		arrive(wire);
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
	wire->way[wire->n] = (struct stored){ message->sender, message->id, atoll(strstr(text, "\"n\":") + 4) };
	*token = wire->token[wire->n++] = ++wire->next;
	return 0;
}

static int wire_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = {
		.link = { .open = wire_connect, .serve = wire_serve, .shut = wire_shut, .first_ns = 1000 },
		.send = wire_send,
	};
	struct wire *wire = weir_state(node);

	(void)in;
	wire->pushed = -1;
	wire->dice.state = (uint64_t)getpid() + (uint64_t)world->produced;
	return weir_outbox_open(&wire->outbox, node, &ops, wire, "broker", "");
}

static int wire_start(struct weir_node *node)
{
	return weir_outbox_start(((struct wire *)weir_state(node))->outbox);
}

static int wire_push(struct weir_node *node, const struct weir_block *in)
{
	struct wire *wire = weir_state(node);

	if (wire->pushed > world->safe && !strstr(weir_outbox_how(wire->outbox), "in memory"))
		world->safe = wire->pushed;
	wire->pushed = in->column[0].integer[in->n - 1];
	return weir_outbox_push(wire->outbox, in);
}

static int wire_end(struct weir_node *node)
{
	return weir_outbox_end(((struct wire *)weir_state(node))->outbox);
}

static void wire_close(struct weir_node *node)
{
	weir_outbox_close(((struct wire *)weir_state(node))->outbox);
}

static const char *wire_how(const struct weir_node *node)
{
	return weir_outbox_how(((struct wire *)weir_state(node))->outbox);
}

static const struct weir_param no_params[] = { { 0 } };
static const struct weir_param wire_params[] = { WEIR_OUTBOX_PARAMS, { 0 } };
static const struct weir_source_ops steps_ops = { .state_bytes = sizeof(int64_t),
						  .open = steps_open,
						  .produce = steps_produce };
static const struct weir_sink_ops wire_ops = {
	.state_bytes = sizeof(struct wire),
	.open = wire_open,
	.start = wire_start,
	.push = wire_push,
	.end = wire_end,
	.close = wire_close,
	.how = wire_how,
};
static const struct weir_driver steps = { .name = "steps", .source_params = no_params, .source = &steps_ops };
static const struct weir_driver wire = { .name = "wire", .sink_params = wire_params, .sink = &wire_ops };

const struct weir_driver *const weir_drivers[] = { &steps, &wire };
const size_t weir_n_drivers = 2;
const struct weir_absent weir_absents[] = { { 0 } };

/* ------------------------------------------------------------------------ run */

static bool is_child;

struct outcome {
	int status;
	uint64_t unsent, lost;
	char how[600];
};

static struct outcome run(const char *arguments)
{
	struct weir_options options = { .quiet = true };
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

/* --------------------------------------------------------------------- tests */

/* Through a connection that is cut all the time everything arrives, in order, and what comes twice is recognised. */
static void a_cut_connection_loses_nothing(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 20000;
	world->cut_every = 30;
	outcome = run("linger=60s");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.lost, 0);
	assert_true(world->cuts > 0);
	assert_true(leave_out_duplicates() > 0);
	expect_all_in_order(20000);
	assert_non_null(strstr(outcome.how, "20000 messages delivered, 0 waiting"));
}

/* What the broker will never take does not hold up the rest, and is not taken for delivered. */
static void a_refused_message_is_counted(void **state)
{
	struct outcome outcome;

	(void)state;
	world->n_records = 5000;
	world->refuses = 10;
	outcome = run("linger=60s");
	assert_int_equal(outcome.status, 0);
	assert_int_equal(outcome.unsent, 500);
	assert_int_equal(world->n_stored, 4500);
	assert_non_null(strstr(outcome.how, "4500 messages delivered, 0 waiting, 500 refused, 0 dropped"));
}

/* With nobody there, everything is lost and every record of it counted, whatever gives way. */
static void what_is_not_sent_is_counted(void **state)
{
	static const char *const full[] = { "drop_oldest", "drop_newest" };
	char arguments[100];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct outcome outcome;

		world->n_records = 60000; /* more than fit */
		world->is_away = true;
		snprintf(arguments, sizeof(arguments), "queue=1MiB when_full=%s linger=0s", full[i]);
		outcome = run(arguments);
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.unsent, 60000);
		assert_non_null(strstr(outcome.how, "not connected to broker"));
		assert_null(strstr(outcome.how, " 0 dropped"));
	}
}

/* Who is refused from the start is told so, and not tried for ever. */
static void a_closed_door_ends_the_run(void **state)
{
	(void)state;
	world->n_records = 5000;
	world->is_closed = true;
	assert_int_equal(run("").status, 3);
}

/* With a spool, what could not be sent waits for the next run, and nothing of it is lost. */
static void a_spool_outlives_the_run(void **state)
{
	char *dir = make_directory(), arguments[100];
	struct outcome outcome;

	(void)state;
	snprintf(arguments, sizeof(arguments), "spool=8MiB spool_dir=%s linger=60s", dir);
	world->is_away = true;
	world->n_records = 3000;
	snprintf(strstr(arguments, "60s"), 4, "0s");
	outcome = run(arguments);
	assert_int_equal(outcome.lost, 0);
	assert_non_null(strstr(outcome.how, "0 messages delivered, 3000 waiting on disk"));
	world->is_away = false;
	snprintf(strstr(arguments, "0s"), 4, "60s");
	outcome = run(arguments);
	assert_int_equal(outcome.lost, 0);
	assert_int_equal(leave_out_duplicates(), 0);
	expect_all_in_order(6000);
	remove_directory(dir);
}

/* --------------------------------------------------------------------- killed */

static unsigned n_cuts(void)
{
	const char *text = getenv("WEIR_CUTS");

	return text ? (unsigned)atoi(text) : 300;
}

/* On a slow machine a run takes its time to begin. */
static void await_records(int64_t before)
{
	for (int i = 0; i < 20000 && __atomic_load_n(&world->produced, __ATOMIC_RELAXED) == before; i++)
		usleep(100);
}

/* After its first records, and then a while. */
static void run_and_kill(const char *arguments, uint32_t after_us)
{
	int64_t before = world->produced;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		is_child = true;
		run(arguments);
		_exit(0);
	}
	await_records(before);
	usleep(after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

struct part {
	int64_t begin, safe; /* the first record of a run, and the last that must arrive; below begin: none */
};

/* Of each run's records a first part arrived, each once and in order, and what was in a file is in it. */
static void expect_first_parts(const struct part *part, unsigned n_runs)
{
	uint64_t at = 0;

	for (unsigned i = 0; i < n_runs; i++) {
		int64_t n = part[i].begin;

		for (; at < world->n_stored && world->stored[at].n < part[i + 1].begin; at++, n++)
			assert_int_equal(world->stored[at].n, n);
		assert_true(n > part[i].safe);
	}
	assert_int_equal(at, world->n_stored);
}

/*
 * Sender killed, broker cut, or both, at random: what was in a file arrives, once and in order, whoever died when. The last run
 * is left alone, so that all that waits arrives, and all of its own.
 */
static void a_killed_sender_goes_on(void **state)
{
	unsigned n = n_cuts();
	struct part *part = calloc(n + 2, sizeof(*part));
	char *dir = make_directory(), arguments[130];
	struct dice dice = { 1 };
	uint64_t duplicates;

	(void)state;
	assert_non_null(part);
	world->safe = -1;
	snprintf(arguments, sizeof(arguments), "spool=64MiB spool_dir=%s linger=60s when_full=block", dir);
	world->lingers = true;
	for (unsigned i = 0; i < n; i++) {
		part[i].begin = world->produced;
		world->n_records = 50 + roll_below(&dice, 1500);
		world->cut_every = i % 3 ? 20 : 0;
		run_and_kill(arguments, roll_below(&dice, 8000));
		part[i].safe = world->safe;
	}
	part[n].begin = world->produced;
	world->lingers = false;
	world->n_records = 1000;
	world->cut_every = 0;
	assert_int_equal(run(arguments).lost, 0);
	part[n].safe = world->produced - 1;
	part[n + 1].begin = world->produced;
	duplicates = leave_out_duplicates();
	expect_first_parts(part, n + 1);
	assert_true(n < 100 || duplicates > 0);
	print_message("# %u kills, %lld cuts, %llu of %lld arrived, %llu came twice\n", n, (long long)world->cuts,
		      (unsigned long long)world->n_stored, (long long)world->produced, (unsigned long long)duplicates);
	remove_directory(dir);
	free(part);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cut_connection_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_refused_message_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_not_sent_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_door_ends_the_run, setup, teardown),
		cmocka_unit_test_setup_teardown(a_spool_outlives_the_run, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_sender_goes_on, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
