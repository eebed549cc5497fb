/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the guard does, as a stream: one record for each line and each decision, refusals too. It listens from the start of the
 * run on. A listener that is too slow loses records, which the guard counts.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "weir/audit.h"
#include "weir/driver.h"

struct actuations {
	struct weir_audit *audit;
	int at[7]; /* where the fields are in a row */
};

enum { OUTPUT, CAUSE, REFUSED, RECORD_T, ASKED, DONE, FAILED };

static int actuations_open(struct weir_node *node, struct weir_schema *out)
{
	static const struct {
		const char *name, *unit;
		enum weir_kind kind;
		uint32_t bytes;
	} fields[] = {
		[OUTPUT] = { "output", "", WEIR_TEXT, 64 },   [CAUSE] = { "cause", "", WEIR_TEXT, 16 },
		[REFUSED] = { "refused", "", WEIR_TEXT, 16 }, [RECORD_T] = { "record_t", "ns", WEIR_INT, 0 },
		[ASKED] = { "asked", "", WEIR_REAL, 0 },      [DONE] = { "done", "", WEIR_REAL, 0 },
		[FAILED] = { "errno", "", WEIR_INT, 0 },
	};
	struct actuations *actuations = weir_state(node);

	weir_schema_init(out, WEIR_CLOCK_MONOTONIC);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		int field = weir_schema_add(out, fields[i].name, fields[i].kind, fields[i].unit, fields[i].bytes);

		if (field < 0)
			return weir_fail(node, -field, "no room for its fields");
		actuations->at[i] = (int)out->field[field].at;
	}
	return 0;
}

static int actuations_start(struct weir_node *node, bool unread)
{
	struct actuations *actuations = weir_state(node);
	char why[WEIR_AUDIT_WHY];
	int err = weir_audit_open(&actuations->audit, why);

	(void)unread;
	return err < 0 ? weir_fail_device(node, "the guard", "listen to it", -err, *why ? why : NULL) : 0;
}

static void fill(const struct weir_node *node, const struct weir_audited *done, char *row)
{
	const struct actuations *actuations = weir_state(node);

	memset(row, 0, weir_out(node)->row_bytes);
	memcpy(row + weir_out(node)->t.at, &done->t, sizeof(done->t));
	snprintf(row + actuations->at[OUTPUT], 64, "%s", done->output);
	snprintf(row + actuations->at[CAUSE], 16, "%s", done->cause);
	snprintf(row + actuations->at[REFUSED], 16, "%s", done->refused);
	memcpy(row + actuations->at[RECORD_T], &done->record_t, sizeof(done->record_t));
	memcpy(row + actuations->at[ASKED], &done->asked, sizeof(done->asked));
	memcpy(row + actuations->at[DONE], &done->done, sizeof(done->done));
	memcpy(row + actuations->at[FAILED], &done->error, sizeof(done->error));
}

static int actuations_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct actuations *actuations = weir_state(node);
	struct weir_audited done;
	int err = 1;

	while (weir_rows_next(rows)) {
		err = weir_audit_read(actuations->audit, &done);
		if (err < 0)
			break;
		if (done.missed)
			weir_lost(node, WEIR_LOST_DEVICE, done.missed);
		fill(node, &done, weir_rows_next(rows));
		weir_rows_add(rows);
	}
	if (err == -EPIPE)
		return 0;
	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = weir_audit_fd(actuations->audit) };
	return err < 0 ? err : 1;
}

static void actuations_close(struct weir_node *node)
{
	struct actuations *actuations = weir_state(node);

	weir_audit_close(actuations->audit);
}

static const struct weir_param params[] = { { 0 } };

static const struct weir_source_ops actuations_ops = {
	.state_bytes = sizeof(struct actuations),
	.open = actuations_open,
	.start = actuations_start,
	.produce = actuations_produce,
	.close = actuations_close,
};

const struct weir_driver weir_bridge_actuations = {
	.name = "actuations",
	.doc = "actions and refusals of the guard, for every output",
	.source_params = params,
	.source = &actuations_ops,
};
