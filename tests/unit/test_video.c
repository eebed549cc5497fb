/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Cameras, without one: a driver of Video4Linux that the test plays itself, in front of memory that it writes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices/video_device.h"
#include "devices/video_picture.h"
#include "harness.h"
#include "skip.h"

#define STRIDE 96u
#define SLOT 65536u /* bytes from one buffer to the next */
#define QUEUE 64u

/* What the driver would know. A frame of `script` is shown for each buffer that is queued. */
static struct fake {
	uint32_t capabilities, fourcc, width, height;
	bool has_rate, changes_its_mind;
	struct v4l2_fract rate;
	bool streams;
	uint32_t n_buffers, queued[QUEUE], n_queued;
	const struct shot {
		uint32_t sequence, flags, bytes;
	} * script;
	uint32_t n_script, at;
} fake;

static struct weir_video video;
static char path[64];
static int memory;

static int fake_format(struct v4l2_format *format, bool sets)
{
	struct v4l2_pix_format *pix = &format->fmt.pix;

	pix->pixelformat = fake.fourcc;
	pix->width = fake.width;
	pix->height = fake.height + (sets && fake.changes_its_mind);
	pix->bytesperline = STRIDE;
	pix->sizeimage = STRIDE * pix->height;
	return 0;
}

static int fake_rate(struct v4l2_streamparm *parameters, bool sets)
{
	if (sets)
		fake.rate = parameters->parm.capture.timeperframe;
	parameters->parm.capture.capability = fake.has_rate ? V4L2_CAP_TIMEPERFRAME : 0;
	parameters->parm.capture.timeperframe = fake.rate;
	return 0;
}

static int fake_queue(const struct v4l2_buffer *buffer)
{
	assert_true(buffer->index < fake.n_buffers && fake.n_queued < fake.n_buffers);
	for (uint32_t i = 0; i < fake.n_queued; i++)
		assert_int_not_equal(fake.queued[i], buffer->index);
	fake.queued[fake.n_queued++] = buffer->index;
	return 0;
}

static int fake_dequeue(struct v4l2_buffer *buffer)
{
	const struct shot *shot = &fake.script[fake.at];

	assert_true(fake.streams);
	if (fake.at == fake.n_script || !fake.n_queued)
		return EAGAIN;
	fake.at++;
	buffer->index = fake.queued[0];
	fake.n_queued--;
	memmove(fake.queued, fake.queued + 1, fake.n_queued * sizeof(*fake.queued));
	buffer->sequence = shot->sequence;
	buffer->flags = shot->flags;
	buffer->bytesused = shot->bytes;
	buffer->timestamp.tv_sec = 7;
	buffer->timestamp.tv_usec = (long)fake.at;
	return 0;
}

static int fake_request(unsigned long request, void *argument)
{
	struct v4l2_capability *capability = argument;
	struct v4l2_fmtdesc *offer = argument;
	struct v4l2_buffer *buffer = argument;

	switch (request) {
	case VIDIOC_QUERYCAP:
		capability->capabilities = V4L2_CAP_DEVICE_CAPS;
		capability->device_caps = fake.capabilities;
		strcpy((char *)capability->card, "Fake Camera");
		return 0;
	case VIDIOC_ENUM_FMT:
		offer->pixelformat = fake.fourcc;
		return offer->index ? EINVAL : 0;
	case VIDIOC_G_FMT:
	case VIDIOC_TRY_FMT:
		return fake_format(argument, false);
	case VIDIOC_S_FMT:
		return fake_format(argument, true);
	case VIDIOC_G_PARM:
		return fake_rate(argument, false);
	case VIDIOC_S_PARM:
		return fake_rate(argument, true);
	case VIDIOC_REQBUFS:
		fake.n_buffers = ((struct v4l2_requestbuffers *)argument)->count;
		fake.n_queued = 0;
		return 0;
	case VIDIOC_QUERYBUF:
		buffer->length = SLOT;
		buffer->m.offset = buffer->index * SLOT;
		return 0;
	case VIDIOC_QBUF:
		return fake_queue(argument);
	case VIDIOC_DQBUF:
		return fake_dequeue(argument);
	case VIDIOC_STREAMON:
	case VIDIOC_STREAMOFF:
		fake.streams = request == VIDIOC_STREAMON;
		return 0;
	}
	return ENOTTY;
}

