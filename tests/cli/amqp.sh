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
printf 'listeners.tcp.default = 127.0.0.1:%s\nload_definitions = %s/definitions.json\nmax_message_size = 3000\n' "$port" "$work" \
    >"$work/rabbitmq.conf"
# The queue 'brief' goes when nobody has looked at it for half a second; sending is not looking. 'full' has room for three messages.
# Who says what there is says so of users, too: guest, with its own name for a password, and four bytes of salt.
cat >"$work/definitions.json" <<'END'
{"vhosts": [{"name": "/"}],
 "users": [{"name": "guest", "tags": [], "hashing_algorithm": "rabbit_password_hashing_sha256",
            "password_hash": "d2VpcrRModv6wahz85zo8SmOt4WX0IYBC/Z7N87XWCoGCGCs"}],
 "permissions": [{"user": "guest", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}],
 "policies": [{"vhost": "/", "name": "brief", "pattern": "^brief$", "apply-to": "queues", "definition": {"expires": 500}},
              {"vhost": "/", "name": "full", "pattern": "^full$", "apply-to": "queues",
               "definition": {"max-length": 3, "overflow": "reject-publish"}}]}
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

ctl() { # WORDS: tell the broker itself something
    HOME=$work ERL_EPMD_PORT=$epmd RABBITMQ_MNESIA_BASE=$work/mnesia RABBITMQ_LOG_BASE=$work/log \
        RABBITMQ_ENABLED_PLUGINS_FILE=$work/plugins RABBITMQ_CONF_ENV_FILE=/dev/null \
        "${server%-server}ctl" -q -n "weir$port@localhost" "$@" >"$work/ctl.log" 2>&1 && return
    cat "$work/ctl.log" >&2
    return 1
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

# A queue that rejects is waited for, over one connection; people are told once; its reader gets all in the end.
full() {
    "$weir" run --strict -n 20 "synth:counter rate=max | amqp://127.0.0.1:$port/full linger=60s" 2>"$work/full.err" &
    sender=$!
    within 10 grep -q 'takes no messages for now' "$work/full.err" && sleep 2 && kill -0 "$sender" || return
    timeout 60 "$weir" run -q -n 20 "amqp://127.0.0.1:$port/full out=value | print time=none format=csv" >"$work/full.out"
    same 0 $? && wait "$sender" && same 20 "$(grep '^[0-9]' "$work/full.out" | sort -u | wc -l)" &&
        same 1 "$(grep -c 'takes no messages for now' "$work/full.err")" &&
        grep -q 'connected to [^,]*; 20 messages delivered' "$work/full.err"
}

# RabbitMQ closes the channel at a message that is too long: it is set aside, and those behind it arrive.
too_long() {
    awk 'BEGIN { for (i = 0; i < 16; i++) { head = head "s" i ":text:240,"; wide = wide sprintf("%0200d,", i); narrow = narrow "a," }
                 print head "n"; print narrow 1; print wide 2; print narrow 3 }' >"$work/long.csv"
    "$weir" run --strict "csv:$work/long.csv | amqp://127.0.0.1:$port/long linger=30s" 2>"$work/long.err"
    same 4 $? && grep -q ' 2 messages delivered, 0 waiting, 1 refused' "$work/long.err"
}

send() { # VALUE WORDS: a message
    echo "value
$1" >"$work/one.csv"
    "$weir" run -q --strict "csv:$work/one.csv | amqp://127.0.0.1:$port/$2"
}

read_on() { # PROGRAM: a source that goes on until it is told to end, its records in $work/read
    "$weir" run "$1 | print time=none format=csv flush=line" >"$work/read" 2>"$work/read.err" &
    reader=$!
}

has_read() { # VALUE
    grep -qx "$1" "$work/read"
}

stop_reading() {
    kill -TERM "$reader" && wait "$reader"
}

# Both are told: that the queue is gone, and that all is well again.
deleted() {
    read_on "amqp://127.0.0.1:$port/gone out=value"
    send 1 gone && within 10 has_read 1 && ctl delete_queue gone && within 10 grep -q 'the queue was deleted' "$work/read.err" &&
        within 10 grep -q 'connected to 127' "$work/read.err" && send 2 gone && within 10 has_read 2 && stop_reading
}

