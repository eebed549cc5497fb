/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "expr/foreign.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Several words, and what is said of them. */
struct foreign {
	const char *words; /* with blanks around each */
	const char *ours;  /* what stands in their place before their own arguments; NULL: there is more to say */
	const char *text;  /* an example, or what there is to say */
};

static const struct foreign stages[] = {
	{ " head take first top ", "limit", "limit 10" },
	{ " tail ", NULL,
	  "a stream has no end to count from: 'skip 10' leaves out the first 10 records, 'window 10 last(x) as x' has "
	  "the "
	  "last of each 10" },
	{ " drop ", "skip", "skip 10" },
	{ " filter if when only having require keep unless ", "where", "where x > 0" },
	{ " grep egrep search match ", NULL,
	  "'where x > 0' chooses records by numbers; lines of text are chosen before: exec:\"grep WORD FILE\"" },
	{ " uniq unique dedup dedupe distinct deduplicate ", "changed", "changed x" },
	{ " cut project fields columns pick ", "select", "select x, y" },
	{ " map apply compute calc eval let set transform mutate expr ", "select", "select y = 2 * x" },
	{ " awk gawk sed tr perl python python3 jq ", NULL,
	  "'select y = 2 * x' computes and 'where x > 0' chooses; a program is a stage by exec \"COMMAND\"" },
	{ " xargs sh bash shell system run command alert notify ", NULL,
	  "a program is a stage by exec \"COMMAND\", and a sink by exec:\"COMMAND\"" },
	{ " reduce fold aggregate agg group groupby group_by by bucket rolling ", NULL,
	  "did you mean 'window 10 sum(x) as s'?" },
	{ " tee fork branch copy ", NULL,
	  "give the stream a name and begin several chains with it: s = SOURCE; s | csv:FILE; s | print" },
	{ " cat echo show display log stdout output printf less more puts dump ", "print", "print" },
	{ " save write file store export to ", NULL,
	  "a file is a sink of its own: csv:FILE, or record:FILE with every bit" },
	{ " sleep wait ratelimit rate_limit limit_rate ", "throttle", "throttle 1s" },
	{ " sample downsample decimate nth thin ", "every", "every 10" },
	{ " smooth moving_average movavg sma ema ma exponential ", NULL,
	  "did you mean 'ewma tau=1s x', or 'window 10 step 1 mean(x) as m'?" },
	{ " lowpass low_pass lpf ", "fir low", "fir low 10Hz" },
	{ " highpass high_pass hpf ", "fir high", "fir high 10Hz" },
	{ " bandpass band_pass bpf ", "fir band", "fir band 5Hz to 10Hz" },
	{ " bandstop notch ", "fir stop", "fir stop 49Hz to 51Hz" },
	{ " diff derivative delta ", NULL, "did you mean 'select d = delta(x)'?" },
	{ " prev previous lag ", NULL, "did you mean 'select p = prev(x)'?" },
	{ " shift ", "delay", "delay 10" },
	{ " union concat append combine ", "merge", "merge b" },
	{ " order orderby order_by ", NULL, "did you mean 'sort 200ms'? it puts records in the order of their times" },
	{ " clip bound constrain saturate ", "clamp", "clamp min=0 max=100" },
	{ " threshold hysteresis schmitt trigger ", NULL, "did you mean 'switch on x > 2 off x < 1'?" },
	{ " interpolate align ", NULL, "did you mean 'resample rate=100Hz'?" },
	{ " parse decode from_json parse_json ", NULL, "did you mean 'json text out=\"x\"'?" },
	{ " publish share ", NULL, "did you mean 'weir:NAME', or 'mqtt://HOST/TOPIC'?" },
	{ " relay motor lamp led pin ", NULL, "did you mean 'gpio:LINE'?" },
};

static const struct foreign heads[] = {
	{ " cat tail head less file open read load ", NULL, "a file is a source: csv:FILE, lines:FILE or replay:FILE" },
	{ " stdin input ", NULL, "did you mean 'lines:-'?" },
	{ " seq range count ", NULL, "did you mean 'synth:counter rate=max'?" },
	{ " sine sin wave ", NULL, "did you mean 'synth:sine'?" },
	{ " square noise counter random ", NULL,
	  "did you mean synth:sine, synth:square, synth:noise or synth:counter?" },
	{ " from ", NULL, "leave 'from' out: a chain begins with its source, SOURCE | select x | print" },
	{ " serial uart tty port ", NULL, "did you mean 'lines:/dev/ttyUSB0'?" },
	{ " camera webcam video ", NULL, "did you mean 'v4l2:/dev/video0'?" },
	{ " sensor device i2c spi adc accel gyro temp temperature ", NULL,
	  "did you mean iio:DEVICE? 'weir list devices' shows what there is" },
	{ " pin button line ", NULL, "did you mean 'gpio:LINE'?" },
	{ " subscribe mosquitto_sub topic ", NULL, "did you mean 'mqtt://HOST/TOPIC'?" },
	{ " sh bash run command system ", NULL, "did you mean exec:\"COMMAND\"?" },
	{ " if when while for on filter grep ", NULL, "a chain begins with its source: SOURCE | where x > 0 | print" },
	{ " let var def set stream ", NULL, "a stream is named by NAME = SOURCE" },
	{ " use import include require ", NULL, "a program is one text; there is nothing to include" },
};

