/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "devices/name_list.h"
#include "devices/polled.h"

#define EMPTY_MAX 10 /* rows without any value until the device counts as broken */

const char *const weir_polled_clocks[] = { "monotonic", "realtime", NULL };

const char *weir_polled_why(int cause)
{
	switch (cause) {
	case WEIR_POLLED_NO_NUMBER:
		return "not a number";
	case WEIR_POLLED_OUT_OF_RANGE:
		return "value out of range";
	case WEIR_POLLED_FAULT:
		return "fault of the sensor reported by its chip";
	case WEIR_POLLED_CRC:
		return "wrong checksum";
	case WEIR_POLLED_NO_ANSWER:
		return "no answer or wrong checksum";
	case WEIR_POLLED_POWER_ON:
		return "value from before the first conversion";
	default:
		return strerror(cause);
	}
}

/* ----------------------------------------------------------------- one value */

ssize_t weir_polled_text(int fd, char *text, size_t size)
{
	ssize_t got = pread(fd, text, size - 1, 0);

	text[got < 0 ? 0 : got] = '\0';
	return got < 0 ? -errno : got;
}

/* strtod() would take "nan", "0x10" and "1e3", which no attribute of this kind has. */
int weir_polled_parse(const char *text, double *value)
{
	const char *digits = text + (*text == '-');
	size_t n = strspn(digits, "0123456789"), rest = n + strspn(digits + n, " \t\n");

	if (!n || digits[rest])
		return WEIR_POLLED_NO_NUMBER;
	*value = strtod(text, NULL);
	return 0;
}

int weir_polled_read_number(struct weir_polled_channel *channel, double *value)
{
	char text[64];
	ssize_t got = weir_polled_text(channel->fd, text, sizeof(text));
	double number;
	int cause = got < 0 ? (int)-got : weir_polled_parse(text, &number);

	if (!cause && !(number >= channel->least && number <= channel->most))
		cause = WEIR_POLLED_OUT_OF_RANGE;
	if (!cause)
		*value = number;
	return cause;
}

/* After the value, so that a fault that came meanwhile counts. */
static int polled_read_fault(const struct weir_polled_channel *channel)
{
	char text[16];
	double fault;
	ssize_t got = channel->fault_fd < 0 ? 0 : weir_polled_text(channel->fault_fd, text, sizeof(text));

	if (channel->fault_fd < 0)
		return 0;
	if (got < 0)
		return (int)-got;
	return weir_polled_parse(text, &fault) || fault ? WEIR_POLLED_FAULT : 0;
}

/* ---------------------------------------------------------------------- open */

int weir_polled_open(struct weir_polled *polled, const char *title, const char *dir, struct weir_schema *out)
{
	struct stat status;

	snprintf(polled->title, sizeof(polled->title), "%s", title);
	if (snprintf(polled->dir, sizeof(polled->dir), "%s", dir) >= (int)sizeof(polled->dir))
		return -ENAMETOOLONG;
	if (stat(dir, &status))
		return -errno;
	polled->inode = status.st_ino;
	weir_schema_init(out, polled->is_realtime ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	return 0;
}

int weir_polled_add(struct weir_polled *polled, struct weir_node *node, struct weir_schema *out, const char *name,
		    const char *unit, const char *file, struct weir_polled_channel **channel)
{
	struct weir_polled_channel *added = &polled->channel[polled->n];
	int field = weir_schema_add(out, name, WEIR_REAL, unit, 8);

	if (field == -EEXIST)
		return weir_fail_arg(node, NULL, "name each channel once", "two channels are called '%s'", name);
	if (field < 0)
		return weir_fail_arg(node, NULL, "choose channels in brackets", "channel '%s': %s", name,
				     weir_schema_limit(out->n_fields, strlen(name) + 1));
	*added = (struct weir_polled_channel){ .fd = -1, .fault_fd = -1, .least = -HUGE_VAL, .most = HUGE_VAL };
	snprintf(added->name, sizeof(added->name), "%s", name);
	snprintf(added->path, sizeof(added->path), "%s/%s", polled->dir, file);
	polled->n++;
	if (channel)
		*channel = added;
	return 0;
}

static int polled_open_file(const struct weir_polled *polled, struct weir_node *node, const char *path, int *fd)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	return weir_fail_device(node, polled->title, "open", errno, path);
}

