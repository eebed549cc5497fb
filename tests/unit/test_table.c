/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CSV as people have it: what a quote is, what a column holds, where the header is, and what is said of all that is malformed. */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pty.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "short_file.h"
#include "weir/csv.h"
#include "whole_file.h"

/* Everything that a source gives, printed: a record a line, its fields with blanks between. Text in brackets. */
static const char *read_as_text(const char *arguments, const char *text, char *to, size_t room)
{
	struct file file = make_file(text);
	struct harness h;
	char format[200];
	size_t n = 0;

	snprintf(format, sizeof(format), "csv:%%s%s", arguments);
	open_source(&h, format, file.path);
	if (harness_pull_all(&h, 7) < 0)
		fail_msg("%s: %s", arguments, harness_error(&h));
	to[0] = 0;
	for (uint32_t row = 0; row < h.n; row++)
		for (uint32_t i = 0; i < h.schema.n_fields; i++) {
			const union harness_value *value = &h.value[i][row];
			const char *end = i + 1 < h.schema.n_fields ? " " : "\n";

			if (h.schema.field[i].kind == WEIR_TEXT)
				n += (size_t)snprintf(to + n, room - n, "[%s]%s", value->text, end);
			else if (h.schema.field[i].kind == WEIR_REAL)
				n += (size_t)snprintf(to + n, room - n, "%.17g%s", value->real, end);
			else
				n += (size_t)snprintf(to + n, room - n, "%lldi%s", (long long)value->integer, end);
		}
	harness_close(&h);
	unlink(file.path);
	return to;
}

static void expect_records(const char *arguments, const char *text, const char *expected)
{
	char got[4096];

	if (strcmp(read_as_text(arguments, text, got, sizeof(got)), expected))
		fail_msg("csv:FILE%s of\n%s\ngives\n%s\ninstead of\n%s", arguments, text, got, expected);
}

/* The run ends with `message` after `n` records. */
static void expect_failure(const char *arguments, const char *text, uint32_t n, const char *message)
{
	struct file file = make_file(text);
	struct harness h;
	char format[200];

	snprintf(format, sizeof(format), "csv:%%s%s", arguments);
	open_source(&h, format, file.path);
	assert_true(harness_pull_all(&h, 100) < 0);
	harness_expect_error(&h, message);
	assert_int_equal(h.n, n);
	harness_close(&h);
	unlink(file.path);
}

static void expect_refused(const char *arguments, const char *text, const char *message)
{
	struct file file = make_file(text);
	char format[200];

	snprintf(format, sizeof(format), "csv:%%s%s", arguments);
	expect_refusal(format, file.path, message);
	unlink(file.path);
}

static void expect_warning(const char *arguments, const char *text, const char *message)
{
	struct file file = make_file(text), said = make_file("");
	int stderr_before = dup(STDERR_FILENO), fd = open(said.path, O_WRONLY);
	struct harness h;
	char format[200], *warning;

	snprintf(format, sizeof(format), "csv:%%s%s", arguments);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	open_source(&h, format, file.path);
	harness_pull_all(&h, 100);
	fflush(stderr);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	close(fd);
	harness_close(&h);
	warning = whole_file(said.path);
	if (!strstr(warning, message))
		fail_msg("csv:FILE%s warns: %s", arguments, warning);
	free(warning);
	unlink(said.path);
	unlink(file.path);
}

/* ------------------------------------------------------------------- quotes */

/* A quote counts where a cell begins; anywhere else it is a character. */
static void a_quote_counts_at_the_beginning(void **state)
{
	(void)state;
	expect_records("", "a,b\n5\" pipe,1\n\"7\"\" pipe\",2\n", "[5\" pipe] 1\n[7\" pipe] 2\n");
	expect_records("", "a,b\nx\"y,z\n\"\",\"\"\n", "[x\"y] [z]\n[] []\n");
	expect_records("", "a,b\nsay \"hi, all\nend,2\n", "[say \"hi] [ all]\n[end] [2]\n");
	expect_records("", "a,b\n\"x\"y\"z,1\n\"p,q\n\"\"r\"\"\",2\n", "[xy\"z] 1\n[p,q\n\"r\"] 2\n");
	expect_records("", "a,b\n \"x\",1\n", "[ \"x\"] 1\n");
	expect_records("", "a,b\nk,\"1\"\nl,\"2\"", "[k] 1\n[l] 2\n");
}

