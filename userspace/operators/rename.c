/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Give fields other names and keep the rest. Nothing moves: the block goes on with another schema.
 */
#include <stdio.h>
#include <string.h>

#include "weir/driver.h"

static int rename_field(struct weir_node *node, const struct weir_binding *binding, struct weir_schema *out)
{
	struct weir_field *field;

	if (binding->field < 0)
		return weir_fail_arg(node, "fields", "write new = old; select computes",
				     "'%s' is not another name for a field", binding->name);
	field = &out->field[binding->field];
	if (strlen(binding->name) >= sizeof(field->name))
		return weir_fail_arg(node, "fields", NULL, "a name has at most %zu bytes", sizeof(field->name) - 1);
	snprintf(field->name, sizeof(field->name), "%s", binding->name);
	return 0;
}

struct rename {
	struct weir_bindings fields;
};

static int rename_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	const struct rename *rename = weir_state(node);
	const struct weir_binding *binding = rename->fields.at;
	uint32_t n = rename->fields.n;

	weir_one_for_one(node);
	*out = *in;
	for (uint32_t i = 0; i < n; i++) {
		int err = rename_field(node, &binding[i], out);

		if (err < 0)
			return err;
	}
	/* Looked at only now, so that two fields may swap their names. */
	for (uint32_t i = 0; i < out->n_fields; i++)
		if (weir_schema_find(out, out->field[i].name) != (int)i || !strcmp(out->field[i].name, "t"))
			return weir_fail_arg(node, "fields", NULL, "there would be two fields named '%s'",
					     out->field[i].name);
	return 0;
}

static int rename_push(struct weir_node *node, const struct weir_block *in)
{
	struct weir_block out = *in;

	out.schema = weir_out(node);
	return weir_emit(node, &out);
}

static const struct weir_param params[] = { WEIR_P_FIELDS("fields", struct rename, fields,
							  "new = old, …; all other fields stay as they are",
							  .style = WEIR_POSITIONAL, .required = true),
					    { 0 } };

static const struct weir_operator_ops rename_ops = {
	.state_bytes = sizeof(struct rename),
	.open = rename_open,
	.push = rename_push,
	.is_brief = true,
	.keeps_nothing = true,
};

const struct weir_driver weir_operator_rename = {
	.name = "rename",
	.doc = "give fields other names",
	.operator_params = params,
	.stage = &rename_ops,
};
