#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What every command owes to whoever calls it: closed descriptors do no harm, what cannot be written is an error, options stand
# anywhere, standard input and output have one use, and what is asked for as JSON is JSON.
. tests/cli/tap.inc

printf 't,a,b\n1,10,20\n2,30,40\n' >"$work/x.csv"
printf 'a,b\n10,20\n30,40\n' >"$work/y.csv"
printf 'synth:counter rate=max | limit 3 | print\n' >"$work/p.weir"
export RUNTIME_DIRECTORY="$work" WEIR_GUARD="$work/guard.sock"

says() { # STATUS TEXT ARGUMENT…: weir ends with it, and says so on standard error
    status=$1 text=$2
    shift 2
    timeout -s KILL 20 "$weir" "$@" </dev/null >"$work/out" 2>"$work/err"
    same "$status" $? && { [ -z "$text" ] || grep -qF -- "$text" "$work/err" || { cat "$work/err" >&2 && false; }; }
}

# --- descriptors ---------------------------------------------------------------

commands() { # one a line: each with status 0, and with something on standard output
    printf '%s\n' "list" "list --json" "list devices" "list window" "--version" "--help" "help run" "run --help" "tap --help" \
        "explain $work/p.weir" "run -q $work/p.weir" "replay -q $work/x.csv"
}

# Each of 0, 1, 2 is closed by itself and with the others: the file that is read is not taken for one of them, and nothing that is
# written comes into it.
closed() {
    commands >"$work/commands"
    cp "$work/x.csv" "$work/kept.csv"
    while read -r command; do
        # shellcheck disable=SC2086 # words
        for close in '<&-' '>&-' '2>&-' '<&- >&-' '>&- 2>&-' '<&- >&- 2>&-'; do
            eval 'timeout -s KILL 20 "$weir" $command 3</dev/null '"$close" >/dev/null 2>&1 </dev/null
            same 0 $? || { echo "$command $close" >&2; return 1; }
        done
    done <"$work/commands"
    cmp "$work/x.csv" "$work/kept.csv"
}

# The first descriptors that a sink opens are not those of messages: a warning would stand in the file.
unmixed() { # REDIRECTION
    rm -f "$work/sink.csv"
    eval '"$weir" run -n 3 "lines:tests/data/long-line.txt width=16 | csv:$work/sink.csv time=none; synth:counter rate=max | print" >/dev/null' "$1"
    grep -qv weir: "$work/sink.csv" && ! grep -qE 'weir:|records in|"value"' "$work/sink.csv"
}

unmixed_guard() { # its lock, its log and its socket: it answers
    # shellcheck disable=SC2188
    "${weir}-guard" --park "$work/g.sock" <&- >&- 2>&-
    same 0 $?
}

full() { # COMMAND: into a full disk, status 1 and a word
    # shellcheck disable=SC2086
    timeout -s KILL 20 "$weir" $1 </dev/null >/dev/full 2>"$work/err"
    same 1 $? && grep -q 'cannot write to standard output: No space left' "$work/err"
}

all_full() {
    commands >"$work/commands"
    while read -r command; do
        full "$command" || { echo "$command" >&2; return 1; }
    done <"$work/commands"
    full 'list streams'
}

ok 'closed descriptors do no harm to any command' closed
ok 'nor do they let messages into a file that is written' unmixed '2>&-'
ok 'nor records' unmixed '>&- 2>/dev/null'
ok 'nor both' unmixed '<&- >&- 2>&-'
ok 'weir-guard has them too' unmixed_guard
ok 'a full disk is an error of every command' all_full
ok 'of the doctor too' sh -c "\"$weir\" doctor >/dev/full 2>'$work/err'; [ \$? = 1 ] && grep -q 'cannot write' '$work/err'"
ok 'and of weir-guard' same 1 "$(status_of sh -c "'${weir}-guard' --help >/dev/full")"
ok 'a reader that has enough is none' same 0 "$({ "$weir" list --json; echo $? >"$work/status"; } | head -c 1 >/dev/null; grep -vx 141 "$work/status" || echo 0)"
ok 'a check writes nothing, and needs no space' same 0 "$(status_of sh -c "\"$weir\" check '$work/p.weir' >/dev/full")"

# --- words ---------------------------------------------------------------------

