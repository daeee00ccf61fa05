#!/bin/sh
# The example participant in Node.js is run by tests. Fetches its packages, as its lock file says, and a Node.js where there is none
# that is new enough; node_modules/.node is the one that its tests run.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh

example=participants/example/node
run=node
fits node || provide 'Node.js' bin/node-for-example node_modules/.package-lock.json
need_npm "the packages of $example"
if ! cmp -s "$example/package-lock.json" "$example/node_modules/.lock" || ! fits "$example/node_modules/.node"; then
	echo "fetching the packages of $example with npm"
	npm ci --prefix "$example" --no-audit --no-fund --no-update-notifier --ignore-scripts --prefer-offline --loglevel=error </dev/null
	case "$run" in node) own=$(node -p process.execPath) ;; *) own=$PWD/$run ;; esac
	ln -sf "$own" "$example/node_modules/.node"
	cp "$example/package-lock.json" "$example/node_modules/.lock"
fi
