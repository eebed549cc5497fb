/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file finding.h
 * @brief What `weir doctor` finds: a fact about this machine, and the command that changes it.
 */
#ifndef WEIR_API_FINDING_H
#define WEIR_API_FINDING_H

#include <stdbool.h>
#include <stdio.h>

#include "weir/weir.h"

enum weir_health { WEIR_HEALTH_GOOD, WEIR_HEALTH_LACKING, WEIR_HEALTH_BROKEN };

struct weir_finding {
	enum weir_health health;
	char text[640];
	const char *mend; /**< NULL: see `advice` */
	char advice[320]; /**< the same, not of a table; empty: nothing to do */
};

struct weir_finding weir_finding_make(enum weir_health health, const char *mend, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Findings on their way to the user, and the worst of them. */
struct weir_findings {
	FILE *stream;
	enum weir_format format;
	bool is_broken;
	void *list; /**< json_t */
};

void weir_findings_begin(struct weir_findings *findings, FILE *stream, enum weir_format format);
void weir_findings_add(struct weir_findings *findings, const struct weir_finding *finding);
/** @brief As JSON they are printed now. @return 0, or 1 when one is broken. */
int weir_findings_end(struct weir_findings *findings);

/* Of this machine, by trying; doctor.c */
struct weir_finding weir_doctor_uring(void);
struct weir_finding weir_doctor_batch(void);
struct weir_finding weir_doctor_inline(void);
struct weir_finding weir_doctor_iio(void);
struct weir_finding weir_doctor_gpio(void);
struct weir_finding weir_doctor_released_lines(void);
struct weir_finding weir_doctor_guard(void);
struct weir_finding weir_doctor_hrtimer(void);

#endif
