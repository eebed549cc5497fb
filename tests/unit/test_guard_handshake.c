/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shared pages between a pipeline and its guard, with the very code of both ends, which is included here: every sequence
 * of a few events (asks, beats, hang-ups, deaths in the middle of an ask, the guard waking now or not yet, hands, another
 * pipeline), from several beginnings, and long random ones. What is not theirs is the model's: time, the device, processes.
 *
 * Every ask has a value of its own, so the monitor knows of each value that the line is driven to who asked for it, and when.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../common/dice.h"
#include "core/guard_link.h"
#include "core/run.h"
#include "guard/guard.h"

static int model_clock(clockid_t clock, struct timespec *time);
static int model_set_line(const struct weir_guard_grip *grip, const double *value);
static int model_fail(const void *about, ...);
static int leave_it(long what);

/* --- both ends ------------------------------------------------------------------- */

#define clock_gettime model_clock
#include "guard/work.c" /* NOLINT: the code itself is under test */
#undef clock_gettime
#include "guard/by_hand.c"  /* NOLINT */
#include "guard/lease.c"    /* NOLINT */
#include "guard/physical.c" /* NOLINT */
#define munmap(page, bytes) leave_it((long)(page))
#define close(fd) leave_it(fd)
#define take take_by_request
#include "guard/session.c" /* NOLINT */
#undef take
#undef close
#undef munmap
#define weir_grip_set model_set_line
#define weir_fail(node, ...) model_fail(node, __VA_ARGS__)
#define weir_fail_device(node, ...) model_fail(node, __VA_ARGS__)
#define weir_stop(pipeline) ((void)(pipeline))
#include "core/actuate_guard.c" /* NOLINT */
#undef weir_stop
#undef weir_fail_device
#undef weir_fail
#undef weir_grip_set

#define PIPELINES 2
#define PULSE INT64_C(12500000) /* of the default deadline */
#define PARK 0.0

/* --- the model ------------------------------------------------------------------- */

static struct guard the_guard;
static struct guard_memory the_memory;
static struct weir_runtime runtime[PIPELINES];
static struct weir_pipeline pipeline[PIPELINES];
static struct weir_guarding guarding[PIPELINES];
static struct weir_node node[PIPELINES];
static struct weir_agent agent[PIPELINES];

/* What the monitor knows of a pipeline. */
struct ghost {
	bool lives, has_it;
	double wish;  /* its latest */
	double floor; /* its latest when it was last parked: nothing before that counts */
	int64_t beat; /* its latest */
};

static struct world {
	int64_t now;
	double line, last_value;
	struct ghost ghost[PIPELINES];
	bool killed; /* the direct holder, by the guard */
	bool by_hand;
} world;

static bool is_direct;

static int model_clock(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){ .tv_sec = world.now / 1000000000, .tv_nsec = world.now % 1000000000 };
	return 0;
}

static int model_fail(const void *about, ...)
{
	(void)about;
	return -EIO;
}

/* Pages outlive their pipelines here, to be used again. */
static int leave_it(long what)
{
	(void)what;
	return 0;
}

static struct ghost *holder(void)
{
	for (int i = 0; i < PIPELINES; i++)
		if (world.ghost[i].lives && world.ghost[i].has_it)
			return &world.ghost[i];
	return NULL;
}

/* By the holder itself: the guard has killed it before it parks, so it cannot come here later. */
static int model_set_line(const struct weir_guard_grip *grip, const double *value)
{
	(void)grip;
	assert_non_null(holder());
	world.line = *value;
	return 0;
}

void guard_session_kill(struct guard_session *session)
{
	world.killed = true;
	world.ghost[session - the_guard.session].lives = false;
}

int guard_output_take(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file, char *text)
{
	(void)file;
	(void)text;
	guard->holding[lease].what = *what;
	return guard_output_drive(guard, lease);
}

/* The monitor: whatever is not the park value was asked for by the holder, who lives, and since it was last parked. */
int guard_output_drive(struct guard *guard, uint32_t lease)
{
	double value = guard->bank.line[guard->bank.lease[lease].line[0]].value;
	const struct ghost *ghost = holder();

	if (value != PARK) {
		assert_non_null(ghost);
		assert_true(value >= ghost->floor && value <= ghost->wish);
		assert_true(world.now - ghost->beat < weir_guard_patience(8 * PULSE));
	} else if (is_direct) {
		assert_true(!ghost || world.line == PARK || guard->holding[lease].cause == WEIR_LEFT ||
			    guard->holding[lease].cause == WEIR_ASKED);
	}
	world.line = value;
	return 0;
}