printed() { # ARGUMENT…: what they print is one record
    "$weir" "$@" </dev/null >"$work/out" 2>"$work/err" && same 1 "$(wc -l <"$work/out")" && [ ! -s "$work/err" ]
}

ok 'options stand before the program' printed run -q -n 1 'synth:counter rate=max | print'
ok 'and behind it' printed run 'synth:counter rate=max | print' -n 1 -q
ok 'and on both sides' printed run -q 'synth:counter rate=max | print' -n 1
ok '-- ends options' printed run -q -n 1 -- 'synth:counter rate=max | print'
ok 'an option behind -- is none' says 2 'one program only' run -- 'synth:counter | print' -q
ok 'replay takes them before its file' printed replay -q -n 1 "$work/x.csv"
ok 'between' printed replay "$work/x.csv" -q 'limit 1 | print'
ok 'and behind' printed replay "$work/x.csv" 'limit 1 | print' -q
ok 'record takes them before its file' says 0 '' record -q -n 1 "$work/r.rec" 'synth:counter rate=max'
ok 'and between' says 0 '' record "$work/r.rec" -n 1 'synth:counter rate=max' -q
ok 'what it wrote is there' same 2 "$("$weir" replay -q "$work/r.rec" | wc -l)"
ok 'tap takes them before the name' says 3 "no process publishes 'none'" tap -n 1 none -q
ok 'list takes them on both sides' sh -c "\"$weir\" list --json devices | grep -q '\"devices\"' && \"$weir\" list devices --json | grep -q '\"devices\"'"
ok 'weir-guard too' same 2 "$(status_of "${weir}-guard" --stay --park)"
ok 'a record without a chain says what is missing' says 2 'a FILE and a chain' record "$work/r.rec"
ok 'a replay of a chain that is not quoted says so' says 2 'quote the chain' replay "$work/x.csv" limit 1
ok 'a ring of more than there is memory for is refused' says 2 'is more than' run --ring 5G 'synth:counter | null'

told() { # COMMAND: help COMMAND, COMMAND --help and COMMAND -h are the same
    "$weir" help "$1" >"$work/a" && "$weir" "$1" --help >"$work/b" && "$weir" "$1" -h >"$work/c" &&
        grep -q "^Usage: weir $1" "$work/a" && cmp "$work/a" "$work/b" && cmp "$work/b" "$work/c"
}

for command in $("$weir" help | sed -n 's/^  \([a-z]*\)  .*/\1/p'); do
    ok "weir help $command" told "$command"
done
ok 'help of a misspelt command has a suggestion' says 2 "did you mean 'replay'?" help repaly
ok 'an option before the command is told to be behind it' says 2 'write it behind: weir COMMAND -q' -q run "$work/p.weir"
ok 'no program says what one is' says 2 "as in 'synth:sine rate=1Hz | print'" run

# --- files ---------------------------------------------------------------------

for name in nosuch nosuch.weir ./nosuch /no/such dir/nosuch nosuch.txt ./no:such 'no such.txt'; do
    for command in run check explain; do
        ok "$command $name: there is no such file" says 2 "cannot open '$name': No such file or directory" $command "$name"
    done
done
ok 'a program without a bar is no file' says 2 'ends in no sink' check synth:sine
ok 'one that ends like a file is none either' says 0 '' check "synth:sine | csv:$work/out.weir"

# --- standard input and output ---------------------------------------------------

twice() { # PROGRAM
    says 2 'another source reads standard input already' check "$1"
}

ok 'two sources of standard input are refused' twice 'lines:- | null; lines:- | null'
ok 'of whatever kind' twice 'csv:-[a:s16] | null; lines:- | null'
ok 'quoted too' twice 'a = lines:-; b = lines:"-"; merge(a, b) | null'
ok 'one that is read by two chains is not' says 0 '' check 's = lines:-; s | null; s | null'
ok 'the program and a source are two' same 2 "$(echo 'lines:- | null' | status_of "$weir" run -)"
ok 'two formats on standard output are refused' says 2 'another format already' check 'synth:sine | print; synth:sine | print format=csv'
ok 'by --format too' says 2 'another format already' run --format=csv 'synth:sine | print; synth:sine | print format=jsonl'
ok 'so are two headers' says 2 'a CSV with its header already' check 'synth:sine | print format=csv; synth:sine | print format=csv'
ok 'and raw records of two sinks' says 2 'raw records already' check 'synth:sine | print format=raw; synth:sine | print format=raw'
ok 'one header is enough' says 0 '' check 'synth:sine | print format=csv; synth:sine | print format=csv header=no'

