#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Whom brokers' drivers do not believe over TLS, and what they say then. No broker is needed: it does not come to the protocol.
# What follows when they do is tested with the brokers, but for Kafka, of which there is none.
. tests/cli/tap.inc
. tests/cli/certificates.inc

command -v openssl >/dev/null || { echo 'no openssl here to make certificates with: scripts/setup test installs it' >&2 && exit 77; }
trap 'kill $servers 2>/dev/null; wait; rm -rf "$work"' EXIT
servers=

serve() { # NAME: somebody with that certificate; $port is where
    for port in $(shuf -i 20000-30000 -n 5); do
        openssl s_server -accept "127.0.0.1:$port" -cert "$work/$1.crt" -key "$work/$1.key" >"$work/$1.log" 2>&1 </dev/zero &
        server=$!
        for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
            grep -q ACCEPT "$work/$1.log" && servers="$servers $server" && return
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
    done
    echo "openssl s_server does not start" >&2
    exit 1
}

voucher good
voucher other
certificate right good IP:127.0.0.1,DNS:127.0.0.1 2 # librabbitmq looks for names alone
certificate elsewhere good DNS:elsewhere.example 2
certificate old good IP:127.0.0.1,DNS:127.0.0.1 -1
serve right
right=$port
serve elsewhere
elsewhere=$port
serve old
old=$port

says() { # STATUS TEXT PROGRAM…
    status=$1 text=$2
    shift 2
    timeout 30 "$weir" run --strict -n 1 "$@" 2>"$work/err"
    same "$status" $? && grep -q "$text" "$work/err" && return
    cat "$work/err" >&2
    return 1
}

refused() { # SCHEME PORT VOUCHER: sink and source end with status 3 and say why
    says 3 'is the broker.s certificate\|certificate is not accepted' "synth:counter rate=max | $1://127.0.0.1:$2/t ca=$work/$3.crt" &&
        says 3 'is the broker.s certificate\|certificate is not accepted' "$1://127.0.0.1:$2/t ca=$work/$3.crt | null"
}

believed() { # what fails then is the protocol, which this server does not speak
    says 4 'brokers are down\|no answer' "synth:counter rate=max | kafka://127.0.0.1:$right/t ca=$work/good.crt linger=500ms"
}

for scheme in mqtt amqp kafka; do
    if "$weir" list sensors | grep -q "^  $scheme .*not in this build"; then
        echo "skip - $scheme: not in this build"
        continue
    fi
    [ $scheme != kafka ] || ok "$scheme: the right one is believed" believed
    ok "$scheme: one that nobody vouches for is refused" refused $scheme "$right" other
    ok "$scheme: one for another host is refused" refused $scheme "$elsewhere" good
    ok "$scheme: one that is out of date is refused" refused $scheme "$old" good
done
finish