static const struct foreign functions[] = {
	{ " avg average mean median sum std rms count last first quantile percentile ", NULL,
	  "it takes several records, and so a window: window 10 mean(x) as m" },
	{ " ln ", NULL, "did you mean 'log'? it is the natural one" },
	{ " fabs magnitude ", NULL, "did you mean 'abs'?" },
	{ " square ", NULL, "write x * x" },
	{ " mod fmod ", NULL, "write x % 10" },
	{ " int trunc integer fix ", NULL, "did you mean 'floor', or 'round'?" },
	{ " ceiling ", NULL, "did you mean 'ceil'?" },
	{ " power ", NULL, "did you mean 'pow'?" },
	{ " lag previous old ", NULL, "did you mean 'prev'?" },
	{ " diff difference change derivative ", NULL, "did you mean 'delta'?" },
	{ " now time timestamp ", NULL, "a record's time is t" },
	{ " isnull is_nan nan ", NULL, "did you mean 'isnan'?" },
	{ " iff case ifelse switch when ", NULL, "did you mean 'if(condition, a, b)'?" },
	{ " ifnull nvl ", NULL, "did you mean 'coalesce'?" },
	{ " sgn signum ", NULL, "did you mean 'sign'?" },
	{ " toupper ucase uppercase ", NULL, "did you mean 'upper'?" },
	{ " tolower lcase lowercase ", NULL, "did you mean 'lower'?" },
	{ " len strlen ", NULL, "did you mean 'length'?" },
	{ " strip ltrim rtrim ", NULL, "did you mean 'trim'?" },
	{ " substring mid left right ", NULL, "write substr(s, 0, 3); positions count from 0" },
	{ " gsub sub ", NULL, "did you mean 'replace'?" },
	{ " startswith starts_with prefix ", NULL, "did you mean 'starts'?" },
	{ " endswith ends_with suffix ", NULL, "did you mean 'ends'?" },
	{ " match regex regexp grep like ", NULL, "did you mean 'matches'?" },
	{ " float double atof tonumber parse ", NULL, "did you mean 'number'?" },
	{ " sprintf printf str string tostring text ", NULL, "did you mean 'format(\"%g\", x)'?" },
	{ " join cat ", NULL, "did you mean 'concat'?" },
	{ " clamp clip ", NULL, "write min(max(x, 0), 100)" },
};

static const struct {
	const char *words, *ours;
} aggregates[] = {
	{ " avg average mean ", "mean" },
	{ " sum total ", "sum" },
	{ " min minimum lowest ", "min" },
	{ " max maximum highest peak ", "max" },
	{ " count wc n num len length size ", "count" },
	{ " std stddev stdev sd sigma ", "std" },
	{ " var variance ", "var" },
	{ " rms ", "rms" },
	{ " median med ", "median" },
	{ " percentile quantile pct p95 p99 p50 perc ", "quantile" },
	{ " spread ptp ", "range" },
	{ " latest newest ", "last" },
	{ " oldest ", "first" },
	{ " trend gradient ", "slope" },
	{ " area trapz trapezoid energy ", "integral" },
	{ " twa twavg time_weighted_mean time_weighted_average ", "tmean" },
	{ " nunique unique uniq count_distinct cardinality ", "distinct" },
	{ " most_common most_frequent ", "mode" },
	{ " argmax ", "max_by" },
	{ " argmin ", "min_by" },
	{ " correlation corrcoef pearson ", "corr" },
	{ " zero_crossings sign_changes ", "crossings" },
};

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define WORD_MAX 40

static bool is_among(const char *words, const char *word)
{
	char padded[WORD_MAX + 3];

	if (strlen(word) > WORD_MAX)
		return false;
	snprintf(padded, sizeof(padded), " %s ", word);
	return strcasestr(words, padded);
}

