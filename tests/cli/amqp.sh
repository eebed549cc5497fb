#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# AMQP against RabbitMQ, started here once for all tests. That nothing is lost when it is killed: tests/unit/test_cut_amqp.c.
. tests/cli/tap.inc
. tests/cli/certificates.inc

server=/usr/lib/rabbitmq/bin/rabbitmq-server
[ -x "$server" ] || { echo 'no rabbitmq-server here: scripts/setup brokers installs it' >&2 && exit 77; }
"$weir" list sensors | grep -q '^  amqp .*not in this build' && { echo 'this build has no amqp' >&2 && exit 77; }
broker='' port=$(shuf -i 20000-30000 -n 1)
dist=$((port + 1)) epmd=$((port + 2)) tls=$((port + 3))
trap 'kill -9 $broker 2>/dev/null; wait $broker; ERL_EPMD_PORT=$epmd epmd -kill >/dev/null 2>&1; rm -rf "$work"' EXIT

echo '[].' >"$work/plugins"
printf 'listeners.tcp.default = 127.0.0.1:%s\nload_definitions = %s/definitions.json\n' "$port" "$work" >"$work/rabbitmq.conf"
# A queue of that name goes when nobody has looked at it for half a second; sending is not looking.
# Who says what there is says so of users, too: guest, with its own name for a password, and four bytes of salt.
cat >"$work/definitions.json" <<'END'
{"vhosts": [{"name": "/"}],
 "users": [{"name": "guest", "tags": [], "hashing_algorithm": "rabbit_password_hashing_sha256",
            "password_hash": "d2VpcrRModv6wahz85zo8SmOt4WX0IYBC/Z7N87XWCoGCGCs"}],
 "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
 "policies": [{"vhost": "/", "name": "brief", "pattern": "^brief$", "apply-to": "queues", "definition": {"expires": 500}}]}
END
has_tls=$(command -v openssl)
if [ -n "$has_tls" ]; then # it lets in only those who show a certificate as well
    voucher good
    certificate broker good DNS:localhost 2
    certificate us good DNS:us 2
    cat >>"$work/rabbitmq.conf" <<END
listeners.ssl.default = 127.0.0.1:$tls
ssl_options.cacertfile = $work/good.crt
ssl_options.certfile = $work/broker.crt
ssl_options.keyfile = $work/broker.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
END
fi

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

# What finds no queue any more comes back, is not taken for delivered, and is counted.
returned() {
    "$weir" run --strict -n 8 "synth:counter rate=4Hz | amqp://127.0.0.1:$port/brief" 2>"$work/returned.err"
    same 4 $? || return
    counts=$(sed -n 's/.*; \([0-9]*\) messages delivered, 0 waiting, \([0-9]*\) refused.*/\1 \2/p' "$work/returned.err")
    [ "${counts#* }" -gt 0 ] && same 8 $((${counts% *} + ${counts#* }))
}

encrypted() { # WORDS: status of a run over TLS
    status_of timeout 20 "$weir" run -q --strict -n 1 "synth:counter rate=max | amqp://localhost:$tls/safe linger=500ms ca=$work/good.crt $1"
}

ok 'JSON through a queue: the same as in one process' through_a_queue json
ok 'binary through a queue: the same as in one process' through_a_queue binary
ok 'parts of routing keys become fields' from_keys
ok 'what finds no queue is counted' returned
ok 'an exchange that is not there is refused' refused "127.0.0.1:$port/k exchange=none" 'no exchange'
ok 'so is a queue that must be there' refused "127.0.0.1:$port/none declare=no" 'no queue'
ok 'and a user that is not known' refused "eve@127.0.0.1:$port/q" 'ACCESS_REFUSED'
echo wrong >"$work/wrong"
ok 'and a wrong password' refused "guest@127.0.0.1:$port/q password_file=$work/wrong" 'ACCESS_REFUSED'
ok 'and a virtual host that is not there' refused "127.0.0.1:$port/q vhost=none" 'vhost none not found'
if [ -n "$has_tls" ]; then
    ok 'over TLS, with a certificate of our own' same 0 "$(encrypted "cert=$work/us.crt key=$work/us.key")"
    ok 'and not without one' same 4 "$(encrypted '')"
else
    echo 'skip - TLS: no openssl here to make certificates with'
fi
finish