/* A quote that is never closed is named by its own place; skipped, it costs the line that it is on, and no other. */
static void an_open_quote_is_told(void **state)
{
	(void)state;
	expect_failure("", "a,b\nv,1\nw,\"2\nx,3\ny,4\n", 1, ":3:3: the quote that opens here is never closed");
	expect_failure("", "a,b,c\nk,\"x\ny\",\"z\n", 0, ":3:4: the quote that opens here");
	expect_warning("[a:text:4] on_error=skip", "a\nx\n\"open\nlonger\n", ":4: 'a' is cut to 3 bytes");
	expect_failure("[a:text]", "a\nx\n\"multi\nline\"\n\"open\nz\n", 2, ":5:1: the quote that opens here");
	expect_records(" on_error=skip", "a,b\nv,1\nw,\"2\nx,3\ny,4\n", "[v] 1\n[x] 3\n[y] 4\n");
}

/* Lines are counted as an editor counts them, quoted newlines too. */
static void lines_are_counted_through_quotes(void **state)
{
	(void)state;
	expect_failure("", "a,b\n\"x\ny\nz\",1\nk,bad\n", 1, ":5:3: 'bad' is not a number");
	expect_failure("", "\"a\nb\",c\n\n\n1,2\nk,3\n", 1, ":6:1: 'k' is not a number");
}

/* A reader knows nothing of what lies behind the text that it is given. */
static void what_lies_behind_the_text_is_not_read(void **state)
{
	struct weir_csv csv = { .comment = "##" };
	char quoted[] = "a,\"x\"\"", comment[] = "##";
	size_t used;

	(void)state;
	assert_int_equal(weir_csv_look(&csv, quoted, 5, true, &used), 1);
	assert_int_equal(csv.n_cells, 2);
	assert_string_equal(csv.cell[1], "x");
	assert_int_equal(weir_csv_look(&csv, comment, 1, true, &used), 1);
	assert_string_equal(csv.cell[0], "#");
}

/* -------------------------------------------------------------------- kinds */

/* The first line that counts says what a column is: one that is well-formed, and whose cell says something. */
static void the_first_line_that_counts_decides(void **state)
{
	(void)state;
	expect_records(" on_error=skip", "a,b\nsensor restarted\n1,2\n", "1 2\n");
	expect_records("", "id,name\n1,\n2,bob\n", "1 []\n2 [bob]\n");
	expect_records("", "a,b\nnan,x\n,y\nbob,z\n", "[nan] [x]\n[] [y]\n[bob] [z]\n");
	expect_records("", "a,b\nnan,1\n,2\n5,3\n", "nan 1\nnan 2\n5 3\n");
	expect_records("[b,a]", "a,b\nx,1.5\n7,2.5\n", "1.5 [x]\n2.5 [7]\n");
	expect_records("[a:real,b] on_error=skip", "a,b\nunavailable,7\n1,x\n", "1 [x]\n");
	expect_records(" on_error=skip time=t unit=ms", "t,a\nlater,x\n1,5\n", "5\n");
	expect_records("", "a\n20\n20.5\n-3e1\n", "20\n20.5\n-30\n");
	expect_records("[a]", "a,b\n,1\n,2\n", "nan\nnan\n");
	expect_failure("", "a\n1\nx\n", 1, ":3:1: 'x' is not a number: [a:text] reads the column as text");
}

/* A whole number keeps its digits, or is refused. */
static void whole_numbers_keep_their_digits(void **state)
{
	(void)state;
	expect_records("", "eui\n8121069193333309404\n8121069193333309389\n5\n-9223372036854775808\n",
		       "8121069193333309404i\n8121069193333309389i\n5i\n-9223372036854775808i\n");
	expect_records("", "n\n9007199254740991\n9007199254740992\n", "9007199254740991\n9007199254740992\n");
	expect_failure("", "n\n1\n9007199254740993\n", 1,
		       ":3:1: '9007199254740993' has more digits than a real number keeps: [n:int]");
	expect_failure("", "n\n0.5\n-18446744073709551617\n", 1, "keeps: [n:int] or [n:text]");
	expect_records("[n:real]", "n\n9007199254740993\n", "9007199254740992\n");
	expect_records("", "n\n18446744073709551615\n18446744073709551614\n",
		       "[18446744073709551615]\n[18446744073709551614]\n");
	expect_failure("", "n\n9223372036854775807\n9223372036854775808\n", 1,
		       "is out of range: [n:text] keeps its digits");
	expect_failure("", "n\n9223372036854775807\n0.5\n", 1, "is not an integer: [n:real]");
	expect_failure("[n:u64]", "n\n1\n18446744073709551615\n", 1, "out of range");
	expect_failure("", "n\n1\n1e999\n", 1, "out of range");
	expect_failure("[n:f32]", "n\n1\n1e300\n", 1, "out of range");
}

