#!/bin/sh
# Installs the PostgreSQL server of Debian or Ubuntu without making or starting a cluster: run by Ensure, as root.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

get() { apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 install "$@" </dev/null; }

# A fresh image has no package lists, an old one has stale ones: both need an update first.
get postgresql-common || { apt-get -q update; get postgresql-common; }

# The package makes and starts a cluster named main unless told not to, once, before it is installed.
conf=/etc/postgresql-common/createcluster.conf
kept=$(mktemp)
cp -p "$conf" "$kept"
trap 'cp -p "$kept" "$conf"; rm -f "$kept"' EXIT
echo 'create_main_cluster = false' >>"$conf"
get postgresql