void guard_output_release(struct guard_holding *holding)
{
	holding->what.n = 0;
}

void guard_remember(struct guard *guard, uint32_t lease)
{
	(void)guard;
	(void)lease;
}

void guard_forget(struct guard *guard, uint32_t lease)
{
	(void)guard;
	(void)lease;
}

void guard_remember_line(struct guard *guard, uint32_t line)
{
	(void)guard;
	(void)line;
}

void guard_share(struct guard *guard, uint32_t lease, bool is_held)
{
	(void)guard;
	(void)lease;
	(void)is_held;
}

void guard_share_all(struct guard *guard, struct guard_session *session)
{
	(void)guard;
	(void)session;
}

void guard_forget_orphans(struct guard *guard)
{
	(void)guard;
}

/* --- a beginning ------------------------------------------------------------------- */

static struct {
	struct guard_session session;
	struct weir_guard_asks *asks; /* as the pipeline sees it */
} pages[PIPELINES];

static int make_pages(void **state)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_HELLO };

	(void)state;
	for (int i = 0; i < PIPELINES; i++) {
		int fds[3];

		if (hello(&pages[i].session, &request, fds))
			return -1;
		pages[i].asks = mmap(NULL, sizeof(*pages[i].asks), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
		if (pages[i].asks == MAP_FAILED)
			return -1;
		close(fds[0]);
		close(fds[1]);
		close(fds[2]);
	}
	return 0;
}

static int drop_pages(void **state)
{
	(void)state;
	for (int i = 0; i < PIPELINES; i++) {
		munmap(pages[i].asks, sizeof(*pages[i].asks));
		munmap((void *)pages[i].session.asks, sizeof(*pages[i].asks));
		munmap(pages[i].session.tells, sizeof(*pages[i].session.tells));
	}
	return 0;
}

static void introduce(uint32_t i)
{
	struct weir_held *held = &guarding[i].held[0];

	memset(pages[i].asks, 0, sizeof(*pages[i].asks));
	memset(pages[i].session.tells, 0, sizeof(*pages[i].session.tells));
	the_guard.session[i] = pages[i].session;
	the_guard.session[i].fd = 1000 + (int)i;
	the_guard.session[i].bell = the_guard.session[i].pidfd = -1;
	memset(the_guard.session[i].lease, 0xff, sizeof(the_guard.session[i].lease));
	guarding[i].n = 1;
	guarding[i].is_gone = false;
	guarding[i].link = (struct weir_guard_link){
		.fd = -1,
		.bell = -1,
		.asks = pages[i].asks,
		.tells = pages[i].session.tells,
	};
	*held = (struct weir_held){ .node = &node[i], .file = -1, .is_direct = is_direct, .n_agents = 1 };
	held->agent[0] = &agent[i];
	atomic_store(&agent[i].progress, 0);
	pthread_mutex_init(&held->lock, NULL);
	runtime[i].guarding = &guarding[i];
	pipeline[i].runtime = &runtime[i];
	node[i] = (struct weir_node){ .pipeline = &pipeline[i], .held = held };
	world.ghost[i].lives = true;
}

/* Only what the model's one line touches: a guard has room for many, and to clear it all is what would take the time. */
static void begin(bool direct)
{
	is_direct = direct;
	world = (struct world){ .now = 1000000000 };
	the_guard.memory = &the_memory;
	*the_memory.line[0].device = '\0';
	memset(the_guard.bank.line, 0, sizeof(the_guard.bank.line[0]));
	memset(the_guard.bank.lease, 0, sizeof(the_guard.bank.lease[0]));
	the_guard.bank.n_lines = the_guard.bank.n_leases = the_guard.n_decisions = 0;
	the_guard.bank.decided = guard_decided;
	the_guard.bank.context = &the_guard;
	for (uint32_t i = 0; i < GUARD_SESSIONS; i++)
		the_guard.session[i].fd = -1;
	the_guard.holding[0] = (struct guard_holding){ .file = -1, .session = -1 };
	for (uint32_t i = 0; i < PIPELINES; i++)
		introduce(i);
}

/* --- what may happen ----------------------------------------------------------------- */

enum event {
	TAKES,
	WANTS,
	BEATS,
	BEATS_AT_WORK,
	HANGS,
	DIES,
	DIES_ASKING,
	GUARD_WAKES,
	GUARD_SEES_DEATH,
	TIME,
	LONG_TIME,
	PARKED_BY_HAND,
	EVENTS
};

