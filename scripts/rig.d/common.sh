# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# What all parts of scripts/rig use.

# Exit codes of the rig itself; any other is the guest command's.
EXIT_SKIP=77	# the rig cannot be had here
EXIT_TIMEOUT=124
EXIT_GUEST=125	# the guest died before the command ended
EXIT_OOPS=126	# the command succeeded, the kernel did not

say() { echo "rig: $*" >&2; }
skip() { say "cannot run here: $*"; exit "$EXIT_SKIP"; }
usage_error() { say "$*"; say "try: scripts/rig help"; exit 2; }

# Prints the arguments so that a shell reads the same words again.
quote()
{
	for word in "$@"; do
		printf "'"
		printf %s "$word" | sed "s/'/'\\\\''/g"
		printf "' "
	done
}
