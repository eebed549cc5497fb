#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# weir setup: the catalogue of chips, and what it says and changes on a made system. weir check takes each program of the catalogue:
# all of it for hwmon, on a made chip; for others a device that is missing here may be the only error; the table of docs/sensors.md is that of the catalogue; drivers are those of the rig's kernel where it is here.
# Channels are not compared with the sources of the kernel, which are not here.
. tests/cli/tap.inc

# --- a made system: config.txt, lists of modules, sysfs ------------------------------------

root=$work/root
release=6.12.0-made
modules=$root/lib/modules/$release
config=$root/boot/firmware/config.txt
mkdir -p "$modules" "$root/boot/firmware" "$root/sys/bus/iio/devices/iio:device0" "$root/sys/bus/i2c/devices/1-0044" \
    "$root/sys/bus/i2c/devices/1-0076/driver" "$root/sys/bus/w1/devices/28-000005e2fdc3"
printf '%s\n' 'kernel/drivers/iio/pressure/bmp280-i2c.ko.xz: kernel/drivers/iio/pressure/dps310.ko.xz' \
    'kernel/drivers/iio/light/veml6030.ko:' >"$modules/modules.dep"
echo kernel/drivers/w1/slaves/w1-therm.ko >"$modules/modules.builtin"
echo bme280 >"$root/sys/bus/iio/devices/iio:device0/name"
echo sht3x >"$root/sys/bus/i2c/devices/1-0044/name"
echo bmp280 >"$root/sys/bus/i2c/devices/1-0076/name"
setup() { "$weir" setup --root="$root" "$@" >"$work/out" 2>"$work/err"; }
shows() { # STATUS CHIP TEXT…
    wanted=$1
    setup "$2"
    same "$wanted" $? || { cat "$work/out" "$work/err" >&2 && return 1; }
    shift 2
    for text; do
        cat "$work/out" "$work/err" | grep -qF -e "$text" || { echo "no '$text' in:" && cat "$work/out" "$work/err" && return 1; } >&2
    done
}
start_config() { printf '%s\n' "$@" >"$config"; }

start_config '# first' 'dtparam=audio=on'
ok 'a chip whose driver has a device' shows 0 bme280 'dtoverlay=i2c-sensor,bme280,addr=0x76' "not in $config" \
    "bmp280-i2c: a module of kernel $release" 'iio:device0: a driver has it' "weir run 'iio:bme280["
ok 'one that is bound on its bus' shows 0 bmp280 '1-0076: a driver has it'
ok 'one that is declared and has no driver: status 3' shows 3 sht3x '1-0044: no driver has it' "sht3x: not in kernel $release"
ok 'one that is not there: status 3' shows 3 lm75 'device      none'
ok 'a driver that is a part of the kernel; a device of the 1-Wire bus' shows 0 ds18b20 "w1_therm: a part of kernel $release" 28-000005e2fdc3
ok 'modules that another one needs do not count' shows 3 dps310 "dps310: not in kernel $release" 'instead '
ok 'a chip that a newer driver has' shows 3 veml7700 'supports this chip from Linux 6.13' 'instead '
mv "$modules" "$root/lib/modules/6.13.0-made"
ok 'and has there' shows 3 veml7700 'a module of kernel 6.13.0-made'
mv "$root/lib/modules/6.13.0-made" "$modules"
ok 'a sensor that sysfs does not show' shows 0 pms5003 enable_uart=1 'not visible in sysfs'
ok 'a further name, in any form' shows 3 HCSR04 hc-sr04
ok 'a chip without an overlay is attached' shows 3 ina219 dtparam=i2c_arm=on 'echo ina219 0x40'

# --- list, search, mistakes ------------------------------------------------------------------

lists() { # WORD CHIP…: these and no others
    setup "$1" || return
    shift
    same "$*" "$(sed -n 's/^  \([a-z0-9-]*\)  .*/\1/p' "$work/out" | paste -sd ' ')"
}
scripts/catalogue names >"$work/names"
all_listed() {
    "$weir" setup >"$work/out" && sed -n 's/^  \([a-z0-9-]*\)  .*/\1/p' "$work/out" | diff - "$work/names" >&2
}
ok 'without a word all are listed' all_listed
ok 'there are 60 at least' test "$(wc -l <"$work/names")" -ge 60
ok 'a word is searched for' lists co2 scd4x sgp30 ccs811
ok 'in any case' lists UltraViolet veml6070 veml6075
ok 'a word of several chips lists them' lists dust sps30 pms5003 sds011
unknown() { # WORD TEXT
    setup "$1"
    same 2 $? && grep -qF "$2" "$work/err" && same '' "$(cat "$work/out")"
}
ok 'a misspelt chip' unknown bm280 "did you mean 'bme280'?"
ok 'a word that no chip has' unknown xylophone 'weir setup'
ok 'two words' same 2 "$(status_of "$weir" setup a b)"
ok '--apply without a chip' same 2 "$(status_of "$weir" setup --apply)"
ok '--apply with a search' same 2 "$(status_of "$weir" setup --root="$root" --apply co2)"
as_json() {
    setup --json bme280 && for text in '"state": "bound"' '"state": "module"' '"config_line": 0' "\"kernel\": \"$release\""; do
        grep -qF "$text" "$work/out" || { cat "$work/out" >&2 && return 1; }
    done
}
ok 'as JSON' as_json
json_list() { "$weir" setup --json >"$work/out" && same "$(wc -l <"$work/names")" "$(grep -c '"chip"' "$work/out")"; }
ok 'the list as JSON' json_list

