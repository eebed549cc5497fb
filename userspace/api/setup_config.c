/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* config.txt of a Raspberry Pi: a line is looked for, and appended by way of a new file that takes the old one's name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/setup_parts.h"

#define BACKUPS_MAX 1000
#define CONFIG_BYTES (1 << 20) /* a config.txt has a few thousand */

static void setup_find_config(struct weir_setup_config *config, const char *given, const char *root)
{
	static const char *const places[] = { "/boot/firmware/config.txt", "/boot/config.txt" };
	char path[PATH_MAX];

	*config = (struct weir_setup_config){ .ends_in_all = true };
	if (given)
		snprintf(config->path, sizeof(config->path), "%s", given);
	for (size_t i = 0; i < 2 && !*config->path; i++) {
		snprintf(path, sizeof(path), "%s%s", root, places[i]);
		if (!access(path, F_OK))
			memcpy(config->path, path, sizeof(path));
	}
	/* A link stays one. */
	if (*config->path && realpath(config->path, path))
		memcpy(config->path, path, sizeof(path));
}

/* How much of "dtoverlay=i2c-sensor,bme280,addr=0x76" says which device it is; of i2c-sensor the chip as well. */
static size_t setup_head(const char *line)
{
	size_t n = strcspn(line, ",");

	if (!strncmp(line, "dtoverlay=i2c-sensor,", n + 1) || !strncmp(line, "dtoverlay=maxtherm,", n + 1))
		n += 1 + strcspn(line + n + 1, ",");
	return n;
}

static bool setup_is_near(const char *text, const char *line)
{
	size_t n = setup_head(line);

	return !strncmp(line, "dtoverlay=", 10) && !strncmp(text, line, n) && (!text[n] || text[n] == ',');
}

static void setup_read_line(struct weir_setup_config *config, char *text, unsigned number, const char *line)
{
	size_t n;

	text += strspn(text, " \t");
	for (n = strlen(text); n && strchr(" \t\r\n", text[n - 1]); n--)
		text[n - 1] = '\0';
	if (*text == '[')
		config->ends_in_all = !strcmp(text, "[all]");
	if (!strcmp(text, line)) {
		config->line = number;
	} else if (setup_is_near(text, line) && !config->near) {
		config->near = number;
		snprintf(config->near_text, sizeof(config->near_text), "%s", text);
	}
}

void weir_setup_read_config(struct weir_setup_config *config, const char *given, const char *root, const char *line)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file;

	setup_find_config(config, given, root);
	if (!*config->path)
		return;
	file = fopen(config->path, "re");
	if (!file) {
		config->err = errno;
		return;
	}
	for (unsigned number = 1; getline(&text, &size, file) >= 0; number++)
		setup_read_line(config, text, number, line ? line : "");
	if (ferror(file))
		config->err = EIO;
	free(text);
	fclose(file);
}

/* --- changing it ---------------------------------------------------------------- */

static int setup_write_all(int fd, const char *text, size_t n)
{
	while (n) {
		ssize_t done = write(fd, text, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

/* A file of that name that was not there before, on disk when this returns. */
static int setup_write_new(const char *path, const struct stat *like, const char *text, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), err;

	if (fd < 0)
		return -errno;
	err = setup_write_all(fd, text, n);
	/* FAT has neither modes nor owners. */
	if (!err && fchmod(fd, like->st_mode & 0777) && errno != EPERM)
		err = -errno;
	if (!err && fchown(fd, like->st_uid, like->st_gid) && errno != EPERM)
		err = -errno;
	if (!err && fsync(fd))
		err = -errno;
	close(fd);
	if (err)
		unlink(path);
	return err;
}

static int setup_back_up(const char *path, const struct stat *like, const char *text, size_t n, char backup[PATH_MAX])
{
	int err = -EEXIST;

	for (unsigned i = 1; i < BACKUPS_MAX && err == -EEXIST; i++) {
		if (snprintf(backup, PATH_MAX, "%s.weir-%u", path, i) >= PATH_MAX)
			return -ENAMETOOLONG;
		err = setup_write_new(backup, like, text, n);
	}
	return err;
}

static int setup_replace(const char *path, const struct stat *like, const char *text, size_t n)
{
	char fresh[PATH_MAX], *slash;
	int err, directory;

	if (snprintf(fresh, sizeof(fresh), "%s.weir-new", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	unlink(fresh); /* of one that was killed */
	err = setup_write_new(fresh, like, text, n);
	if (!err && rename(fresh, path)) {
		err = -errno;
		unlink(fresh);
	}
	if (err)
		return err;
	slash = strrchr(fresh, '/');
	if (slash)
		slash[slash == fresh] = '\0';
	directory = open(slash ? fresh : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		fsync(directory);
		close(directory);
	}
	return 0;
}

/* The file's text, with room for what is appended. */
static int setup_read_all(const char *path, struct stat *status, char **text, size_t *n, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, status))
		err = -errno;
	else if (!S_ISREG(status->st_mode) || status->st_size > CONFIG_BYTES)
		err = -EINVAL;
	else if (!(*text = malloc((size_t)status->st_size + room)))
		err = -ENOMEM;
	while (!err && *n < (size_t)status->st_size) {
		ssize_t done = read(fd, *text + *n, (size_t)status->st_size - *n);

		if (!done)
			break;
		if (done > 0)
			*n += (size_t)done;
		else if (errno != EINTR)
			err = -errno;
	}
	close(fd);
	return err;
}

int weir_setup_append(const struct weir_setup_config *config, const char *line, char backup[PATH_MAX])
{
	size_t room = strlen(line) + 32, n = 0, old;
	struct stat status;
	char *text = NULL;
	int err = setup_read_all(config->path, &status, &text, &n, room);

	if (!err)
		err = setup_back_up(config->path, &status, text, n, backup);
	if (!err) {
		old = n;
		n += (size_t)sprintf(text + old, "%s%s%s\n", old && text[old - 1] != '\n' ? "\n" : "",
				     config->ends_in_all ? "" : "\n[all]\n", line);
		err = setup_replace(config->path, &status, text, n);
		if (err)
			unlink(backup);
	}
	free(text);
	return err;
}
