/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file guard.h
 * @brief The guard process, on one screen. One thread; nothing here is shared but the pages.
 */
#ifndef WEIR_GUARD_GUARD_H
#define WEIR_GUARD_GUARD_H

#include <sys/types.h>

#include "guard/place.h"
#include "guard/protocol.h"

#define GUARD_SESSIONS 16
#define GUARD_DECISIONS 256

/** Someone who is connected. */
struct guard_session {
	int fd; /**< -1: free */
	int bell, pidfd;
	pid_t pid;
	char title[64];
	const struct weir_guard_asks *asks; /**< NULL until HELLO */
	struct weir_guard_tells *tells;
	int lease[WEIR_GUARD_SLOTS]; /**< by slot; -1: none */
	bool listens;
	bool stands_by;  /**< it is the next guard */
	uint32_t missed; /**< actuations that its socket had no room for */
};

/** The device side of a lease, and who has it. */
struct guard_holding {
	struct weir_physical what;
	int lines;      /**< of a request, made by this guard or the last one; -1 */
	int file;       /**< an attribute; -1 */
	int session;    /**< its holder; -1: nobody, or by hand */
	uint32_t slot;  /**< of that session */
	bool is_direct; /**< its holder sets the lines itself */
	bool is_kept;   /**< held at its park value without a holder: the last one died, or somebody said so by hand */
	uint32_t left_by; /**< kept for the next program of this session's process: its number plus 1; 0: not so */
	bool is_dirty;    /**< something was decided */
	bool is_done;     /**< by its holder itself */
	bool must_kill;
	int error;      /**< positive errno of the last drive */
	bool has_taken; /**< an attribute: */
	double wanted,
		taken; /**< the value that it was last to have, and the one that it has, as its driver and range allow */
	int64_t record_t;
	enum weir_cause cause;
	uint64_t done, refused, parks;
};

/** An output that is held, as the next guard must know it. */
struct guard_note {
	struct weir_physical what; /**< n 0: none */
	uint32_t is_over;          /**< held for the rules' sake only: nobody has it, and nobody shall look at it */
};

/** A line of the bank, and what the rules know of it. */
struct guard_known {
	char device[128]; /**< empty: none */
	uint32_t offset;
	struct weir_line line; /**< as it was when it was last decided upon, before it was driven */
};

/** What outlives a guard: a file, mapped. */
struct guard_memory {
	uint32_t magic, bytes;
	char boot[40];                              /**< the boot whose times these are */
	struct guard_note held[WEIR_BANK_LEASES];   /**< by lease */
	struct guard_note orphan[WEIR_BANK_LEASES]; /**< held by the last guard, and not to be had yet */
	struct guard_known line[WEIR_BANK_LINES];   /**< by the bank's number */
};

/** What the guard has sent that this one stands by for. */
struct guard_handed {
	struct weir_physical what; /**< n 0: free */
	int output, holder;        /**< descriptor, pidfd of a direct holder or -1 */
};

struct guard {
	struct weir_bank bank;
	struct guard_holding holding[WEIR_BANK_LEASES];
	struct guard_memory *memory;
	struct guard_session session[GUARD_SESSIONS];
	struct weir_actuation decision[GUARD_DECISIONS];
	uint32_t decided_by[GUARD_DECISIONS]; /**< the lease */
	uint32_t n_decisions;
	int listener, signals;
	struct guard_handed handed[WEIR_BANK_LEASES];
	unsigned orphan_tries;
	int64_t orphans_due;
	bool stays;   /**< with nothing to hold and nobody connected, too */
	bool retires; /**< once another guard stands by, and no pipeline is connected */
};

int64_t guard_now(void);

/* start.c: 0 or a descriptor; -1 with errno when it is told */
/** @brief "weir-guard: WHAT PATH: why" by errno. @return -1. */
int guard_fail(const char *what, const char *path);
/** @brief "weir-guard: WHY". @return -1. */
int guard_fail_place(const char *why);
/** @brief Lock the guard's place: the socket's file alone may be a dead one's. -1 and EWOULDBLOCK: another guard has it; not told. */
int guard_lock(const char *path);
/**
 * @brief Become the next guard: the one that stands by. It alone has descriptors of what the guard holds. Were another one to get the
 * guard's place, nobody could open those outputs until the one that stands by let go of them.
 *
 * @param waits until the next guard has become the guard, or is gone.
 * @return a descriptor, which is the place; or -1 and EWOULDBLOCK where another guard has it.
 */
int guard_lock_next(const char *path, bool waits);
/** @brief Lock the guard's place unless a next guard stands by, which is to have it. As guard_lock(). */
int guard_lock_unclaimed(const char *path);
int guard_listen(const char *path);
int guard_open_signals(void);
/** @brief Lock memory, ask for real-time priority and to be spared when memory runs out: as far as that is granted. */
void guard_outlive(void);

/* serve.c */
/** @brief From memory of zeros: nothing is held, nobody is connected, and no descriptor is open. */
void guard_begin(struct guard *guard);
/** @brief With the lock: hold signals for later, and guard_recover(). */
void guard_take_over(struct guard *guard, const char *path);
/** @brief Be the guard, until a signal or until there is nothing to hold. @return exit status. */
int guard_serve(struct guard *guard, const char *path);

/* hook.c */
/**
 * @brief Return once a guard lives that has parked what the last one held: one that is there and answers, or this process,
 * which then goes on in the background. One that does not answer is killed. @return exit status.
 */
