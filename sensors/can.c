/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames of a CAN bus, through the kernel's raw sockets. With id= the kernel drops all other frames before they wake anybody. With
 * out= the numbers in them are fields.
 */
#include <errno.h>
#include <linux/can.h>
#include <linux/can/error.h>
#include <linux/can/raw.h>
#include <linux/sock_diag.h>
#include <math.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "devices/can_list.h"
#include "devices/serial_frame.h"

#define FRAMES 32 /* received at once */

struct can {
	bool is_realtime;
	const char *id_text, *out_text;
	canid_t id; /* with CAN_EFF_FLAG where it has 29 bits */
	bool has_id;
	struct weir_frame_format format; /* of the data, with out= */
	int fd;                          /* -1: not open */
	struct can_frame frame[FRAMES];
	int64_t t[FRAMES];
	uint32_t n, at;
	uint32_t drops; /* of the socket, as counted so far */
	int failed;     /* reported; what came before it is delivered first */
	bool has_warned;
	_Atomic uint64_t dropped, overflows, too_short;
	char how[160];
};

static const char *const clocks[] = { "monotonic", "realtime", NULL };

static const struct weir_param params[] = {
	WEIR_P_TEXT("id", struct can, id_text, NULL, "identifier of the frames, 0x123; above 0x7ff it has 29 bits"),
	WEIR_P_TEXT("out", struct can, out_text, NULL, "fields of the data: \"rpm=u16be@2*0.25, celsius=s8@0\""),
	WEIR_P_WORD("clock", struct can, is_realtime, "monotonic", clocks,
		    "clock of the time stamps: monotonic, of the arrival here; realtime, of the kernel's reception"),
	{ .name = NULL },
};

/* ------------------------------------------------------------------------ open */

static int can_parse_id(struct weir_node *node, struct can *can)
{
	char *end;
	unsigned long id;

	if (!can->id_text)
		return 0;
	id = strtoul(can->id_text, &end, 0);
	if (*can->id_text < '0' || *can->id_text > '9' || *end || id > CAN_EFF_MASK)
		return weir_fail_arg(node, "id", "as in id=0x123", "'%s' is not an identifier up to 0x1fffffff",
				     can->id_text);
	can->id = (canid_t)id | (id > CAN_SFF_MASK ? CAN_EFF_FLAG : 0);
	can->has_id = true;
	return 0;
}

static int can_open_fields(struct weir_node *node, struct can *can, struct weir_schema *out)
{
	char why[WEIR_FRAME_WHY];

	if (!can->has_id)
		return weir_fail_arg(node, "out", "as in can:can0 id=0x123 out=\"rpm=u16be@2*0.25\"",
				     "out= needs id=: each kind of frame has its own fields");
	if (weir_frame_parse_fields(&can->format, out, can->out_text, why))
		return weir_fail_arg(node, "out", NULL, "%s", why);
	if (can->format.least > CAN_MAX_DLEN)
		return weir_fail_arg(node, "out", NULL, "a frame has 8 bytes of data, 0 to 7");
	return 0;
}

static int can_open(struct weir_node *node, struct weir_schema *out)
{
	struct can *can = weir_state(node);
	int err = can_parse_id(node, can);

	can->fd = -1;
	if (!err)
		err = weir_can_find(node, weir_target(node));
	if (err)
		return err;
	weir_schema_init(out, can->is_realtime ? WEIR_CLOCK_REALTIME : WEIR_CLOCK_MONOTONIC);
	if (can->out_text)
		return can_open_fields(node, can, out);
	weir_schema_add(out, "id", WEIR_INT, "", 8);
	weir_schema_add(out, "extended", WEIR_BOOL, "", 8);
	weir_schema_add(out, "length", WEIR_INT, "", 8);
	for (int i = 0; i < CAN_MAX_DLEN; i++) {
		char name[4];

		snprintf(name, sizeof(name), "b%d", i);
		weir_schema_add(out, name, WEIR_REAL, "", 8);
	}
	return 0;
}

