/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sends frames to a CAN interface:
 *
 *     can_send INTERFACE ID DATA [COUNT [US]]
 *
 * ID is a number as linux/can.h has it, with its flags; DATA is up to 16 digits of hex, or `-` for none. With COUNT the frame is sent
 * as often, as fast as possible, or US microseconds apart.
 */
#include <linux/can.h>
#include <linux/can/raw.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_data(struct can_frame *frame, const char *text)
{
	for (; text[0] && text[1] && frame->can_dlc < CAN_MAX_DLEN; text += 2) {
		char digits[3] = { text[0], text[1], '\0' };

		frame->data[frame->can_dlc++] = (__u8)strtoul(digits, NULL, 16);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_can address = { .can_family = AF_CAN };
	struct can_frame frame = { 0 };
	int fd = socket(PF_CAN, SOCK_RAW, CAN_RAW);
	long count = argc > 4 ? atol(argv[4]) : 1;

	if (argc < 4 || fd < 0)
		die("usage: can_send INTERFACE ID DATA [COUNT [US]]");
	address.can_ifindex = (int)if_nametoindex(argv[1]);
	if (!address.can_ifindex || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die(argv[1]);
	frame.can_id = (canid_t)strtoul(argv[2], NULL, 0);
	if (strcmp(argv[3], "-"))
		read_data(&frame, argv[3]);
	for (long i = 0; i < count; i++) {
		if (write(fd, &frame, sizeof(frame)) != sizeof(frame))
			die("write");
		if (argc > 5)
			usleep((useconds_t)atol(argv[5]));
	}
	return 0;
}
