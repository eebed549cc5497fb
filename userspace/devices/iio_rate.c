/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices/iio_names.h"
#include "devices/iio_rate.h"

#define RATE_TOLERANCE 0.01

void weir_iio_rates_add(struct weir_iio_rates *rates, const char *dir, const struct weir_iio_channel *channel)
{
	struct weir_iio_rate *rate = &rates->rate[rates->n];

	if (rates->n == WEIR_IIO_RATES_MAX)
		return;
	snprintf(rates->dir, sizeof(rates->dir), "%s", dir);
	if (!weir_iio_channel_file(dir, channel, "sampling_frequency", rate->file))
		return;
	for (uint32_t i = 0; i < rates->n; i++)
		if (!strcmp(rates->rate[i].file, rate->file))
			return;
	weir_iio_channel_file(dir, channel, "sampling_frequency_available", rate->available);
	rates->n++;
}

void weir_iio_rates_of_trigger(struct weir_iio_rates *rates, const char *dir)
{
	*rates = (struct weir_iio_rates){ .n = 1, .rate = { { .file = "sampling_frequency" } } };
	snprintf(rates->dir, sizeof(rates->dir), "%s", dir);
}

double weir_iio_rates_now(const struct weir_iio_rates *rates)
{
	double greatest = 0, hz;

	for (uint32_t i = 0; i < rates->n; i++)
		if (!weir_sysfs_number(rates->dir, rates->rate[i].file, &hz))
			greatest = fmax(greatest, hz);
	return greatest;
}

static void read_available(const struct weir_iio_rates *rates, const struct weir_iio_rate *rate, char *text,
			   size_t size)
{
	*text = '\0';
	if (*rate->available)
		weir_sysfs_read(rates->dir, rate->available, text, size);
}

static int fail_to_set(const struct weir_iio_rates *rates, const struct weir_iio_rate *rate, const char *text,
		       struct weir_node *node, const char *title, int err)
{
	char operation[WEIR_IIO_FILE_MAX + 96], advice[WEIR_SYSFS_TEXT + 64], available[WEIR_SYSFS_TEXT];
	double now = 0;

	snprintf(operation, sizeof(operation), "set %s to %s Hz", rate->file, text);
	read_available(rates, rate, available, sizeof(available));
	weir_sysfs_number(rates->dir, rate->file, &now);
	/* Not even root writes to an attribute that can only be read. */
	if ((err == -EACCES || err == -EPERM) && geteuid())
		snprintf(advice, sizeof(advice), "%s", WEIR_IIO_ACCESS);
	else if (*available)
		snprintf(advice, sizeof(advice), "available rates: %s Hz", available);
	else
		snprintf(advice, sizeof(advice), "its driver lists no rates; the present rate is %.6g Hz", now);
	return weir_fail_device(node, title, operation, -err, advice);
}

static int rate_set(const struct weir_iio_rates *rates, const struct weir_iio_rate *rate, double hz,
		    struct weir_node *node, const char *title, struct weir_sysfs_undo *undo)
{
	char available[WEIR_SYSFS_TEXT], text[64];
	int err;

	read_available(rates, rate, available, sizeof(available));
	if (weir_iio_nearest_rate(available, hz, text, sizeof(text)))
		weir_iio_print_rate(hz, text, sizeof(text));
	err = weir_sysfs_set(undo, rates->dir, rate->file, text);
	return err ? fail_to_set(rates, rate, text, node, title, err) : 0;
}

/* A driver may round, and setting one rate may change another. */
static void rate_verify(const struct weir_iio_rates *rates, const struct weir_iio_rate *rate, double hz,
			struct weir_node *node, const char *title)
{
	char available[WEIR_SYSFS_TEXT];
	double got;

	if (weir_sysfs_number(rates->dir, rate->file, &got) || !(got > 0)) {
		weir_warn(node, "'%s' does not report its present rate; %.6g Hz were requested", title, hz);
		return;
	}
	if (fabs(got - hz) <= RATE_TOLERANCE * hz)
		return;
	read_available(rates, rate, available, sizeof(available));
	weir_warn(node, "'%s' samples at %.6g Hz, the nearest that it has to %.6g Hz (%s%s%s)", title, got, hz,
		  rate->file, *available ? "; available: " : "", available);
}

int weir_iio_rates_set(const struct weir_iio_rates *rates, double hz, struct weir_node *node, const char *title,
		       struct weir_sysfs_undo *undo)
{
	int err = 0;

	for (uint32_t i = 0; i < rates->n && !err; i++)
		err = rate_set(rates, &rates->rate[i], hz, node, title, undo);
	for (uint32_t i = 0; i < rates->n && !err; i++)
		rate_verify(rates, &rates->rate[i], hz, node, title);
	return err;
}