# --- config.txt ------------------------------------------------------------------------------

line=dtoverlay=i2c-sensor,bme280,addr=0x76
applies() { setup --apply "$1" || { cat "$work/err" >&2 && return 1; }; }
content() { # LINE…: the file has these and no others
    printf '%s\n' "$@" | diff - "$config" >&2
}
appended() {
    cp "$config" "$work/before"
    applies bme280 && content '# first' 'dtparam=audio=on' "$line" && cmp "$work/before" "$config.weir-1"
}
twice() {
    applies bme280 && content '# first' 'dtparam=audio=on' "$line" && grep -q "is line 3 of .* already" "$work/out" &&
        [ ! -e "$config.weir-2" ]
}
second() {
    applies ds18b20 && [ -e "$config.weir-2" ] && content '# first' 'dtparam=audio=on' "$line" dtoverlay=w1-gpio,gpiopin=4
}
ok 'nothing changed so far' content '# first' 'dtparam=audio=on'
ok '--apply appends the line and keeps the old file' appended
ok 'once' twice
ok 'and then shows its place' shows 0 bme280 "is line 3 of $config"
ok 'a second chip, with a backup of its own' second
ok 'no other file is left' same 'config.txt config.txt.weir-1 config.txt.weir-2' "$(cd "${config%/*}" && echo *)"
in_section() {
    start_config '[pi4]' "arm_boost=1"
    applies bme280 && content '[pi4]' 'arm_boost=1' '' '[all]' "$line"
}
ok 'behind a section for one model it stands in [all]' in_section
no_newline() {
    printf 'dtparam=audio=on' >"$config"
    applies bme280 && content 'dtparam=audio=on' "$line"
}
ok 'a last line without its newline' no_newline
commented() {
    start_config "#$line"
    applies bme280 && content "#$line" "$line"
}
ok 'a comment is not the line' commented
carriage() {
    printf '%s\r\n' "$line" >"$config"
    applies bme280 && grep -q already "$work/out"
}
ok 'a file of Windows' carriage
other_form() {
    start_config dtoverlay=i2c-sensor,bme280,addr=0x77
    setup --apply bme280
    same 1 $? && grep -q 'line 1 of .* other parameters: dtoverlay=i2c-sensor,bme280,addr=0x77' "$work/err" &&
        content dtoverlay=i2c-sensor,bme280,addr=0x77
}
ok 'the overlay with other parameters is left alone' other_form
other_chip() {
    start_config dtoverlay=i2c-sensor,bme2800 dtoverlay=i2c-sensor,lm75
    applies bme280 && same 3 "$(wc -l <"$config")"
}
ok 'another chip of that overlay does not count' other_chip
no_config() {
    rm -f "$config"
    setup --apply bme280
    same 3 $? && grep -qF -e --config=FILE "$work/err"
}
ok 'no config.txt: status 3' no_config
other_file() {
    echo '# mine' >"$work/mine.txt" && ln -s mine.txt "$work/link.txt"
    setup --config="$work/link.txt" --apply bme280 && [ -L "$work/link.txt" ] && grep -qx "$line" "$work/mine.txt"
}
ok '--config names another; a link stays one' other_file
# root may write everywhere, so another user tries.
unwritable() {
    mkdir "$work/fixed" && echo '# fixed' >"$work/fixed/config.txt" && cp "$weir" "$work/weir" && chmod 755 "$work" "$work/weir" &&
        chmod 555 "$work/fixed" || return
    as_user=
    [ "$(id -u)" -ne 0 ] || as_user='setpriv --reuid=65534 --regid=65534 --clear-groups'
    $as_user "$work/weir" setup --config="$work/fixed/config.txt" --apply bme280 >"$work/out" 2>"$work/err"
    same 1 $? && grep -q 'sudo weir setup --apply bme280' "$work/err" && same '# fixed' "$(cat "$work/fixed/config.txt")" &&
        same config.txt "$(ls "$work/fixed")"
}
ok 'a directory that may not be written: status 1, nothing is left there' unwritable
old_place() {
    echo '# old' >"$root/boot/config.txt" && applies bme280 && grep -qx "$line" "$root/boot/config.txt"
}
ok 'the older place' old_place

# --- the rows --------------------------------------------------------------------------------

# KEY TAB VALUE of each chip, a blank line behind.
rows() { sed -e '/^#/d' -e '/^group /d' -e 's/ /	/' sensors/catalogue; }

# A chip of hwmon whose files are those of the channels; its path takes the place of its name in the program.
make_chip() { # CHANNEL…
    device=$work/devices/$chip
    mkdir -p "$device" && echo "$chip" >"$device/name"
    for channel; do
        echo 1 >"$device/${channel}_input"
    done
}
misses_device_only() {
    case $1 in 3) [ "$(grep -c 'error: ' "$work/said")" -eq 1 ] ;; *) [ "$1" -eq 0 ] ;; esac
}
program_checks() {
    case $subsystem in
    hwmon)
        # shellcheck disable=SC2086 # words
        make_chip $channels
        program=$(printf '%s' "$program" | sed "s|^hwmon:[^[]*|hwmon:$device|")
        ;;
    esac
    "$weir" check "$program" >"$work/said" 2>&1
    misses_device_only $? || { echo "$chip: $program" && cat "$work/said" && return 1; } >&2
}
# Within brackets are channels of the row.
program_names_channels() {
    case $program in
    *:*\[*\]*) ;;
    *) return 0 ;;
    esac
    for channel in $(printf '%s' "$program" | sed 's/^[^[]*\[//; s/\].*//' | tr , ' '); do
        case " $channels " in *" $channel "*) ;; *) echo "$chip: no channel $channel" >&2 && return 1 ;; esac
    done
}
all_programs() {
    n=0
    rows >"$work/rows"
    while IFS='	' read -r key value; do
        case $key in
        chip) chip=$value ;;
        subsystem) subsystem=$value ;;
        channels) channels=$value ;;
        program)
            program=$value
            program_checks && program_names_channels || return 1
            n=$((n + 1))
            ;;
        esac
    done <"$work/rows"
    same "$(wc -l <"$work/names")" "$n"
}
ok 'weir check takes each program, and its channels are those of the row' all_programs

