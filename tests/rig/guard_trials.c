// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What happens to an output when something dies. Each trial runs a pipeline that holds LAMP at 0, waits a random time, does
 * one thing to it, and watches the simulated chip's own view of the line, which parks at 1.
 *
 *   guard_trials FAULT [-n TRIALS] [-s SEED] [-v]
 *
 *   kill     the pipeline by SIGKILL         loop     a stage never returns
 *   stop     SIGSTOP, and SIGCONT later      memory   a stage eats all memory of its control group
 *   unplug   its sensor's process dies       chip     its input chip is removed
 *   guard    the guard by SIGKILL            both     both by SIGKILL, then `weir park`, as a stop hook does
 *                                            respawn  both by SIGKILL, then weir-guard is started again
 *
 * A released line of the simulator falls back to its pull, which is 0: a line at 1 is driven there. Only for `guard` the pull
 * is 1, since the pipeline that has parked it then ends and lets it go.
 *
 * Prints "FAULT: N trials, N parked, N glitches; ms: p50 P p99 P max M"; exit status 1 unless all were parked without a glitch.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "clock.h"
#include "gpio_sim.h"

#define TRIALS_MAX 10000
#define MS 1000000ull
#define GIVE_UP_NS (5000 * MS)
#define STAY_NS (60 * MS)
#define DEADLINE_NS (100 * MS)

#define CHIP "/sys/kernel/config/gpio-sim/weir-extra"
#define GROUP "/sys/fs/cgroup/weir-trial"

enum fault { KILL, STOP, LOOP, MEMORY, UNPLUG, CHIP_GONE, GUARD, BOTH, RESPAWN, FAULTS };
static const char *const fault_name[] = {
	"kill", "stop", "loop", "memory", "unplug", "chip", "guard", "both", "respawn"
};

struct trials {
	enum fault fault;
	unsigned n, done, parked, glitches;
	uint64_t random, took[TRIALS_MAX];
	int value, pull, verbose;
	pid_t guard, pipeline, sensor;
};

static int failed(const char *what)
{
	fprintf(stderr, "guard_trials: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t below(struct trials *t, uint64_t n)
{
	t->random = t->random * 6364136223846793005u + 1442695040888963407u;
	return (t->random >> 33) % n;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		failed(path);
	close(fd);
}

/* --- the line ------------------------------------------------------------------- */

static int level(const struct trials *t)
{
	char text = '?';

	if (pread(t->value, &text, 1, 0) != 1)
		failed("value");
	return text == '1';
}

/* When the line was seen at a level; 0: not before the time is up. */
static uint64_t await_level(const struct trials *t, int wanted, uint64_t limit)
{
	uint64_t deadline = clock_now_ns() + limit;

	for (;;) {
		uint64_t now = clock_now_ns();

		if (level(t) == wanted)
			return now;
		if (now > deadline)
			return 0;
		clock_sleep_until_ns(now + 200000);
	}
}

static int stays(const struct trials *t, int wanted)
{
	uint64_t until = clock_now_ns() + STAY_NS;

	while (clock_now_ns() < until) {
		if (level(t) != wanted)
			return 0;
		clock_sleep_until_ns(clock_now_ns() + 200000);
	}
	return 1;
}

/* --- processes ------------------------------------------------------------------ */

static pid_t start(const struct trials *t, char *const argv[])
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!t->verbose) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
	}
	execvp(argv[0], argv);
	_exit(127);
}

