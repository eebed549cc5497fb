/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

int cmd_get(int argc, char **argv)
{
	struct cli_query query = cli_query(argc, argv, "[OUTPUT]",
					   "Show the outputs that the guard holds: value, state, holder.");

	return weir_get(query.word, stdout, stderr, query.format);
}
