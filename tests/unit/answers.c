/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "answers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/dice.h"
#include "outbox_sink.h"

struct answers *answers;

/* ------------------------------------------------------- the sink that writes */

/* Records lie in it until it is flushed, as in a buffer of print. */
struct page {
	uint32_t number[4096], n;
	struct dice dice;
};

static int page_open(struct weir_node *node, const struct weir_schema *in)
{
	struct page *page = weir_state(node);

	(void)in;
	page->dice.state = (uint64_t)weir_now(WEIR_CLOCK_MONOTONIC);
	if (answers->slow_us)
		weir_is_slow(node);
	return 0;
}

static int page_flush(struct weir_node *node)
{
	struct page *page = weir_state(node);

	for (uint32_t i = 0; i < page->n; i++)
		answers->done[WRITTEN][page->number[i]]++;
	page->n = 0;
	return 0;
}

static int page_push(struct weir_node *node, const struct weir_block *in)
{
	struct page *page = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++) {
		if (answers->slow_us)
			usleep(roll_below(&page->dice, answers->slow_us));
		if (in->column[0].integer[i] == answers->fails_at)
			return weir_fail(node, EIO, "it fails");
		page->number[page->n++] = (uint32_t)in->column[0].integer[i];
		if (page->n == sizeof(page->number) / sizeof(page->number[0]))
			page_flush(node);
	}
	return 0;
}

/* ----------------------------------------------- windows, and what is in them */

struct number {
	struct weir_block *out;
};

static int number_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct number *number = weir_state(node);

	weir_schema_init(out, in->clock);
	if (weir_schema_add(out, "s", WEIR_INT, "", 0) < 0)
		return -EINVAL;
	weir_one_for_one(node);
	return weir_block_open(&number->out, weir_out(node));
}

static int number_push(struct weir_node *node, const struct weir_block *in)
{
	struct number *number = weir_state(node);

	number->out->n = 0;
	for (uint32_t i = 0; i < in->n; i++) {
		answers->order[answers->n_order % ORDER] = (uint32_t)in->column[0].integer[i];
		number->out->t[i] = in->t[i];
		number->out->column[0].integer[i] = answers->n_order++;
		weir_block_add(number->out);
	}
	return weir_emit(node, number->out);
}

static void number_close(struct weir_node *node)
{
	weir_block_close(((struct number *)weir_state(node))->out);
}

/* As a page, of windows: their first record and their last. */
struct book {
	int64_t from[256], to[256];
	uint32_t n;
	int64_t last_from, last_to;
};

static int book_open(struct weir_node *node, const struct weir_schema *in)
{
	((struct book *)weir_state(node))->last_to = -1;
	(void)in;
	return 0;
}

static void book_do(int64_t from, int64_t to)
{
	for (int64_t s = from; s <= to; s++)
		answers->done[IN_WINDOW][answers->order[s % ORDER]]++;
}

/* What lies before the next window is in no other. */
static int book_flush(struct weir_node *node)
{
	struct book *book = weir_state(node);

	for (uint32_t i = 0; i < book->n; i++) {
		/* Also of a window that is still growing: counted from its end. */
		int64_t next = answers->step ? book->to[i] - answers->size + answers->step : book->to[i];

		book_do(book->from[i], next < book->to[i] ? next : book->to[i]);
		book->last_from = next < book->from[i] ? book->from[i] : next + 1;
		book->last_to = book->to[i];
	}
	book->n = 0;
	return 0;
}

static int book_push(struct weir_node *node, const struct weir_block *in)
{
	struct book *book = weir_state(node);

	for (uint32_t i = 0; i < in->n; i++) {
		if (book->n == sizeof(book->from) / sizeof(book->from[0]))
			book_flush(node);
		book->from[book->n] = (int64_t)in->column[0].real[i];
		book->to[book->n++] = (int64_t)in->column[1].real[i];
	}
	return 0;
}

/* No other window comes. */
static int book_end(struct weir_node *node)
{
	struct book *book = weir_state(node);

	book_flush(node);
	book_do(book->last_from, book->last_to);
	return 0;
}

/* -------------------------------------------------------- the sink that sends */

struct wire {
	struct weir_outbox *outbox;
	struct weir_outbox_args args;
	struct dice dice;
	uint32_t number[WEIR_OUTBOX_WINDOW];
	uint64_t token[WEIR_OUTBOX_WINDOW], next;
	uint32_t n;
};

