#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# MQTT in -> where -> MQTT out: weir and Node-RED take turns at the same broker, with the same messages from the same load
# (load_mqtt.c). Node-RED is not part of weir: npm fetches it into BUILD/node-red the first time.
#
#   tests/bench/node_red.sh BUILD
#
# WEIR_BENCH_PAIRS says how often they take turns, WEIR_BENCH_NODE_RED which version npm fetches.
WEIR=$1/weir
. tests/cli/tap.inc
. tests/cli/broker.inc
weir_pid='' red_pid=''
trap 'kill $weir_pid $red_pid $broker 2>/dev/null; wait; rm -rf "$work"' EXIT

build=$1
load=$build/tests/bench/load_mqtt
red=$build/node-red
version=${WEIR_BENCH_NODE_RED:-4.1.8}
pairs=${WEIR_BENCH_PAIRS:-3}
ticks=$(getconf CLK_TCK)

cannot() { # WHY
    echo "$1" >&2
    exit 77
}

fetch() {
    for tool in node npm; do
        command -v $tool >/dev/null || cannot "no $tool: 'scripts/setup bench' installs it"
    done
    grep -qs "\"version\": \"$version\"" "$red/node_modules/node-red/package.json" && return
    mkdir -p "$red"
    npm install --no-audit --no-fund --omit=dev --prefix "$red" "node-red@$version" >"$red/npm.log" 2>&1 ||
        cannot "npm could not fetch node-red@$version: $(grep 'npm .*[Ee]rr' "$red/npm.log" | sed -n 2p)"
}

flow() { # QOS: what weir does, in three nodes
    cat <<END
[{ "id": "flow", "type": "tab", "label": "bench" },
 { "id": "broker", "type": "mqtt-broker", "broker": "127.0.0.1", "port": "$port", "clientid": "", "autoConnect": true,
   "usetls": false, "protocolVersion": "5", "keepalive": "60", "cleansession": true },
 { "id": "in", "type": "mqtt in", "z": "flow", "topic": "red/$1/in", "qos": "$1", "datatype": "json", "broker": "broker",
   "nl": false, "rap": true, "rh": 0, "inputs": 0, "wires": [["where"]] },
 { "id": "where", "type": "switch", "z": "flow", "property": "payload.x", "propertyType": "msg", "checkall": "true",
   "rules": [{ "t": "gt", "v": "0.5", "vt": "num" }], "repair": false, "outputs": 1, "wires": [["out"]] },
 { "id": "out", "type": "mqtt out", "z": "flow", "topic": "red/$1/out", "qos": "$1", "retain": "false", "broker": "broker" }]
END
}

start_red() { # QOS
    mkdir -p "$work/red" && flow "$1" >"$work/red/flow.json"
    echo 'module.exports = { disableEditor: true, httpAdminRoot: false, httpNodeRoot: false, uiHost: "127.0.0.1", uiPort: 0,
        telemetry: { enabled: false }, logging: { console: { level: "warn" } } }' >"$work/red/settings.js"
    node "$red/node_modules/node-red/red.js" -u "$work/red" -s "$work/red/settings.js" "$work/red/flow.json" \
        >"$work/red.log" 2>&1 &
    red_pid=$!
    within 60 grep -q "red/$1/in" "$work/broker.log" || cannot "Node-RED does not come up: $(tail -n 1 "$work/red.log")"
}

start_weir() { # QOS
    "$weir" run -q "mqtt://127.0.0.1:$port/weir/$1/in qos=$1 out=\"n:int, x\" | where x > 0.5 |
        mqtt://127.0.0.1:$port/weir/$1/out qos=$1 time=none" 2>"$work/weir.log" &
    weir_pid=$!
    within 10 grep -q "weir/$1/in" "$work/broker.log" || cannot "weir does not come up: $(tail -n 1 "$work/weir.log")"
}

cpu() { # PID: clock ticks so far, of all its threads
    sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'
}

measure() { # WHO PID QOS N RATE: a line for summarize
    before=$(cpu "$2") broker_before=$(cpu "$broker")
    result=$("$load" "$port" "$1/$3/in" "$1/$3/out" "$3" "$4" "$5") || cannot "the load found no way: $1 qos=$3"
    echo "$1 $3 $5 $4 $(($(cpu "$2") - before)) $(($(cpu "$broker") - broker_before)) $result"
}

# WHO QOS RATE N TICKS BROKER_TICKS SECONDS LOST WRONG TWICE P50 P99, all turns of each together; of the rates the slowest and the
# fastest too.
summarize() {
    awk -v ticks="$ticks" '
        { key = $1 " " $2 " " $3; rate = $4 / $7
          n[key] += $4; cpu[key] += $5; broker[key] += $6; s[key] += $7; bad[key] += $8 + $9 + $10; p50[key] += $11 * $4
          if (!(key in low)) { order[++keys] = key; low[key] = high[key] = rate }
          if (rate < low[key]) low[key] = rate
          if (rate > high[key]) high[key] = rate }
        END { for (i = 1; i <= keys; i++) { k = order[i]; split(k, part, " ")
            printf "%-5s qos %s, %-9s %6.0f messages/s (%.0f to %.0f), %6.1f us of processor time each, %6.0f us on their way (median), broker busy %3.0f %%, lost or wrong: %d\n",
                part[1], part[2], part[3] ? part[3] "/s:" : "flat out:", n[k] / s[k], low[k], high[k], cpu[k] / ticks / n[k] * 1e6,
                p50[k] / n[k], broker[k] / ticks / s[k] * 100, bad[k] } }'
}

take_turns() { # QOS
    for who in weir red; do
        pid=$(eval echo "\$${who}_pid")
        measure $who "$pid" "$1" 20000 0 >/dev/null # to warm up
    done
    turn=0
    while [ "$turn" -lt "$pairs" ]; do
        for who in weir red; do
            pid=$(eval echo "\$${who}_pid")
            measure $who "$pid" "$1" 8000 2000
            measure $who "$pid" "$1" 60000 0
        done
        turn=$((turn + 1))
    done
}

[ -x "$load" ] || cannot 'this build has no mqtt'
fetch
printf '%s\n' 'allow_anonymous true' 'max_queued_messages 0' 'max_inflight_messages 0' 'set_tcp_nodelay true' "user $(id -un)" \
    'log_type subscribe' 'log_type information' 'log_type error' >"$work/broker.conf"
verbose='' && serve "" || exit 1
echo "Node-RED $version on node $(node --version), weir, and mosquitto; $pairs turns each, $(nproc) processors"
for qos in 0 1; do
    start_weir $qos
    start_red $qos
    take_turns $qos | sort -s -k 3,3nr | summarize
    kill "$weir_pid" "$red_pid"
    wait "$weir_pid" "$red_pid" 2>/dev/null
    weir_pid='' red_pid=''
done
