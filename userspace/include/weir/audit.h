/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file audit.h
 * @brief For drivers that follow what the guard does: one entry for each line and each decision, from weir_audit_open() on.
 */
#ifndef WEIR_AUDIT_H
#define WEIR_AUDIT_H

#include "weir/driver.h"

#ifdef __cplusplus
extern "C" {
#endif

struct weir_audit;

/** A decision about one line. Texts are constants, or live until the next read. */
struct weir_audited {
	int64_t t;        /**< CLOCK_MONOTONIC, ns */
	int64_t record_t; /**< of the record that led to it, ns of its stream's clock; 0: none did */
	const char *output;
	const char *cause;   /**< asked granted hand max_on deadline stale died left expired taken */
	const char *refused; /**< the rule that refused it: late min_on min_off interlock starts; empty: it was done */
	double asked, done;  /**< the value that was wanted, and that which the line has after it */
	int64_t error;       /**< errno of the device, which could not be set; 0: it was */
	uint64_t missed;     /**< entries before this one for which there was no room */
};

#define WEIR_AUDIT_WHY 384

/**
 * @brief Listen to the guard; one is started if there is none.
 * @param why text for the user after an error; may be empty.
 * @return 0 or -errno. Close with weir_audit_close().
 */
int weir_audit_open(struct weir_audit **out, char why[WEIR_AUDIT_WHY]) WEIR_MUST_CHECK;
/** @brief The next entry. @return 0; -EAGAIN: none just now; -EPIPE: the guard has ended; -errno. */
int weir_audit_read(struct weir_audit *audit, struct weir_audited *out) WEIR_MUST_CHECK;
/** @brief Readable when there is an entry, or the end. */
int weir_audit_fd(const struct weir_audit *audit);
/** @brief Takes NULL. */
void weir_audit_close(struct weir_audit *audit);

#ifdef __cplusplus
}
#endif
#endif
