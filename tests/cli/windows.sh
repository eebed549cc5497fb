#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Sources with ack=window against mosquitto: no message is acknowledged before the last window with it is out. So a killed reader
# loses no open window, a lost connection counts nothing twice, and messages that cannot be read stop no window. Version 3 of the
# protocol has no ids, so that nothing but the source recognises what comes again.
. tests/cli/tap.inc

. tests/cli/broker.inc

ends=''
SENT=24 # three windows of 7, and 3 messages in an open one
cat >"$work/broker.conf" <<END
allow_anonymous true
persistence true
persistence_location $work/
user $(id -un)
max_inflight_messages 20
END
serve "" || exit 1

read_windows() { # NAME WINDOW OPTIONS...: to NAME.out, in the background; $ends: partial, or nothing
    name=$1 window=$2
    shift 2
    "$weir" run -q "$@" "mqtt://127.0.0.1:$port/$name out=value:int qos=${qos:-1} id=$name version=v3 ack=window |
        window $window min(value) as lo, max(value) as hi, count() as n $ends | print format=csv header=no time=none" \
        >>"$work/$name.out" 2>"$work/messages" &
    reader=$!
}

begin() { # NAME WINDOW OPTIONS...: once the broker keeps messages for it
    : >"$work/$1.out"
    : >"$work/broker.log"
    read_windows "$@"
    within 20 subscribed 1
}

sent() { # NAME N
    "$weir" run -q -n "$2" "synth:counter rate=max | select value | mqtt://127.0.0.1:$port/$1 version=v3"
}

n_out() { # NAME N: at least so many windows
    [ "$(wc -l <"$work/$1.out")" -ge "$2" ]
}

ended() { # by SIGTERM, with status 0
    kill -TERM "$reader" && wait "$reader"
}

covered() { # NAME N: each of N messages is in a window
    awk -F, '{ for (i = $1; i <= $2; i++) print i }' "$work/$1.out" | sort -nu >"$work/$1.got"
    seq 0 $(($2 - 1)) | cmp - "$work/$1.got"
}

counted() { # NAME N: windows have N messages in all
    same "$2" "$(awk -F, '{ n += $3 } END { print n }' "$work/$1.out")"
}

killed() { # NAME WINDOW N [MESSAGES]: N windows come out; then kill -9, and another run for the rest
    begin "$1" "$2" && sent "$1" "${4:-$SENT}" && within 20 n_out "$1" "$3" || return
    sleep 0.3 # until the rest is in the open window
    kill -9 "$reader"
    wait "$reader" 2>/dev/null
    ends=partial
    read_windows "$1" "$2" --for 1s
    ends=''
    wait "$reader" && covered "$1" "${4:-$SENT}"
}

cut() { # NAME: the broker is started again while a window is open
    begin "$1" 7 && sent "$1" "$SENT" && within 20 n_out "$1" 3 || return
    unserve TERM && serve "$port" && within 20 subscribed 1 || return
    sent "$1" 4 && within 20 n_out "$1" 4 && ended || return
    same 7 "$(sed -n 's/.*,//;4p' "$work/$1.out")" && counted "$1" $((SENT + 4))
}

noise() { # 100 messages that cannot be read, where the broker sends 20 without an answer
    begin noise 7 && sent noise 3 || return
    yes nonsense | head -100 | "$weir" run -q "lines:- | mqtt://127.0.0.1:$port/noise format=text version=v3" &&
        sent noise 4 && within 20 n_out noise 1 && ended && counted noise 7
}

reloaded() { # SIGHUP: the open window comes out, and nothing comes twice
    echo "mqtt://127.0.0.1:$port/reloaded out=value:int qos=1 id=reloaded version=v3 ack=window |
        window 7 count() as n partial | print format=csv header=no time=none" >"$work/reloaded.weir"
    : >"$work/broker.log"
    setsid "$weir" run -q "$work/reloaded.weir" >"$work/reloaded.out" 2>"$work/messages" &
    reader=$!
    within 20 subscribed 1 && sent reloaded 10 && within 20 n_out reloaded 1 && kill -HUP "$reader" &&
        within 20 n_out reloaded 2 && within 20 subscribed 2 && sent reloaded 7 && within 20 n_out reloaded 3 &&
        ended && same '7 3 7' "$(paste -sd' ' "$work/reloaded.out")"
}