static struct weir_guard_request wanted(void)
{
	struct weir_guard_request request = { .verb = WEIR_GUARD_TAKE, .deadline_ns = 8 * PULSE, .direct = is_direct };

	request.what = (struct weir_physical){ .n = 1, .park = { PARK }, .title = "line", .device = "chip" };
	return request;
}

static bool takes(uint32_t i)
{
	struct weir_guard_request request = wanted();
	struct weir_guard_reply reply = { 0 };
	struct weir_held *held = &guarding[i].held[0];
	int error;

	if (!world.ghost[i].lives || held->grip.n || world.by_hand)
		return false;
	error = take_by_request(&the_guard, i, &request, -1, &reply);
	/* One holder at a time. */
	assert_int_equal(error != 0, the_guard.bank.lease[0].is_held && the_guard.holding[0].session != (int)i);
	if (error)
		return true;
	assert_true(world.line == PARK);
	/* What happens next is later, if only a little. */
	world.now++;
	held->grip = (struct weir_guard_grip){ .slot = reply.slot, .n = 1, .epoch = reply.epoch, .lines = -1 };
	world.ghost[i] = (struct ghost){ .lives = true, .has_it = true, .beat = world.now };
	return true;
}

static bool may_act(uint32_t i)
{
	return world.ghost[i].lives && guarding[i].held[0].grip.n;
}

/* As many as there is room for: beyond that a pipeline waits for the guard. */
static bool has_room(uint32_t i)
{
	const struct weir_guard_grip *grip = &guarding[i].held[0].grip;

	return atomic_load(&guarding[i].link.asks->slot[grip->slot].head) -
		       atomic_load(&guarding[i].link.tells->slot[grip->slot].tail) <
	       WEIR_GUARD_QUEUE;
}

static bool wants(uint32_t i)
{
	double value = world.last_value + 1;

	if (!may_act(i) || !has_room(i))
		return false;
	world.last_value = world.ghost[i].wish = value;
	/* To ask for the first time is a beat, whenever the guard hears of it. */
	if (!the_guard.bank.lease[0].has_beaten)
		world.ghost[i].beat = INT64_MAX / 2;
	assert_int_equal(weir_held_ask(&node[i], &value, 1, 0), 0);
	return true;
}

static bool beats(uint32_t i, bool waits, bool progresses)
{
	struct weir_held *held = &guarding[i].held[0];
	int64_t before;

	if (!may_act(i) || !has_room(i))
		return false;
	atomic_store(&agent[i].waiting, waits);
	atomic_fetch_add(&agent[i].progress, progresses);
	before = atomic_load(&guarding[i].link.asks->slot[held->grip.slot].beat_ns);
	vouch(held, &guarding[i], world.now);
	if (waits || progresses)
		world.ghost[i].beat = world.now;
	else
		assert_int_equal(atomic_load(&guarding[i].link.asks->slot[held->grip.slot].beat_ns), before);
	return true;
}

/* In the middle of an ask: all of it is there, but that it is. */
static bool dies(uint32_t i, bool asking)
{
	struct weir_guard_ask_slot *slot = &guarding[i].link.asks->slot[guarding[i].held[0].grip.slot];

	if (!may_act(i) || (asking && !has_room(i)))
		return false;
	if (asking) {
		struct weir_guard_ask *ask_at = &slot->ask[atomic_load(&slot->head) % WEIR_GUARD_QUEUE];

		ask_at->epoch = guarding[i].held[0].grip.epoch;
		ask_at->how = WEIR_ASK_RETAKES;
		ask_at->value[0] = 1e9;
	}
	world.ghost[i].lives = false;
	return true;
}

static void note_park(void)
{
	for (int i = 0; i < PIPELINES; i++)
		world.ghost[i].floor = world.ghost[i].wish;
}

static bool guard_wakes(void)
{
	uint64_t parks = the_guard.holding[0].parks;
	const struct ghost *ghost = holder();
	bool is_late;

	/* The kernel tells of the dead before the guard looks at what they asked: attend() in guard/guard_main.c. */
	for (uint32_t i = 0; i < PIPELINES; i++)
		if (!world.ghost[i].lives && the_guard.session[i].fd >= 0)
			return false;
	is_late = ghost && the_guard.bank.lease[0].has_beaten &&
		  world.now - ghost->beat >= weir_guard_patience(8 * PULSE);
	guard_work(&the_guard);
	if (the_guard.holding[0].parks != parks)
		note_park();
	if (is_late)
		assert_true(world.line == PARK);
	return true;
}

