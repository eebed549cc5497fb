#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The early filter on real IIO devices: every tier, and both hooks of the inline tier, pass exactly the samples that a
# condition over what was fed names; two devices are never mixed. What is taken away: filter_deprived.sh.
# Runs in the rig, as root. Axis x of what is fed is a sequence number.
set -u

# shellcheck source=tests/kernel/device.lib
. tests/kernel/device.lib
samples=1500
rate=5000
buffer="buffer=$samples loss=infer" # no sample is refused, however late weir comes; who counts those that are: filter_loss.sh
condition='raw(accel_y) > 200 and accel_y < 8.5 or between(raw(accel_y), -700, -650)'

# The same condition over what was fed: 8.5 m/s^2 is 866.75 mg.
expected() { # LOG
    awk -F, 'NR > 1 && ($3 > 200 && $3 <= 866 || $3 >= -700 && $3 <= -650) { print $2 "," $3 }' "$1"
}

plug_noise() { # LOG SENSOR SEED [OPTION…]: a device that feeds once a reader has enabled its buffer
    log=$1 sensor=$2 seed=$3
    shift 3
    plug -d "$sensor" -r $rate -n $samples -x seq -y "noise:1000,$seed" --log "$log" "$@"
    device=${ready% *}
    device=${device##* }
}

has_exactly() { # N FILE [PATTERN]
    [ -e "$2" ] && [ "$(grep -c "${3:-}" "$2")" -eq "$1" ]
}

program() { # SENSOR CONDITION FIELD CSV
    echo "iio:$1 $buffer | where $2 | select i = raw(${3}x), y = raw(${3}y) | csv:$4"
}

values() { # CSV
    tail -n +2 "$1" | cut -d, -f2,3
}

as_expected() { # or shows, with the messages, how it differs
    diff "$dir/expected" "$dir/values" >"$dir/differences" || { head -n 5 "$dir/differences" >>"$dir/messages" && false; }
}

same() { # CSV LOG TIER
    expected "$2" >"$dir/expected"
    values "$1" >"$dir/values"
    [ -s "$dir/expected" ] && as_expected && grep -q "tier $3" "$dir/messages" &&
        grep -q ' 0 lost' "$dir/messages"
}

# One device, one tier.
check() { # NAME TIER HOOK EXPECTED
    plug_noise "$dir/fed" accel 7
    WEIR_INLINE_HOOK=$3 timeout 30 $weir run --filter-tier="$2" -n $samples \
        "$(program accel_3d "$condition" accel_ "$dir/got.csv")" >"$dir/messages" 2>&1
    same "$dir/got.csv" "$dir/fed" "$4"
    say $? "$1"
    unplug
    rm -f "$dir/got.csv" "$dir/fed"
}

check 'inline by fentry passes exactly what was named' inline fentry 'inline (fentry)'
check 'inline by kprobe passes exactly what was named' inline kprobe 'inline (kprobe)'
check 'batch passes exactly what was named' batch '' 'batch'
check 'user passes exactly what was named' user '' ''

# A reader of one channel gets scans of that channel alone, whatever the driver pushes: inline must see those too.
one_channel() { # TIER HOOK
    plug_noise "$dir/fed" accel 9
    WEIR_INLINE_HOOK=$2 timeout 30 $weir run --filter-tier="$1" -n $samples \
        "iio:accel_3d[x] $buffer | where raw(x) < 100 or raw(x) >= $((samples - 100)) | select i = raw(x) | csv:$dir/$1$2.csv" >"$dir/messages" 2>&1
    unplug
    tail -n +2 "$dir/$1$2.csv" | cut -d, -f2
}
one_channel inline fentry >"$dir/fentry"
one_channel inline kprobe >"$dir/kprobe"
one_channel user '' >"$dir/user"
[ "$(wc -l <"$dir/user")" -eq 200 ] && cmp -s "$dir/user" "$dir/fentry" && cmp -s "$dir/user" "$dir/kprobe"
say $? 'a reader of one channel gets the same samples inline'

# Stages that remember, and conditions that are several ranges or only implied: the same samples in every tier. The device
# feeds the same each time.
stages() { # TIER HOOK STAGES
    plug_noise "$dir/fed" accel 11
    WEIR_INLINE_HOOK=$2 timeout 30 $weir run --filter-tier="$1" -n $samples \
        "iio:accel_3d $buffer | $3 | select i = raw(accel_x), y = raw(accel_y) | csv:$dir/stages.csv" >"$dir/messages" 2>&1
    unplug
    values "$dir/stages.csv"
    rm -f "$dir/stages.csv" "$dir/fed"
}

all_agree() { # NAME LEAST STAGES: at least so many samples
    stages user '' "$3" >"$dir/expected"
    good=0
    [ "$(wc -l <"$dir/expected")" -ge "$2" ] || good=1
    for how in 'inline fentry' 'inline kprobe' 'batch '; do
        stages "${how% *}" "${how#* }" "$3" >"$dir/values"
        as_expected || { good=1; break; }
    done
    say $good "$1"
    rm -f "$dir/values"
}
all_agree 'every tier counts, and remembers what changed' 50 \
    'where abs(accel_y) > 1.5 | every 2 | changed accel_y by 3.5 | where raw(accel_x) != 700'
all_agree 'what is only implied is decided behind the filter' 100 \
    'where accel_y > 2 and accel_y + exp(accel_x) > 3 | every 3'
all_agree 'polynomials over several channels' 100 \
    'where sqrt(accel_x * accel_x + accel_y * accel_y) > 9 and accel_x > accel_y or 0.3 * accel_y * accel_y - accel_x * accel_y > 40 | every 2'

# Two devices push at the same time: each filter meets its own alone. The devices start when both readers are there and the
# readers end when both devices are quiet: an emulated CPU may miss a hook that comes or goes while the function is running.
gyro='raw(anglvel_y) > 200 and raw(anglvel_y) <= 866 or between(raw(anglvel_y), -700, -650)'
accel_program=$(program accel_3d "$condition" accel_ "$dir/got1.csv")
gyro_program=$(program gyro_3d "$gyro" anglvel_ "$dir/got2.csv")

plug_two() {
    rm -f "$dir/go" "$dir"/got*.csv
    plug_noise "$dir/fed1" accel 7 --start "file:$dir/go"
    first=$device
    plug_noise "$dir/fed2" gyro 8 --start "file:$dir/go"
}

feed_two() { # READER…: process ids
    for name in "$first" "$device"; do
        await grep -q 1 "$iio/$name/buffer/enable"
    done
    touch "$dir/go"
    for log in "$dir/fed1" "$dir/fed2"; do
        await has_lines "$log" $((samples + 1))
    done
    sleep 0.5
    kill -INT "$@"
    wait "$@"
    unplug
}

export WEIR_INLINE_HOOK=fentry
plug_two
timeout 40 $weir run --filter-tier=inline "$gyro_program" >"$dir/messages2" 2>&1 &
reader=$!
timeout 40 $weir run --filter-tier=inline "$accel_program" >"$dir/messages" 2>&1 &
feed_two $reader $!
same "$dir/got1.csv" "$dir/fed1" 'inline (fentry)' && mv "$dir/messages2" "$dir/messages" &&
    same "$dir/got2.csv" "$dir/fed2" 'inline (fentry)'
say $? 'two devices in two processes are not mixed'

export WEIR_INLINE_HOOK=kprobe
plug_two
timeout 40 $weir run --filter-tier=inline "$accel_program
$gyro_program" >"$dir/messages" 2>&1 &
feed_two $!
same "$dir/got1.csv" "$dir/fed1" 'inline (kprobe)' && same "$dir/got2.csv" "$dir/fed2" 'inline (kprobe)'
say $? 'two devices in one process are not mixed'
unset WEIR_INLINE_HOOK
rm -f "$dir"/got*.csv

# What is remembered outlives a reload, which opens device and hook anew: of a chain that lets only the first sample pass no
# second one comes, until the chain is another.
reload() { # EVERY RUNS: with another `every`, until so many runs have ended and another has begun
    echo "iio:accel_3d | every $1 | select i = raw(accel_x) | print" >"$dir/program.weir"
    kill -HUP $reader
    await has_exactly "$2" "$dir/messages" 'records in' && await grep -q 1 "$iio/$device/buffer/enable" && sleep 0.5
}

plug_noise "$dir/fed" accel 13 -n 0
echo 'iio:accel_3d | every 1000000 | select i = raw(accel_x) | print' >"$dir/program.weir"
$weir run --filter-tier=inline "$dir/program.weir" >"$dir/out" 2>"$dir/messages" &
reader=$!
await has_exactly 1 "$dir/out" && reload 1000000 1 && has_exactly 1 "$dir/out" && reload 1000001 2 && await has_exactly 2 "$dir/out"
say $? 'what an inline filter remembers outlives a reload'
kill -TERM $reader
wait $reader
unplug

exit $status
