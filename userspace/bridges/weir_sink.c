/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publish a stream to other processes of this machine, which read it with `weir:NAME`. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "weir/share.h"

struct publish {
	const char *allow, *group;
	struct weir_share *share;
	struct weir_share_config config;
	uint32_t readers;
	bool has_begun;
};

/* ----------------------------------------------------------------------- open */

static bool find_number(const char *text, unsigned long *number)
{
	char *end;

	*number = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && *number < UINT32_MAX;
}

static int find_group(struct weir_node *node, const char *name, gid_t *out)
{
	const struct group *group = name ? getgrnam(name) : NULL;
	unsigned long number = (gid_t)-1;

	if (name && !group && !find_number(name, &number))
		return weir_fail_arg(node, "group", NULL, "unknown group '%s'", name);
	*out = group ? group->gr_gid : (gid_t)number;
	return 0;
}

static int add_user(struct weir_node *node, struct weir_share_config *config, const char *name)
{
	const struct passwd *user = getpwnam(name);
	unsigned long number = 0;

	if (!user && !find_number(name, &number))
		return weir_fail_arg(node, "allow", NULL, "unknown user '%s'", name);
	if (config->n_users == WEIR_SHARE_USERS_MAX)
		return weir_fail_arg(node, "allow", NULL, "at most %d users", WEIR_SHARE_USERS_MAX);
	config->user[config->n_users++] = user ? user->pw_uid : (uid_t)number;
	return 0;
}

static int find_users(struct weir_node *node, const char *list, struct weir_share_config *config)
{
	char *copy = strdup(list ? list : ""), *rest, *name;
	int err = copy ? 0 : -ENOMEM;

	if (list && !config->waits)
		err = weir_fail_arg(node, "allow", "policy=block waits for them", "the publisher waits for no user");
	for (name = err ? NULL : strtok_r(copy, ", ", &rest); name && !err; name = strtok_r(NULL, ", ", &rest))
		err = add_user(node, config, name);
	free(copy);
	return err;
}

static int publish_open(struct weir_node *node, const struct weir_schema *in)
{
	struct publish *publish = weir_state(node);
	struct weir_share_config *config = &publish->config;
	int err;

	if (weir_share_check_name(weir_target(node)) < 0)
		return weir_fail_arg(node, NULL, "letters, digits, '_', '-' and '.', at most 64",
				     "no stream can be called '%s'", weir_target(node));
	config->name = weir_target(node);
	config->schema = in;
	err = find_group(node, publish->group, &config->group);
	return err ? err : find_users(node, publish->allow, config);
}

/* ------------------------------------------------------------------------ run */

static int publish_start(struct weir_node *node)
{
	struct publish *publish = weir_state(node);
	int err;

	publish->config.halt_fd = weir_halt_fd(node);
	err = weir_share_open(&publish->share, &publish->config);
	if (err == -EBUSY)
		return weir_fail_device(node, weir_target(node), "publish", EBUSY,
					"another process publishes under this name: see weir list streams");
	if (err == -ENOENT)
		return weir_fail_device(node, weir_target(node), "publish", ENOENT,
					"there must be a directory to write to: RUNTIME_DIRECTORY, /run/weir or "
					"XDG_RUNTIME_DIR say which");
	if (err == -E2BIG)
		return weir_fail_arg(node, "keep", "choose fewer", "this number of records needs too much memory");
	return err < 0 ? weir_fail_device(node, weir_target(node), "publish", -err, NULL) : 0;
}

static int publish_push(struct weir_node *node, const struct weir_block *in)
{
	struct publish *publish = weir_state(node);
	uint32_t out;

	/* Not from start(), which would hold up the whole program. What the wait is cut short by ends the stream anyway. */
	if (!publish->has_begun && weir_share_await(publish->share, publish->readers) < 0)
		weir_warn(node, "stopped before %u readers had come", publish->readers);
	publish->has_begun = true;
	weir_share_push(publish->share, in);
	out = weir_share_turned_out(publish->share);
	if (out)
		weir_warn(node, "%u reader%s took nothing for too long and %s not waited for any more", out,
			  out == 1 ? "" : "s", out == 1 ? "is" : "are");
	return 0;
}

/* A stream that comes to its end ends for its readers too; one whose publisher is stopped may go on. */
static int publish_end(struct weir_node *node)
{
	struct publish *publish = weir_state(node);
	struct pollfd halt = { .fd = publish->config.halt_fd, .events = POLLIN };

	if (!publish->has_begun && weir_share_await(publish->share, publish->readers) < 0)
		weir_warn(node, "stopped before %u readers had come", publish->readers);
	weir_share_finish(publish->share, poll(&halt, 1, 0) == 0);
	return 0;
}

static void publish_close(struct weir_node *node)
{
	struct publish *publish = weir_state(node);

	weir_share_close(publish->share);
}

static const char *const policies[] = { "drop_oldest", "block", NULL };

static const struct weir_param params[] = {
	WEIR_P_WORD("policy", struct publish, config.waits, "drop_oldest", policies,
		    "drop_oldest: a slow reader loses records; block: the publisher waits for readers that request it"),
	WEIR_P_TEXT("allow", struct publish, allow, NULL,
		    "with policy=block: users, by name or number, whose readers the publisher waits for; default: all "
		    "that may read"),
	WEIR_P_DURATION("patience", struct publish, config.patience_ns, "30s",
			"with policy=block: timeout after which an idle reader is evicted", .min = 0.001, .max = 86400),
	WEIR_P_INT("readers", struct publish, readers, "0", "number of readers with which the stream begins", .min = 0,
		   .max = 64),
	WEIR_P_TEXT("group", struct publish, group, NULL, "group whose members may read; default: this user alone"),
	WEIR_P_INT("keep", struct publish, config.rows, "65536", "records kept for slow readers", .min = 1,
		   .max = 1 << 26),
	{ 0 }
};

static const struct weir_sink_ops publish_ops = {
	.state_bytes = sizeof(struct publish),
	.open = publish_open,
	.start = publish_start,
	.push = publish_push,
	.end = publish_end,
	.close = publish_close,
};

const struct weir_driver weir_bridge_weir_sink = {
	.name = "weir",
	.doc = "stream for other processes of this machine",
	.target = "NAME",
	.sink_params = params,
	.sink = &publish_ops,
};
