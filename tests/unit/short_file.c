/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "short_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file make_file_of(const void *bytes, size_t n)
{
	struct file file = { "/tmp/weir-test-XXXXXX" };
	int fd = mkstemp(file.path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
	return file;
}

struct file make_file(const char *text)
{
	return make_file_of(text, strlen(text));
}

void open_source(struct harness *h, const char *format, const char *path)
{
	char chain[256];

	snprintf(chain, sizeof(chain), format, path);
	if (!harness_open(h, chain, NULL))
		fail_msg("%s: %s", chain, harness_error(h));
	assert_int_equal(harness_start(h), 0);
}

void expect_refusal(const char *format, const char *path, const char *text)
{
	char chain[256];

	snprintf(chain, sizeof(chain), format, path);
	harness_expect_refusal(chain, NULL, text);
}
