#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# MQTT in -> where -> MQTT out: programs take turns at the same broker, with the same messages from the same load (load_mqtt.c):
#
#   weir      as it is by default
#   gathers   weir with latency=2ms on its source
#   red       Node-RED, which npm fetches into BUILD/node-red the first time
#   relay     libmosquitto on one thread (relay_mqtt.c)
#   pipe      mosquitto_sub | jq | mosquitto_pub
#
#   tests/bench/node_red.sh BUILD
#
# WEIR_BENCH_PAIRS says how often they take turns, WEIR_BENCH_WHO which do, WEIR_BENCH_NODE_RED which version npm fetches, and
# WEIR_BENCH_RED where it is if not in BUILD/node-red.
WEIR=$1/weir
. tests/cli/tap.inc
. tests/cli/broker.inc
pids=''
trap 'kill $pids $broker 2>/dev/null; wait; rm -rf "$work"' EXIT

build=$1
load=$build/tests/bench/load_mqtt
relay=$build/tests/bench/relay_mqtt
red=${WEIR_BENCH_RED:-$build/node-red}
version=${WEIR_BENCH_NODE_RED:-4.1.8}
pairs=${WEIR_BENCH_PAIRS:-5}
everyone=${WEIR_BENCH_WHO:-weir gathers red relay pipe}
n_paced=${WEIR_BENCH_PACED:-8000}
n_flat=${WEIR_BENCH_FLAT:-60000}

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

# --- the programs -------------------------------------------------------------------

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

is_among() { # NAME
    case " $everyone " in *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# The processes of the program that was started last are in $pid; of all, in $pids.
started() { # WHO QOS SECONDS
    eval "${1}_pids=\"$pid\""
    pids="$pids $pid"
    within "$3" grep -q "$1/$2/in" "$work/broker.log" || cannot "$1 does not come up: $(tail -n 1 "$work/$1.log")"
}

start_red() { # QOS
    mkdir -p "$work/red" && flow "$1" >"$work/red/flow.json"
    echo 'module.exports = { disableEditor: true, httpAdminRoot: false, httpNodeRoot: false, uiHost: "127.0.0.1", uiPort: 0,
        telemetry: { enabled: false }, logging: { console: { level: "warn" } } }' >"$work/red/settings.js"
    node "$red/node_modules/node-red/red.js" -u "$work/red" -s "$work/red/settings.js" "$work/red/flow.json" \
        >"$work/red.log" 2>&1 &
    pid=$!
    started red "$1" 60
}

run_weir() { # WHO QOS ARGUMENTS
    "$weir" run -q "mqtt://127.0.0.1:$port/$1/$2/in qos=$2 out=\"n:int, x\" $3 | where x > 0.5 |
        mqtt://127.0.0.1:$port/$1/$2/out qos=$2 time=none" 2>"$work/$1.log" &
    pid=$!
    started "$1" "$2" 10
}

start_weir() { # QOS
    run_weir weir "$1" ''
}

start_gathers() { # QOS
    run_weir gathers "$1" latency=2ms
}

start_relay() { # QOS
    "$relay" "$port" "relay/$1/in" "relay/$1/out" "$1" 2>"$work/relay.log" &
    pid=$!
    started relay "$1" 10
}

start_pipe() { # QOS
    [ -p "$work/to_jq" ] || mkfifo "$work/to_jq" "$work/to_pub"
    mosquitto_sub -h 127.0.0.1 -p "$port" -V 5 --nodelay -q "$1" -t "pipe/$1/in" >"$work/to_jq" 2>"$work/pipe.log" &
    pid=$!
    jq -c --unbuffered 'select(.x > 0.5)' <"$work/to_jq" >"$work/to_pub" 2>>"$work/pipe.log" &
    pid="$pid $!"
    mosquitto_pub -h 127.0.0.1 -p "$port" -V 5 --nodelay -q "$1" -t "pipe/$1/out" -l <"$work/to_pub" 2>>"$work/pipe.log" &
    pid="$pid $!"
    started pipe "$1" 10
}

# --- turns --------------------------------------------------------------------------

cpu() { # PID…: microseconds so far, of all their threads
    for process; do
        cat "/proc/$process"/task/*/schedstat
    done | awk '{ n += $1 } END { printf "%.0f\n", n / 1000 }'
}

sleeps() { # PID…: of all their threads
    for process; do
        cat "/proc/$process"/task/*/status
    done | awk '/^voluntary_ctxt/ { n += $2 } END { print n + 0 }'
}

