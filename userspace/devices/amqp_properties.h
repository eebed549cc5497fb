/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** @file amqp_properties.h @brief What an AMQP message has beside its payload, as properties of an inbox (weir/inbox.h). */
#ifndef WEIR_DEVICES_AMQP_PROPERTIES_H
#define WEIR_DEVICES_AMQP_PROPERTIES_H

#include "devices/amqp_session.h"
#include "weir/inbox.h"

/** A message while it is put into an inbox; numbers among its headers become text here. */
struct weir_amqp_message {
	const amqp_envelope_t *envelope;
	char number[32];
};

extern const struct weir_inbox_property weir_amqp_properties[];

/** @brief The `get` of an inbox's message; `context` is a struct weir_amqp_message. */
void weir_amqp_get(const void *context, const struct weir_inbox_property *wanted, const char *name,
		   struct weir_inbox_value *value);

#endif
