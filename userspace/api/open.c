/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a text to a pipeline that is ready to run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/privileges.h"
#include "lang/lang.h"
#include "pushdown/pushdown.h"

/* For programs that the pipeline starts, and for what is remembered of it. */
static int open_keep_parameters(struct weir_pipeline *pipeline, const struct weir_parameters *parameters)
{
	if (!parameters->n)
		return 0;
	pipeline->environment = calloc(parameters->n + 1, sizeof(char *));
	if (!pipeline->environment)
		return -ENOMEM;
	for (uint32_t i = 0; i < parameters->n; i++)
		if (asprintf(&pipeline->environment[i], "WEIR_PARAM_%s=%s", parameters->parameter[i].name,
			     parameters->parameter[i].text) < 0) {
			pipeline->environment[i] = NULL;
			return -ENOMEM;
		}
	return 0;
}

/* Errors are all in the report; what a step returns only says whether the next makes sense. */
static int build(struct weir_pipeline *pipeline)
{
	const struct weir_given given = { .values = pipeline->options.parameters,
					  .n_shared = pipeline->options.n_shared_parameters };
	struct weir_tree *tree;
	int err = weir_parse_given(&tree, pipeline->report, &given);

	if (err < 0)
		return err;
	err = open_keep_parameters(pipeline, &tree->parameters);
	if (err >= 0)
		err = weir_check(pipeline, tree);
	weir_tree_close(tree);
	if (err >= 0 && !pipeline->n_nodes)
		weir_report_add(pipeline->report, WEIR_EXIT_USAGE, (struct weir_span){ 0, 0 },
				"the least is 'source | sink'", "the program is empty");
	if (err >= 0 && weir_report_status(pipeline->report) == WEIR_EXIT_OK)
		err = weir_plan(pipeline);
	return err;
}

int weir_open(struct weir_pipeline **out, const char *text, const char *name, const struct weir_options *options)
{
	struct weir_pipeline *pipeline;
	enum weir_exit status;
	int err;

	*out = NULL;
	if (weir_pipeline_new(&pipeline, options, name, text) < 0)
		return WEIR_EXIT_RUNTIME;
	if (options && options->drop_privileges)
		weir_privileges_split(options);
	err = build(pipeline);
	if (options && options->drop_privileges)
		weir_privileges_drop();
	status = weir_report_status(pipeline->report);
	if (err < 0 && status == WEIR_EXIT_OK) {
		weir_report_add(pipeline->report, WEIR_EXIT_RUNTIME, (struct weir_span){ 0, 0 }, NULL,
				"cannot build the pipeline: %s", strerror(-err));
		status = WEIR_EXIT_RUNTIME;
	}
	weir_report_print(pipeline->report, weir_messages(pipeline));
	if (status == WEIR_EXIT_OK)
		*out = pipeline;
	else
		weir_close(pipeline);
	return status;
}

const char *weir_version(void)
{
	return WEIR_VERSION;
}
