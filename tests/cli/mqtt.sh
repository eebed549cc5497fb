#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# MQTT against mosquitto, started here on a port of its own: what goes in comes out, whoever dies in between.
. tests/cli/tap.inc

. tests/cli/broker.inc
. tests/cli/certificates.inc

listen() { # N OPTION… PROGRAM: a run that takes N records; it has subscribed when this returns
    before=$(grep -c 'Sending SUBACK' "$work/broker.log")
    count=$1
    shift
    timeout 30 "$weir" run -q --stats=json -n "$count" "$@" 2>"$work/listen.err" &
    listener=$!
    within 20 subscribed $((before + 1))
}

cat >"$work/broker.conf" <<END
allow_anonymous true
persistence true
persistence_location $work/
user $(id -un)
max_queued_messages 0
max_inflight_messages 0
END
serve "" || exit 1
awk 'BEGIN { print "x,n,s"; for (i = 0; i < 2000; i++) printf "%.17g,%d,\"a, %d\"\n", sin(i) * 10 ^ (i % 9), i, i }' >"$work/in.csv"
"$weir" run -q "csv:$work/in.csv | csv:$work/direct.csv"

same_through() { # FORMAT QOS [WORDS]: a program cut in two by the broker gives what it gives in one process
    listen 2000 "mqtt://127.0.0.1:$port/way/$1 time=own out=\"x, n, s:text:240\" format=$1 qos=$2 ${3:-} | csv:$work/$1.csv" &&
        "$weir" run -q "csv:$work/in.csv | mqtt://127.0.0.1:$port/way/$1 format=$1 qos=$2 ${3:-}" &&
        wait "$listener" && cmp "$work/direct.csv" "$work/$1.csv"
}

from_topics() { # parts of the topic, and all of it, are fields
    listen 2 "mqtt://127.0.0.1:$port/site/{room}/{rest#} out=x topic_as=topic | print time=none" >"$work/topics" &&
        for room in hall attic; do
            "$weir" run -q -n 1 "synth:counter rate=max | select x = 5 | mqtt://127.0.0.1:$port/site/$room/a/b"
        done && wait "$listener" && same '{"x":5,"room":"hall","rest":"a/b","topic":"site/hall/a/b"}
{"x":5,"room":"attic","rest":"a/b","topic":"site/attic/a/b"}' "$(cat "$work/topics")"
}

any_text() { # plain text goes through, and the json stage reads it
    listen 1 "mqtt://127.0.0.1:$port/text | json out=\"x, who:text:16\" | print time=none" >"$work/text" &&
        printf '{"who":"me","x":[1],"x":2.5}\n' | "$weir" run -q "lines:- | mqtt://127.0.0.1:$port/text format=text" &&
        wait "$listener" && same '{"x":2.5,"who":"me"}' "$(cat "$work/text")"
}

malformed() { # one bad message costs itself, is counted, and is told once
    listen 2 "mqtt://127.0.0.1:$port/bad out=x | print time=none" >"$work/bad" &&
        printf '%s\n' nonsense '[{"x":1},{"x":2}]' | "$weir" run -q "lines:- | mqtt://127.0.0.1:$port/bad format=text" &&
        wait "$listener" && same '{"x":1} {"x":2}' "$(tr '\n' ' ' <"$work/bad" | sed 's/ $//')" &&
        grep -q '"cut": 1' "$work/listen.err"
}

kept() { # who comes later gets what was retained
    "$weir" run -q -n 3 "synth:counter rate=max | mqtt://127.0.0.1:$port/kept retain=yes" &&
        same '{"value":2}' "$(timeout 20 "$weir" run -q -n 1 "mqtt://127.0.0.1:$port/kept out=value | print time=none")"
}

last_will() { # the broker speaks for who was killed
    listen 1 "mqtt://127.0.0.1:$port/gone | print time=none" >"$work/will" &&
        { "$weir" run -q "synth:counter rate=20Hz | mqtt://127.0.0.1:$port/alive will=\"it is dead\" will_topic=gone" & } &&
        victim=$! && within 20 grep -q "PUBLISH from .*'alive'" "$work/broker.log" && kill -9 "$victim" &&
        wait "$listener" && same '{"text":"it is dead"}' "$(cat "$work/will")"
}

# The broker is stopped and started again while messages are under way: all arrive, in order, none twice.
broker_restarted() {
    listen 3000 "mqtt://127.0.0.1:$port/cut out=value id=reader | csv:$work/cut.csv time=none" || return
    "$weir" run -n 3000 "synth:counter rate=2kHz | mqtt://127.0.0.1:$port/cut" 2>"$work/cut.err" &
    sender=$!
    within 20 grep -q "PUBLISH from .*'cut'" "$work/broker.log"
    unserve TERM
    sleep 0.2
    serve "$port"
    wait "$sender" && wait "$listener" && { echo value && seq 0 2999; } | cmp - "$work/cut.csv" &&
        grep -q 'lost the connection' "$work/cut.err" &&
        grep -q "connected to 127.0.0.1:$port, 2 times so far.*; 3000 messages delivered, 0 waiting" "$work/cut.err"
}

