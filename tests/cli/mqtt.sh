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

chosen_by_texts() { # of the topic and of the message, in a condition that keeps its numbers
    listen 5 "mqtt://127.0.0.1:$port/home/{room} out=\"temp, state:text\" | where room in (\"kitchen\", \"hall\") and temp > 20C and matches(state, \"^o(n|pen)\$\") \
        | select place = concat(upper(room), \": \", state) | print time=none" >"$work/chosen" &&
        for message in 'kitchen 21 on' 'hall 25 off' 'attic 30 on' 'hall 19 on' 'hall 22 open'; do
            # shellcheck disable=SC2086 # words
            set -- $message
            publish -t "home/$1" -q 1 -m "{\"temp\":$2,\"state\":\"$3\"}" || return
        done && wait "$listener" && same '{"place":"KITCHEN: on"}
{"place":"HALL: open"}' "$(cat "$work/chosen")"
}

publish() { # OPTION…: a message of a client that is no weir, with properties
    mosquitto_pub -V mqttv5 -h 127.0.0.1 -p "$port" "$@"
}

properties() { # of a message become fields, in the order of the argument; what it does not have is empty
    listen 2 "mqtt://127.0.0.1:$port/prop out=x id_as=id properties=\"content_type, user.room, user.Floor-No as floor, expiry, \
        correlation as call, response_topic, retain, qos\" | select x, content_type, room, floor, expiry, call, response_topic, retain, qos \
        | print format=csv time=none" >"$work/prop" &&
        publish -t prop -q 1 -m '{"x":1}' -D publish content-type text/json -D publish user-property room hall -D publish user-property \
            Floor-No 3 -D publish user-property room attic -D publish message-expiry-interval 60 -D publish correlation-data c7 \
            -D publish response-topic a/b && publish -t prop -q 0 -m '{"x":2}' && wait "$listener" &&
        same '1,text/json,hall,3,60,c7,a/b,0,1
2,,,,nan,,,0,0' "$(sed 1d "$work/prop")"
}

retained() { # a message from before has its flag, and one of 3.1.1, too
    publish -t was -r -m '{"x":1}' && for version in v5 v3; do
        same '{"x":1,"retain":1}' "$(timeout 20 "$weir" run -q -n 1 \
            "mqtt://127.0.0.1:$port/was version=$version out=x properties=retain | print time=none")" || return
    done
}

