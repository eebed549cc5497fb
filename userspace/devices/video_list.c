/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "devices/sysfs.h"
#include "devices/video_device.h"

/* A camera often has a second device, for data about its frames: one that says so is left out. */
static bool describe(struct weir_video_entry *entry, const char *class, const char *node)
{
	struct weir_video video = { 0 };
	char dir[WEIR_SYSFS_PATH];
	int err;

	snprintf(dir, sizeof(dir), "%s/%s", class, node);
	snprintf(entry->path, sizeof(entry->path), "/dev/%s", node);
	weir_sysfs_read(dir, "name", entry->name, sizeof(entry->name));
	err = weir_video_open(&video, entry->path);
	memcpy(entry->card, video.card, sizeof(entry->card));
	weir_video_close(&video);
	return err != -ENXIO && err != -ENOTTY;
}

static int is_node(const struct dirent *entry)
{
	return !strncmp(entry->d_name, "video", 5) && isdigit((unsigned char)entry->d_name[5]);
}

size_t weir_video_list(const char *class, struct weir_video_entry *out, size_t max)
{
	struct dirent **node;
	int found = scandir(class, &node, is_node, versionsort);
	size_t n = 0;

	for (int i = 0; i < found; i++) {
		if (n < max && describe(&out[n], class, node[i]->d_name))
			n++;
		free(node[i]);
	}
	if (found >= 0)
		free(node);
	return n;
}

static bool fits(const struct weir_video_entry *entry, const char *word)
{
	const char *node = entry->path + strlen("/dev/");

	return !strcmp(word, entry->name) || !strcmp(word, entry->card) || !strcmp(word, node) ||
	       !strcmp(word, node + strlen("video"));
}

int weir_video_find(const struct weir_video_entry *list, size_t n, const char *word, char path[WEIR_VIDEO_PATH])
{
	const struct weir_video_entry *found = NULL;

	if (*word == '/')
		return snprintf(path, WEIR_VIDEO_PATH, "%s", word) < WEIR_VIDEO_PATH ? 0 : -ENAMETOOLONG;
	for (size_t i = 0; i < n; i++) {
		if (!fits(&list[i], word))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = &list[i];
	}
	if (!found)
		return -ENOENT;
	strcpy(path, found->path);
	return 0;
}
