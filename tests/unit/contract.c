/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "contract.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void contract_memory_open(struct contract_memory *memory, size_t bytes)
{
	size_t page = page_bytes(), inner = (bytes + page - 1) / page * page;
	char *pages;

	memory->n_pages = inner / page + 2;
	pages = mmap(NULL, memory->n_pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	memory->pages = pages;
	memory->bytes = bytes;
	memory->at = (unsigned char *)pages + page + inner - bytes;
	memset(pages, CONTRACT_PATTERN, page + inner);
	assert_int_equal(mprotect(pages + page + inner, page, PROT_NONE), 0);
}

void contract_memory_close(struct contract_memory *memory)
{
	munmap(memory->pages, memory->n_pages * page_bytes());
}

void contract_memory_protect(struct contract_memory *memory)
{
	assert_int_equal(mprotect(memory->pages, (memory->n_pages - 1) * page_bytes(), PROT_READ), 0);
}

void contract_memory_check(const struct contract_memory *memory, size_t from)
{
	for (const unsigned char *at = memory->pages; at < memory->at; at++)
		if (*at != CONTRACT_PATTERN)
			fail_msg("byte %zd before the memory was written", memory->at - at);
	for (size_t i = from; i < memory->bytes; i++)
		if (memory->at[i] != CONTRACT_PATTERN)
			fail_msg("byte %zu was written, from %zu on nothing may be", i, from);
}

#define TEXT_BYTES 16 /* a block of such cells ends at the end of a page */

const struct weir_schema *contract_schema(void)
{
	static struct weir_schema schema;

	weir_schema_init(&schema, WEIR_CLOCK_NOMINAL);
	weir_schema_add(&schema, "x", WEIR_REAL, "", 0);
	weir_schema_add(&schema, "y", WEIR_REAL, "", 0);
	weir_schema_add(&schema, "i", WEIR_INT, "", 0);
	weir_schema_add(&schema, "b", WEIR_BOOL, "", 0);
	weir_schema_add(&schema, "s", WEIR_TEXT, "", TEXT_BYTES);
	weir_schema_add(&schema, "j", WEIR_TEXT, "", TEXT_BYTES);
	return &schema;
}

static void *add_column(struct contract_input *input, size_t bytes)
{
	contract_memory_open(&input->column[input->n_columns], bytes);
	return input->column[input->n_columns++].at;
}

static double real_at(uint64_t *random)
{
	return harness_below(random, 50) ? 2 * harness_uniform(random) : NAN;
}

/* Text goes from the shortest to the longest that a cell takes. */
static void put_texts(struct weir_block *block, uint32_t i, uint64_t *random)
{
	char *s = block->column[4].text + (size_t)i * TEXT_BYTES, *j = block->column[5].text + (size_t)i * TEXT_BYTES;

	memset(s, 0, TEXT_BYTES);
	memset(j, 0, TEXT_BYTES);
	memset(s, 'a' + (int)harness_below(random, 26), harness_below(random, TEXT_BYTES));
	snprintf(j, TEXT_BYTES, harness_below(random, 9) ? "{\"a\":%u}" : "{\"a\":", harness_below(random, 100));
}

void contract_input_open(struct contract_input *input, uint32_t n, int64_t *t, uint64_t *random)
{
	const struct weir_schema *schema = contract_schema();

	*input = (struct contract_input){ .block = { .schema = schema, .n = n } };
	input->block.t = add_column(input, n * sizeof(int64_t));
	for (uint32_t i = 0; i < schema->n_fields; i++)
		input->block.column[i].any = add_column(
			input, n * (schema->field[i].kind == WEIR_TEXT ? schema->field[i].bytes : 8));
	for (uint32_t i = 0; i < n; i++) {
		*t += harness_below(random, 100) ? harness_below(random, 2000000) : INT64_C(50000000);
		input->block.t[i] = *t - (harness_below(random, 200) ? 0 : 3000000);
		input->block.column[0].real[i] = real_at(random);
		input->block.column[1].real[i] = real_at(random);
		input->block.column[2].integer[i] = harness_below(random, 64);
		input->block.column[3].integer[i] = harness_below(random, 2);
		put_texts(&input->block, i, random);
	}
	for (uint32_t i = 0; i < input->n_columns; i++)
		contract_memory_protect(&input->column[i]);
}

void contract_input_close(struct contract_input *input)
{
	for (uint32_t i = 0; i < input->n_columns; i++)
		contract_memory_close(&input->column[i]);
}

void contract_covers_registry(const struct contract_recipe *recipes, size_t n, enum weir_role role)
{
	for (size_t i = 0; i < weir_n_drivers; i++) {
		const char *name = weir_drivers[i]->name;
		size_t k = 0;

		if (weir_driver_find(name, role) != weir_drivers[i])
			continue;
		while (k < n && strcmp(recipes[k].driver, name))
			k++;
		if (k == n)
			fail_msg("no recipe for %s '%s': add one to this test", weir_role_name(role), name);
	}
}

/* A recipe that waits for a device is one only if that kernel test is there and names the driver. */
static void check_rig(const struct contract_recipe *recipe)
{
	char command[160];

	snprintf(command, sizeof(command), "grep -q '%s' %s", recipe->driver, recipe->rig);
	if (system(command))
		fail_msg("%s does not run '%s'", recipe->rig, recipe->driver);
}

/* librdkafka starts its threads with thrd_create(), of which the thread sanitizer knows nothing: it would crash in them. */
static bool crashes_the_sanitizer(const struct contract_recipe *recipe)
{
#ifdef __SANITIZE_THREAD__
	return !strcmp(recipe->driver, "kafka");
#else
	(void)recipe;
	return false;
#endif
}

bool contract_can_run(const struct contract_recipe *recipe, enum weir_role role)
{
	if (!weir_driver_find(recipe->driver, role) || weir_tell_absent(recipe->driver, stderr) ||
	    crashes_the_sanitizer(recipe))
		return false;
	if (recipe->rig && !getenv("WEIR_CONTRACT_DEVICES")) {
		check_rig(recipe);
		return false;
	}
	if (!recipe->rig && getenv("WEIR_CONTRACT_DEVICES"))
		return false;
	return true;
}

const char *contract_program(const struct contract_recipe *recipe, const char *directory)
{
	static char text[2048];
	size_t n = 0;

	for (const char *at = recipe->program; *at && n + 1 < sizeof(text);) {
		if (!strncmp(at, "$DIR", 4)) {
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s", directory);
			at += 4;
		} else {
			text[n++] = *at++;
		}
	}
	text[n < sizeof(text) ? n : sizeof(text) - 1] = 0;
	return text;
}
