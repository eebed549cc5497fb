/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "lang/lang.h"

void weir_tree_close(struct weir_tree *tree)
{
	if (!tree)
		return;
	weir_arena_release(&tree->arena);
	weir_names_close(&tree->names);
	free(tree);
}
