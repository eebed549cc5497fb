/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clusters of the records in each window of N: k centres that leave the squared distances to the nearest of them as small as
 * Lloyd's iteration can (1982). One record comes out for each cluster, with the time of the window's last record: its number,
 * its size, its centre, and its spread (root mean square distance from the centre).
 *
 * The first window is seeded as k-means++ (Arthur and Vassilvitskii 2007) with a generator of a fixed seed, and its clusters are
 * numbered by their centres' first channel. Each later one begins with the centres of the one before, so that a number goes
 * on meaning the same cluster. A cluster that has lost all its records takes over the record that is worst off. What the
 * stream's end leaves of a window comes out too, if no window has shown it.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "weir/frames.h"
#include "weir/random.h"

#define SIZE_MAX_RECORDS (1u << 20)
#define CLUSTERS_MAX 256
#define ROUNDS_MAX 100

struct kmeans {
	uint32_t window, step;
	struct weir_channels_args channels_args;
	struct weir_channels *channels;
	struct weir_frames frames;
	uint32_t k, d; /**< clusters, channels */
	bool has_centres;
	uint64_t random;
	double *centre; /**< by cluster, then by channel */
	double *sum;    /**< the same of the records in it */
	uint32_t size[CLUSTERS_MAX];
	double spread[CLUSTERS_MAX];
	uint32_t *nearest; /**< by record: its cluster */
	double *distance;  /**< by record: squared, to that cluster's centre */
	struct weir_block *out;
};

/* --------------------------------------------------------------------- open */

static int make_schema(struct kmeans *kmeans, const struct weir_schema *in, struct weir_schema *out)
{
	int to;

	weir_schema_init(out, in->clock);
	to = weir_channels_append(kmeans->channels, out, "cluster", WEIR_INT, "");
	if (to >= 0)
		to = weir_channels_append(kmeans->channels, out, "size", WEIR_INT, "");
	for (uint32_t c = 0; c < kmeans->d && to >= 0; c++)
		to = weir_channels_append(kmeans->channels, out, kmeans->channels->channel[c].name, WEIR_REAL,
					  kmeans->channels->channel[c].unit);
	if (to >= 0)
		to = weir_channels_append(kmeans->channels, out, "spread", WEIR_REAL, "");
	return to < 0 ? to : 0;
}

static int take_room(struct kmeans *kmeans)
{
	kmeans->centre = calloc((size_t)kmeans->k * kmeans->d, sizeof(*kmeans->centre));
	kmeans->sum = calloc((size_t)kmeans->k * kmeans->d, sizeof(*kmeans->sum));
	kmeans->nearest = calloc(kmeans->frames.size, sizeof(*kmeans->nearest));
	kmeans->distance = calloc(kmeans->frames.size, sizeof(*kmeans->distance));
	return kmeans->centre && kmeans->sum && kmeans->nearest && kmeans->distance ? 0 : -ENOMEM;
}

static int kmeans_open(struct weir_node *node, const struct weir_schema *in, struct weir_schema *out)
{
	struct kmeans *kmeans = weir_state(node);
	uint32_t size = kmeans->window, step = weir_given(node, &kmeans->step) ? kmeans->step : size;
	int err = weir_channels_open(&kmeans->channels, node, &kmeans->channels_args);

	if (err)
		return err;
	kmeans->d = kmeans->channels->n;
	if (kmeans->k > size)
		return weir_fail_arg(node, "k", NULL, "%u records cannot make %u clusters", size, kmeans->k);
	err = make_schema(kmeans, in, out);
	if (!err)
		err = weir_frames_open(&kmeans->frames, kmeans->d, size, step);
	if (!err)
		err = take_room(kmeans);
	return err ? err : weir_block_open(&kmeans->out, weir_out(node));
}

static void kmeans_close(struct weir_node *node)
{
	struct kmeans *kmeans = weir_state(node);

	weir_block_close(kmeans->out);
	free(kmeans->distance);
	free(kmeans->nearest);
	free(kmeans->sum);
	free(kmeans->centre);
	weir_frames_close(&kmeans->frames);
	weir_channels_close(kmeans->channels);
}

/* ------------------------------------------------------------------ geometry */

static double *centre_of(const struct kmeans *kmeans, uint32_t cluster)
{
	return kmeans->centre + (size_t)cluster * kmeans->d;
}

static double squared_distance(const struct kmeans *kmeans, uint32_t i, uint32_t cluster)
{
	const double *centre = centre_of(kmeans, cluster);
	double sum = 0;

	for (uint32_t c = 0; c < kmeans->d; c++) {
		double apart = weir_frames_values(&kmeans->frames, c)[i] - centre[c];

		sum += apart * apart;
	}
	return sum;
}

