/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parameters of a program, for those who run it. */
#include <errno.h>
#include <jansson.h>

#include "core/counters.h"
#include "lang/lang.h"

static void parameters_text(const struct weir_parameters *parameters, FILE *stream)
{
	fputs(parameters->n ? "parameters\n" : "this program has no parameters\n", stream);
	for (uint32_t i = 0; i < parameters->n; i++) {
		const struct weir_parameter *parameter = &parameters->parameter[i];
		char form[160];

		snprintf(form, sizeof(form), "%s%s%s", parameter->name, parameter->fallback ? "=" : "",
			 parameter->fallback ? parameter->fallback : "");
		fprintf(stream, "  %-24s %s%s\n", form, parameter->help, parameter->fallback ? "" : " (required)");
	}
}

static json_t *parameters_json(const struct weir_parameters *parameters)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < parameters->n; i++) {
		const struct weir_parameter *parameter = &parameters->parameter[i];

		json_array_append_new(list, json_pack("{s:s, s:s?, s:s, s:b}", "name", parameter->name, "default",
						      parameter->fallback, "help", parameter->help, "required",
						      !parameter->fallback));
	}
	return json_pack("{s:o}", "parameters", list);
}

int weir_list_parameters(const char *text, const char *name, FILE *stream, FILE *messages, enum weir_format format)
{
	const struct weir_given given = { .may_lack = true };
	struct weir_report *report;
	struct weir_tree *tree;
	int status = WEIR_EXIT_RUNTIME;

	if (weir_report_open(&report, name, text) < 0)
		return status;
	if (!weir_parse_given(&tree, report, &given)) {
		status = (int)weir_report_status(report);
		if (!status && format == WEIR_FORMAT_TEXT)
			parameters_text(&tree->parameters, stream);
		else if (!status)
			weir_json_print(parameters_json(&tree->parameters), stream);
		weir_tree_close(tree);
	}
	weir_report_print(report, messages);
	weir_report_close(report);
	return status;
}
