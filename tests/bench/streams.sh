#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Programs of many slow streams: threads, memory, and switches of threads a record.
set -eu
weir=${WEIR:-build/weir}
hz=10

switches() { # PID
    cat /proc/"$1"/task/*/status | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

printf '%8s %8s %8s %18s\n' streams threads 'PSS KiB' 'switches/record'
for n in 1 11 100; do
    program=$(for _ in $(seq "$n"); do echo "synth:sine rate=${hz}Hz | where value > 0.5 | null"; done)
    "$weir" run -q --for 5s "$program" &
    pid=$!
    sleep 2
    threads=$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)
    pss=$(awk '/^Pss:/ { print $2 }' "/proc/$pid/smaps_rollup")
    before=$(switches $pid)
    sleep 2
    after=$(switches $pid)
    printf '%8d %8d %8d %18s\n' "$n" "$threads" "$pss" \
        "$(awk -v n=$((after - before)) -v records=$((2 * n * hz)) 'BEGIN { printf "%.2f", n / records }')"
    wait $pid
done
