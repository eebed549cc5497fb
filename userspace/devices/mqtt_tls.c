/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "devices/mqtt_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CERTIFICATES "/etc/ssl/certs"

struct weir_mqtt_tls {
	const struct weir_broker *broker;
	SSL_CTX *context;
	SSL *session;
	bool wants_write;
};

/* ----------------------------------------------------------------------- open */

/* Nobody is there to be asked for the password of a key. */
static int no_password(char *bytes, int n, int writes, void *context)
{
	(void)bytes;
	(void)n;
	(void)writes;
	(void)context;
	return -1;
}

static int unusable(const char *argument, char *why)
{
	snprintf(why, WEIR_LINK_WHY, "TLS: the file of %s= cannot be used: %.100s", argument,
		 ERR_reason_error_string(ERR_peek_last_error()));
	return -EACCES;
}

static int use_files(SSL_CTX *context, const struct weir_broker *broker, char *why)
{
	ERR_clear_error();
	if (broker->ca ? !SSL_CTX_load_verify_file(context, broker->ca)
		       : !SSL_CTX_load_verify_dir(context, CERTIFICATES))
		return unusable("ca", why);
	if (broker->cert && SSL_CTX_use_certificate_chain_file(context, broker->cert) != 1)
		return unusable("cert", why);
	if (broker->key && SSL_CTX_use_PrivateKey_file(context, broker->key, SSL_FILETYPE_PEM) != 1)
		return unusable("key", why);
	return 0;
}

/* The name that the certificate must be for. An address is no name for SNI. */
static bool expect_host(SSL *session, const char *host)
{
	struct in6_addr address;

	if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host);
	return SSL_set1_host(session, host) && SSL_set_tlsext_host_name(session, host);
}

int weir_mqtt_tls_open(struct weir_mqtt_tls **out, const struct weir_broker *broker, int fd, char why[WEIR_LINK_WHY])
{
	struct weir_mqtt_tls *tls = calloc(1, sizeof(*tls));
	int err;

	*out = tls;
	snprintf(why, WEIR_LINK_WHY, "TLS: no memory");
	if (!tls)
		return -ENOMEM;
	tls->broker = broker;
	tls->context = SSL_CTX_new(TLS_client_method());
	if (!tls->context)
		return -ENOMEM;
	SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
	SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION); /* of TLS 1.2: no broker needs it */
	SSL_CTX_set_default_passwd_cb(tls->context, no_password);
	SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_verify(tls->context, broker->is_unchecked ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	err = use_files(tls->context, broker, why);
	if (err < 0)
		return err;
	tls->session = SSL_new(tls->context);
	if (!tls->session || !SSL_set_fd(tls->session, fd) || !expect_host(tls->session, broker->host))
		return -ENOMEM;
	SSL_set_connect_state(tls->session);
	return 0;
}

void weir_mqtt_tls_close(struct weir_mqtt_tls *tls)
{
	if (!tls)
		return;
	if (tls->session && SSL_is_init_finished(tls->session))
		(void)SSL_shutdown(tls->session);
	SSL_free(tls->session);
	SSL_CTX_free(tls->context);
	ERR_clear_error();
	free(tls);
}

/* ----------------------------------------------------------------------- work */

static int doubt(const struct weir_mqtt_tls *tls, char *why)
{
	long result = SSL_get_verify_result(tls->session);
	bool is_elsewhere = result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH;

	return weir_broker_doubt(tls->broker, is_elsewhere ? "it is for another host" : NULL, why);
}

/* Of a call that gave no bytes: 0 at the end, -EAGAIN, -EIO, or -EACCES where the broker is not believed. */
static int explain(struct weir_mqtt_tls *tls, int got, char *why)
{
	int error = SSL_get_error(tls->session, got), number = errno;
	unsigned long code = ERR_peek_error();

	tls->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (error == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
	    (error == SSL_ERROR_SYSCALL && !code && (!number || number == ECONNRESET || number == EPIPE)))
		return 0;
	if (code && SSL_get_verify_result(tls->session) != X509_V_OK && !tls->broker->is_unchecked)
		return doubt(tls, why);
	snprintf(why, WEIR_LINK_WHY, "TLS failed: %.120s", code ? ERR_reason_error_string(code) : strerror(number));
	return -EIO;
}

int weir_mqtt_tls_shake(struct weir_mqtt_tls *tls, char why[WEIR_LINK_WHY])
{
	int got, err;

	ERR_clear_error();
	errno = 0;
	got = SSL_do_handshake(tls->session);
	if (got == 1)
		return 1;
	err = explain(tls, got, why);
	if (!err)
		snprintf(why, WEIR_LINK_WHY, "TLS failed: the broker closed the connection: it may not speak TLS");
	return err == -EAGAIN ? 0 : err ? err : -EIO;
}

ssize_t weir_mqtt_tls_read(struct weir_mqtt_tls *tls, void *bytes, size_t n, char why[WEIR_LINK_WHY])
{
	size_t got = 0;

	ERR_clear_error();
	errno = 0;
	return SSL_read_ex(tls->session, bytes, n, &got) ? (ssize_t)got : explain(tls, 0, why);
}

ssize_t weir_mqtt_tls_write(struct weir_mqtt_tls *tls, const void *bytes, size_t n, char why[WEIR_LINK_WHY])
{
	size_t done = 0;

	ERR_clear_error();
	errno = 0;
	return SSL_write_ex(tls->session, bytes, n, &done) ? (ssize_t)done : explain(tls, 0, why);
}

bool weir_mqtt_tls_wants_write(const struct weir_mqtt_tls *tls)
{
	return tls->wants_write;
}

bool weir_mqtt_tls_has_more(const struct weir_mqtt_tls *tls)
{
	return SSL_pending(tls->session) > 0;
}