/* Frames of the identifier alone, without requests for them; and reports of the controller. */
static int can_set(const struct can *can)
{
	struct can_filter filter = { can->id, CAN_EFF_FLAG | CAN_RTR_FLAG | CAN_EFF_MASK };
	can_err_mask_t errors = CAN_ERR_CRTL | CAN_ERR_BUSOFF;
	int on = 1;

	/* An identifier of 11 bits is in the lower ones: the others are zero. */
	if (can->has_id && setsockopt(can->fd, SOL_CAN_RAW, CAN_RAW_FILTER, &filter, sizeof(filter)))
		return -errno;
	if (setsockopt(can->fd, SOL_CAN_RAW, CAN_RAW_ERR_FILTER, &errors, sizeof(errors)) ||
	    setsockopt(can->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)))
		return -errno;
	return 0;
}

static int can_start(struct weir_node *node, bool unread)
{
	struct can *can = weir_state(node);
	struct sockaddr_can address = { .can_family = AF_CAN };
	int err;

	(void)unread;
	can->fd = socket(PF_CAN, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, CAN_RAW);
	if (can->fd < 0)
		return weir_fail_device(node, weir_target(node), "open a socket for", errno, "modprobe can-raw");
	err = can_set(can);
	if (err)
		return weir_fail_device(node, weir_target(node), "set the filter of", -err, NULL);
	address.can_ifindex = (int)if_nametoindex(weir_target(node));
	if (!address.can_ifindex || bind(can->fd, (struct sockaddr *)&address, sizeof(address)))
		return weir_fail_device(node, weir_target(node), "bind to", errno, NULL);
	return 0;
}

/* --------------------------------------------------------------------- receive */

/* The kernel's count for this socket, which wraps. */
static void can_count_drops(struct can *can, struct weir_node *node)
{
	uint32_t memory[SK_MEMINFO_VARS], lost;
	socklen_t length = sizeof(memory);

	if (getsockopt(can->fd, SOL_SOCKET, SO_MEMINFO, memory, &length) || length < sizeof(memory))
		return;
	lost = memory[SK_MEMINFO_DROPS] - can->drops;
	can->drops = memory[SK_MEMINFO_DROPS];
	atomic_fetch_add_explicit(&can->dropped, lost, memory_order_relaxed);
	weir_lost(node, WEIR_LOST_DEVICE, lost);
}

static int can_fail(struct weir_node *node, int error)
{
	return weir_fail_device(node, weir_target(node), "receive on", error,
				error == ENETDOWN ? "the interface is down; ip link set can0 up type can bitrate 500000"
				: error == ENODEV ? "the interface was removed"
						  : NULL);
}

/* The kernel's stamp, else the time of arrival here. */
static int64_t can_time(const struct can *can, struct msghdr *header, int64_t now)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part && can->is_realtime; part = CMSG_NXTHDR(header, part)) {
		struct timespec stamp;

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
		return (int64_t)stamp.tv_sec * INT64_C(1000000000) + stamp.tv_nsec;
	}
	return now;
}

static int can_receive(struct can *can, struct weir_node *node)
{
	struct mmsghdr message[FRAMES] = { 0 };
	struct iovec part[FRAMES];
	union {
		char bytes[CMSG_SPACE(sizeof(struct timespec))];
		struct cmsghdr aligned;
	} control[FRAMES];
	int64_t now;
	int got;

	for (uint32_t i = 0; i < FRAMES; i++) {
		part[i] = (struct iovec){ &can->frame[i], sizeof(can->frame[i]) };
		message[i].msg_hdr = (struct msghdr){ .msg_iov = &part[i],
						      .msg_iovlen = 1,
						      .msg_control = &control[i],
						      .msg_controllen = sizeof(control[i].bytes) };
	}
	can->n = can->at = 0;
	got = recvmmsg(can->fd, message, FRAMES, 0, NULL);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	if (got < 0)
		return can_fail(node, errno);
	now = weir_now(weir_out(node)->clock);
	for (uint32_t i = 0; i < (uint32_t)got; i++) {
		if (message[i].msg_len != sizeof(can->frame[i]))
			return can_fail(node, EIO);
		can->t[i] = can_time(can, &message[i].msg_hdr, now);
	}
	can->n = (uint32_t)got;
	can_count_drops(can, node);
	return 0;
}

/* --------------------------------------------------------------------- records */

