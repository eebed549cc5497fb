#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A camera, played by the kernel's vivid driver: frames and their losses, motion, pictures, and what happens when it goes away.
set -u
# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
need $tools/video_control
top=$PWD
if ! modprobe vivid n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0 2>"$dir/messages"; then
    echo "this kernel has no vivid: $(cat "$dir/messages")" >&2
    exit 77
fi
camera=$(dirname "$(grep -l vivid /sys/class/video4linux/*/name | head -n 1)")
camera=/dev/${camera##*/}

control() { # NAME VALUE
    "$tools/video_control" "$camera" "$@"
}

frames() {
    await has_lines "$dir/frames.csv" $(($(wc -l <"$dir/frames.csv") + $1))
}

$weir list devices >"$dir/messages" 2>&1
grep -q "v4l2:$camera .*vivid" "$dir/messages"
say $? 'weir list devices shows the camera'

# Bars that run to the right at six pixels a frame, and text.
control 'Horizontal Movement' 6
(cd "$dir" && sed "s|/dev/video0|$camera|" "$top/examples/webcam.weir" >webcam.weir &&
    timeout 20 "$top/$weir" run -q -n 8 webcam.weir) >"$dir/told" 2>"$dir/messages"
[ "$(grep -c '^{"t":[0-9]*,"frame":[0-9]*,"motion":[0-9]*,"moved":[0-9]*}$' "$dir/told")" -ge 5 ] &&
    head -q -c 2 "$dir"/motion/*.ppm | grep -q P6
say $? 'examples/webcam.weir tells of motion and keeps its picture'
control 'Horizontal Movement' 3

# One run for the rest: the numbers of all frames, and the pictures of those that differ.
cat >"$dir/watch.weir" <<END
camera = v4l2:vivid size=320x180 rate=10Hz format=grey pictures=$dir/live keep=600
camera | csv:$dir/frames.csv
camera | where motion > 12 | throttle 1s | exec:"cp \$WEIR_picture $dir/\$WEIR_frame.pgm" per=record
END
timeout 60 $weir run --stats=json "$dir/watch.weir" 2>"$dir/messages" &
runner=$!
if ! await has_lines "$dir/frames.csv" 8; then
    say 1 'frames come'
    exit 1
fi
timeout 20 $weir run "v4l2:$camera | null" >"$dir/second" 2>&1
busy=$?
cp "$dir/frames.csv" "$dir/still.csv"
control 'Horizontal Movement' 6
await sh -c "ls $dir/*.pgm"
control 'Percentage of Dropped Buffers' 60
frames 6
control 'Percentage of Dropped Buffers' 0
control 'Inject V4L2_BUF_FLAG_ERROR' 1
frames 3
control 'Disconnect' 1
wait $runner
rc=$?

[ $rc -eq 3 ] && grep -q "v4l2 'vivid': cannot read a frame" "$dir/messages" && grep -q unplugged "$dir/messages"
say $? 'a camera that goes away ends the run with its name and exit code 3'
[ $busy -eq 3 ] && grep -q 'another program is using it' "$dir/second"
say $? 'a camera that somebody has is not had twice, and this is said'

lost=$(count device "$dir/messages")
tail -n +2 "$dir/frames.csv" | awk -F, -v lost="$lost" '
    NR == 1 { first = $2 }
    NR > 1 && ($2 + 0 <= last + 0 || $1 + 0 <= t + 0) { print "out of order:", $0; bad = 1 }
    { last = $2; t = $1 }
    END {
        missing = last - first + 1 - NR
        print NR " frames, " missing " missing, " lost " lost"
        exit (bad || missing < 1 || lost + 0 < missing)
    }' >>"$dir/messages"
say $? 'frames come in order, and those that the driver drops or damages are counted'
tail -n +3 "$dir/still.csv" | awk -F, '$4 + 0 > 12 { bad = 1 } END { exit (bad || NR < 5) }'
say $? 'nothing moves before a still picture'

# The mean of a grey picture, behind its header of 15 bytes: P5, 320 180, 255.
is_that_frame() { # PICTURE
    told=$(awk -F, -v frame="$(basename "$1" .pgm)" '$2 == frame { print $3 }' "$dir/frames.csv")
    tail -c +16 "$1" | od -An -v -w320 -tu1 |
        awk -v told="$told" '{ for (i = 1; i <= NF; i++) sum += $i; n += NF }
            END { exit (n != 57600 || (sum / n - told) ^ 2 > 1e-18) }'
}
is_that_frame "$(find "$dir" -name '*.pgm' | head -n 1)"
say $? 'a picture that is kept is the frame of its record'
[ -z "$(ls "$dir/live")" ]
say $? 'no other picture is left'
exit $status
