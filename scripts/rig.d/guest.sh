# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154 # $tree and options: see scripts/rig; $kernel: see kernel.sh; $arch: see packages.sh
# Boots the guest. Its root is this machine's own root directory, shared by virtiofs and covered in the guest by an overlay
# in memory: what was built here runs there with the very same libraries, and what is written there is gone after, but for
# the shared directories. A guest of another architecture has a system of scripts/sysroot instead, one with another version of
# Debian that of scripts/debian, with what is needed of this machine's directories in it. A run and its guest talk through one
# of these:
#
#   job              what to do, as shell assignments, read by tests/rig/init
#   command          the command, as a shell script
#   begun            the command has begun
#   stdout, stderr   what it writes, shown here while it does
#   rc               its exit code; absent if the guest died
#   kmsg             the kernel's log since the command began
#   console          the kernel's console

packages=rig cross='' shared=/
case $arch in
amd64) qemu=qemu-system-x86_64 machine='-M q35 -cpu qemu64,+rdrand' console=ttyS0 ;;
arm64 | arm64-16k)
    qemu=qemu-system-aarch64 machine='-M virt -cpu cortex-a76' console=ttyAMA0
    packages=cross cross='ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu-'
    ;;
*) [ "$arch" = "$host" ] || usage_error "no guest is $arch" ;;
esac
case $debian/$arch in
/*) ;;
13/"$host") packages=trixie ;;
*) usage_error "no guest of $arch has Debian $debian" ;;
esac

# What in the kernel's log is shown, and what of it turns success into failure.
bug='BUG: |Oops|general protection fault|[Kk]ernel panic'
trouble="$bug|WARNING: |blocked for more than|soft lockup|rcu.*(stall|detected)"

# virtiofsd must be root: the overlay opens files in a way that only their owners may.
need_guest_tools() {
    command -v $qemu >/dev/null || skip "no $qemu"
    virtiofsd=$(ls /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd 2>/dev/null | head -n 1)
    [ -n "$virtiofsd" ] || skip 'no virtiofsd'
    as_root=
    [ "$(id -u)" -ne 0 ] || return 0
    as_root=sudo
    sudo -n true 2>/dev/null || { [ -t 0 ] && sudo true; } || skip 'not root and no sudo: virtiofsd cannot run'
}

# What it begins with in place of this machine's root directory, if not with that, and the name below build/ of what is for it.
need_system() {
    system='' variant=''
    if [ -n "$debian" ]; then
        system=$("$scripts/debian" "$debian") || exit
        variant=debian-$debian make="scripts/debian $debian make all tools"
        exec 6<"$system"
        flock -s 6
    elif [ "$arch" != "$host" ]; then
        need_foreign_system
    fi
}

# And where apt finds its kernel.
need_foreign_system() {
    variant=${arch%-16k} make="make CROSS=${arch%-16k} all tools"
    system=$("$scripts/sysroot" "${arch%-16k}") || exit
    APT_CONFIG=$("$scripts/sysroot" "${arch%-16k}" apt) || exit
    export APT_CONFIG
}

write_job() { # MODE
    {
        echo "mode=$1 sensors=$sensors cpus=$cpus"
        echo "tree=$(quote "$tree")"
        echo "cwd=$(quote "$PWD")"
        echo "modules=$(quote "$kernel/lib/modules")"
        echo "build=$(quote "$build")"
        echo "owner=$(id -u):$(id -g)"
        echo "share=$(quote "$(quote "$build")$share")"
        echo "size=$(quote "$(stty size 2>/dev/null || true)")"
    } >"$run/job"
}

# The settings that a command of this tree looks at, and the command itself. Modules are those that were built with it.
write_command() { # CMD [ARG]...
    {
        printf 'export WEIR_DRIVERS='
        quote "${WEIR_DRIVERS:-$tree/build/drivers}"
        echo
        export -p | grep -E "^export (WEIR_[A-Z_]*|TERM|[A-Z]*SAN_OPTIONS)='[^']*'\$" || true
        printf 'cd %s || exit\nexec ' "$(quote "$PWD")"
        quote "$@"
    } >"$run/command"
}

# Debian 12 has the older one, in C. It keeps a file open for each that the guest has seen.
start_virtiofsd() {
    case $("$virtiofsd" --help 2>&1) in
    *--shared-dir*) set -- --shared-dir="$shared" --cache=always --sandbox=chroot --no-announce-submounts --log-level=error ;;
    *) set -- -o source="$shared",cache=always,sandbox=chroot,log_level=err ;;
    esac
    rm -f "$run/fs"
    set -- "$virtiofsd" "$@" --socket-path="$run/fs" --socket-group="$(id -gn)"
    [ "$shared" = / ] || eval "set -- $(quote unshare --mount "$scripts/rig.d/view" "$shared" "$system") $view -- $(quote "$@")"
    # shellcheck disable=SC2016 # for the inner shell
    $as_root sh -c 'ulimit -n "$(ulimit -Hn)"; exec "$@"' virtiofsd "$@" >"$run/virtiofsd.log" 2>&1 &
    virtiofsd_pid=$!
    for _ in $(seq 100); do
        [ ! -S "$run/fs" ] || return 0
        sleep 0.02
    done
    cat "$run/virtiofsd.log" >&2
    skip 'virtiofsd does not start'
}

# One processor until the command begins: QEMU now and then runs a stale breakpoint while the kernel patches itself, which it
# does a lot in booting, and the kernel dies of "Oops: int3" (1 of 40 boots on a busy machine). For the same reason the
# processor has a source of random numbers: without one the kernel has enough of them only after a minute or so, and then
# patches what every exec() runs.
#
# An oops ends it: what holds a lock then would let everything else hang until the time is up.
#
# lpj is what the kernel would take two seconds to measure on the other processor.
#
# A busy host makes the time stamp counter look unsteady; without tsc=reliable the guest would then read the time from a
# device, at three times the cost.
kernel_arguments() {
    lpj=$(awk '/^cpu MHz/ { print int($4 * 4000); exit }' /proc/cpuinfo)
    [ "$arch" != amd64 ] || append="lpj=${lpj:-8000000} tsc=reliable$append"
    echo "root=root rootfstype=virtiofs rw init=\"$tree/tests/rig/init\" WEIR_RUN=\"$run\"" \
        "console=$console quiet oops=panic panic=-1 maxcpus=1 mitigations=off audit=0 $append"
}

# With a counted clock, idle time is skipped, and so takes none.
emulation() {
    [ "$counted" = 1 ] && echo '-accel tcg -icount shift=1,sleep=off' || echo '-accel tcg,thread=multi'
}

# Becomes QEMU until the guest powers off.
exec_qemu() { # ARGUMENT...
    # shellcheck disable=SC2046 # words
    exec timeout $foreground -k 5 "$timeout" $qemu -nodefaults -no-reboot -display none \
        $machine $(emulation) -smp "$cpus" -m "$memory" \
        -object memory-backend-memfd,id=mem,size="${memory}M",share=on -numa node,memdev=mem \
        -chardev socket,id=fs,path="$run/fs" -device vhost-user-fs-pci,chardev=fs,tag=root \
        -serial file:"$run/console" -kernel "$kernel/vmlinuz" -append "$(kernel_arguments)" "$@"
}

stop_virtiofsd() {
    [ -z "${virtiofsd_pid:-}" ] || $as_root kill "$virtiofsd_pid" 2>/dev/null || true
    virtiofsd_pid=
}

# WEIR_RIG_KEEP names a directory for what a run leaves, to look into.
cleanup() {
    [ -z "${qemu_pid:-}" ] || kill "$qemu_pid" 2>/dev/null || true
    stop_virtiofsd
    wait
    [ -z "${WEIR_RIG_KEEP:-}" ] || { mkdir -p "$WEIR_RIG_KEEP" && cp "$run"/[!fs]* "$run"/std* "$WEIR_RIG_KEEP"; } || true
    rm -rf "$run"
}

# A second signal must not end the cleaning up.
interrupted() { # EXIT_CODE
    trap '' INT TERM HUP
    exit "$1"
}

# The later ones cover the earlier: what was built for the guest stands where its commands look for it.
prepare_view() {
    built=$tree/build/$variant
    [ -d "$built" ] || skip "nothing is built for it: $make"
    shared=$run/files
    mkdir "$shared"
    view="$(quote "$PWD" "$PWD" "$tree" "$tree" "$built" "$build" "$kernel" "$kernel" "$run" "$run")"
    eval "set -- $share"
    for directory; do
        view="$view $(quote "$directory" "$directory")"
    done
}

prepare() { # MODE
    mkdir -p "$tree/build"
    build=$(cd "$tree/build" && pwd -P)
    run=$(mktemp -d "${TMPDIR:-/tmp}/weir-rig.XXXXXX")
    trap cleanup EXIT
    trap 'interrupted 130' INT
    trap 'interrupted 143' TERM HUP
    run=$(cd "$run" && pwd -P)
    mkdir "$run/scratch"
    [ -z "$system" ] || prepare_view
    : >"$run/stdout" >"$run/stderr"
    exec 7<"$kernel/lock"
    flock -s 7
    write_job "$1"
}

# Where the trouble began says more than where it ended.
died() { # WHAT EXIT_CODE
    say "$1; its console:"
    { grep -E -m 1 -A 40 "$trouble" "$run/console" || tail -n 40 "$run/console"; } 2>/dev/null | tr -d '\r' >&2
    cat "$run/qemu.log" "$run/virtiofsd.log" >&2
    exit "$2"
}

boot_shell() {
    prepare shell
    start_virtiofsd
    foreground=--foreground
    (exec_qemu -device virtio-serial-pci -device virtconsole,chardev=tty -chardev stdio,id=tty,signal=off \
        2>"$run/qemu.log") || died 'the guest died' 125
}

# Shows what the guest writes as it comes, until QEMU has ended. Without a reader the run is over.
show_output() {
    follow="tail -n +1 -s 0.05 -f --pid=$qemu_pid"
    $follow "$run/stderr" >&2 &
    stderr_pid=$!
    $follow "$run/stdout" &
    wait $! || true
    ! kill -0 "$qemu_pid" 2>/dev/null || exit 141
    wait "$stderr_pid" || true
}

report_trouble() {
    grep -Eq "$trouble" "$run/kmsg" || return 0
    say "the guest's kernel reported:"
    grep -E -A 30 "$trouble" "$run/kmsg" | head -n 60 >&2
}

# Exits as the command did, unless the guest or its kernel went wrong.
finish() { # QEMU_EXIT_CODE
    [ "$1" -ne 124 ] || died "the guest was killed after $timeout s" 124
    [ -s "$run/rc" ] || died 'the guest died' 125
    report_trouble
    read -r rc <"$run/rc"
    [ "$rc" -ne 0 ] || ! grep -Eq "$bug" "$run/kmsg" || exit 126
    exit "$rc"
}

boot_once() {
    start_virtiofsd
    exec_qemu </dev/null >"$run/qemu.log" 2>&1 &
    qemu_pid=$!
    show_output
    status=0
    wait "$qemu_pid" || status=$?
    qemu_pid=
    stop_virtiofsd
}

boot_run() { # CMD [ARG]...
    prepare run
    write_command "$@"
    foreground=
    boot_once
    if [ "$status" -ne 124 ] && [ ! -e "$run/begun" ]; then
        say 'the guest died while it booted; once more'
        boot_once
    fi
    finish "$status"
}