static int fake_ioctl(int fd, unsigned long request, void *argument)
{
	assert_int_equal(fd, video.fd);
	errno = fake_request(request, argument);
	return errno ? -1 : 0;
}

static int set_up(void **state)
{
	(void)state;
	fake = (struct fake){ .capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING,
			      .fourcc = V4L2_PIX_FMT_YUYV,
			      .width = 40,
			      .height = 30,
			      .has_rate = true,
			      .rate = { 1, 30 } };
	video = (struct weir_video){ .ask = fake_ioctl };
	memory = memfd_create("frames", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	return ftruncate(memory, (off_t)SLOT * WEIR_VIDEO_BUFFERS);
}

/* Whatever a test did, the device is left as it was found. */
static int tear_down(void **state)
{
	(void)state;
	weir_video_close(&video);
	close(memory);
	return fake.streams || fake.n_buffers;
}

static void begin(const struct shot *script, uint32_t n)
{
	fake.script = script;
	fake.n_script = n;
	assert_int_equal(weir_video_open(&video, path), 0);
	assert_int_equal(weir_video_agree(&video, NULL, 0, 0), 0);
	assert_int_equal(weir_video_start(&video, 0), 0);
}

/* ------------------------------------------------------------------- agreeing */

/* Only what captures video in one plane, and through shared buffers, is a camera. */
static void other_devices_are_refused(void **state)
{
	static const uint32_t others[] = { V4L2_CAP_META_CAPTURE | V4L2_CAP_STREAMING,
					   V4L2_CAP_VIDEO_CAPTURE_MPLANE | V4L2_CAP_STREAMING, V4L2_CAP_VIDEO_CAPTURE,
					   V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_STREAMING };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		fake.capabilities = others[i];
		assert_int_equal(weir_video_open(&video, path), -ENXIO);
		weir_video_close(&video);
	}
	fake.capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
	assert_int_equal(weir_video_open(&video, path), 0);
	assert_string_equal(video.card, "Fake Camera");
}

/* The format that the camera has is found, and no other is taken for it; its own distance of rows counts. */
static void formats_are_agreed_on(void **state)
{
	char offers[32];

	(void)state;
	fake.fourcc = V4L2_PIX_FMT_GREY;
	assert_int_equal(weir_video_open(&video, path), 0);
	assert_int_equal(weir_video_agree(&video, NULL, 0, 0), 0);
	assert_string_equal(video.shape.format->name, "grey");
	assert_int_equal(video.shape.stride, STRIDE);
	assert_int_equal(weir_video_agree(&video, &weir_video_formats[0], 0, 0), -EPROTONOSUPPORT);
	fake.fourcc = V4L2_PIX_FMT_MJPEG;
	assert_int_equal(weir_video_agree(&video, NULL, 0, 0), -EPROTONOSUPPORT);
	weir_video_offers(&video, offers, sizeof(offers));
	assert_string_equal(offers, "MJPG");
}

/* A rate is asked for as a fraction; a camera of one rate is not asked, and who wants another is told. */
static void rates_are_set_where_there_are_any(void **state)
{
	(void)state;
	assert_int_equal(weir_video_open(&video, path), 0);
	assert_int_equal(weir_video_agree(&video, NULL, 0, 0), 0);
	assert_int_equal(weir_video_start(&video, 12.5), 0);
	assert_true(video.rate_hz == 12.5);
	weir_video_stop(&video);
	fake.has_rate = false;
	assert_int_equal(weir_video_start(&video, 12.5), -EOPNOTSUPP);
	assert_string_equal(video.operation, "set the rate");
	weir_video_stop(&video);
	assert_int_equal(weir_video_start(&video, 0), 0);
}

/* A camera that gives something else than what was agreed on is not read. */
static void another_size_than_agreed_is_an_error(void **state)
{
	(void)state;
	fake.changes_its_mind = true;
	assert_int_equal(weir_video_open(&video, path), 0);
	assert_int_equal(weir_video_agree(&video, NULL, 0, 0), 0);
	assert_int_equal(weir_video_start(&video, 0), -EPROTO);
}

/* --------------------------------------------------------------------- frames */

#define SHOTS 5000u

static bool is_good(const struct shot *shot)
{
	return !(shot->flags & V4L2_BUF_FLAG_ERROR) && shot->bytes >= STRIDE * 30;
}

/* Whatever numbers a driver skips and whatever it damages, across the wrap of its counter: each good frame comes once, in order, and
 * all others from the first one on are counted, to the last. */
