/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sender's records are 0, 1, 2 … in each of its lives. Each life has an epoch in the ids of its messages, where they are
 * numbered as well: so a message's number in its epoch is its record. What must arrive of a life that was ended is what its spool
 * says, which is read here from the files alone: acknowledged or still there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/dice.h"
#include "cut.h"
#include "message/seen.h"
#include "weir/graph.h"

#define ARRIVALS_MAX 8000000
#define EPOCH 40 /* bits of an id below it */
#define LAST_RECORDS 200
#define PATIENCE_S 60
#define LOOK_US 500

enum victim { SENDER = 1, BROKER = 2, READER = 4 };

struct arrival {
	uint64_t sender, id;
	int64_t n;
};

/* What the reader has got, in all its lives: outlives it. */
static struct world {
	_Atomic uint64_t n;
	struct arrival arrival[ARRIVALS_MAX];
} * world;

/* A kill, for who has to find out what went wrong. */
struct kill {
	unsigned victims;
	bool is_told;
	uint64_t n, must, dealt; /* what had arrived; as in struct test, after it */
};

struct test {
	const struct cut *cut;
	char dir[64];
	struct dice dice;
	pid_t sender, reader;
	uint64_t must; /* the last id that has to arrive, as far as is known */
	uint64_t
		dealt; /* an id above this one arrives when the reader is through with what a forgetful broker has lost */
	uint64_t *demands; /* after each death of a sender */
	struct kill *kill; /* n_rounds of them */
	unsigned n_rounds, n_demands, n_kills[8], n_ended;
	bool is_told;
};

unsigned cut_count(unsigned otherwise)
{
	const char *text = getenv("WEIR_CUTS");

	return text ? (unsigned)atoi(text) : otherwise;
}

/* ------------------------------------------------------------------ processes */

static int take(const union weir_call_value *in, void *state)
{
	uint64_t n = atomic_load_explicit(&world->n, memory_order_relaxed);
	struct arrival *arrival = &world->arrival[n];

	(void)state;
	if (n == ARRIVALS_MAX || !weir_seen_parse(in[1].text, strlen(in[1].text), &arrival->sender, &arrival->id)) {
		fprintf(stderr, "arrival %llu has the id '%s'\n", (unsigned long long)n, in[1].text);
		return -EINVAL;
	}
	arrival->n = (int64_t)in[0].real;
	atomic_store_explicit(&world->n, n + 1, memory_order_release);
	return 0;
}

static void read_on(const struct test *test)
{
	struct weir_options options = { .quiet = true, .handle_signals = true };
	struct weir_graph *graph = weir_graph_open();
	char source[300];

	snprintf(source, sizeof(source), "%s out=value id_as=id", test->cut->source);
	weir_consume(weir_source(graph, source), "value, id:text:40", take, NULL);
	_exit(weir_graph_run(graph, &options));
}

/* limit: 0: for ever. */
static void send_on(const struct test *test, uint64_t limit)
{
	struct weir_options options = { .quiet = true, .limit = limit, .handle_signals = true };
	struct weir_graph *graph = weir_graph_open();
	char sink[300], source[64];

	snprintf(sink, sizeof(sink), "%s spool=64MiB spool_dir=%s linger=%ds", test->cut->sink, test->dir, PATIENCE_S);
	snprintf(source, sizeof(source), "synth:counter rate=%uHz", test->cut->hz);
	weir_sink(weir_source(graph, source), sink);
	_exit(weir_graph_run(graph, &options));
}

static void leave(int number)
{
	(void)number;
	_exit(0);
}

/* Told to end before its pipeline runs, it ends too; from then on the pipeline sees to it. */
static pid_t begin(void)
{
	sigset_t term, before;
	pid_t child;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &before);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGTERM, leave);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return child;
}

static void begin_sender(struct test *test, uint64_t limit)
{
	test->sender = begin();
	if (!test->sender)
		send_on(test, limit);
}

static void begin_reader(struct test *test)
{
	test->reader = begin();
	if (!test->reader)
		read_on(test);
}

/* One that has ended by itself has failed. Told to end, it does so with status 0, and soon. */
static void end(const struct test *test, pid_t *child)
{
	int tries = PATIENCE_S * 1000000 / LOOK_US, status;
	bool is_orderly = test->cut->is_orderly;
	pid_t ended;

	kill(*child, is_orderly ? SIGTERM : SIGKILL);
	while (!(ended = waitpid(*child, &status, WNOHANG)) && --tries)
		usleep(LOOK_US);
	if (!ended)
		fail_msg("process %d does not end", (int)*child);
	assert_int_equal(ended, *child);
	if (!is_orderly && !WIFSIGNALED(status))
		fail_msg("it ended by itself, with status %d", WEXITSTATUS(status));
	if (is_orderly && status)
		fail_msg("told to end, it ended with status %x", status);
	*child = 0;
}

/* ---------------------------------------------------------------------- spool */

static uint64_t get(const unsigned char *bytes, int n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 8 | bytes[n];
	return value;
}

