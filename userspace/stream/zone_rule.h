/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file zone_rule.h
 * @brief The rule of a time zone for all years: a text as of TZ in POSIX, with the longer times of RFC 8536.
 */
#ifndef WEIR_STREAM_ZONE_RULE_H
#define WEIR_STREAM_ZONE_RULE_H

#include "weir/zone.h"

/** A day of each year. */
struct weir_zone_date {
	enum { WEIR_ZONE_JULIAN, WEIR_ZONE_DAY, WEIR_ZONE_MONTH } form; /**< `J60`, `59`, `M3.5.0` */
	int32_t month, week, day;
	int32_t second; /**< of that day, in local time before the change; may be of another day */
};

struct weir_zone_rule {
	int32_t standard, summer; /**< offsets, in s */
	bool has_summer;
	struct weir_zone_date begin, end; /**< of summer time */
};

/** @brief Read `n` bytes, all of them. False: they are no rule. */
bool weir_zone_rule_read(struct weir_zone_rule *rule, const char *text, size_t n);
struct weir_zone_span weir_zone_rule_at(const struct weir_zone_rule *rule, int64_t second);

#endif
