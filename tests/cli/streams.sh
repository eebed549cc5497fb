#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Streams between processes, as a person uses them: publish, subscribe, tap, list, and what is said when they do not fit.
. tests/cli/tap.inc

RUNTIME_DIRECTORY=$work/run
export RUNTIME_DIRECTORY
mkdir "$RUNTIME_DIRECTORY"

n=20000
head="synth:noise seed=7 rate=max"
tail='select x = value, big = value > 0.5 | window 100 step 30 mean(x) as m, count() as n, max(big) as b | print'

publish() { # NAME [ARGUMENT…]: in the background, an endless live stream; its process is $publisher
    name=$1
    shift
    "$weir" run -q --for 100s "synth:counter rate=1kHz | weir:$name $*" &
    publisher=$!
}

published() { # NAME…: once they are there
    for name; do
        timeout 20 sh -c "until [ -S '$RUNTIME_DIRECTORY/$name.stream' ]; do sleep 0.05; done" || return 1
    done
}

read_by() { # [PID]: once it, or anybody, is a reader
    timeout 20 sh -c "until \"$weir\" list streams | grep -q '^    reader ${1:-[0-9]*}:'; do sleep 0.05; done"
}

two_as_one() { # ARGUMENTS-OF-THE-SUBSCRIBER: split at a stream, the program prints what it prints in one piece
    "$weir" run -q -n "$n" "$head | $tail" >"$work/one"
    timeout 60 "$weir" run --strict -q "weir:split $1 | $tail" >"$work/two" &
    subscriber=$!
    timeout 60 "$weir" run --strict -q -n "$n" "$head | weir:split policy=block readers=1 keep=512"
    wait "$subscriber" && [ "$(wc -l <"$work/one")" -gt 500 ] && cmp "$work/one" "$work/two"
}

resumes() { # the publisher is killed and started again: the subscriber goes on, and says so; one that ends in good order ends it
    publish again
    timeout 60 "$weir" run --stats=json 'weir:again | null' 2>"$work/resume" &
    subscriber=$!
    read_by || { kill "$publisher" && return 1; }
    kill -9 "$publisher"
    wait "$publisher" 2>/dev/null
    "$weir" run -q -n 300 'synth:counter rate=1kHz | weir:again readers=1'
    wait "$subscriber" || return 1
    grep -q 'publisher has gone' "$work/resume" && grep -q 'publisher is back' "$work/resume" &&
        [ "$(sed -n 's/^ *"in": \([0-9]*\),*$/\1/p' "$work/resume" | head -n 1)" -gt 300 ]
}

mismatch() { # the next publisher has other fields: refused, with both
    publish fields
    timeout 60 "$weir" run -q 'weir:fields | null' 2>"$work/mismatch" &
    subscriber=$!
    read_by || { kill "$publisher" && return 1; }
    kill -9 "$publisher"
    wait "$publisher" 2>/dev/null
    timeout 60 "$weir" run -q --for 60s 'synth:sine rate=1kHz | select other = value | weir:fields' &
    publisher=$!
    wait "$subscriber" && return 1
    kill "$publisher"
    wait "$publisher"
    grep -q '"name":"other"' "$work/mismatch" && grep -q '"name":"value"' "$work/mismatch"
}

says() { # STATUS TEXT COMMAND…
    status=$1 text=$2
    shift 2
    "$@" >"$work/said" 2>&1
    same "$status" $? && grep -q "$text" "$work/said"
}

ends_with_its_publisher() { # resume=no: the end of the publisher is the end
    publish short
    published short || return 1
    timeout 60 "$weir" run -q 'weir:short resume=no | null' &
    subscriber=$!
    read_by || { kill "$publisher" && return 1; }
    kill "$publisher"
    wait "$publisher"
    wait "$subscriber"
}

numpy() { # the example reads without a copy, and counts on
    LD_LIBRARY_PATH=$(dirname "$weir")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
        timeout 60 "$python" examples/tap.py listed 500 >"$work/python" 2>&1 || return 1
    grep -q '^500 records' "$work/python"
}

example_in_c() { # weir_tap.h alone: each of 5000 records, added up
    example=$(dirname "$weir")/examples/tap
    timeout 60 "$weir" run -q -n 5000 'synth:counter rate=max | weir:c policy=block readers=1' &
    published c && same '5000 records, 0 lost, sum of value 1.24975e+07' "$("$example" c)"
    status=$?
    wait
    return "$status"
}