static size_t load(const struct test *test, const char *name, unsigned char **bytes)
{
	char path[400];
	FILE *file;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s", test->dir, name);
	file = fopen(path, "r");
	*bytes = malloc(64 << 20);
	assert_non_null(*bytes);
	if (file) {
		n = fread(*bytes, 1, 64 << 20, file);
		fclose(file);
	}
	return n;
}

/* The last id in a segment, or 0: docs/spool.md. */
static uint64_t last_of(const struct test *test, const char *name)
{
	unsigned char *bytes;
	size_t n = load(test, name, &bytes), at = 32;
	uint64_t last = 0;

	while (at + 16 <= n && get(bytes + at + 8, 8) > last && at + 16 + get(bytes + at + 4, 4) <= n) {
		last = get(bytes + at + 8, 8);
		at += 16 + get(bytes + at + 4, 4);
	}
	free(bytes);
	return last;
}

/* The last id that was acknowledged, and written down as such. */
static uint64_t acknowledged(const struct test *test)
{
	unsigned char *bytes;
	size_t n = load(test, "ack", &bytes);
	uint64_t first = n >= 64 ? get(bytes + 24, 8) : 0, second = n >= 4096 + 64 ? get(bytes + 4096 + 24, 8) : 0;

	free(bytes);
	return first > second ? first : second;
}

static uint64_t last_on_disk(const struct test *test)
{
	DIR *dir = opendir(test->dir);
	uint64_t last = acknowledged(test);
	const struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		uint64_t id = strstr(entry->d_name, ".seg") ? last_of(test, entry->d_name) : 0;

		last = id > last ? id : last;
	}
	closedir(dir);
	return last;
}

/* What is on disk now has to arrive. */
static void demand(struct test *test)
{
	uint64_t last = last_on_disk(test);

	test->must = last > test->must ? last : test->must;
	test->demands[test->n_demands++] = test->must;
}

/* --------------------------------------------------------------------- rounds */

static uint64_t last_arrival(void)
{
	uint64_t n = atomic_load_explicit(&world->n, memory_order_acquire);

	return n ? world->arrival[n - 1].id : 0;
}

/* One more than `n`, and the last of them above that id. */
static void await_arrival(uint64_t n, uint64_t id)
{
	int tries = PATIENCE_S * 1000000 / LOOK_US;

	while (atomic_load(&world->n) <= n || last_arrival() <= id) {
		if (!--tries)
			fail_msg("nothing arrives any more");
		usleep(LOOK_US);
	}
}

/* A forgetful broker that is killed takes along what a reader that is killed as well, or not there yet, has not got. */
static void end_broker(struct test *test, unsigned victims)
{
	bool is_told = test->cut->is_orderly ||
		       (test->cut->is_forgetful && (victims & READER || roll_below(&test->dice, 3) == 0));

	test->n_ended += is_told;
	test->is_told = is_told;
	if (is_told)
		server_end(test->cut->server, SIGTERM);
	else if (test->cut->is_forgetful)
		server_kill_once_read(test->cut->server);
	else
		server_end(test->cut->server, SIGKILL);
	if (test->cut->is_forgetful && !is_told)
		test->dealt = last_on_disk(test);
}

static unsigned choose_victims(struct test *test)
{
	unsigned victims = ++test->n_rounds % test->cut->broker_every ? SENDER : BROKER;

	if (victims == BROKER && roll_below(&test->dice, 3) == 0)
		victims |= SENDER;
	return roll_below(&test->dice, 4) ? victims : victims | READER;
}

/* A reader that has come back; until then all that the broker has kept for it was written to it. */
static void await_reader(const struct test *test, unsigned connections)
{
	int tries = PATIENCE_S * 1000000 / LOOK_US;

	if (!test->cut->is_forgetful)
		return;
	while (server_said(test->cut->server, test->cut->greeting) <= connections) {
		if (!--tries)
			fail_msg("the reader does not come back");
		usleep(LOOK_US);
	}
}

/* All go about their business; then somebody dies. */
static void kill_some(struct test *test)
{
	unsigned victims = choose_victims(test), connections;
	struct kill *kill = &test->kill[test->n_rounds - 1];

	await_arrival(atomic_load(&world->n), test->dealt);
	usleep(roll_below(&test->dice, 30000));
	if (victims & SENDER) {
		end(test, &test->sender);
		demand(test);
	}
	if (victims & READER)
		end(test, &test->reader);
	if (victims & BROKER)
		end_broker(test, victims);
	test->n_kills[victims]++;
	*kill = (struct kill){ victims, test->is_told, world->n, test->must, test->dealt };
	connections = test->cut->is_forgetful ? server_said(test->cut->server, test->cut->greeting) : 0;
	if (victims & SENDER)
		begin_sender(test, 0);
	if (victims & READER)
		begin_reader(test);
	if (victims & BROKER)
		server_start(test->cut->server);
	if (victims & (READER | BROKER))
		await_reader(test, connections);
}

