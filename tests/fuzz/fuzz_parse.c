/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a program: read, checked and planned, on drivers that touch nothing. Whatever it is, it must end in a pipeline
 * or in messages, never in neither, and leave nothing behind.
 *
 *     clang -fsanitize=fuzzer,address,undefined -DWEIR_LIBFUZZER …
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
	struct weir_options options = { .check_only = true, .messages = messages };
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, text, "<fuzz>", &options);

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

#ifndef WEIR_LIBFUZZER
/* clang-format off */
static const char *const words[] = {
	"sim:dev", "sim:dev[x,y]", "gpio:L", "where", "select", "window", "switch", "print", "|", "|", "|", "\n", ";",
	"=", "a", "b", "x", "y", "n", "level", "label", "t", "on", "off", "step", "as", "and", "or", "not", "true",
	"(", ")", ",", "<", ">=", "==", "!=", "+", "-", "*", "/", "%", "1", "0.5", "10ms", "200Hz", "64KiB", "1e400",
	"10q", "rate=", "n=", "gain=", "wait=", "mode=", "fast", "inverted", "park=", "policy=", "drop_oldest",
	"min_on=", "path=", "./x.so:f", "../x", "9x", "$", "'s'", "\"", "#", "mean", "count()", "rms(x)", "sqrt(", "raw(x)", "between(", "bit(",
	"zip(", "[", "]", ":", "max", "partial", "\\\n",
};
/* clang-format on */

int main(int argc, char **argv)
{
	return run_standalone(argc, argv, words, sizeof(words) / sizeof(words[0]));
}
#endif