reads_in_place() { # what explain says of a published stream
    "$weir" explain 'weir:listed | null' | grep -q 'no ring: rows of 16 bytes are read where they lie' &&
        "$weir" explain 'a = weir:listed; a | null; a | print' >"$work/explained" &&
        grep -q ' ring: rows of 16 bytes, ' "$work/explained" && ! grep -q 'no ring' "$work/explained"
}

ok 'a program split at a stream prints the same' two_as_one ''
ok 'so it does where the reader insists on being waited for' two_as_one policy=block
ok 'a subscriber goes on with the next publisher' resumes
ok 'a publisher with other fields is refused, and both are shown' mismatch
ok 'resume=no ends with the publisher' ends_with_its_publisher
if [ -x "$(dirname "$weir")/examples/tap" ]; then
    ok 'a C program reads with weir_tap.h alone' example_in_c
else
    echo 'skip - a C program reads with weir_tap.h alone: examples/tap is not built (make tools)'
fi

publish listed policy=block
published listed
ok 'tap prints what is published' same 3 "$("$weir" tap listed -n 3 | grep -c '^{"t":[0-9]*,"value":[0-9]*}$')"
ok 'tap takes a format' same 't,value' "$("$weir" tap listed -n 3 --format=csv | head -n 1)"
"$weir" run -q --for 60s 'weir:listed policy=block | null' &
reader=$!
read_by "$reader"
ok 'list streams shows schema, rate, readers and loss' sh -c "\"$weir\" list streams >'$work/list' &&
    grep -q '^  listed .* records, [1-9][0-9]*/s, 1 reader, 0 lost, published by $publisher' '$work/list' &&
    grep -q '^    t, value' '$work/list' && grep -q '^    reader $reader: block, [0-9]* behind, 0 lost' '$work/list'"
ok 'so does --json' sh -c "\"$weir\" list --json streams | tr -d ' \n' |
    grep -q '\"name\":\"listed\".*\"name\":\"value\".*\"readers\":\[{\"pid\":$reader,.*\"policy\":\"block\"'"
ok 'check looks, and takes nobody'"'"'s place' same 0 "$(status_of "$weir" check 'weir:listed | null')"
ok 'one chain reads where the rows lie, two have a ring' reads_in_place
ok 'one name, one publisher' says 3 'another process publishes under this name' \
    "$weir" run -q -n 1 'synth:counter rate=max | weir:listed'
# Debian's numpy belongs to Debian's Python, which need not be the first one here.
python=/usr/bin/python3
"$python" -c 'import numpy' 2>/dev/null || python=python3
if is_sanitized; then
    echo 'skip - Python reads without a copy: a library with sanitizers cannot be loaded into it'
elif "$python" -c 'import numpy' 2>/dev/null; then
    ok 'Python reads without a copy' numpy
else
    echo 'skip - Python reads without a copy: there is no numpy (python3-numpy)'
fi
kill "$reader" "$publisher"
wait "$reader" "$publisher"

publish greedy
published greedy
ok 'nobody is waited for unless it is allowed' says 3 'does not wait' "$weir" run -q 'weir:greedy policy=block | null'
kill "$publisher"
wait "$publisher"
ok 'a stream that nobody publishes is status 3' says 3 "no process publishes 'none'" "$weir" run -q 'weir:none wait=0.1s | null'
ok 'a name that is none is status 2' says 2 'no stream can be called' "$weir" run -q 'weir:../x wait=0 | null'
ok 'so it is for tap' says 2 'no stream can be called' "$weir" tap 'x | csv:y'
ok 'a group that does not exist is status 2' says 2 "unknown group 'nosuchgroup'" \
    "$weir" check 'synth:counter | weir:x group=nosuchgroup'
ok 'allow without policy=block is status 2' says 2 'the publisher waits for no user' "$weir" check 'synth:counter | weir:x allow=root'
ok 'nothing is left in the run directory' same '' "$(rm -f "$RUNTIME_DIRECTORY/again.stream" "$RUNTIME_DIRECTORY/again.lock"
    ls "$RUNTIME_DIRECTORY")"
finish
