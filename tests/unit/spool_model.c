/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "spool_model.h"

#define ACK_FILE 8192

uint64_t spool_runs(uint64_t usual)
{
	const char *text = getenv("WEIR_SPOOL_RUNS");

	return text ? strtoull(text, NULL, 10) : usual;
}

static uint32_t length_of(uint32_t number)
{
	return 4 + (number * 2654435761u >> 7) % (number % 37 ? 300 : 20000);
}

uint32_t spool_fill(uint8_t *bytes, uint32_t number)
{
	uint32_t n = length_of(number);

	memcpy(bytes, &number, 4);
	memset(bytes + 4, (int)(number % 251), n - 4);
	return n;
}

uint32_t spool_number(const struct weir_spool_message *message)
{
	static uint8_t expected[WEIR_SPOOL_MESSAGE_MAX];
	uint32_t number;

	memcpy(&number, message->bytes, 4);
	assert_int_equal(message->n, spool_fill(expected, number));
	assert_memory_equal(message->bytes, expected, message->n);
	return number;
}

void model_begin(struct model *m)
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
	int tries = 0, err;

	m->io = disk_io(m->disk);
	while ((err = weir_spool_open(&m->spool, &config, error)) < 0)
		assert_true(m->fails && tries++ < 100);
	m->offset = 0;
}

void model_open(struct model *m, enum weir_spool_policy policy, uint64_t seed)
{
	*m = (struct model){ .policy = policy, .random = seed, .disk = disk_new(seed + 1) };
	m->id = calloc(MESSAGES, sizeof(*m->id));
	m->may_miss = calloc(MESSAGES, sizeof(*m->may_miss));
	assert_true(m->id && m->may_miss);
	model_begin(m);
}

void model_close(struct model *m)
{
	weir_spool_close(m->spool);
	disk_free(m->disk);
	free(m->id);
	free(m->may_miss);
}

struct weir_spool_counts model_counts(struct model *m)
{
	struct weir_spool_counts counts;

	weir_spool_read_counts(m->spool, &counts);
	return counts;
}

/* Every message has exactly one fate, or is still in memory. @return how many are. */
uint64_t model_in_memory(struct model *m)
{
	struct weir_spool_counts c = model_counts(m);
	uint64_t fates = c.acknowledged + c.waiting + c.lost_limit + c.lost_disk + c.lost_corrupt;

	assert_true(fates <= c.appended + c.recovered);
	assert_true(c.bytes <= LIMIT);
	assert_true(m->fails || disk_bytes(m->disk) <= LIMIT + ACK_FILE);
	return c.appended + c.recovered - fates;
}

/* ------------------------------------------------------------------- steps */

void model_append(struct model *m, uint32_t n)
{
	static uint8_t bytes[WEIR_SPOOL_MESSAGE_MAX];

	for (; n-- && m->next < MESSAGES; m->next++)
		if (weir_spool_append(m->spool, bytes, spool_fill(bytes, m->next)) < 0)
			break; /* it would block: the number is not used up */
}

/* @return was everything written? */
bool model_work(struct model *m, bool sync)
{
	bool all_committed;

	weir_spool_work(m->spool, false);
	all_committed = !weir_spool_commit(m->spool);
	weir_spool_work(m->spool, sync);
	return all_committed && !model_in_memory(m);
}

void model_sync(struct model *m)
{
	uint64_t errors = model_counts(m).disk_errors;
	bool all = model_work(m, true);

	if (model_counts(m).disk_errors != errors)
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
bool model_take(struct model *m)
{
	struct weir_spool_message message;
	int64_t due_ns;
	uint32_t number;

	if (weir_spool_peek(m->spool, &message, 0, &due_ns) < 0)
		return false;
	number = spool_number(&message);
	assert_true(number < m->next && number >= m->offset && number >= m->acked_safe);
	if (m->policy == WEIR_SPOOL_BLOCK)
		check_gap(m, m->offset > m->acked ? m->offset : m->acked, number);
	assert_true(!m->id[number] || m->id[number] == message.id);
	for (uint32_t before = number; before-- && number - before < 50;)
		assert_true(m->id[before] < message.id);
	m->id[number] = message.id;
	m->offset = number + 1;
	return true;
}

void model_acknowledge(struct model *m)
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

void model_rewind(struct model *m)
{
	weir_spool_rewind(m->spool);
	m->offset = 0;
}

void model_step(struct model *m)
{
	switch (harness_below(&m->random, 8)) {
	case 0:
	case 1:
	case 2:
		model_append(m, harness_below(&m->random, 40));
		break;
	case 3:
		model_work(m, false);
		break;
	case 4:
	case 5:
		for (uint32_t n = harness_below(&m->random, 60); n--;)
			model_take(m);
		break;
	case 6:
		model_acknowledge(m);
		break;
	default:
		if (harness_below(&m->random, 4))
			model_sync(m);
		else
			model_rewind(m);
	}
}

/* The process is killed, or the power is cut; then it is started again. */
void model_fall(struct model *m, bool power)
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
	model_begin(m);
}

/* Everything arrives that is still there. */
void model_finish(struct model *m)
{
	disk_fail(m->disk, 0);
	disk_limit(m->disk, UINT64_MAX);
	for (int i = 0; i < 100 && (i < 3 || model_counts(m).waiting); i++) {
		model_sync(m);
		model_rewind(m);
		while (model_take(m))
			;
		if (m->offset > m->acked) {
			weir_spool_ack(m->spool, m->id[m->offset - 1]);
			m->acked = m->arrived = m->offset;
		}
	}
	model_sync(m);
	assert_int_equal(model_counts(m).waiting, 0);
	assert_int_equal(model_in_memory(m), 0);
	if (m->policy == WEIR_SPOOL_BLOCK)
		check_gap(m, m->acked, m->next);
}
