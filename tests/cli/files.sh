#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Files as people have them: long lines, large numbers, other forms, and what happens to them while weir reads or writes.
. tests/cli/tap.inc

gives() { # EXPECTED PROGRAM [INPUT]: what it prints, without times; its messages are in $work/err
    printf '%s\n' "${3:-}" | "$weir" run --stats none "$2" >"$work/out" 2>"$work/err"
    code=$?
    same "$1" "$(sed 's/"t":[-0-9]*,*//' "$work/out")" && return "$code"
}

warns() { # TEXT GIVES-ARGUMENTS…
    text=$1
    shift
    gives "$@" && grep -qF -- "$text" "$work/err"
}

refuses() { # STATUS TEXT PROGRAM [INPUT]
    printf '%s\n' "${4:-}" | "$weir" run --stats none "$3" >"$work/out" 2>"$work/err"
    same "$1" $? && grep -qF -- "$2" "$work/err"
}

long=$(printf '%0300d' 0)
printf '{"v":1,"pad":"%s"}\n' "$long" >"$work/long.jsonl"

# The same records from a file of each form as from the sink that wrote it.
both_ways() { # TIME ARGUMENTS
    "$weir" run -q -n 20 "synth:sine rate=max | select x = value, n = t > 5ms | csv:$work/a.csv time=$1 $2" &&
        "$weir" run -q "replay:$work/a.csv speed=max $2 | csv:$work/b.csv time=$1 $2" && cmp "$work/a.csv" "$work/b.csv"
}

deleted() { # its records are lost, which is said at once and at the end
    "$weir" run --strict "synth:counter rate=1kHz | csv:$work/gone.csv flush=block" 2>"$work/err" &
    pid=$!
    await test -s "$work/gone.csv"
    rm "$work/gone.csv"
    await grep -q 'deleted while it was written' "$work/err"
    kill "$pid"
    wait "$pid"
    same 4 $? && grep -q 'lost (unsent' "$work/err" && grep -q '^   *the file was deleted' "$work/err"
}

renamed() { # its records are in it, under its new name
    "$weir" run --strict "synth:counter rate=1kHz | csv:$work/here.csv flush=block" 2>"$work/err" &
    pid=$!
    await test -s "$work/here.csv"
    mv "$work/here.csv" "$work/there.csv"
    await grep -q 'renamed or replaced' "$work/err"
    kill "$pid"
    wait "$pid" && [ ! -e "$work/here.csv" ] && [ "$(wc -l <"$work/there.csv")" -gt 500 ]
}

limited() { # KIND: a file that may not grow is an error, and no death
    (
        ulimit -f 2048
        exec "$weir" run -q -n 100000 "synth:counter rate=max | $1:$work/limit.$1"
    ) 2>"$work/err"
    same 1 $? && grep -q "cannot write '$work.*File too large" "$work/err"
}

continued_after_full() { # what did not fit whole is not continued
    limited csv
    "$weir" run -n 3 --stats none "synth:counter rate=max | csv:$work/limit.csv append" 2>"$work/err" &&
        grep -q 'ends in the middle of a line' "$work/err" &&
        same '0,0 1000000,1 2000000,2 ' "$(tail -n 3 "$work/limit.csv" | tr '\n' ' ')" &&
        "$weir" run -q "csv:$work/limit.csv[value:int] on_error=skip | print" >"$work/out"
}

overwrites_itself() { # a file that is read is not emptied, nor continued for ever
    seq 0 99999 | sed '1s/.*/n/' >"$work/self.csv"
    cp "$work/self.csv" "$work/self.before"
    "$weir" run -q -n 10 "synth:counter rate=max | record:$work/self.rec"
    cp "$work/self.rec" "$work/self.rec.before"
    refuses 1 'is read by the program that would write it' "csv:$work/self.csv | csv:$work/self.csv" &&
        refuses 1 'is read by' "csv:$work/self.csv | csv:$work/self.csv time=none append" &&
        refuses 1 'is read by' "replay:$work/self.rec speed=max | record:$work/self.rec" &&
        cmp "$work/self.csv" "$work/self.before" && cmp "$work/self.rec" "$work/self.rec.before"
}

ok 'JSON lines of a file are as long as they are' gives '{"v":1}' "lines:$work/long.jsonl | json text out=v | print"
ok 'of a pipe, what is too long names width=' refuses 1 'width=' 'lines:- | json text out=v | print' "$(cat "$work/long.jsonl")"
ok 'and with width= it is a record' gives '{"v":1}' 'lines:- width=1000 | json text out=v | print' "$(cat "$work/long.jsonl")"
ok 'a cut cell names width=' warns 'width=, or [a:text:BYTES]' '{"a":"000"}' 'csv:-[a:text:4] | print' "a
$long"
ok 'an object that does not fit names width=' warns 'width= says' '' "lines:- width=1000 | json as=x width=100 | print" "$long"
ok 'a rounded number of JSON is told' warns 'v:int keeps them' '{"v":9007199254740992.0}' 'lines:- | json text out=v | print' \
    '{"v":9007199254740993}'
ok 'and as an int it is exact' gives '{"v":9007199254740993}' 'lines:- | json text out=v:int | print' '{"v":9007199254740993}'
ok 'a rounded number of a program is told' warns 'a:int keeps them' '{"a":9007199254740992.0}' \
    'exec:"echo 9007199254740993" out=a | print'
ok 'large numbers of CSV are told apart' gives '{"eui":8121069193333309404}
{"eui":8121069193333309389}' 'csv:- | print' 'eui
8121069193333309404
8121069193333309389'
ok 'fractions may follow whole numbers' gives '{"v":20}
{"v":20.5}' 'csv:- | print' 'v
20
20.5'
ok 'a file without a header is no table' refuses 2 'header=no' 'csv:- | print' '1,2
3,4'
for time in ns s iso; do
    for form in '' 'separator=";" decimal=","' separator=tab; do
        ok "replay reads what csv wrote with time=$time $form" both_ways "$time" "$form"
    done
done
ok 'without times there is nothing to play' refuses 2 "no column 't'" "replay:$work/none.csv" \
    "$("$weir" run -q -n 2 "synth:counter rate=max | csv:$work/none.csv time=none")"
ok 'a file that is read is not written by the same program' overwrites_itself
ok 'a deleted file is told, and its records are lost' deleted
ok 'a renamed file is told, and its records are in it' renamed
ok 'a CSV that may not grow is an error' limited csv
ok 'a recording that may not grow is an error' limited record
ok 'half a line of a full disk is not continued' continued_after_full
finish
