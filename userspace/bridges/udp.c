/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Datagrams that arrive at a UDP port, as lines, CSV or JSON. Datagrams come and are dropped without a connection: the drops of the
 * socket's buffer are counted by the kernel, those of the network are not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weir/answer.h"

#define DATAGRAMS 16         /* received at once */
#define DATAGRAM_BYTES 65536 /* more than one can have */

struct udp_datagram {
	size_t n;
	char bytes[DATAGRAM_BYTES + 1]; /* weir_answer_line() writes behind a line */
};

struct udp {
	struct weir_answer_args answers;
	bool skips;
	int64_t buffer_bytes;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address;
	socklen_t address_bytes;
	int fd; /* -1: not open */
	struct weir_answer *answer;
	struct weir_block *block;
	struct udp_datagram *datagram;
	uint32_t n, at; /* datagrams that were received; the present one */
	size_t offset;  /* of the next line in it */
	int64_t arrival_ns;
	uint32_t drops; /* of the socket, as counted so far */
	int failed;     /* reported; what came before it is delivered first */
	_Atomic uint64_t dropped, malformed;
	char how[128];
};

static const struct weir_param params[] = {
	WEIR_ANSWER_PARAMS(struct udp, answers),
	WEIR_P_SIZE("buffer", struct udp, buffer_bytes, NULL,
		    "size of the kernel's buffer; default: that of the system", .min = 4096, .max = 1 << 30),
	WEIR_P_WORD("on_error", struct udp, skips, "skip", weir_on_error_words,
		    "at a malformed line, stop the run, or skip the line and count it"),
	{ .name = NULL },
};

/* ------------------------------------------------------------------------ open */

/* PORT, ADDRESS:PORT, or [ADDRESS]:PORT. */
static bool udp_split(const char *target, char host[64], char port[8])
{
	const char *colon = strrchr(target, ':');
	const char *from = target, *to = colon ? colon : target;

	if (strlen(colon ? colon + 1 : target) >= 8)
		return false;
	strcpy(port, colon ? colon + 1 : target);
	if (*from == '[' && to > from && to[-1] == ']') {
		from++;
		to--;
	}
	if (to - from >= 64)
		return false;
	snprintf(host, 64, "%.*s", (int)(to - from), from);
	return *port && !port[strspn(port, "0123456789")] && atoi(port) > 0 && atoi(port) < 65536;
}

/* A numeric address of this machine; without one all of IPv4. */
static int udp_resolve(struct udp *udp, struct weir_node *node)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;
	char host[64], port[8];

	if (!udp_split(weir_target(node), host, port))
		return weir_fail_arg(node, NULL, "as in udp:5005, udp:192.168.1.2:5005 or \"udp:[fe80::1]:5005\"",
				     "udp needs a port from 1 to 65535");
	if (getaddrinfo(*host ? host : "0.0.0.0", port, &hints, &found))
		return weir_fail_arg(node, NULL, "as in udp:5005 or udp:192.168.1.2:5005",
				     "'%s' is not a numeric address", host);
	memcpy(&udp->address, found->ai_addr, found->ai_addrlen);
	udp->address_bytes = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int udp_open(struct weir_node *node, struct weir_schema *out)
{
	struct udp *udp = weir_state(node);
	int err = udp_resolve(udp, node);

	udp->fd = -1;
	if (!err)
		err = weir_answer_open(&udp->answer, node, &udp->answers, out, WEIR_CLOCK_MONOTONIC, false);
	if (err)
		return err;
	udp->datagram = calloc(DATAGRAMS, sizeof(*udp->datagram));
	return udp->datagram ? weir_block_open(&udp->block, weir_out(node)) : -ENOMEM;
}

/* A group of multicast is joined on the interface that the routes choose. */
static int udp_join(const struct udp *udp)
{
	struct ip_mreq v4 = { .imr_multiaddr = udp->address.v4.sin_addr };
	struct ipv6_mreq v6 = { .ipv6mr_multiaddr = udp->address.v6.sin6_addr };

	if (udp->address.any.sa_family == AF_INET && IN_MULTICAST(ntohl(v4.imr_multiaddr.s_addr)))
		return setsockopt(udp->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &v4, sizeof(v4));
	if (udp->address.any.sa_family == AF_INET6 && IN6_IS_ADDR_MULTICAST(&v6.ipv6mr_multiaddr))
		return setsockopt(udp->fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &v6, sizeof(v6));
	return 0;
}

static int udp_start(struct weir_node *node, bool unread)
{
	struct udp *udp = weir_state(node);
	int bytes = (int)udp->buffer_bytes, got = 0;
	socklen_t length = sizeof(got);

	(void)unread;
	udp->fd = socket(udp->address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (udp->fd < 0)
		return weir_fail_device(node, weir_target(node), "open a socket for", errno, NULL);
	if (bytes && setsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)))
		return weir_fail_device(node, weir_target(node), "set the buffer of", errno, NULL);
	/* The kernel doubles what it is asked for, and takes no more than its limit without a word. */
	if (bytes && !getsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &got, &length) && got / 2 < bytes)
		weir_warn(node, "the buffer has %d bytes and not %d: net.core.rmem_max is the limit", got / 2, bytes);
	if (bind(udp->fd, &udp->address.any, udp->address_bytes))
		return weir_fail_device(node, weir_target(node), "listen on", errno,
					errno == EADDRINUSE
						? "another program has the port; end that, or choose another"
					: errno == EADDRNOTAVAIL ? "it is not an address of this machine"
								 : "ports below 1024 need root");
	if (udp_join(udp))
		return weir_fail_device(node, weir_target(node), "join the group", errno, NULL);
	return 0;
}

