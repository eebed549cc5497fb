# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154 # $tree: see scripts/rig; $release and others: see packages.sh
# The guest's kernel: a stock Debian one, and the modules that Debian leaves out, kept in a cache.
#
#   packages/               what was downloaded
#   linux-RELEASE-RECIPE/   vmlinuz, lib/modules, a stamp of checksums, a lock
#   lock                    one set-up at a time
#
# A kernel's directory gets its name when it is complete. A run holds a shared lock on the one it uses, so that a set-up
# beside it does not remove the modules under its feet.

cache=${WEIR_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir/rig}
[ "$arch" = "$host" ] || cache=$cache/$arch
work=$cache/work

# Modules loaded at boot or by tests are kept uncompressed: xz is slow under emulation.
eager='drivers/gpio drivers/hid drivers/hwmon drivers/iio drivers/i2c drivers/w1 drivers/media/cec drivers/media/common drivers/media/mc drivers/media/rc
    drivers/media/test-drivers drivers/media/v4l2-core fs/configfs fs/overlayfs'

# A short name for how a kernel's directory is made: another recipe, another directory.
recipe() {
    cat "$tree"/scripts/rig.d/kernel.sh "$tree"/tests/rig/modules/* | sha256sum | cut -c 1-8
}

# Sets $kernel to the newest directory of this recipe; false if there is none, or what is in it has changed.
find_kernel() {
    # shellcheck disable=SC2012 # names of our own
    kernel=$(ls -d "$cache"/linux-*-"$(recipe)" 2>/dev/null | sort -rV | head -n 1)
    [ -n "$kernel" ] && (cd "$kernel" && sha256sum --status -c stamp) 2>/dev/null
}

build_modules() {
    say 'building the modules that Debian leaves out'
    headers=$work/usr/src/linux-headers-$release
    sed -i "s|/usr/src/|$work/usr/src/|" "$headers/Makefile"
    mkdir -p "$work/build/linux"
    cp "$tree"/tests/rig/modules/* "$work/build"
    tar -xf "$kept" -C "$work/build/linux"
    # A make that started us must not pass on its own options.
    # shellcheck disable=SC2086 # words
    if ! env -u MAKEFLAGS -u MAKELEVEL make -C "$headers" $cross M="$work/build" modules >"$work/build.log" 2>&1; then
        tail -n 30 "$work/build.log" >&2
        return 1
    fi
}

# Debian moved modules from /lib to /usr/lib after version 12.
collect_kernel() {
    out=$work/out/lib/modules/$release
    mkdir -p "${out%/*}" && mv "$work/boot/vmlinuz-$release" "$work/out/vmlinuz" || return
    for modules in "$work/lib/modules/$release" "$work/usr/lib/modules/$release"; do
        [ ! -d "$modules/kernel" ] || mv "$modules" "$out"
    done
    rm -f "$out/build" "$out/source"
    mkdir "$out/extra" && cp "$work"/build/*.ko "$out/extra"
}

index_modules() {
    for part in $eager; do
        find "$out/kernel/$part" -name '*.ko.xz' -exec unxz {} + || return
    done
    depmod -b "$work/out" "$release"
}

stamp_kernel() (
    cd "$work/out" && : >lock && sha256sum vmlinuz lib/modules/*/modules.dep lib/modules/*/extra/* >stamp
)

# Kernels that no run is using.
drop_other_kernels() {
    for old in "$cache"/linux-*-????????; do
        [ "$old" = "$kernel" ] || flock -n "$old/lock" rm -rf "$old" || true
    done
}

fetch_kernel() {
    rm -rf "$work" && mkdir -p "$work" && download_kernel && unpack_kernel "$work"
}

# A stale list names packages that are gone, a broken package does not unpack: starting over cures both.
fetch_kernel_again() {
    refresh_lists
    need_image
    rm -rf "$cache/packages"
    fetch_kernel || skip "kernel $release cannot be had"
}

install_kernel() {
    need_image
    fetch_kernel || fetch_kernel_again
    build_modules && collect_kernel && index_modules && stamp_kernel || exit 1
    kernel=$cache/linux-$release-$(recipe)
    rm -rf "$kernel"
    mv "$work/out" "$kernel"
    rm -rf "$work"
    drop_other_kernels
    drop_other_packages
}

lock_cache() {
    case $cache in
    *[[:space:]:]*) skip "make allows no space or colon in the cache's path: $cache" ;;
    esac
    mkdir -p "$cache" 2>/dev/null && exec 8>"$cache/lock" || skip "cannot write to $cache"
    flock -n 8 && return
    say 'waiting for another set-up'
    flock 8
}

unlock_cache() {
    exec 8>&-
}

# Sets $kernel to a verified kernel's directory, making it first if need be.
need_kernel() {
    find_kernel && return
    lock_cache
    find_kernel || install_kernel
    unlock_cache
}

# Goes on to a newer kernel if there is one.
refresh_kernel() {
    lock_cache
    refresh_lists
    need_image
    case $kernel in
    */linux-"$release"-*) ;;
    *) install_kernel ;;
    esac
    unlock_cache
}
