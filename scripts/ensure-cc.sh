#!/bin/sh
# The race detector links with C. Installs gcc where there is no compiler and we may; otherwise says what to do.
set -eu

command -v "$(go env CC)" >/dev/null 2>&1 && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
	echo 'No C compiler, which go test -race needs. One of these helps:' >&2
	echo '  apt-get install gcc libc6-dev   (Debian, Ubuntu; as root)' >&2
	echo '  xcode-select --install          (macOS)' >&2
	exit 1
fi

get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" </dev/null; }
echo 'installing a C compiler for the race detector with apt-get (gcc, libc6-dev)'
get install gcc libc6-dev || { get update && get install gcc libc6-dev; }
