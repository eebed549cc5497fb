/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets a control of a video device by its name, or pushes a button:
 *
 *     video_control /dev/video0 "Horizontal Movement" 3
 *     video_control /dev/video0                          lists them: name, least, most, value
 */
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static void show(int fd, const struct v4l2_queryctrl *query)
{
	struct v4l2_control control = { .id = query->id };

	if (query->flags & V4L2_CTRL_FLAG_DISABLED || query->type == V4L2_CTRL_TYPE_CTRL_CLASS)
		return;
	ioctl(fd, VIDIOC_G_CTRL, &control);
	printf("%s: %d to %d: %d\n", query->name, query->minimum, query->maximum, control.value);
}

static int set(int fd, const struct v4l2_queryctrl *query, int value)
{
	struct v4l2_control control = { .id = query->id, .value = value };

	if (!ioctl(fd, VIDIOC_S_CTRL, &control))
		return 0;
	perror((const char *)query->name);
	return 1;
}

int main(int argc, char **argv)
{
	struct v4l2_queryctrl query = { .id = V4L2_CTRL_FLAG_NEXT_CTRL };
	int fd = argc > 1 ? open(argv[1], O_RDWR) : -1;

	if (fd < 0 || argc == 3) {
		fprintf(stderr, "usage: video_control DEVICE [CONTROL VALUE]\n");
		return 2;
	}
	for (; !ioctl(fd, VIDIOC_QUERYCTRL, &query); query.id |= V4L2_CTRL_FLAG_NEXT_CTRL) {
		if (argc == 2)
			show(fd, &query);
		else if (!strcmp((const char *)query.name, argv[2]))
			return set(fd, &query, atoi(argv[3]));
	}
	if (argc == 2)
		return 0;
	fprintf(stderr, "video_control: %s has no '%s'\n", argv[1], argv[2]);
	return 1;
}
