/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a program: read, checked and planned, on drivers that touch nothing. Whatever it is, it must end in a pipeline
 * or in messages, never in neither, and leave nothing behind.
 */
#include "../unit/fake_drivers.h"
#include "standalone.h"

#include "lang/lang.h"
#include "weir/weir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char *said;
	size_t n_said;
	FILE *messages = open_memstream(&said, &n_said);
	static const char *const values[] = { "g=3", "d=\" | print", NULL };
	struct weir_options options = { .check_only = true, .messages = messages };
	struct weir_pipeline *pipeline;
	int status;

	/* Not in each program, since values without a parameter are an error. */
	if (size && data[size - 1] % 2)
		options.parameters = values;
	status = weir_open(&pipeline, text, "<fuzz>", &options);

	if (!status != !!pipeline)
		abort();
	weir_close(pipeline);
	fclose(messages);
	if (status && !n_said)
		abort();
	free(said);
	free(text);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"sim:dev", "sim:dev[x,y]", "gpio:L", "where", "select", "window", "switch", "print", "|", "|", "|", "\n", ";",
	"=", "a", "b", "x", "y", "n", "level", "label", "t", "on", "off", "step", "as", "and", "or", "not", "true",
	"(", ")", ",", "<", ">=", "==", "!=", "+", "-", "*", "/", "%", "1", "0.5", "10ms", "200Hz", "64KiB", "1e400",
	"10q", "rate=", "n=", "gain=", "wait=", "mode=", "fast", "inverted", "park=", "policy=", "drop_oldest",
	"min_on=", "path=", "./x.so:f", "../x", "9x", "$", "'s'", "\"", "#", "mean", "count()", "rms(x)", "count(x > 1)", "max_by(", "corr(x, y)", "integral(x)", "sqrt(", "raw(x)", "between(", "bit(",
	"in (", "between", "AND", "NOT", "`x`", "`", "\"on\"", "matches(label, '(a')", "lower(label)", "width=", "if(", "coalesce(",
	"zip(", "[", "]", ":", "max", "partial", "\\\n", "param", "param g = 2", "param d = dev \"help\"", "param v", "$g", "${d}", "$$", "$d}",
};
/* clang-format on */

FUZZER(words)
