/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weir/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int weir_frames_open(struct weir_frames *frames, uint32_t channels, uint32_t size, uint32_t step)
{
	*frames = (struct weir_frames){ .size = size, .step = step, .channels = channels };
	frames->t = malloc(size * sizeof(*frames->t));
	frames->value = malloc((size_t)size * channels * sizeof(*frames->value));
	return frames->t && frames->value ? 0 : -ENOMEM;
}

void weir_frames_close(struct weir_frames *frames)
{
	free(frames->t);
	free(frames->value);
}

uint32_t weir_frames_add(struct weir_frames *frames, const struct weir_channels *channels,
			 const struct weir_block *block, uint32_t from)
{
	uint32_t n = block->n - from, room = frames->size - frames->n;

	if (frames->skip) {
		n = n < frames->skip ? n : frames->skip;
		frames->skip -= n;
		return n;
	}
	n = n < room ? n : room;
	memcpy(frames->t + frames->n, block->t + from, n * sizeof(*frames->t));
	for (uint32_t c = 0; c < frames->channels; c++)
		memcpy(frames->value + (size_t)c * frames->size + frames->n, channels->channel[c].x + from,
		       n * sizeof(*frames->value));
	frames->n += n;
	frames->fresh += n;
	return n;
}

bool weir_frames_full(const struct weir_frames *frames)
{
	return frames->n == frames->size;
}

const double *weir_frames_values(const struct weir_frames *frames, uint32_t channel)
{
	return frames->value + (size_t)channel * frames->size;
}

void weir_frames_advance(struct weir_frames *frames)
{
	uint32_t keep = frames->step < frames->size ? frames->size - frames->step : 0;

	frames->skip = frames->step > frames->size ? frames->step - frames->size : 0;
	frames->n = keep;
	frames->fresh = 0;
	if (!keep)
		return;
	memmove(frames->t, frames->t + frames->step, keep * sizeof(*frames->t));
	for (uint32_t c = 0; c < frames->channels; c++) {
		double *value = frames->value + (size_t)c * frames->size;

		memmove(value, value + frames->step, keep * sizeof(*value));
	}
}
