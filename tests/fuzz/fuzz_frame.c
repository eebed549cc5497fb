/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as binary frames, and any text as their description. The first byte chooses one of the descriptions, or takes the four
 * lines that follow as one. The frames that are found are the same however the bytes are cut, do not overlap, have their header and
 * all that is read of them.
 */
#include <stdlib.h>

#include "devices/serial_frame.h"
#include "input.h"

#define RUNS 20000
#include "standalone.h"

#define FRAMES_MAX 4096
#define TEXT_MAX 256

static const char *const descriptions[][4] = {
	{ "42 4d", "u16be@2+4", "sum16", "pm1=u16be@4, pm25=u16be@6" },
	{ "42", "4", "none", "a=u8@1, b=s16le@2" },
	{ "aa c0", "10", "sum8@8:2", "pm25=u16le@2*0.1" },
	{ "59 59", "9", "xor8", "cm=u16le@2, f=f32be@3" },
	{ "01 03", "u8@2+5", "crc16", "celsius=s16be@3*0.1" },
	{ "00 00 00", "u32le@3", "neg8@8:1", "n=u8@7" },
	{ "61", "u8@1", "sum16le", "x=s32be@2" },
};

#define N_DESCRIPTIONS (sizeof(descriptions) / sizeof(*descriptions))

/** Where frames were found. */
struct found {
	size_t at[FRAMES_MAX], length[FRAMES_MAX];
	size_t n, wrong;
};

static void add(struct found *found, size_t at, size_t length)
{
	if (found->n < FRAMES_MAX) {
		found->at[found->n] = at;
		found->length[found->n] = length;
	}
	found->n++;
}

/* As the driver does: `step` bytes more at a time. */
static void search(const struct weir_frame_format *format, const uint8_t *bytes, size_t size, size_t step,
		   struct found *found)
{
	size_t begin = 0, end = 0;

	*found = (struct found){ .n = 0 };
	while (end < size) {
		enum weir_frame_result result;

		end = size - end < step ? size : end + step;
		do {
			/* In memory of its own size, so that a byte behind it is noticed. */
			uint8_t *copy = malloc(end - begin ? end - begin : 1);
			size_t skip, length;

			memcpy(copy, bytes + begin, end - begin);
			result = weir_frame_find(format, copy, end - begin, &skip, &length);
			free(copy);
			if (skip + length > end - begin || (length > 0) != (result == WEIR_FRAME_WHOLE))
				abort();
			if (result == WEIR_FRAME_WHOLE)
				add(found, begin + skip, length);
			found->wrong += result == WEIR_FRAME_CHECKSUM || result == WEIR_FRAME_LENGTH;
			begin += skip + length;
		} while (result != WEIR_FRAME_PART);
	}
}

static void check_frames(const struct weir_frame_format *format, const struct weir_schema *schema, const uint8_t *bytes,
			 const struct found *found)
{
	char row[WEIR_ROW_MAX];

	for (size_t i = 0; i < found->n && i < FRAMES_MAX; i++) {
		uint8_t *frame = malloc(found->length[i]);

		if (i && found->at[i] < found->at[i - 1] + found->length[i - 1])
			abort();
		memcpy(frame, bytes + found->at[i], found->length[i]);
		if (found->length[i] < format->least || memcmp(frame, format->header, format->n_header))
			abort();
		weir_frame_write(format, schema, frame, row);
		free(frame);
	}
}

static void check_cuts(const struct weir_frame_format *format, const struct weir_schema *schema, const uint8_t *bytes,
		       size_t size)
{
	static struct found whole, cut;

	search(format, bytes, size, size, &whole);
	check_frames(format, schema, bytes, &whole);
	for (size_t step = 1; step < 20; step += 6) {
		search(format, bytes, size, step, &cut);
		if (memcmp(&whole, &cut, sizeof(whole)))
			abort();
	}
}

/* Four lines of the input. */
static void take_texts(struct input *input, char text[4][TEXT_MAX], const char *texts[4])
{
	for (int i = 0; i < 4; i++) {
		size_t n = 0;
		char byte;

		while (input->size && (byte = (char)take_byte(input)) && byte != '\n')
			if (n < TEXT_MAX - 1)
				text[i][n++] = byte;
		text[i][n] = '\0';
		texts[i] = text[i];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t which = take_byte(&input);
	const char *texts[4], *wrong;
	char text[4][TEXT_MAX], why[WEIR_FRAME_WHY];
	struct weir_frame_format format;
	struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_MONOTONIC);
	if (which % (N_DESCRIPTIONS + 1) == N_DESCRIPTIONS)
		take_texts(&input, text, texts);
	else
		memcpy(texts, descriptions[which % (N_DESCRIPTIONS + 1)], sizeof(texts));
	if (weir_frame_parse(&format, &schema, texts, &wrong, why)) {
		if (which % (N_DESCRIPTIONS + 1) != N_DESCRIPTIONS || !*why || !*wrong)
			abort();
		return 0;
	}
	if (input.size && input.size < 4096)
		check_cuts(&format, &schema, input.data, input.size);
	return 0;
}

/* clang-format off */
static const char *const words[] = {
	"\x42\x4d", "\xaa\xc0", "\x59\x59", "\x01\x03\x02", "\x42\x4d\x01\x02\x96", "aa", "ab", "\x07", "\x0f", "42 4d\n", "00\n", "u16be@2+4\n", "u8@1\n",
	"32\n", "4\n", "none\n", "sum8\n", "sum8@8:2\n", "crc16\n", "neg8@3\n", "a=u8@1\n", "a=u16le@1*0.5, b=f32be@3\n", "*1e400", "@4294967296", "u32le@1020\n",
	"\x01\x03\x02\xff\xff\xff\xff", "a\x06\xff\xff\xff\xff",
};
/* clang-format on */

FUZZER(words)
