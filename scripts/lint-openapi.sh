#!/bin/sh
# Lints saga/httpapi/openapi.yaml with redocly's recommended rules; a warning fails too.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh

redocly=2.77.0
home=bin/redocly-$redocly
cli=node_modules/@redocly/cli/bin/cli.js

# It sends nothing anywhere and asks for no newer version.
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true CI=true NO_UPDATE_NOTIFIER=1

provide "the linter (redocly $redocly)" "$home" "$cli" "@redocly/cli@$redocly"
exec "$run" "$home/$cli" lint --extends=recommended-strict "$@" saga/httpapi/openapi.yaml