# Messages that come 10 ms apart are read together, each second or third of a second: their times of arrival have holes.
gathered() {
    listen 60 "mqtt://127.0.0.1:$port/gather out=value latency=300ms | print format=csv" >"$work/gathered" &&
        "$weir" run -q -n 60 "synth:counter rate=100Hz | mqtt://127.0.0.1:$port/gather" && wait "$listener" &&
        awk -F, 'NR > 2 { hole += $1 - last > 150e6 } NR > 1 { if ($2 != NR - 2) exit 1; last = $1 }
            END { exit !(NR == 61 && hole >= 1 && hole <= 4) }' "$work/gathered"
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

too_long() { # 3.1.1 has no words for it: the broker hangs up at the message, which is set aside
    rm -rf "$work/aside"
    sed 's/^max.*300//; s/^allow_anonymous true/&\nmax_packet_size 300/' "$work/broker.conf" >"$work/short.conf" && mv "$work/short.conf" "$work/broker.conf"
    unserve
    serve "" || return
    awk 'BEGIN { print "n,s"; for (i = 0; i < 30; i++) printf "%d,%s\n", i, i % 10 == 5 ? sprintf("%400s", "x") : "x" }' >"$work/long.csv"
    listen 27 "mqtt://127.0.0.1:$port/long out=n:int | csv:$work/short.csv time=none" || return
    "$weir" run "csv:$work/long.csv width=500 | mqtt://127.0.0.1:$port/long $1" 2>"$work/long.err" && wait "$listener" &&
        { echo n && seq 0 29 | sed '/5$/d'; } | cmp - "$work/short.csv" && grep -q ' 3 refused' "$work/long.err"
}

one_name() { # two clients of one id throw each other out ever more seldom, and say so twice
    for k in 1 2; do
        timeout 20 "$weir" run --for 4s "mqtt://127.0.0.1:$port/c out=v id=same | null" 2>"$work/one$k" &
        eval "one$k=\$!"
    done
    # shellcheck disable=SC2154 # set by eval
    wait "$one1" && wait "$one2" && [ "$(grep -c 'already connected, closing old' "$work/broker.log")" -le 12 ] &&
        [ "$(grep -c 'trying again' "$work/one1")" -le 2 ] && grep -q 'do not last: ' "$work/one1" "$work/one2"
}

ok 'JSON at most once: the same as in one process' same_through json 0
ok 'CSV at least once: the same as in one process' same_through csv 1
ok 'binary exactly once: the same as in one process' same_through binary 2
ok 'MQTT 3.1.1: the same as in one process' same_through json 1 version=v3
ok 'parts of topics become fields' from_topics
ok 'topics and texts choose messages' chosen_by_texts
ok 'properties become fields' properties
ok 'also that a message was retained' retained
ok 'text goes through as it is' any_text
ok 'latency= reads messages together' gathered
ok 'a malformed message is skipped and counted' malformed
ok 'a retained message comes later' kept
ok 'a will is carried out' last_will
ok 'a broker that is started again costs nothing' broker_restarted
ok 'what it has written before it is killed is read' read_to_the_end
ok 'a reader that is stuck and killed leaves the rest to the next' stuck_and_killed
ok 'ids of messages become a field' identified
ok 'a spool waits for the broker' spooled
ok 'without a spool the unsent is counted' unsent
serve "" || exit 1
ok 'two clients of one id are told and do not flood the broker' one_name
ok 'a message that is too long is set aside' too_long
ok 'and with a spool' too_long "version=v3 spool=1MiB spool_dir=$work/aside"

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

denied() { # no permission for the topic: status 3, and the reason
    same 3 "$(status_of "$weir" run -n 1 "synth:counter rate=max | mqtt://ann@127.0.0.1:$port/secret password_file=$work/secret")" &&
        "$weir" run -n 1 "synth:counter rate=max | mqtt://ann@127.0.0.1:$port/secret password_file=$work/secret" 2>&1 |
        grep -q 'not authorized'
}

ok 'a password comes from a file or the environment' with_password
ok 'and is never shown' never_shown
ok 'a wrong one ends the run with status 3' refused
printf 'user ann\ntopic readwrite t\ntopic readwrite shown\n' >"$work/acl"
chmod 644 "$work/acl"
echo "acl_file $work/acl" >>"$work/broker.conf"
unserve
serve "" || exit 1
ok 'so does a topic without permission' denied

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
            "synth:counter rate=max | mqtt://127.0.0.1:$port/t linger=5s $1"
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
for target in 'mqtt://h/out/{dev}' 'mqtt://h/{rest#}' 'mqtt://h/a will=b will_topic={a}' 'amqp://h/{dev}' 'amqp://h/a exchange={e}' \
    'kafka://h/{dev}' 'kafka://h/a message_key={k}'; do
    name=${target%%:*}
    "$weir" list sensors | grep -q "^  $name .*not in this build" && continue
    ok "a sink takes no field in ${target#*//h}" wrong "synth:counter | $target" 'no field stands in'
done
ok 'other braces are plain' same 0 "$(status_of "$weir" check 'synth:counter | mqtt://h/{}/a{b-c}')"
ok 'a sink takes no wildcards' wrong 'synth:counter | mqtt://host/a/+' "cannot be published to"
ok 'nor does a will' wrong 'synth:counter | mqtt://host/a will=x will_topic=a/+' "'a/+' cannot be published to"
ok 'nor does a source take wrong ones' wrong 'mqtt://host/a+/b | null' 'cannot be subscribed to'
ok 'a field is a whole part of the topic' wrong 'mqtt://host/{a}b/c | null' 'cannot stand for a part of the topic'
ok 'no topic field has the name of another' wrong 'mqtt://host/{text}/c | null' "'text' is the name of another field"
ok 'a property that there is not' wrong 'mqtt://host/c properties="content_typ" | null' "no property 'content_typ'"
ok 'all that there are are listed' wrong 'mqtt://host/c properties="user." | null' 'content_type response_topic correlation utf8 user.NAME'
ok 'a property needs a name of a field' wrong 'mqtt://host/c properties="user.a-b" | null' "'a-b' is not a field name"
ok 'one that is free' wrong 'mqtt://host/c properties="qos, expiry as qos" | null' "'qos' is the name of another field"
ok 'and nothing else' wrong 'mqtt://host/c properties="qos like q" | null' "a property stands alone, or with 'as'"
ok 'binary needs its fields' wrong 'mqtt://host/c format=binary | null' 'out= must say'
ok 'a port is a number' wrong 'mqtt://host:99999/c | null' 'a port is a number'
finish
