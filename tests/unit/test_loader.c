/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the loader is asked: only what is a request to the last byte is done; whatever else comes is refused, and the next request is answered. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../common/dice.h"
#include "filter/bpf_loader.h"
#include "filter/bpf_loader_wire.h"

static const struct bpf_insn pass_all[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static struct weir_loader_request good_request(void)
{
	struct weir_loader_request request = { .magic = WEIR_LOADER_MAGIC,
					       .kind = WEIR_BPF_BATCH,
					       .row_bytes = 16,
					       .rows = 1024,
					       .t_at = 8,
					       .t_is_plain = 1,
					       .iio_device = -1,
					       .n_code = 2,
					       .n_bits = 3 };

	memcpy(request.code, pass_all, sizeof(pass_all));
	return request;
}

/* ------------------------------------------------------------------- unpacking */

static struct weir_loader_order order;

static int unpack(const struct weir_loader_request *request, uint32_t n_fds)
{
	return weir_loader_unpack(&order, request, sizeof(*request), n_fds);
}

static void test_good_request(void **state)
{
	struct weir_loader_request request = good_request();

	(void)state;
	assert_int_equal(unpack(&request, 0), 0);
	assert_int_equal(order.config.schema->row_bytes, 16);
	assert_int_equal(order.config.n_code, 2);
	assert_int_equal(order.config.predicate->n_bits, 3);
	assert_ptr_equal(order.order.config, &order.config);
	assert_null(order.order.job);
}

/* Each number beyond its bound. */
static void test_bounds(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} wrong[] = {
		{ offsetof(struct weir_loader_request, magic), 0 },
		{ offsetof(struct weir_loader_request, kind), WEIR_BPF_KINDS },
		{ offsetof(struct weir_loader_request, kind), UINT32_MAX },
		{ offsetof(struct weir_loader_request, hook), 2 },
		{ offsetof(struct weir_loader_request, row_bytes), 0 },
		{ offsetof(struct weir_loader_request, row_bytes), WEIR_ROW_MAX + 1 },
		{ offsetof(struct weir_loader_request, rows), 0 },
		{ offsetof(struct weir_loader_request, rows), UINT32_MAX },
		{ offsetof(struct weir_loader_request, t_at), 9 },
		{ offsetof(struct weir_loader_request, t_at), 16 },
		{ offsetof(struct weir_loader_request, t_at), UINT32_MAX - 7 },
		{ offsetof(struct weir_loader_request, t_is_plain), 2 },
		{ offsetof(struct weir_loader_request, iio_device), (uint32_t)-2 },
		{ offsetof(struct weir_loader_request, has_custom), 1 },
		{ offsetof(struct weir_loader_request, n_code), 0 },
		{ offsetof(struct weir_loader_request, n_code), 1 },
		{ offsetof(struct weir_loader_request, n_code), WEIR_FILTER_CODE_MAX + 1 },
		{ offsetof(struct weir_loader_request, n_bits), WEIR_BITS_WORDS + 1 },
		{ offsetof(struct weir_loader_request, reserved), 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct weir_loader_request request = good_request();

		memcpy((char *)&request + wrong[i].at, &wrong[i].value, sizeof(wrong[i].value));
		if (unpack(&request, 0) != -EBADMSG)
			fail_msg("number %zu is taken", i);
	}
}

static void test_lengths_and_descriptors(void **state)
{
	struct weir_loader_request request = good_request();

	(void)state;
	assert_int_equal(weir_loader_unpack(&order, &request, sizeof(request) - 1, 0), -EBADMSG);
	assert_int_equal(weir_loader_unpack(&order, &request, 0, 0), -EBADMSG);
	assert_int_equal(unpack(&request, 1), -EBADMSG);
	request.has_custom = 1;
	assert_int_equal(unpack(&request, 2), -EBADMSG);
	assert_int_equal(unpack(&request, 1), 0);
	request = (struct weir_loader_request){ .magic = WEIR_LOADER_MAGIC, .kind = WEIR_BPF_LOSS, .iio_device = -1 };
	assert_int_equal(unpack(&request, 0), -EBADMSG);
	request.kind = WEIR_BPF_PULSES;
	assert_int_equal(unpack(&request, 0), 0);
	request.rule.edges = 4;
	assert_int_equal(unpack(&request, 0), -EBADMSG);
}

/* Nothing that a verdict is not made of: calls, maps, atomics, jumps back or out, registers that there are not. */
static void test_code(void **state)
{
	static const struct bpf_insn wrong[] = {
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_probe_read_kernel },
		{ .code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL },
		{ .code = BPF_JMP | BPF_JA, .off = -1 },
		{ .code = BPF_JMP | BPF_JA, .off = 1 },
		{ .code = BPF_JMP32 | BPF_JEQ | BPF_K, .off = INT16_MIN },
		{ .code = BPF_LD | BPF_IMM | BPF_DW, .src_reg = BPF_PSEUDO_MAP_FD },
		{ .code = BPF_LD | BPF_ABS | BPF_W },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .imm = BPF_ADD },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .src_reg = 11 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 11 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct weir_loader_request request = good_request();

		request.n_code = 3;
		request.code[0] = wrong[i];
		memcpy(request.code + 1, pass_all, sizeof(pass_all));
		/* So that a jump by one leads to the end, and by two out. */
		if (wrong[i].off == 1)
			request.code[0].off = 2;
		if (unpack(&request, 0) != -EBADMSG)
			fail_msg("instruction %zu is taken", i);
	}
}

/* --------------------------------------------------------------------- serving */

struct served {
	pid_t pid;
	int socket;
};

