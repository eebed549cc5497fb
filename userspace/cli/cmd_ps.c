/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ps: the pipelines of this machine, one line each. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "running.h"

static void ps_line(const json_t *pipeline)
{
	struct running_totals totals = running_totals(pipeline);
	char uptime[32], program[64];

	running_duration(uptime, sizeof(uptime), running_number(pipeline, "uptime"));
	running_plain(program, sizeof(program), json_string_value(json_object_get(pipeline, "program")));
	printf("%8lld  %-16.16s %10s %12.1f %12.1f %10lld  %s\n",
	       (long long)json_integer_value(json_object_get(pipeline, "pid")), running_name(pipeline), uptime,
	       totals.in_rate, totals.out_rate, totals.lost, program);
}

static void ps_print(const json_t *all)
{
	const json_t *pipeline;
	size_t i;

	printf("%8s  %-16s %10s %12s %12s %10s  %s\n", "PID", "NAME", "UPTIME", "IN/s", "OUT/s", "LOST", "PROGRAM");
	json_array_foreach(all, i, pipeline) ps_line(pipeline);
}

int cmd_ps(int argc, char **argv)
{
	struct cli_query query = cli_query(argc, argv, "[NAME|PID]", "List the pipelines that run on this machine.");
	json_t *all = running_load(query.word);

	if (!all)
		return 1;
	if (query.format == WEIR_FORMAT_JSON) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		fputc('\n', stdout);
	} else if (json_array_size(all)) {
		ps_print(all);
	} else if (!query.word) {
		fputs("weir: no pipeline is running\n", stderr);
	}
	if (query.word && !json_array_size(all))
		fprintf(stderr, "weir: no pipeline '%s' is running; `weir ps` lists those that are\n", query.word);
	json_decref(all);
	return query.word && !json_array_size(all) ? 1 : 0;
}