static bool guard_sees_death(uint32_t i)
{
	if (world.ghost[i].lives || the_guard.session[i].fd < 0)
		return false;
	end(&the_guard, &the_guard.session[i]);
	world.ghost[i].has_it = false;
	note_park();
	if (!holder())
		assert_true(world.line == PARK);
	return true;
}

static bool is_parked_by_hand(void)
{
	const struct weir_guard_request request = { .verb = WEIR_GUARD_PARK };
	struct weir_guard_reply reply = { 0 };

	if (world.by_hand || !the_guard.bank.lease[0].n)
		return false;
	guard_park(&the_guard, &request, -1, &reply);
	world.by_hand = true;
	for (int i = 0; i < PIPELINES; i++)
		world.ghost[i].has_it = false;
	assert_true(world.line == PARK);
	return true;
}

static bool pass(int64_t pulses)
{
	world.now += pulses * PULSE;
	return true;
}

/* false: it cannot happen now. */
static bool happens(enum event event, uint32_t i)
{
	switch (event) {
	case TAKES:
		return takes(i);
	case WANTS:
		return wants(i);
	case BEATS:
		return beats(i, true, false);
	case BEATS_AT_WORK:
		return beats(i, false, true);
	case HANGS:
		return beats(i, false, false);
	case DIES:
		return dies(i, false);
	case DIES_ASKING:
		return dies(i, true);
	case GUARD_WAKES:
		return i == 0 && guard_wakes();
	case GUARD_SEES_DEATH:
		return guard_sees_death(i);
	case TIME:
		return i == 0 && pass(1);
	case LONG_TIME:
		return i == 0 && pass(6);
	default:
		return i == 0 && is_parked_by_hand();
	}
}

/* Whoever lives and is well has its latest wish, soon. */
static void settle(void)
{
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < PIPELINES; i++) {
			guard_sees_death(i);
			beats(i, true, false);
		}
		guard_wakes();
		world.now += PULSE / 2;
	}
	for (uint32_t i = 0; i < PIPELINES; i++)
		if (world.ghost[i].lives && world.ghost[i].has_it && !is_direct)
			assert_true(world.line == world.ghost[i].wish);
	if (!holder())
		assert_true(world.line == PARK);
}

/* --- all of them --------------------------------------------------------------------- */

static const struct {
	const char *name;
	uint8_t event[8]; /* of pipeline 0, before; EVENTS: the end */
} beginnings[] = {
	{ "nothing", { EVENTS } },
	{ "driven", { TAKES, WANTS, BEATS, GUARD_WAKES, EVENTS } },
	{ "parked", { TAKES, WANTS, BEATS, GUARD_WAKES, LONG_TIME, GUARD_WAKES, EVENTS } },
	{ "asks under way", { TAKES, BEATS, GUARD_WAKES, WANTS, WANTS, EVENTS } },
};

static void play(unsigned start, const uint8_t *event, unsigned n)
{
	begin(is_direct);
	for (unsigned k = 0; beginnings[start].event[k] != EVENTS; k++)
		assert_true(happens(beginnings[start].event[k], 0));
	for (unsigned k = 0; k < n; k++)
		happens(event[k] / PIPELINES, event[k] % PIPELINES);
	settle();
}

/* Every sequence of three events. */
static void test_short(void **state)
{
	const unsigned all = EVENTS * PIPELINES;
	uint8_t event[3];

	is_direct = *(const bool *)*state;
	for (unsigned start = 0; start < sizeof(beginnings) / sizeof(beginnings[0]); start++)
		for (unsigned i = 0; i < all * all * all; i++) {
			event[0] = (uint8_t)(i / all / all);
			event[1] = (uint8_t)(i / all % all);
			event[2] = (uint8_t)(i % all);
			play(start, event, 3);
		}
}

static void test_long(void **state)
{
	struct dice dice = { 1 };
	uint8_t event[200];

	is_direct = *(const bool *)*state;
	for (int run = 0; run < 2000; run++) {
		for (size_t k = 0; k < sizeof(event); k++)
			event[k] = (uint8_t)roll_below(&dice, EVENTS * PIPELINES);
		play((unsigned)run % 4, event, sizeof(event));
	}
}

int main(void)
{
	static bool guarded = false, direct = true;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(test_short, &guarded),
		cmocka_unit_test_prestate(test_short, &direct),
		cmocka_unit_test_prestate(test_long, &guarded),
		cmocka_unit_test_prestate(test_long, &direct),
	};

	return cmocka_run_group_tests(tests, make_pages, drop_pages);
}
