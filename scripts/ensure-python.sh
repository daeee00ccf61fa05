#!/bin/sh
# The example participant in Python is run by tests. Installs python3 where there is none of 3.9 or newer and we may; otherwise
# says what to do.
set -eu

python3 -c 'import sqlite3, sys; sys.exit(sys.version_info < (3, 9))' >/dev/null 2>&1 && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
	echo 'No Python 3.9 or newer, which the tests of participants/example/python run. One of these helps:' >&2
	echo '  apt-get install python3   (Debian, Ubuntu; as root)' >&2
	echo '  brew install python3      (macOS)' >&2
	exit 1
fi

get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" </dev/null; }
echo 'installing python3 with apt-get, for the example participant'
get install python3 || { get update && get install python3; }
