/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/amqp_opening.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "devices/openssl_exit.h"

enum { RUNS, IS_OVER, IS_LEFT };

struct weir_amqp_opening {
	struct weir_broker *broker;
	struct weir_amqp_purpose purpose;
	char *texts; /* of the purpose, one behind the other */
	amqp_connection_state_t connection;
	bool is_exclusive; /* of a private queue */
	int err, done_fd;
	char why[WEIR_LINK_WHY];
	_Atomic int state; /* whoever finds that the other has left it frees it */
};

/* ------------------------------------------------------------------- the thread */

static bool is_left(struct weir_amqp_opening *opening)
{
	return atomic_load(&opening->state) == IS_LEFT;
}

static int check(struct weir_amqp_opening *opening)
{
	return weir_amqp_check_last(opening->connection, opening->why);
}

/* One that is exclusive goes with the connection; otherwise the broker waits for us to come back. */
static int declare_private(struct weir_amqp_opening *opening)
{
	amqp_table_entry_t expires = {
		.key = amqp_cstring_bytes("x-expires"),
		.value = { .kind = AMQP_FIELD_KIND_I32, .value.i32 = WEIR_AMQP_KEEPS_MS },
	};
	amqp_table_t arguments = { .num_entries = 1, .entries = &expires };
	bool is_exclusive = opening->is_exclusive;

	amqp_queue_declare(opening->connection, WEIR_AMQP_CHANNEL,
			   is_exclusive ? amqp_empty_bytes : amqp_cstring_bytes(opening->purpose.queue), 0,
			   !is_exclusive, is_exclusive, is_exclusive, is_exclusive ? amqp_empty_table : arguments);
	return check(opening);
}

static int declare_queue(struct weir_amqp_opening *opening)
{
	const struct weir_amqp_purpose *purpose = &opening->purpose;

	if (purpose->is_private)
		return declare_private(opening);
	amqp_queue_declare(opening->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(purpose->queue),
			   !purpose->declares, 1, 0, 0, amqp_empty_table);
	return check(opening);
}

static int begin_source(struct weir_amqp_opening *opening)
{
	const struct weir_amqp_purpose *purpose = &opening->purpose;
	/* An empty name is that of the queue declared last. */
	amqp_bytes_t queue = opening->is_exclusive ? amqp_empty_bytes : amqp_cstring_bytes(purpose->queue);
	int err = declare_queue(opening);

	if (!err && *purpose->exchange) {
		amqp_queue_bind(opening->connection, WEIR_AMQP_CHANNEL, queue, amqp_cstring_bytes(purpose->exchange),
				amqp_cstring_bytes(purpose->key), amqp_empty_table);
		err = check(opening);
	}
	if (!err) {
		amqp_basic_qos(opening->connection, WEIR_AMQP_CHANNEL, 0, purpose->prefetch, 0);
		err = check(opening);
	}
	if (!err) {
		amqp_basic_consume(opening->connection, WEIR_AMQP_CHANNEL, queue, amqp_empty_bytes, 0, 0, 0,
				   amqp_empty_table);
		err = check(opening);
	}
	return err;
}

static int begin_sink(struct weir_amqp_opening *opening)
{
	const struct weir_amqp_purpose *purpose = &opening->purpose;
	int err;

	if (*purpose->exchange) {
		amqp_exchange_declare(opening->connection, WEIR_AMQP_CHANNEL, amqp_cstring_bytes(purpose->exchange),
				      amqp_cstring_bytes("topic"), 1, 0, 0, 0, amqp_empty_table);
		err = check(opening); /* passive: it must be there, of whatever type */
	} else {
		err = declare_queue(opening);
	}
	if (err)
		return err;
	amqp_confirm_select(opening->connection, WEIR_AMQP_CHANNEL);
	return check(opening);
}