# WHO QOS N RATE: a line for summarize.
measure() {
    eval "mine=\$${1}_pids"
    # shellcheck disable=SC2086,SC2154 # words, which eval has set
    before=$(cpu $mine) broker_before=$(cpu "$broker") slept=$(sleeps $mine)
    result=$("$load" "$port" "$1/$2/in" "$1/$2/out" "$2" "$3" "$4") || cannot "the load found no way: $1 qos=$2"
    # shellcheck disable=SC2086 # words
    echo "$1 $2 $4 $3 $(($(cpu $mine) - before)) $(($(cpu "$broker") - broker_before)) $(($(sleeps $mine) - slept)) $result"
}

# WHO QOS RATE N US BROKER_US SLEEPS SECONDS LOST WRONG TWICE P50 P99: of all turns the median of the time for a message, with the
# least and the most; and how these medians relate. One turn is of one time, so that the others' work on the machine hits all.
summarize() {
    sort -k 2,2n -k 3,3nr -k 1,1 | awk '
        function name(rate) { return rate ? rate "/s" : "flat out" }
        function median(k, n, i, j, v) {
            for (i = 2; i <= n; i++)
                for (j = i; j > 1 && us[k, j] < us[k, j - 1]; j--) { v = us[k, j]; us[k, j] = us[k, j - 1]; us[k, j - 1] = v }
            return n % 2 ? us[k, (n + 1) / 2] : (us[k, n / 2] + us[k, n / 2 + 1]) / 2
        }
        function relation(who, to, q, r, most, a, b) {
            a = who " " q " " r; b = to " " q " " r
            if (a in mid && b in mid)
                printf "qos %s, %-9s %-7s / %-5s %5.2f of the medians, %.2f of the least, aim %s\n", q, name(r) ":", who, to,
                    mid[a] / mid[b], us[a, 1] / us[b, 1], most
        }
        { key = $1 " " $2 " " $3
          if (!(key in turns)) order[++keys] = key
          us[key, ++turns[key]] = $5 / $4
          n[key] += $4; broker[key] += $6; slept[key] += $7; s[key] += $8; bad[key] += $9 + $10 + $11; p50[key] += $12 * $4 }
        END {
            for (i = 1; i <= keys; i++) {
                k = order[i]; split(k, part, " ")
                mid[k] = median(k, turns[k])
                printf "qos %s, %-9s %-7s %6.0f messages/s, %6.1f us of processor time each (%.1f to %.1f), %.2f sleeps, %6.1f ms on their way (median), broker busy %3.0f %%, lost or wrong: %d\n",
                    part[2], name(part[3]) ":", part[1], n[k] / s[k], mid[k], us[k, 1], us[k, turns[k]], slept[k] / n[k],
                    p50[k] / n[k] / 1000, broker[k] / s[k] / 10000, bad[k]
            }
            for (q = 0; q <= 1; q++) {
                relation("weir", "red", q, 2000, "0.5")
                relation("weir", "relay", q, 2000, "1.2")
                relation("weir", "pipe", q, 2000, "1")
                relation("gathers", "red", q, 2000, "0.2")
                relation("weir", "red", q, 0, "0.5")
                relation("weir", "relay", q, 0, "1.2")
                relation("weir", "pipe", q, 0, "1")
            }
        }'
}

take_turns() { # QOS
    for who in $everyone; do
        measure "$who" "$1" 20000 0 >/dev/null # to warm up
    done
    turn=0
    while [ "$turn" -lt "$pairs" ]; do
        for who in $everyone; do
            measure "$who" "$1" "$n_paced" 2000
            measure "$who" "$1" "$n_flat" 0
        done
        turn=$((turn + 1))
    done
}

for tool in "$load" "$relay"; do
    [ -x "$tool" ] || cannot "no $tool: 'scripts/setup bench' installs libmosquitto"
done
is_among red && fetch
if is_among pipe; then
    for tool in jq mosquitto_sub mosquitto_pub; do
        command -v $tool >/dev/null || cannot "no $tool: 'scripts/setup bench' installs it"
    done
fi
printf '%s\n' 'allow_anonymous true' 'max_queued_messages 0' 'max_inflight_messages 0' 'set_tcp_nodelay true' "user $(id -un)" \
    'log_type subscribe' 'log_type information' 'log_type error' >"$work/broker.conf"
verbose='' && serve "" || exit 1
echo "Node-RED $version on node $(node --version), weir, and mosquitto; $pairs turns each, $(nproc) processors"
echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
for qos in 0 1; do
    for who in $everyone; do
        start_"$who" $qos
    done
    take_turns $qos >>"$work/turns"
    # shellcheck disable=SC2086 # words
    kill $pids && wait $pids 2>/dev/null
    pids=''
done
summarize <"$work/turns"
[ -z "${WEIR_BENCH_TURNS:-}" ] || cp "$work/turns" "$WEIR_BENCH_TURNS"
echo "load after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