/* A whole number that begins with a 0 is a name, as a postcode is. */
static void a_leading_zero_is_kept(void **state)
{
	(void)state;
	expect_records("", "zip,v,w\n01067,0.5,0\n10115,-0.25,1\n", "[01067] 0.5 0\n[10115] -0.25 1\n");
	expect_failure("", "zip\n10115\n01067\n", 1,
		       "'01067' begins with a 0, which a number does not keep: [zip:text]");
	expect_failure("", "id\n8121069193333309404\n007\n", 1, "begins with a 0");
	expect_records("[zip:real]", "zip\n01067\n", "1067\n");
	expect_records("[zip:int]", "zip\n01067\n-00\n", "1067i\n0i\n");
	expect_records("", "h\n0x10\n0x20\n", "[0x10]\n[0x20]\n");
	expect_records("", "h\n00.5\n0e5\n", "0.5\n0\n");
}

static void kinds_are_told_in_one_vocabulary(void **state)
{
	char text[] = "a,b,c,d\n1,true,5,abcdef\n-2, FALSE ,,\n";

	(void)state;
	expect_records("[a:int,b:bool,c:real,d:text]", text, "1i 1i 5 [abcdef]\n-2i 0i nan []\n");
	expect_records("[d:text:4,a:text]", text, "[abc] [1]\n[] [-2]\n");
	expect_records("[\"x:y\",\"x:y:int\"]", "x:y,x:y:int\n1,2\n", "1 2\n");
	expect_refused("[a:tex]", text, "'a:tex' has an unknown type");
	expect_refused("[a:int:4]", text, "unknown type");
	expect_refused("[a:text:1]", text, "unknown type");
	expect_refused("[a:text:9999]", text, "unknown type");
	expect_failure("[b:bool]", "b\n1\n2\n", 1, "'2' is not a truth value");
	expect_failure("[a:int]", "a\n1\n\"\"\n", 1, "'' is not an integer");
}

/* ------------------------------------------------------------------- header */

static void a_file_without_a_header_is_told(void **state)
{
	(void)state;
	expect_refused("", "1,2.5\n3,4\n", "the first line");
	expect_refused("", "2024-01-01 00:00:00,5\n", "header=no with the names of all columns");
	expect_warning("", "id,2024,2025\n1,2,3\n", "'2024' names a column");
	expect_records(" header=yes", "2024,2025\n1,2\n", "1 2\n");
	expect_records("[a,b:text] header=no",
		       "\xef\xbb\xbf"
		       "1,2.5\n3,4\n",
		       "1 [2.5]\n3 [4]\n");
	expect_records("[when,b:int] header=no time=when unit=s", "1,5\n2,6\n", "5i\n6i\n");
	expect_refused(" header=no", "1,2\n", "needs the names of its columns");
	expect_refused("[a,b] header=no time=t", "1,2\n", "no column 't'");
	expect_failure("[a] header=no", "1,2\n", 0, ":1:1: '1' begins a line of 2 cells, and there are names of 1");
}

/* Files that come from elsewhere: their marks, ends of lines, remarks and empty columns. */
static void files_of_others_are_read(void **state)
{
	(void)state;
	expect_records("", "\xef\xbb\xbf\"a b\", c \r\n\r\n1,2\r\n\r\n3,4\r\n", "1 2\n3 4\n");
	expect_records("[\"a b\"]", "\xef\xbb\xbf\"a b\", c \r\n1,2\r\n", "1\n");
	expect_records(" comment=\"#\"", "# logger \"3\na,b\n# \"restart\n1,2\n#end", "1 2\n");
	expect_warning("", "# a logger\n1\n", "comment=\"#\" leaves such lines out");
	expect_failure("", "a,b\n1,2\n# restart\n", 1, "comment=\"#\" leaves such lines out");
	expect_records("", ",a,b,\n0,1,2,\n", "1 2\n");
	expect_warning("", ",a,b,\n0,1,2,\n", "2 columns without a name are left out");
	expect_warning("", "a;b\n1;2\n", "separator=\";\" takes it apart");
	expect_warning("", "a\tb\n1\t2\n", "separator=tab");
	expect_refused("",
		       "\xff\xfe"
		       "a",
		       "UTF-16");
	expect_refused("", "a,b\r1,2\r3,4", "carriage returns in place of newlines");
	expect_records("", "\"a\r\nb\",c\r\n1,2\r\n", "1 2\n");
}