static void place(struct kmeans *kmeans, uint32_t cluster, uint32_t i)
{
	for (uint32_t c = 0; c < kmeans->d; c++)
		centre_of(kmeans, cluster)[c] = weir_frames_values(&kmeans->frames, c)[i];
}

/* ------------------------------------------------------------------- seeding */

/* A record by chance, the likelier the farther it is from the centres that there are. */
static uint32_t draw(struct kmeans *kmeans)
{
	double sum = 0, at;

	for (uint32_t i = 0; i < kmeans->frames.n; i++)
		sum += kmeans->distance[i];
	at = weir_random_share(&kmeans->random) * sum;
	for (uint32_t i = 0; i < kmeans->frames.n; i++) {
		at -= kmeans->distance[i];
		if (at < 0)
			return i;
	}
	return kmeans->frames.n - 1;
}

static void seed(struct kmeans *kmeans)
{
	uint32_t n = kmeans->frames.n;

	place(kmeans, 0, (uint32_t)weir_random_below(&kmeans->random, n));
	for (uint32_t i = 0; i < n; i++)
		kmeans->distance[i] = squared_distance(kmeans, i, 0);
	for (uint32_t cluster = 1; cluster < kmeans->k; cluster++) {
		place(kmeans, cluster, draw(kmeans));
		for (uint32_t i = 0; i < n; i++)
			kmeans->distance[i] = fmin(kmeans->distance[i], squared_distance(kmeans, i, cluster));
	}
	kmeans->has_centres = true;
}

/* By insertion, as there are few: the first channel decides, then the next. */
static void sort_centres(struct kmeans *kmeans)
{
	for (uint32_t i = 1; i < kmeans->k; i++)
		for (uint32_t at = i; at > 0; at--) {
			double *a = centre_of(kmeans, at - 1), *b = centre_of(kmeans, at);
			uint32_t c = 0;

			while (c < kmeans->d - 1 && a[c] == b[c])
				c++;
			if (a[c] <= b[c])
				break;
			for (c = 0; c < kmeans->d; c++) {
				double kept = a[c];

				a[c] = b[c];
				b[c] = kept;
			}
		}
}

/* ----------------------------------------------------------------- iteration */

/* Every record to its nearest centre, the first of those that are equally near. Has any gone elsewhere? */
static bool assign(struct kmeans *kmeans)
{
	bool has_moved = false;

	for (uint32_t i = 0; i < kmeans->frames.n; i++) {
		uint32_t best = 0;

		kmeans->distance[i] = squared_distance(kmeans, i, 0);
		for (uint32_t cluster = 1; cluster < kmeans->k; cluster++) {
			double distance = squared_distance(kmeans, i, cluster);

			if (distance >= kmeans->distance[i])
				continue;
			kmeans->distance[i] = distance;
			best = cluster;
		}
		has_moved |= kmeans->nearest[i] != best;
		kmeans->nearest[i] = best;
	}
	return has_moved;
}

/* Where there are fewer different records than clusters, some clusters stay empty. */
static bool fill_empty(struct kmeans *kmeans, uint32_t cluster)
{
	uint32_t worst = 0;

	for (uint32_t i = 1; i < kmeans->frames.n; i++)
		if (kmeans->distance[i] > kmeans->distance[worst])
			worst = i;
	if (kmeans->distance[worst] == 0)
		return false;
	kmeans->distance[worst] = 0;
	place(kmeans, cluster, worst);
	return true;
}

static void count(struct kmeans *kmeans)
{
	memset(kmeans->size, 0, sizeof(kmeans->size));
	memset(kmeans->spread, 0, sizeof(kmeans->spread));
	memset(kmeans->sum, 0, (size_t)kmeans->k * kmeans->d * sizeof(*kmeans->sum));
	for (uint32_t i = 0; i < kmeans->frames.n; i++) {
		uint32_t cluster = kmeans->nearest[i];

		kmeans->size[cluster]++;
		kmeans->spread[cluster] += kmeans->distance[i];
		/* As distances from the centre, so that what is far from zero loses no digits. */
		for (uint32_t c = 0; c < kmeans->d; c++)
			kmeans->sum[(size_t)cluster * kmeans->d + c] += weir_frames_values(&kmeans->frames, c)[i] -
									centre_of(kmeans, cluster)[c];
	}
}

