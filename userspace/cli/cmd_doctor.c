/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>

#include "cli.h"

int cmd_doctor(int argc, char **argv)
{
	struct cli_query query = cli_query(argc, argv, NULL,
					   "Try what weir needs from this machine, and say what would mend each lack.");

	return weir_doctor(stdout, query.format);
}
