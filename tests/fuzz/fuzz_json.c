/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any lines as JSON objects, taken apart by the stage `json` with each of some declarations; the first byte chooses one. A line
 * that is no object is counted, and the run gives the same lines in blocks of one record.
 */
#include "pipeline.h"

#define RUNS 600
#include "standalone.h"

static const char *const forms[] = {
	"lines:%s | json text out='x' on_error=skip | csv:%s time=none",
	"lines:%s | json text out='x, n:int, on:bool, s:text:8' on_error=skip | csv:%s time=none",
	"lines:%s | json text out='q=a.b[2].c, r:int=s[0].n, k:text=a' on_error=skip | csv:%s time=none",
	"lines:%s width=1024 | json text out='x, t:int, l:text:64' on_error=skip | where x > 1 | csv:%s time=none",
	"lines:%s | json text out='x, n:int, s:text' | csv:%s time=none",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_forms(forms, sizeof(forms) / sizeof(forms[0]), data, size);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"a{\"x\":1}\n", "b{\"x\":1,\"n\":2,\"on\":true,\"s\":\"t\"}\n", "c{\"a\":{\"b\":[0,1,{\"c\":3}]},\"s\":[{\"n\":4}]}\n",
	"d{\"t\":1700000000,\"x\":2}\n", "{", "}", "[", "]", ":", ",", "\n", "\n", "\"x\"", "\"n\"", "\"t\"", "\"s\"", "\"a\"", "\"on\"",
	"1", "-0", "1e400", "0.1", "9223372036854775807", "99999999999999999999", "true", "false", "null", "\"\\u0000\"",
	"\"\\ud800\"", "\"\303\251\"", "\377",
};
/* clang-format on */

FUZZER(words)