/* A byte of zero, as a power cut leaves them in files, ends no cell. */
static void zeros_are_malformed(void **state)
{
	static const char bytes[] = "a,b\n1,2\n3\0junk,4\n5,6\n\0\0\0\0\n7,8\n";
	struct file file = make_file_of(bytes, sizeof(bytes) - 1);
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s", file.path);
	assert_true(harness_pull_all(&h, 100) < 0);
	assert_int_equal(h.n, 1);
	harness_expect_error(&h, ":3:1: '3' begins a line that has a byte of zero in it");
	harness_close(&h);
	open_source(&h, "csv:%s on_error=skip", file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 3);
	assert_int_equal(atomic_load(&h.source->lost[WEIR_LOST_CUT]), 2);
	harness_close(&h);
	unlink(file.path);
}

/* ------------------------------------------------------------ separator, mark */

static void separators_and_decimal_marks_are_told(void **state)
{
	(void)state;
	expect_records(" separator=\";\" decimal=\",\"", "a;b;c\n1,5;x,y;-2\n,25;\"p;q\";1e3\n",
		       "1.5 [x,y] -2\n0.25 [p;q] 1000\n");
	expect_records(" separator=tab", "a\tb\n1\t\"x\ty\"\n", "1 [x\ty]\n");
	expect_records(" separator=\"\\t\"", "a\tb\n1\tx\n", "1 [x]\n");
	expect_records(" separator=\" \"", "a b\n1 x,y\n", "1 [x,y]\n");
	expect_failure("[a:real] separator=\";\" decimal=\",\"", "a\n1,5\n1.500\n", 1, "'1.500' is not a number");
	expect_warning(" separator=\";\"", "a;b\n1,5;2\n", "decimal=\",\" reads it as a number");
	expect_refused(" decimal=\",\"", "a,b\n1,2\n", "this is the decimal mark already");
	expect_refused(" decimal=\";\"", "a,b\n1,2\n", "a point or a comma");
	expect_refused(" separator=\".\"", "a,b\n1,2\n", "numbers and words have this character");
	expect_refused(" separator=\"ab\"", "a,b\n1,2\n", "one character");
}

/* -------------------------------------------------------------------- times */

static void expect_times(const char *arguments, const char *text, int64_t first, int64_t second)
{
	struct file file = make_file(text);
	struct harness h;
	char format[200];

	snprintf(format, sizeof(format), "csv:%%s%s", arguments);
	open_source(&h, format, file.path);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 2);
	if (h.t[0] != first || h.t[1] != second)
		fail_msg("csv:FILE%s of\n%s\nhas the times %lld and %lld", arguments, text, (long long)h.t[0],
			 (long long)h.t[1]);
	harness_close(&h);
	unlink(file.path);
}

