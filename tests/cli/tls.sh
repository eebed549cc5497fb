#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Whom brokers' drivers do not believe over TLS, and what they say then. No broker is needed: it does not come to the protocol.
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

refused() { # SCHEME PORT VOUCHER TEXT: sink and source end with status 3 and say why
    timeout 30 "$weir" run -n 1 "synth:counter rate=max | $1://127.0.0.1:$2/t ca=$work/$3.crt" 2>"$work/err"
    same 3 $? && grep -q "$4" "$work/err" || { cat "$work/err" >&2 && return 1; }
    timeout 30 "$weir" run "$1://127.0.0.1:$2/t ca=$work/$3.crt | null" 2>"$work/err"
    same 3 $? && grep -q "$4" "$work/err" || { cat "$work/err" >&2 && return 1; }
}

believed() { # SCHEME: what fails then is the protocol, which this server does not speak
    timeout 30 "$weir" run -n 1 --strict "synth:counter rate=max | $1://127.0.0.1:$right/t ca=$work/good.crt linger=1s" 2>"$work/err"
    same 4 $? && ! grep -q certificate "$work/err" || { cat "$work/err" >&2 && return 1; }
}

for scheme in mqtt amqp kafka; do
    if "$weir" list sensors | grep -q "^  $scheme .*not in this build"; then
        echo "skip - $scheme: not in this build"
        continue
    fi
    ok "$scheme: the right one is believed" believed $scheme
    ok "$scheme: one that nobody vouches for is refused" refused $scheme "$right" other 'certificate'
    ok "$scheme: one for another host is refused" refused $scheme "$elsewhere" good 'certificate'
    ok "$scheme: one that is out of date is refused" refused $scheme "$old" good 'certificate'
done
finish
