// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What happens to an output when something dies. Each trial runs a pipeline that holds LAMP at 0, waits a random time, does
 * one thing to it, and watches the simulated chip's own view of the line, which parks at 1. The kernel's trace of who sets the
 * line tells the rest: once it is parked nobody may touch it.
 *
 *   guard_trials [-n TRIALS] [-s SEED] [-d] [-v] FAULT…
 *
 *   kill      the pipeline by SIGKILL          loop      a stage never returns
 *   stop      SIGSTOP, and SIGCONT later       memory    a stage eats all memory of the guard's and its control group
 *   unplug    its sensor's process dies        chip      its input chip is removed
 *   guard     the guard by SIGKILL             hang      the guard by SIGSTOP
 *   direct    a pipeline that sets the line itself, in haste, is stopped, and goes on when it is about to be parked
 *   both      guard and pipeline by SIGKILL: another guard stands by, the service manager starts the first one again and runs
 *             the pipeline's stop hook
 *   all       the same, and the guard that stands by is killed as well
 *   respawn   as both, but no other guard stands by, and there is no hook
 *   hook      as both, but no other guard stands by, and nobody starts the guard again
 *
 * The service manager here does what the units in examples/systemd say, line by line.
 *
 * A released line of the simulator falls back to its pull, which is 0: a line at 1 is driven there. Only for `guard` and `hang`
 * the pull is 1, since the pipeline that has parked it then ends and lets it go.
 *
 * On a machine that emulates another one, both may stand still. A trial that took too long, or was disturbed, is done once more
 * if the heartbeats of the machine show that it stood still for just as long; that is told. With -d what is over the deadline
 * of 100 ms without that excuse is a failure too. `hang` has no deadline: the guard must be doubted first.
 *
 * Exit status 1 unless all were parked without a glitch.
 */
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "gpio_trace.h"
#include "heartbeat.h"
#include "removable.h"
#include "supervisor.h"

#define TRIALS_MAX 10000
#define TRIES 5
#define MS 1000000ull
#define GIVE_UP_NS (5000 * MS)
#define STAY_NS (80 * MS)
#define DEADLINE_NS (100 * MS)
#define STALL_NS (20 * MS) /* of the machine: enough to make a guard park, or a pipeline late */

#define CGROUP "/sys/fs/cgroup"

enum fault_kind { KILL, STOP, LOOP, MEMORY, UNPLUG, CHIP_GONE, GUARD, HANG, DIRECT, BOTH, ALL, RESPAWN, HOOK, FAULTS };
static const char *const fault_name[] = { "kill", "stop",   "loop", "memory", "unplug",  "chip", "guard",
					  "hang", "direct", "both", "all",    "respawn", "hook" };

static const char *const program_of[FAULTS] = {
	[UNPLUG] = "iio:accel_3d[x] rate=200Hz | select value = x | faulty | select on = value < -1000 | gpio:LAMP "
		   "park=on",
	[CHIP_GONE] = "gpio:EXTRA edges=both | select value = level | select on = value < -1000 | gpio:LAMP park=on",
	[DIRECT] = "synth:square freq=25Hz rate=500Hz | select on = value > 0 | gpio:LAMP park=on direct",
};
static const char any_program[] = "synth:counter rate=200Hz | faulty | select on = value < -1000 | gpio:LAMP park=on";

struct trials {
	enum fault_kind fault;
	unsigned n, done, parked, glitches, over, repeated, unlucky;
	uint64_t random, took[TRIALS_MAX];
	int value, pull, verbose, judges_deadline;
	unsigned line; /* the kernel's number of LAMP */
	pid_t pipeline, sensor, nursery;
	FILE *to_nursery, *from_nursery;
	int pipeline_fd; /* pidfd */
	struct supervisor manager;
	struct gpio_trace trace;
};

/* One trial, as it went. */
struct course {
	uint64_t begun, again, parked,
		resumed; /* when; 0: not. `again`: the fault was undone too early, and done again */
	int is_disturbed;
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
	if (gpio_trace_put(path, text))
		failed(path);
}

/* --- processes ------------------------------------------------------------------ */