/* The last sender is left alone; all that it and those before it had on disk arrives. */
static void finish(struct test *test)
{
	int status;

	end(test, &test->sender);
	demand(test);
	begin_sender(test, LAST_RECORDS);
	assert_int_equal(waitpid(test->sender, &status, 0), test->sender);
	assert_int_equal(status, 0);
	demand(test);
	assert_int_equal(test->must & ((UINT64_C(1) << EPOCH) - 1), LAST_RECORDS - 1);
	await_arrival(0, test->must - 1);
	end(test, &test->reader);
}

/* -------------------------------------------------------------------- verdict */

/* @return how many had come before, and are left out now, as a reader of one life does. */
static uint64_t leave_out_duplicates(void)
{
	struct weir_seen *seen = weir_seen_new();
	uint64_t kept = 0, n = world->n;

	assert_non_null(seen);
	for (uint64_t i = 0; i < n; i++)
		if (!weir_seen_before(seen, world->arrival[i].sender, world->arrival[i].id))
			world->arrival[kept++] = world->arrival[i];
	world->n = kept;
	weir_seen_free(seen);
	return n - kept;
}

/* What comes after `last` is not what should. Does that come later, and who had died before? */
static void fail_at(const struct test *test, uint64_t at, uint64_t last)
{
	bool is_late = false;

	for (uint64_t i = at; i < world->n; i++)
		is_late |= world->arrival[i].id == last + 1;
	for (unsigned i = 0; i < test->n_rounds; i++)
		print_message("# kill %u: victims %u%s, %" PRIu64 " arrived, must %" PRIx64 ", dealt %" PRIx64 "\n", i,
			      test->kill[i].victims, test->kill[i].is_told ? " told" : "", test->kill[i].n,
			      test->kill[i].must, test->kill[i].dealt);
	fail_msg("record %" PRIu64 ": %" PRIx64 " comes after %" PRIx64 ", and what is between %s", at,
		 world->arrival[at].id, last, is_late ? "later" : "never");
}

/* Each life: from its beginning, without a gap, each once, in order, as far at least as its disk said. */
static void expect_all_in_order(const struct test *test)
{
	const uint64_t number = (UINT64_C(1) << EPOCH) - 1;
	uint64_t last = 0;
	unsigned met = 0;

	for (uint64_t i = 0; i < world->n; i++) {
		const struct arrival *arrival = &world->arrival[i];

		assert_int_equal(arrival->sender, world->arrival[0].sender);
		assert_int_equal(arrival->n, arrival->id & number);
		if (i && arrival->id != last + 1 && (arrival->id & number || arrival->id < last))
			fail_at(test, i, last);
		while (arrival->id != last + 1 && met < test->n_demands && test->demands[met] < arrival->id)
			assert_true(test->demands[met++] <= last);
		last = arrival->id;
	}
	assert_int_equal(last, test->must);
}

static void tell(const struct test *test, uint64_t duplicates)
{
	const unsigned *n = test->n_kills;

	print_message("# %u %s: %u of senders, %u of brokers (%u told to end), %u of both, and %u readers; %" PRIu64
		      " records arrived, %" PRIu64 " came twice\n",
		      test->cut->n_kills, test->cut->is_orderly ? "orderly ends" : "kills",
		      n[SENDER] + n[SENDER | READER], n[BROKER] + n[BROKER | READER], test->n_ended,
		      n[SENDER | BROKER] + n[SENDER | BROKER | READER],
		      n[SENDER | READER] + n[BROKER | READER] + n[SENDER | BROKER | READER], world->n, duplicates);
}

static void open_test(struct test *test, const struct cut *cut)
{
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(world != MAP_FAILED);
	*test = (struct test){ .cut = cut, .dice = { 1 } };
	test->demands = calloc(cut->n_kills + 2, sizeof(*test->demands));
	test->kill = calloc(cut->n_kills + 1, sizeof(*test->kill));
	assert_true(test->demands && test->kill);
	snprintf(test->dir, sizeof(test->dir), "/tmp/weir-cut-XXXXXX");
	assert_non_null(mkdtemp(test->dir));
}

static void close_test(struct test *test)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r '%s'", test->dir);
	assert_int_equal(system(command), 0);
	free(test->demands);
	free(test->kill);
	munmap(world, sizeof(*world));
}

void cut_run(const struct cut *cut)
{
	struct test test;
	uint64_t duplicates;

	open_test(&test, cut);
	begin_reader(&test);
	begin_sender(&test, 0);
	/* From here on the reader is known to the broker, which has that on its disk when it was told to end. */
	await_arrival(0, 0);
	if (cut->is_forgetful) {
		server_end(cut->server, SIGTERM);
		server_start(cut->server);
	}
	for (unsigned i = 0; i < cut->n_kills; i++)
		kill_some(&test);
	finish(&test);
	duplicates = leave_out_duplicates();
	expect_all_in_order(&test);
	assert_true(cut->is_orderly || cut->n_kills < 200 || duplicates > 0);
	tell(&test, duplicates);
	close_test(&test);
}
