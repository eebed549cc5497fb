/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a service manager is told: the beginning, the end, a reload; and its watchdog, which a hanging chain keeps silent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "core/notify.h"
#include "weir/call.h"
#include "weir/weir.h"

#define WATCHDOG_MS 400

struct manager {
	int fd;
	char name[64];
	char text[4096]; /* all that has come, a line each */
};

/* In the abstract name space, as with @ in the variable, or a file. */
static void manager_open(struct manager *manager, bool is_abstract)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int n;

	*manager = (struct manager){ .fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0) };
	n = snprintf(manager->name, sizeof(manager->name), "%sweir-notify-%d", is_abstract ? "@" : "/tmp/", getpid());
	memcpy(address.sun_path, manager->name, (size_t)n);
	if (is_abstract)
		address.sun_path[0] = '\0';
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
			 0);
	setenv("NOTIFY_SOCKET", manager->name, 1);
}

static const char *manager_read(struct manager *manager)
{
	size_t n = 0;
	ssize_t got;

	while ((got = recv(manager->fd, manager->text + n, sizeof(manager->text) - n - 2, 0)) > 0) {
		n += (size_t)got;
		manager->text[n++] = '\n';
	}
	manager->text[n] = '\0';
	return manager->text;
}

static void manager_close(struct manager *manager)
{
	close(manager->fd);
	if (*manager->name == '/')
		unlink(manager->name);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void set_watchdog(int pid)
{
	char text[32];

	snprintf(text, sizeof(text), "%d", WATCHDOG_MS * 1000);
	setenv("WATCHDOG_USEC", text, 1);
	snprintf(text, sizeof(text), "%d", pid);
	setenv("WATCHDOG_PID", text, 1);
}

static int hang(const union weir_call_value *in, union weir_call_value *out, void *state)
{
	(void)state;
	nanosleep(&(struct timespec){ .tv_sec = 3 * WATCHDOG_MS / 1000, .tv_nsec = 500000000 }, NULL);
	out[0] = in[0];
	return 1;
}

static int run(const char *text, int64_t for_ns, bool notify)
{
	static const struct weir_call call = {
		.version = WEIR_CALL_VERSION, .bytes = sizeof(call), .in = "value", .out = "y", .element = hang
	};
	struct weir_native hangs = { .name = "hang", .call = &call };
	struct weir_options options = {
		.for_ns = for_ns, .notify = notify, .functions = &hangs, .n_functions = 1, .quiet = true
	};
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, text, "<test>", &options);

	assert_int_equal(status, 0);
	status = weir_run(pipeline);
	weir_close(pipeline);
	return status;
}

static void a_run_says_when_it_begins_and_ends(void **state)
{
	struct manager manager;

	(void)state;
	for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
		manager_open(&manager, is_abstract);
		assert_int_equal(run("synth:counter rate=1kHz | null", 50000000, true), 0);
		assert_string_equal(manager_read(&manager), "READY=1\nSTOPPING=1\n");
		assert_int_equal(run("synth:counter rate=1kHz | null", 50000000, false), 0);
		assert_string_equal(manager_read(&manager), "");
		manager_close(&manager);
	}
}

/* A source that gives nothing is no fault. */
static void a_quiet_source_keeps_the_watchdog_content(void **state)
{
	struct manager manager;

	(void)state;
	manager_open(&manager, true);
	set_watchdog(getpid());
	assert_int_equal(run("exec:\"sleep 60\" | null", 4 * WATCHDOG_MS * INT64_C(1000000), true), 0);
	assert_true(count(manager_read(&manager), "WATCHDOG=1") >= 4);
	manager_close(&manager);
}

/* One record takes longer than the time of the watchdog, although others wait to be worked off. */
static void a_chain_that_hangs_keeps_it_silent(void **state)
{
	struct manager manager;

	(void)state;
	manager_open(&manager, true);
	set_watchdog(getpid());
	run("synth:counter rate=100Hz | call hang | null", WATCHDOG_MS * INT64_C(1000000), true);
	assert_true(count(manager_read(&manager), "WATCHDOG=1") <= 2);
	assert_int_equal(count(manager.text, "READY=1"), 1);
	manager_close(&manager);
}

static void a_watchdog_of_another_process_is_none(void **state)
{
	struct manager manager;

	(void)state;
	manager_open(&manager, true);
	set_watchdog(getpid() + 1);
	assert_true(weir_watchdog_ns() == 0);
	setenv("WATCHDOG_USEC", "a while", 1);
	unsetenv("WATCHDOG_PID");
	assert_true(weir_watchdog_ns() == 0);
	manager_close(&manager);
}

static void a_reload_has_its_time(void **state)
{
	struct manager manager;
	long long usec = 0;
	struct timespec now;

	(void)state;
	manager_open(&manager, true);
	assert_int_equal(weir_notify_reloading(), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_int_equal(sscanf(manager_read(&manager), "RELOADING=1\nMONOTONIC_USEC=%lld", &usec), 1);
	assert_in_range(now.tv_sec * 1000000LL + now.tv_nsec / 1000 - usec, 0, 60000000);
	manager_close(&manager);
}

static void a_wrong_socket_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(weir_notify("READY=1"), 0);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(weir_notify("READY=1"), -EINVAL);
	setenv("NOTIFY_SOCKET", "/nowhere/to/be/found", 1);
	assert_int_equal(weir_notify("READY=1"), -ENOENT);
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_says_when_it_begins_and_ends),
		cmocka_unit_test(a_quiet_source_keeps_the_watchdog_content),
		cmocka_unit_test(a_chain_that_hangs_keeps_it_silent),
		cmocka_unit_test(a_watchdog_of_another_process_is_none),
		cmocka_unit_test(a_reload_has_its_time),
		cmocka_unit_test(a_wrong_socket_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