limited() { # -n 10: two windows come out, and nothing comes twice
    ends=partial
    begin limited 7 -n 10 && sent limited 10 && wait "$reader" && counted limited 10 || return
    read_windows limited 7 --for 500ms
    ends=''
    wait "$reader" && counted limited 10
}

whole() { # without partial: one window comes out, and the messages behind it come again
    begin whole 7 -n 10 && sent whole 10 && wait "$reader" && counted whole 7 && sent whole 4 || return
    read_windows whole 7
    within 20 n_out whole 2 && ended && counted whole 14
}

enough() { # a chain that ends itself
    : >"$work/broker.log"
    "$weir" run -q "mqtt://127.0.0.1:$port/enough out=value:int qos=1 id=enough version=v3 ack=window | window 7 count() as n |
        limit 1 | print format=csv header=no time=none" >"$work/enough.out" 2>"$work/messages" &
    reader=$!
    within 20 subscribed 1 && sent enough 12 && wait "$reader" && same 7 "$(cat "$work/enough.out")"
}

refused() { # TEXT PROGRAM: with a place, and status 2
    "$weir" check "$2" >"$work/refused" 2>&1
    same 2 $? && grep -q '^<argument>:1:[0-9]*: error: ack=window' "$work/refused" && grep -q '\^~~~~' "$work/refused" &&
        grep -qF "$1" "$work/refused"
}

rejects() {
    m='mqtt://h/t out=x id=a ack=window' a='amqp://h/q out=x ack=window' tail='mean(x) as y | null'
    refused 'credit=21 where' "$m | window 21 $tail" && refused 'needs 513 messages' "$a | window 513 step 2 $tail" &&
        refused 'at most 4096' "kafka://h/t group=g out=x ack=window | window 4097 $tail" &&
        refused "'where' drops records" "$m | where x > 1 | window 5 $tail" &&
        refused "'ewma' has memory" "$m | ewma x alpha=0.1 | window 5 $tail" &&
        refused 'keeps what another window' "$m | window 5 mean(x) as x | window 2 $tail" &&
        refused 'takes back' "$a | window 1800s $tail" && refused 'leave out time=own' "$m time=own | window 1s $tail" &&
        refused 'has no bound' "$m | window session 1s $tail" &&
        refused 'wait for older' "$m | window 1s mean(x) as y lateness=1s | null"
}

needs() {
    tail='ack=window | window 5 mean(x) as y | null'
    refused 'needs id=' "mqtt://h/t out=x $tail" && refused 'needs qos=' "mqtt://h/t out=x id=a qos=0 $tail" &&
        refused 'needs queue=' "amqp://h/k exchange=e out=x $tail" && refused 'needs group=' "kafka://h/t out=x $tail" &&
        refused 'a window is missing' 'mqtt://h/t out=x id=a ack=window | null' &&
        refused 'does not read the source' "q = mqtt://h/t out=x id=a ack=window | select x
q | null
q | window 5 mean(x) as y | null"
}

allowed() { # also where credit allows more; of a window by time the largest rate is told
    same 0 "$(status_of "$weir" check 'mqtt://h/t out=x id=a credit=21 ack=window | window 21 mean(x) as y | null')" &&
        "$weir" check 'mqtt://h/t out=x id=a ack=window | where x > 1 | window 10s mean(x) as y | null' 2>&1 |
        grep -q 'must not exceed 20 messages, here 1.98 per second'
}

ok 'weir check refuses windows that would wait forever' rejects
ok 'weir check says what ack=window needs' needs
ok 'weir check allows windows within the credit' allowed
ok 'kill -9: an open window comes again' killed killed 7 3
ok 'kill -9: so do overlapping windows' killed steps '7 step 3' 6
ok 'kill -9: so do windows that move by one' killed moving '7 step 1' 18
ok 'kill -9: so do windows by time' killed timed 5s 0 12
qos=2
ok 'kill -9: so do messages with qos=2' killed exact 7 3
ok 'qos=2: a connection that is made again counts nothing twice' cut again
qos=1
ok 'a connection that is made again counts nothing twice' cut cut
ok 'messages that cannot be read stop no window' noise
ok 'SIGHUP: the open window comes out, and nothing comes twice' reloaded
ok '-n: the open window comes out, and nothing comes twice' limited
ok 'a window that is not full comes again' whole
ok 'limit: a chain that ends itself ends the run' enough
finish
