/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/internal.h"
#include "weir/input.h"
#include "weir/reading.h"

struct weir_input {
	int fd;
	struct weir_reading *reading;
	bool at_end, has_zero;
	bool is_file, is_terminal;
	size_t begin, end;
	char buffer[WEIR_INPUT_MAX + 1]; /* one more, so that a last line without a newline can be ended in place */
};

/* What one source has read is gone for another. */
static int claim_standard(struct weir_node *node)
{
	struct weir_pipeline *pipeline = node->pipeline;

	if (pipeline->options.no_input)
		return weir_fail_arg(node, NULL, "give the program in a file, or in quotes",
				     "the program itself was read from standard input");
	if (pipeline->reads_input)
		return weir_fail_arg(node, NULL, "give the stream a name and begin several chains with it",
				     "another source reads standard input already");
	pipeline->reads_input = true;
	return 0;
}

int weir_input_open(struct weir_input **out, struct weir_node *node, const char *path)
{
	int err = strcmp(path, "-") ? 0 : claim_standard(node);
	struct weir_input *input = err ? NULL : calloc(1, sizeof(*input));
	struct stat stat;

	*out = NULL;
	if (err)
		return err;
	if (!input)
		return -ENOMEM;
	/* O_NONBLOCK: a FIFO that nobody writes to yet must not hold up the opening. */
	input->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : STDIN_FILENO;
	if (input->fd < 0) {
		int error = errno;

		free(input);
		return weir_fail_device(node, path, "open", error, NULL);
	}
	input->reading = weir_reading_begin(input->fd);
	input->is_terminal = isatty(input->fd);
	input->is_file = !fstat(input->fd, &stat) && S_ISREG(stat.st_mode);
	*out = input;
	return 0;
}

void weir_input_close(struct weir_input *input)
{
	if (input)
		weir_reading_end(input->reading);
	if (input && input->fd != STDIN_FILENO)
		close(input->fd);
	free(input);
}

char *weir_input_unread(struct weir_input *input, size_t *n)
{
	*n = input->end - input->begin;
	return input->buffer + input->begin;
}

void weir_input_consume(struct weir_input *input, size_t n)
{
	input->begin += n;
}

/* A terminal that was hung up, and a serial device that was unplugged, read as if they had ended. */
static bool has_gone(const struct weir_input *input, short events)
{
	return input->is_terminal && (events & (POLLHUP | POLLERR));
}

int weir_input_more(struct weir_input *input)
{
	struct pollfd ready = { .fd = input->fd, .events = POLLIN };
	ssize_t n;

	if (input->at_end)
		return 0;
	input->end -= input->begin;
	memmove(input->buffer, input->buffer + input->begin, input->end);
	input->begin = 0;
	if (input->end == WEIR_INPUT_MAX)
		return -ENOBUFS;
	if (poll(&ready, 1, 0) <= 0)
		return -EAGAIN;
	n = read(input->fd, input->buffer + input->end, WEIR_INPUT_MAX - input->end);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN    ? -EAGAIN
		       : errno == EIO && input->is_terminal ? -ENODEV
							    : -errno;
	if (!n && has_gone(input, ready.revents))
		return -ENODEV;
	input->at_end = !n;
	input->has_zero = input->has_zero || memchr(input->buffer + input->end, 0, (size_t)n);
	input->end += (size_t)n;
	return (int)n;
}

bool weir_input_at_end(const struct weir_input *input)
{
	return input->at_end;
}

int weir_input_fd(const struct weir_input *input)
{
	return input->fd;
}

bool weir_input_has_zero(const struct weir_input *input)
{
	return input->has_zero;
}

bool weir_input_is_file(const struct weir_input *input)
{
	return input->is_file;
}
