/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/channels.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const weir_channels_on_error[] = { "skip", "stop", NULL };

/* --------------------------------------------------------------- which ones */

static int add_binding(struct weir_channels *channels, const struct weir_binding *binding, const struct weir_schema *in)
{
	struct weir_channel *channel = &channels->channel[channels->n];

	if (!binding->expr)
		return weir_fail_arg(channels->node, "fields", "name fields that are numbers", "'%s' is text",
				     binding->name);
	for (uint32_t i = 0; i < channels->n; i++)
		if (!strcmp(channels->channel[i].name, binding->name))
			return weir_fail_arg(channels->node, "fields", NULL, "'%s' is named twice", binding->name);
	if (channels->n == WEIR_FIELDS_MAX)
		return weir_fail_arg(channels->node, "fields", NULL, "more than %d fields", WEIR_FIELDS_MAX);
	*channel = (struct weir_channel){ .from = binding->field, .expr = binding->expr };
	snprintf(channel->name, sizeof(channel->name), "%s", binding->name);
	snprintf(channel->unit, sizeof(channel->unit), "%s",
		 binding->field >= 0 ? in->field[binding->field].unit : weir_expr_unit(binding->expr));
	channels->n++;
	return 0;
}

static int add_numbers(struct weir_channels *channels, const struct weir_schema *in)
{
	for (uint32_t i = 0; i < in->n_fields; i++) {
		struct weir_channel *channel = &channels->channel[channels->n];

		if (in->field[i].kind != WEIR_REAL && in->field[i].kind != WEIR_INT)
			continue;
		*channel = (struct weir_channel){ .from = (int)i };
		strcpy(channel->name, in->field[i].name);
		strcpy(channel->unit, in->field[i].unit);
		channels->n++;
	}
	return channels->n ? 0 : weir_fail_arg(channels->node, NULL, NULL, "no field of this stream is a number");
}

static bool is_column(const struct weir_channel *channel, const struct weir_schema *in)
{
	return channel->from >= 0 && in->field[channel->from].kind == WEIR_REAL;
}

static int take_room(struct weir_channels *channels, const struct weir_schema *in)
{
	for (uint32_t i = 0; i < channels->n; i++) {
		struct weir_channel *channel = &channels->channel[i];

		if (is_column(channel, in))
			continue;
		channel->computed = malloc(WEIR_BLOCK_MAX * sizeof(*channel->computed));
		if (!channel->computed)
			return -ENOMEM;
	}
	channels->index = malloc(WEIR_BLOCK_MAX * sizeof(*channels->index));
	return channels->index ? weir_block_open(&channels->usable, in) : -ENOMEM;
}

static int open_channels(struct weir_channels *channels, const struct weir_bindings *const *lists)
{
	const struct weir_schema *in = weir_in(channels->node);
	int err = 0;

	for (; *lists && !err; lists++)
		for (uint32_t i = 0; i < (*lists)->n && !err; i++)
			err = add_binding(channels, &(*lists)->at[i], in);
	if (!err && !channels->n)
		err = add_numbers(channels, in);
	return err ? err : take_room(channels, in);
}

int weir_channels_open_from(struct weir_channels **out, struct weir_node *node,
			    const struct weir_bindings *const *lists, bool stops)
{
	struct weir_channels *channels = *out = calloc(1, sizeof(*channels));

	if (!channels)
		return -ENOMEM;
	channels->node = node;
	channels->stops = stops;
	return open_channels(channels, lists);
}

int weir_channels_open(struct weir_channels **out, struct weir_node *node, const struct weir_channels_args *args)
{
	return weir_channels_open_from(out, node, (const struct weir_bindings *[]){ &args->fields, NULL }, args->stops);
}

void weir_channels_close(struct weir_channels *channels)
{
	if (!channels)
		return;
	for (uint32_t i = 0; i < channels->n; i++)
		free(channels->channel[i].computed);
	weir_block_close(channels->usable);
	weir_block_close(channels->result);
	free(channels->index);
	free(channels);
}

/* ------------------------------------------------------------------- schema */

int weir_channels_append(struct weir_channels *channels, struct weir_schema *schema, const char *name,
			 enum weir_kind kind, const char *unit)
{
	int to = weir_schema_add(schema, name, kind, unit, 8);
	char hint[128];

	snprintf(hint, sizeof(hint), "give that one another name before: … | rename first = %s | …", name);
	if (to == -EEXIST)
		return weir_fail_arg(channels->node, "fields", hint,
				     "this stage makes a field '%s', and there is one already", name);
	return to < 0 ? weir_fail_arg(channels->node, "fields", NULL, "'%s' does not fit in one record: %s", name,
				      weir_schema_limit(schema->n_fields, strlen(name)))
		      : to;
}

int weir_schema_pass(struct weir_schema *schema, const struct weir_field *from)
{
	int to = weir_schema_add(schema, from->name, from->kind, from->unit, from->bytes);

	/* From which raw integers a value came is part of what it is: `changed` and raw() ask. */
	if (to >= 0 && from->kind == WEIR_REAL) {
		schema->field[to].scale = from->scale;
		schema->field[to].offset = from->offset;
	}
	return to;
}

static int make_real(struct weir_channels *channels, struct weir_field *field, const char *unit, int to)
{
	struct weir_schema one;

	/* Text takes more room than a number: its place in the row is not that of one. */
	if (field->kind == WEIR_TEXT)
		return weir_fail_arg(channels->node, "fields", "give the result another name",
				     "'%s' is a text field of this stream", field->name);
	weir_schema_init(&one, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&one, field->name, WEIR_REAL, unit, 0);
	one.field[0].at = field->at;
	*field = one.field[0];
	channels->replaced[to] = true;
	return to;
}

