/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "filter/bpf_inline.h"
#include "filter/bpf_loader_wire.h"

#define ROWS_MAX (1u << 28)

static void pack_config(struct weir_loader_request *request, const struct weir_filter_config *config)
{
	request->row_bytes = config->schema->row_bytes;
	request->rows = config->ring_rows;
	request->t_at = config->schema->t.at;
	request->t_is_plain = weir_inline_is_plain(&config->schema->t);
	request->iio_device = config->iio_device;
	request->has_custom = config->custom != NULL;
	request->limit = config->limit;
	request->n_code = config->n_code;
	request->n_bits = config->predicate->n_bits;
	if (config->n_code <= WEIR_FILTER_CODE_MAX)
		memcpy(request->code, config->code, config->n_code * sizeof(*config->code));
	memcpy(request->bits, config->predicate->bits, config->predicate->n_bits * sizeof(*request->bits));
}

void weir_loader_pack(struct weir_loader_request *request, const struct weir_bpf_order *order)
{
	memset(request, 0, sizeof(*request));
	request->magic = WEIR_LOADER_MAGIC;
	request->kind = order->kind;
	request->hook = order->hook;
	request->iio_device = order->iio_device;
	if (order->config)
		pack_config(request, order->config);
	if (order->kind == WEIR_BPF_BATCH)
		request->rows = order->capacity;
	if (order->job) {
		request->counts = order->job->counts;
		request->filters = order->job->filters;
		request->rule = order->job->rule;
	}
}

/* --------------------------------------------------------------------- checks */

/* What a verdict is made of: no calls, no maps, no atomics, no way back. */
static bool is_harmless(const struct bpf_insn *insn, uint32_t at, uint32_t n)
{
	uint8_t op = BPF_OP(insn->code);

	if (insn->dst_reg > BPF_REG_10 || insn->src_reg > BPF_REG_10)
		return false;
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		return true;
	case BPF_JMP:
	case BPF_JMP32:
		return op == BPF_EXIT || (op != BPF_CALL && insn->off >= 0 && at + 1 + (uint32_t)insn->off < n);
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return BPF_MODE(insn->code) == BPF_MEM;
	default:
		return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && !insn->src_reg && at + 1 < n;
	}
}

static bool is_verdict(const struct bpf_insn *code, uint32_t n)
{
	if (!n || n > WEIR_FILTER_CODE_MAX || code[n - 1].code != (BPF_JMP | BPF_EXIT))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (!is_harmless(&code[i], i, n))
			return false;
		/* The second half of a 64-bit load has no code of its own. */
		i += code[i].code == (BPF_LD | BPF_IMM | BPF_DW);
	}
	return true;
}

static bool is_filter(const struct weir_loader_request *r, uint32_t n_fds)
{
	return r->row_bytes && r->row_bytes <= WEIR_ROW_MAX && r->rows && r->rows <= ROWS_MAX && r->t_is_plain <= 1 &&
	       (!r->t_is_plain || (r->t_at % 8 == 0 && r->t_at + 8 <= r->row_bytes && r->t_at < WEIR_ROW_MAX)) &&
	       r->iio_device >= -1 && r->n_bits <= WEIR_BITS_WORDS && r->has_custom <= 1 && n_fds == r->has_custom &&
	       is_verdict(r->code, r->n_code);
}

static bool is_pulses(const struct weir_loader_request *r)
{
	return r->counts <= 1 && r->filters <= 1 && r->rule.has_width <= 1 &&
	       r->rule.edges <= (WEIR_PULSE_RISING | WEIR_PULSE_FALLING);
}

static bool is_request(const struct weir_loader_request *r, uint32_t n_fds)
{
	if (r->magic != WEIR_LOADER_MAGIC || r->reserved || r->hook > WEIR_HOOK_KPROBE)
		return false;
	switch (r->kind) {
	case WEIR_BPF_BATCH:
	case WEIR_BPF_INLINE:
		return is_filter(r, n_fds);
	case WEIR_BPF_PULSES:
		return !n_fds && is_pulses(r);
	case WEIR_BPF_LOSS:
		return !n_fds && r->iio_device >= 0;
	default:
		return false;
	}
}

static void unpack_config(struct weir_loader_order *out, const struct weir_loader_request *r)
{
	weir_schema_init(&out->schema, WEIR_CLOCK_MONOTONIC);
	out->schema.row_bytes = r->row_bytes;
	out->schema.t.at = r->t_at;
	if (!r->t_is_plain)
		out->schema.t.bytes = 0;
	out->predicate.n_bits = r->n_bits;
	memcpy(out->predicate.bits, r->bits, r->n_bits * sizeof(*r->bits));
	out->config = (struct weir_filter_config){
		.schema = &out->schema,
		.predicate = &out->predicate,
		.code = r->code,
		.n_code = r->n_code,
		.ring_rows = r->rows,
		.iio_device = r->iio_device,
		.limit = r->limit,
	};
}

int weir_loader_unpack(struct weir_loader_order *out, const void *packet, size_t bytes, uint32_t n_fds)
{
	const struct weir_loader_request *r = packet;

	if (bytes != sizeof(*r) || !is_request(r, n_fds))
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	out->order = (struct weir_bpf_order){ .kind = (enum weir_bpf_kind)r->kind,
					      .hook = (enum weir_hook)r->hook,
					      .capacity = r->rows,
					      .iio_device = r->iio_device };
	if (r->kind == WEIR_BPF_PULSES) {
		out->job = (struct weir_gpio_job){ .counts = r->counts, .filters = r->filters, .rule = r->rule };
		out->order.job = &out->job;
	} else if (r->kind != WEIR_BPF_LOSS) {
		unpack_config(out, r);
		out->order.config = &out->config;
	}
	return 0;
}

/* -------------------------------------------------------------------- packets */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * WEIR_BPF_SLOTS)];
};

int weir_loader_send(int socket, const void *packet, size_t bytes, const int *fds, uint32_t n_fds)
{
	union control control = { 0 };
	struct iovec part = { .iov_base = (void *)(uintptr_t)packet, .iov_len = bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t sent;

	if (n_fds) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n_fds);
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

/* All of them are taken out, so that none stays open by accident. */
static void take_fds(struct msghdr *message, int *fds, uint32_t *n_fds)
{
	*n_fds = 0;
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int) && *n_fds < WEIR_BPF_SLOTS; i++)
			memcpy(&fds[(*n_fds)++], CMSG_DATA(at) + i * sizeof(int), sizeof(int));
	}
}

ssize_t weir_loader_receive(int socket, void *packet, size_t bytes, int *fds, uint32_t *n_fds)
{
	union control control;
	struct iovec part = { .iov_base = packet, .iov_len = bytes };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	ssize_t n;

	*n_fds = 0;
	do
		n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&message, fds, n_fds);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return n;
	while (*n_fds)
		close(fds[--*n_fds]);
	return -EBADMSG;
}
