/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file standalone.h
 * @brief One source, two programs. A fuzzer defines LLVMFuzzerTestOneInput() and ends with FUZZER(words).
 *
 * Without libFuzzer, `fuzz_x [RUNS [SEED]]` runs random inputs made of the words, the same inputs for the same seed. `fuzz_x
 * FILE…` runs those files (`-`: standard input). With -DWEIR_LIBFUZZER and -fsanitize=fuzzer the main() is libFuzzer's, and
 * `fuzz_x --words` prints the words as its dictionary.
 */
#ifndef WEIR_TESTS_FUZZ_STANDALONE_H
#define WEIR_TESTS_FUZZ_STANDALONE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/dice.h"

#define INPUT_MAX 65536
#ifndef RUNS
#define RUNS 20000
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef WEIR_LIBFUZZER
int LLVMFuzzerInitialize(int *argc, char ***argv);

static void print_words(const char *const *words, size_t n_words)
{
	for (size_t i = 0; i < n_words; i++) {
		putchar('"');
		for (const char *byte = words[i]; *byte; byte++)
			printf("\\x%02x", (unsigned char)*byte);
		puts("\"");
	}
}

#define FUZZER(words)                                                         \
	int LLVMFuzzerInitialize(int *argc, char ***argv)                     \
	{                                                                     \
		if (*argc == 2 && !strcmp((*argv)[1], "--words")) {           \
			print_words(words, sizeof(words) / sizeof(words[0])); \
			exit(0);                                              \
		}                                                             \
		return 0;                                                     \
	}
#else
static int run_file(const char *name)
{
	static uint8_t data[INPUT_MAX];
	FILE *file = strcmp(name, "-") ? fopen(name, "rb") : stdin;

	if (!file) {
		perror(name);
		return 1;
	}
	LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), file));
	return file == stdin ? 0 : fclose(file);
}

/* Words in a random order get deeper into a parser than bytes do; now and then one byte is changed. */
static size_t make_input(struct dice *dice, const char *const *words, size_t n_words, char *data)
{
	size_t size = 0;

	for (uint32_t n = roll_below(dice, 60); n && size < INPUT_MAX - 64; n--) {
		const char *word = words[roll_below(dice, (uint32_t)n_words)];

		size += (size_t)sprintf(data + size, "%s%s", word, roll_below(dice, 3) ? " " : "");
		if (!roll_below(dice, 20))
			data[roll_below(dice, (uint32_t)size + 1)] = (char)roll_below(dice, 256);
	}
	return size;
}

static void run_random(const char *name, const char *const *words, size_t n_words, unsigned long runs, uint64_t seed)
{
	static char data[INPUT_MAX];
	struct dice dice = { seed };

	for (unsigned long i = 0; i < runs; i++)
		LLVMFuzzerTestOneInput((uint8_t *)data, make_input(&dice, words, n_words, data));
	printf("1..1\nok 1 - %s: %lu inputs, seed %llu\n", name, runs, (unsigned long long)seed);
}

static int run_standalone(int argc, char **argv, const char *const *words, size_t n_words)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	int status = 0;

	if (argc == 1 || (argc <= 3 && strspn(argv[1], "0123456789") == strlen(argv[1]))) {
		run_random(name, words, n_words, argc > 1 ? strtoul(argv[1], NULL, 10) : RUNS,
			   argc > 2 ? strtoull(argv[2], NULL, 10) : 1);
		return 0;
	}
	for (int i = 1; i < argc; i++)
		status |= run_file(argv[i]);
	return status;
}

#define FUZZER(words)                                                                       \
	int main(int argc, char **argv)                                                     \
	{                                                                                   \
		return run_standalone(argc, argv, words, sizeof(words) / sizeof(words[0])); \
	}
#endif
#endif
