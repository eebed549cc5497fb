/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pipeline's side of the loader. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/bpf_loader.h"
#include "filter/bpf_loader_wire.h"

#define OBJECT_BYTES_MAX (16 << 20)
#define ANSWER_SECONDS 60 /* the verifier may think for long */

/* One for the process, as its capabilities are. */
static int loader = -1;
static pid_t loader_pid;

static bool is_running(void)
{
	return loader >= 0;
}

int weir_loader_start(void (*serve)(int socket, pid_t parent))
{
	const struct timeval patience = { .tv_sec = ANSWER_SECONDS };
	const int buffer = 4 * (int)sizeof(struct weir_loader_request);
	pid_t parent = getpid();
	int ends[2];

	if (loader >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	loader_pid = fork();
	if (!loader_pid)
		serve(ends[1], parent);
	close(ends[1]);
	if (loader_pid > 0) {
		loader = ends[0];
		return 0;
	}
	close(ends[0]);
	return -errno;
}

/* ------------------------------------------------------------- custom filters */

static int copy_file(int to, const char *path)
{
	int from = open(path, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat file;

	if (from < 0)
		return -errno;
	if (fstat(from, &file))
		err = -errno;
	else if (!S_ISREG(file.st_mode) || file.st_size > OBJECT_BYTES_MAX)
		err = -EFBIG;
	for (off_t done = 0; !err && done < file.st_size;) {
		char bytes[16384];
		ssize_t n = read(from, bytes, sizeof(bytes));

		if (n <= 0 || write(to, bytes, (size_t)n) != n)
			err = n < 0 ? -errno : -EIO;
		else
			done += n;
	}
	close(from);
	return err;
}

/* Sealed, so that what is checked is what is loaded. */
static int object_file(const struct weir_custom *custom)
{
	int fd = memfd_create("weir-filter", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err = fd < 0 ? -errno : copy_file(fd, weir_custom_path(custom));

	if (!err && fcntl(fd, F_ADD_SEALS, WEIR_LOADER_SEALS))
		err = -errno;
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	return err;
}

/* ------------------------------------------------------------------------ ask */

static int lost(int err, char *why)
{
	snprintf(why, WEIR_WHY_MAX, "the process that loads filters does not answer: %s", strerror(-err));
	return err;
}

static int take_reply(struct weir_bpf_loaded *loaded, const struct weir_loader_reply *reply, const int *fds,
		      uint32_t n_fds)
{
	uint32_t used = 0;

	for (uint32_t slot = 0; slot < WEIR_BPF_SLOTS; slot++)
		if (reply->slots >> slot & 1 && used < n_fds)
			loaded->fd[slot] = fds[used++];
	while (n_fds > used)
		close(fds[--n_fds]);
	return reply->err > 0 ? -EPROTO : reply->err;
}

static void abandon(void)
{
	close(loader);
	loader = -1;
	kill(loader_pid, SIGKILL);
	waitpid(loader_pid, NULL, 0);
}

static int exchange(struct weir_bpf_loaded *loaded, const struct weir_loader_request *request, int object,
		    struct weir_loader_reply *reply, char *why)
{
	int fds[WEIR_BPF_SLOTS], err;
	uint32_t n_fds;
	ssize_t n;

	err = weir_loader_send(loader, request, sizeof(*request), &object, object >= 0);
	if (err)
		return lost(err, why);
	n = weir_loader_receive(loader, reply, sizeof(*reply), fds, &n_fds);
	if (n != (ssize_t)sizeof(*reply)) {
		/* A late answer would be taken for that to the next question. */
		abandon();
		return lost(n < 0 ? (int)n : -EPIPE, why);
	}
	err = take_reply(loaded, reply, fds, n_fds);
	snprintf(why, WEIR_WHY_MAX, "%.*s", WEIR_WHY_MAX - 1, reply->why);
	return err;
}

static int ask(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	struct weir_custom *custom = order->config ? order->config->custom : NULL;
	struct weir_loader_request *request = malloc(sizeof(*request));
	struct weir_loader_reply *reply = malloc(sizeof(*reply));
	int object = custom ? object_file(custom) : -1, err = custom && object < 0 ? object : 0;

	if (!request || !reply)
		err = -ENOMEM;
	if (err) {
		weir_bpf_refuse(err, why, "the filter cannot be handed to the process that loads it");
	} else {
		weir_loader_pack(request, order);
		err = exchange(loaded, request, object, reply, why);
		if (err && custom && is_running())
			weir_custom_take_over(custom, reply->refusal, reply->misfit);
	}
	if (object >= 0)
		close(object);
	free(request);
	free(reply);
	return err;
}

int weir_bpf_get(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char why[WEIR_WHY_MAX])
{
	int err = weir_bpf_library_open(why);

	weir_bpf_loaded_init(loaded);
	if (err < 0)
		return err;
	return is_running() ? ask(loaded, order, why) : order->load(loaded, order, why);
}
