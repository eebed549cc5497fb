/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli.h"

static void complain(const char *word)
{
	static const char *const kinds[] = { "sensors", "stages", "sinks", "actuators", "devices", "streams" };

	fprintf(stderr,
		"weir: '%s' is neither a kind (sensors, stages, sinks, actuators, devices, streams) nor a driver\n",
		word);
	cli_suggest(word, kinds, sizeof(kinds) / sizeof(kinds[0]));
}

int cmd_list(int argc, char **argv)
{
	struct cli_query query = cli_query(
		argc, argv, "[sensors|stages|sinks|actuators|devices|streams|DRIVER]",
		"List drivers by kind, one driver with its parameters, the devices of this machine that sources can "
		"read, or the streams that are published here.");
	int status = weir_list(query.word, stdout, query.format);

	if (status)
		status = weir_describe(query.word, stdout, query.format);
	if (status && !weir_tell_absent(query.word, stderr))
		complain(query.word);
	return status;
}