static void times_are_exact_in_every_unit(void **state)
{
	const int64_t t = 1700000000123456789;

	(void)state;
	expect_times(" time=t unit=s", "t,a\n1700000000.123456789,1\n1.7e9,2\n", t, 1700000000000000000);
	expect_times(" time=t unit=ms", "t,a\n1700000000123.456789,1\n2,2\n", t, 2000000);
	expect_times(" time=t unit=us", "t,a\n1700000000123456.789,1\n2,2\n", t, 2000);
	expect_times(" time=t unit=ns", "t,a\n1700000000123456789,1\n2,2\n", t, 2);
	expect_times(" time=t unit=iso", "t,a\n2023-11-14T22:13:20.123456789Z,1\n1970-01-01 01:00:00+01:00,2\n", t, 0);
	expect_times("[t,a] time=t", "t,a\n1700000000123456789,1\n2,2\n", t, 2);
	/* Without a unit, as the first time is written. */
	expect_times(" time=t", "t,a\n1700000000.123456789,1\n2.5,2\n", t, 2500000000);
	expect_times(" time=t separator=\";\" decimal=\",\"", "t;a\n0,500000000;1\n1,500000000;2\n", 500000000,
		     1500000000);
	expect_times(" time=t", "t,a\n2023-11-14 22:13:20.123456789,1\n1970-01-01,2\n", t, 0);
	expect_refused(" time=t", "t,a\n0.5,1\n", "unit= must name its unit");
	expect_refused(" time=t unit=min", "t,a\n0.5,1\n", "unit");
	expect_refused(" unit=s", "t,a\n0.5,1\n", "unit= needs time=, a column in this unit");
	expect_failure(" time=t unit=s", "t,a\n1,1\n9223372037,2\n", 1,
		       ":3:1: '9223372037' is out of the range of times");
	expect_failure(" time=t unit=iso", "t,a\n2024-01-01,1\n01/02/2024,2\n", 1,
		       "is not a date and time of ISO 8601");
	expect_failure(" time=t unit=iso", "t,a\n2024-01-01,1\n2300-01-01,2\n", 1, "out of the range of times");
	expect_failure(" time=t", "t,a\n5,1\nnoon,2\n", 1, "'noon' is not a time");
}

/* A file is read as fast as it goes, times or not; a rate and speed=1 keep distances. */
static void times_do_not_hold_up(void **state)
{
	struct file file = make_file("t,a\n0,1\n3600000000000,2\n");
	struct harness h;

	(void)state;
	open_source(&h, "csv:%s time=t", file.path);
	assert_int_equal(harness_pull(&h, 100), 2);
	harness_close(&h);
	open_source(&h, "csv:%s time=t speed=1", file.path);
	assert_int_equal(harness_pull(&h, 100), 1);
	assert_int_equal(harness_pull(&h, 100), -EAGAIN);
	harness_close(&h);
	unlink(file.path);
}

/* ------------------------------------------------------------------- devices */

/* A serial line, played by a pair of terminals: what had been begun when it was unplugged is no record. */
static void a_device_that_goes_ends_no_line(void **state)
{
	static const char *const chains[] = { "csv:%s", "csv:%s on_error=skip", "csv:%s[temp,hum]", "lines:%s" };

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		bool is_csv = chains[i][0] == 'c';
		char name[64];
		struct termios raw = { .c_cflag = CS8 | CREAD };
		struct harness h;
		int ours, theirs;

		assert_int_equal(openpty(&ours, &theirs, name, &raw, NULL), 0);
		assert_int_equal(write(ours, "temp,hum\n20.5,40\n", 17), 17);
		open_source(&h, chains[i], name);
		assert_int_equal(harness_pull(&h, 100), is_csv ? 1 : 2);
		assert_int_equal(write(ours, "21.5,4", 6), 6);
		assert_int_equal(harness_pull(&h, 100), -EAGAIN);
		close(theirs);
		close(ours);
		assert_int_equal(harness_pull(&h, 100), -ENODEV);
		assert_int_equal(h.n, is_csv ? 1 : 2);
		harness_expect_error(&h, "the device has gone");
		harness_close(&h);
	}
}

/* A program that has ended its output has ended its last line. */
static void a_pipe_may_end_without_a_newline(void **state)
{
	struct file fifo = make_file("");
	struct harness h;
	int fd;

	(void)state;
	unlink(fifo.path);
	assert_int_equal(mkfifo(fifo.path, 0600), 0);
	fd = open(fifo.path, O_RDWR);
	assert_int_equal(write(fd, "a,b\n,1\n2,3", 10), 10);
	/* The first line does not say what a is, and no more comes soon: a number it is. */
	open_source(&h, "csv:%s", fifo.path);
	assert_int_equal(h.schema.field[0].kind, WEIR_REAL);
	assert_int_equal(harness_pull(&h, 100), 1);
	close(fd);
	assert_int_equal(harness_pull_all(&h, 100), 0);
	assert_int_equal(h.n, 2);
	assert_true(h.value[0][1].real == 2);
	harness_close(&h);
	unlink(fifo.path);
}