/* --------------------------------------------------------------------- receive */

/* The kernel's count for this socket, which wraps. */
static void udp_count_drops(struct udp *udp, struct weir_node *node)
{
	uint32_t memory[SK_MEMINFO_VARS], lost;
	socklen_t length = sizeof(memory);

	if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) || length < sizeof(memory))
		return;
	lost = memory[SK_MEMINFO_DROPS] - udp->drops;
	udp->drops = memory[SK_MEMINFO_DROPS];
	if (!lost)
		return;
	atomic_fetch_add_explicit(&udp->dropped, lost, memory_order_relaxed);
	weir_lost(node, WEIR_LOST_DEVICE, lost);
}

static int udp_receive(struct udp *udp, struct weir_node *node)
{
	struct mmsghdr message[DATAGRAMS] = { 0 };
	struct iovec part[DATAGRAMS];
	int got;

	for (uint32_t i = 0; i < DATAGRAMS; i++) {
		part[i] = (struct iovec){ udp->datagram[i].bytes, DATAGRAM_BYTES };
		message[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i], .msg_iovlen = 1 };
	}
	udp->n = udp->at = 0;
	udp->offset = 0;
	got = recvmmsg(udp->fd, message, DATAGRAMS, 0, NULL);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got < 0)
		return weir_fail_device(node, weir_target(node), "receive on", errno, NULL);
	for (uint32_t i = 0; i < (uint32_t)got; i++)
		udp->datagram[i].n = message[i].msg_len;
	udp->n = (uint32_t)got;
	udp->arrival_ns = weir_now(WEIR_CLOCK_MONOTONIC);
	udp_count_drops(udp, node);
	return 0;
}

/* The next line, with or without a newline at its end; NULL: there is none. Empty ones are left out. */
static char *udp_line(struct udp *udp, size_t *n)
{
	for (; udp->at < udp->n; udp->at++, udp->offset = 0) {
		struct udp_datagram *datagram = &udp->datagram[udp->at];

		while (udp->offset < datagram->n) {
			char *line = datagram->bytes + udp->offset;
			char *newline = memchr(line, '\n', datagram->n - udp->offset);

			*n = newline ? (size_t)(newline - line) : datagram->n - udp->offset;
			udp->offset += *n + 1;
			*n -= *n && line[*n - 1] == '\r';
			if (*n)
				return line;
		}
	}
	return NULL;
}

static int udp_take_line(struct weir_node *node, char *line, size_t n)
{
	struct udp *udp = weir_state(node);
	const char *why = "a byte is zero, which text does not have";

	if (!memchr(line, '\0', n)) {
		if (weir_answer_line(udp->answer, line, n, udp->block, udp->arrival_ns) >= 0)
			return 0;
		why = weir_answer_why(udp->answer);
	}
	if (!udp->skips)
		return weir_fail(node, EINVAL, "a datagram to '%s': %s", weir_target(node), why);
	atomic_fetch_add_explicit(&udp->malformed, 1, memory_order_relaxed);
	weir_lost(node, WEIR_LOST_CUT, 1);
	return 0;
}

static int udp_take(struct weir_node *node, struct weir_rows *rows)
{
	struct udp *udp = weir_state(node);
	char *line;
	size_t n;
	int err = 0;

	udp->block->n = 0;
	while (!err && !weir_block_is_full(udp->block) && udp->block->n < weir_rows_room(rows) &&
	       (line = udp_line(udp, &n)))
		err = udp_take_line(node, line, n);
	weir_rows_put(rows, udp->block);
	return err;
}

static int udp_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct udp *udp = weir_state(node);
	int err = udp->failed;

	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = udp->fd };
	while (!err && weir_rows_next(rows)) {
		err = udp_take(node, rows);
		if (err || rows->n)
			break;
		err = udp_receive(udp, node);
	}
	udp->failed = err == -EAGAIN ? 0 : err;
	return rows->n ? 1 : err ? err : -EAGAIN;
}

/* ------------------------------------------------------------------------- end */

/* Drops behind the last datagram. */
static void udp_stop(struct weir_node *node)
{
	struct udp *udp = weir_state(node);

	udp_count_drops(udp, node);
}

static const char *udp_how(const struct weir_node *node)
{
	struct udp *udp = weir_state(node);
	unsigned long long dropped = atomic_load_explicit(&udp->dropped, memory_order_relaxed);
	unsigned long long malformed = atomic_load_explicit(&udp->malformed, memory_order_relaxed);

	if (!dropped && !malformed)
		return NULL;
	snprintf(udp->how, sizeof(udp->how), "%llu datagrams dropped by the kernel's buffer, %llu malformed lines",
		 dropped, malformed);
	return udp->how;
}

static void udp_close(struct weir_node *node)
{
	struct udp *udp = weir_state(node);

	/* Zeroed state, of an open() that was never called, has no descriptor. */
	if (udp->fd > 0)
		close(udp->fd);
	weir_answer_close(udp->answer);
	weir_block_close(udp->block);
	free(udp->datagram);
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct udp),
	.open = udp_open,
	.start = udp_start,
	.produce = udp_produce,
	.stop = udp_stop,
	.close = udp_close,
	.how = udp_how,
};

const struct weir_driver weir_bridge_udp = {
	.name = "udp",
	.doc = "datagrams to a UDP port: lines, CSV or JSON",
	.target = "[ADDRESS:]PORT",
	.source_params = params,
	.source = &source,
};