int weir_polled_start(struct weir_polled *polled, struct weir_node *node)
{
	int err = 0;

	for (uint32_t i = 0; i < polled->n && !err; i++) {
		struct weir_polled_channel *channel = &polled->channel[i];

		err = polled_open_file(polled, node, channel->path, &channel->fd);
		if (!err && *channel->fault_path)
			err = polled_open_file(polled, node, channel->fault_path, &channel->fault_fd);
	}
	weir_schedule_begin(&polled->schedule, weir_now(WEIR_CLOCK_MONOTONIC), (int64_t)(1e9 / polled->rate_hz),
			    polled->retry);
	return err;
}

void weir_polled_close(struct weir_polled *polled)
{
	for (uint32_t i = 0; i < polled->n; i++) {
		if (polled->channel[i].fd >= 0)
			close(polled->channel[i].fd);
		if (polled->channel[i].fault_fd >= 0)
			close(polled->channel[i].fault_fd);
	}
	polled->n = 0;
}

/* ------------------------------------------------------------------ failures */

static void polled_count(struct weir_polled_channel *channel, int cause)
{
	uint32_t i = 0;

	while (i < WEIR_POLLED_CAUSES - 1) {
		int known = atomic_load_explicit(&channel->cause[i], memory_order_relaxed);

		if (!known || known == cause)
			break;
		i++;
	}
	atomic_store_explicit(&channel->cause[i], cause, memory_order_relaxed);
	atomic_fetch_add_explicit(&channel->failures[i], 1, memory_order_relaxed);
}

static void polled_lose(struct weir_polled *polled, struct weir_node *node, struct weir_polled_channel *channel)
{
	atomic_fetch_add_explicit(&channel->lost, 1, memory_order_relaxed);
	if (!channel->has_warned)
		weir_warn(node, "channel '%s' of '%s' (%s) could not be read: %s", channel->name, polled->title,
			  channel->path, weir_polled_why(channel->failed));
	channel->has_warned = true;
}

/* A path that is shorter than the files' stays when a device of the same number comes, but its inode does not. */
static bool polled_is_gone(const struct weir_polled *polled)
{
	struct stat status;

	return stat(polled->dir, &status) || status.st_ino != polled->inode;
}

static int polled_fail_gone(struct weir_polled *polled, struct weir_node *node)
{
	return weir_fail_device(node, polled->title, "read", ENODEV,
				"the device was unplugged, or its driver unloaded; connect it and start again");
}

/* A row without any value. */
static int polled_bear(struct weir_polled *polled, struct weir_node *node, int cause)
{
	char advice[sizeof(polled->how)];
	const char *how = weir_polled_how(polled);

	if (polled_is_gone(polled))
		return polled_fail_gone(polled, node);
	if (++polled->empty < EMPTY_MAX)
		return -EAGAIN;
	snprintf(advice, sizeof(advice), "%s; check wiring and power, or set retry=", how ? how : "no value");
	return weir_fail_device(node, polled->title, "read", cause < WEIR_POLLED_NO_NUMBER ? cause : EIO, advice);
}

/* ---------------------------------------------------------------------- rows */

static void polled_begin_row(struct weir_polled *polled, struct weir_node *node)
{
	for (uint32_t i = 0; i < polled->n; i++)
		polled->channel[i].is_read = false;
	polled->rows++;
	if (polled->prepare)
		polled->prepare(polled, node);
}

/* A reading may take most of a second, and a device may have many. */
static bool polled_is_ending(const struct weir_node *node)
{
	struct pollfd halt = { .fd = weir_halt_fd(node), .events = POLLIN };

	return poll(&halt, 1, 0) > 0;
}

/* Channels that are still without a value, after one attempt; -ECANCELED: the run is to end. */
static int polled_attempt(struct weir_polled *polled, const struct weir_node *node)
{
	int open = 0;

	for (uint32_t i = 0; i < polled->n; i++) {
		struct weir_polled_channel *channel = &polled->channel[i];

		if (channel->is_read)
			continue;
		if (i && polled_is_ending(node))
			return -ECANCELED;
		channel->failed = channel->read ? channel->read(channel, &channel->value)
						: weir_polled_read_number(channel, &channel->value);
		if (!channel->failed)
			channel->failed = polled_read_fault(channel);
		channel->is_read = !channel->failed;
		open += !channel->is_read;
		if (channel->failed)
			polled_count(channel, channel->failed);
	}
	return open;
}

