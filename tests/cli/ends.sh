#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A reader of mosquitto ends in each way there is. What it has not worked off comes in the next run; after an orderly end nothing
# comes twice, and an open window has come out before its messages were acknowledged.
. tests/cli/tap.inc

. tests/cli/broker.inc

MESSAGES=60
IN_FLIGHT=20 # of mosquitto: so many come again after kill -9
cat >"$work/broker.conf" <<END
allow_anonymous true
persistence true
persistence_location $work/
user $(id -un)
max_inflight_messages $IN_FLIGHT
END
serve "" || exit 1

from() { # WAY: the source
    echo "mqtt://127.0.0.1:$port/$1 out=value:int qos=1 id=$1"
}

known() { # WAY: the broker keeps messages for it from now on
    timeout 20 "$weir" run -q --for 300ms "$(from "$1") | null" && : >"$work/$1.done"
}

sent() { # WAY
    "$weir" run -q -n "$MESSAGES" "synth:counter rate=max | select value | mqtt://127.0.0.1:$port/$1"
}

n_done() { # WAY N: at least so many
    [ "$(wc -l <"$work/$1.done")" -ge "$2" ]
}

begin() { # WAY PROGRAM OPTIONS...: a process without a terminal, so that SIGHUP reads its program again
    echo "$2" >"$work/$1.weir"
    way=$1
    shift 2
    setsid "$weir" run -q "$@" "$work/$way.weir" >>"$work/$way.done" 2>"$work/messages" &
    reader=$!
}

# Ends the reader, of whom some work is done: orderly, with status 0.
end() { # WAY N: that work
    case $1 in
    limit | for | error) ;;
    HUP)
        within 20 n_done "$1" "$2" && kill -HUP "$reader"
        within 20 n_done "$1" $((3 * $2)) && kill -TERM "$reader"
        ;;
    *) within 20 n_done "$1" "$2" && kill -s "$1" "$reader" ;;
    esac
    wait "$reader"
    status=$?
    case $1 in
    error) same 1 "$status" ;;
    KILL) same 137 "$status" ;;
    *) same 0 "$status" ;;
    esac
}

# A stage that takes its time for each record, and the same once more for what is left.
slow() { # WAY OPTIONS...
    way=$1
    shift
    stage="exec:\"sleep 0.1; echo \$WEIR_value >>$work/$way.done\" per=record"
    known "$way" && sent "$way" || return
    [ "$way" != error ] || stage="exec:\"[ \$WEIR_value -ne 9 ] && echo \$WEIR_value >>$work/$way.done\" per=record"
    begin "$way" "$(from "$way") | $stage" "$@"
    end "$way" 8 || return
    first=$(wc -l <"$work/$way.done")
    begin "$way" "$(from "$way") | exec:\"echo \$WEIR_value >>$work/$way.done\" per=record" --for 3s
    wait "$reader"
    [ "$first" -lt "$MESSAGES" ] && [ "$first" -gt 0 ] && seq 0 $((MESSAGES - 1)) >"$work/all" &&
        sort -nu "$work/$way.done" | cmp - "$work/all"
}

once() { # WAY: none came twice
    same "$MESSAGES" "$(wc -l <"$work/$1.done")"
}

# Windows of 7: the last one is open when the end comes.
window() { # WAY OPTIONS...
    way=$1
    shift
    known "$way" && sent "$way" || return
    begin "$way" "$(from "$way") | window 7 partial count() as n | print format=csv header=no time=none" "$@"
    case $way in
    *HUP) within 20 n_done "$way" 8 && kill -HUP "$reader" && within 20 n_done "$way" 9 && kill -TERM "$reader" ;;
    *TERM) within 20 n_done "$way" 8 && kill -TERM "$reader" ;;
    *INT) within 20 n_done "$way" 8 && kill -INT "$reader" ;;
    esac
    wait "$reader" || return
    begin "$way" "$(from "$way") | window 7 partial count() as n | print format=csv header=no time=none" --for 1s
    wait "$reader" && same "$MESSAGES" "$(awk '{ n += $1 } END { print n }' "$work/$way.done")"
}

ok 'kill -9: what was not done comes again' slow KILL
repeats=$(($(wc -l <"$work/KILL.done") - MESSAGES))
ok 'and no more than was under way' [ "$repeats" -le "$IN_FLIGHT" ]
ok 'a stage that fails: its message and the rest come again' slow error
ok '-n: the rest comes in the next run' slow limit -n 12
ok 'and nothing twice' once limit
ok '--for: the rest comes in the next run' slow for --for 400ms
ok 'and nothing twice' once for
for signal in TERM INT HUP; do
    ok "SIG$signal: the rest comes in the next run" slow "$signal"
    ok 'and nothing twice' once "$signal"
done
ok '-n: an open window comes out' window wlimit -n "$MESSAGES"
ok '--for: an open window comes out' window wfor --for 1s
for signal in TERM INT HUP; do
    ok "SIG$signal: an open window comes out" window "w$signal"
done
finish
