/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

static int doctor_of_program(const struct cli_query *query)
{
	const struct weir_options options = { .quiet = true };
	struct program program = { 0 };
	int status = cli_program(&program, query->word, stderr);

	if (!status)
		status = weir_doctor_program(program.text, program.name, &options, stdout, query->format);
	free(program.text);
	return status;
}

int cmd_doctor(int argc, char **argv)
{
	struct cli_query query = cli_query(
		argc, argv, "[FILE|'PROGRAM']",
		"Try what weir needs from this machine, or what one program needs, and say what would mend each lack.");

	return query.word ? doctor_of_program(&query) : weir_doctor(stdout, query.format);
}
