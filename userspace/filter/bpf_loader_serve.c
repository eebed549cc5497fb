/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The loader's side. It is one loop that checks packets; each good one is done by a child, which loads, passes the descriptors and ends,
 * so that nothing is left over: whoever has the descriptors has the hooks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/bpf_loader.h"
#include "filter/bpf_loader_wire.h"
#include "filter/capabilities.h"

#define SOCKET 3 /* above the standard three, which are /dev/null */

/* Where kernel.perf_event_paranoid is more than 2, as on Debian, hooks ask for CAP_SYS_ADMIN. */
static bool is_paranoid(void)
{
	int fd = open("/proc/sys/kernel/perf_event_paranoid", O_RDONLY | O_CLOEXEC);
	char digits[16] = "";

	if (fd < 0)
		return false;
	if (read(fd, digits, sizeof(digits) - 1) < 0)
		digits[0] = 0;
	close(fd);
	return atoi(digits) > 2;
}

static int keep_rights(void)
{
	uint64_t wanted = WEIR_CAPABILITY(CAP_BPF) | WEIR_CAPABILITY(CAP_PERFMON);

	/* On kernels and in programs that know no CAP_BPF, CAP_SYS_ADMIN stands for it. */
	if (is_paranoid() || !(weir_capabilities() & WEIR_CAPABILITY(CAP_BPF)))
		wanted |= WEIR_CAPABILITY(CAP_SYS_ADMIN);
	return weir_capabilities_keep(wanted);
}

/* Nothing of the pipeline's is kept: not its files, not its terminal's signals. */
static void isolate(int socket)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
	int null = open("/dev/null", O_RDWR);

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	socket = fcntl(socket, F_DUPFD, SOCKET + 1);
	for (int fd = 0; fd < SOCKET; fd++)
		if (null < 0 || dup2(null, fd) < 0)
			_exit(1);
	if (dup2(socket, SOCKET) < 0 || close_range(SOCKET + 1, ~0u, 0))
		_exit(1);
	fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
}

static void become(int socket, pid_t parent)
{
	if (keep_rights())
		_exit(1);
	isolate(socket);
	prctl(PR_SET_NAME, "weir-loader");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0);
	/* The pipeline may have died before this. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(1);
}

/* --------------------------------------------------------------------- answers */

static int reply_with(struct weir_loader_reply *reply, const struct weir_bpf_loaded *loaded)
{
	int fds[WEIR_BPF_SLOTS];
	uint32_t n = 0;

	for (uint32_t slot = 0; loaded && !reply->err && slot < WEIR_BPF_SLOTS; slot++) {
		if (loaded->fd[slot] < 0)
			continue;
		reply->slots |= 1u << slot;
		fds[n++] = loaded->fd[slot];
	}
	return weir_loader_send(SOCKET, reply, sizeof(*reply), fds, n);
}

static int open_object(struct weir_loader_order *order, int object, char *why)
{
	char path[32], reason[WEIR_CUSTOM_WHY_MAX];
	int err;

	if ((fcntl(object, F_GET_SEALS) & WEIR_LOADER_SEALS) != WEIR_LOADER_SEALS) {
		snprintf(why, WEIR_WHY_MAX, "the custom filter did not come as a sealed file");
		return -EBADMSG;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", object);
	err = weir_custom_open(&order->config.custom, path, NULL, reason);
	if (err)
		snprintf(why, WEIR_WHY_MAX, "%.*s", WEIR_WHY_MAX - 1, reason);
	return err;
}

static int load_here(struct weir_bpf_loaded *loaded, const struct weir_bpf_order *order, char *why)
{
	static int (*const load[WEIR_BPF_KINDS])(struct weir_bpf_loaded *, const struct weir_bpf_order *, char *) = {
		weir_bpf_load_batch,
		weir_bpf_load_inline,
		weir_bpf_load_pulses,
		weir_bpf_load_loss,
	};

	int err = weir_bpf_library_open(why);

	return err < 0 ? err : load[order->kind](loaded, order, why);
}

/* In the child. Closing what it has by ending, and in no other way, leaves the hooks to the descriptors that were passed. */
static void load(struct weir_loader_order *order, int object, struct weir_loader_reply *reply)
{
	struct weir_bpf_loaded loaded;

	weir_bpf_loaded_init(&loaded);
	if (object >= 0)
		reply->err = open_object(order, object, reply->why);
	if (!reply->err)
		reply->err = load_here(&loaded, &order->order, reply->why);
	if (order->config.custom) {
		snprintf(reply->refusal, sizeof(reply->refusal), "%s", weir_custom_refusal(order->config.custom));
		snprintf(reply->misfit, sizeof(reply->misfit), "%s", weir_custom_misfit(order->config.custom));
	}
	_exit(reply_with(reply, &loaded) ? 1 : 0);
}

static int refuse(struct weir_loader_reply *reply, int err, const char *why)
{
	reply->err = err;
	snprintf(reply->why, sizeof(reply->why), "%s", why);
	return reply_with(reply, NULL);
}

static int answer(const void *packet, size_t bytes, const int *fds, uint32_t n_fds)
{
	static struct weir_loader_order order;
	static struct weir_loader_reply reply;
	int status = 0;
	pid_t child;

	memset(&reply, 0, sizeof(reply));
	if (weir_loader_unpack(&order, packet, bytes, n_fds))
		return refuse(&reply, -EBADMSG, "the packet is no request for a filter");
	child = fork();
	if (!child)
		load(&order, n_fds ? fds[0] : -1, &reply);
	if (child < 0)
		return refuse(&reply, -errno, "the loader cannot fork");
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return status ? refuse(&reply, -EIO, "the loader's child ended before it had loaded the filter") : 0;
}

void weir_loader_serve(int socket, pid_t parent)
{
	static unsigned char packet[sizeof(struct weir_loader_request)] __attribute__((aligned(8)));

	become(socket, parent);
	for (int err = 0; !err;) {
		int fds[WEIR_BPF_SLOTS];
		uint32_t n_fds;
		ssize_t n = weir_loader_receive(SOCKET, packet, sizeof(packet), fds, &n_fds);

		if (n <= 0 && n != -EBADMSG)
			break;
		err = answer(packet, n < 0 ? 0 : (size_t)n, fds, n_fds);
		while (n_fds)
			close(fds[--n_fds]);
	}
	_exit(0);
}