# A broker that is short of memory is waited for, and does not hold up the end of another run.
alarmed() {
    ctl set_vm_memory_high_watermark 0.00001 || return
    "$weir" run --strict -n 20 "synth:counter rate=10Hz | amqp://127.0.0.1:$port/alarm linger=60s" 2>"$work/alarm.err" &
    sender=$!
    within 20 grep -q 'takes no messages for now: it is low on memory' "$work/alarm.err"
    heard=$?
    "$weir" run -q "synth:counter rate=10Hz | amqp://127.0.0.1:$port/alarm" 2>/dev/null &
    other=$!
    sleep 1
    kill -TERM "$other"
    sleep 2
    kill -0 "$other" 2>/dev/null && heard=1
    ctl set_vm_memory_high_watermark 0.4 && wait "$sender" && same 0 "$heard" &&
        same 1 "$(grep -c 'takes no messages' "$work/alarm.err")"
}

cut_off() { # FILE WORDS: all connections, and again until the file has the words
    grep -q "$2" "$1" || { ctl close_all_connections cut && sleep 0.5 && grep -q "$2" "$1"; }
}

# Who may not write is refused, though the broker says so only at the first message; who may not any more is waited for.
not_allowed() {
    echo secret >"$work/secret"
    ctl add_user ann secret && ctl set_permissions ann '.*' '^$' '.*' || return
    refused "ann@127.0.0.1:$port/ann password_file=$work/secret" 'ACCESS_REFUSED.*amq.default' || return
    ctl set_permissions ann '.*' '.*' '.*'
    "$weir" run --strict -n 120 "synth:counter rate=10Hz | amqp://ann@127.0.0.1:$port/ann password_file=$work/secret linger=60s" \
        2>"$work/revoked.err" &
    sender=$!
    # A channel believes for a minute in what it knows of permissions.
    sleep 1 && ctl set_permissions ann '.*' '^$' '.*' &&
        within 5 cut_off "$work/revoked.err" 'ACCESS_REFUSED.*trying again' && ctl set_permissions ann '.*' '.*' '.*' &&
        wait "$sender" && grep -q ' 120 messages delivered, 0 waiting' "$work/revoked.err"
}

# A queue of nobody else's keeps what comes while its reader is cut off, and goes with the run.
private() {
    read_on "amqp://127.0.0.1:$port/private.# exchange=amq.topic out=value"
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        send 1 "private.a exchange=amq.topic"
        within 1 has_read 1 && break
    done
    within 2 cut_off "$work/read.err" 'lost the connection' && send 2 "private.a exchange=amq.topic" && within 10 has_read 2 && stop_reading && ctl list_queues name && ! grep weir- "$work/ctl.log"
}

# A message of a client that is no weir, with properties and without.
properties() {
    /usr/bin/python3 - "$port" <<'END' || return
import pika, sys
channel = pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', int(sys.argv[1]))).channel()
channel.queue_declare('props', durable=True)
channel.basic_publish('', 'props', '{"x":1}', pika.BasicProperties(
    content_type='text/json', headers={'room': 'hall', 'n': -7, 'ok': True}, priority=3, timestamp=1700000000))
channel.basic_publish('', 'props', '{"x":2}')
END
    timeout 30 "$weir" run -q -n 2 "amqp://127.0.0.1:$port/props out=x topic_as=key properties=\"content_type, header.room, header.n as n, \
        header.ok as ok, priority, timestamp, redelivered\" | print format=csv time=none" >"$work/props" &&
        same '1,props,text/json,hall,-7,1,3,1700000000,0
2,props,,,,,0,nan,0' "$(sed 1d "$work/props")"
}

publish() { # QUEUE N: messages of a client that is no weir, of which several are the same
    /usr/bin/python3 - "$port" "$@" <<'END'
import pika, sys
channel = pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', int(sys.argv[1]))).channel()
channel.queue_declare(sys.argv[2], durable=True)
channel.confirm_delivery()
for i in range(int(sys.argv[3])):
    channel.basic_publish('', sys.argv[2], '{"x":%d}' % (i % 3))
END
}

n_read() { # N: at least so many records, after the header
    [ "$(wc -l <"$work/read")" -gt "$1" ]
}

