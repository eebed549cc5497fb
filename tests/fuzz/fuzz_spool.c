/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A spool's directory with files of any bytes: acknowledgements and segments. Half of them have right checksums, so that what
 * lies behind those is met too. Opening succeeds or says why, ids only grow, counts add up, and new messages come out whole.
 */
#include <errno.h>

#include "spool/spool_internal.h"
#include "spool/spool_memory.h"

#include "input.h"

#define RUNS 4000
#include "standalone.h"

#define ACK_BYTES 64
#define ACK_SLOT 4096
#define FILES 6
#define LIMIT_BYTES (1 << 20)

static uint64_t take64(struct input *input)
{
	uint8_t bytes = take_byte(input) % 9;
	uint64_t value = 0;

	take(input, &value, bytes);
	return value;
}

static int spool_create(const struct weir_spool_io *io, const char *name)
{
	int fd = io->create(io->context, name);

	if (fd < 0)
		abort();
	return fd;
}

static void spool_write(const struct weir_spool_io *io, int fd, const void *bytes, uint32_t n, uint64_t *at)
{
	if (io->write(io->context, fd, bytes, n, *at) < 0)
		abort();
	*at += n;
}

static void make_acks(const struct weir_spool_io *io, struct input *input)
{
	uint8_t how = take_byte(input), slot[ACK_BYTES] = { 0 };
	uint64_t at = 0;
	int fd = spool_create(io, "ack");

	for (int i = 0; i < 2; i++, at = ACK_SLOT) {
		memcpy(slot, "weirack1", 8);
		weir_spool_put64(slot + 8, 7);
		for (uint32_t field = 16; field <= 32; field += 8)
			weir_spool_put64(slot + field, how & 2 ? take64(input) : UINT64_C(1) << 40 | take_byte(input));
		weir_spool_put32(slot + ACK_BYTES - 4, weir_spool_crc(slot, ACK_BYTES - 4));
		slot[take_byte(input) % ACK_BYTES] ^= how & 1 ? take_byte(input) : 0;
		spool_write(io, fd, slot, ACK_BYTES, &at);
	}
	io->close(io->context, fd);
}

/* A frame of the next id; now and then of another id, with another length, or damaged. */
static void make_frame(const struct weir_spool_io *io, int fd, struct input *input, uint64_t *id, uint64_t *at)
{
	uint8_t frame[WEIR_SPOOL_FRAME + UINT8_MAX], how = take_byte(input), n = take_byte(input);

	if (how >= 240)
		*id = take64(input);
	else if (how >= 200)
		*id += take_byte(input);
	take(input, frame + WEIR_SPOOL_FRAME, n);
	weir_spool_put32(frame + 4, n);
	weir_spool_seal(frame, (*id)++);
	if (how % 16 == 1)
		weir_spool_put32(frame + 4, (uint32_t)take64(input));
	if (how % 16 == 2)
		frame[take_byte(input) % WEIR_SPOOL_FRAME] ^= take_byte(input);
	spool_write(io, fd, frame, how % 16 == 3 ? take_byte(input) % WEIR_SPOOL_FRAME : WEIR_SPOOL_FRAME + n, at);
}

static void make_segment(const struct weir_spool_io *io, struct input *input)
{
	uint8_t how = take_byte(input), header[WEIR_SPOOL_HEADER] = { 0 };
	uint64_t first = how & 1 ? take64(input) : (UINT64_C(1) << 40) + take_byte(input), id = first, at = 0;
	char name[WEIR_SPOOL_NAME];
	int fd;

	weir_spool_name(name, first);
	fd = spool_create(io, name);
	weir_spool_put64(header, WEIR_SPOOL_SEGMENT_MAGIC);
	weir_spool_put64(header + 8, 7);
	weir_spool_put64(header + 16, first);
	weir_spool_put32(header + 24, weir_spool_crc(header, 24));
	header[take_byte(input) % sizeof(header)] ^= how & 2 ? take_byte(input) : 0;
	spool_write(io, fd, header, sizeof(header), &at);
	for (uint32_t n = how >> 4; n; n--)
		make_frame(io, fd, input, &id, &at);
	io->close(io->context, fd);
}

static void check_counts(struct weir_spool *spool, const struct weir_spool_counts *opened)
{
	struct weir_spool_counts counts;
	uint64_t lost;

	weir_spool_read_counts(spool, &counts);
	lost = counts.lost_limit + counts.lost_disk + counts.lost_corrupt;
	if (opened->waiting + opened->lost_corrupt < opened->waiting || opened->waiting > opened->recovered)
		abort();
	/* A message is in one place. */
	if (counts.acknowledged + counts.waiting + lost != counts.recovered + counts.appended)
		abort();
}

static void work_off(struct weir_spool *spool, const struct weir_spool_counts *opened)
{
	struct weir_spool_message message;
	uint64_t last = 0;
	bool has_come = false;
	int64_t due;

	for (int i = 0; i < 200; i++) {
		if (i == 20) {
			if (weir_spool_append(spool, "hello", 5) || weir_spool_commit(spool))
				abort();
			weir_spool_work(spool, true);
		}
		if (weir_spool_peek(spool, &message, INT64_C(1000000000) * i, &due))
			continue;
		if (message.id <= last || message.n > WEIR_SPOOL_MESSAGE_MAX)
			abort();
		last = message.id;
		has_come |= message.n == 5 && !memcmp(message.bytes, "hello", 5);
		if (i % 2)
			weir_spool_ack(spool, message.id);
	}
	if (!has_come)
		abort();
	weir_spool_ack(spool, last);
	weir_spool_work(spool, true);
	check_counts(spool, opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct weir_spool_io io;
	struct weir_spool_config config = {
		.dir = "", .limit_bytes = LIMIT_BYTES, .policy = WEIR_SPOOL_DROP_OLDEST, .io = &io, .manual = true
	};
	struct weir_spool_counts opened;
	struct weir_spool *spool;
	char error[256] = "";

	if (weir_spool_memory_open(&io))
		abort();
	if (take_byte(&input) % 4)
		make_acks(&io, &input);
	for (int i = 0; i < FILES && input.size > 1; i++)
		make_segment(&io, &input);
	if (!weir_spool_open(&spool, &config, error)) {
		weir_spool_read_counts(spool, &opened);
		work_off(spool, &opened);
		weir_spool_close(spool);
	} else if (!*error)
		abort();
	weir_spool_memory_close(&io);
	return 0;
}

static const char *const words[] = {
	"\1",
	"\2",
	"\3",
	"\4",
	"\20",
	"\60",
	"\360",
	"\377",
	"\10\377\377\377\377\377\377\377\377",
	"\6\1\1\1\1\1\1",
	"\310\5hello",
	"\5hello",
	"hello",
};

FUZZER(words)
