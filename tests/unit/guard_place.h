/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file guard_place.h
 * @brief A directory of the test's own with a guard process in it, and one output: a file, which the guard treats as it does a
 * DAC's attribute. Everything fails the test rather than to return an error.
 */
#ifndef GUARD_PLACE_H
#define GUARD_PLACE_H

#include <sys/types.h>

#include "core/guard_link.h"

#define PLACE_PARK 7.0
#define PLACE_MS INT64_C(1000000)

struct guard_place {
	char directory[64], output[96];
	pid_t guard;
};

/** @brief Make it, tell it by $WEIR_GUARD, and start its guard. Guards that hooks leave behind become children. @return 0 or -1. */
int place_make(struct guard_place *place);
/** @brief End the guard and remove everything. @return 0 or -1, of which the latter also when something strange is there. */
int place_drop(struct guard_place *place);

int64_t place_now(void);
void place_nap(void);

/** @brief Run weir-guard with an option. @return its process id. */
pid_t place_run(const char *option);
void place_start(struct guard_place *place);
void place_kill(struct guard_place *place, int signal);
/** @brief The exit status of a child that ends; -1: of a signal. */
int place_status(pid_t pid);
/** @brief Wait until a process is gone that may be a child, or one that an emulator has not made one. */
void place_await_end(pid_t pid);

void place_connect(struct weir_guard_link *link);
/** @brief One request without an output. @return as weir_guard_link_call(). */
int place_call(struct weir_guard_link *link, enum weir_guard_verb verb, uint32_t index);
/** @brief The first output that is held. @return 0 or -ENOENT. */
int place_held(struct weir_guard_reply *reply);

/** @brief A request for the output: parked at PLACE_PARK, 0 to 1000, with a deadline of 100 ms. */
struct weir_guard_request place_wanted(const struct guard_place *place);
/** @brief Connect, and take it. @return 0 or -errno. */
int place_take(struct weir_guard_link *link, struct weir_guard_request *request, struct weir_guard_grip *grip,
	       const char *title);
void place_ask(struct weir_guard_link *link, const struct weir_guard_grip *grip, double value, uint32_t how);
/** @brief Take the output as it is wanted, but with this deadline, and have it driven to 42. */
void place_drive(const struct guard_place *place, struct weir_guard_link *link, struct weir_guard_grip *grip,
		 int64_t deadline_ns);

/** @brief What is in the file now. */
long place_value(const struct guard_place *place);
void place_await(const struct guard_place *place, long value);

#endif