static const struct foreign *find_foreign(const struct foreign *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (is_among(table[i].words, word))
			return &table[i];
	return NULL;
}

const char *weir_foreign_aggregate(const char *word)
{
	for (size_t i = 0; i < ROWS(aggregates); i++)
		if (is_among(aggregates[i].words, word))
			return aggregates[i].ours;
	return NULL;
}

/* Without the options of a shell: `-n 3` and `-3` are 3. Blanks and a parenthesis around all do not count. */
static const char *arguments_of(const char *rest, uint32_t *n)
{
	while (*n && (*rest == ' ' || *rest == '\t'))
		rest++, --*n;
	if (*n && *rest == '-')
		while (*n && strchr("-abcdefghijklmnopqrstuvwxyz =", *rest))
			rest++, --*n;
	while (*n && strchr(" \t\r", rest[*n - 1]))
		--*n;
	if (*n > 1 && rest[0] == '(' && rest[*n - 1] == ')') {
		*n -= 2;
		rest++;
	}
	return rest;
}

static void say_aggregate(const char *ours, const char *rest, uint32_t n, char hint[WEIR_HINT_BYTES])
{
	bool is_count = !strcmp(ours, "count");
	const char *more = strcmp(ours, "quantile") ? "" : ", 0.95";

	if (is_count || !n)
		rest = is_count ? "" : "x", n = (uint32_t)strlen(rest);
	snprintf(hint, WEIR_HINT_BYTES, "did you mean 'window 10 %s(%.*s%s) as %s'?", ours, (int)(n < 60 ? n : 60),
		 rest, more, is_count ? "n" : "m");
}

/* More than names, and without a name of its own. */
static bool is_computed(const char *text, uint32_t n)
{
	bool is_named = memchr(text, '=', n);

	return !is_named && (memchr(text, '*', n) || memchr(text, '+', n) || memchr(text, '-', n) ||
			     memchr(text, '/', n) || memchr(text, '(', n));
}

bool weir_foreign_stage(const char *word, const char *rest, uint32_t n, char hint[WEIR_HINT_BYTES])
{
	const struct foreign *stage = find_foreign(stages, ROWS(stages), word);
	const char *aggregate = stage ? NULL : weir_foreign_aggregate(word);

	rest = arguments_of(rest, &n);
	if (aggregate)
		say_aggregate(aggregate, rest, n, hint);
	else if (stage && !stage->ours)
		snprintf(hint, WEIR_HINT_BYTES, "%s", stage->text);
	else if (stage && n && !strcmp(stage->ours, "select") && is_computed(rest, n))
		snprintf(hint, WEIR_HINT_BYTES, "did you mean 'select y = %.*s'?", (int)(n < 100 ? n : 100), rest);
	else if (stage && n && strcmp(stage->ours, stage->text))
		snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s %.*s'?", stage->ours, (int)(n < 100 ? n : 100), rest);
	else if (stage)
		snprintf(hint, WEIR_HINT_BYTES, "did you mean '%s'?", stage->text);
	return stage || aggregate;
}

static bool say(const struct foreign *found, char hint[WEIR_HINT_BYTES])
{
	if (found)
		snprintf(hint, WEIR_HINT_BYTES, "%s", found->text);
	return found;
}

bool weir_foreign_head(const char *word, char hint[WEIR_HINT_BYTES])
{
	return say(find_foreign(heads, ROWS(heads), word), hint);
}

bool weir_foreign_function(const char *word, char hint[WEIR_HINT_BYTES])
{
	return say(find_foreign(functions, ROWS(functions), word), hint);
}

/* `0,5`, with the comma at `at`. */
static bool is_decimal_comma(const char *text, uint32_t at, char hint[WEIR_HINT_BYTES])
{
	uint32_t from = at, to = at + 1;

	if (text[at] != ',' || !at || !isdigit((unsigned char)text[at - 1]) || !isdigit((unsigned char)text[to]))
		return false;
	while (from && isdigit((unsigned char)text[from - 1]))
		from--;
	while (isdigit((unsigned char)text[to]))
		to++;
	snprintf(hint, WEIR_HINT_BYTES, "the decimal mark is a point: %.*s.%.*s", weir_hint_shown(from, at),
		 text + from, weir_hint_shown(at + 1, to), text + at + 1);
	return true;
}

bool weir_point_for_comma(const char *text, struct weir_span where, char hint[WEIR_HINT_BYTES])
{
	for (uint32_t at = where.at; at < where.at + where.length; at++)
		if (is_decimal_comma(text, at, hint))
			return true;
	return false;
}