static void frames_and_losses_add_up(void **state)
{
	static struct shot script[SHOTS];
	uint64_t random = 1, lost = 0, expected = 0;
	uint32_t sequence = UINT32_MAX - 2000, k = 0;
	struct weir_video_frame frame;

	(void)state;
	for (uint32_t i = 0; i < SHOTS; i++) {
		uint32_t gap = i && !harness_below(&random, 10) ? harness_below(&random, 1000) : 0;
		bool is_damaged = !harness_below(&random, 20), is_short = !harness_below(&random, 20);

		sequence += 1 + gap;
		script[i] = (struct shot){ sequence, is_damaged ? V4L2_BUF_FLAG_ERROR : 0, STRIDE * 30 - is_short };
		expected += gap + (is_damaged || is_short);
	}
	begin(script, SHOTS);
	while (!weir_video_take(&video, &frame)) {
		while (!is_good(&script[k]))
			k++;
		assert_int_equal(frame.sequence, script[k++].sequence);
		lost += frame.lost;
		assert_int_equal(weir_video_give(&video, &frame), 0);
	}
	lost += frame.lost;
	assert_int_equal(fake.at, SHOTS);
	assert_int_equal(lost, expected);
	assert_int_equal(fake.n_queued, fake.n_buffers);
}

/* A driver that begins to count anew has lost nothing. */
static void counting_anew_is_no_loss(void **state)
{
	static const struct shot script[] = { { 500, 0, SLOT }, { 3, 0, SLOT }, { 3, 0, SLOT } };
	struct weir_video_frame frame;

	(void)state;
	begin(script, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(weir_video_take(&video, &frame), 0);
		assert_int_equal(frame.lost, 0);
		assert_int_equal(weir_video_give(&video, &frame), 0);
	}
	assert_int_equal(weir_video_take(&video, &frame), -EAGAIN);
}

/* The driver's monotonic time is taken, to the microsecond that it has; any other clock's is not. */
static void times_are_of_the_monotonic_clock(void **state)
{
	static const struct shot script[] = { { 0, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_TSTAMP_SRC_SOE,
						SLOT },
					      { 1, V4L2_BUF_FLAG_TIMESTAMP_UNKNOWN, SLOT } };
	int64_t before = weir_now(WEIR_CLOCK_MONOTONIC);
	struct weir_video_frame frame;

	(void)state;
	begin(script, 2);
	assert_int_equal(weir_video_take(&video, &frame), 0);
	assert_int_equal(frame.t_ns, 7000001000);
	assert_int_equal(weir_video_take(&video, &frame), 0);
	assert_true(frame.t_ns >= before && frame.t_ns <= weir_now(WEIR_CLOCK_MONOTONIC));
}

/* Frames are read where the driver has written them. */
static void frames_are_those_of_the_buffer(void **state)
{
	static const struct shot script[] = { { 0, 0, SLOT }, { 1, 0, SLOT }, { 2, 0, SLOT }, { 3, 0, SLOT } };
	struct weir_video_frame frame;

	(void)state;
	for (unsigned int i = 0; i < WEIR_VIDEO_BUFFERS; i++)
		assert_int_equal(pwrite(memory, &(uint8_t){ (uint8_t)(10 + i) }, 1, (off_t)SLOT * i), 1);
	begin(script, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(weir_video_take(&video, &frame), 0);
		assert_int_equal(frame.bytes[0], 10 + frame.index);
	}
	assert_int_equal(weir_video_take(&video, &frame), -EAGAIN);
}

/* ------------------------------------------------------------------- pictures */

static struct weir_video_shape random_shape(uint64_t *random)
{
	const struct weir_video_format *format = &weir_video_formats[harness_below(random, 3)];
	uint32_t width = (1 + harness_below(random, 60)) * format->step, height = 1 + harness_below(random, 60);

	return (struct weir_video_shape){ .format = format,
					  .width = width,
					  .height = height,
					  .stride = width * format->step + harness_below(random, 9) };
}

static uint8_t *random_frame(struct weir_video_shape *shape, uint64_t *random)
{
	uint8_t *bytes;

	shape->bytes = shape->stride * shape->height;
	bytes = malloc(shape->bytes);
	for (uint32_t i = 0; i < shape->bytes; i++)
		bytes[i] = (uint8_t)harness_random(random);
	return bytes;
}

static double brightness_at(const struct weir_video_shape *shape, const uint8_t *bytes, uint32_t x, uint32_t y)
{
	return bytes[y * shape->stride + x * shape->format->step + shape->format->luma];
}

