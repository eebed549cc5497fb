/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two users of a guard that send any packets, with descriptors or without, and write anything into their ask pages. The guard's
 * sessions run in this process, on attributes that are memory. It answers each request, holds no more than it can, and after the
 * users' end no descriptor is left.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "descriptors.h"
#include "guard/guard.h"
#include "input.h"

#define RUNS 3000
#include "standalone.h"

#define USERS 2
#define STEPS 64
#define NO_DEVICE "/nonexistent"

struct user {
	int fd;
	struct weir_guard_asks *asks; /* NULL: it has not said hello */
};

struct fixture {
	struct guard guard;
	struct guard_memory memory;
	struct user user[USERS];
};

static void fixture_begin(struct fixture *fixture)
{
	struct guard *guard = &fixture->guard;

	memset(fixture, 0, sizeof(*fixture));
	guard->memory = &fixture->memory;
	guard_begin(guard);
	for (uint32_t i = 0; i < USERS; i++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) ||
		    guard_session_open(guard, ends[1]))
			abort();
		fixture->user[i].fd = ends[0];
		/* The process that it would end is this one. */
		close(guard->session[i].pidfd);
		guard->session[i].pidfd = -1;
	}
}

static void fixture_end(struct fixture *fixture)
{
	struct guard *guard = &fixture->guard;
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < USERS; i++) {
		close(fixture->user[i].fd);
		/* Each packet that is left, then the end. */
		for (int k = 0; k <= STEPS && guard->session[i].fd >= 0; k++)
			guard_session_serve(guard, i);
		if (guard->session[i].fd >= 0)
			abort();
		if (fixture->user[i].asks)
			munmap(fixture->user[i].asks, sizeof(*fixture->user[i].asks));
	}
	guard_lease_tidy(guard, guard_now(), &next);
	for (uint32_t i = 0; i < WEIR_BANK_LEASES; i++)
		if (guard->bank.lease[i].n)
			guard_lease_drop(guard, i);
}

/* Sound but for what the input patches. Paths of devices stay those of none. */
static struct weir_guard_request make_request(struct input *input, uint8_t how)
{
	struct weir_guard_request request = { .magic = WEIR_GUARD_MAGIC,
					      .verb = take_byte(input) % 10,
					      .index = take_byte(input) % 40,
					      .direct = take_byte(input) % 8 == 7,
					      .deadline_ns = 100000000 };
	struct weir_physical *what = &request.what;
	uint16_t at;

	what->n = 1;
	what->factor = 1;
	what->least = -1;
	what->most = 1e18;
	strcpy(what->title, "x");
	request.value[0] = take_byte(input);
	snprintf(what->device, sizeof(what->device), NO_DEVICE "/%u", take_byte(input) % 40);
	if (how & 0x10)
		take(input, &request.rule, sizeof(request.rule));
	for (uint8_t n = how & 0x20 ? take_byte(input) % 8 : 0; n; n--) {
		take(input, &at, sizeof(at));
		((uint8_t *)&request)[at % sizeof(request)] = take_byte(input);
	}
	what->is_file = !(how & 0x40);
	memcpy(what->device, NO_DEVICE, sizeof(NO_DEVICE) - 1);
	return request;
}

static void send_request(struct fixture *fixture, uint32_t user, struct input *input, uint8_t how)
{
	struct weir_guard_request request = make_request(input, how);
	uint32_t n_fds = how & 8 ? take_byte(input) % (WEIR_WIRE_FDS + 1) : 1;
	size_t bytes = (how & 6) == 6 && take_byte(input) % 8 == 7 ? take_byte(input) : sizeof(request);
	int fds[WEIR_WIRE_FDS];

	for (uint32_t i = 0; i < n_fds; i++)
		if ((fds[i] = memfd_create("fuzz", MFD_CLOEXEC)) < 0)
			abort();
	(void)weir_wire_send(fixture->user[user].fd, &request, bytes, fds, n_fds);
	weir_wire_drop(fds, n_fds);
}

