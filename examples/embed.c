/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The smallest example of a program in the language that uses a function of the application by its name. */
#include <weir/call.h>
#include <weir/weir.h>

static int cube(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	out[0].real = in[0].real * in[0].real * in[0].real;
	return 1;
}
WEIR_CALL(cube, .in = "value", .out = "cube", .element = cube);

int main(void)
{
	const struct weir_native functions[] = { { "cube", &weir_call_cube } };
	struct weir_options options = { .limit = 4, .functions = functions, .n_functions = 1 };
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, "synth:counter rate=max | call cube | print", "<embed>", &options);

	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	return status;
}