static void end(pid_t *pid)
{
	if (*pid <= 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void start_guard(struct trials *t)
{
	char *const argv[] = { "weir-guard", "--stay", NULL };

	unlink("/run/weir/guard.sock");
	t->guard = start(t, argv);
	while (access("/run/weir/guard.sock", F_OK))
		clock_sleep_until_ns(clock_now_ns() + MS);
}

static void start_sensor(struct trials *t)
{
	char *const argv[] = { "hid_sensor", "-r", "200", "-x", "const:10", NULL };

	t->sensor = start(t, argv);
	while (system("grep -qsx accel_3d /sys/bus/iio/devices/*/name"))
		clock_sleep_until_ns(clock_now_ns() + 10 * MS);
}

static void start_chip(void)
{
	if (system("mkdir -p " CHIP "/bank0/line0 && echo 1 >" CHIP "/bank0/num_lines && "
		   "echo EXTRA >" CHIP "/bank0/line0/name && echo 1 >" CHIP "/live"))
		failed(CHIP);
}

static void feed_chip(void)
{
	struct gpio_sim_line line;
	int fd = gpio_sim_find("EXTRA", &line);

	if (!fd)
		fd = gpio_sim_open(&line, "pull", O_WRONLY);
	if (fd < 0 || pwrite(fd, "pull-up", 7, 0) < 0 || pwrite(fd, "pull-down", 9, 0) < 0)
		return;
	close(fd);
}

static void join_group(pid_t pid)
{
	char text[16];

	if (access(GROUP, F_OK) && system("mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup; "
					  "echo +memory >/sys/fs/cgroup/cgroup.subtree_control; mkdir " GROUP))
		failed(GROUP);
	put(GROUP "/memory.max", "67108864");
	snprintf(text, sizeof(text), "%d", (int)pid);
	put(GROUP "/cgroup.procs", text);
}

/* --- one trial ------------------------------------------------------------------ */

static void start_pipeline(struct trials *t)
{
	static char program[256];
	char *const argv[] = { "faulty", program, NULL };
	const char *source = t->fault == UNPLUG      ? "iio:accel_3d[x] rate=200Hz | select value = x"
			     : t->fault == CHIP_GONE ? "gpio:EXTRA edges=both | select value = level"
						     : "synth:counter rate=200Hz";

	if (t->fault == UNPLUG)
		start_sensor(t);
	if (t->fault == CHIP_GONE)
		start_chip();
	snprintf(program, sizeof(program), "%s | faulty | select on = value < -1000 | gpio:LAMP park=on", source);
	t->pipeline = start(t, argv);
	for (unsigned i = 0; i < 200 && !await_level(t, 0, 50 * MS); i++)
		if (t->fault == CHIP_GONE)
			feed_chip();
	if (t->fault == MEMORY)
		join_group(t->pipeline);
}

static void inject(struct trials *t)
{
	switch (t->fault) {
	case KILL:
		kill(t->pipeline, SIGKILL);
		break;
	case STOP:
		kill(t->pipeline, SIGSTOP);
		break;
	case LOOP:
		kill(t->pipeline, SIGUSR1);
		break;
	case MEMORY:
		kill(t->pipeline, SIGUSR2);
		break;
	case UNPLUG:
		kill(t->sensor, SIGKILL);
		break;
	case CHIP_GONE:
		put(CHIP "/live", "0");
		break;
	case GUARD:
		kill(t->guard, SIGKILL);
		break;
	default:
		kill(t->guard, SIGKILL);
		kill(t->pipeline, SIGKILL);
		break;
	}
}

/* What a service manager's stop hook does, once it sees that its process is dead. */
static void hook(struct trials *t)
{
	char *const argv[] = { "weir", "park", NULL };
	pid_t pid;

	end(&t->pipeline);
	end(&t->guard);
	if (t->fault == RESPAWN) {
		start_guard(t);
		return;
	}
	pid = start(t, argv);
	waitpid(pid, NULL, 0);
}

/* Taken over in one step: from the park value to what is wanted, and there it stays. */
static int recovers(struct trials *t)
{
	if (level(t) != 1)
		return 0;
	kill(t->pipeline, SIGCONT);
	return await_level(t, 0, GIVE_UP_NS) && stays(t, 0);
}

static void clean_up(struct trials *t)
{
	end(&t->pipeline);
	end(&t->sensor);
	while (t->fault == UNPLUG && !system("grep -qsx accel_3d /sys/bus/iio/devices/*/name"))
		clock_sleep_until_ns(clock_now_ns() + 10 * MS);
	if (t->fault == CHIP_GONE && system("if grep -q 1 " CHIP "/live; then echo 0 >" CHIP "/live; fi"))
		failed(CHIP);
	if (t->fault >= GUARD) {
		end(&t->guard);
		if (t->fault == BOTH && system("kill -9 $(pgrep -x weir-guard) 2>/dev/null"))
			errno = 0;
		while (!system("pgrep -x weir-guard >/dev/null"))
			clock_sleep_until_ns(clock_now_ns() + MS);
		start_guard(t);
	}
}

static void trial(struct trials *t)
{
	uint64_t begun, parked;

	start_pipeline(t);
	if (level(t) != 0) {
		fprintf(stderr, "guard_trials: %s: the pipeline does not drive the line\n", fault_name[t->fault]);
		clean_up(t);
		return;
	}
	clock_sleep_until_ns(clock_now_ns() + 20 * MS + below(t, 150 * MS));
	begun = clock_now_ns();
	inject(t);
	if (t->fault >= BOTH)
		hook(t);
	parked = await_level(t, 1, GIVE_UP_NS);
	/* On a machine that stalls, the line may just have been parked for that, and be taken over at this very moment. */
	while (parked && !stays(t, 1) && clock_now_ns() - begun < DEADLINE_NS + STAY_NS)
		parked = await_level(t, 1, GIVE_UP_NS);
	t->parked += parked != 0;
	t->took[t->done] = parked ? parked - begun : GIVE_UP_NS;
	if (!stays(t, 1) || (t->fault == STOP && !recovers(t)))
		t->glitches++;
	if (t->verbose)
		fprintf(stderr, "%s %u: %.1f ms, %u glitches\n", fault_name[t->fault], t->done, t->took[t->done] / 1e6,
			t->glitches);
	t->done++;
	clean_up(t);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(struct trials *t)
{
	qsort(t->took, t->done, sizeof(*t->took), compare);
	printf("%s: %u trials, %u parked, %u glitches; ms: p50 %.1f p99 %.1f max %.1f\n", fault_name[t->fault], t->done,
	       t->parked, t->glitches, t->took[t->done / 2] / 1e6, t->took[(t->done * 99 - 1) / 100] / 1e6,
	       t->took[t->done - 1] / 1e6);
}

static void parse(struct trials *t, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:s:v")) >= 0) {
		if (c == 'n')
			t->n = (unsigned)atoi(optarg);
		else if (c == 's')
			t->random = strtoull(optarg, NULL, 10);
		else if (c == 'v')
			t->verbose = 1;
	}
	for (t->fault = 0; optind < argc && t->fault < FAULTS; t->fault++)
		if (!strcmp(argv[optind], fault_name[t->fault]))
			break;
	if (optind != argc - 1 || t->fault == FAULTS || !t->n || t->n > TRIALS_MAX) {
		fputs("usage: guard_trials [-n TRIALS] [-s SEED] [-v] "
		      "kill|stop|loop|memory|unplug|chip|guard|both|respawn\n",
		      stderr);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	static struct trials t = { .n = 3, .random = 1 };
	struct gpio_sim_line line;

	parse(&t, argc, argv);
	if (gpio_sim_find("LAMP", &line))
		failed("LAMP");
	t.value = gpio_sim_open(&line, "value", O_RDONLY);
	t.pull = gpio_sim_open(&line, "pull", O_WRONLY);
	if (t.value < 0 || t.pull < 0 ||
	    write(t.pull, t.fault == GUARD ? "pull-up" : "pull-down", t.fault == GUARD ? 7 : 9) < 0)
		failed("LAMP");
	start_guard(&t);
	/* Held at its park value from now on, so that 0 is what a pipeline has made of it. */
	if (system("weir park 'gpio:LAMP park=on'") || !await_level(&t, 1, GIVE_UP_NS))
		failed("weir park");
	while (t.n--)
		trial(&t);
	end(&t.guard);
	if (!t.done)
		return 1;
	report(&t);
	return t.parked != t.done || t.glitches;
}
