/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of keys against the plainest model: an array of keys in the order of their first records, searched from end to end. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "weir/keys.h"

#define N 20000u
#define KEYS 64u /* of the model at most */

struct model_key {
	char id[8];
	int64_t i;
	int64_t newest_ns;
	uint64_t used; /* number of its latest record */
	uint32_t slot;
};

struct model {
	struct model_key key[KEYS];
	uint32_t n, max;
	int64_t forget_ns, now_ns;
	uint64_t evicted;
};

static bool model_is_over(const struct model *model, const struct model_key *key, int64_t now)
{
	return now > key->newest_ns && now - key->newest_ns > model->forget_ns;
}

static void model_remove(struct model *model, uint32_t k)
{
	memmove(&model->key[k], &model->key[k + 1], (model->n - k - 1) * sizeof(model->key[0]));
	model->n--;
}

static uint32_t model_oldest(const struct model *model)
{
	uint32_t oldest = 0;

	for (uint32_t k = 1; k < model->n; k++)
		if (model->key[k].used < model->key[oldest].used)
			oldest = k;
	return oldest;
}

static enum weir_key_is model_make_room(struct model *model)
{
	uint32_t oldest = model_oldest(model);
	bool is_over = model_is_over(model, &model->key[oldest], model->now_ns);

	model->evicted += !is_over;
	model_remove(model, oldest);
	return is_over ? WEIR_KEY_FORGOTTEN : WEIR_KEY_EVICTED;
}

/* What a look-up must say; the key stands where its first record puts it. */
static struct model_key *model_find(struct model *model, const char *id, int64_t i, int64_t t, uint64_t number,
				    enum weir_key_is *is)
{
	struct model_key key = { .i = i, .newest_ns = t, .used = number, .slot = WEIR_NO_SLOT };
	uint32_t k = 0;

	strcpy(key.id, id);
	if (t > model->now_ns)
		model->now_ns = t;
	while (k < model->n && (strcmp(model->key[k].id, id) || model->key[k].i != i))
		k++;
	*is = WEIR_KEY_NEW;
	if (k < model->n && !model_is_over(model, &model->key[k], t)) {
		*is = WEIR_KEY_KNOWN;
		model->key[k].used = number;
		if (t > model->key[k].newest_ns)
			model->key[k].newest_ns = t;
		return &model->key[k];
	}
	if (k < model->n) {
		*is = WEIR_KEY_FORGOTTEN;
		key.slot = model->key[k].slot;
		model_remove(model, k);
	} else if (model->n == model->max) {
		*is = model_make_room(model);
	}
	model->key[model->n] = key;
	return &model->key[model->n++];
}

static struct weir_block *make_records(struct weir_schema *schema, uint64_t *random, uint32_t n_ids)
{
	struct weir_block *memory;
	int64_t t = 0;

