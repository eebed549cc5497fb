/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a reader comes by a publisher's memory. Nothing that the publisher says is believed before it has been checked against what
 * the kernel says: the sizes of what came, and that they cannot change any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "format/record_format.h"
#include "share/share_place.h"
#include "share/tap_internal.h"
#include "stream/mirror.h"
#include "stream/record.h"
#include "stream/ring.h"

#define ANSWER_MS 3000
#define FDS_ROOM 8 /* more than there may be, so that too many show */

struct answer {
	char bytes[sizeof(struct weir_share_view) + WEIR_SHARE_TEXT_MAX + 1];
	size_t n;
	int fd[FDS_ROOM];
	unsigned n_fds;
};

int weir_tap_because(char *why, int error, const char *format, ...)
{
	va_list arguments;

	if (why) {
		va_start(arguments, format);
		vsnprintf(why, WEIR_TAP_WHY, format, arguments);
		va_end(arguments);
		/* A peer had a say in it, and it may go to a terminal. */
		for (char *c = why; *c; c++)
			if (*c != '\n' && ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f))
				*c = '?';
	}
	return -error;
}

static int nonsense(char *why, const char *what)
{
	return weir_tap_because(why, EPROTO, "invalid data from its publisher: %s", what);
}

/* ------------------------------------------------------------------ checking */

_Static_assert((int)WEIR_TAP_AS_ALLOWED == WEIR_SHARE_AS_ALLOWED &&
		       (int)WEIR_TAP_DROP_OLDEST == WEIR_SHARE_DROP_OLDEST && (int)WEIR_TAP_BLOCK == WEIR_SHARE_BLOCK,
	       "what is asked for goes over the wire as it is");

/* Nothing that a terminal would act on: C0, DEL, and C1 as UTF-8. */
static bool is_plain(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	for (; *c; c++)
		if (*c < ' ' || *c == 0x7f || (*c == 0xc2 && c[1] < 0xa0))
			return false;
	return true;
}

int weir_tap_read_schema(struct weir_schema *schema, const char *text, size_t n)
{
	int error = weir_record_schema_read(schema, text, n);

	for (uint32_t i = 0; !error && i < schema->n_fields; i++)
		if (!is_plain(schema->field[i].name) || !is_plain(schema->field[i].unit))
			error = -EBADMSG;
	return error;
}

static int check_refusal(const struct weir_share_welcome *welcome, const char *text, char *why)
{
	/* Whatever number it is: one of ours, so that nothing here is taken for success. */
	int error = welcome->refused > 0 && welcome->refused < 4096 ? welcome->refused : EPROTO;

	return weir_tap_because(why, error, "%.*s", (int)welcome->text_bytes, text);
}

static int check_geometry(const struct weir_tap *tap, const struct weir_share_welcome *welcome, char *why)
{
	uint64_t bytes = (uint64_t)welcome->capacity * welcome->row_bytes;

	if (welcome->row_bytes != tap->schema.row_bytes)
		return nonsense(why, "its rows are not as long as its schema has them");
	if (!bytes || bytes > WEIR_SHARE_BYTES_MAX || bytes % tap->page)
		return nonsense(why, "so many rows there cannot be");
	if (welcome->rows_at != tap->page)
		return nonsense(why, "its rows begin elsewhere");
	if (welcome->policy != WEIR_SHARE_DROP_OLDEST && welcome->policy != WEIR_SHARE_BLOCK)
		return nonsense(why, "an unknown policy");
	return 0;
}

/* Ordinary memory, of just that size for ever: then no access to it can fail. */
static int check_memory(int fd, uint64_t bytes, char *why)
{
	struct statfs filesystem;
	struct stat stat;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
		return nonsense(why, "its memory is not sealed");
	if (fstatfs(fd, &filesystem) < 0 || filesystem.f_type != TMPFS_MAGIC)
		return nonsense(why, "its memory is of another kind");
	if (fstat(fd, &stat) < 0 || stat.st_size < 0 || (uint64_t)stat.st_size != bytes)
		return nonsense(why, "its memory is not as large as it says");
	return 0;
}

static int check_message(const void *message, size_t bytes, struct weir_share_welcome *welcome, char *why)
{
	if (bytes < sizeof(*welcome))
		return nonsense(why, "too short a message");
	memcpy(welcome, message, sizeof(*welcome));
	if (welcome->magic != WEIR_SHARE_MAGIC)
		return nonsense(why, "this is no stream");
	if (welcome->version != WEIR_SHARE_VERSION)
		return weir_tap_because(why, EPROTO, "its publisher is of another version of weir");
	if (welcome->text_bytes > WEIR_SHARE_TEXT_MAX || welcome->text_bytes != bytes - sizeof(*welcome))
		return nonsense(why, "a message of another length");
	return 0;
}

