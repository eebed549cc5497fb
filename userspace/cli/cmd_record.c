/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* record and replay: `weir run` with the one end of the chain filled in. */
#include <stdio.h>

#include "run_options.h"

void cli_put_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', to);
		if (*text == '$')
			fputc('$', to);
		fputc(*text, to);
	}
	fputc('"', to);
}

static void make_record(FILE *to, const struct run_arguments *arguments)
{
	fprintf(to, "%s | record:", arguments->operand[1]);
	cli_put_string(to, arguments->operand[0]);
}

int cmd_record(int argc, char **argv)
{
	static const struct cli_operands operands = {
		.usage = "FILE 'SOURCE | STAGE ...'",
		.doc = "Record a chain to a file; an existing file is continued. The options are those of `weir run`.",
		.missing = "a FILE and a chain are wanted, as in: weir record out.weir-rec 'iio:accel_3d[x,y,z]'",
		.excess = "one FILE and one chain only; quote the chain: weir record FILE 'source | stage'",
		.least = 2,
		.most = 2,
	};
	struct run_arguments arguments = { .operands = &operands };

	return cli_run_made(argc, argv, &arguments, make_record);
}

static void make_replay(FILE *to, const struct run_arguments *arguments)
{
	fputs("replay:", to);
	cli_put_string(to, arguments->operand[0]);
	fprintf(to, " speed=max | %s", arguments->n > 1 ? arguments->operand[1] : "print");
}

int cmd_replay(int argc, char **argv)
{
	static const struct cli_operands operands = {
		.usage = "FILE ['STAGE | ... | SINK']",
		.doc = "Play a recording or a CSV file back into a chain at full speed; without a chain, print it. The "
		       "options are those of `weir run`.",
		.missing = "a FILE is missing: a recording, or CSV with a column t",
		.excess = "one FILE and one chain only; quote the chain: weir replay FILE 'stage | sink'",
		.least = 1,
		.most = 2,
	};
	struct run_arguments arguments = { .operands = &operands };

	return cli_run_made(argc, argv, &arguments, make_replay);
}
