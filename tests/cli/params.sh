#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Parameters: one program for several places. A value arrives where its name stands, from the command line or a file, and is never
# read as syntax; a missing or unknown one is an error that lists the parameters.
# shellcheck disable=SC2016 # $ is the language's
. tests/cli/tap.inc

gives() { # EXPECTED ARGUMENT…: what a run prints, without times
    expected=$1
    shift
    "$weir" run --stats none "$@" >"$work/out" 2>"$work/err"
    code=$?
    same "$expected" "$(sed 's/"t":[-0-9]*,*//' "$work/out")" && return "$code"
}

says() { # STATUS TEXT COMMAND…: it ends with this status and says this
    status=$1 text=$2
    shift 2
    "$weir" "$@" >"$work/out" 2>"$work/err"
    same "$status" $? && grep -qF -e "$text" "$work/err" && return
    cat "$work/err" >&2
    return 1
}

printf 'value,t\n1,2\n' >"$work/home.csv"
write_program() { sed "s|\$work|$work|" >"$work/fan.weir"; }
write_program <<'END'
param place  = home      "of the sensor"
param limit  = 30C       "switch on above this"
param label  = "hall $$" "text of the records"
param column = value     # no help
csv:$work/$place.csv[${column}] | limit 1 | select v = $limit + 1C, c = $limit > 35C, l = $label | print
END
fan=$work/fan.weir

ok 'defaults' gives '{"v":31,"c":0,"l":"hall $"}' "$fan"
ok 'values of the command line' gives '{"v":41,"c":1,"l":"door"}' "$fan" limit=40C label=door
ok 'before options too' gives '{"v":-4,"c":0,"l":"hall $"}' "$fan" limit=-5C -n 1
ok 'a value is no syntax' gives '{"v":31,"c":0,"l":"a\" | gpio:X $limit # {"}' "$fan" 'label=a" | gpio:X $limit # {'
ok 'nor is it in a target' says 3 'home.csv | print.csv' run "$fan" 'place=home.csv | print'
ok 'nor in columns' says 2 'value,t' run "$fan" 'column=value,t'
ok 'a text in place of a word' gives '{"value":1}' 'param n = 1; param p = block; synth:counter rate=1kHz | skip $n policy=$p | limit 1 | print'
ok 'a text in single quotes, and one in an expression, is plain' gives '{"a":"$x","b":"$x"}' \
    "param x = 1; synth:counter rate=1kHz | limit 1 | select a = '\$x', b = \"\$x\" | print"
ok 'a constant, not a field' gives '{"a":"value"}' 'param x = value; synth:counter rate=1kHz | limit 1 | select a = $x | print'

printf '# values\n\n limit=50C \nlabel="a b"\nPATH_OF_OTHERS=1\n' >"$work/fan.env"
ok 'values of a file' gives '{"v":51,"c":1,"l":"a b"}' "$fan" --params="$work/fan.env"
ok 'and the command line before it' gives '{"v":61,"c":1,"l":"a b"}' --params="$work/fan.env" "$fan" limit=60C
ok 'a file that need not exist' gives '{"v":31,"c":0,"l":"hall $"}' "$fan" --params=-"$work/none.env"
ok 'one that must' says 2 "cannot open '$work/none.env'" run "$fan" --params="$work/none.env"
printf 'limit=50C\nlimt=1C\n' >"$work/typo.env"
ok 'an unknown one of a file' says 2 "did you mean 'limit'? it has place, limit, label, column" check "$fan" --params="$work/typo.env"
printf 'limit\n' >"$work/typo.env"
ok 'a line that is none' says 2 "typo.env:1: error: expected NAME=VALUE" check "$fan" --params="$work/typo.env"

ok 'an unknown one' says 2 "no parameter 'LIMIT'" check "$fan" LIMIT=3C
ok 'is shown with those that exist' grep -qF "did you mean 'limit'? it has place, limit, label, column" "$work/err"
ok 'one of a program without' says 2 'it has none' check 'synth:sine | print' x=1
ok 'a missing one' says 2 ':1:7: error: no value was given for: a, b' check 'param a "x"
param b
param c = 1
synth:$a | where value > $b + $c | print'
ok 'one that is given' "$weir" check 'param a; synth:$a | print' a=sine
ok 'another unit' says 2 "'28' does not have the unit of parameter 'limit'" check "$fan" limit=28
ok 'no number' says 2 "parameter 'limit' is a number, and 'warm' is none" check "$fan" limit=warm
ok 'one that is not declared' says 2 'a plain dollar is doubled: $$limt' check 'param limit = 1; synth:sine | where value > $limt | print'
ok 'in a target' says 2 "no parameter 'SYS' is declared above" check 'csv:$SYS/x | print'
ok 'with its place' grep -q ':1:5:' "$work/err"
ok 'one that is declared twice' says 2 'declared twice' check 'param a = 1; param a = 2; synth:sine | print'
ok 'one that is given twice' says 2 'given twice' check "$fan" limit=1C limit=2C
ok 'an empty target' says 2 "the target of 'csv' is empty" check 'param a; synth:sine | csv:$a' a=
ok 'a wildcard in the target of a broker' says 2 "has one of { } + #" check 'param a; synth:sine | mqtt://localhost/$a' a=b/+
ok 'param is still a name' gives '{"value":0}' 'param = synth:counter rate=1kHz | limit 1
param | print'

list() { "$weir" list "$@" >"$work/out"; }
ok 'they are listed' list "$fan"
ok 'with their defaults' grep -qE '^  limit=30C +switch on above this$' "$work/out"
ok 'as JSON' list --json "$fan"
ok 'with their names' grep -q '"name": "limit"' "$work/out"

ok 'exec has them in its environment' gives '{"text":"7 a b"}' \
    'param n = 1; param s = x; exec:"echo $WEIR_PARAM_n $WEIR_PARAM_s" | print' n=7 's=a b'
ok 'a file with a dollar in its name is recorded' "$weir" record -q "$work/a\$b.rec" 'synth:counter rate=1kHz | limit 2'
ok 'and there' test -s "$work/a\$b.rec"
finish
