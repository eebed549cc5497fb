#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# A pipeline in two network namespaces, with a broker in one of them and a wire between, gives what it gives in one process; also
# where the wire is cut at first.
. tests/cli/tap.inc
. tests/cli/broker.inc

[ "$(id -u)" -eq 0 ] || { echo 'needs root, for network namespaces' >&2 && exit 77; }
command -v nsenter ip >/dev/null || { echo 'needs nsenter and ip' >&2 && exit 77; }
unshare -n true 2>/dev/null || { echo 'no network namespaces here' >&2 && exit 77; }

unshare -n sleep 300 &
near=$!
unshare -n sleep 300 &
far=$!
trap 'kill $broker $near $far 2>/dev/null; wait; rm -rf "$work"' EXIT

apart() { # PID: its namespace is another than ours
    [ "$(readlink /proc/"$1"/ns/net)" != "$(readlink /proc/self/ns/net)" ]
}

wire() { # up|down
    nsenter -t "$near" -n ip link set near "$1"
}

connect() {
    within 5 apart "$near" && within 5 apart "$far" || return
    nsenter -t "$near" -n ip link add near type veth peer name far netns "$far" &&
        nsenter -t "$near" -n ip addr add 10.77.0.1/24 dev near && wire up &&
        nsenter -t "$far" -n ip addr add 10.77.0.2/24 dev far && nsenter -t "$far" -n ip link set far up &&
        nsenter -t "$far" -n ip link set lo up
}

connect || { echo 'no virtual wires here' >&2 && exit 77; }
inside="nsenter -t $far -n" address=0.0.0.0
printf 'allow_anonymous true\nmax_queued_messages 0\nuser %s\n' "$(id -un)" >"$work/broker.conf"
serve 1883 || exit 1
for half in near far; do
    sed 's/broker\.local/10.77.0.2/' examples/machines/$half.weir >"$work/$half.weir"
done
records=$(($(wc -l <examples/data/machine.csv) - 1))
"$weir" run -q examples/machines/whole.weir >"$work/whole"

in_two() { # NAME: what the far half prints is what the whole does
    nsenter -t "$far" -n timeout 40 "$weir" run -q -n "$records" "$work/far.weir" >"$work/$1.out" &
    reader=$!
    within 20 subscribed "$2"
    [ "$1" != cut ] || wire down
    STATE_DIRECTORY="$work/$1" nsenter -t "$near" -n "$weir" run "$work/near.weir" 2>"$work/$1.err" &
    sender=$!
    [ "$1" != cut ] || { sleep 0.5 && wire up; }
    wait "$sender" && wait "$reader" && [ -s "$work/whole" ] && cmp "$work/whole" "$work/$1.out"
}

ok 'in two namespaces: the same as in one process' in_two plain 1
ok 'with the wire cut at first: the same as in one process' in_two cut 2
finish
