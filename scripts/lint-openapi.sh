#!/bin/sh
# Lints saga/httpapi/openapi.yaml with redocly's recommended rules; a warning fails too. What it needs is kept in bin/, and
# fetched once with npm, which is installed where it is missing and we may.
set -eu
cd "$(dirname "$0")/.."

redocly=2.77.0
node=22.23.3 # for machines whose own is too old for redocly, as Debian 12's is
home=bin/redocly-$redocly
cli=$home/node_modules/@redocly/cli/bin/cli.js

# It sends nothing anywhere and asks for no newer version.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true CI=true NO_UPDATE_NOTIFIER=1

fits() { # redocly asks for 20.19 or newer of 20, or 22.12 or newer
	"$1" -e 'const [a, b] = process.versions.node.split(".").map(Number)
		process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' >/dev/null 2>&1
}

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
get() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 "$@" </dev/null; }

need_npm() {
	command -v npm >/dev/null 2>&1 && return
	if ! command -v apt-get >/dev/null 2>&1 || ! $as_root true 2>/dev/null; then
		echo 'No npm, which fetches the linter. Install Node.js 22 or newer, or: apt-get install npm (Debian, Ubuntu; as root)' >&2
		exit 1
	fi
	echo 'installing npm with apt-get, to fetch the linter'
	get install npm || { get update && get install npm; }
}

fetch() { # name@version: into its own folder, without running anything of it
	need_npm
	echo "fetching the linter (redocly $redocly) with npm, once"
	npm install --prefix "$home" --no-save --no-audit --no-fund --no-update-notifier --ignore-scripts --prefer-offline \
		--loglevel=error "$@" </dev/null
}

case "$(uname -s)-$(uname -m)" in
Linux-x86_64) platform=linux-x64 ;;
Linux-aarch64) platform=linux-arm64 ;;
*) platform= ;;
esac

run=node
own=$home/node_modules/node-$platform/bin/node
packages=
if ! fits node; then
	run=$own
	if ! fits "$own"; then
		if [ -z "$platform" ]; then
			echo 'Node.js is too old or missing, and there is no packaged one for this machine. Install Node.js 22 or newer.' >&2
			exit 1
		fi
		packages=node-$platform@$node
	fi
fi
[ -f "$cli" ] && [ -z "$packages" ] || {
	mkdir -p "$home"
	# Both at once: npm removes from a folder what it was not asked for.
	fetch "@redocly/cli@$redocly" $packages
}
[ "$run" = node ] || chmod +x "$own"

exec "$run" "$cli" lint --extends=recommended-strict "$@" saga/httpapi/openapi.yaml
