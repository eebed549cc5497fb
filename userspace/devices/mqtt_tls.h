/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file mqtt_tls.h
 * @brief TLS over a connected socket that does not block, by OpenSSL. One thread.
 */
#ifndef WEIR_DEVICES_MQTT_TLS_H
#define WEIR_DEVICES_MQTT_TLS_H

#include <sys/types.h>

#include "weir/broker.h"
#include "weir/link.h"

struct weir_mqtt_tls;

/**
 * @brief With the certificates that the broker's arguments name.
 * @param fd stays the caller's.
 * @return 0; -ENOMEM; -EACCES: a file cannot be used, and `why` is set. Free with weir_mqtt_tls_close(), which takes NULL.
 */
int weir_mqtt_tls_open(struct weir_mqtt_tls **out, const struct weir_broker *broker, int fd,
		       char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;
/** @brief Tell the peer that it is the end, where that can be written at once, and free all. */
void weir_mqtt_tls_close(struct weir_mqtt_tls *tls);

/** @brief Go on with the handshake. @return 1: done; 0: not yet; -EACCES: the broker is not believed; -EIO. */
int weir_mqtt_tls_shake(struct weir_mqtt_tls *tls, char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

/* As recv() and send(): bytes; 0: the end; -EAGAIN: not now; -EIO with `why` set. */
ssize_t weir_mqtt_tls_read(struct weir_mqtt_tls *tls, void *bytes, size_t n, char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;
ssize_t weir_mqtt_tls_write(struct weir_mqtt_tls *tls, const void *bytes, size_t n,
			    char why[WEIR_LINK_WHY]) WEIR_MUST_CHECK;

/** @brief Does the last call that gave 0 or -EAGAIN wait until the socket can be written to? */
bool weir_mqtt_tls_wants_write(const struct weir_mqtt_tls *tls);
/** @brief Is there something to be read that the socket does not know of? */
bool weir_mqtt_tls_has_more(const struct weir_mqtt_tls *tls);

#endif