int guard_hook(struct guard *guard, const char *path);

/* gpio_output.c: the only file that touches a device */
/**
 * @brief Take the output of a lease at its lines' values, or change its settings if it is taken already. Takes `file`.
 * @param text why not, for the user.
 * @return 0 or a positive errno.
 */
int guard_output_take(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file, char *text);
/** @brief Drive all lines of a lease to their values. 0 or a positive errno. */
int guard_output_drive(struct guard *guard, uint32_t lease);
void guard_output_release(struct guard_holding *holding);

/* physical.c */
/** @brief Is it a description that can be used: its texts end, its numbers are some, its lines are at most a lease's? */
bool guard_is_sound(const struct weir_physical *what);
/** @brief The same lines in the same order, or the same attribute. */
bool guard_is_same_output(const struct weir_physical *a, const struct weir_physical *b);

/* lease.c: which lease has which lines */
/**
 * @brief The lease of just these lines, made if need be; those that have some of them and no holder are given up.
 * @return its number, or a negative errno: EBUSY (with the holder in `text`), ENOSPC.
 */
int guard_lease_find(struct guard *guard, const struct weir_physical *what, char *text);
/** @brief The lease that has exactly this output, or -1. */
int guard_lease_of(const struct guard *guard, const struct weir_physical *what);
/** @brief A lease of lines whose request another guard has made. Takes `lines`. @return as guard_lease_find(). */
int guard_lease_inherit(struct guard *guard, const struct weir_physical *what, int lines);
/** @brief guard_output_take() for a lease that is new perhaps, and then given up if that fails. 0 or a positive errno. */
int guard_lease_take_output(struct guard *guard, uint32_t lease, const struct weir_physical *what, int file,
			    char *text);
/** @brief Release its output and forget its lines. */
void guard_lease_drop(struct guard *guard, uint32_t lease);
/** @brief Forget what is known of lines that no lease has. */
void guard_lease_forget_lines(struct guard *guard);
/** @brief Give up what nobody holds and no rule needs. @return does anything remain? *next: when to look again. */
bool guard_lease_tidy(struct guard *guard, int64_t now_ns, int64_t *next);

/* remember.c */
/** @brief Open the memory beside the socket `path`, as the last guard of this boot and build has left it. Tells of failure. */
void guard_open_memory(struct guard *guard, const char *path);
/** @brief Note that a lease's output is held, for whom, and by what rules; or no longer. */
void guard_remember(struct guard *guard, uint32_t lease);
void guard_forget(struct guard *guard, uint32_t lease);
/** @brief Note what the rules know of a line of the bank. */
void guard_remember_line(struct guard *guard, uint32_t line);
/** @brief Do not try to take again what was not there. */
void guard_forget_orphans(struct guard *guard);
/** @brief At the end: remove the file if there is nothing in it, else the next guard will hold the same. */
void guard_leave_notes(const struct guard *guard, const char *path);

/* recover.c: after another guard's end */
/** @brief Open the memory beside the socket `path`, and park what the last guard held when it ended. */
void guard_recover(struct guard *guard, const char *path);
/** @brief Try to take what was busy then. @return when to try again; INT64_MAX: nothing is left. */
int64_t guard_recover_more(struct guard *guard, int64_t now_ns);

/* standby.c: the next guard */
/** @brief Wait for the end of the guard that has the lock, and get it; guard->handed is what came until then. 0, or -1. */
int guard_stand_by(struct guard *guard, const char *path);
/** @brief Give whoever stands by an output's descriptor, or have it let go of. */
void guard_share(struct guard *guard, uint32_t lease, bool is_held);
/** @brief This session stands by from now on: give it all that is held. */
void guard_share_all(struct guard *guard, struct guard_session *session);
/** @brief Does anybody stand by? */
bool guard_is_followed(const struct guard *guard);

/* session.c */
int guard_session_open(struct guard *guard, int fd);
/** @brief Serve one request of its socket. On the end of it its leases are parked. */
void guard_session_serve(struct guard *guard, uint32_t session);

/* kill.c */
/** @brief The holder can no longer be trusted with its lines: end it before they are parked. */
void guard_session_kill(struct guard_session *session);
/** @brief Kill a process and wait until it is gone, for KILL_MS at most. */
void guard_kill(int pidfd);

/* by_hand.c: 0 or a positive errno, with `reply` filled in */
int guard_set(struct guard *guard, const struct weir_guard_request *request, int file, struct weir_guard_reply *reply);
int guard_park(struct guard *guard, const struct weir_guard_request *request, int file, struct weir_guard_reply *reply);
int guard_list(const struct guard *guard, uint32_t index, struct weir_guard_reply *reply);
/** @brief The lease of an output that nobody else has, taken if need be. Takes `file`. @return its number or -errno, `text` may say why. */
int guard_hold(struct guard *guard, const struct weir_physical *what, int file, char *text);
/** @brief Park it, whoever has it. With `release` it is as free as the rules allow: guard_lease_tidy() sees to that. */
void guard_park_lease(struct guard *guard, uint32_t lease, enum weir_cause cause, bool release);

/* work.c: what happens each time the guard wakes */
/** @brief Take beats and asks, judge, drive, tell, audit. @return when to do it again at the latest. */
int64_t guard_work(struct guard *guard);
/** @brief Drive and tell what was decided. */
void guard_settle(struct guard *guard);
/** @brief The bank's `decided`: notes it for guard_settle(). */
void guard_decided(void *context, const struct weir_decision *decision);

#endif