is_empty() { # QUEUE: no message is in it, or on its way
    ctl list_queues name messages && grep -qP "^$1\t0\$" "$work/ctl.log"
}

# Four messages of each of three contents; one of the twelve may be done twice, if its answer was lost with the connection.
each_is_done() { # FILE
    sort "$1" | uniq -c | awk '{ n += $1; all += $1 >= 4 } END { exit !(all == 3 && n <= 13) }'
}

# Messages without ids that come again after a lost connection, while a slow stage is at work on them.
again() {
    publish slow 12 || return
    : >"$work/slow.done"
    "$weir" run "amqp://127.0.0.1:$port/slow out=x:int | exec:\"sleep 0.2; echo \$WEIR_x >>$work/slow.done\" per=record" 2>"$work/read.err" &
    reader=$!
    within 10 [ -s "$work/slow.done" ] && within 10 cut_off "$work/read.err" 'lost the connection' &&
        within 20 is_empty slow && stop_reading && each_is_done "$work/slow.done"
}

# And while a window is open that holds their acknowledgements back: each is counted once.
window_again() {
    publish window 24 || return
    read_on "amqp://127.0.0.1:$port/window out=x:int ack=window prefetch=7 | window 7 count() as n"
    within 10 n_read 3 && within 10 cut_off "$work/read.err" 'lost the connection' && publish window 4 && within 20 n_read 4 &&
        within 20 is_empty window && stop_reading && same '7 7 7 7' "$(sed 1d "$work/read" | paste -sd' ')"
}

# Nor do messages stop a window that cannot be read, though the broker sends only seven without an answer.
window_noise() {
    yes nonsense | head -50 | "$weir" run -q "lines:- | amqp://127.0.0.1:$port/noise format=text" && publish noise 14 || return
    yes nonsense | head -50 | "$weir" run -q "lines:- | amqp://127.0.0.1:$port/noise format=text" && publish noise 7 || return
    read_on "amqp://127.0.0.1:$port/noise out=x:int ack=window prefetch=7 | window 7 count() as n"
    within 20 n_read 3 && within 20 is_empty noise && stop_reading && same '7 7 7' "$(sed 1d "$work/read" | paste -sd' ')"
}

encrypted() { # WORDS: status of a run over TLS
    status_of timeout 20 "$weir" run -q --strict -n 1 "synth:counter rate=max | amqp://localhost:$tls/safe ca=$work/good.crt $1"
}

ok 'JSON through a queue: the same as in one process' through_a_queue json
ok 'binary through a queue: the same as in one process' through_a_queue binary
ok 'parts of routing keys become fields' from_keys
ok 'what finds no queue is counted' returned
ok 'a full queue is waited for without a flood' full
ok 'a message that is too long for the broker is set aside' too_long
ok 'a queue that is deleted is told of, and read again when it is there again' deleted
ok 'a broker that is short of memory is told of and waited for' alarmed
ok 'who may not write is told so' not_allowed
ok 'a private queue outlives a connection' private
if /usr/bin/python3 -c 'import pika' 2>/dev/null; then
    ok 'properties and headers become fields' properties
    ok 'what comes again after a lost connection is done once' again
    ok 'and counted once in a window' window_again
    ok 'messages that cannot be read stop no window' window_noise
else
    echo 'skip - properties: there is no pika (python3-pika) to send them'
fi
ok 'an exchange that is not there is refused' refused "127.0.0.1:$port/k exchange=none" 'no exchange'
ok 'so is a queue that must be there' refused "127.0.0.1:$port/none declare=no" 'no queue'
ok 'and a user that is not known' refused "eve@127.0.0.1:$port/q" 'ACCESS_REFUSED'
echo wrong >"$work/wrong"
ok 'and a wrong password' refused "guest@127.0.0.1:$port/q password_file=$work/wrong" 'ACCESS_REFUSED'
ok 'and a virtual host that is not there' refused "127.0.0.1:$port/q vhost=none" 'vhost none not found'
if [ -n "$has_tls" ]; then
    ok 'over TLS, with a certificate of our own' same 0 "$(encrypted "cert=$work/us.crt key=$work/us.key linger=10s")"
    ok 'and not without one' same 4 "$(encrypted linger=500ms)"
else
    echo 'skip - TLS: no openssl here to make certificates with'
fi
finish