static pid_t start(const struct trials *t, char *const argv[])
{
	pid_t pid = process_start(argv, !t->verbose);

	errno = pid < 0 ? -pid : 0;
	return pid < 0 ? failed(argv[0]) : pid;
}

static void signal_rest(const struct trials *t, int number)
{
	const struct supervisor *manager = &t->manager;
	const pid_t known[] = { t->nursery, t->sensor, manager->guard[0], manager->guard[1], manager->hook };

	process_signal_rest(known, sizeof(known) / sizeof(known[0]), number);
}

static void make_group(void)
{
	if (access(CGROUP "/cgroup.procs", F_OK) && mount("none", CGROUP, "cgroup2", 0, NULL))
		failed(CGROUP);
	put(CGROUP "/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP "/weir-eats", 0755) && errno != EEXIST)
		failed(CGROUP);
	put(CGROUP "/weir-eats/memory.max", "67108864");
}

static void eat_here(pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	put(CGROUP "/weir-eats/cgroup.procs", text);
}

static void start_nursery(struct trials *t)
{
	char *const argv[] = { "faulty", "-", NULL };

	t->nursery = process_start_talking(argv, !t->verbose, &t->to_nursery, &t->from_nursery);
	if (t->nursery < 0)
		failed("faulty");
}

static void end_pipeline(struct trials *t)
{
	if (t->pipeline > 0)
		kill(t->pipeline, SIGKILL);
	while (!is_gone(t->pipeline_fd))
		clock_nap_ns(MS);
	let_go(&t->pipeline_fd);
	t->pipeline = 0;
}

/* --- the service manager ---------------------------------------------------------- */

/* What the units and their states ask for; whoever is left of a pipeline's control group after its hook is ended. */
static void supervise(struct trials *t)
{
	supervisor_restart(&t->manager);
	if (t->manager.has_hook && is_gone(t->pipeline_fd) && !supervisor_run_hook(&t->manager) && t->manager.restarts)
		signal_rest(t, SIGTERM);
}

/* Which units there are. */
static void set_up_units(struct trials *t)
{
	t->manager.n_guards = t->fault == BOTH || t->fault == ALL ? 2 : 1;
	t->manager.restarts = t->fault != HOOK;
	t->manager.has_hook = t->fault != RESPAWN;
	supervisor_start_guards(&t->manager);
}

static void end_guards(struct trials *t)
{
	for (unsigned i = 0; i < SUPERVISOR_GUARDS; i++)
		supervisor_end_guard(&t->manager, i);
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
static uint64_t await_level(struct trials *t, int wanted, uint64_t limit)
{
	uint64_t deadline = clock_now_ns() + limit;

	for (;;) {
		uint64_t now = clock_now_ns();

		if (level(t) == wanted)
			return now;
		if (now > deadline)
			return 0;
		if (t->fault >= BOTH && t->pipeline_fd >= 0 && wanted)
			supervise(t);
		clock_nap_ns(MS / 5);
	}
}

static int stays(struct trials *t, int wanted)
{
	uint64_t until = clock_now_ns() + STAY_NS;

	while (clock_now_ns() < until) {
		if (level(t) != wanted)
			return 0;
		if (t->fault >= BOTH && t->pipeline_fd >= 0 && wanted)
			supervise(t);
		clock_nap_ns(MS / 5);
	}
	return 1;
}

/* Once parked, it is set to nothing else until its pipeline goes on, and then once. */
static int is_clean(const struct trials *t, const struct course *course)
{
	int parked = 0, back = 0;

	for (unsigned i = 0; i < t->trace.n; i++) {
		const struct gpio_set *set = &t->trace.set[i];
		int resumed = course->resumed && set->t >= course->resumed;

		if (set->line != t->line || set->t < course->begun)
			continue;
		if (t->fault == DIRECT && !parked && set->pid != t->manager.guard[0])
			continue;
		if ((parked && !set->value && !resumed) || (back && set->value))
			return 0;
		parked |= set->value;
		back |= resumed && !set->value;
	}
	return 1;
}

/* When it was parked by the kernel's trace, which is not late as we may be who have seen the level. */
static uint64_t when_parked(const struct trials *t, const struct course *course)
{
	for (unsigned i = 0; i < t->trace.n; i++) {
		const struct gpio_set *set = &t->trace.set[i];

		if (set->line == t->line && set->value && set->t >= course->begun && set->t < course->parked &&
		    (t->fault != DIRECT || set->pid == t->manager.guard[0]))
			return set->t;
	}
	return course->parked;
}

/* The evidence, for whoever has to find the cause. */
static void show(const struct trials *t, const struct course *course, const char *what)
{
	fprintf(stderr, "%s %u: %s at %.6f; pipeline %d, guards %d %d\n", fault_name[t->fault], t->done, what,
		(double)course->begun / 1e9, (int)t->pipeline, (int)t->manager.guard[0], (int)t->manager.guard[1]);
	for (unsigned i = 0; i < t->trace.n; i++)
		if (t->trace.set[i].line == t->line)
			fprintf(stderr, "  %+9.3f ms: process %d sets %d\n",
				((double)t->trace.set[i].t - (double)course->begun) / 1e6, t->trace.set[i].pid,
				t->trace.set[i].value);
	heartbeat_print(stderr, course->begun, DEADLINE_NS);
}

/* --- devices ---------------------------------------------------------------------- */

static pid_t start_sensor(const struct trials *t)
{
	char *const argv[] = { "hid_sensor", "-r", "200", "-x", "const:10", NULL };
	pid_t pid = start(t, argv);

	while (!sensor_is_there())
		clock_nap_ns(10 * MS);
	return pid;
}

/* --- one trial ------------------------------------------------------------------ */

static void start_pipeline(struct trials *t)
{
	int pid = 0;

	if (t->fault == UNPLUG)
		t->sensor = start_sensor(t);
	if (t->fault == CHIP_GONE && chip_insert())
		failed("a second chip");
	fprintf(t->to_nursery, "%s\n", program_of[t->fault] ? program_of[t->fault] : any_program);
	fflush(t->to_nursery);
	if (fscanf(t->from_nursery, "%d", &pid) != 1)
		failed("faulty");
	t->pipeline = pid;
	for (unsigned i = 0; i < 200 && !await_level(t, 0, 50 * MS); i++)
		if (t->fault == CHIP_GONE)
			chip_feed();
	t->pipeline_fd = pidfd_of(t->pipeline);
	if (t->fault == MEMORY) {
		eat_here(t->pipeline);
		eat_here(t->manager.guard[0]);
	}
}

/* None of them may see another one die. The one that stands by would be quick: it is stopped for sure. */
static void stop_standby(struct trials *t)
{
	kill(t->manager.guard[1], SIGSTOP);
	waitpid(t->manager.guard[1], NULL, WUNTRACED);
}

static void kill_both(struct trials *t)
{
	t->manager.hook_line = 0;
	kill(t->pipeline, SIGSTOP);
	for (unsigned i = 0; i < (t->fault == ALL ? SUPERVISOR_GUARDS : 1); i++)
		kill(t->manager.guard[i], SIGKILL);
	kill(t->pipeline, SIGKILL);
	if (t->fault == HOOK)
		process_end(&t->manager.guard[0]);
}

static void inject(struct trials *t)
{
	static const int number[] = { [KILL] = SIGKILL,   [STOP] = SIGSTOP,  [LOOP] = SIGUSR1, [MEMORY] = SIGUSR2,
				      [UNPLUG] = SIGKILL, [GUARD] = SIGKILL, [HANG] = SIGSTOP, [DIRECT] = SIGSTOP };

	if (t->fault >= BOTH)
		kill_both(t);
	else if (t->fault == CHIP_GONE)
		chip_remove();
	else
		kill(t->fault == GUARD || t->fault == HANG ? t->manager.guard[0]
		     : t->fault == UNPLUG                  ? t->sensor
							   : t->pipeline,
		     number[t->fault]);
}

/* It goes on just when the guard loses patience, or a little off. Should it have been before: once more. */
static uint64_t await_direct(struct trials *t, struct course *course)
{
	clock_nap_ns(40 * MS + below(t, 50 * MS));
	kill(t->pipeline, SIGCONT);
	clock_nap_ns(10 * MS);
	if (!is_gone(t->pipeline_fd)) {
		course->again = clock_now_ns();
		kill(t->pipeline, SIGSTOP);
	}
	while (!is_gone(t->pipeline_fd) && clock_now_ns() < course->begun + GIVE_UP_NS)
		clock_nap_ns(MS / 5);
	return await_level(t, 1, 100 * MS);
}

static void watch(struct trials *t, struct course *course)
{
	course->parked = t->fault == DIRECT ? await_direct(t, course) : await_level(t, 1, GIVE_UP_NS);
	if (!course->parked)
		return;
	course->is_disturbed = !stays(t, 1);
	if (t->fault == STOP) {
		course->resumed = clock_now_ns();
		kill(t->pipeline, SIGCONT);
		course->is_disturbed |= !await_level(t, 0, GIVE_UP_NS) || !stays(t, 0);
	}
	gpio_trace_read(&t->trace, 0);
	course->is_disturbed |= !is_clean(t, course);
	course->parked = when_parked(t, course);
}

static void clean_up(struct trials *t)
{
	end_pipeline(t);
	process_end(&t->sensor);
	while (t->fault == UNPLUG && sensor_is_there())
		clock_nap_ns(10 * MS);
	if (t->fault == CHIP_GONE)
		chip_remove();
	if (t->fault < GUARD || t->fault == DIRECT)
		return;
	process_end(&t->manager.hook);
	end_guards(t);
	signal_rest(t, SIGKILL);
	supervisor_start_guards(&t->manager);
}

/* The line's level is what the pipeline says, at this very moment, and whoever stands by has its descriptor. */
static int is_ready(struct trials *t)
{
	for (int i = 0; i < 1000 && !supervisor_is_followed(&t->manager); i++)
		clock_nap_ns(MS);
	if (t->fault != DIRECT && !await_level(t, 0, GIVE_UP_NS))
		return 0;
	return !is_gone(t->pipeline_fd) && supervisor_is_followed(&t->manager);
}

static void judge(struct trials *t, const struct course *course)
{
	uint64_t begun = course->again && course->again < course->parked ? course->again : course->begun;
	uint64_t end = clock_now_ns(), took = course->parked ? course->parked - begun : GIVE_UP_NS;
	uint64_t lost = heartbeat_lost(begun, begun + took);
	int late = t->fault != HANG && took > DEADLINE_NS;

	if ((late && took - lost <= DEADLINE_NS) ||
	    (course->is_disturbed && heartbeat_lost(course->begun - DEADLINE_NS, end) >= STALL_NS)) {
		t->repeated++;
		fprintf(stderr, "%s %u: once more: took %.1f ms, of which the machine stood still for %.1f ms\n",
			fault_name[t->fault], t->done, (double)took / 1e6, (double)lost / 1e6);
		if (course->is_disturbed)
			show(t, course, "disturbed while the machine stood still");
		return;
	}
	t->took[t->done] = took;
	t->parked += course->parked != 0;
	t->glitches += course->is_disturbed;
	t->over += late;
	if (course->is_disturbed || (late && t->judges_deadline))
		show(t, course, course->is_disturbed ? "GLITCH" : "over the deadline");
	if (t->verbose)
		fprintf(stderr, "%s %u: %.1f ms\n", fault_name[t->fault], t->done, (double)took / 1e6);
	t->done++;
}

static void trial(struct trials *t)
{
	struct course course = { 0 };

	start_pipeline(t);
	clock_nap_ns(20 * MS + below(t, 150 * MS));
	if (is_ready(t)) {
		gpio_trace_read(&t->trace, 1);
		if (t->fault == ALL)
			stop_standby(t);
		course.begun = clock_now_ns();
		inject(t);
		watch(t, &course);
		judge(t, &course);
	} else {
		fprintf(stderr, "guard_trials: %s: the pipeline does not drive the line\n", fault_name[t->fault]);
		t->unlucky++;
	}
	clean_up(t);
}

/* --- the program ------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int is_bad(const struct trials *t)
{
	return t->done < t->n || t->parked != t->done || t->glitches || (t->judges_deadline && t->over);
}

static void report(struct trials *t)
{
	if (!t->done)
		t->took[t->done++] = GIVE_UP_NS;
	qsort(t->took, t->done, sizeof(*t->took), compare);
	printf("%s: %u trials, %u parked, %u glitches, %u over %llu ms, %u repeated; ms: p50 %.1f p99 %.1f max %.1f: "
	       "%s\n",
	       fault_name[t->fault], t->done, t->parked, t->glitches, t->over, DEADLINE_NS / MS, t->repeated,
	       (double)t->took[t->done / 2] / 1e6, (double)t->took[(t->done * 99 - 1) / 100] / 1e6,
	       (double)t->took[t->done - 1] / 1e6, is_bad(t) ? "bad" : "good");
	fflush(stdout);
}

static int usage(void)
{
	fputs("usage: guard_trials [-n TRIALS] [-s SEED] [-d] [-v] FAULT..., of:", stderr);
	for (int i = 0; i < FAULTS; i++)
		fprintf(stderr, " %s", fault_name[i]);
	fputc('\n', stderr);
	exit(2);
}

static enum fault_kind fault_of(const char *name)
{
	enum fault_kind fault = 0;

	while (fault < FAULTS && strcmp(name, fault_name[fault]))
		fault++;
	return fault < FAULTS ? fault : (enum fault_kind)usage();
}

static void parse(struct trials *t, int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:s:dv")) >= 0) {
		if (c == 'n')
			t->n = (unsigned)atoi(optarg);
		else if (c == 's')
			t->random = strtoull(optarg, NULL, 10);
		else if (c == 'd')
			t->judges_deadline = 1;
		else if (c == 'v')
			t->verbose = 1;
		else
			usage();
	}
	if (optind == argc || !t->n || t->n > TRIALS_MAX)
		usage();
}

static void open_line(struct trials *t)
{
	struct gpio_sim_line line;

	if (gpio_sim_find("LAMP", &line))
		failed("LAMP");
	t->value = gpio_sim_open(&line, "value", O_RDONLY);
	t->pull = gpio_sim_open(&line, "pull", O_WRONLY);
	if (t->value < 0 || t->pull < 0)
		failed("LAMP");
}

/* Held at its park value from now on, so that 0 is what a pipeline has made of it. The guard alone sets lines now. */
static void park_line(struct trials *t)
{
	char *const park[] = { "weir", "park", "gpio:LAMP park=on", NULL };
	pid_t pid;

	gpio_trace_read(&t->trace, 1);
	pid = start(t, park);
	waitpid(pid, NULL, 0);
	gpio_trace_read(&t->trace, 0);
	if (level(t) != 1 || !t->trace.n)
		failed("weir park");
	t->line = t->trace.set[0].line;
}

static void begin(struct trials *t)
{
	const struct sched_param ahead_of_pipelines = { .sched_priority = 10 };

	open_line(t);
	make_group();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		failed("subreaper");
	if (gpio_trace_open(&t->trace))
		failed(GPIO_TRACE);
	start_nursery(t);
	if (supervisor_read(&t->manager))
		failed(SUPERVISOR_UNITS);
	set_up_units(t);
	park_line(t);
	if (heartbeat_start() || sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &ahead_of_pipelines))
		failed("real-time priority");
}

static int try(struct trials *t, enum fault_kind fault)
{
	const char *pull = fault == GUARD || fault == HANG ? "pull-up" : "pull-down";

	t->fault = fault;
	t->done = t->parked = t->glitches = t->over = t->repeated = t->unlucky = 0;
	if (pwrite(t->pull, pull, strlen(pull), 0) < 0)
		failed("pull");
	if (fault == CHIP_GONE && chip_make())
		failed("a second chip");
	set_up_units(t);
	while (t->done < t->n && t->unlucky < TRIES && t->repeated <= t->n + TRIES)
		trial(t);
	supervisor_end_guard(&t->manager, 1);
	report(t);
	return is_bad(t);
}

int main(int argc, char **argv)
{
	static struct trials t = { .n = 3, .random = 1, .pipeline_fd = -1 };
	int bad = 0;

	parse(&t, argc, argv);
	t.manager.is_quiet = !t.verbose;
	for (int i = optind; i < argc; i++)
		fault_of(argv[i]);
	begin(&t);
	for (int i = optind; i < argc; i++)
		bad |= try(&t, fault_of(argv[i]));
	end_guards(&t);
	fclose(t.to_nursery);
	return bad;
}