whole_lines() { # two threads write into one pipe that is always full: no line is torn
    "$weir" run -q --threads=2 -n 200000 'a = synth:counter rate=max; a | select first = value | print; a | select second = value | print' |
        { sleep 0.5 && grep -cvxE '\{"t":[0-9]+,"(first|second)":[0-9]+\}'; } >"$work/torn"
    same 0 "$(cat "$work/torn")"
}
ok 'lines of two sinks are whole' whole_lines

# --- tiers -----------------------------------------------------------------------

no_tier() { # TIER PROGRAM: 3, and it says that the tier is not there
    says 3 "the $1 filter is not available" run -n 1 --filter-tier="$1" "$2" &&
        says 3 "the $1 filter is not available" explain --filter-tier="$1" "$2"
}

for program in 'synth:counter rate=max | where value > 1 | null' "csv:$work/y.csv | where a > 1 | null" \
    "csv:$work/y.csv | where delta(a) > 1 | null" "s = csv:$work/y.csv; s | where a > 1 | null; s | null" \
    "lines:$work/y.csv | every 2 | null" "csv:$work/y.csv[a:s16,b:s16] | where a > 1 | null"; do
    ok "inline is not to be had for $program" no_tier inline "$program"
done
for program in "csv:$work/y.csv | where a > 1 | null" "s = csv:$work/y.csv; s | where a > 1 | null; s | null"; do
    ok "batch is not to be had for $program" no_tier batch "$program"
done
ok 'where nothing is to be filtered no tier is missed' says 0 '' run -q --filter-tier=inline "csv:$work/y.csv | null"

# --- programs ----------------------------------------------------------------------

lost_program() { # TEXT COMMAND: it ends with 3, says TEXT, and half a line is no record
    says 3 "$1" run --stats=none "exec:\"$2\" out=n:int | print time=none" && same '{"n":12}' "$(cat "$work/out")"
}
ok 'a program that fails is a lost device' lost_program 'the program ended with status 7' 'echo 12; printf 34; exit 7'
ok 'so is one that is killed' lost_program 'ended by signal 9' "echo 12; printf 34; kill -9 \$\$"
ok 'one that ends well ends with a line' same 34 "$("$weir" run -q 'exec:"echo 12; printf 34" out=n:int | print time=none' | sed -n 's/.*:\(34\)}/\1/p')"

# --- JSON --------------------------------------------------------------------------

is_json() { # FILE: one document; what it has for KEY is in $value
    python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1])).get(sys.argv[2])))' "$1" "$2"
}

json_error() { # STATUS TEXT ARGUMENT…: standard error is one document, with status and message
    status=$1 text=$2
    shift 2
    "$weir" "$@" --stats=json </dev/null >/dev/null 2>"$work/err"
    same "$status" $? && same "$status" "$(is_json "$work/err" status)" && is_json "$work/err" messages | grep -qF -- "$text"
}

ok 'a summary as JSON is JSON' json_error 0 '[]' run "$work/p.weir"
ok 'with what was warned of' json_error 0 "skipped, and so are failures" run \
    'synth:counter rate=max | limit 2 | exec "false" per=record on_error=skip | null'
ok 'with the plan' json_error 0 'agent 1 reads' run -v "$work/p.weir"
ok 'with what a dry run would do' json_error 0 'dry-run: gpio:X would park' run --dry-run -n 100 \
    'synth:square rate=max | switch on value > 0 off value < 0 | gpio:X park=on'
ok 'of a wrong program too' json_error 2 "unknown stage or sink 'nul'" run 'synth:counter | nul'
ok 'of one that is not there' json_error 2 'No such file' run nosuch.weir
ok 'of a device that is not there' json_error 3 'no_such' run 'iio:no_such | null'
ok 'of a run that fails' json_error 3 'ended with status 3' run 'exec:"exit 3;" | null'
ok '-q leaves out warnings, not the summary that was asked for' json_error 0 '[]' run -q "$work/p.weir"

