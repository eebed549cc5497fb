#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Mistakes of the command line, and files that are no programs: each gets a sentence that says where and what instead, and status 2.
. tests/cli/tap.inc

says() { # STATUS TEXT ARGUMENT…: weir ends with it, and says so on standard error, nothing on standard output
    status=$1
    text=$2
    shift 2
    timeout -s KILL 20 "$weir" "$@" >"$work/out" 2>"$work/err"
    same "$status" $? && [ ! -s "$work/out" ] && { grep -qF -- "$text" "$work/err" || { cat "$work/err" >&2 && false; }; }
}

printf 'synth:sine |\n pr\000int\n' >"$work/nul.weir"
ok 'a NUL byte has a line and a column' says 2 "nul.weir:2:4: error: a NUL byte" run "$work/nul.weir"
printf 'synth:sine | pr\377int\n' >"$work/latin.weir"
ok 'so has a byte that is no text' says 2 'latin.weir:1:16: error: unexpected byte 0xff' run "$work/latin.weir"
printf '\357\273\277synth:sine rate=max | limit 1 | print\r\n' >"$work/mark.weir"
ok 'a byte order mark and carriage returns are no mistake' same 1 "$("$weir" run -q "$work/mark.weir" | wc -l)"
yes 'synth:sine rate=1Hz | null' | head -c 10000000 >"$work/big.weir"
ok 'ten megabytes of program are refused at once' says 2 'big.weir: error: a program has at most 1048576 bytes' run "$work/big.weir"
ok 'a file without an end is no program' says 2 'at most 1048576 bytes' run /dev/zero
: >"$work/empty.weir"
ok 'an empty program says what the least is' says 2 "the least is 'source | sink'" run "$work/empty.weir"
ok 'a directory is no program' says 2 'Is a directory' run "$work"
ok 'a misspelt command has a suggestion' says 2 "did you mean 'check'?" chekc 'synth:sine | null'
ok 'so has a misspelt kind' says 2 "did you mean 'stages'?" list stage
ok 'an option that takes words names them' says 2 'not one of auto, inline, batch, user' run --filter-tier=bacth 'synth:sine | null'
ok 'no threads at all are refused' says 2 "'0' is not a positive count" run --threads 0 'synth:sine | null'
ok 'a negative time is refused' says 2 "'-5s' is not a positive time" run --for -5s 'synth:sine | null'
ok 'an unquoted program is told to be quoted' says 2 'quote it' run synth:sine '|' null
two='s = synth:square rate=10Hz; s | gpio:LAMP; s | gpio:LAMP park=on'
ok 'an output is set from one place' says 2 "1:53: error: 'LAMP' is an output of this program already" run --dry-run -n 1 "$two"
ok 'an output by hand is shown as it was written' says 2 "weir: error: unexpected 'B' among" set 'gpio:A B=on'
ok 'a > within the quotes is told to be outside' says 2 'write > FILE behind the quotes' run 'synth:sine | print > out.txt'
printf 'a\033[2J,b\n1,2\n' >"$work/escape.csv"
ok 'what a file holds is no command to the terminal' says 2 "unknown field 'c'" check "csv:$work/escape.csv | select c | null"
ok 'but question marks' grep -q 'a?\[2J' "$work/err"
printf 'a;b\n1;2\n' >"$work/semicolons.csv"
ok 'columns that are not separated by commas are noticed' says 0 "'a;b': columns are separated by commas" \
    check "csv:$work/semicolons.csv | null"
finish
