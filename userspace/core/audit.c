/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/audit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/guard_link.h"

struct weir_audit {
	struct weir_guard_link link;
	struct weir_actuation last;
};

int weir_audit_open(struct weir_audit **out, char why[WEIR_AUDIT_WHY])
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_LISTEN };
	struct weir_audit *audit = calloc(1, sizeof(*audit));
	int err;

	*out = NULL;
	*why = '\0';
	if (!audit)
		return -ENOMEM;
	err = weir_guard_link_open(&audit->link, true);
	if (err >= 0)
		err = weir_guard_link_call(&audit->link, &request, -1);
	snprintf(why, WEIR_AUDIT_WHY, "%s", audit->link.why);
	if (err < 0)
		weir_audit_close(audit);
	else
		*out = audit;
	return err;
}

int weir_audit_read(struct weir_audit *audit, struct weir_audited *out)
{
	struct weir_actuation *last = &audit->last;
	ssize_t n = recv(audit->link.fd, last, sizeof(*last), MSG_DONTWAIT);

	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (n != sizeof(*last))
		return -EPIPE;
	*out = (struct weir_audited){
		.t = last->t,
		.record_t = last->record_t,
		.output = last->output,
		.cause = weir_cause_name(last->cause),
		.refused = weir_refusal_name(last->refusal),
		.asked = last->asked,
		.done = last->done,
		.error = last->failed,
		.missed = last->missed,
	};
	return 0;
}

int weir_audit_fd(const struct weir_audit *audit)
{
	return audit->link.fd;
}

void weir_audit_close(struct weir_audit *audit)
{
	if (audit)
		weir_guard_link_close(&audit->link);
	free(audit);
}
