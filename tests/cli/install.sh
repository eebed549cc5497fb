#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is installed is enough to build, link and run an application; uninstall leaves nothing behind, and nothing of others is removed.
. tests/cli/tap.inc

for tool in cc make pkg-config; do
    command -v $tool >/dev/null || { echo "no $tool here" >&2 && exit 77; }
done
build=$(dirname "$weir")
root=$work/root
modules=$(sed -n 's/.*WEIR_DRIVERS_DIR "\(.*\)"$/\1/p' "$build/gen/drivers_dir.h")
library=${modules%/weir/drivers}
prefix=${library%/lib}

# The build that is tested, as it was made: nothing is built again.
make_it() { # TARGET…
    case $build in */san-*) sanitizers=$(echo "${build##*/san-}" | tr - ,) ;; *) sanitizers= ;; esac
    case $build/ in */clang/*) compiler=CC=clang ;; *) compiler='' ;; esac
    # shellcheck disable=SC2086 # a word or none
    make -s $compiler SAN="$sanitizers" O="$build" prefix="$prefix" DESTDIR="$root" "$@" >"$work/made" 2>&1
}

installed() { # FILE…
    for file; do
        [ -e "$root$prefix/$file" ] || return
    done
}

only_public() {
    same 'call.h custom.h display.h graph.h weir.h weir_tap.h' "$(find "$root$prefix/include" -type f -printf '%f\n' | sort | paste -sd ' ')"
}

ok 'make install' make_it install
ok 'programs, libraries and headers are installed' installed bin/weir bin/weir-guard lib/libweir.so.0 lib/libweir.a include/weir/weir.h
ok 'and what describes them' installed lib/pkgconfig/weir.pc lib/systemd/system/weir@.service share/doc/weir/safety.md
ok 'the user, its directories and its rights on devices' installed lib/sysusers.d/weir.conf lib/tmpfiles.d/weir.conf lib/udev/rules.d/60-weir.rules
ok 'completion for bash and zsh' installed share/bash-completion/completions/weir share/zsh/vendor-completions/_weir
ok 'only public headers are' only_public
ok 'units start what was installed' grep -q "^ExecStart=$prefix/bin/weir run" "$root$prefix/lib/systemd/system/weir@.service"
if command -v lowdown >/dev/null; then
    ok 'the manual has its pages' installed share/man/man1/weir.1 share/man/man5/weir.5
    ok 'with their sections' grep -qE '^(\.SH )?EXIT STATUS$' "$root$prefix/share/man/man1/weir.1"
else
    echo 'skip - manual pages: no lowdown here'
fi
without_converter() {
    make_it LOWDOWN=none install && grep -q 'lowdown is missing' "$work/made"
}
ok 'without the converter the rest is installed, with a message' without_converter

cat >"$work/app.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <weir/call.h>
#include <weir/graph.h>
#include <weir/weir_tap.h>

int main(int argc, char **argv)
{
	struct weir_options options = { .quiet = true, .limit = 640 };
	struct weir_counters all, source;
	struct weir_pipeline *pipeline;
	char text[64];
	int status = weir_open(&pipeline, argv[argc - 1], "app", &options);

	if (!status)
		status = weir_run(pipeline);
	if (status)
		return status;
	weir_read_counters(pipeline, &all);
	if (weir_read_node_counters(pipeline, 0, &source, text, sizeof(text)) ||
	    !weir_read_node_counters(pipeline, 99, &source, NULL, 0))
		return 10;
	weir_read_node_counters(pipeline, 0, &source, text, sizeof(text));
	printf("%s: %d in, %d filtered, %d out, %d lost; %d, %d\n", text, (int)all.in, (int)all.filtered, (int)all.out, (int)all.lost,
	       (int)source.in, (int)source.out);
	weir_close(pipeline);
	return 0;
}
END

# As for a system below that directory.
packages() { # OPTION…
    PKG_CONFIG_PATH=$root$library/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root pkg-config "$@" weir
}

compiles() {
    # shellcheck disable=SC2046 # words
    cc -Wall -Wextra -Werror "$work/app.c" $(packages --cflags --libs) -o "$work/app"
}

runs() { # EXPECTED PROGRAM
    same "$1" "$(LD_LIBRARY_PATH=$root$library "$work/app" "$2")"
}

compiles_whole() {
    # shellcheck disable=SC2046 # words
    cc "$work/app.c" $(packages --cflags) "$root$library/libweir.a" $(packages --static --libs | sed 's/-lweir//') -o "$work/app"
}

# Of a file's raw integers few pass.
raw='csv:tests/data/raw.csv[a:s16,b:u16]'
counts_filtered() {
    seen=$("$weir" run -q "$raw | csv:$work/all" && grep -vc t "$work/all")
    passed=$("$weir" run -q "$raw | where a > 30000 | csv:$work/some" && grep -vc t "$work/some")
    sed 's/ \.limit = 640/ .tier = WEIR_FILTER_BATCH/' "$work/app.c" >"$work/unlimited.c"
    # shellcheck disable=SC2046 # words
    cc "$work/unlimited.c" $(packages --cflags --libs) -o "$work/unlimited" &&
        same "$raw: $seen in, $((seen - passed)) filtered, $passed out, 0 lost; $seen, $passed" \
            "$(LD_LIBRARY_PATH=$root$library "$work/unlimited" "$raw | where a > 30000 | null")"
}

# As Python does.
cat >"$work/alone.c" <<'END'
#include <dlfcn.h>
#include <stddef.h>

int main(int argc, char **argv)
{
	void *library = dlopen("libweir.so.0", RTLD_NOW | RTLD_LOCAL), *pipeline;
	int (*open)(void **, const char *, const char *, const void *) = dlsym(library, "weir_open");
	int (*run)(void *) = dlsym(library, "weir_run");

	return open(&pipeline, argv[argc - 1], "alone", NULL) || run(pipeline);
}
END

compiles_alone() {
    cc -Wall -Werror "$work/alone.c" -o "$work/alone"
}

opens_alone() {
    LD_LIBRARY_PATH=$root$library "$work/alone" "$raw | fft 64 a peak=yes | null"
}

program='synth:counter rate=max | where value < 10 | null'
expected='synth:counter rate=max: 640 in, 0 filtered, 10 out, 0 lost; 640, 640'
if is_sanitized; then
    echo 'skip - an application: it would need the sanitizer too'
else
    ok 'an application compiles against what is installed' compiles
    ok 'it runs, and reads its counters' runs "$expected" "$program"
    [ ! -e "$WEIR_DRIVERS/fft.so" ] || ok 'with a driver that is a module' runs \
        'synth:counter rate=max: 640 in, 0 filtered, 330 out, 0 lost; 640, 640' 'synth:counter rate=max | fft 64 | null'
    if "$weir" run -q --filter-tier=batch "$raw | where a > 0 | null" 2>"$work/messages"; then
        ok 'what the kernel filters is counted' counts_filtered
    else
        echo "skip - what the kernel filters is counted: $(head -n 1 "$work/messages")"
    fi
    ok 'a program that opens libweir.so for itself alone compiles' compiles_alone
    [ ! -e "$WEIR_DRIVERS/fft.so" ] || ok 'and its modules find the functions of weir' opens_alone
    ok 'an application compiles with the static library' compiles_whole
    export WEIR_DRIVERS=/nowhere
    ok 'which needs no modules' runs \
        'synth:counter rate=max: 640 in, 0 filtered, 330 out, 0 lost; 640, 640' 'synth:counter rate=max | fft 64 | null'
fi

touch "$root$prefix/include/weir/other.h" "$root$prefix/bin/other"
ok 'make uninstall' make_it uninstall
ok 'it leaves nothing but what others put there' same "$prefix/bin/other $prefix/include/weir/other.h" \
    "$(find "$root" ! -type d -printf '/%P\n' | sort | paste -sd ' ')"
rm -r "${root:?}"
leaves_nothing() {
    make_it install && make_it uninstall && same '' "$(find "$root" -mindepth 1)"
}
ok 'and without such files no directory either' leaves_nothing
finish