the_table() {
    sed -n '/^<!-- The table of scripts\/catalogue/,/^<!-- Its end/p' docs/sensors.md | sed '1d;$d' | diff - "$work/table" >&2
}
scripts/catalogue table >"$work/table"
ok 'docs/sensors.md has the table' the_table

breaks() { # SED-SCRIPT TEXT: a changed catalogue is refused
    sed "$1" sensors/catalogue >"$work/catalogue"
    scripts/catalogue rows "$work/catalogue" >/dev/null 2>"$work/err" && return 1
    grep -qF "$2" "$work/err"
}
ok 'a catalogue with an unknown key is refused' breaks 's/^bus I2C/buss I2C/' 'unknown key buss'
ok 'with a chip twice' breaks 's/^chip bmp280$/chip bme280/' 'chip bme280 stands twice'
ok 'without a program' breaks '/^program iio:bmp280/d' 'no program'

# --- the rig's kernel ------------------------------------------------------------------------

kernel=$(find "${XDG_CACHE_HOME:-$HOME/.cache}/weir/rig" -path '*amd64*/modules.dep' 2>/dev/null | head -n 1)
kernels_agree() {
    {
        cut -d : -f 1 "${kernel}" | grep -v ^extra/
        cat "${kernel%.dep}.builtin"
    } | sed 's|.*/||; s/\.ko.*//; s/-/_/g' | sort -u >"$work/modules"
    awk '$1 == "alias" && $2 ~ /^(i2c|spi):/ { sub(/.*:/, "", $2); print $2 }' "${kernel%.dep}.alias" | sort -u >"$work/aliases"
    rows | awk -F '\t' -v modules="$work/modules" -v aliases="$work/aliases" '
        BEGIN {
            while ((getline line <modules) > 0) has[line] = 1
            while ((getline line <aliases) > 0) alias[line] = 1
        }
        function judge(    driver, is_there, is_marked) {
            if (chip == "" || value["driver"] == "-") return
            driver = value["driver"]
            gsub(/-/, "_", driver)
            is_there = (driver in has) && value["since"] == ""
            is_marked = value["kernels"] ~ /debian/
            if (is_there != is_marked) print chip ": " value["driver"] (is_there ? " is in" : " is not in") " Debian'"'"'s kernel"
            split(value["attach"], word, " ")
            if (is_there && value["attach"] != "" && !(word[1] in alias)) print chip ": no alias " word[1]
        }
        NF < 2 { judge(); chip = ""; split("", value); next }
        $1 == "chip" { chip = $2 }
        { value[$1] = $2 }
        END { judge() }' >"$work/wrong"
    same '' "$(cat "$work/wrong")"
}
if [ -n "$kernel" ]; then
    ok "drivers are those of Debian's kernel, where the catalogue says so" kernels_agree
else
    echo 'skip - drivers of a kernel: the rig has none in the cache'
fi
finish
