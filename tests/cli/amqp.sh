#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# AMQP against RabbitMQ, started here once for all tests, which takes half a minute: so only where WEIR_TEST_RABBITMQ is set.
. tests/cli/tap.inc

server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -n "${WEIR_TEST_RABBITMQ:-}" ] || { echo 'takes half a minute: WEIR_TEST_RABBITMQ=1 runs it' >&2 && exit 77; }
[ -x "$server" ] || { echo 'no rabbitmq-server here: scripts/setup brokers installs it' >&2 && exit 77; }
"$weir" list sensors | grep -q '^  amqp .*not in this build' && { echo 'this build has no amqp' >&2 && exit 77; }
broker='' port=$(shuf -i 20000-30000 -n 1)
dist=$((port + 1)) epmd=$((port + 2))
trap 'kill -9 $broker 2>/dev/null; wait $broker; ERL_EPMD_PORT=$epmd epmd -kill >/dev/null 2>&1; rm -rf "$work"' EXIT

echo '[].' >"$work/plugins"
echo "listeners.tcp.default = 127.0.0.1:$port" >"$work/rabbitmq.conf"

serve() {
    HOME=$work ERL_EPMD_RELAXED_COMMAND_CHECK=1 ERL_EPMD_PORT=$epmd ERL_EPMD_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=$dist RABBITMQ_LOGS=- \
        RABBITMQ_NODENAME=weir$port@localhost RABBITMQ_MNESIA_BASE=$work/mnesia RABBITMQ_LOG_BASE=$work/log \
        RABBITMQ_CONFIG_FILE=$work/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=$work/plugins \
        RABBITMQ_CONF_ENV_FILE=/dev/null setsid "$server" >"$work/broker.log" 2>&1 &
    leader=$!
    tries=900
    until grep -q 'started TCP listener on 127' "$work/broker.log"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { tail "$work/broker.log" >&2 && return 1; }
        sleep 0.1
    done
    broker=$(pgrep -g "$leader" beam)
}

serve || exit 1
awk 'BEGIN { print "x,n,s"; for (i = 0; i < 2000; i++) printf "%.17g,%d,\"a, %d\"\n", sin(i) * 10 ^ (i % 9), i, i }' >"$work/in.csv"
"$weir" run -q "csv:$work/in.csv | csv:$work/direct.csv"

through_a_queue() { # FORMAT: what is in the queue waits for its reader, and is the same
    "$weir" run -q --strict "csv:$work/in.csv | amqp://127.0.0.1:$port/$1 format=$1" &&
        timeout 30 "$weir" run -q -n 2000 \
            "amqp://127.0.0.1:$port/$1 format=$1 out=\"x, n, s:text:240\" time=own | csv:$work/$1.csv" &&
        cmp "$work/direct.csv" "$work/$1.csv"
}

from_keys() { # parts of routing keys are fields; the queue is there before the first message
    timeout 30 "$weir" run -q -n 1 "amqp://127.0.0.1:$port/site.{room}.# exchange=amq.topic queue=rooms out=value |
        print time=none" >"$work/keys" &
    reader=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 0.5
        "$weir" run -q -n 1 "synth:counter rate=max | amqp://127.0.0.1:$port/site.hall.a exchange=amq.topic"
        kill -0 "$reader" 2>/dev/null || break
    done
    wait "$reader" && same '{"value":0,"room":"hall"}' "$(cat "$work/keys")"
}

refused() { # WORDS TEXT: the run ends with status 3 and says why
    "$weir" run -n 1 "synth:counter rate=max | amqp://$1" 2>"$work/refused.err"
    same 3 $? && grep -q "$2" "$work/refused.err"
}

# The broker is killed in the middle: what it has confirmed is on its disk, the rest is sent again. A durable queue keeps all,
# and the reader leaves out what came twice.
killed() {
    "$weir" run -n 4000 "synth:counter rate=2kHz | amqp://127.0.0.1:$port/cut spool=4MiB spool_dir=$work/cut linger=2m" \
        2>"$work/cut.err" &
    sender=$!
    sleep 1
    kill -9 "$broker"
    sleep 1
    serve || return
    wait "$sender" && grep -q '4000 messages delivered, 0 waiting' "$work/cut.err" &&
        timeout 60 "$weir" run -q -n 4000 "amqp://127.0.0.1:$port/cut out=value | csv:$work/cut.csv time=none" &&
        { echo value && seq 0 3999; } | cmp - "$work/cut.csv"
}

ok 'JSON through a queue: the same as in one process' through_a_queue json
ok 'binary through a queue: the same as in one process' through_a_queue binary
ok 'parts of routing keys become fields' from_keys
ok 'an exchange that is not there is refused' refused "127.0.0.1:$port/k exchange=none" 'no exchange'
ok 'so is a queue that must be there' refused "127.0.0.1:$port/none declare=no" 'no queue'
ok 'and a user that is not known' refused "eve@127.0.0.1:$port/q" 'ACCESS_REFUSED'
ok 'a broker that is killed costs nothing' killed
finish
