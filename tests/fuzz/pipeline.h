/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * @file pipeline.h
 * @brief For fuzzers of whole pipelines: files in memory for a source and a sink, and a run whose result is to be the same
 * however the records are cut into blocks.
 */
#ifndef WEIR_TESTS_FUZZ_PIPELINE_H
#define WEIR_TESTS_FUZZ_PIPELINE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptors.h"
#include "weir/weir.h"

#define RECORDS_MAX 3000

struct memory_file {
	int fd;
	char path[32];
};

static inline struct memory_file open_memory_file(void)
{
	struct memory_file file = { .fd = memfd_create("fuzz", MFD_CLOEXEC) };

	if (file.fd < 0)
		abort();
	snprintf(file.path, sizeof(file.path), "/proc/self/fd/%d", file.fd);
	return file;
}

static inline void fill_file(const struct memory_file *file, const void *bytes, size_t n)
{
	if (ftruncate(file->fd, 0) || pwrite(file->fd, bytes, n, 0) != (ssize_t)n)
		abort();
}

/* To be freed. */
static inline char *read_file_back(const struct memory_file *file, size_t *n)
{
	off_t end = lseek(file->fd, 0, SEEK_END);
	char *bytes = malloc((size_t)end + 1);

	*n = (size_t)end;
	if (end < 0 || !bytes || pread(file->fd, bytes, *n, 0) != (ssize_t)*n)
		abort();
	return bytes;
}

/* A wrong program or a wrong file ends with a message, and everything else with a run. @return the exit status. */
static inline int run_pipeline(const char *program, uint32_t block_rows)
{
	char *said = NULL;
	size_t n_said = 0;
	FILE *messages = open_memstream(&said, &n_said);
	struct weir_options options = {
		.messages = messages, .limit = RECORDS_MAX, .threads = 1, .ring_rows = 256, .block_rows = block_rows
	};
	struct weir_pipeline *pipeline;
	int status = weir_open(&pipeline, program, "<fuzz>", &options);

	if (!status != !!pipeline)
		abort();
	if (!status)
		status = weir_run(pipeline);
	weir_close(pipeline);
	fclose(messages);
	if (status && !n_said)
		abort();
	free(said);
	return status;
}

/* The program writes `out`: the same status, with blocks of one record and with long ones, and the same bytes. How far a run
 * comes that fails depends on its threads. */
static inline void check_blocks(const char *program, const struct memory_file *out)
{
	size_t n[2];
	char *bytes[2];
	int status[2];

	for (uint32_t i = 0; i < 2; i++) {
		fill_file(out, "", 0);
		status[i] = run_pipeline(program, i);
		bytes[i] = read_file_back(out, &n[i]);
	}
	if (status[0] != status[1] || (!status[0] && (n[0] != n[1] || memcmp(bytes[0], bytes[1], n[0]) != 0))) {
		fprintf(stderr, "%s\nstatus %d: %.*s\nstatus %d: %.*s\n", program, status[0], (int)n[0], bytes[0],
			status[1], (int)n[1], bytes[1]);
		abort();
	}
	free(bytes[0]);
	free(bytes[1]);
}

/* A file that one of `n` programs reads, the first byte says which: each form has the paths of the file and of what it writes. No
 * descriptor is left open. */
static inline void check_forms(const char *const *forms, size_t n, const uint8_t *data, size_t size)
{
	static struct memory_file in, out;
	char program[256];
	int before;

	if (!size)
		return;
	if (!in.fd) {
		in = open_memory_file();
		out = open_memory_file();
	}
	fill_file(&in, data + 1, size - 1);
	before = count_descriptors();
	snprintf(program, sizeof(program), forms[data[0] % n], in.path, out.path);
	check_blocks(program, &out);
	expect_descriptors(before);
}

#endif
