// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Plugs a HID sensor into the guest and plays waveforms into it.
 *
 * Feeding starts when a reader has enabled the IIO buffer, so nothing is fed
 * that nobody could see: the buffer's "enable" is 1 early in that, the HID
 * reporting state is set late, and both are waited for, and then until the
 * driver has read what it reads last. After the last sample
 * the device stays, or a reader would lose what it has yet to read.
 */

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>

#include "clock.h"
#include "hid_device.h"
#include "wave.h"

#define LOG_FLUSH 256      /* samples */
#define SETTLE_NS 50000000 /* from the driver's last report to the first sample */
#define NOT_BACKGROUND -2

struct options {
	double rate;       /* per second, 0: flat out, negative: as the driver asks */
	uint64_t count;    /* 0: endless */
	const char *start; /* open, now, or file:PATH */
	double linger;     /* seconds after the last sample, negative: for ever */
	FILE *log, *poll_log;
	int background;
	const char *wave[HID_AXES];
};

struct player {
	struct wave wave[HID_AXES];
	pthread_mutex_t lock; /* guards what follows */
	int32_t last[HID_AXES];
	int feeding;
	uint64_t polls, plugged_ns;
	FILE *poll_log;
};

static volatile sig_atomic_t stop;

static void usage(FILE *out)
{
	fputs("usage: hid_sensor [OPTION]...\n"
	      "  -d accel|gyro|als|temp  the sensor (accel)\n"
	      "  -r RATE|auto   samples per second, 0 as fast as possible, auto as\n"
	      "                 sampling_frequency is set (100)\n"
	      "  -n COUNT       samples, 0 without end (0)\n"
	      "  -x -y -z WAVE  seq const:V sine:HZ,AMP[,OFFSET] square:HZ,AMP[,OFFSET]\n"
	      "                 step:T,BEFORE,AFTER noise:AMP[,SEED] file:PATH[:COL]\n"
	      "                 burst:PERIOD_S,ON_S,HZ,AMP_QUIET,AMP_SHAKING[,OFFSET]\n"
	      "                 in raw units: mg, mdeg/s, lux, 0.01 C (-x seq, others const:0)\n"
	      "  --start WHEN   open: a reader enabled the buffer (default); now;\n"
	      "                 file:PATH exists\n"
	      "  --linger S     keep the device S seconds after the last sample (for ever)\n"
	      "  --log FILE     CSV of what was fed: index,x,y,z\n"
	      "  --poll-log FILE  the same of what polled reads were answered\n"
	      "  --background   return when the device is there; prints, as without it,\n"
	      "                 \"ready NAME IIO_DEVICE PID\"\n",
	      out);
}

static void sample(struct player *p, uint64_t index, double t, int32_t value[HID_AXES])
{
	for (int i = 0; i < HID_AXES; i++)
		value[i] = wave_at(&p->wave[i], index, t);
}

/* Whoever kills the feeder still finds most of what it fed. */
static void log_sample(FILE *log, uint64_t index, const int32_t v[HID_AXES])
{
	if (!log)
		return;
	fprintf(log, "%" PRIu64 ",%d,%d,%d\n", index, v[0], v[1], v[2]);
	if (index % LOG_FLUSH == LOG_FLUSH - 1)
		fflush(log);
}

/* A polled read sees the last sample fed or, between feeds, the waveform. */
static void answer_poll(void *data, int32_t value[HID_AXES])
{
	struct player *p = data;

	pthread_mutex_lock(&p->lock);
	if (!p->feeding)
		sample(p, p->polls, (clock_now_ns() - p->plugged_ns) * 1e-9, p->last);
	memcpy(value, p->last, sizeof(p->last));
	log_sample(p->poll_log, p->polls++, value);
	pthread_mutex_unlock(&p->lock);
}

static int buffer_enabled(const char *iio)
{
	char path[600];
	FILE *file;
	int c;

	snprintf(path, sizeof(path), "%s/buffer/enable", iio);
	file = fopen(path, "r");
	if (!file)
		return 0;
	c = fgetc(file);
	fclose(file);
	return c == '1';
}

