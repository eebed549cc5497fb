/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "share/share_place.h"
#include "share_peer.h"

static char directory[] = "/tmp/weir-share-XXXXXX";

int peer_setup(void **state)
{
	(void)state;
	return !mkdtemp(directory) || setenv("RUNTIME_DIRECTORY", directory, 1);
}

int peer_teardown(void **state)
{
	char path[PATH_MAX];
	DIR *dir = opendir(directory);
	struct dirent *entry;

	(void)state;
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	return rmdir(directory);
}

const struct weir_schema *peer_schema(void)
{
	static struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "value", WEIR_INT, "V", 0);
	return &schema;
}

struct weir_share_config peer_config(void)
{
	return (struct weir_share_config){ .name = "s",
					   .schema = peer_schema(),
					   .rows = 1024,
					   .group = (gid_t)-1,
					   .patience_ns = INT64_C(10000000000),
					   .halt_fd = -1 };
}

struct weir_share *peer_share(const struct weir_share_config *config)
{
	struct weir_share *share;

	assert_int_equal(weir_share_open(&share, config), 0);
	return share;
}

struct weir_tap *peer_tap(int policy)
{
	char why[WEIR_TAP_WHY];
	struct weir_tap *tap;

	if (weir_tap_open(&tap, "s", policy, why) < 0)
		fail_msg("%s", why);
	return tap;
}

void peer_write(struct weir_share *share, uint64_t from, uint64_t to, struct dice *dice)
{
	uint32_t got;

	for (uint64_t k = from; k < to; k += got) {
		uint32_t want = 1 + roll_below(dice, 1024);
		struct row *rows = weir_share_reserve(share, to - k < want ? (uint32_t)(to - k) : want, &got);

		for (uint32_t i = 0; i < got; i++)
			rows[i] = (struct row){ (int64_t)(k + i), value_at(k + i) };
		if (got)
			weir_share_commit(share, got);
		else
			weir_share_wait_space(share);
	}
}

/* Copied first: only after the release is known which of them were whole. */
uint64_t peer_read(struct weir_tap *tap, uint32_t max, uint64_t start_at, uint64_t *wrong)
{
	struct row copy[1024];
	uint32_t n, spoilt;
	const void *rows = weir_tap_peek(tap, max < 1024 ? max : 1024, &n);
	uint64_t k = weir_tap_position(tap) - start_at;

	memcpy(copy, rows, n * sizeof(*copy));
	spoilt = weir_tap_release(tap, n);
	for (uint32_t i = spoilt; i < n; i++)
		*wrong += copy[i].t != (int64_t)(k + i) || copy[i].value != value_at(k + i);
	return n - spoilt;
}

int peer_connect(void)
{
	int fd = weir_share_connect("s");

	assert_true(fd >= 0);
	return fd;
}

struct weir_share_welcome peer_subscribe(int fd, int policy, int fds[WEIR_SHARE_FDS])
{
	struct weir_share_hello hello = { WEIR_SHARE_MAGIC, WEIR_SHARE_VERSION, WEIR_SHARE_SUBSCRIBE, (uint8_t)policy };
	char bytes[4096], control[CMSG_SPACE(WEIR_SHARE_FDS * sizeof(int))] = { 0 };
	struct iovec part = { bytes, sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct weir_share_welcome welcome;

	fds[0] = fds[1] = -1;
	assert_int_equal(send(fd, &hello, sizeof(hello), 0), sizeof(hello));
	assert_int_equal(poll(&wait, 1, 10000), 1);
	assert_true(recvmsg(fd, &message, 0) >= (ssize_t)sizeof(welcome));
	memcpy(&welcome, bytes, sizeof(welcome));
	if (CMSG_FIRSTHDR(&message))
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), WEIR_SHARE_FDS * sizeof(int));
	return welcome;
}

int peer_is_closed(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char bytes[4096];

	while (poll(&wait, 1, 10000) == 1)
		if (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) <= 0)
			return 1;
	return 0;
}
