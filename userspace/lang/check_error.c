/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lang/check.h"

bool weir_check_wrong(const struct weir_checking *c, struct weir_span where, const char *hint, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	weir_report_vadd(c->report, WEIR_EXIT_USAGE, where, hint, format, arguments);
	va_end(arguments);
	return false;
}
