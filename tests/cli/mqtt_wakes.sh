#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# From MQTT to MQTT on one thread: no write(2) to a file or an eventfd, no wake-up of another thread, and with latency= one sleep
# for all that comes meanwhile, records and the answers of the broker to those that went out.
. tests/cli/tap.inc
. tests/cli/broker.inc

n=1000
rate=500
latency_ms=100

[ -r /proc/self/io ] || { echo 'this kernel does not count system calls in /proc/PID/io' >&2 && exit 77; }
printf 'allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\nuser %s\n' "$(id -un)" >"$work/broker.conf"
serve "" || exit 1
url=mqtt://127.0.0.1:$port

# Of the relay: calls of write(2) and its like, sleeps of each thread in order, and the time in ms.
writes() {
    awk '/^syscw/ { print $2 }' "/proc/$relay/io"
}

sleeps() {
    cat "/proc/$relay"/task/*/status | awk '/^voluntary_ctxt/ { print $2 }' | sort -n
}

now_ms() {
    date +%s%3N
}

# QOS ARGUMENTS: every other of n messages comes through a relay. What it cost is in $written; $slept, by the thread that slept
# most; $others, by the other threads; and $took, ms.
relay() {
    before=$(grep -c 'Sending SUBACK' "$work/broker.log")
    "$weir" run -q "$url/$1/in qos=$1 out=value $2 | where value % 2 == 0 | $url/$1/out qos=$1 time=none" 2>"$work/relay.err" &
    relay=$!
    timeout 60 "$weir" run -q -n $((n / 2 + 1)) "$url/$1/out qos=1 out=value | print time=none" >"$work/out" &
    listener=$!
    await subscribed $((before + 2)) || return 1
    "$weir" run -q -n 1 "synth:counter rate=max | $url/$1/in" # now both of its connections are in use
    await grep -q "Received PUBLISH from .*'$1/out'" "$work/broker.log" || return 1
    written=$(writes) sleeps=$(sleeps) start=$(now_ms)
    "$weir" run -q -n "$n" "synth:counter rate=${rate}Hz | $url/$1/in qos=$1" || return 1
    wait "$listener" || return 1
    took=$(($(now_ms) - start)) written=$(($(writes) - written))
    slept=$(($(sleeps | tail -n 1) - $(echo "$sleeps" | tail -n 1)))
    others=$(($(sleeps | awk '{ n += $1 } END { print n }') - $(echo "$sleeps" | awk '{ n += $1 } END { print n }') - slept))
    kill "$relay" && wait "$relay"
    echo "qos=$1 $2: $written writes, $slept sleeps, $others of other threads, $took ms" >&2
    { echo 0 && seq 0 2 $((n - 1)); } | sed 's/.*/{"value":&}/' | cmp - "$work/out"
}

writes_nothing() { # QOS
    relay "$1" '' && [ "$written" -eq 0 ] && [ "$slept" -gt 10 ] && [ "$others" -le 4 ]
}

# The time of a busy machine gives no more sleeps: what comes late comes together.
sleeps_once() { # QOS
    relay "$1" "latency=${latency_ms}ms" && [ "$written" -eq 0 ] && [ "$others" -le 4 ] && [ "$slept" -gt 5 ] &&
        [ "$slept" -le $((took * 13 / (latency_ms * 10) + 5)) ]
}

ok 'QoS 0: no write, no other thread' writes_nothing 0
ok 'QoS 1: no write, no other thread' writes_nothing 1
ok 'QoS 0 with latency=: one sleep for all that comes meanwhile' sleeps_once 0
ok 'QoS 1 with latency=: the same, answers of the broker included' sleeps_once 1
finish
