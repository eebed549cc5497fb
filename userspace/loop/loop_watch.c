/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Descriptors that only wake a callback. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "loop/loop_internal.h"

int weir_loop_add_watch(struct weir_loop *loop, int fd, void (*ready)(void *context), void *context)
{
	struct weir_loop_watch **at = &loop->watches, *watch = malloc(sizeof(*watch));
	int number = 0;

	if (!watch)
		return -ENOMEM;
	*watch = (struct weir_loop_watch){ .fd = fd, .ready = ready, .context = context };
	for (; *at; at = &(*at)->next)
		number++;
	*at = watch;
	return number;
}

void weir_watch_serve(struct weir_loop_watch *watch, unsigned events)
{
	if (watch->over)
		return;
	/* Nothing will ever be read from it again, and poll() would say so for ever. */
	watch->over = !(events & POLLIN);
	if (!(events & POLLNVAL))
		watch->ready(watch->context);
}
