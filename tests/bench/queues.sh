#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# AMQP in -> where -> AMQP out with RabbitMQ, and the same with Kafka, of which there is the test cluster inside librdkafka
# (mock_kafka.c). Processor time for a message in, at 2000/s and as fast as they come. Programs take turns at one broker:
#
#   weir      as it is by default
#   gathers   weir with latency=2ms on its source
#   before    an earlier weir, where WEIR_BENCH_BEFORE has its path
#
#   tests/bench/queues.sh BUILD amqp|kafka
#
# WEIR_BENCH_PAIRS says how often they take turns.
WEIR=$1/weir
. tests/cli/tap.inc

kind=$2
mock=$1/tests/bench/mock_kafka
pairs=${WEIR_BENCH_PAIRS:-3}
before=${WEIR_BENCH_BEFORE:-}
n_paced=8000
n_flat=40000
broker='' leader='' pids=''
port=$(shuf -i 20000-30000 -n 1)
epmd=$((port + 1))
trap 'kill $pids 2>/dev/null; [ -z "$leader" ] || kill -9 $broker; wait; ERL_EPMD_PORT=$epmd epmd -kill >/dev/null 2>&1; rm -rf "$work"' EXIT

cannot() { # WHY
    echo "$1" >&2
    exit 77
}

# --- brokers: each sets $broker and $url ---------------------------------------------

serve_amqp() {
    server=/usr/lib/rabbitmq/bin/rabbitmq-server
    [ -x "$server" ] || cannot "no rabbitmq-server: 'scripts/setup brokers' installs it"
    echo '[].' >"$work/plugins"
    printf 'listeners.tcp.default = 127.0.0.1:%s\n' "$port" >"$work/rabbitmq.conf"
    HOME=$work ERL_EPMD_RELAXED_COMMAND_CHECK=1 ERL_EPMD_PORT=$epmd ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=$((port + 2)) \
        RABBITMQ_LOGS=- RABBITMQ_NODENAME=weir$port@localhost RABBITMQ_MNESIA_BASE=$work/mnesia RABBITMQ_LOG_BASE=$work/log \
        RABBITMQ_CONFIG_FILE=$work/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$work/plugins \
        RABBITMQ_CONF_ENV_FILE=/dev/null setsid "$server" >"$work/broker.log" 2>&1 &
    leader=$!
    within 90 grep -q 'started TCP listener on 127' "$work/broker.log" || cannot "RabbitMQ does not start"
    broker=$(pgrep -g "$leader" beam)
    url=amqp://127.0.0.1:$port
}

serve_kafka() {
    [ -x "$mock" ] || cannot 'this build has no kafka'
    mkfifo "$work/hold"
    "$mock" weir.in weir.out gathers.in gathers.out before.in before.out <"$work/hold" >"$work/mock" &
    broker=$!
    pids="$pids $broker"
    exec 9>"$work/hold"
    within 10 grep -q : "$work/mock" || cannot 'the test cluster does not start'
    url=kafka://$(cat "$work/mock")
}

# --- programs: each sets $pid --------------------------------------------------------

start() { # WHO BROKER
    binary=$weir arguments='' given=''
    [ "$1" != before ] || binary=$before
    [ "$1" != gathers ] || arguments="$arguments latency=2ms"
    [ "$2" != kafka ] || arguments="$arguments group=$1 from=earliest" given=' from=earliest'
    WEIR_DRIVERS=$(dirname "$binary")/drivers "$binary" run -q \
        "$url/$1.in out=value$arguments | where value % 2 == 0 | $url/$1.out time=none" 2>"$work/$1.err" &
    pids="$pids $!"
    eval "${1}_pid=$!"
    : >"$work/$1.out"
    # It stays, since a new member of a group has to wait in the test cluster.
    "$weir" run -q "$url/$1.out out=value$given | print time=none" >"$work/$1.out" 2>"$work/$1.check" &
    pids="$pids $!"
}

cpu() { # PID: microseconds so far, of all its threads
    cat "/proc/$1"/task/*/schedstat | awk '{ n += $1 } END { printf "%.0f\n", n / 1000 }'
}

has_lines() { # FILE N
    [ "$(wc -l <"$1")" -ge "$2" ]
}

# WHO BROKER RATE N: a line for summarize.
measure() {
    eval "mine=\$${1}_pid"
    # shellcheck disable=SC2154 # eval has set it
    [ -d "/proc/$mine" ] || cannot "$1 has ended: $(tail -n 1 "$work/$1.err")"
    expected=$(($(wc -l <"$work/$1.out") + $4 / 2))
    begun=$(cpu "$mine") start=$(date +%s%N)
    "$weir" run -q -n "$4" "synth:counter rate=$3 | $url/$1.in" || cannot 'nothing can be sent'
    within 60 has_lines "$work/$1.out" $expected || cannot "$1: messages are missing"
    took=$((($(date +%s%N) - start) / 1000))
    seq 0 2 $(($4 - 1)) | sed 's/.*/{"value":&}/' >"$work/expected"
    tail -n $(($4 / 2)) "$work/$1.out" | cmp -s - "$work/expected" || cannot "$1: other messages than were sent"
    echo "$2 $3 $1 $4 $(($(cpu "$mine") - begun)) $took"
}

summarize() { # of all turns the median of the time for a message, with the least and the most
    sort -s -k 1,3 | awk '
        { key = $1 " " $2 " " $3
          if (!(key in turns)) order[++keys] = key
          v = $5 / $4
          for (j = ++turns[key]; j > 1 && us[key, j - 1] > v; j--) us[key, j] = us[key, j - 1]
          us[key, j] = v; n[key] += $4; s[key] += $6 }
        END { for (i = 1; i <= keys; i++) {
            k = order[i]; split(k, part, " "); m = int((turns[k] + 1) / 2)
            printf "%-5s %-9s %-7s %6.0f messages/s, %6.1f us of processor time each (%.1f to %.1f)\n", part[1],
                part[2] == "max" ? "flat out:" : "2000/s:", part[3], n[k] / s[k] * 1e6, us[k, m], us[k, 1], us[k, turns[k]] } }'
}

take_turns() { # BROKER
    everyone="weir gathers${before:+ before}"
    for who in $everyone; do
        start "$who" "$1"
    done
    for who in $everyone; do
        measure "$who" "$1" max 4000 >/dev/null # to warm up
    done
    turn=0
    while [ "$turn" -lt "$pairs" ]; do
        for who in $everyone; do
            measure "$who" "$1" 2kHz $n_paced
            measure "$who" "$1" max $n_flat
        done
        turn=$((turn + 1))
    done
}

echo "$kind: $pairs turns each, $(nproc) processors, load $(cut -d ' ' -f 1-3 /proc/loadavg)"
serve_"$kind" || exit 1
take_turns "$kind" >"$work/turns"
summarize <"$work/turns"
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
