/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a guard listens and is looked for: one list for both sides, in whatever environment; nothing in a directory that others
 * may write to, nothing through a link; and why a guard could not be started is told at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "build_path.h"
#include "core/guard_link.h"
#include "guard/place.h"
#include "other_users.h"
#include "skip.h"

#define NOBODY 65534
#define OTHER 65533

static char root[64], why[WEIR_PLACE_WHY];

static const char *in_root(const char *name)
{
	static char path[4][128];
	static unsigned at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[at]), "%s/%s", root, name);
	return path[at];
}

static void make_directory(const char *name, uid_t owner, mode_t mode)
{
	assert_int_equal(mkdir(in_root(name), 0700), 0);
	assert_int_equal(chmod(in_root(name), mode), 0);
	if (owner != geteuid())
		assert_int_equal(chown(in_root(name), owner, (gid_t)-1), 0);
}

static int set_up(void **state)
{
	(void)state;
	unsetenv("WEIR_GUARD");
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("RUNTIME_DIRECTORY");
	strcpy(root, "/tmp/weir-places-XXXXXX");
	return !mkdtemp(root) || chmod(root, 0755);
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	unsetenv("WEIR_GUARD");
	snprintf(command, sizeof(command), "rm -r %s", root);
	return system(command);
}

static bool is_listed(const char *path)
{
	char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH];
	unsigned n = weir_places(place, why);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(place[i], path))
			return true;
	return false;
}

/* Whatever of the environment is there, of this user or of another one, or a link, or open to all: where this process would
 * listen is where it looks. */
static void test_both_sides_agree(void **state)
{
	static const char *const directories[] = { "", "mine", "others", "open", "link", "missing", "relative" };
	size_t n = sizeof(directories) / sizeof(directories[0]);
	unsigned found = 0;

	(void)state;
	if (!there_are_other_users())
		skip_because("only root can be other users, where there are any");
	make_directory("mine", NOBODY, 0700);
	make_directory("others", OTHER, 0755);
	make_directory("open", NOBODY, 0777);
	assert_int_equal(symlink(in_root("mine"), in_root("link")), 0);
	assert_int_equal(seteuid(NOBODY), 0);
	for (size_t i = 0; i < n * n; i++) {
		char path[WEIR_PLACE_PATH];
		const char *session = directories[i % n], *service = directories[i / n];
		int err;

		setenv("XDG_RUNTIME_DIR", strcmp(session, "relative") && *session ? in_root(session) : session, 1);
		setenv("RUNTIME_DIRECTORY", strcmp(service, "relative") && *service ? in_root(service) : service, 1);
		err = weir_place_to_listen(path, why);
		if (err) {
			assert_int_equal(err, -ENOENT);
			assert_non_null(strstr(why, "XDG_RUNTIME_DIR"));
			assert_string_not_equal(session, "mine");
			assert_string_not_equal(service, "mine");
			continue;
		}
		found++;
		assert_true(is_listed(path));
		assert_int_equal(weir_place_check(path, true, why), 0);
		assert_null(strstr(path, "others"));
		assert_null(strstr(path, "open"));
		assert_null(strstr(path, "link"));
	}
	assert_int_equal(seteuid(0), 0);
	assert_true(found >= 2 * n - 1);
}

/* What is given is the only place, absolute for a guard that starts in another directory, and never cut. */
static void test_given(void **state)
{
	char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH], path[WEIR_PLACE_PATH], here[256], name[200];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(root), 0);
	setenv("WEIR_GUARD", "guard", 1);
	assert_int_equal(weir_places(place, why), 1);
	assert_string_equal(place[0], in_root("guard"));
	assert_int_equal(weir_place_to_listen(path, why), 0);
	assert_string_equal(path, place[0]);
	assert_int_equal(chdir(here), 0);
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	for (size_t length = WEIR_PLACE_PATH - 2; length < WEIR_PLACE_PATH + 2; length++) {
		name[length] = '\0';
		setenv("WEIR_GUARD", name, 1);
		assert_int_equal(weir_places(place, why), length < WEIR_PLACE_PATH);
		assert_int_equal(weir_place_to_listen(path, why), length < WEIR_PLACE_PATH ? 0 : -EINVAL);
		name[length] = 'x';
	}
	assert_non_null(strstr(why, "bytes"));
}