static int wire_connect(void *context, char why[WEIR_LINK_WHY])
{
	((struct wire *)context)->n = 0;
	snprintf(why, WEIR_LINK_WHY, "nobody is there");
	return answers->is_away ? -ECONNREFUSED : 0;
}

static void wire_arrive(struct wire *wire)
{
	answers->done[SENT][wire->number[0]]++;
	wire->n--;
	memmove(wire->number, wire->number + 1, wire->n * sizeof(*wire->number));
	weir_outbox_settle(wire->outbox, wire->token[0], WEIR_OUTBOX_DELIVERED);
	memmove(wire->token, wire->token + 1, wire->n * sizeof(*wire->token));
}

static int wire_serve(void *context, int wake_fd, int64_t until_ns, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;

	(void)wake_fd;
	if (until_ns > weir_now(WEIR_CLOCK_MONOTONIC))
		usleep(50);
	for (uint32_t n = roll_below(&wire->dice, wire->n + 1); n; n--)
		wire_arrive(wire);
	if (!answers->cut_every || roll_below(&wire->dice, answers->cut_every))
		return 1;
	snprintf(why, WEIR_LINK_WHY, "cut");
	return -EIO;
}

static void wire_shut(void *context)
{
	(void)context;
}

static void wire_wait(void *context, struct weir_wait *wait)
{
	(void)context;
	*wait = (struct weir_wait){ .until_ns = weir_now(WEIR_CLOCK_MONOTONIC) + 50000, .fd = -1, .gathers = true };
}

static int wire_send(void *context, const struct weir_outbox_message *message, uint64_t *token, char why[WEIR_LINK_WHY])
{
	struct wire *wire = context;
	char text[64] = "";

	(void)why;
	if (wire->n == WEIR_OUTBOX_WINDOW)
		return -EAGAIN;
	memcpy(text, message->bytes, message->n);
	wire->number[wire->n] = (uint32_t)atoi(strstr(text, "\"n\":") + 4);
	*token = wire->token[wire->n++] = ++wire->next;
	return 0;
}

static int wire_open(struct weir_node *node, const struct weir_schema *in)
{
	static const struct weir_outbox_ops ops = {
		.link = { .open = wire_connect,
			  .serve = wire_serve,
			  .shut = wire_shut,
			  .wait = wire_wait,
			  .first_ns = 1000,
			  .lasts_ns = 1 },
		.send = wire_send,
	};
	struct wire *wire = weir_state(node);

	(void)in;
	wire->dice.state = (uint64_t)weir_now(WEIR_CLOCK_MONOTONIC);
	return weir_outbox_open(&wire->outbox, node, &wire->args, &ops, wire, "broker", "");
}

/* Where the chain's thread has the connection. */
static int wire_serve_attached(struct weir_node *node, struct weir_wait *wait)
{
	return weir_outbox_serve(outbox_of(node), wait);
}

static struct weir_progress wire_progress(const struct weir_node *node)
{
	return weir_outbox_progress(outbox_of(node));
}

/* -------------------------------------------------------------------- drivers */

static const struct weir_param page_params[] = { { 0 } };
static const struct weir_param wire_params[] = { WEIR_OUTBOX_PARAMS(struct wire, args), { 0 } };
static const struct weir_sink_ops page_ops = {
	.state_bytes = sizeof(struct page),
	.open = page_open,
	.push = page_push,
	.flush = page_flush,
};
static const struct weir_sink_ops wire_ops = {
	.state_bytes = sizeof(struct wire),
	.open = wire_open,
	.start = outbox_sink_start,
	.push = outbox_sink_push,
	.end = outbox_sink_end,
	.serve = wire_serve_attached,
	.close = outbox_sink_close,
	.progress = wire_progress,
};
static const struct weir_sink_ops book_ops = {
	.state_bytes = sizeof(struct book),
	.open = book_open,
	.push = book_push,
	.flush = book_flush,
	.end = book_end,
};
static const struct weir_operator_ops number_ops = {
	.state_bytes = sizeof(struct number),
	.open = number_open,
	.push = number_push,
	.close = number_close,
	.keeps_nothing = true,
};
const struct weir_driver answers_book = { .name = "book", .sink_params = page_params, .sink = &book_ops };
const struct weir_driver answers_number = { .name = "number", .operator_params = page_params, .stage = &number_ops };
const struct weir_driver answers_page = { .name = "page", .sink_params = page_params, .sink = &page_ops };
const struct weir_driver answers_wire = { .name = "wire", .sink_params = wire_params, .sink = &wire_ops };
