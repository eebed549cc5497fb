#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# weir-deploy against three real sshd on the loopback, each with a directory of programs of its own. A script stands for the service manager
# there: it runs the same `weir run` as the unit does.
. tests/cli/tap.inc

sshd=/usr/sbin/sshd
command -v $sshd ssh-keygen >/dev/null || { echo 'no sshd here (package openssh-server)' >&2 && exit 77; }
[ "$(id -u)" -eq 0 ] || { echo 'sshd needs root here' >&2 && exit 77; }
programs=$(cd "${weir%/*}" && pwd)
daemons=
quit() {
    # shellcheck disable=SC2086 # words
    [ -z "$daemons" ] || kill $daemons 2>/dev/null
    for file in "$work"/host*/run/*; do
        [ -e "$file" ] && kill "$(cat "$file")" 2>/dev/null
    done
    rm -rf "$work"
}
trap quit EXIT

manager() { # DIRECTORY: what the service manager does there
    cat <<END
#!/bin/sh
at=$1
for word; do case \$word in weir@*) name=\${word#weir@} ;; esac; done
is_active() { grep -qs '^State:.[^ZX]' "/proc/\$(cat \$at/run/\$name 2>/dev/null)/status"; }
stop() { ! is_active || kill "\$(cat \$at/run/\$name)"; rm -f \$at/run/\$name; }
echo "\$*" >>\$at/calls
case \$1 in
restart)
    stop
    setsid weir run -q \$at/etc/\$name.weir </dev/null >/dev/null 2>&1 &
    echo \$! >\$at/run/\$name
    ;;
is-active) is_active ;;
disable) stop ;;
show) echo 0 ;;
esac
END
}

host() { # NUMBER: its port is 22000 and some
    at=$work/host$1
    mkdir -p "$at/bin" "$at/etc" "$at/run"
    manager "$at" >"$at/bin/systemctl"
    chmod 755 "$at/bin/systemctl"
    ln -s "$programs/weir" "$programs/weir-guard" "$at/bin/"
    port=$((base + $1))
    cat >"$at/config" <<END
Port $port
ListenAddress 127.0.0.1
HostKey $work/host_key
AuthorizedKeysFile $work/key.pub
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PidFile none
SetEnv PATH=$at/bin:/usr/bin:/bin:/usr/sbin:/sbin WEIR_ETC=$at/etc WEIR_DRIVERS=$WEIR_DRIVERS
END
    mkdir -p /run/sshd
    $sshd -D -f "$at/config" -E "$at/log" &
    daemons="$daemons $!"
}

chmod 755 "$work"
base=$((22000 + $$ % 900 * 10))
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key" && ssh-keygen -q -t ed25519 -N '' -f "$work/key" || exit 1
for number in 1 2; do host $number; done
# The name of a host is its number here.
cat >"$work/ssh" <<END
#!/bin/sh
to=\$1
shift
exec ssh -F none -p \$(($base + \${to#root@host})) -i $work/key -o BatchMode=yes -o ConnectTimeout=5 -o StrictHostKeyChecking=no \\
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR root@127.0.0.1 "\$@"
END
chmod 755 "$work/ssh"
listens() { "$work/ssh" "root@host$1" true 2>/dev/null; }
if ! await listens 1 || ! await listens 2; then
    cat "$work"/host*/log >&2
    echo 'sshd does not start here' >&2
    exit 77
fi

deploy() {
    WEIR_SSH=$work/ssh scripts/weir-deploy --watch 2 "$@" >"$work/said" 2>"$work/messages"
    status=$?
    cat "$work/messages" >>"$work/said"
}
says() { # STATUS TEXT…
    same "$1" "$status" || { cat "$work/said" >&2 && return 1; }
    shift
    for text; do
        grep -qF "$text" "$work/said" || { cat "$work/said" >&2 && return 1; }
    done
}
runs() { # NUMBER NAME
    kill -0 "$(cat "$work/host$1/run/$2")"
}

echo 'synth:counter rate=10Hz | null' >"$work/pump.weir"
echo 'synth:sine rate=10Hz | null' >"$work/fan.weir"
printf '# each\n* pump LEVEL=3\nhost2 pump LEVEL=4\n' >"$work/params"
both="root@host1 root@host2 $work/pump.weir $work/fan.weir"

# shellcheck disable=SC2086 # words
deploy --dry-run $both
ok 'a dry run says what it would do' says 0 'root@host1: pump: would be switched' 'root@host2: fan: would be switched'
ok 'and does nothing' same '' "$(find "$work"/host*/etc -type f)"
# shellcheck disable=SC2086
deploy --params "$work/params" $both
ok 'two pipelines go to two hosts' says 0 'root@host1: pump: switched' 'root@host2: fan: switched'
ok 'they run there' runs 1 pump
ok 'each' runs 2 fan
ok 'with the values of each host' same 'LEVEL=3 LEVEL=3 LEVEL=4' "$(cat "$work/host1/etc/pump.env" "$work/host2/etc/pump.env" | paste -sd ' ')"
before=$(cat "$work/host1/run/pump")
# shellcheck disable=SC2086
deploy --params "$work/params" $both
ok 'a second run changes nothing' says 0 'root@host1: pump: unchanged' 'root@host2: fan: unchanged'
ok 'and restarts nothing' same "$before" "$(cat "$work/host1/run/pump")"

cp "$work/pump.weir" "$work/good"
echo 'synth:counter rate=10Hz | nul' >"$work/pump.weir"
deploy root@host1 "$work/pump.weir"
ok 'a program that is wrong is refused on the target' says 1 'FAILED, weir check refuses it'
ok 'what runs there stays' runs 1 pump
echo 'exec:"sleep 1" | null' >"$work/pump.weir"
# It is watched for long enough to end on a busy machine too. Once it has ended, nothing more is waited for.
deploy --watch 20 root@host1 root@host3 "$work/pump.weir"
ok 'one that does not stay up is taken back' says 1 'root@host1: pump: FAILED, went back'
ok 'the old one runs again' runs 1 pump
ok 'and is in its place' cmp "$work/good" "$work/host1/etc/pump.weir"
cp "$work/good" "$work/pump.weir"
echo 'synth:counter rate=20Hz | null' >"$work/fan.weir"
deploy root@host3 root@host2 "$work/fan.weir"
ok 'a host that is down does not hold the others' says 1 'root@host3: FAILED: cannot be reached' 'root@host2: fan: switched'
ok 'nothing stays in the temporary directories' same '' "$(find /tmp -maxdepth 2 -newer "$work/key" -name remote.sh | head -n 1)"
deploy root@host1
ok 'a pipeline is needed' says 2 'a pipeline is missing'
finish