static int try_to_open(struct weir_amqp_opening *opening)
{
	int err = weir_broker_reach(opening->broker, opening->why);

	if (!err && is_left(opening))
		err = -ECANCELED;
	if (!err)
		err = weir_amqp_open(&opening->connection, opening->broker, opening->purpose.vhost, opening->why);
	if (!err && is_left(opening))
		err = -ECANCELED;
	if (!err)
		err = opening->purpose.is_source ? begin_source(opening) : begin_sink(opening);
	return err;
}

static void free_opening(struct weir_amqp_opening *opening)
{
	if (opening->connection)
		(void)amqp_destroy_connection(opening->connection);
	weir_broker_close(opening->broker);
	if (opening->done_fd >= 0)
		close(opening->done_fd);
	free(opening->texts);
	free(opening);
}

static void *run(void *context)
{
	struct weir_amqp_opening *opening = context;

	opening->err = try_to_open(opening);
	/* Who may read an exchange may not have leave to make queues of any name: then one that the broker names. */
	if (opening->err == -EACCES && opening->connection && opening->purpose.is_private && !is_left(opening)) {
		weir_amqp_shut(opening->connection);
		opening->connection = NULL;
		opening->is_exclusive = true;
		opening->err = try_to_open(opening);
	}
	(void)eventfd_write(opening->done_fd, 1); /* before: from then on it may be gone */
	if (atomic_exchange(&opening->state, IS_OVER) == IS_LEFT)
		free_opening(opening);
	return NULL;
}

/* ------------------------------------------------------------------- who waits */

static int copy_texts(struct weir_amqp_opening *opening, const struct weir_amqp_purpose *purpose)
{
	const char **text[] = { &opening->purpose.vhost, &opening->purpose.exchange, &opening->purpose.key,
				&opening->purpose.queue };
	size_t n = strlen(purpose->vhost) + strlen(purpose->exchange) + strlen(purpose->key) + strlen(purpose->queue);
	char *at = opening->texts = malloc(n + 4);

	if (!at)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(text) / sizeof(*text); i++) {
		size_t bytes = strlen(*text[i]) + 1;

		*text[i] = memcpy(at, *text[i], bytes);
		at += bytes;
	}
	return 0;
}

static int start_thread(struct weir_amqp_opening *opening)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	err = -pthread_create(&thread, &attributes, run, opening);
	pthread_attr_destroy(&attributes);
	return err;
}

int weir_amqp_begin(struct weir_amqp_opening **out, const struct weir_broker *broker,
		    const struct weir_amqp_purpose *purpose)
{
	struct weir_amqp_opening *opening = calloc(1, sizeof(*opening));
	int err;

	*out = NULL;
	if (!opening)
		return -ENOMEM;
	opening->purpose = *purpose;
	opening->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	err = opening->done_fd < 0 ? -errno : copy_texts(opening, purpose);
	if (!err)
		err = weir_broker_copy(&opening->broker, broker);
	if (!err)
		err = start_thread(opening);
	if (err)
		free_opening(opening);
	else
		*out = opening;
	return err;
}

int weir_amqp_opening_fd(const struct weir_amqp_opening *opening)
{
	return opening->done_fd;
}

int weir_amqp_opened(struct weir_amqp_opening **at, amqp_connection_state_t *out, bool *is_shared,
		     char why[WEIR_LINK_WHY])
{
	struct weir_amqp_opening *opening = *at;
	int err;

	if (atomic_load(&opening->state) != IS_OVER)
		return -EAGAIN;
	err = opening->err == -EAGAIN ? -EIO : opening->err;
	*out = opening->connection;
	*is_shared = !opening->is_exclusive;
	memcpy(why, opening->why, WEIR_LINK_WHY);
	opening->connection = NULL;
	*at = NULL;
	free_opening(opening);
	return err;
}

void weir_amqp_leave(struct weir_amqp_opening **at)
{
	struct weir_amqp_opening *opening = *at;

	*at = NULL;
	if (opening && atomic_exchange(&opening->state, IS_LEFT) == IS_OVER)
		free_opening(opening);
}
