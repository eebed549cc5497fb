/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The spool against a model, on a disk that loses what was not synced. A message is a number and filling that follows from it,
 * so that whatever arrives can be judged without asking the spool. WEIR_SPOOL_RUNS makes the random tests longer.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "spool_disk.h"

#define MESSAGES 200000
#define LIMIT WEIR_SPOOL_LIMIT_MIN

struct model {
	struct disk *disk;
	struct weir_spool_io io;
	struct weir_spool *spool;
	enum weir_spool_policy policy;
	uint64_t random;
	bool rots;                  /* what is on the disk may change, also what says what was acknowledged */
	uint64_t *id;               /* by number; 0: never offered */
	bool *may_miss;             /* by number: was not safe when the power went, or given up by the policy */
	uint32_t next;              /* number of the next message */
	uint32_t safe;              /* numbers below were synced */
	uint32_t offset;            /* since the last rewind: the number after the last that was offered; 0: none */
	uint32_t acked, acked_safe; /* numbers below were acknowledged; and that was synced */
	uint32_t arrived;           /* numbers below were acknowledged at some time */
};

static uint64_t runs(uint64_t usual)
{
	const char *text = getenv("WEIR_SPOOL_RUNS");

	return text ? strtoull(text, NULL, 10) : usual;
}

static uint32_t length_of(uint32_t number)
{
	return 4 + (number * 2654435761u >> 7) % (number % 37 ? 300 : 20000);
}

static uint32_t fill(uint8_t *bytes, uint32_t number)
{
	uint32_t n = length_of(number);

	memcpy(bytes, &number, 4);
	memset(bytes + 4, (int)(number % 251), n - 4);
	return n;
}

static uint32_t number_of(const struct weir_spool_message *message)
{
	static uint8_t expected[WEIR_SPOOL_MESSAGE_MAX];
	uint32_t number;

	memcpy(&number, message->bytes, 4);
	assert_int_equal(message->n, fill(expected, number));
	assert_memory_equal(message->bytes, expected, message->n);
	return number;
}

static void begin(struct model *m)
{
	struct weir_spool_config config = {
		.dir = "model",
		.limit_bytes = LIMIT,
		.policy = m->policy,
		.sync_ns = INT64_MAX / 2,
		.io = &m->io,
		.manual = true,
	};
	char error[256];

	m->io = disk_io(m->disk);
	assert_int_equal(weir_spool_open(&m->spool, &config, error), 0);
	m->offset = 0;
}

static void model_open(struct model *m, enum weir_spool_policy policy, uint64_t seed)
{
	*m = (struct model){ .policy = policy, .random = seed, .disk = disk_new(seed + 1) };
	m->id = calloc(MESSAGES, sizeof(*m->id));
	m->may_miss = calloc(MESSAGES, sizeof(*m->may_miss));
	assert_true(m->id && m->may_miss);
	begin(m);
}

static void model_close(struct model *m)
{
	weir_spool_close(m->spool);
	disk_free(m->disk);
	free(m->id);
	free(m->may_miss);
}

static struct weir_spool_counts counts(struct model *m)
{
	struct weir_spool_counts counts;

	weir_spool_read_counts(m->spool, &counts);
	return counts;
}

/* Every message has exactly one fate. */
static void check_account(struct model *m)
{
	struct weir_spool_counts c = counts(m);

	assert_int_equal(c.appended + c.recovered,
			 c.acknowledged + c.waiting + c.lost_limit + c.lost_disk + c.lost_corrupt);
	assert_true(c.bytes <= LIMIT);
}

/* ------------------------------------------------------------------- steps */

static void append_some(struct model *m)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];

	for (uint32_t n = harness_below(&m->random, 40); n-- && m->next < MESSAGES; m->next++)
		if (weir_spool_append(m->spool, bytes, fill(bytes, m->next)) < 0)
			break; /* it would block: the number is not used up */
}

/* @return was everything written? */
static bool work(struct model *m, bool sync)
{
	bool handed;

	weir_spool_work(m->spool, false);
	handed = !weir_spool_commit(m->spool);
	weir_spool_work(m->spool, sync);
	return handed && !weir_spool_commit(m->spool);
}

static void sync_now(struct model *m)
{
	uint64_t errors = counts(m).disk_errors;
	bool all = work(m, true);

	if (counts(m).disk_errors != errors)
		return;
	m->acked_safe = m->rots ? 0 : m->acked;
	if (all)
		m->safe = m->next;
}