static int take_schema(struct weir_tap *tap, const struct weir_share_welcome *welcome, const char *text, char *why)
{
	tap->text = strndup(text, welcome->text_bytes);
	if (!tap->text)
		return weir_tap_because(why, ENOMEM, "out of memory");
	if (weir_tap_read_schema(&tap->schema, text, welcome->text_bytes) < 0)
		return nonsense(why, "its schema cannot be read");
	return check_geometry(tap, welcome, why);
}

/* ------------------------------------------------------------------- mapping */

static void *map_page(const struct weir_tap *tap, int fd, int protection)
{
	void *page = mmap(NULL, tap->page, protection, MAP_SHARED | MAP_POPULATE, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

static int map_memory(struct weir_tap *tap, const int *fds, char *why)
{
	void *rows;
	int error;

	tap->front = map_page(tap, fds[0], PROT_READ);
	tap->seat = map_page(tap, fds[1], PROT_READ | PROT_WRITE);
	if (!tap->front || !tap->seat)
		return weir_tap_because(why, errno, "its memory cannot be mapped: %s", strerror(errno));
	error = weir_mirror_map_at(&rows, tap->bytes, fds[0], (off_t)tap->page, PROT_READ);
	if (error)
		return weir_tap_because(why, -error, "its memory cannot be mapped: %s", strerror(-error));
	tap->rows = rows;
	return 0;
}

static void set_geometry(struct weir_tap *tap, const struct weir_share_welcome *welcome)
{
	tap->row_bytes = welcome->row_bytes;
	tap->capacity = welcome->capacity;
	tap->bytes = (size_t)welcome->capacity * welcome->row_bytes;
	tap->start_at = welcome->start_at;
	tap->joined_at = tap->position = welcome->read_from;
	tap->slot = (uint32_t)((tap->position - tap->start_at) % tap->capacity);
	tap->holds = welcome->policy == WEIR_SHARE_BLOCK;
}

static int admit(struct weir_tap *tap, const void *message, size_t bytes, const int *fds, unsigned n_fds, char *why)
{
	const char *text = (const char *)message + sizeof(struct weir_share_welcome);
	struct weir_share_welcome welcome;
	int error = check_message(message, bytes, &welcome, why);

	if (!error && welcome.refused)
		return check_refusal(&welcome, text, why);
	if (!error && n_fds != WEIR_SHARE_FDS)
		return nonsense(why, "its memory did not come");
	if (!error)
		error = take_schema(tap, &welcome, text, why);
	if (!error) {
		set_geometry(tap, &welcome);
		error = check_memory(fds[0], tap->page + tap->bytes, why);
	}
	if (!error)
		error = check_memory(fds[1], tap->page, why);
	return error ? error : map_memory(tap, fds, why);
}

int weir_tap_admit(struct weir_tap **out, int connection, const void *message, size_t bytes, const int *fds,
		   unsigned n_fds, char *why)
{
	struct weir_tap *tap = calloc(1, sizeof(*tap));
	int error;

	*out = NULL;
	if (!tap)
		return weir_tap_because(why, ENOMEM, "out of memory");
	tap->fd = -1;
	tap->page = (size_t)sysconf(_SC_PAGESIZE);
	error = admit(tap, message, bytes, fds, n_fds, why);
	if (error) {
		weir_tap_close(tap);
		return error;
	}
	tap->fd = connection;
	*out = tap;
	return 0;
}

void weir_tap_close(struct weir_tap *tap)
{
	if (!tap)
		return;
	if (tap->rows)
		weir_mirror_unmap((void *)tap->rows, tap->bytes);
	if (tap->front)
		munmap((void *)tap->front, tap->page);
	if (tap->seat)
		munmap(tap->seat, tap->page);
	if (tap->fd >= 0)
		close(tap->fd);
	free(tap->text);
	free(tap);
}

/* ------------------------------------------------------------------- talking */

static void take_fds(struct answer *answer, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n && answer->n_fds < FDS_ROOM; i++)
			memcpy(&answer->fd[answer->n_fds++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

static void close_answer(struct answer *answer)
{
	while (answer->n_fds)
		close(answer->fd[--answer->n_fds]);
}

static int receive(int fd, struct answer *answer)
{
	union {
		char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec part = { answer->bytes, sizeof(answer->bytes) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	answer->n_fds = 0;
	n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	take_fds(answer, &message);
	answer->n = (size_t)n;
	if (!n)
		return -ECONNRESET;
	return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : 0;
}

static int ask(int fd, enum weir_share_ask what, int policy)
{
	struct weir_share_hello hello = {
		.magic = WEIR_SHARE_MAGIC,
		.version = WEIR_SHARE_VERSION,
		.ask = (uint8_t)what,
		.policy = (uint8_t)policy,
	};

	return send(fd, &hello, sizeof(hello), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int await(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, ANSWER_MS) ? 0 : -ETIMEDOUT;
}

static int explain(const char *name, int error, char *why)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
		return weir_tap_because(why, ENOENT, "no process publishes '%s'", name);
	case -EACCES:
		return weir_tap_because(why, EACCES, "'%s' is not for this user: see group= of its publisher", name);
	case -EPROTO:
		return nonsense(why, "too much at once");
	case -ETIMEDOUT:
		return weir_tap_because(why, ETIMEDOUT, "the publisher of '%s' does not answer", name);
	default:
		return weir_tap_because(why, -error, "'%s' cannot be read: %s", name, strerror(-error));
	}
}

int weir_tap_ask(const char *name, int policy, char *why)
{
	int fd, error;

	if (weir_share_check_name(name) < 0 || policy < WEIR_TAP_AS_ALLOWED || policy > WEIR_TAP_BLOCK)
		return weir_tap_because(why, EINVAL, "no stream can be called '%s'", name);
	fd = weir_share_connect(name);
	if (fd < 0)
		return explain(name, fd, why);
	error = ask(fd, WEIR_SHARE_SUBSCRIBE, policy);
	if (!error)
		return fd;
	close(fd);
	return explain(name, error, why);
}

int weir_tap_answer(struct weir_tap **out, int fd, const char *name, char *why)
{
	struct answer *answer = malloc(sizeof(*answer));
	int error;

	*out = NULL;
	if (!answer)
		return weir_tap_because(why, ENOMEM, "out of memory");
	error = receive(fd, answer);
	if (!error)
		error = weir_tap_admit(out, fd, answer->bytes, answer->n, answer->fd, answer->n_fds, why);
	else
		explain(name, error, why);
	close_answer(answer);
	free(answer);
	return error;
}

int weir_tap_open(struct weir_tap **out, const char *name, int policy, char *why)
{
	int fd = weir_tap_ask(name, policy, why), error;

	*out = NULL;
	if (fd < 0)
		return fd;
	error = await(fd);
	if (error)
		explain(name, error, why);
	else
		error = weir_tap_answer(out, fd, name, why);
	if (error)
		close(fd);
	return error;
}

int weir_tap_look(int connection, struct weir_share_view *view, char *text)
{
	struct answer *answer = malloc(sizeof(*answer));
	int error;

	if (!answer)
		return -ENOMEM;
	answer->n_fds = 0;
	error = ask(connection, WEIR_SHARE_LOOK, 0);
	if (!error)
		error = await(connection);
	if (!error)
		error = receive(connection, answer);
	if (!error && answer->n < sizeof(*view))
		error = -EPROTO;
	if (!error) {
		memcpy(view, answer->bytes, sizeof(*view));
		if (view->magic != WEIR_SHARE_MAGIC || view->version != WEIR_SHARE_VERSION ||
		    view->n_guests > WEIR_SHARE_READERS_MAX || view->text_bytes > WEIR_SHARE_TEXT_MAX ||
		    view->text_bytes != answer->n - sizeof(*view))
			error = -EPROTO;
	}
	if (!error) {
		memcpy(text, answer->bytes + sizeof(*view), view->text_bytes);
		text[view->text_bytes] = 0;
	}
	close_answer(answer);
	free(answer);
	return error;
}

static int look_for_schema(int fd, const char *name, struct weir_schema *schema, char *text, char *why)
{
	struct weir_share_view view;
	int error = weir_tap_look(fd, &view, text);

	if (error)
		return explain(name, error, why);
	return weir_tap_read_schema(schema, text, view.text_bytes) < 0 ? nonsense(why, "its schema cannot be read") : 0;
}

int weir_share_look(const char *name, struct weir_schema *schema, char **text, char *why)
{
	int fd, error;

	*text = NULL;
	if (weir_share_check_name(name) < 0)
		return weir_tap_because(why, EINVAL, "no stream can be called '%s'", name);
	fd = weir_share_connect(name);
	if (fd < 0)
		return explain(name, fd, why);
	*text = malloc(WEIR_SHARE_TEXT_MAX + 1);
	error = *text ? look_for_schema(fd, name, schema, *text, why) : weir_tap_because(why, ENOMEM, "out of memory");
	close(fd);
	if (error) {
		free(*text);
		*text = NULL;
	}
	return error;
}

int weir_tap_watch(void)
{
	return weir_share_watch();
}