/* Every centre to the middle of its records. Has an empty cluster been given a new one? */
static bool update(struct kmeans *kmeans)
{
	bool has_filled = false;

	count(kmeans);
	for (uint32_t cluster = 0; cluster < kmeans->k; cluster++) {
		if (!kmeans->size[cluster])
			has_filled |= fill_empty(kmeans, cluster);
		for (uint32_t c = 0; kmeans->size[cluster] && c < kmeans->d; c++)
			centre_of(kmeans, cluster)[c] += kmeans->sum[(size_t)cluster * kmeans->d + c] /
							 kmeans->size[cluster];
	}
	return has_filled;
}

static void iterate(struct kmeans *kmeans)
{
	bool goes_on = true;

	assign(kmeans);
	for (uint32_t round = 0; round < ROUNDS_MAX && goes_on; round++) {
		goes_on = update(kmeans);
		goes_on |= assign(kmeans);
	}
}

/* -------------------------------------------------------------------- output */

static int emit(struct weir_node *node, struct kmeans *kmeans)
{
	int err = weir_emit(node, kmeans->out);

	kmeans->out->n = 0;
	return err;
}

static int show(struct weir_node *node, struct kmeans *kmeans)
{
	struct weir_block *out = kmeans->out;
	int err = out->n + kmeans->k > WEIR_BLOCK_MAX ? emit(node, kmeans) : 0;

	for (uint32_t cluster = 0; cluster < kmeans->k; cluster++) {
		uint32_t row = weir_block_add(out), size = kmeans->size[cluster];

		out->t[row] = kmeans->frames.t[kmeans->frames.n - 1];
		out->column[0].integer[row] = cluster + 1;
		out->column[1].integer[row] = size;
		for (uint32_t c = 0; c < kmeans->d; c++)
			out->column[2 + c].real[row] = centre_of(kmeans, cluster)[c];
		out->column[2 + kmeans->d].real[row] = size ? sqrt(kmeans->spread[cluster] / size) : 0;
	}
	return err;
}

static int cluster_window(struct weir_node *node, struct kmeans *kmeans)
{
	if (!kmeans->has_centres) {
		seed(kmeans);
		iterate(kmeans);
		sort_centres(kmeans);
		assign(kmeans);
	} else {
		iterate(kmeans);
	}
	count(kmeans);
	return show(node, kmeans);
}

static int kmeans_push(struct weir_node *node, const struct weir_block *in)
{
	struct kmeans *kmeans = weir_state(node);
	struct weir_block usable;
	int err = weir_channels_read(kmeans->channels, in, &usable);

	for (uint32_t i = 0; !err && i < usable.n;) {
		i += weir_frames_add(&kmeans->frames, kmeans->channels, &usable, i);
		if (!weir_frames_full(&kmeans->frames))
			continue;
		err = cluster_window(node, kmeans);
		weir_frames_advance(&kmeans->frames);
	}
	return err ? err : emit(node, kmeans);
}

static int kmeans_flush(struct weir_node *node)
{
	struct kmeans *kmeans = weir_state(node);
	int64_t *last = kmeans->frames.t + (kmeans->frames.n ? kmeans->frames.n - 1 : 0);
	int err;

	*last = weir_time_at_end(node, *last);
	err = kmeans->frames.fresh ? cluster_window(node, kmeans) : 0;
	return err ? err : emit(node, kmeans);
}

/* ------------------------------------------------------------------- driver */

static const struct weir_param params[] = {
	WEIR_P_INT("window", struct kmeans, window, NULL, "records in a window", .style = WEIR_POSITIONAL,
		   .required = true, .min = 1, .max = SIZE_MAX_RECORDS),
	WEIR_FRAMES_PARAM_STEP(struct kmeans, step),
	WEIR_CHANNELS_PARAMS(struct kmeans, channels_args),
	WEIR_P_INT("k", struct kmeans, k, NULL, "clusters", .required = true, .min = 1, .max = CLUSTERS_MAX),
	WEIR_P_INT("seed", struct kmeans, random, "1",
		   "of the choice of the first centres: the same seed gives the same clusters"),
	{ 0 },
};

static const struct weir_operator_ops kmeans_ops = {
	.state_bytes = sizeof(struct kmeans),
	.open = kmeans_open,
	.push = kmeans_push,
	.flush = kmeans_flush,
	.close = kmeans_close,
};

const struct weir_driver weir_operator_kmeans = {
	.name = "kmeans",
	.doc = "clusters of the records in each window",
	.operator_params = params,
	.stage = &kmeans_ops,
};