/* Between two messages that are offered, only those are missing that may be. */
static void check_gap(const struct model *m, uint32_t from, uint32_t number)
{
	for (; from < number; from++)
		assert_true(m->may_miss[from] || from < m->arrived);
}

/* Oldest first, each under its own id for ever, none that was safely acknowledged. @return was there one? */
static bool take_one(struct model *m)
{
	struct weir_spool_message message;
	int64_t due_ns;
	uint32_t number;

	if (weir_spool_peek(m->spool, &message, 0, &due_ns) < 0)
		return false;
	number = number_of(&message);
	assert_true(number < m->next && number >= m->offset && number >= m->acked_safe);
	if (m->policy == WEIR_SPOOL_BLOCK)
		check_gap(m, m->offset > m->acked ? m->offset : m->acked, number);
	assert_true(!m->id[number] || m->id[number] == message.id);
	for (uint32_t before = number; before-- && number - before < 1000;)
		assert_true(m->id[before] < message.id);
	m->id[number] = message.id;
	m->offset = number + 1;
	return true;
}

static void acknowledge(struct model *m)
{
	uint32_t upto = m->offset;

	if (m->offset <= m->acked)
		return;
	upto -= harness_below(&m->random, m->offset - m->acked);
	while (upto > m->acked && !m->id[upto - 1])
		upto--;
	if (upto == m->acked)
		return;
	weir_spool_ack(m->spool, m->id[upto - 1]);
	m->acked = upto;
	if (m->arrived < upto)
		m->arrived = upto;
}

static void rewind_now(struct model *m)
{
	weir_spool_rewind(m->spool);
	m->offset = 0;
}

static void random_step(struct model *m)
{
	switch (harness_below(&m->random, 8)) {
	case 0:
	case 1:
	case 2:
		append_some(m);
		break;
	case 3:
		work(m, false);
		break;
	case 4:
	case 5:
		for (uint32_t n = harness_below(&m->random, 60); n--;)
			take_one(m);
		break;
	case 6:
		acknowledge(m);
		break;
	default:
		if (harness_below(&m->random, 4))
			sync_now(m);
		else
			rewind_now(m);
	}
}

/* The process is killed, or the power is cut; then it is started again. */
static void fall(struct model *m, bool power)
{
	disk_stop(m->disk);
	weir_spool_close(m->spool);
	for (uint32_t number = m->safe; number < m->next; number++)
		m->may_miss[number] = true;
	m->acked = m->acked_safe;
	if (power)
		disk_cut(m->disk);
	else
		disk_kill(m->disk);
	begin(m);
}

/* Everything arrives that is still there. */
static void finish(struct model *m)
{
	disk_fail(m->disk, 0);
	disk_limit(m->disk, UINT64_MAX);
	for (int i = 0; i < 100 && (i < 3 || counts(m).waiting); i++) {
		sync_now(m);
		rewind_now(m);
		while (take_one(m))
			;
		if (m->offset > m->acked) {
			weir_spool_ack(m->spool, m->id[m->offset - 1]);
			m->acked = m->arrived = m->offset;
		}
	}
	sync_now(m);
	assert_int_equal(counts(m).waiting, 0);
	check_account(m);
	if (m->policy == WEIR_SPOOL_BLOCK)
		check_gap(m, m->acked, m->next);
}

/* ------------------------------------------------------------------- tests */

/* With room enough nothing is lost: each message arrives, in order, under one id, also after orderly restarts. */
static void everything_arrives_in_order(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, seed);
		for (int i = 0; i < 400; i++) {
			random_step(&m);
			if (harness_below(&m.random, 60))
				continue;
			while (!work(&m, true)) {
				rewind_now(&m);
				while (take_one(&m))
					;
				acknowledge(&m);
			}
			m.safe = m.next;
			m.acked_safe = m.acked;
			weir_spool_close(m.spool);
			begin(&m);
		}
		finish(&m);
		assert_int_equal(counts(&m).lost_limit + counts(&m).lost_disk + counts(&m).lost_corrupt, 0);
		model_close(&m);
	}
}

/* What was synced survives kill -9 and the loss of anything that was not synced, torn in any way; what was acknowledged and
 * synced does not come again; no id is ever given to two messages. */
static void synced_messages_survive_a_cut(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_BLOCK, seed);
		for (int i = 0; i < 400; i++) {
			random_step(&m);
			if (!harness_below(&m.random, 25))
				fall(&m, harness_below(&m.random, 4));
		}
		finish(&m);
		model_close(&m);
	}
}

