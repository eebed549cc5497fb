/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "share/share_place.h"
#include "weir/share.h"

#define BACKLOG 1024
#define TRIES 10

int weir_share_check_name(const char *name)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t n = strlen(name);

	return n && n <= WEIR_SHARE_NAME_MAX && strspn(name, good) == n && *name != '.' ? 0 : -EINVAL;
}

/* --------------------------------------------------------------- directories */

unsigned weir_share_directories(char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX])
{
	const char *own = secure_getenv("RUNTIME_DIRECTORY"), *user = secure_getenv("XDG_RUNTIME_DIR");
	unsigned n = 0;

	/* A service may have several; the first is the one that it is named for. */
	if (own && *own == '/') {
		snprintf(directory[n++], PATH_MAX, "%.*s", (int)strcspn(own, ":"), own);
		return n;
	}
	snprintf(directory[n++], PATH_MAX, "/run/weir");
	if (user && *user == '/')
		snprintf(directory[n++], PATH_MAX, "%s/weir", user);
	/* The environment does not count where we have more rights than our user. */
	else if (getauxval(AT_SECURE))
		snprintf(directory[n++], PATH_MAX, "/run/user/%u/weir", (unsigned)getuid());
	return n;
}

static int usable_directory(char out[PATH_MAX])
{
	char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX];
	unsigned n = weir_share_directories(directory);

	for (unsigned i = 0; i < n; i++) {
		if (mkdir(directory[i], 0755) < 0 && errno != EEXIST)
			continue;
		if (access(directory[i], W_OK | X_OK) < 0)
			continue;
		memcpy(out, directory[i], PATH_MAX);
		return 0;
	}
	return -ENOENT;
}

static int join_path(char out[PATH_MAX], const char *directory, const char *name, const char *suffix)
{
	return snprintf(out, PATH_MAX, "%s/%s%s", directory, name, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int address_of(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

/* ---------------------------------------------------------------------- lock */

/* The file may have been removed by its owner between our opening and locking it: then it locks nothing any more. */
static bool is_still_there(int fd, const char *path)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && !stat(path, &there) && ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

static int take_lock(const char *path)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), error;

		if (fd < 0)
			return errno == EACCES ? -EBUSY : -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			error = errno == EWOULDBLOCK ? -EBUSY : -errno;
			close(fd);
			return error;
		}
		if (is_still_there(fd, path))
			return fd;
		close(fd);
	}
	return -EBUSY;
}

/* -------------------------------------------------------------------- listen */

/* Under another name until it is ready: whoever finds the socket can connect to it, and may. */
static int bind_ready(int fd, const char *path, gid_t group)
{
	struct sockaddr_un address;
	char early[PATH_MAX + 8];
	int error;

	snprintf(early, sizeof(early), "%s~", path);
	error = address_of(&address, early);
	if (error)
		return error;
	unlink(early);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if ((group != (gid_t)-1 && chown(early, (uid_t)-1, group) < 0) ||
	    chmod(early, group != (gid_t)-1 ? 0660 : 0600) < 0 || listen(fd, BACKLOG) < 0 || rename(early, path) < 0) {
		error = -errno;
		unlink(early);
	}
	return error;
}

int weir_share_listen(struct weir_share_place *place, const char *name, gid_t group)
{
	char directory[PATH_MAX];
	int error;

	place->fd = place->lock_fd = -1;
	error = usable_directory(directory);
	if (!error)
		error = join_path(place->path, directory, name, WEIR_SHARE_SUFFIX);
	if (!error)
		error = join_path(place->lock_path, directory, name, ".lock");
	if (error)
		return error;
	place->lock_fd = take_lock(place->lock_path);
	if (place->lock_fd < 0)
		return place->lock_fd;
	place->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = place->fd < 0 ? -errno : bind_ready(place->fd, place->path, group);
	if (error)
		weir_share_unlisten(place);
	return error;
}

void weir_share_unlisten(struct weir_share_place *place)
{
	if (place->lock_fd < 0)
		return;
	unlink(place->path);
	unlink(place->lock_path);
	if (place->fd >= 0)
		close(place->fd);
	close(place->lock_fd);
	place->fd = place->lock_fd = -1;
}

/* ------------------------------------------------------------------- connect */

int weir_share_connect_path(const char *path)
{
	struct sockaddr_un address;
	int fd, error = address_of(&address, path);

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	/* A socket that nobody listens on is what a publisher has left that was killed. */
	error = errno == ECONNREFUSED ? -ENOENT : -errno;
	close(fd);
	return error;
}

int weir_share_connect(const char *name)
{
	char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX], path[PATH_MAX];
	unsigned n = weir_share_directories(directory);
	int fd = -ENOENT;

	for (unsigned i = 0; i < n && (fd == -ENOENT || fd == -ENOTDIR); i++) {
		fd = join_path(path, directory[i], name, WEIR_SHARE_SUFFIX);
		if (!fd)
			fd = weir_share_connect_path(path);
	}
	return fd;
}

int weir_share_watch(void)
{
	char directory[WEIR_SHARE_DIRECTORIES][PATH_MAX];
	unsigned n = weir_share_directories(directory), watched = 0;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < n; i++) {
		/* Made here as a publisher would: what is not there cannot be watched. */
		mkdir(directory[i], 0755);
		watched += inotify_add_watch(fd, directory[i], IN_MOVED_TO) >= 0;
	}
	if (watched)
		return fd;
	close(fd);
	return -ENOENT;
}
