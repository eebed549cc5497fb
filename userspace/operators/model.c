/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The place of ONNX models in the language. Debian 12 has no ONNX Runtime to build and to test against, so there is nothing behind
 * it yet but an answer to who asks for one.
 */
#include "weir/driver.h"

struct model {
	const char *file;
};

static int model_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	const struct model *model = weir_state(node);

	(void)in;
	(void)out;
	return weir_fail_arg(node, "file",
			     "exec can run a program that has one: exec \"python3 classify.py\" window=100 …",
			     "this weir has no ONNX Runtime, and cannot run '%s'", model->file);
}

static int model_push(struct weir_node *node, const struct weir_block *in)
{
	return weir_emit(node, in);
}

static const struct weir_param params[] = { WEIR_P_TEXT("file", struct model, file, NULL, "the model, an ONNX file",
							.style = WEIR_POSITIONAL, .required = true),
					    { 0 } };

static const struct weir_operator_ops model_ops = { .state_bytes = sizeof(struct model),
						    .open = model_open,
						    .push = model_push };

const struct weir_driver weir_operator_model = {
	.name = "model",
	.doc = "an ONNX model; not available in this weir, see exec",
	.operator_params = params,
	.stage = &model_ops,
};
