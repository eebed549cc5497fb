#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The main job end to end: a real IIO sensor switches a real GPIO line through examples/vibration.weir, and the chip's own view
# of the line, on the sensor's clock, is where the waveform says it must be.
# tries: 3
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib

# Gravity alone, and one and a half of it, 2.5 seconds each: 9.81 and 14.7 m/s². Over a window of 1 s the level passes 12 when
# 0.40 of it is high, and falls below 10.5 when 0.12 of it is; windows end each 0.1 s.
plug -d accel -r 200 -z square:0.2,250,1250 -x const:0

watch() {
    $tools/gpio_watch MOTOR_CUT >"$dir/line" &
    watcher=$!
    sed "/^level = /i accel | csv:$dir/accel.csv" examples/vibration.weir >"$dir/vibration.weir"
    timeout 60 $weir run --strict --for 9s --stats=json "$dir/vibration.weir" >"$dir/levels" 2>"$dir/messages"
    rc=$?
    sleep 0.1
    kill $watcher
    return $rc
}

# Seconds from each change of z to the line's next change to the same side: "on 0.45", "off 0.93".
delays() {
    awk -F '[ ,]' '
        FILENAME ~ /accel/ && FNR > 2 && ($4 > 12) != (last > 12) { n++; t[n] = $1; side[n] = $4 > 12 }
        FILENAME ~ /accel/ { last = $4 }
        FILENAME ~ /line/ { m++; when[m] = $1; level[m] = $3 }
        END {
            for (i = 1; i <= n; i++)
                for (j = 1; j <= m; j++)
                    if (when[j] > t[i] && level[j] == side[i]) {
                        printf "%s %.3f\n", side[i] ? "on" : "off", (when[j] - t[i]) / 1e9
                        break
                    }
        }' "$dir/accel.csv" "$dir/line"
}

watch
say $? 'the pipeline runs without loss (--strict)'
delays >"$dir/delays"
cat "$dir/delays" "$dir/line" >>"$dir/messages"
awk '$1 == "on" && ($2 < 0.35 || $2 > 0.75) { bad = 1 } $1 == "on" { n++ } END { exit bad || !n }' "$dir/delays"
say $? 'the line goes on 0.4 to 0.6 s after the shaking begins'
awk '$1 == "off" && ($2 < 0.85 || $2 > 1.3) { bad = 1 } $1 == "off" { n++ } END { exit bad || !n }' "$dir/delays"
say $? 'the line goes off 0.9 to 1.1 s after the shaking ends'
[ "$(sed -n 2p "$dir/line" | cut -d ' ' -f 3)" = 1 ]
say $? 'the line is taken at its park value'
exit $status