static struct served serve(void)
{
	struct served served;
	pid_t parent = getpid();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	served.pid = fork();
	if (!served.pid)
		weir_loader_serve(ends[1], parent);
	close(ends[1]);
	served.socket = ends[0];
	return served;
}

static void finish(struct served *served)
{
	int status;

	close(served->socket);
	assert_int_equal(waitpid(served->pid, &status, 0), served->pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What it answers to a packet; descriptors that come are closed. */
static int ask(const struct served *served, const void *packet, size_t bytes, const int *fds, uint32_t n)
{
	static struct weir_loader_reply reply;
	int got[WEIR_BPF_SLOTS];
	uint32_t n_got;

	assert_int_equal(weir_loader_send(served->socket, packet, bytes, fds, n), 0);
	assert_int_equal(weir_loader_receive(served->socket, &reply, sizeof(reply), got, &n_got), sizeof(reply));
	if (reply.err == -EBADMSG)
		assert_int_equal(n_got, 0);
	while (n_got)
		close(got[--n_got]);
	return reply.err;
}

static size_t open_descriptors(pid_t pid)
{
	char command[64];
	unsigned n = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "ls /proc/%d/fd 2>/dev/null | wc -l", (int)pid);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%u", &n), 1);
	pclose(pipe);
	return n;
}

/* The loader answers before it closes what came with a request; it takes the next one when that is done. */
static void let_it_close(const struct served *served)
{
	assert_int_equal(ask(served, "", 1, NULL, 0), -EBADMSG);
}

static void test_garbage(void **state)
{
	static unsigned char packet[2 * sizeof(struct weir_loader_request)];
	struct served served = serve();
	struct dice dice = { 51 };
	const struct weir_loader_request good = good_request();
	int expected = ask(&served, &good, sizeof(good), NULL, 0), fds[WEIR_BPF_SLOTS];
	size_t before;

	(void)state;
	let_it_close(&served);
	before = open_descriptors(served.pid);
	for (uint32_t i = 0; i < WEIR_BPF_SLOTS; i++)
		fds[i] = STDERR_FILENO;
	for (uint32_t i = 0; i < 300; i++) {
		size_t bytes = 1 + roll_below(&dice, i % 3 ? sizeof(good) : sizeof(packet));

		for (size_t k = 0; k < bytes; k++)
			packet[k] = (unsigned char)roll(&dice);
		assert_int_equal(ask(&served, packet, bytes, fds, roll_below(&dice, WEIR_BPF_SLOTS + 1)), -EBADMSG);
	}
	assert_int_equal(ask(&served, &good, sizeof(good), fds, 1), -EBADMSG);
	let_it_close(&served);
	assert_int_equal(open_descriptors(served.pid), before);
	assert_int_equal(ask(&served, &good, sizeof(good), NULL, 0), expected);
	finish(&served);
}

/* Requests in which something was changed: whatever they are taken for, the next good one is answered as ever. */
static void test_changed_requests(void **state)
{
	struct served served = serve();
	struct dice dice = { 52 };
	const struct weir_loader_request good = good_request();
	int expected = ask(&served, &good, sizeof(good), NULL, 0);

	(void)state;
	for (uint32_t i = 0; i < 60; i++) {
		struct weir_loader_request request = good;

		for (uint32_t n = 1 + roll_below(&dice, 3); n; n--)
			((unsigned char *)&request)[roll_below(&dice,
							       offsetof(struct weir_loader_request, code) + 24)] ^=
				(unsigned char)(1u << roll_below(&dice, 8));
		request.rows = good.rows; /* a ring of gigabytes is a good request */
		(void)ask(&served, &request, sizeof(request), NULL, 0);
	}
	assert_int_equal(ask(&served, &good, sizeof(good), NULL, 0), expected);
	finish(&served);
}

/* An object that could still be changed is not loaded, whatever is in it. */
static void test_unsealed(void **state)
{
	struct served served = serve();
	struct weir_loader_request request = good_request();
	int fd = memfd_create("unsealed", MFD_CLOEXEC);

	(void)state;
	request.has_custom = 1;
	assert_int_equal(ask(&served, &request, sizeof(request), &fd, 1), -EBADMSG);
	close(fd);
	finish(&served);
}

/* It does not outlive its parent, even when the socket stays open somewhere. */
static void test_parent_dies(void **state)
{
	int report[2];
	pid_t parent, loader = 0;

	(void)state;
	assert_int_equal(pipe(report), 0);
	parent = fork();
	if (!parent) {
		struct served served = serve();
		const struct weir_loader_request good = good_request();

		ask(&served, &good, sizeof(good), NULL, 0);
		if (write(report[1], &served.pid, sizeof(served.pid)) < 0)
			_exit(1);
		if (!fork()) { /* has the socket, and stays */
			alarm(20);
			pause();
			_exit(0);
		}
		pause();
	}
	assert_int_equal(read(report[0], &loader, sizeof(loader)), sizeof(loader));
	assert_true(loader > 0);
	kill(parent, SIGKILL);
	waitpid(parent, NULL, 0);
	for (int i = 0; i < 500 && !kill(loader, 0); i++) {
		char path[32], line[64] = "";
		FILE *status;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)loader);
		status = fopen(path, "r");
		if (!status || !fgets(line, sizeof(line), status) || strstr(line, ") Z")) {
			if (status)
				fclose(status);
			break;
		}
		fclose(status);
		assert_true(i < 499);
		usleep(10000);
	}
	close(report[0]);
	close(report[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_request),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_lengths_and_descriptors),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_changed_requests),
		cmocka_unit_test(test_unsealed),
		cmocka_unit_test(test_parent_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
