/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A publisher of any bytes: what it answers, the memory that comes with it, and what stands in that memory while it is read. The
 * input patches an answer that would be right, so that what lies behind the first checks is met too. Reading ends, and never leaves
 * what was mapped.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "share/tap_internal.h"

#define RUNS 20000
#include "input.h"
#include "standalone.h"

#define CAPACITY 256
#define TEXT                                                                                                           \
	"{\"clock\":\"nominal\",\"order\":\"little\",\"fields\":[{\"name\":\"value\",\"kind\":\"int\",\"unit\":\"\"}]" \
	"}"
#define HEAD sizeof(struct weir_share_welcome)
#define MESSAGE (HEAD + INPUT_MAX)

static int make_memory(size_t bytes, bool sealed)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0 ||
	    (sealed && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0))
		abort();
	return fd;
}

static size_t make_message(struct input *input, char *message, size_t page)
{
	struct weir_share_welcome welcome = {
		.magic = WEIR_SHARE_MAGIC,
		.version = WEIR_SHARE_VERSION,
		.policy = WEIR_SHARE_DROP_OLDEST,
		.row_bytes = 16,
		.capacity = CAPACITY,
		.rows_at = page,
	};
	uint8_t how = take_byte(input) % 16, patches = take_byte(input) % 4;
	size_t text = sizeof(TEXT) - 1, at;

	take(input, &welcome.start_at, 8);
	take(input, &welcome.read_from, 8);
	memcpy(message + HEAD, TEXT, text);
	if (how < 6) { /* all the rest is the schema */
		text = input->size < INPUT_MAX ? input->size : INPUT_MAX;
		take(input, message + HEAD, text);
	}
	welcome.text_bytes = (uint32_t)text;
	memcpy(message, &welcome, HEAD);
	while (how % 3 == 1 && patches--) {
		at = take_byte(input) % (HEAD + 16);
		message[at] = (char)take_byte(input);
	}
	return how == 15 ? take_byte(input) : HEAD + text;
}

static void read_some(struct input *input, struct weir_tap *tap, struct weir_share_front *front, uint32_t capacity)
{
	volatile uint64_t sum = 0;

	for (int i = 0; i < 20; i++) {
		uint64_t head, reserved;
		uint32_t n;
		const uint8_t *rows;

		take(input, &head, take_byte(input) % 9);
		take(input, &reserved, take_byte(input) % 9);
		atomic_store(&front->head, weir_tap_position(tap) + head);
		atomic_store(&front->reserved, weir_tap_position(tap) + reserved);
		atomic_store(&front->end, take_byte(input) % 4);
		rows = weir_tap_peek(tap, UINT32_MAX, &n);
		if (n > capacity)
			abort();
		for (size_t at = 0; at < (size_t)n * weir_tap_row_bytes(tap); at++)
			sum += rows[at];
		if (weir_tap_release(tap, take_byte(input) % 2 ? n : UINT32_MAX) > n || weir_tap_wait(tap, 0) > 1)
			abort();
	}
	(void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char message[MESSAGE];
	struct input input = { data, size };
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes;
	uint8_t how = take_byte(&input) % 32;
	int fds[2] = { make_memory(page + CAPACITY * 16 - (how == 31), how != 30), make_memory(page, how != 29) };
	struct weir_share_front *front = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	char why[WEIR_TAP_WHY];
	struct weir_tap *tap;

	if (front == MAP_FAILED)
		abort();
	bytes = make_message(&input, message, page);
	if (!weir_tap_admit(&tap, -1, message, bytes, fds, 2, why))
		read_some(&input, tap, front, CAPACITY * 16 / weir_tap_row_bytes(tap));
	weir_tap_close(tap);
	munmap(front, page);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static const char *const words[] = {
	"\1",
	"\2",
	"\3",
	"\10",
	"\377\377\377\377",
	"\20\20\20\20\20",
	"        ",
	"{\"clock\":\"monotonic\",\"order\":\"little\",\"fields\":[{\"name\":\"x\",\"kind\":\"real\",\"unit\":"
	"\"\"}]}",
	"{\"clock\":\"nominal\",\"order\":\"little\",\"fields\":[",
	"{\"name\":\"b\",\"kind\":\"text\",\"unit\":\"\",\"bytes\":9}",
	"]}",
};

FUZZER(words)
