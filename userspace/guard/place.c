/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where guards listen: one list for both sides, so that a guard is found by every process of its user, whatever started the
 * process and with whichever environment. A place is the path of a socket; the lock and the state file lie beside the socket.
 *
 * A directory that every user may write to is refused: another user could put a socket, a link or a file of that name there.
 */
#include "guard/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MACHINE "/run/weir/guard.sock"
#define OWN_NAME "weir-guard.sock"

static int refuse(int error, char *why, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int refuse(int error, char *why, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(why, WEIR_PLACE_WHY, format, values);
	va_end(values);
	return -error;
}

/* --- directories -------------------------------------------------------------- */

/* A link is followed where this user or root has made it: /var/run is one. */
static bool is_trusted_link(const char *name)
{
	struct stat status;

	return !lstat(name, &status) && S_ISLNK(status.st_mode) && (status.st_uid == 0 || status.st_uid == geteuid());
}

static int open_directory(const char *path, int *dir)
{
	const char *slash = strrchr(path, '/');
	char name[WEIR_PLACE_PATH];
	int flags = O_PATH | O_DIRECTORY | O_CLOEXEC;

	snprintf(name, sizeof(name), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (!*name)
		strcpy(name, slash ? "/" : ".");
	*dir = open(name, is_trusted_link(name) ? flags : flags | O_NOFOLLOW);
	return *dir < 0 ? -errno : 0;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int judge(const struct stat *status, const char *path, bool listens, char *why)
{
	if (status->st_mode & S_IWOTH)
		return refuse(EPERM, why, "%s: every user may write to its directory; choose one of your own", path);
	if (listens && status->st_uid != geteuid() && status->st_uid != 0)
		return refuse(EPERM, why, "%s: its directory belongs to user %u; choose one of your own", path,
			      (unsigned)status->st_uid);
	return 0;
}

int weir_place_check(const char *path, bool listens, char why[WEIR_PLACE_WHY])
{
	struct stat status;
	int dir, err = open_directory(path, &dir);

	*why = '\0';
	if (err < 0)
		return refuse(-err, why, "%s: cannot use its directory: %s", path,
			      err == -ELOOP || err == -ENOTDIR ? "it is a link or no directory" : strerror(-err));
	err = fstat(dir, &status) ? -errno : judge(&status, path, listens, why);
	close(dir);
	return err;
}

/* A directory of this user's alone: what a session or a service manager has made. */
static bool is_own(const char *directory)
{
	struct stat status;

	return *directory == '/' && !lstat(directory, &status) && S_ISDIR(status.st_mode) &&
	       status.st_uid == geteuid() && !(status.st_mode & S_IWOTH);
}

/* --- the list ------------------------------------------------------------------ */

static int given(char path[WEIR_PLACE_PATH], char *why)
{
	const char *word = secure_getenv("WEIR_GUARD");
	char here[WEIR_PLACE_PATH] = "";
	int length;

	if (!word || !*word)
		return -ENOENT;
	/* A guard is started in another directory than its user's. */
	if (*word != '/' && !getcwd(here, sizeof(here)))
		return refuse(errno, why, "WEIR_GUARD: a path of at most %d bytes from / is needed",
			      WEIR_PLACE_PATH - 1);
	length = snprintf(path, WEIR_PLACE_PATH, "%s%s%s", here, *here ? "/" : "", word);
	if (length >= WEIR_PLACE_PATH)
		return refuse(ENAMETOOLONG, why, "WEIR_GUARD: a path must have at most %d bytes", WEIR_PLACE_PATH - 1);
	return 0;
}

static unsigned add_own(char place[][WEIR_PLACE_PATH], unsigned n, const char *directory)
{
	if (!is_own(directory) || snprintf(place[n], WEIR_PLACE_PATH, "%s/" OWN_NAME, directory) >= WEIR_PLACE_PATH)
		return n;
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(place[i], place[n]))
			return n;
	return n + 1;
}

/* Without a session there is often one of the same user's all the same: cron, su, sudo -u. */
static unsigned add_users(char place[][WEIR_PLACE_PATH], unsigned n)
{
	const char *session = secure_getenv("XDG_RUNTIME_DIR"), *service = secure_getenv("RUNTIME_DIRECTORY");
	char directory[WEIR_PLACE_PATH];

	if (session)
		n = add_own(place, n, session);
	snprintf(directory, sizeof(directory), "/run/user/%u", (unsigned)geteuid());
	n = add_own(place, n, directory);
	snprintf(directory, sizeof(directory), "%.*s", service ? (int)strcspn(service, ":") : 0,
		 service ? service : "");
	return add_own(place, n, directory);
}

unsigned weir_places(char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH], char why[WEIR_PLACE_WHY])
{
	int err = given(place[0], why);

	if (err != -ENOENT)
		return err ? 0 : 1;
	strcpy(place[0], MACHINE);
	return geteuid() == 0 ? 1 : add_users(place, 1);
}

static bool is_given(void)
{
	const char *word = secure_getenv("WEIR_GUARD");

	return word && *word;
}

int weir_place_to_listen(char path[WEIR_PLACE_PATH], char why[WEIR_PLACE_WHY])
{
	char place[WEIR_PLACES_MAX][WEIR_PLACE_PATH];
	unsigned n = weir_places(place, why);

	if (!n)
		return -EINVAL;
	if (is_given() || geteuid() == 0 || is_own("/run/weir"))
		strcpy(path, place[0]);
	else if (n > 1)
		strcpy(path, place[1]);
	else
		return refuse(ENOENT, why,
			      "no guard runs at " MACHINE
			      ", and XDG_RUNTIME_DIR names no directory of this user's for one; "
			      "set XDG_RUNTIME_DIR or WEIR_GUARD (in a unit: RuntimeDirectory=), "
			      "or have root run weir-guard as a service");
	return 0;
}

/* --- files beside the socket ----------------------------------------------------- */

static int check_file(int fd, const char *path, const char *suffix, char *why)
{
	struct stat status;

	if (fstat(fd, &status))
		return refuse(errno, why, "%s%s: %s", path, suffix, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_nlink != 1 || status.st_uid != geteuid())
		return refuse(EPERM, why, "%s%s: not a file of this user's alone; remove it", path, suffix);
	return 0;
}

int weir_place_open(const char *path, const char *suffix, char why[WEIR_PLACE_WHY])
{
	char name[WEIR_PLACE_PATH + 8];
	int dir, fd, err = open_directory(path, &dir);

	if (err < 0)
		return refuse(-err, why, "%s: cannot use its directory: %s", path, strerror(-err));
	snprintf(name, sizeof(name), "%s%s", name_of(path), suffix);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	err = errno;
	close(dir);
	if (fd < 0)
		return refuse(err, why, "%s%s: %s", path, suffix,
			      err == ELOOP ? "it is a link; remove it" : strerror(err));
	err = check_file(fd, path, suffix, why);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int weir_place_clear(const char *path, char why[WEIR_PLACE_WHY])
{
	struct stat status;

	if (lstat(path, &status))
		return errno == ENOENT ? 0 : refuse(errno, why, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(status.st_mode))
		return refuse(EEXIST, why, "%s: it is there and no socket; choose another path", path);
	return unlink(path) ? refuse(errno, why, "%s: %s", path, strerror(errno)) : 0;
}
