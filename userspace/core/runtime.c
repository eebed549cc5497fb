/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The state of a run, from the opening of the pipeline to its end. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/run.h"

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Made with the pipeline and not with the run, so that it can be stopped from elsewhere at any time. */
int weir_runtime_open(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = calloc(1, sizeof(*run));

	if (!run)
		return -ENOMEM;
	pipeline->runtime = run;
	pthread_mutex_init(&run->looking, NULL);
	run->signal_fd = run->uevent_fd = run->halt_fd = -1;
	run->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (run->wake_fd >= 0)
		run->halt_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return run->halt_fd < 0 ? -errno : 0;
}

void weir_runtime_close(struct weir_runtime *run)
{
	if (!run)
		return;
	close_fd(run->wake_fd);
	close_fd(run->halt_fd);
	weir_guarding_free(run->left);
	pthread_mutex_destroy(&run->looking);
	free(run);
}

bool weir_run_look(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	pthread_mutex_lock(&run->looking);
	if (run->is_up)
		return true;
	pthread_mutex_unlock(&run->looking);
	return false;
}

void weir_run_look_end(struct weir_pipeline *pipeline)
{
	pthread_mutex_unlock(&pipeline->runtime->looking);
}

void weir_run_set_up(struct weir_pipeline *pipeline, bool is_up)
{
	pthread_mutex_lock(&pipeline->runtime->looking);
	pipeline->runtime->is_up = is_up;
	pthread_mutex_unlock(&pipeline->runtime->looking);
}