/* Each pixel is in the one cell that its place says: against a model that asks every pixel where it belongs. */
static void cells_are_means_of_their_pixels(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (unsigned int trial = 0; trial < 300; trial++) {
		struct weir_video_shape shape = random_shape(&random);
		uint8_t *bytes = random_frame(&shape, &random);
		uint32_t columns = 1 + harness_below(&random, shape.width),
			 rows = 1 + harness_below(&random, shape.height);
		double *cell = malloc(columns * rows * sizeof(*cell)), *sum = calloc(columns * rows, sizeof(*sum)),
		       all = 0;
		uint32_t *n = calloc(columns * rows, sizeof(*n));
		double mean = weir_video_cells(&shape, bytes, columns, rows, cell);

		for (uint32_t x = 0; x < shape.width; x++)
			for (uint32_t y = 0; y < shape.height; y++) {
				uint32_t k = ((y + 1) * rows - 1) / shape.height * columns +
					     ((x + 1) * columns - 1) / shape.width;

				sum[k] += brightness_at(&shape, bytes, x, y);
				all += brightness_at(&shape, bytes, x, y);
				n[k]++;
			}
		for (uint32_t k = 0; k < columns * rows; k++)
			assert_true(cell[k] == sum[k] / n[k]);
		assert_true(mean == all / (shape.width * shape.height));
		free(bytes);
		free(cell);
		free(sum);
		free(n);
	}
}

/* A grey picture is the brightness of each pixel behind a header that says its size. */
static void grey_pictures_are_the_brightness(void **state)
{
	uint64_t random = 3;
	struct weir_video_shape shape = { &weir_video_formats[2], 37, 11, 40, 0 };
	uint8_t *bytes = random_frame(&shape, &random), *picture = malloc(weir_video_picture_max(&shape));
	size_t n = weir_video_encode(&shape, bytes, picture);

	(void)state;
	assert_int_equal(n, strlen("P5\n37 11\n255\n") + 37 * 11);
	assert_memory_equal(picture, "P5\n37 11\n255\n", 13);
	for (uint32_t y = 0; y < 11; y++)
		assert_memory_equal(picture + 13 + y * 37, bytes + y * 40, 37);
	free(bytes);
	free(picture);
}

/* Colours of which BT.601 says what they are, in both orders of the bytes. */
static void colours_are_those_of_the_standard(void **state)
{
	static const struct {
		uint8_t y, blue, red, rgb[3];
	} known[] = { { 16, 128, 128, { 0, 0, 0 } },   { 235, 128, 128, { 255, 255, 255 } },
		      { 81, 90, 240, { 255, 0, 0 } },  { 145, 54, 34, { 0, 255, 1 } },
		      { 41, 240, 110, { 0, 0, 255 } }, { 126, 128, 128, { 128, 128, 128 } },
		      { 0, 128, 128, { 0, 0, 0 } },    { 255, 128, 128, { 255, 255, 255 } } };

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		for (unsigned int k = 0; k < 2; k++) {
			uint8_t y = known[i].y, blue = known[i].blue, red = known[i].red, picture[128];
			uint8_t yuyv[] = { y, blue, y, red }, uyvy[] = { blue, y, red, y };
			struct weir_video_shape shape = { &weir_video_formats[k], 2, 1, 4, 4 };
			size_t n = weir_video_encode(&shape, k ? uyvy : yuyv, picture);

			assert_int_equal(n, strlen("P6\n2 1\n255\n") + 6);
			for (unsigned int j = 0; j < 6; j++)
				assert_true(abs(picture[n - 6 + j] - known[i].rgb[j % 3]) <= 1);
		}
}

static unsigned int count_files(const char *dir)
{
	DIR *stream = opendir(dir);
	unsigned int n = 0;

	for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream))
		n += *entry->d_name != '.';
	closedir(stream);
	return n;
}

/* The newest few pictures are there, whole, under the number of their frame; whoever has an old one open keeps it; in the end none
 * is left. */