/* A full disk, failing operations and a limit that is reached: what does not arrive is counted, and nothing gets stuck. */
static void every_loss_is_counted(void **state)
{
	static const enum weir_spool_policy policies[] = { WEIR_SPOOL_DROP_OLDEST, WEIR_SPOOL_DROP_NEWEST,
							   WEIR_SPOOL_BLOCK };

	(void)state;
	for (uint64_t seed = 1; seed <= runs(12); seed++) {
		struct model m;

		model_open(&m, policies[seed % 3], seed);
		for (int i = 0; i < 400; i++) {
			random_step(&m);
			if (!harness_below(&m.random, 20))
				disk_limit(m.disk,
					   harness_below(&m.random, 3) ? UINT64_MAX : disk_bytes(m.disk) + 5000);
			if (!harness_below(&m.random, 20))
				disk_fail(m.disk, harness_below(&m.random, 3) ? 0 : 5);
			if (m.policy != WEIR_SPOOL_BLOCK && work(&m, false))
				check_account(&m);
		}
		finish(&m);
		model_close(&m);
	}
}

/* Whatever bytes change on the disk: what can be read arrives, the rest is counted, and new messages go on. */
static void rot_is_skipped(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= runs(12); seed++) {
		struct model m;

		model_open(&m, WEIR_SPOOL_DROP_OLDEST, seed);
		m.rots = true;
		for (int i = 0; i < 100; i++) {
			random_step(&m);
			if (harness_below(&m.random, 20))
				continue;
			sync_now(&m);
			if (harness_below(&m.random, 2))
				fall(&m, false);
			disk_rot(m.disk);
		}
		finish(&m);
		model_close(&m);
	}
}

/* ------------------------------------------------------- on a real directory */

static struct weir_spool_config real_config(const char *dir)
{
	return (struct weir_spool_config){
		.dir = dir, .limit_bytes = 64 << 20, .policy = WEIR_SPOOL_BLOCK, .sync_ns = 1000000
	};
}

static void make_dir(char dir[32])
{
	strcpy(dir, "/tmp/test_spool.XXXXXX");
	assert_non_null(mkdtemp(dir));
}

static void remove_dir(const char *dir)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* The numbers from `from` on, in order; acknowledges them. @return the number after the last. */
static uint32_t consume(struct weir_spool *spool, uint32_t from, uint32_t upto)
{
	struct pollfd wait = { .fd = weir_spool_fd(spool), .events = POLLIN };
	struct weir_spool_message message;
	eventfd_t bells;
	int64_t due_ns;

	while (from < upto) {
		if (weir_spool_peek(spool, &message, 0, &due_ns) < 0) {
			if (poll(&wait, 1, 2000) <= 0)
				break;
			eventfd_read(wait.fd, &bells);
			continue;
		}
		assert_int_equal(number_of(&message), from++);
		if (from % 64 == 0 || from == upto)
			weir_spool_ack(spool, message.id);
	}
	return from;
}

static void *produce(void *context)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];

	for (uint32_t number = 0; number < MESSAGES / 4; number++) {
		assert_int_equal(weir_spool_append(context, bytes, fill(bytes, number)), 0);
		if (number % 10 == 0)
			assert_int_equal(weir_spool_commit(context), 0);
	}
	assert_int_equal(weir_spool_commit(context), 0);
	return NULL;
}

/* Producer, writer and consumer on threads of their own: everything arrives, in order, and is then gone from the disk. */
static void three_threads_share_it(void **state)
{
	struct weir_spool_config config;
	struct weir_spool_counts c;
	struct weir_spool *spool;
	char dir[32], error[256];
	pthread_t thread;

	(void)state;
	make_dir(dir);
	config = real_config(dir);
	config.limit_bytes = 4 << 20; /* less than what goes through it */
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	assert_int_equal(pthread_create(&thread, NULL, produce, spool), 0);
	assert_int_equal(consume(spool, 0, MESSAGES / 4), MESSAGES / 4);
	pthread_join(thread, NULL);
	weir_spool_read_counts(spool, &c);
	assert_int_equal(c.acknowledged, MESSAGES / 4);
	assert_int_equal(c.waiting + c.lost_limit + c.lost_disk + c.lost_corrupt, 0);
	weir_spool_close(spool);
	remove_dir(dir);
}

