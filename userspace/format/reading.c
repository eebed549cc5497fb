/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/reading.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

struct weir_reading {
	struct weir_reading *next;
	dev_t device;
	ino_t inode;
};

static pthread_mutex_t reading_lock = PTHREAD_MUTEX_INITIALIZER;
static struct weir_reading *readings;

struct weir_reading *weir_reading_begin(int fd)
{
	struct weir_reading *reading;
	struct stat file;

	if (fstat(fd, &file) < 0 || !S_ISREG(file.st_mode))
		return NULL;
	reading = malloc(sizeof(*reading));
	if (!reading)
		return NULL;
	pthread_mutex_lock(&reading_lock);
	*reading = (struct weir_reading){ .next = readings, .device = file.st_dev, .inode = file.st_ino };
	readings = reading;
	pthread_mutex_unlock(&reading_lock);
	return reading;
}

void weir_reading_end(struct weir_reading *reading)
{
	struct weir_reading **at = &readings;

	if (!reading)
		return;
	pthread_mutex_lock(&reading_lock);
	while (*at != reading)
		at = &(*at)->next;
	*at = reading->next;
	pthread_mutex_unlock(&reading_lock);
	free(reading);
}

bool weir_is_read(int fd)
{
	const struct weir_reading *reading;
	struct stat file;

	if (fstat(fd, &file) < 0)
		return false;
	pthread_mutex_lock(&reading_lock);
	for (reading = readings; reading; reading = reading->next)
		if (reading->device == file.st_dev && reading->inode == file.st_ino)
			break;
	pthread_mutex_unlock(&reading_lock);
	return reading;
}