int weir_channels_pass(struct weir_channels *channels, struct weir_schema *schema)
{
	const struct weir_schema *in = weir_in(channels->node);

	weir_schema_init(schema, in->clock);
	for (uint32_t i = 0; i < in->n_fields; i++)
		if (weir_schema_pass(schema, &in->field[i]) < 0)
			return weir_fail_arg(channels->node, NULL, NULL, "'%s' does not fit in one record: %s",
					     in->field[i].name,
					     weir_schema_limit(schema->n_fields, strlen(in->field[i].name)));
	channels->n_passed = in->n_fields;
	return 0;
}

/* A field that is replaced stays where it was; a channel with a name of its own is a field more. */
int weir_channels_replace(struct weir_channels *channels, struct weir_schema *schema, bool keeps_unit)
{
	int to = weir_channels_pass(channels, schema);

	for (uint32_t i = 0; i < channels->n && to >= 0; i++) {
		struct weir_channel *channel = &channels->channel[i];
		const char *unit = keeps_unit ? channel->unit : "";

		to = weir_schema_find(schema, channel->name);
		if (to < 0)
			to = weir_channels_append(channels, schema, channel->name, WEIR_REAL, unit);
		else
			to = make_real(channels, &schema->field[to], unit, to);
		channel->to = (uint32_t)to;
	}
	return to < 0 ? to : 0;
}

int weir_channels_ready(struct weir_channels *channels)
{
	return weir_block_open(&channels->result, weir_out(channels->node));
}

int weir_channels_open_any(struct weir_channels **out, struct weir_node *node, const struct weir_bindings *fields,
			   struct weir_schema *schema)
{
	int err = weir_channels_open_from(out, node, (const struct weir_bindings *[]){ fields, NULL }, false);

	if (!err) {
		(*out)->takes_any = true;
		err = weir_channels_replace(*out, schema, true);
	}
	return err ? err : weir_channels_ready(*out);
}

/* --------------------------------------------------------------------- read */

static void evaluate(struct weir_channel *channel, const struct weir_block *in)
{
	if (is_column(channel, in->schema)) {
		channel->x = in->column[channel->from].real;
		return;
	}
	channel->x = channel->computed;
	if (channel->expr)
		weir_expr_eval(channel->expr, in, channel->computed);
	for (uint32_t i = 0; !channel->expr && i < in->n; i++)
		channel->computed[i] = (double)in->column[channel->from].integer[i];
}

/* A finite value times 0 is 0; anything else is not, and stays so in a sum. Without branches, since nearly all are finite. */
static bool is_clean(const double *x, uint32_t n)
{
	double sum[8] = { 0 };
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8)
		for (uint32_t k = 0; k < 8; k++)
			sum[k] += x[i + k] * 0;
	for (; i < n; i++)
		sum[0] += x[i] * 0;
	for (uint32_t k = 1; k < 8; k++)
		sum[0] += sum[k];
	return sum[0] == 0;
}

static bool is_usable(const struct weir_channels *channels, uint32_t i)
{
	for (uint32_t c = 0; c < channels->n; c++)
		if (!isfinite(channels->channel[c].x[i]))
			return false;
	return true;
}

static const char *poisoned(const struct weir_channels *channels, uint32_t i)
{
	uint32_t c = 0;

	while (isfinite(channels->channel[c].x[i]))
		c++;
	return channels->channel[c].name;
}

/* An expression may remember the record before, so its values are moved together with the records, not computed again. */
static void gather(struct weir_channels *channels, const struct weir_block *in, uint32_t n)
{
	channels->usable->n = 0;
	weir_block_gather(channels->usable, in, channels->index, n);
	for (uint32_t c = 0; c < channels->n; c++) {
		struct weir_channel *channel = &channels->channel[c];

		if (is_column(channel, in->schema))
			channel->x = channels->usable->column[channel->from].real;
		for (uint32_t i = 0; channel->computed && i < n; i++)
			channel->computed[i] = channel->computed[channels->index[i]];
	}
}

static int leave_out(struct weir_channels *channels, const struct weir_block *in)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in->n; i++)
		if (is_usable(channels, i))
			channels->index[n++] = i;
		else if (channels->stops)
			return weir_fail(channels->node, EINVAL, "'%s' is NaN or infinite at t = %lld ns",
					 poisoned(channels, i), (long long)in->t[i]);
	weir_lost(channels->node, WEIR_LOST_POISON, in->n - n);
	gather(channels, in, n);
	return 0;
}

static void show(const struct weir_channels *channels, const struct weir_block *in, struct weir_block *out)
{
	if (!channels->result) {
		*out = *in;
		return;
	}
	*out = *channels->result;
	out->n = in->n;
	out->t = in->t;
	for (uint32_t i = 0; i < channels->n_passed; i++)
		if (!channels->replaced[i])
			out->column[i] = in->column[i];
}

int weir_channels_read(struct weir_channels *channels, const struct weir_block *in, struct weir_block *out)
{
	bool clean = true;
	int err;

	for (uint32_t c = 0; c < channels->n; c++) {
		evaluate(&channels->channel[c], in);
		clean &= channels->takes_any || is_clean(channels->channel[c].x, in->n);
	}
	if (clean) {
		show(channels, in, out);
		return 0;
	}
	err = leave_out(channels, in);
	if (err)
		return err;
	show(channels, channels->usable, out);
	return 0;
}