/*
 * The driver begins by writing reports and ends by reading one. While the kernel takes in what was read it refuses input
 * (hid_input_report() only tries its lock), and nobody would know that samples are missing.
 */
static int is_settled(struct hid_device *dev)
{
	uint64_t answered_ns = dev->answered_ns;

	return answered_ns && clock_now_ns() - answered_ns >= SETTLE_NS;
}

static int may_start(struct hid_device *dev, const char *when, const char *iio)
{
	if (!strncmp(when, "file:", 5))
		return !access(when + 5, F_OK);
	if (!strcmp(when, "now"))
		return 1;
	return dev->reporting == HID_ALL_EVENTS && buffer_enabled(iio) && is_settled(dev);
}

static double rate_of(const struct options *o, struct hid_device *dev)
{
	unsigned int interval_ms = dev->interval_ms;

	if (o->rate >= 0)
		return o->rate;
	return interval_ms ? 1000.0 / interval_ms : 0;
}

/* Sends one sample and remembers it. Returns 0 or -errno. */
static int feed_one(struct player *p, struct hid_device *dev, const struct options *o, uint64_t index, double t)
{
	int32_t value[HID_AXES];

	sample(p, index, t, value);
	log_sample(o->log, index, value);
	pthread_mutex_lock(&p->lock);
	memcpy(p->last, value, sizeof(value));
	pthread_mutex_unlock(&p->lock);
	return hid_send(dev, value);
}

/*
 * Sample i is due at i / rate, however late the one before it was. When the
 * rate changes, time goes on from where it is.
 */
static void feed(struct player *p, struct hid_device *dev, const struct options *o)
{
	uint64_t start = clock_now_ns(), i, base_i = 0, failures = 0;
	double t = 0, base_t = 0, rate = rate_of(o, dev), seconds;

	for (i = 0; !stop && (!o->count || i < o->count); i++) {
		if (rate_of(o, dev) != rate) {
			rate = rate_of(o, dev);
			base_i = i;
			base_t = t;
		}
		t = rate > 0 ? base_t + (i - base_i) / rate : (clock_now_ns() - start) * 1e-9;
		if (rate > 0)
			clock_sleep_until_ns(start + (uint64_t)(t * 1e9));
		failures += feed_one(p, dev, o, i, t) < 0;
	}
	seconds = (clock_now_ns() - start) * 1e-9;
	fprintf(stderr, "hid_sensor: fed %" PRIu64 " in %.3f s, %.0f/s, %" PRIu64 " failures\n", i, seconds,
		i / seconds, failures);
}

static void set_feeding(struct player *p, int feeding)
{
	pthread_mutex_lock(&p->lock);
	p->feeding = feeding;
	pthread_mutex_unlock(&p->lock);
}

static void linger(double seconds)
{
	uint64_t end = clock_now_ns() + (uint64_t)(seconds * 1e9);

	while (!stop && (seconds < 0 || clock_now_ns() < end))
		usleep(10000);
}

static void play(struct player *p, struct hid_device *dev, const struct options *o, const char *iio)
{
	while (!stop && !may_start(dev, o->start, iio))
		usleep(1000);
	set_feeding(p, 1);
	if (!stop)
		feed(p, dev, o);
	set_feeding(p, 0);
	if (o->log)
		fflush(o->log);
	linger(o->linger);
}

/* Waits for the kernel's drivers to make the IIO device. */
static int await_iio(char *path, size_t size)
{
	for (int tries = 0; tries < 500 && !stop; tries++) {
		if (!hid_find_iio(path, size))
			return 0;
		usleep(10000);
	}
	return -ENODEV;
}

/*
 * In the background the parent exits when the child has said that it is ready.
 * The child keeps no standard output, so that "$(hid_sensor ...)" ends too.
 * Returns, in the child, what to tell the parent by, or -1.
 */
static int go_background(void)
{
	int ready[2];
	char c;

	if (pipe(ready) < 0)
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		close(ready[0]);
		return ready[1];
	}
	close(ready[1]);
	_exit(read(ready[0], &c, 1) == 1 ? 0 : 1);
}