/* One process at a time, and a limit that makes sense; both are said. */
static void what_cannot_be_is_refused(void **state)
{
	struct weir_spool_config config;
	struct weir_spool *spool, *second;
	char dir[32], error[256];

	(void)state;
	make_dir(dir);
	config = real_config(dir);
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	assert_int_equal(weir_spool_open(&second, &config, error), -EBUSY);
	assert_non_null(strstr(error, dir));
	weir_spool_close(spool);
	config.limit_bytes = 1000;
	assert_int_equal(weir_spool_open(&spool, &config, error), -EINVAL);
	config = real_config("/nowhere/at/all");
	assert_int_equal(weir_spool_open(&spool, &config, error), -ENOENT);
	assert_non_null(strstr(error, "/nowhere/at/all"));
	remove_dir(dir);
}

/* Sends the number of each message that has had time to be synced, until it is killed. */
static _Noreturn void produce_until_killed(const char *dir, uint32_t from, int report)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];
	struct weir_spool_config config = real_config(dir);
	struct weir_spool *spool;
	char error[256];

	if (weir_spool_open(&spool, &config, error) < 0)
		_exit(1);
	for (uint32_t number = from;; number++) {
		if (weir_spool_append(spool, bytes, fill(bytes, number)) < 0 || weir_spool_commit(spool) < 0)
			_exit(1);
		if (number % 16 == 15)
			usleep(300);
		if (write(report, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
}

/* How far a process came that is killed -9 after a while. */
static uint32_t kill_one(const char *dir, uint32_t from, useconds_t after_us)
{
	uint32_t number, next = from;
	int report[2];
	pid_t child;

	assert_int_equal(pipe(report), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		produce_until_killed(dir, from, report[1]);
	close(report[1]);
	usleep(after_us);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(report[0], &number, sizeof(number)) == sizeof(number))
		next = number + 1;
	close(report[0]);
	return next;
}

/* kill -9 at any moment: what was written before arrives in order, over many lives of the process. A message may be written
 * without having been reported, so the next life goes on from what was found. */
static void kill_9_loses_nothing_written(void **state)
{
	uint64_t random = 7;
	uint32_t from = 0, lives = (uint32_t)runs(10);
	char dir[32], error[256];

	(void)state;
	make_dir(dir);
	for (uint32_t life = 0; life < lives; life++) {
		struct weir_spool_config config = real_config(dir);
		uint32_t reported = kill_one(dir, from, 1000 + harness_below(&random, 20000)), found;
		struct weir_spool_counts c;
		struct weir_spool *spool;

		assert_int_equal(weir_spool_open(&spool, &config, error), 0);
		weir_spool_read_counts(spool, &c);
		found = consume(spool, from, from + (uint32_t)c.waiting);
		assert_int_equal(found, from + c.waiting);
		/* At most the two batches that were still in memory. */
		assert_true(found + 40 >= reported);
		assert_int_equal(c.lost_corrupt, 0);
		weir_spool_close(spool);
		from = found;
	}
	remove_dir(dir);
}

/* After an outage the backlog goes out at the rate that was set, and what comes later as it comes. */
static void a_backlog_keeps_to_its_rate(void **state)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];
	struct weir_spool_config config = { .dir = "model", .limit_bytes = LIMIT, .rate = 100, .manual = true };
	struct disk *disk = disk_new(1);
	struct weir_spool_io io = disk_io(disk);
	struct weir_spool_message message;
	struct weir_spool *spool;
	int64_t now_ns = 0, due_ns;
	uint32_t n = 0;
	char error[256];

	(void)state;
	config.io = &io;
	assert_int_equal(weir_spool_open(&spool, &config, error), 0);
	for (uint32_t number = 0; number < 300; number++)
		assert_int_equal(weir_spool_append(spool, bytes, fill(bytes, number)), 0);
	assert_int_equal(weir_spool_commit(spool), 0);
	weir_spool_work(spool, true);
	weir_spool_rewind(spool);
	for (;;) {
		if (!weir_spool_peek(spool, &message, now_ns, &due_ns)) {
			n++;
			continue;
		}
		if (due_ns == INT64_MAX)
			break;
		assert_true(due_ns > now_ns);
		now_ns = due_ns;
	}
	assert_int_equal(n, 300);
	assert_true(now_ns > 2800000000 && now_ns < 3000000000 + 20000000);
	weir_spool_close(spool);
	disk_free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives_in_order),  cmocka_unit_test(synced_messages_survive_a_cut),
		cmocka_unit_test(every_loss_is_counted),        cmocka_unit_test(rot_is_skipped),
		cmocka_unit_test(three_threads_share_it),       cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(kill_9_loses_nothing_written), cmocka_unit_test(a_backlog_keeps_to_its_rate),
	};

	return cmocka_run_group_tests_name("spool", tests, NULL, NULL);
}