/* A report of the controller, which comes as a frame. */
static void can_take_report(struct weir_node *node, const struct can_frame *frame)
{
	struct can *can = weir_state(node);

	if (frame->can_id & CAN_ERR_CRTL && frame->data[1] & CAN_ERR_CRTL_RX_OVERFLOW) {
		atomic_fetch_add_explicit(&can->overflows, 1, memory_order_relaxed);
		weir_lost(node, WEIR_LOST_DEVICE, 1);
	}
	if (!(frame->can_id & CAN_ERR_BUSOFF) || can->has_warned)
		return;
	weir_warn(node,
		  "the controller of '%s' is off the bus after too many errors: check bit rate, wiring and termination",
		  weir_target(node));
	can->has_warned = true;
}

static void can_write_frame(const struct weir_schema *schema, const struct can_frame *frame, char *row)
{
	const int64_t integers[] = { frame->can_id & CAN_EFF_MASK, !!(frame->can_id & CAN_EFF_FLAG), frame->can_dlc };

	for (uint32_t i = 0; i < 3; i++)
		memcpy(row + schema->field[i].at, &integers[i], sizeof(integers[i]));
	for (uint32_t i = 0; i < CAN_MAX_DLEN; i++) {
		double byte = i < frame->can_dlc ? frame->data[i] : NAN;

		memcpy(row + schema->field[3 + i].at, &byte, sizeof(byte));
	}
}

static void can_take(struct weir_node *node, struct weir_rows *rows, const struct can_frame *frame, int64_t t)
{
	struct can *can = weir_state(node);
	const struct weir_schema *schema = weir_out(node);
	char *row = weir_rows_next(rows);

	if (frame->can_id & CAN_ERR_FLAG) {
		can_take_report(node, frame);
		return;
	}
	/* A request has a length and no data. */
	if (frame->can_id & CAN_RTR_FLAG)
		return;
	if (can->out_text && frame->can_dlc < can->format.least) {
		atomic_fetch_add_explicit(&can->too_short, 1, memory_order_relaxed);
		weir_lost(node, WEIR_LOST_CUT, 1);
		return;
	}
	memcpy(row + schema->t.at, &t, sizeof(t));
	if (can->out_text)
		weir_frame_write(&can->format, schema, frame->data, row);
	else
		can_write_frame(schema, frame, row);
	weir_rows_add(rows);
}

static int can_produce(struct weir_node *node, struct weir_rows *rows, struct weir_wait *wait)
{
	struct can *can = weir_state(node);
	int err = can->failed;

	*wait = (struct weir_wait){ .until_ns = INT64_MAX, .fd = can->fd };
	while (!err && weir_rows_next(rows)) {
		if (can->at < can->n) {
			can_take(node, rows, &can->frame[can->at], can->t[can->at]);
			can->at++;
		} else {
			err = rows->n ? -EAGAIN : can_receive(can, node);
		}
	}
	can->failed = err == -EAGAIN ? 0 : err;
	return rows->n ? 1 : err ? err : -EAGAIN;
}

/* ------------------------------------------------------------------------- end */

/* Drops behind the last frame. */
static void can_stop(struct weir_node *node)
{
	can_count_drops(weir_state(node), node);
}

static const char *can_how(const struct weir_node *node)
{
	struct can *can = weir_state(node);
	unsigned long long dropped = atomic_load_explicit(&can->dropped, memory_order_relaxed);
	unsigned long long overflows = atomic_load_explicit(&can->overflows, memory_order_relaxed);
	unsigned long long too_short = atomic_load_explicit(&can->too_short, memory_order_relaxed);

	if (!dropped && !overflows && !too_short)
		return NULL;
	snprintf(can->how, sizeof(can->how),
		 "%llu frames dropped by the socket's buffer, %llu overflows of the controller, %llu frames too short",
		 dropped, overflows, too_short);
	return can->how;
}

static void can_close(struct weir_node *node)
{
	struct can *can = weir_state(node);

	/* Zeroed state, of an open() that was never called, has no descriptor. */
	if (can->fd > 0)
		close(can->fd);
}

static const struct weir_source_ops source = {
	.state_bytes = sizeof(struct can),
	.open = can_open,
	.start = can_start,
	.produce = can_produce,
	.stop = can_stop,
	.close = can_close,
	.how = can_how,
	.devices = weir_can_tell_devices,
};

const struct weir_driver weir_sensor_can = {
	.name = "can",
	.doc = "frames of a CAN bus, all or those of one identifier",
	.target = "INTERFACE",
	.source_params = params,
	.source = &source,
};
