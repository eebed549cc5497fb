// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * `weir run` with two stages more: `faulty` passes its records on until a signal makes it do what stages should not. SIGUSR1:
 * it never returns. SIGUSR2: it eats memory until the kernel has had enough. `brief_faulty` is the same, and claims to be brief, so
 * that the loop runs it.
 *
 *   faulty PROGRAM   run it
 *   faulty -         run each line of the standard input in a process of its own, at once, and print its process id
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"

#define BITE 262144

static volatile sig_atomic_t fault;

static int faulty_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	(void)node;
	*out = *in;
	return 0;
}

static int faulty_push(struct weir_node *node, const struct weir_block *block)
{
	while (fault == SIGUSR1)
		;
	while (fault == SIGUSR2) {
		char *bite = malloc(BITE);

		if (bite)
			memset(bite, 1, BITE);
	}
	return weir_emit(node, block);
}

static const struct weir_param no_params[] = { { .name = NULL } };
static const struct weir_operator_ops faulty_ops = { .open = faulty_open, .push = faulty_push };
static const struct weir_driver faulty_driver = {
	.name = "faulty",
	.doc = "goes wrong on a signal",
	.operator_params = no_params,
	.stage = &faulty_ops,
};
static const struct weir_operator_ops brief_ops = { .open = faulty_open, .push = faulty_push, .is_brief = true };
static const struct weir_driver brief_driver = {
	.name = "brief_faulty",
	.doc = "goes wrong on a signal, in the loop",
	.operator_params = no_params,
	.stage = &brief_ops,
};

extern const struct weir_driver weir_bridge_synth, weir_sensor_iio, weir_sensor_gpio, weir_operator_select,
	weir_operator_switch, weir_actuator_gpio_lines;

/* The linker looks into the library only for what is not defined here: this is the registry. */
const struct weir_driver *const weir_drivers[] = {
	&weir_bridge_synth, &weir_sensor_iio,      &weir_sensor_gpio,     &faulty_driver,
	&brief_driver,      &weir_operator_select, &weir_operator_switch, &weir_actuator_gpio_lines,
};
const size_t weir_n_drivers = sizeof(weir_drivers) / sizeof(weir_drivers[0]);
const struct weir_builtin weir_builtins[] = { { 0 } };

static void on_signal(int number)
{
	fault = number;
}

static int run(char *program)
{
	const struct weir_options options = { .handle_signals = true };
	struct weir_pipeline *pipeline;
	int status;

	status = weir_open(&pipeline, program, "faulty", &options);
	if (!status)
		status = weir_run(pipeline);
	if (!status)
		weir_summary(pipeline, stderr, WEIR_FORMAT_TEXT);
	weir_close(pipeline);
	return status;
}

/* For each line a child that runs it, and its process id. To load the libraries anew for each takes a second when emulated. */
static int nurse(void)
{
	char program[512];

	signal(SIGCHLD, SIG_IGN);
	while (fgets(program, sizeof(program), stdin)) {
		pid_t pid = fork();

		program[strcspn(program, "\n")] = '\0';
		if (!pid) {
			signal(SIGCHLD, SIG_DFL);
			fclose(stdin);
			dup2(2, 1);
			_exit(run(program));
		}
		printf("%d\n", (int)pid);
		fflush(stdout);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: faulty PROGRAM | -\n", stderr);
		return 2;
	}
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, on_signal);
	return strcmp(argv[1], "-") ? run(argv[1]) : nurse();
}
