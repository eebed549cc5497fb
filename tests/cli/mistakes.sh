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
{ seq -s , -f 'c%g' 70 && seq -s , 70; } >"$work/wide.csv"
printf 'a\033[2J,b\n1,2\n' >"$work/escape.csv"
many() { # N: chains that read one stream, and N names of one split
    echo 's = synth:counter rate=max'
    seq -f 's | skip %g | null' "$1"
    echo "$(seq -s , -f 'd%g' "$1") = csv:tests/data/raw.csv[a:s16] | split a"
    seq -f 'd%g | window 10 mean(a) as m | null' "$1"
}

many 64 >"$work/64.weir"
many 65 >"$work/65.weir"
ok '64 readers of a stream are all that there may be' same 0 "$(status_of "$weir" run -n 10 "$work/64.weir")"
ok 'one more has its place and the number' says 2 '65.weir:66:5: error: this is reader 65 of its stream, and a stream has at most 64' check "$work/65.weir"
ok 'of a split too' grep -q '65.weir:67:.*reader 65' "$work/err"
ok 'and only the first that is one too many' same 2 "$(grep -c 'error: ' "$work/err")"
{ many 60 | sed '1,61!d' && echo 'more = s | skip 0' && seq -f 'more | skip %g | null' 60; } >"$work/more.weir"
ok 'a stream made of it has readers of its own' same 0 "$(status_of "$weir" run -n 10 "$work/more.weir")"
outputs() { # N
    echo 's = synth:square rate=10Hz'
    seq -f 's | gpio:L%g park=off' "$1"
}

outputs 16 >"$work/16.weir"
outputs 17 >"$work/17.weir"
ok '16 outputs are all that the guard holds of a program' says 0 'L16' run --dry-run -n 1 "$work/16.weir"
ok 'one more has its place' says 2 '17.weir:18:10: error: this is output 17, and the guard holds at most 16' run --dry-run -n 1 "$work/17.weir"
ok 'without the guard there may be more' says 0 'L17' run --no-guard --dry-run -n 1 "$work/17.weir"
ok 'what a record holds at most is told' says 2 "a record has at most 64 fields" \
    check "synth:sine | select $(seq -s , -f 'f%g = value' 65) | null"
ok 'of a file too' says 2 "a record has at most 64 fields" check "csv:$work/wide.csv | null"
ok 'and how long a name may be' says 2 "a name has at most 47 letters" check "a = synth:sine; $(printf '%060d' 0 | tr 0 n) = synth:sine; zip(a, $(printf '%060d' 0 | tr 0 n)) | null"
ok 'what a file holds is no command to the terminal' says 2 "unknown field 'c'" check "csv:$work/escape.csv | select c | null"
ok 'but question marks' grep -q 'a?\[2J' "$work/err"
printf 'a;b\n1;2\n' >"$work/semicolons.csv"
ok 'the separator of a file that has another one is named' says 0 "'a;b': separator=\";\" takes it apart" \
    check "csv:$work/semicolons.csv | null"
finish