# What a broker has written before it is killed is read, though the reader is late: the broker has answered for it.
read_to_the_end() {
    listen 500 "mqtt://127.0.0.1:$port/late out=value | csv:$work/late.csv time=none" || return
    reader=$(pgrep -P "$listener")
    kill -s STOP "$reader"
    "$weir" run -q --strict -n 500 "synth:counter rate=max | mqtt://127.0.0.1:$port/late"
    unserve KILL
    kill -s CONT "$reader"
    wait "$listener" && { echo value && seq 0 499; } | cmp - "$work/late.csv" && serve "$port"
}

sent() { # CLIENT N: so many messages have gone to it
    [ "$(grep -c "Sending PUBLISH to $1 " "$work/broker.log")" -ge "$2" ]
}

# Who is killed while its sink is stuck has answered for what had gone into the sink, and no more: the next one gets the rest.
stuck_and_killed() {
    listen 1 "mqtt://127.0.0.1:$port/rest out=value id=stuck | null" &&
        "$weir" run -q -n 1 "synth:counter rate=max | mqtt://127.0.0.1:$port/rest" && wait "$listener" || return
    "$weir" run -q -n 20000 "synth:counter rate=max | mqtt://127.0.0.1:$port/rest linger=60s" && mkfifo "$work/stuck" || return
    exec 3<>"$work/stuck" # somebody who could read, and does not
    "$weir" run -q "mqtt://127.0.0.1:$port/rest out=value id=stuck | print time=none" >"$work/stuck" &
    reader=$!
    within 30 sent stuck 20000
    sleep 1 # long enough to answer for all of them
    kill -9 "$reader"
    exec 3>&-
    timeout 30 "$weir" run -q -n 10000 "mqtt://127.0.0.1:$port/rest out=value id=stuck | csv:$work/rest.csv time=none"
    first=$(sed -n 2p "$work/rest.csv")
    [ "$first" -le 10000 ] && { echo value && seq "$first" $((first + 9999)); } | cmp - "$work/rest.csv"
}

identified() { # a message's id is a field, which says how many came before it
    listen 3 "mqtt://127.0.0.1:$port/ids out=value id_as=id | select value, id | print format=csv time=none" >"$work/ids" &&
        "$weir" run -q -n 3 "synth:counter rate=max | mqtt://127.0.0.1:$port/ids" && wait "$listener" &&
        same 3 "$(sed 1d "$work/ids" | sed 's/.*,//' | sort -u | grep -cE '^[0-9a-f]{16}-[0-9a-f]+$')"
}

spooled() { # nobody there: the run ends, nothing is lost, and the next one brings it
    unserve
    "$weir" run --strict -n 500 "synth:counter rate=max | mqtt://127.0.0.1:$port/later spool=1MiB spool_dir=$work/later linger=100ms" \
        2>"$work/spool.err" || return
    grep -q '500 waiting on disk' "$work/spool.err" && serve "$port" &&
        listen 501 "mqtt://127.0.0.1:$port/later out=value | csv:$work/later.csv time=none" &&
        "$weir" run --strict -q -n 1 "synth:counter rate=max | mqtt://127.0.0.1:$port/later spool=1MiB spool_dir=$work/later" &&
        wait "$listener" && { echo value && seq 0 499 && echo 0; } | cmp - "$work/later.csv"
}

unsent() { # nobody there and no spool: what is lost is counted, and --strict says so
    "$weir" run --strict -n 10 'synth:counter rate=max | mqtt://127.0.0.1:1/t linger=1s' 2>"$work/unsent.err"
    same 4 $? && grep -q 'not connected to 127.0.0.1:1: .*refused.*; 0 messages delivered, 10 waiting' "$work/unsent.err"
}

ok 'JSON at most once: the same as in one process' same_through json 0
ok 'CSV at least once: the same as in one process' same_through csv 1
ok 'binary exactly once: the same as in one process' same_through binary 2
ok 'MQTT 3.1.1: the same as in one process' same_through json 1 version=v3
ok 'parts of topics become fields' from_topics
ok 'text goes through as it is' any_text
ok 'a malformed message is skipped and counted' malformed
ok 'a retained message comes later' kept
ok 'a will is carried out' last_will
ok 'a broker that is started again costs nothing' broker_restarted
ok 'what it has written before it is killed is read' read_to_the_end
ok 'a reader that is stuck and killed leaves the rest to the next' stuck_and_killed
ok 'ids of messages become a field' identified
ok 'a spool waits for the broker' spooled
ok 'without a spool the unsent is counted' unsent