static void albums_keep_the_newest(void **state)
{
	struct weir_video_shape shape = { &weir_video_formats[2], 2, 2, 2, 4 };
	char dir[] = "/tmp/weir-video-XXXXXX", name[64], album_dir[40], expected[80], content[32];
	struct weir_video_frame frame = { .bytes = (const uint8_t *)"abcd" };
	struct weir_video_album *album;
	FILE *oldest = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(album_dir, sizeof(album_dir), "%s/new", dir);
	assert_int_equal(weir_video_album_open(&album, album_dir, 3, &shape), 0);
	for (frame.sequence = 5; frame.sequence < 15; frame.sequence++) {
		assert_int_equal(weir_video_album_add(album, &frame, name), 0);
		snprintf(expected, sizeof(expected), "%s/frame-%010u.pgm", album_dir, frame.sequence);
		assert_string_equal(name, expected);
		assert_int_equal(access(name, R_OK), 0);
		assert_int_equal(count_files(album_dir), frame.sequence < 8 ? frame.sequence - 4 : 3);
		if (!oldest)
			oldest = fopen(name, "r");
	}
	assert_int_equal(fread(content, 1, sizeof(content), oldest), 15);
	assert_memory_equal(content, "P5\n2 2\n255\nabcd", 15);
	fclose(oldest);
	weir_video_album_close(album);
	assert_int_equal(count_files(album_dir), 0);
	assert_int_equal(rmdir(album_dir), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* ---------------------------------------------------------------------- names */

/* A camera answers to its path, its number, the driver's name for it and that of sysfs; two of one name are told apart by neither. */
static void cameras_are_found_by_name(void **state)
{
	static const struct weir_video_entry list[] = {
		{ "/dev/video0", "HD Webcam", "HD Webcam: HD Webcam" },
		{ "/dev/video2", "bcm2835-isp", "twin" },
		{ "/dev/video12", "another", "twin" },
	};
	static const struct {
		const char *word;
		int err;
		const char *path;
	} cases[] = {
		{ "/dev/v4l/by-id/x", 0, "/dev/v4l/by-id/x" },
		{ "video2", 0, "/dev/video2" },
		{ "12", 0, "/dev/video12" },
		{ "HD Webcam", 0, "/dev/video0" },
		{ "another", 0, "/dev/video12" },
		{ "twin", -ENOTUNIQ, NULL },
		{ "1", -ENOENT, NULL },
		{ "", -ENOENT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char found[WEIR_VIDEO_PATH];

		assert_int_equal(weir_video_find(list, 3, cases[i].word, found), cases[i].err);
		if (!cases[i].err)
			assert_string_equal(found, cases[i].path);
	}
	assert_int_equal(weir_video_list("/nowhere", NULL, 0), 0);
}

/* What is wrong with the program is told with or without a camera; what is no camera is named. */
static void mistakes_are_told(void **state)
{
	(void)state;
	harness_expect_refusal("v4l2:/dev/null size=320", NULL, "'320' is not WIDTHxHEIGHT");
	harness_expect_refusal("v4l2:/dev/null size=320x", NULL, "as in size=640x480");
	harness_expect_refusal("v4l2:/dev/null size=0x5", NULL, "'0x5' is not WIDTHxHEIGHT");
	harness_expect_refusal("v4l2:/dev/null grid=8x6x2", NULL, "'8x6x2' is not WIDTHxHEIGHT");
	harness_expect_refusal("v4l2:no-such-camera", NULL, "cannot find the camera");
}

/* An emulator of programs passes on only the calls that it knows. */
static void other_files_are_refused(void **state)
{
	struct v4l2_capability capability;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC), err = ioctl(fd, VIDIOC_QUERYCAP, &capability) ? errno : 0;

	(void)state;
	close(fd);
	if (err == ENOSYS)
		skip_because("this emulator does not pass on the calls of video devices");
	harness_expect_refusal("v4l2:/dev/null", NULL, "it is no video device");
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FAKE(other_devices_are_refused),
		WITH_FAKE(formats_are_agreed_on),
		WITH_FAKE(rates_are_set_where_there_are_any),
		WITH_FAKE(another_size_than_agreed_is_an_error),
		WITH_FAKE(frames_and_losses_add_up),
		WITH_FAKE(counting_anew_is_no_loss),
		WITH_FAKE(times_are_of_the_monotonic_clock),
		WITH_FAKE(frames_are_those_of_the_buffer),
		cmocka_unit_test(cells_are_means_of_their_pixels),
		cmocka_unit_test(grey_pictures_are_the_brightness),
		cmocka_unit_test(colours_are_those_of_the_standard),
		cmocka_unit_test(albums_keep_the_newest),
		cmocka_unit_test(cameras_are_found_by_name),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests_name("video", tests, NULL, NULL);
}