	weir_schema_init(schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(schema, "id", WEIR_TEXT, "", 8);
	weir_schema_add(schema, "i", WEIR_INT, "", 0);
	memory = harness_memory(schema, N);
	for (uint32_t k = 0; k < N; k++) {
		t += harness_below(random, 1000);
		memory->t[k] = harness_below(random, 10) ? t : t - harness_below(random, 5000);
		memset(memory->column[1].text + k * 8, 0, 8);
		snprintf(memory->column[1].text + k * 8, 8, "k%u", harness_below(random, n_ids));
		memory->column[2].integer[k] = harness_below(random, 3) - 1;
	}
	return memory;
}

static void expect_order(const struct weir_keys *keys, const struct model *model)
{
	uint32_t slot = weir_keys_first(keys);

	for (uint32_t k = 0; k < model->n; k++, slot = weir_keys_next(keys, slot)) {
		union weir_column id = { .text = (char[8]){ 0 } }, i = { .integer = (int64_t[1]){ 0 } };

		assert_int_equal(slot, model->key[k].slot);
		weir_keys_put(keys, slot, 0, id, 0);
		weir_keys_put(keys, slot, 1, i, 0);
		assert_string_equal(id.text, model->key[k].id);
		assert_int_equal(i.integer[0], model->key[k].i);
	}
	assert_int_equal(slot, WEIR_NO_SLOT);
}

static void follow(uint32_t max, int64_t forget_ns, uint32_t n_ids, uint64_t *random)
{
	struct model model = { .max = max, .forget_ns = forget_ns, .now_ns = INT64_MIN };
	const uint32_t field[] = { 1, 2 };
	struct weir_schema schema;
	struct weir_block *memory = make_records(&schema, random, n_ids);
	struct weir_keys *keys;

	assert_int_equal(weir_keys_open(&keys, &schema, field, 2, max, forget_ns), 0);
	for (uint32_t k = 0; k < N; k++) {
		enum weir_key_is is, expected;
		struct model_key *key = model_find(&model, memory->column[1].text + k * 8, memory->column[2].integer[k],
						   memory->t[k], k, &expected);
		uint32_t slot = weir_keys_find(keys, memory, k, &is);

		assert_in_range(slot, 0, max - 1);
		assert_int_equal(is, expected);
		if (key->slot != WEIR_NO_SLOT)
			assert_int_equal(slot, key->slot);
		key->slot = slot;
		if (!harness_below(random, 500)) {
			weir_keys_end(keys, slot);
			model_remove(&model, (uint32_t)(key - model.key));
		}
		assert_int_equal(weir_keys_count(keys), model.n);
		assert_int_equal(weir_keys_evicted(keys), model.evicted);
		if (!(k % 97))
			expect_order(keys, &model);
	}
	weir_keys_close(keys);
	harness_memory_free(memory);
}

/* Slots, order, what is forgotten and what is evicted are the model's: with room for all keys, for some, and for one. */
static void follows_the_model(void **state)
{
	uint64_t random = 4;

	(void)state;
	follow(KEYS, INT64_MAX, 20, &random);
	follow(KEYS, 30000, 20, &random);
	follow(KEYS, 3000, 10, &random);
	follow(7, INT64_MAX, 10, &random);
	follow(7, 8000, 10, &random);
	follow(2, 1000, 3, &random);
	follow(1, INT64_MAX, 1, &random);
	follow(1, 2000, 2, &random);
}

/* NaN is one key, whatever its bits, and 0 is -0; other numbers differ by their last bit. */
static void numbers_are_compared_as_values(void **state)
{
	double x[] = { NAN, -NAN, 0.0, -0.0, 0.1, nextafter(0.1, 1), -1 };
	const uint32_t expected[] = { 0, 0, 1, 1, 2, 3, 4 }, field = 0;
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 7);
	struct weir_keys *keys;
	enum weir_key_is is;

	(void)state;
	memcpy(memory->column[0].real, x, sizeof(x));
	assert_int_equal(weir_keys_open(&keys, &schema, &field, 1, 10, INT64_MAX), 0);
	for (uint32_t k = 0; k < 7; k++)
		assert_int_equal(weir_keys_find(keys, memory, k, &is), expected[k]);
	weir_keys_close(keys);
	harness_memory_free(memory);
}

/* Times at both ends of what they can be: the distance does not overflow. */
static void distances_do_not_overflow(void **state)
{
	const uint32_t field = 0;
	struct weir_schema schema;
	struct weir_block *memory = harness_numbers(&schema, 2);
	struct weir_keys *keys;
	enum weir_key_is is;

	(void)state;
	memory->t[0] = INT64_MIN;
	memory->t[1] = INT64_MAX;
	memory->column[0].real[0] = memory->column[0].real[1] = 1;
	assert_int_equal(weir_keys_open(&keys, &schema, &field, 1, 10, INT64_MAX - 1), 0);
	weir_keys_find(keys, memory, 0, &is);
	assert_int_equal(is, WEIR_KEY_NEW);
	weir_keys_find(keys, memory, 1, &is);
	assert_int_equal(is, WEIR_KEY_FORGOTTEN);
	weir_keys_close(keys);
	harness_memory_free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_model),
		cmocka_unit_test(numbers_are_compared_as_values),
		cmocka_unit_test(distances_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