sed -i 's/^allow_anonymous true//' "$work/broker.conf"
printf 'allow_anonymous false\npassword_file %s/passwords\n' "$work" >>"$work/broker.conf"
echo 'ann:quite-a-secret' >"$work/passwords"
mosquitto_passwd -U "$work/passwords" && chmod 644 "$work/passwords"
echo 'quite-a-secret' >"$work/secret"
unserve
serve "" || exit 1

with_password() { # from a file or the environment
    "$weir" run -q --strict -n 1 "synth:counter rate=max | mqtt://ann@127.0.0.1:$port/t password_file=$work/secret" &&
        SECRET=quite-a-secret "$weir" run -q --strict -n 1 \
            "synth:counter rate=max | mqtt://127.0.0.1:$port/t user=ann password_env=SECRET"
}

never_shown() { # not in the plan, the summary, or the list of processes
    "$weir" run -v "synth:counter rate=20Hz | mqtt://ann@127.0.0.1:$port/shown password_file=$work/secret" >"$work/shown" 2>&1 &
    shower=$!
    within 20 grep -q "PUBLISH from .*'shown'" "$work/broker.log"
    tr '\0' ' ' <"/proc/$shower/cmdline" >"$work/ps"
    kill "$shower" && wait "$shower" && grep -q 'connected to' "$work/shown" &&
        ! grep -q 'quite-a-secret' "$work/shown" "$work/ps"
}

refused() { # a wrong password ends the run with status 3, for a sink and for a source
    echo wrong >"$work/wrong"
    same 3 "$(status_of "$weir" run -n 1 "synth:counter rate=max | mqtt://ann@127.0.0.1:$port/t password_file=$work/wrong")" &&
        same 3 "$(status_of timeout 20 "$weir" run "mqtt://ann@127.0.0.1:$port/t password_file=$work/wrong | null")"
}

ok 'a password comes from a file or the environment' with_password
ok 'and is never shown' never_shown
ok 'a wrong one ends the run with status 3' refused

if command -v openssl >/dev/null; then
    voucher good
    certificate broker good IP:127.0.0.1 2
    certificate us good DNS:us 2
    chmod 755 "$work"
    printf 'allow_anonymous true\ncertfile %s/broker.crt\nkeyfile %s/broker.key\n' "$work" "$work" >"$work/broker.conf"
    unserve
    serve || exit 1
    encrypted() { # WORDS: status of a run over TLS; tests/cli/tls.sh has whom it does not believe
        status_of timeout 20 "$weir" run -q --strict -n 1 \
            "synth:counter rate=max | mqtt://127.0.0.1:$port/t linger=500ms $1"
    }
    both_ways() { # sink and source; more than what TLS hands over at once
        listen 2000 "mqtt://127.0.0.1:$port/safe ca=$work/good.crt time=own out=\"x, n, s:text:240\" | csv:$work/safe.csv" &&
            "$weir" run -q "csv:$work/in.csv | mqtt://127.0.0.1:$port/safe ca=$work/good.crt" &&
            wait "$listener" && cmp "$work/direct.csv" "$work/safe.csv"
    }
    ok 'over TLS: the same as in one process' both_ways
    ok 'also when told to believe anybody' same 0 "$(encrypted 'tls=yes verify=no')"
    printf 'cafile %s/good.crt\nrequire_certificate true\n' "$work" >>"$work/broker.conf"
    unserve
    serve || exit 1
    ok 'with a certificate of our own' same 0 "$(encrypted "ca=$work/good.crt cert=$work/us.crt key=$work/us.key")"
    ok 'and not without one' same 4 "$(encrypted "ca=$work/good.crt")"
else
    echo 'skip - TLS: no openssl here to make certificates with'
fi

wrong() { # PROGRAM WHAT: refused with status 2 and these words
    "$weir" check "$1" 2>"$work/wrong.err"
    same 2 $? && grep -qF "$2" "$work/wrong.err"
}

ok 'a target without a topic is refused' wrong 'mqtt://host | null' 'the topic is missing'
ok 'a target without a host is refused' wrong 'mqtt:topic | null' 'the target begins with // and a host'
ok 'a password in the program is refused' wrong 'mqtt://me:secret@host/t | null' 'a password has no place in a program'
ok 'a sink takes no wildcards' wrong 'synth:counter | mqtt://host/a/+' "cannot be published to"
ok 'nor does a source take wrong ones' wrong 'mqtt://host/a+/b | null' 'cannot be subscribed to'
ok 'a field is a whole part of the topic' wrong 'mqtt://host/{a}b/c | null' 'cannot stand for a part of the topic'
ok 'no topic field has the name of another' wrong 'mqtt://host/{text}/c | null' "'text' is the name of another field"
ok 'binary needs its fields' wrong 'mqtt://host/c format=binary | null' 'out= must say'
ok 'a port is a number' wrong 'mqtt://host:99999/c | null' 'a port is a number'
finish
