# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Boots the guest. Its root is this machine's own root directory, shared by
# virtiofs and covered in the guest by an overlay, so that what was built here
# runs there with the very same libraries, and what is written there is gone
# after, but for build/. A run talks to its guest through one directory:
#
#   job		what to do, as shell assignments, read by tests/rig/init
#   command	the command, as a shell script
#   stdout, stderr	what it writes; shown here while it does
#   rc		its exit code; absent if the guest died
#   kmsg	the kernel's log since the command began
#   console	the kernel's console

# What in the kernel's log is shown, and what of it makes a success a failure.
bug='BUG: |Oops|general protection fault|kernel panic'
trouble="$bug|WARNING: |blocked for more than|soft lockup|rcu.*(stall|detected)"

QEMU=qemu-system-x86_64

find_virtiofsd()
{
	for virtiofsd in /usr/lib/qemu/virtiofsd /usr/libexec/virtiofsd; do
		[ ! -x "$virtiofsd" ] || return 0
	done
	skip "no virtiofsd"
}

# virtiofsd wants to be root; in a user namespace of its own everybody is.
need_guest_tools()
{
	command -v $QEMU >/dev/null || skip "no $QEMU"
	find_virtiofsd
	as_root=
	[ "$(id -u)" -ne 0 ] || return 0
	as_root='unshare --user --map-root-user'
	$as_root true 2>/dev/null ||
		skip "not root, and user namespaces are not allowed"
}

write_job()
{
	{
		echo "mode=$1 sensors=$sensors"
		echo "tree=$(quote "$tree")"
		echo "cwd=$(quote "$PWD")"
		echo "modules=$(quote "$kernel/lib/modules")"
		echo "share=$(quote "$(quote "$tree/build")$share")"
		echo "size=$(quote "$(stty size 2>/dev/null || true)")"
	} >"$run/job"
}

# Settings of the run that a command may look at, and the command itself.
write_command()
{
	{
		export -p | grep -E '^export (WEIR_|TERM=|[A-Z]*SAN_OPTIONS=)' || :
		printf 'cd %s || exit\nexec ' "$(quote "$PWD")"
		quote "$@"
	} >"$run/command"
}

start_virtiofsd()
{
	case $("$virtiofsd" --help 2>&1) in
	*--shared-dir*) set -- --shared-dir=/ --cache=always --sandbox=chroot ;;
	*) set -- -o source=/,cache=always,sandbox=chroot ;;
	esac
	$as_root "$virtiofsd" "$@" --socket-path="$run/fs" \
		>"$run/virtiofsd.log" 2>&1 &
	virtiofsd_pid=$!
	for _ in $(seq 100); do
		[ ! -S "$run/fs" ] || return 0
		sleep 0.02
	done
	cat "$run/virtiofsd.log" >&2
	skip "virtiofsd does not start"
}

# TCG's time stamp counter is steady: without tsc=reliable the guest would
# find it too slow and read the time from a device, 30 times slower.
kernel_arguments()
{
	echo "root=root rootfstype=virtiofs rw init=\"$tree/tests/rig/init\"" \
		"WEIR_RUN=\"$run\" console=ttyS0 quiet panic=-1" \
		"mitigations=off tsc=reliable audit=0 $append"
}

# Becomes QEMU, with the given further arguments, until the guest powers off.
qemu()
{
	exec timeout -k 5 "$timeout" $QEMU -nodefaults -no-reboot -display none \
		-M q35 -accel "${WEIR_RIG_ACCEL:-tcg,thread=multi}" \
		-cpu qemu64 -smp 2 -m "$memory" \
		-object memory-backend-memfd,id=mem,size="${memory}M",share=on \
		-numa node,memdev=mem \
		-chardev socket,id=fs,path="$run/fs" \
		-device vhost-user-fs-pci,chardev=fs,tag=root \
		-serial file:"$run/console" \
		-kernel "$kernel/vmlinuz" -append "$(kernel_arguments)" "$@"
}

cleanup()
{
	for pid in "${qemu_pid:-}" "${virtiofsd_pid:-}"; do
		[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	done
	wait
	[ -z "${WEIR_RIG_KEEP:-}" ] || { rm -rf "$WEIR_RIG_KEEP"; cp -r "$run" "$WEIR_RIG_KEEP"; }
	rm -rf "$run"
}

# The run's directory, gone at the end; a shared lock on the kernel's one.
prepare()
{
	run=$(mktemp -d "${TMPDIR:-/tmp}/weir-rig.XXXXXX")
	mkdir "$run/scratch"
	mkdir -p "$tree/build"
	trap cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	: >"$run/stdout" >"$run/stderr"
	exec 7<"$kernel/lock"
	flock -s 7
	write_job "$1"
	start_virtiofsd
}

boot_shell()
{
	prepare shell
	(qemu -device virtio-serial-pci -device virtconsole,chardev=tty \
		-chardev stdio,id=tty,signal=off 2>"$run/qemu.log") ||
		died "QEMU failed"
}

# Shows what the guest writes as it comes, and the rest when QEMU has ended.
show_output()
{
	follow='tail -n +1 -s 0.05 -f --pid='$qemu_pid
	$follow "$run/stdout" &
	stdout_pid=$!
	$follow "$run/stderr" >&2 &
	wait "$stdout_pid" $!
}

died()
{
	say "$1; the end of its console:"
	tail -n 40 "$run/console" 2>/dev/null | tr -d '\r' >&2
	cat "$run/qemu.log" "$run/virtiofsd.log" >&2
	exit "$2"
}

# Exits as the command did, unless it, the guest or its kernel went wrong.
finish()
{
	[ "$1" -ne 124 ] || died "timeout after $timeout s" "$EXIT_TIMEOUT"
	[ -s "$run/rc" ] || died "the guest died" "$EXIT_GUEST"
	read -r rc <"$run/rc"
	if grep -E "$trouble" "$run/kmsg" >/dev/null; then
		say "the guest's kernel reported:"
		grep -E -A 30 "$trouble" "$run/kmsg" | head -n 60 >&2
	fi
	if [ "$rc" -eq 0 ] && grep -E "$bug" "$run/kmsg" >&2; then
		exit "$EXIT_OOPS"
	fi
	exit "$rc"
}

boot_run()
{
	prepare run
	write_command "$@"
	qemu </dev/null >"$run/qemu.log" 2>&1 &
	qemu_pid=$!
	show_output
	wait "$qemu_pid" && status=0 || status=$?
	qemu_pid=
	finish "$status"
}