/* A directory that all may write to is for neither side; another user's is not for listening; nor is one behind a foreign link. */
static void test_directories(void **state)
{
	(void)state;
	make_directory("mine", geteuid(), 0700);
	make_directory("open", geteuid(), 01777);
	assert_int_equal(weir_place_check(in_root("mine/guard"), true, why), 0);
	assert_int_equal(weir_place_check(in_root("open/guard"), true, why), -EPERM);
	assert_non_null(strstr(why, "every user may write"));
	assert_int_equal(weir_place_check(in_root("open/guard"), false, why), -EPERM);
	assert_int_equal(weir_place_check(in_root("missing/guard"), false, why), -ENOENT);
	assert_int_equal(weir_place_check("/tmp/guard", false, why), -EPERM);
	if (!there_are_other_users())
		skip_because("only root can give directories to other users, where there are any");
	make_directory("others", OTHER, 0755);
	assert_int_equal(weir_place_check(in_root("others/guard"), true, why), -EPERM);
	assert_int_equal(weir_place_check(in_root("others/guard"), false, why), 0);
	assert_int_equal(symlink(in_root("mine"), in_root("link")), 0);
	assert_int_equal(weir_place_check(in_root("link/guard"), true, why), 0);
	assert_int_equal(lchown(in_root("link"), OTHER, OTHER), 0);
	assert_true(weir_place_check(in_root("link/guard"), true, why) < 0);
	assert_true(weir_place_open(in_root("link/guard"), ".lock", why) < 0);
}

/* Lock and state file: a file of ours alone, and whatever else lies there is neither followed, written to nor waited for. */
static void test_files(void **state)
{
	struct stat status;
	int fd;

	(void)state;
	fd = weir_place_open(in_root("guard"), ".held", why);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	fd = creat(in_root("precious"), 0600);
	assert_true(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	assert_int_equal(symlink(in_root("precious"), in_root("a.lock")), 0);
	assert_int_equal(symlink(in_root("nowhere"), in_root("b.lock")), 0);
	assert_int_equal(link(in_root("precious"), in_root("c.lock")), 0);
	assert_int_equal(mkfifo(in_root("d.lock"), 0600), 0);
	assert_int_equal(mkdir(in_root("e.lock"), 0700), 0);
	for (char name[] = "a"; *name <= 'e'; ++*name) {
		assert_true(weir_place_open(in_root(name), ".lock", why) < 0);
		assert_non_null(strstr(why, ".lock"));
	}
	assert_int_equal(stat(in_root("precious"), &status), 0);
	assert_int_equal(status.st_size, 1);
	assert_int_equal(access(in_root("nowhere"), F_OK), -1);
}

/* Only a socket is taken for what a dead guard has left. */
static void test_clear(void **state)
{
	int fd = creat(in_root("precious"), 0600);

	(void)state;
	close(fd);
	assert_int_equal(weir_place_clear(in_root("nothing"), why), 0);
	assert_int_equal(weir_place_clear(in_root("precious"), why), -EEXIST);
	assert_int_equal(access(in_root("precious"), F_OK), 0);
	assert_int_equal(mknod(in_root("socket"), S_IFSOCK | 0600, 0), 0);
	assert_int_equal(weir_place_clear(in_root("socket"), why), 0);
	assert_int_equal(access(in_root("socket"), F_OK), -1);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The guard's own words reach whoever wanted one started, and soon. */
static void test_failure_is_told(void **state)
{
	char path[600], *before = strdup(getenv("PATH"));
	struct weir_guard_link link;
	double began = seconds();

	(void)state;
	build_path(path, sizeof(path), "");
	setenv("PATH", path, 1);
	setenv("WEIR_GUARD", in_root("guard"), 1);
	assert_int_equal(mkdir(in_root("guard.lock"), 0700), 0);
	assert_int_equal(weir_guard_link_open(&link, true), -ENOEXEC);
	assert_non_null(strstr(link.why, "guard.lock"));
	assert_null(strstr(link.why, "weir-guard:"));
	weir_guard_link_close(&link);
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(weir_guard_link_open(&link, true), -ENOEXEC);
	assert_non_null(strstr(link.why, "weir-guard"));
	weir_guard_link_close(&link);
	setenv("PATH", before, 1);
	free(before);
	assert_true(seconds() - began < 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_both_sides_agree, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_directories, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clear, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failure_is_told, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
