/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a CSV file, read with each of many forms of the source's arguments; the first byte chooses one. Reading ends with
 * records or a message, leaves no descriptor open, and gives the same lines in blocks of one record.
 */
#include "pipeline.h"

#define RUNS 600
#include "standalone.h"

static const char *const forms[] = {
	"csv:%s on_error=skip | csv:%s",
	"csv:%s | csv:%s",
	"csv:%s time=t on_error=skip | csv:%s",
	"csv:%s time=t unit=s on_error=skip | csv:%s",
	"csv:%s time=t unit=iso on_error=skip | csv:%s",
	"csv:%s[value,n:s16,u:u64,f:f32,l:text] on_error=skip | csv:%s",
	"csv:%s[value,n:int,on:bool,l:text:8] time=t | csv:%s",
	"csv:%s header=no on_error=skip | csv:%s",
	"csv:%s separator=';' decimal=',' on_error=skip | csv:%s",
	"csv:%s separator=tab comment='#' on_error=skip | csv:%s",
	"csv:%s rate=100Hz speed=max width=4 on_error=skip | csv:%s",
	"csv:%s time=t on_error=skip | window 1s max(value) | csv:%s",
	"csv:%s time=t on_error=skip | sort 200ms | resample rate=10Hz gap=1s | csv:%s",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_forms(forms, sizeof(forms) / sizeof(forms[0]), data, size);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"avalue,t,n,u,f,l\n", "dt,value\n", "cvalue;t\n", "value", ",", ",", ",", ";", "\t", "\n", "\n", "\n", "\r\n", "\"", "\"\"", "\"a,b\"", "#",
	"1", "2", "0.5", "1,5", "-3", "007", "nan", "inf", "1e400", "true", "no", "9007199254740993", "99999999999999999999",
	"1700000000.123456789", "2026-11-22T10:41:50Z", "2026-11-22", "\357\273\277", "\303\251", "\377",
};
/* clang-format on */

FUZZER(words)
