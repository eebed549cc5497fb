/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weir/input.h"

struct weir_input {
	int fd;
	bool at_end;
	size_t begin, end;
	char buffer[WEIR_INPUT_MAX + 1]; /* one more, so that a last line without a newline can be ended in place */
};

int weir_input_open(struct weir_input **out, struct weir_node *node, const char *path)
{
	struct weir_input *input = calloc(1, sizeof(*input));

	*out = NULL;
	if (!input)
		return -ENOMEM;
	/* O_NONBLOCK: a FIFO that nobody writes to yet must not hold up the opening. */
	input->fd = strcmp(path, "-") ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : STDIN_FILENO;
	if (input->fd < 0) {
		int error = errno;

		free(input);
		return weir_fail_device(node, path, "open", error, NULL);
	}
	*out = input;
	return 0;
}

void weir_input_close(struct weir_input *input)
{
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
		return errno == EINTR ? -EAGAIN : -errno;
	input->at_end = !n;
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