in_file() { # FORM: the summary is there, and messages stay on standard error
    "$weir" run --stats="$1" --stats-file="$work/stats" --dry-run -n 100 \
        'synth:square rate=max | switch on value > 0 off value < 0 | gpio:X park=on' 2>"$work/err" &&
        grep -q 'would park' "$work/err" && ! grep -q 'records in' "$work/err" && ! grep -q 'would park' "$work/stats"
}

echo 'what an earlier run has left, which is longer than what comes now is not at all to be found in it' >"$work/stats"
ok '--stats-file takes the summary' in_file text
ok 'which is text' grep -q 'records in' "$work/stats"
ok 'and nothing else' sh -c "! grep -q 'earlier run' '$work/stats'"
ok 'or JSON' in_file json
ok 'of which it is one document' same 0 "$(is_json "$work/stats" status)"
ok 'one that cannot be opened is told before anything runs' says 3 "cannot open '$work/none/stats'" run --stats-file="$work/none/stats" "$work/p.weir"
ok 'one that cannot be written is told' says 1 "cannot write '/dev/full'" run -q --stats-file=/dev/full "$work/p.weir"
ok 'a wrong program leaves no summary of an earlier one' sh -c "\"$weir\" run --stats=json --stats-file='$work/stats' 'synth:counter | nul' 2>/dev/null;
    grep -q '\"status\": 2' '$work/stats' && ! grep -q nodes '$work/stats'"

# --- terminals -----------------------------------------------------------------------

# On a terminal nothing of the data is a command to it; in a file and in a pipe it is what it was.
printf 'name,v\n"\033]0;owned\007\033[31m\302\233 2J\200\377 \303\266 \177",1\n' >"$work/esc.csv"
on_terminal() { # PROGRAM
    script -qec "'$weir' run -q '$1'" /dev/null </dev/null | tr -d '\r' >"$work/shown"
    grep -q owned "$work/shown" && ! LC_ALL=C grep -q "$(printf '[\001-\010\016-\037\177\200\233\377]')" "$work/shown"
}
if command -v script >/dev/null; then
    for form in jsonl csv influx; do
        ok "$form shows a terminal no commands" on_terminal "csv:$work/esc.csv[name:text,v] | print format=$form"
    done
    ok 'nor does a CSV file that is a terminal' on_terminal "csv:$work/esc.csv[name:text,v] | csv:/dev/stdout"
    ok 'a letter is shown' grep -q 'ö' "$work/shown"
    ok 'raw records are not for a terminal' sh -c "! script -qec \"'$weir' run -q -n 1 'synth:counter rate=max | print format=raw'\" /dev/null </dev/null >'$work/shown' &&
        grep -q 'standard output is a terminal' '$work/shown'"
else
    echo 'skip - terminals: there is no script(1)'
fi
ok 'into a pipe it goes unchanged' same "$(sed -n 2p "$work/esc.csv" | tr -d '"')" \
    "$("$weir" run -q "csv:$work/esc.csv[name:text,v] | print format=csv time=none" | sed -n 2p)"

# --- listings ------------------------------------------------------------------------

widest() { # COLUMNS WORD: of the listing, in characters
    COLUMNS=$1 "$weir" list "$2" | awk '{ if (length($0) > most) most = length($0) } END { print most }'
}

words() { tr -s ' ' '\n' | grep -v '^$' | sort; }

wrapped() { # COLUMNS WORD: nothing is wider, no word is lost, and what goes on stands below the second column
    [ "$(widest "$1" "$2")" -le "$1" ] && COLUMNS=$1 "$weir" list "$2" | words >"$work/a" && "$weir" list "$2" | words | cmp - "$work/a"
}

for width in 60 80 100; do
    ok "the list of stages fits into $width columns" wrapped $width stages
    ok "and the parameters of a driver" wrapped $width window
done
ok 'what goes on is indented' sh -c "COLUMNS=60 \"$weir\" list window | grep -qE '^ {20,}[a-z]'"
ok 'into a pipe lines stay whole' sh -c "[ \"\$('$weir' list window | wc -l)\" -lt \"\$(COLUMNS=60 '$weir' list window | wc -l)\" ]"
if command -v script >/dev/null; then
    ok 'a terminal is asked for its width' sh -c "script -qec \"stty cols 60; '$weir' list stages\" /dev/null </dev/null | tr -d '\r' |
        awk 'length(\$0) > 60 { bad = 1 } END { exit bad }'"
fi
finish