/* What was answered, and actuations; the pages of a hello stay mapped here. */
static void read_replies(struct user *user)
{
	union {
		struct weir_guard_reply reply;
		struct weir_actuation actuation;
		struct weir_guard_handed handed;
		char bytes[4096];
	} packet;
	char control[CMSG_SPACE(WEIR_WIRE_FDS * sizeof(int))];
	struct iovec part = { .iov_base = &packet, .iov_len = sizeof(packet) };

	for (;;) {
		struct msghdr message = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
		};
		struct cmsghdr *header;
		int fds[WEIR_WIRE_FDS];
		uint32_t n;
		void *page;

		if (recvmsg(user->fd, &message, MSG_CMSG_CLOEXEC) <= 0)
			return;
		header = CMSG_FIRSTHDR(&message);
		if (!header)
			continue;
		n = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), n * sizeof(int));
		page = n == 3 && !user->asks
			       ? mmap(NULL, sizeof(*user->asks), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0)
			       : MAP_FAILED;
		if (page != MAP_FAILED)
			user->asks = page;
		weir_wire_drop(fds, n);
	}
}

static void write_asks(struct fixture *fixture, uint32_t user, struct input *input, uint8_t how)
{
	uint8_t slot = take_byte(input) % WEIR_GUARD_SLOTS;
	struct weir_guard_ask_slot *asks = &fixture->user[user].asks->slot[slot];
	struct weir_guard_tell_slot *tells = &fixture->guard.session[user].tells->slot[slot];
	struct weir_guard_ask ask = { .epoch = atomic_load(&tells->epoch), .how = take_byte(input) };
	uint64_t head;
	int64_t t;

	take(input, &head, take_byte(input) % 9);
	take(input, &t, 8);
	take(input, &ask.value[0], 8);
	for (uint32_t i = 0; i < WEIR_GUARD_QUEUE; i++)
		asks->ask[i] = ask;
	atomic_store(&asks->head, how & 0x10 ? head : atomic_load(&tells->tail) + head % 20);
	atomic_store(&asks->beat_ns, how & 0x20 ? t : guard_now());
	atomic_store(&asks->fresh_ns, how & 0x40 ? t : guard_now());
}

static void check_guard(const struct guard *guard)
{
	if (guard->n_decisions > GUARD_DECISIONS || guard->bank.n_leases > WEIR_BANK_LEASES)
		abort();
	for (uint32_t i = 0; i < USERS; i++)
		for (int slot = 0; slot < WEIR_GUARD_SLOTS; slot++) {
			int lease = guard->session[i].lease[slot];

			if (guard->session[i].fd >= 0 && lease >= 0 &&
			    (lease >= WEIR_BANK_LEASES || guard->holding[lease].session != (int)i ||
			     guard->holding[lease].slot != (uint32_t)slot))
				abort();
		}
}

static void step(struct fixture *fixture, struct input *input)
{
	struct guard *guard = &fixture->guard;
	uint8_t how = take_byte(input);
	uint32_t user = how & 1;
	int64_t next = INT64_MAX;

	if (guard->session[user].fd < 0)
		return;
	if ((how & 0xe) == 0xe && fixture->user[user].asks) {
		write_asks(fixture, user, input, how);
	} else {
		send_request(fixture, user, input, how);
		guard_session_serve(guard, user);
		read_replies(&fixture->user[user]);
	}
	guard_work(guard);
	guard_lease_tidy(guard, guard_now(), &next);
	check_guard(guard);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixture fixture;
	struct input input = { data, size };
	int before = count_descriptors();

	fixture_begin(&fixture);
	for (int i = 0; i < STEPS && input.size; i++)
		step(&fixture, &input);
	fixture_end(&fixture);
	expect_descriptors(before);
	return 0;
}

/* Bytes of step(): how, verb, index, direct, value, device. */
static const char *const words[] = {
	"\2\1\1\1\1\1",
	"\2\2\1\1\1\1",
	"\3\1\1\1\1\1",
	"\3\2\1\1\1\2",
	"\2\3\1\1\1\1",
	"\2\4\1\1\1\3",
	"\2\5\1\1\1\1",
	"\2\6\1\1\1\1",
	"\2\7\1\1\1\1",
	"\3\10\1\1\1\1",
	"\16\20\1\10\1\1\1\1\1\1\1\1",
	"\17\20\1\10\1\1\1\1\1\1\1\1",
	"\62\2\1\1\1\1",
	"\102\2\1\1\1\1",
	"\12\2\1\1\1\1\3",
	"\377",
};

FUZZER(words)