/* As many columns as a record may have, to the last; one more is refused. */
static void as_many_columns_as_there_may_be(void **state)
{
	(void)state;
	for (uint32_t n = WEIR_CELLS_MAX; n <= WEIR_CELLS_MAX + 1; n++) {
		char *text = malloc(32 * (size_t)n), *at = text, arguments[32], expected[32];

		assert_non_null(text);
		for (uint32_t i = 0; i < n; i++)
			at += sprintf(at, "c%u%c", i, i + 1 < n ? ',' : '\n');
		for (uint32_t i = 0; i < n; i++)
			at += sprintf(at, "%u%c", i, i + 1 < n ? ',' : '\n');
		snprintf(arguments, sizeof(arguments), "[c%u,c0]", WEIR_CELLS_MAX - 1);
		snprintf(expected, sizeof(expected), "%d 0\n", WEIR_CELLS_MAX - 1);
		if (n == WEIR_CELLS_MAX) {
			expect_records(arguments, text, expected);
		} else {
			struct file file = make_file(text);

			expect_refusal("csv:%s", file.path, "columns");
			unlink(file.path);
		}
		free(text);
	}
}

/* A line that is too long is one line, however often the memory is filled with it. */
static void a_long_line_is_one_line(void **state)
{
	size_t n = 8 << 20;
	char *text = malloc(n + 8);
	struct weir_csv csv = { 0 };
	struct harness h;
	struct file file;
	int got;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', n + 7);
	memcpy(text, "a\n", 2);
	memcpy(text + n, "\nb\n", 4);
	file = make_file(text);
	open_source(&h, "csv:%s[a] header=no", file.path);
	assert_int_equal(weir_input_open(&csv.input, h.source, file.path), 0);
	assert_int_equal(weir_csv_next(&csv), 1);
	assert_int_equal(csv.line, 1);
	assert_int_equal(weir_csv_next(&csv), -E2BIG);
	assert_int_equal(csv.line, 2);
	weir_csv_skip(&csv);
	while ((got = weir_csv_next(&csv)) == -EAGAIN)
		;
	assert_int_equal(got, 1);
	assert_string_equal(csv.cell[0], "b");
	assert_int_equal(csv.line, 3);
	weir_input_close(csv.input);
	harness_close(&h);
	unlink(file.path);
	free(text);
}

/* The mark of UTF-8 before the first line is recognised byte by byte, in whatever pieces a pipe brings it. */
static void a_mark_may_come_in_pieces(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 5; cut++) {
		struct file file = make_file("a\n1\n"), fifo = make_file("");
		struct weir_csv csv = { 0 };
		struct harness h;
		int fd;

		unlink(fifo.path);
		assert_int_equal(mkfifo(fifo.path, 0600), 0);
		fd = open(fifo.path, O_RDWR | O_CLOEXEC);
		open_source(&h, "csv:%s", file.path);
		assert_int_equal(weir_input_open(&csv.input, h.source, fifo.path), 0);
		assert_int_equal(write(fd, "\357\273\277b\n", cut), cut);
		assert_int_equal(weir_csv_next(&csv), -EAGAIN);
		assert_int_equal(write(fd, &"\357\273\277b\n"[cut], 5 - cut), 5 - cut);
		assert_int_equal(weir_csv_next(&csv), 1);
		assert_string_equal(csv.cell[0], "b");
		weir_input_close(csv.input);
		harness_close(&h);
		close(fd);
		unlink(fifo.path);
		unlink(file.path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quote_counts_at_the_beginning),
		cmocka_unit_test(an_open_quote_is_told),
		cmocka_unit_test(lines_are_counted_through_quotes),
		cmocka_unit_test(what_lies_behind_the_text_is_not_read),
		cmocka_unit_test(the_first_line_that_counts_decides),
		cmocka_unit_test(whole_numbers_keep_their_digits),
		cmocka_unit_test(a_leading_zero_is_kept),
		cmocka_unit_test(kinds_are_told_in_one_vocabulary),
		cmocka_unit_test(a_file_without_a_header_is_told),
		cmocka_unit_test(files_of_others_are_read),
		cmocka_unit_test(zeros_are_malformed),
		cmocka_unit_test(separators_and_decimal_marks_are_told),
		cmocka_unit_test(times_are_exact_in_every_unit),
		cmocka_unit_test(times_do_not_hold_up),
		cmocka_unit_test(a_device_that_goes_ends_no_line),
		cmocka_unit_test(as_many_columns_as_there_may_be),
		cmocka_unit_test(a_long_line_is_one_line),
		cmocka_unit_test(a_mark_may_come_in_pieces),
		cmocka_unit_test(a_pipe_may_end_without_a_newline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
