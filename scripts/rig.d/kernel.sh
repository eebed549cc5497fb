# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# The guest's kernel: a stock Debian one, and the modules that Debian leaves
# out, kept in a cache:
#
#   packages/			what was downloaded
#   linux-VERSION-RECIPE/	vmlinuz, lib/modules, and a stamp of checksums
#   lock			one set-up at a time
#
# A kernel directory gets its name only when it is complete, and a run holds a
# shared lock on the one it uses, so that a set-up beside it removes no module
# under its feet.

SERIES=6.12
ARCH=$(dpkg --print-architecture 2>/dev/null || echo unknown)
cache=${WEIR_RIG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir/rig}

# Parts of the kernel sources that modules are built from.
sources='drivers/gpio drivers/iio kernel/irq'

# Modules loaded at boot are kept uncompressed: xz is slow under emulation.
eager='drivers/gpio drivers/hid drivers/iio drivers/i2c fs/configfs fs/overlayfs'

# Names what the kernel directory is made by: any change makes another.
recipe()
{
	cat "$tree"/scripts/rig.d/kernel.sh "$tree"/tests/rig/modules/* |
		sha256sum | cut -c 1-8
}

# Prints the complete kernel directory of this recipe, the newest one first.
kernel_dir()
{
	# shellcheck disable=SC2012 # names of our own, sorted by version
	ls -d "$cache"/linux-*-"$(recipe)" 2>/dev/null | sort -rV | head -n 1
}

kernel_intact()
{
	[ -n "$1" ] && (cd "$1" && sha256sum --status -c stamp) 2>/dev/null
}

# Prints "RELEASE PACKAGE" of the newest kernel; a signed image wins.
newest_image()
{
	apt-cache pkgnames "linux-image-$SERIES." |
		sed -n "s/^linux-image-\($SERIES\.[0-9]*[^-]*-$ARCH\)\$/\1 2 &/p
			s/^linux-image-\($SERIES\.[0-9]*[^-]*-$ARCH\)-unsigned\$/\1 1 &/p" |
		while read -r release rank package; do
			has_candidate "$package" && has_candidate \
				"linux-headers-$release" &&
				echo "$release $rank $package"
		done | sort -rV | head -n 1 | cut -d ' ' -f 1,3
}

candidate()
{
	LC_ALL=C apt-cache policy "$1" | sed -n 's/^  Candidate: //p'
}

has_candidate()
{
	case $(candidate "$1") in
	'' | '(none)') return 1 ;;
	esac
}

# Downloads PACKAGE[=VERSION]... into $cache/packages; apt checks the sums.
download()
{
	part=$cache/packages/part
	rm -rf "$part" && mkdir -p "$part"
	for package in "$@"; do
		have=$(echo "$cache/packages/${package%%=*}"_*.deb)
		[ ! -e "$have" ] || continue
		say "downloading $package"
		(cd "$part" && apt-get -qq download "$package") 2>"$part/log" || {
			cat "$part/log" >&2
			return 1
		}
		mv "$part"/*.deb "$cache/packages"
	done
	rm -rf "$part"
}

# Keeps of the kernel's sources, 1.5 GB, only the directories that we build.
extract_sources()
{
	kept=$cache/packages/linux-source-$1.tar
	[ ! -e "$kept" ] || return 0
	download "linux-source-$SERIES=$1" || return 1
	say "extracting kernel sources"
	prefix=linux-source-$SERIES
	mkdir "$work/source"
	# shellcheck disable=SC2046,SC2086 # one word per directory
	dpkg --fsys-tarfile "$cache/packages/${prefix}"_*.deb |
		tar -xO "./usr/src/$prefix.tar.xz" |
		tar -xJ -C "$work/source" $(printf "$prefix/%s\n" $sources) &&
		tar -cf "$work/source.tar" -C "$work/source/$prefix" . &&
		mv "$work/source.tar" "$kept" &&
		rm -r "$work/source" "$cache/packages/${prefix}"_*.deb
}

# Builds tests/rig/modules against the unpacked headers of release $1.
build_modules()
{
	say "building the modules that Debian leaves out"
	headers=$work/usr/src/linux-headers-$1
	sed -i "s|/usr/src/|$work/usr/src/|" "$headers/Makefile"
	mkdir -p "$work/build/linux"
	cp "$tree"/tests/rig/modules/* "$work/build"
	tar -xf "$kept" -C "$work/build/linux"
	env -u MAKEFLAGS -u MAKELEVEL make -C "$headers" M="$work/build" \
		modules >"$work/build.log" 2>&1 || {
		tail -n 30 "$work/build.log" >&2
		return 1
	}
	mkdir "$work/out/lib/modules/$1/extra"
	cp "$work"/build/*.ko "$work/out/lib/modules/$1/extra"
}

# Unpacks what $1 names as its packages' release into $work/out.
unpack_kernel()
{
	for deb in "$cache"/packages/linux-image-"$1"*.deb \
		"$cache"/packages/linux-headers-"$1"_*.deb \
		"$cache"/packages/linux-headers-"${1%-"$ARCH"}"-common_*.deb \
		"$cache"/packages/linux-kbuild-"${1%-"$ARCH"}"_*.deb; do
		dpkg -x "$deb" "$work" || return 1
	done
	modules=$(find "$work/lib/modules" "$work/usr/lib/modules" \
		-maxdepth 1 -name "$1" 2>/dev/null | head -n 1)
	mkdir -p "$work/out/lib/modules" &&
		mv "$work/boot/vmlinuz-$1" "$work/out/vmlinuz" &&
		mv "$modules" "$work/out/lib/modules/$1" &&
		rm -f "$work/out/lib/modules/$1/build" \
			"$work/out/lib/modules/$1/source"
}

index_modules()
{
	for part in $eager; do
		find "$work/out/lib/modules/$1/kernel/$part" -name '*.ko.xz' \
			-exec unxz {} +
	done
	depmod -b "$work/out" "$1"
}

stamp_kernel()
{
	(cd "$work/out" && sha256sum vmlinuz lib/modules/"$1"/modules.dep \
		lib/modules/"$1"/extra/*.ko >stamp && : >lock)
}

# Downloads and unpacks kernel RELEASE of image PACKAGE into $work.
fetch_kernel()
{
	release=$1
	base=${release%-"$ARCH"}
	version=$(candidate "linux-headers-$release")
	rm -rf "$work" && mkdir -p "$work" &&
		download "$2" "linux-headers-$release" \
			"linux-headers-$base-common" "linux-kbuild-$base" &&
		extract_sources "$version" && unpack_kernel "$release"
}

# Removes older kernels that no run is using, and their packages.
drop_others()
{
	for old in "$cache"/linux-*-????????; do
		[ "$old" != "$1" ] || continue
		flock -n "$old/lock" rm -rf "$old" || true
	done
	for old in "$cache"/packages/linux-*; do
		case $old in
		*"${release%-"$ARCH"}"* | *"$version".tar) ;;
		*) rm -rf "$old" ;;
		esac
	done
}

find_image()
{
	image=$(newest_image)
	[ -n "$image" ] || {
		refresh_lists
		image=$(newest_image)
	}
	[ -n "$image" ] || skip "no linux-image-$SERIES package in apt's sources"
}

refresh_lists()
{
	if [ "$(id -u)" -eq 0 ]; then
		apt-get -qq update
	else
		sudo -n apt-get -qq update
	fi >/dev/null 2>&1 || say "package lists could not be refreshed"
}

# A stale list names packages that are gone, a broken package does not unpack:
# both are cured by starting over.
install_kernel()
{
	work=$cache/work
	find_image
	# shellcheck disable=SC2086 # "RELEASE PACKAGE"
	fetch_kernel $image || {
		refresh_lists
		find_image
		rm -rf "$cache/packages"
		fetch_kernel $image || skip "kernel $release cannot be had"
	}
	build_modules "$release" && index_modules "$release" &&
		stamp_kernel "$release" || exit 1
	kernel=$cache/linux-$release-$(recipe)
	rm -rf "$kernel"
	mv "$work/out" "$kernel"
	rm -rf "$work"
	drop_others "$kernel"
}

# Sets $kernel to a verified kernel directory, making it first if need be.
need_kernel()
{
	case $cache in
	*[[:space:]:]*) skip "no space or colon may be in the cache's path: $cache" ;;
	esac
	mkdir -p "$cache" 2>/dev/null || skip "cannot write to $cache"
	kernel=$(kernel_dir)
	! kernel_intact "$kernel" || return 0
	exec 8>"$cache/lock"
	flock -n 8 || { say "waiting for another set-up"; flock 8; }
	kernel=$(kernel_dir)
	kernel_intact "$kernel" || install_kernel
	exec 8>&-
}