static void polled_write(struct weir_polled *polled, struct weir_node *node, int64_t t, char *row)
{
	const struct weir_schema *schema = weir_out(node);

	memcpy(row + schema->t.at, &t, sizeof(t));
	for (uint32_t i = 0; i < polled->n; i++) {
		double value = polled->channel[i].is_read ? polled->channel[i].value : NAN;

		memcpy(row + schema->field[i].at, &value, sizeof(value));
	}
}

/* The row is as complete as it gets: 1, -EAGAIN for none, -errno after a message. */
static int polled_end_row(struct weir_polled *polled, struct weir_node *node, struct weir_rows *rows, int64_t t,
			  uint32_t open)
{
	int cause = 0;

	for (uint32_t i = 0; i < polled->n; i++) {
		if (polled->channel[i].is_read)
			continue;
		cause = polled->channel[i].failed;
		polled_lose(polled, node, &polled->channel[i]);
	}
	/* A row without any value is one record that is lost, each other failure a value. */
	if (open)
		weir_lost(node, WEIR_LOST_DEVICE, open < polled->n ? open : 1);
	if (open == polled->n)
		return polled_bear(polled, node, cause);
	polled_write(polled, node, t, weir_rows_next(rows));
	weir_rows_add(rows);
	polled->empty = 0;
	return 1;
}

int weir_polled_produce(struct weir_polled *polled, struct weir_node *node, struct weir_rows *rows,
			struct weir_wait *wait)
{
	struct weir_schedule *schedule = &polled->schedule;
	uint64_t missed;
	int64_t t;
	int got, open;

	*wait = (struct weir_wait){ .until_ns = schedule->next_ns, .fd = -1 };
	if (!weir_rows_next(rows) || !weir_schedule_is_due(schedule, weir_now(WEIR_CLOCK_MONOTONIC), &missed))
		return -EAGAIN;
	if (missed)
		weir_lost(node, WEIR_LOST_DEVICE, missed);
	if (!schedule->attempt)
		polled_begin_row(polled, node);
	t = weir_now(weir_out(node)->clock);
	open = polled_attempt(polled, node);
	if (open < 0)
		return -EAGAIN;
	if (open && polled_is_gone(polled))
		return polled_fail_gone(polled, node);
	if (open && weir_schedule_again(schedule)) {
		wait->until_ns = schedule->next_ns;
		return -EAGAIN;
	}
	got = polled_end_row(polled, node, rows, t, (uint32_t)open);
	weir_schedule_done(schedule);
	wait->until_ns = schedule->next_ns;
	return got;
}

/* ------------------------------------------------------------------- summary */

static void polled_append_channel(struct weir_polled *polled, const struct weir_polled_channel *channel)
{
	const char *separator = ":";

	if (!atomic_load_explicit(&channel->failures[0], memory_order_relaxed))
		return;
	weir_text_append(polled->how, sizeof(polled->how),
			 "%schannel '%s': %llu of %llu readings lost, attempts failed", *polled->how ? "; " : "",
			 channel->name, (unsigned long long)atomic_load_explicit(&channel->lost, memory_order_relaxed),
			 (unsigned long long)polled->rows);
	for (uint32_t i = 0; i < WEIR_POLLED_CAUSES; i++) {
		uint64_t n = atomic_load_explicit(&channel->failures[i], memory_order_relaxed);
		int cause = atomic_load_explicit(&channel->cause[i], memory_order_relaxed);

		if (!n)
			break;
		weir_text_append(polled->how, sizeof(polled->how), "%s %llu %s", separator, (unsigned long long)n,
				 weir_polled_why(cause));
		separator = ",";
	}
}

const char *weir_polled_how(struct weir_polled *polled)
{
	*polled->how = '\0';
	for (uint32_t i = 0; i < polled->n; i++)
		polled_append_channel(polled, &polled->channel[i]);
	return *polled->how ? polled->how : NULL;
}
