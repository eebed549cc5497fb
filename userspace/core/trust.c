/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* By hand, component by component: what a resolved path looks like does not tell who could turn a link on the way. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/trust.h"

#define LINKS_MAX 40

struct walk {
	char done[PATH_MAX];     /* without links; empty: the root */
	char rest[2 * PATH_MAX]; /* still to be walked */
	unsigned links;
	char *why;
};

bool weir_is_secure(void)
{
	return getauxval(AT_SECURE) != 0;
}

static int refuse(const struct walk *walk, int err, const char *what)
{
	snprintf(walk->why, WEIR_TRUST_WHY, "'%.300s' %s", *walk->done ? walk->done : "/", what);
	return err;
}

static int check(const struct walk *walk, const struct stat *status)
{
	if (status->st_uid)
		return refuse(walk, -EPERM, "belongs to another user than root");
	/* An access list that lets others write shows as a group that may. */
	if (!S_ISLNK(status->st_mode) && status->st_mode & (S_IWGRP | S_IWOTH))
		return refuse(walk, -EPERM, "can be written by others than root");
	return 0;
}

static int look(const struct walk *walk, struct stat *status)
{
	return lstat(*walk->done ? walk->done : "/", status) ? refuse(walk, -errno, strerror(errno)) : 0;
}

/* The last component of what is done goes. */
static void go_up(struct walk *walk)
{
	char *slash = strrchr(walk->done, '/');

	if (slash)
		*slash = 0;
}

static int follow(struct walk *walk)
{
	char target[PATH_MAX], rest[2 * PATH_MAX];
	ssize_t n = readlink(walk->done, target, sizeof(target) - 1);

	if (n < 0)
		return refuse(walk, -errno, strerror(errno));
	target[n] = 0;
	if (++walk->links > LINKS_MAX)
		return refuse(walk, -ELOOP, strerror(ELOOP));
	if (snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return refuse(walk, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	strcpy(walk->rest, rest);
	if (*target == '/')
		walk->done[0] = 0;
	else
		go_up(walk);
	return 0;
}

static int step(struct walk *walk, const char *name)
{
	size_t length = strlen(walk->done);
	struct stat status;
	int err;

	if (!strcmp(name, "..")) {
		go_up(walk);
		return 0;
	}
	if (snprintf(walk->done + length, sizeof(walk->done) - length, "/%s", name) >=
	    (int)(sizeof(walk->done) - length))
		return refuse(walk, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	err = look(walk, &status);
	if (!err)
		err = check(walk, &status);
	return !err && S_ISLNK(status.st_mode) ? follow(walk) : err;
}

/* Take the next name out of the rest. NULL: there is none. */
static const char *next_name(struct walk *walk, char name[NAME_MAX + 1])
{
	size_t from = strspn(walk->rest, "/"), n = strcspn(walk->rest + from, "/");

	if (!n)
		return NULL;
	snprintf(name, NAME_MAX + 1, "%.*s", (int)n, walk->rest + from);
	memmove(walk->rest, walk->rest + from + n, strlen(walk->rest + from + n) + 1);
	return name;
}

int weir_trust_file(const char *path, char why[WEIR_TRUST_WHY])
{
	struct walk walk = { .why = why };
	char here[PATH_MAX] = "", name[NAME_MAX + 1];
	struct stat status;
	int err;

	if (*path != '/' && !getcwd(here, sizeof(here)))
		return refuse(&walk, -errno, strerror(errno));
	if (snprintf(walk.rest, sizeof(walk.rest), "%s/%s", here, path) >= (int)sizeof(walk.rest))
		return refuse(&walk, -ENAMETOOLONG, strerror(ENAMETOOLONG));
	err = look(&walk, &status);
	if (!err)
		err = check(&walk, &status);
	while (!err && next_name(&walk, name))
		if (strcmp(name, "."))
			err = step(&walk, name);
	return err;
}
