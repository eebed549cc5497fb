/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/secret.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A target or a URL is within one of these. */
static bool ends_word(char c)
{
	return isspace((unsigned char)c) || !c || strchr("\"'`|<>", c);
}

static void mask(char *from, const char *to)
{
	for (; from < to; from++)
		*from = '*';
}

/* Where USER begins: behind `//`, or behind the only colon before the one of the password. NULL: this is no address. */
static char *find_user(char *word, char *end)
{
	char *slashes = memmem(word, (size_t)(end - word), "//", 2), *colon = memchr(word, ':', (size_t)(end - word));

	if (slashes)
		return slashes + 2;
	return colon ? colon + 1 : NULL;
}

static bool is_port(const char *text, const char *end)
{
	const char *at = text;

	while (at < end && isdigit((unsigned char)*at))
		at++;
	return at > text && at < end && *at == '/';
}

/* A password may hold an @ and a slash; but what stands behind HOST:PORT/ is a path. */
static void mask_address(char *word, char *end)
{
	char *user = find_user(word, end), *colon, *at;

	if (!user)
		return;
	at = memrchr(user, '@', (size_t)(end - user));
	colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
	if (!colon || memchr(user, '/', (size_t)(colon - user)) || is_port(colon + 1, at))
		return;
	mask(colon + 1, at);
}

/* The value behind `password =`, or what a pair of quotes holds. @return where it ends. */
static char *mask_value(char *at, char *end)
{
	char quote, *stop;

	while (at < end && isblank((unsigned char)*at))
		at++;
	if (at == end || *at != '=')
		return at;
	for (at++; at < end && isblank((unsigned char)*at);)
		at++;
	quote = at < end && strchr("\"'", *at) ? *at++ : 0;
	for (stop = at; stop < end && *stop != '\n' && (quote ? *stop != quote : !ends_word(*stop));)
		stop++;
	mask(at, stop);
	return stop;
}

/* password=, passwd= and their misspellings, but not password_file=. */
static void mask_arguments(char *text, char *end)
{
	char *at = text;

	while ((at = memmem(at, (size_t)(end - at), "passw", 5))) {
		while (at < end && isalpha((unsigned char)*at))
			at++;
		at = mask_value(at, end);
	}
}

/* The value of a header of HTTP with a secret, up to a quote or the end of the line. */
static void mask_header(char *text, char *end, const char *name)
{
	char *at = text, *stop;

	while ((at = memmem(at, (size_t)(end - at), name, strlen(name)))) {
		for (at += strlen(name); at < end && isblank((unsigned char)*at);)
			at++;
		for (stop = at; stop < end && !strchr("\"'\n", *stop);)
			stop++;
		mask(at, stop);
		at = stop;
	}
}

void weir_secret_mask(char *text, size_t n)
{
	char *end = text + n, *word = text;

	mask_arguments(text, end);
	mask_header(text, end, "uthorization:");
	mask_header(text, end, "ookie:");
	for (char *at = text; at <= end; at++) {
		if (at < end && !ends_word(*at))
			continue;
		if (at > word)
			mask_address(word, at);
		word = at + 1;
	}
}
