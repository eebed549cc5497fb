/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How findings are written, as text and as JSON. */
#include "api/finding.h"

#include <stdarg.h>

#include "core/counters.h"

struct weir_finding weir_finding_make(enum weir_health health, const char *mend, const char *format, ...)
{
	struct weir_finding finding = { .health = health, .mend = mend };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(finding.text, sizeof(finding.text), format, arguments);
	va_end(arguments);
	return finding;
}

void weir_findings_begin(struct weir_findings *findings, FILE *stream, enum weir_format format)
{
	*findings = (struct weir_findings){ .stream = stream, .format = format, .list = json_array() };
}

void weir_findings_add(struct weir_findings *findings, const struct weir_finding *finding)
{
	static const char *const shown[] = { "ok", "lacks", "broken" }, *const word[] = { "ok", "lacking", "broken" };
	const char *mend = finding->mend ? finding->mend : *finding->advice ? finding->advice : NULL;

	findings->is_broken |= finding->health == WEIR_HEALTH_BROKEN;
	json_array_append_new(findings->list, json_pack("{s:s, s:s, s:s?}", "health", word[finding->health], "text",
							finding->text, "mend", mend));
	if (findings->format != WEIR_FORMAT_TEXT)
		return;
	fprintf(findings->stream, "%-7s %s\n", shown[finding->health], finding->text);
	if (mend)
		fprintf(findings->stream, "        mend: %s\n", mend);
}

int weir_findings_end(struct weir_findings *findings)
{
	if (findings->format == WEIR_FORMAT_JSON)
		weir_json_print(findings->list, findings->stream);
	else
		json_decref(findings->list);
	return findings->is_broken ? WEIR_EXIT_RUNTIME : WEIR_EXIT_OK;
}