static void say_ready(const struct hid_device *dev, const char *iio, int notify)
{
	printf("ready %s %s %d\n", dev->kind->iio_name, strrchr(iio, '/') + 1, getpid());
	fflush(stdout);
	if (notify == NOT_BACKGROUND)
		return;
	if (!freopen("/dev/null", "w", stdout) || write(notify, "", 1) != 1)
		perror("hid_sensor");
	close(notify);
}

static int fail(const char *what, int err)
{
	fprintf(stderr, "hid_sensor: %s: %s\n", what, strerror(-err));
	return 1;
}

static _Noreturn void wrong(const char *what, const char *value)
{
	fprintf(stderr, "hid_sensor: %s: %s\n", what, value);
	exit(2);
}

static const struct hid_kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(hid_kinds) / sizeof(hid_kinds[0]); i++)
		if (!strcmp(hid_kinds[i].name, name))
			return &hid_kinds[i];
	wrong("no such sensor", name);
}

static FILE *open_log(const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		wrong("cannot write", path);
	fputs("index,x,y,z\n", file);
	return file;
}

static double number(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || value < 0)
		wrong("not a number", text);
	return value;
}

static const struct option long_options[] = {
	{ "start", required_argument, NULL, 's' },
	{ "linger", required_argument, NULL, 'l' },
	{ "log", required_argument, NULL, 'L' },
	{ "poll-log", required_argument, NULL, 'P' },
	{ "background", no_argument, NULL, 'b' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void parse_option(struct options *o, struct hid_device *dev, int c)
{
	switch (c) {
	case 'd':
		dev->kind = find_kind(optarg);
		break;
	case 'r':
		o->rate = strcmp(optarg, "auto") ? number(optarg) : -1;
		break;
	case 'n':
		o->count = (uint64_t)number(optarg);
		break;
	case 'x':
	case 'y':
	case 'z':
		o->wave[c - 'x'] = optarg;
		break;
	case 's':
		o->start = optarg;
		break;
	case 'l':
		o->linger = number(optarg);
		break;
	case 'L':
		o->log = open_log(optarg);
		break;
	case 'P':
		o->poll_log = open_log(optarg);
		break;
	case 'b':
		o->background = 1;
		break;
	case 'h':
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

static void parse_options(struct options *o, struct hid_device *dev, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "d:r:n:x:y:z:", long_options, NULL)) >= 0)
		parse_option(o, dev, c);
	if (optind < argc)
		wrong("what is this?", argv[optind]);
	if (strcmp(o->start, "open") && strcmp(o->start, "now") && strncmp(o->start, "file:", 5))
		wrong("--start", o->start);
}

static void parse_waves(struct player *p, const struct options *o)
{
	for (int i = 0; i < HID_AXES; i++) {
		int ret = wave_parse(&p->wave[i], o->wave[i]);

		if (ret)
			wrong(ret == -EINVAL ? "no such wave" : strerror(-ret), o->wave[i]);
	}
}

static void on_signal(int signo)
{
	(void)signo;
	stop = 1;
}

static int run(struct player *p, struct hid_device *dev, const struct options *o)
{
	int notify = o->background ? go_background() : NOT_BACKGROUND;
	char iio[512];
	int ret;

	if (notify == -1)
		return fail("cannot go to the background", -errno);
	p->plugged_ns = clock_now_ns();
	ret = hid_plug(dev);
	if (ret)
		return fail("/dev/uhid", ret);
	ret = await_iio(iio, sizeof(iio));
	if (ret)
		return fail("no IIO device appeared", ret);
	say_ready(dev, iio, notify);
	play(p, dev, o, iio);
	return 0;
}

int main(int argc, char **argv)
{
	struct player p = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct hid_device dev = { .kind = &hid_kinds[0], .data = &p, .poll = answer_poll };
	struct options o = { .rate = 100, .start = "open", .linger = -1, .wave = { "seq", "const:0", "const:0" } };

	parse_options(&o, &dev, argc, argv);
	parse_waves(&p, &o);
	p.poll_log = o.poll_log;
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	return run(&p, &dev, &o);
}
