#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# MQTT in -> where -> MQTT out, over a broker on this machine: messages a second, and processor time for a message in. The limit is
# what comes in with nothing going out. The broker logs each message, for the test to know where it is; alone it is faster.
. tests/cli/tap.inc
. tests/cli/broker.inc

n=${WEIR_BENCH_MESSAGES:-100000}
printf 'allow_anonymous true\nmax_queued_messages 0\nuser %s\n' "$(id -un)" \
    >"$work/broker.conf"
serve "" || exit 1
url=mqtt://127.0.0.1:$port

publish() {
    "$weir" run -q -n "$n" "synth:counter rate=max | mqtt://127.0.0.1:$port/in qos=$1"
}

measure() { # QOS PROGRAM: take n messages; what it cost
    { bash -c 'time -p "$@"' time "$weir" run -q -n "$n" "$2"; } 2>"$work/time" &
    pid=$!
    runs=$((runs + 1))
    within 10 subscribed "$runs"
    start=$(date +%s.%N)
    publish "$1"
    wait "$pid"
    end=$(date +%s.%N)
    awk -v s="$start" -v e="$end" -v n="$n" '/^(user|sys)/ { cpu += $2 }
        END { printf "%9.0f messages/s, %5.1f us of processor time each\n", n / (e - s), cpu / n * 1e6 }' "$work/time"
}

runs=0
for qos in 0 1; do
    printf 'qos %s, in and nothing out:    ' $qos
    measure $qos "$url/in qos=$qos out=value | null"
    printf 'qos %s, in, where, half out:   ' $qos
    measure $qos "$url/in qos=$qos out=value | where value % 2 == 0 | $url/out qos=$qos"
done
