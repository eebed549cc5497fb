# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2154 # $cache and $work: see kernel.sh
# Finds and downloads the packages of the guest's kernel. Versions come and go: everything is found by name.

series=6.12
host=$(dpkg --print-architecture 2>/dev/null || uname -m)
# The end of the kernel's name: an architecture, and sometimes a flavour of it.
arch=${WEIR_RIG_ARCH:-$host}

# The parts of the kernel's sources, 1.5 GB, that are kept.
sources='drivers/gpio drivers/iio kernel/irq'

candidate() { # PACKAGE: the version that apt would take, or nothing
    LC_ALL=C apt-cache policy "$1" | sed -n 's/^  Candidate: //p' | grep -vx '(none)'
}

# "RELEASE RANK PACKAGE" of all images, the newest first, a signed one before an unsigned.
images() {
    apt-cache pkgnames "linux-image-$series." |
        sed -n "s/^linux-image-\($series\.[0-9]*[^-]*-$arch\)\$/\1 2 &/p
            s/^linux-image-\($series\.[0-9]*[^-]*-$arch\)-unsigned\$/\1 1 &/p" |
        sort -rV
}

# Sets $release and $image to the newest that has its headers too.
find_image() {
    found=$(images | while read -r release _ image; do
        candidate "$image" >/dev/null && candidate "linux-headers-$release" >/dev/null || continue
        echo "$release $image"
        break
    done)
    release=${found% *} image=${found#* }
    [ -n "$found" ]
}

refresh_lists() {
    if [ "$(id -u)" -eq 0 ] || [ -n "${APT_CONFIG:-}" ]; then
        apt-get -qq update
    else
        sudo -n apt-get -qq update
    fi >/dev/null 2>&1 || say 'package lists could not be refreshed'
}

need_image() {
    find_image && return
    refresh_lists
    find_image || skip "no linux-image-$series package for $arch in apt's sources"
}

# Into $cache/packages, whole or not at all; apt checks the sums.
download() { # PACKAGE[=VERSION]...
    part=$cache/packages/part
    rm -rf "$part" && mkdir -p "$part" || return
    for package in "$@"; do
        have=$(echo "$cache/packages/${package%%[=:]*}"_*.deb)
        [ ! -e "$have" ] || continue
        say "downloading $package"
        if ! (cd "$part" && apt-get -qq download "$package") 2>"$part/log"; then
            sed '/^W: /d' "$part/log" >&2
            return 1
        fi
        mv "$part"/*.deb "$cache/packages"
    done
    rm -rf "$part"
}

# Sets $kept to an archive of the sources that we build modules from.
download_sources() { # VERSION
    kept=$cache/packages/linux-source-$1.tar
    [ ! -e "$kept" ] || return 0
    download "linux-source-$series=$1" || return
    say 'extracting kernel sources'
    tree_name=linux-source-$series
    mkdir "$work/source" || return
    # shellcheck disable=SC2046,SC2086 # one word per directory
    dpkg --fsys-tarfile "$cache/packages/$tree_name"_*.deb | tar -xO "./usr/src/$tree_name.tar.xz" |
        tar -xJ -C "$work/source" $(printf "$tree_name/%s\n" $sources) &&
        tar -cf "$work/source.tar" -C "$work/source/$tree_name" . &&
        mv "$work/source.tar" "$kept" &&
        rm -r "$work/source" "$cache/packages/$tree_name"_*.deb
}

# The image, headers and sources of $release.
download_kernel() {
    base=${release%-"$arch"}
    version=$(candidate "linux-headers-$release")
    download "$image" "linux-headers-$release" "linux-headers-$base-common" "linux-kbuild-$base:$host" &&
        download_sources "$version"
}

unpack_kernel() { # DIRECTORY
    for package in "$image" "linux-headers-$release" "linux-headers-$base-common" "linux-kbuild-$base"; do
        dpkg -x "$cache/packages/$package"_*.deb "$1" || return
    done
}

drop_other_packages() {
    for file in "$cache"/packages/*; do
        case ${file##*/} in
        "$image"_* | "linux-headers-$base"[-_]* | "linux-kbuild-$base"_* | "${kept##*/}") ;;
        *) rm -rf "$file" ;;
        esac
    done
}
