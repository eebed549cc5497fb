/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/amqp_session.h"

#include <errno.h>
#include <stdio.h>
#include <sys/time.h>

#define CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"
#define HEARTBEAT_S 20
/* Whole seconds: a library whose times have 32 bits reads the same of them, where ours have 64. */
#define ANSWER_S 5 /* how long each step of opening may take */

int weir_amqp_lost(char why[WEIR_LINK_WHY], const char *text)
{
	snprintf(why, WEIR_LINK_WHY, "%s", text);
	return -EIO;
}

/* What will not get better by itself: no such queue, no permission, declared in another way. */
static int refused(char *why, int code, amqp_bytes_t text)
{
	snprintf(why, WEIR_LINK_WHY, "%.*s", (int)(text.len < 150 ? text.len : 150), (const char *)text.bytes);
	return code == AMQP_ACCESS_REFUSED || code == AMQP_NOT_FOUND || code == AMQP_PRECONDITION_FAILED ||
			       code == AMQP_NOT_ALLOWED || code == AMQP_RESOURCE_LOCKED
		       ? -EACCES
		       : -EIO;
}

int weir_amqp_closed(amqp_method_t method, char why[WEIR_LINK_WHY])
{
	const amqp_connection_close_t *connection = method.decoded;
	const amqp_channel_close_t *channel = method.decoded;

	if (method.id == AMQP_CONNECTION_CLOSE_METHOD)
		return refused(why, connection->reply_code, connection->reply_text);
	if (method.id == AMQP_CHANNEL_CLOSE_METHOD)
		return refused(why, channel->reply_code, channel->reply_text);
	return weir_amqp_lost(why, "the broker said something unexpected");
}

int weir_amqp_check(amqp_rpc_reply_t reply, char why[WEIR_LINK_WHY])
{
	if (reply.reply_type == AMQP_RESPONSE_NORMAL)
		return 0;
	if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
		return weir_amqp_closed(reply.reply, why);
	return weir_amqp_lost(why, reply.library_error ? amqp_error_string2(reply.library_error)
						       : "the connection was closed");
}

int weir_amqp_check_last(amqp_connection_state_t connection, char why[WEIR_LINK_WHY])
{
	return weir_amqp_check(amqp_get_rpc_reply(connection), why);
}

/* ----------------------------------------------------------------------- open */

static amqp_socket_t *make_tls_socket(amqp_connection_state_t connection, const struct weir_broker *broker)
{
	amqp_socket_t *socket = amqp_ssl_socket_new(connection);

	if (!socket)
		return NULL;
	amqp_ssl_socket_set_verify_peer(socket, !broker->is_unchecked);
	amqp_ssl_socket_set_verify_hostname(socket, !broker->is_unchecked);
	if (amqp_ssl_socket_set_cacert(socket, broker->ca ? broker->ca : CERTIFICATES) ||
	    (broker->cert && amqp_ssl_socket_set_key(socket, broker->cert, broker->key)))
		return NULL;
	return socket;
}

static int explain(int status, const struct weir_broker *broker, char *why)
{
	if (status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED)
		return weir_broker_doubt(broker, "it is for another host", why);
	if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED)
		return weir_broker_doubt(broker, NULL, why);
	return weir_amqp_lost(why, amqp_error_string2(status));
}

static int connect_socket(amqp_connection_state_t connection, const struct weir_broker *broker, char *why)
{
	struct timeval answer = { .tv_sec = ANSWER_S };
	amqp_socket_t *socket;
	int status;

	amqp_set_handshake_timeout(connection, &answer);
	amqp_set_rpc_timeout(connection, &answer);
	socket = broker->has_tls ? make_tls_socket(connection, broker) : amqp_tcp_socket_new(connection);
	if (!socket)
		return weir_amqp_lost(why, "cannot use these certificates");
	status = amqp_socket_open_noblock(socket, broker->host, broker->port, &answer);
	return status ? explain(status, broker, why) : 0;
}

/* A broker tells only those who can hear it that a queue is gone, or that its memory or disk is full. */
static amqp_table_entry_t can(const char *what)
{
	return (amqp_table_entry_t){
		.key = amqp_cstring_bytes(what),
		.value = { .kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1 },
	};
}

static int login(amqp_connection_state_t connection, const struct weir_broker *broker, const char *vhost, char *why)
{
	amqp_table_entry_t abilities[] = { can("consumer_cancel_notify"), can("connection.blocked"), can("basic.nack"),
					   can("publisher_confirms") };
	amqp_table_entry_t capabilities = {
		.key = amqp_cstring_bytes("capabilities"),
		.value = { .kind = AMQP_FIELD_KIND_TABLE,
			   .value.table = { sizeof(abilities) / sizeof(*abilities), abilities } },
	};
	amqp_table_t properties = { 1, &capabilities };
	int err = weir_amqp_check(amqp_login_with_properties(connection, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, HEARTBEAT_S,
							     &properties, AMQP_SASL_METHOD_PLAIN,
							     broker->user ? broker->user : "guest",
							     broker->password ? broker->password : "guest"),
				  why);

	if (err)
		return err;
	amqp_channel_open(connection, WEIR_AMQP_CHANNEL);
	return weir_amqp_check_last(connection, why);
}

int weir_amqp_open(amqp_connection_state_t *out, const struct weir_broker *broker, const char *vhost,
		   char why[WEIR_LINK_WHY])
{
	int err;

	*out = amqp_new_connection();
	if (!*out)
		return -ENOMEM;
	err = connect_socket(*out, broker, why);
	return err ? err : login(*out, broker, vhost, why);
}

void weir_amqp_hurry(amqp_connection_state_t connection, int ms)
{
	struct timeval most = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	amqp_set_rpc_timeout(connection, &most);
}

void weir_amqp_shut(amqp_connection_state_t connection)
{
	if (!connection)
		return;
	if (amqp_get_sockfd(connection) >= 0)
		(void)amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
	(void)amqp_destroy_connection(connection);
}
