/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What any part of a run may ask of it: look, stop, give up, end and begin again. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/run.h"

static void ring_bell(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is already ringing */
}

void weir_run_wake(struct weir_pipeline *pipeline)
{
	ring_bell(pipeline->runtime->wake_fd);
}

bool weir_run_goes_on(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;

	return atomic_load(&run->has_session) && !atomic_load(&run->is_asked) && !atomic_load(&run->aborting) &&
	       weir_report_status(pipeline->report) == WEIR_EXIT_OK;
}

/* Whoever works for a sink that stays, as its sender, would take the end of a session for that of the run. */
void weir_run_halt(struct weir_pipeline *pipeline)
{
	struct weir_runtime *run = pipeline->runtime;

	atomic_store(&run->stopping, true);
	if (!weir_run_goes_on(pipeline))
		ring_bell(run->halt_fd);
	ring_bell(run->wake_fd);
}

void weir_stop(struct weir_pipeline *pipeline)
{
	atomic_store(&pipeline->runtime->is_asked, true);
	weir_run_halt(pipeline);
}

void weir_abort(struct weir_pipeline *pipeline)
{
	atomic_store(&pipeline->runtime->aborting, true);
	weir_stop(pipeline);
}

int weir_halt_fd(const struct weir_node *node)
{
	return node->pipeline->runtime->halt_fd;
}

void weir_run_feed_over(struct weir_pipeline *pipeline)
{
	atomic_fetch_sub(&pipeline->runtime->feeds_live, 1);
	weir_run_wake(pipeline);
}

void weir_run_agent_over(struct weir_pipeline *pipeline, int error)
{
	/* A reader of our output that went away (EPIPE) has had enough: not a failure. */
	if (error < 0 && error != -EPIPE && error != -EINTR && weir_report_status(pipeline->report) == WEIR_EXIT_OK)
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL,
				"a stage failed: %s", strerror(-error));
	/* Nobody reads any more, or a stage has failed: no use in feeding on. */
	if (atomic_fetch_sub(&pipeline->runtime->agents_live, 1) == 1 || error < 0)
		weir_run_halt(pipeline);
}

void weir_run_glance(struct weir_pipeline *pipeline)
{
	struct signalfd_siginfo info;

	while (pipeline->runtime->signal_fd >= 0 &&
	       read(pipeline->runtime->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		bool reload = info.ssi_signo == SIGHUP && pipeline->options.reload;

		/* A request to end goes before one to begin again, whichever came first. */
		pipeline->runtime->wants_reload = reload && !pipeline->runtime->interrupts;
		if (reload)
			weir_stop(pipeline);
		else if (pipeline->runtime->interrupts++)
			weir_abort(pipeline);
		else
			weir_stop(pipeline);
	}
}

bool weir_wants_reload(const struct weir_pipeline *pipeline)
{
	const struct weir_runtime *run = pipeline->runtime;

	return run->wants_reload && !run->abandoned;
}
