#!/bin/sh
# Parses events/schema/asyncapi.yaml with AsyncAPI's own parser, where a warning fails too, and judges the golden examples by it.
set -eu
cd "$(dirname "$0")/.."
. scripts/node.sh

parser=3.6.3
home=bin/asyncapi-parser-$parser

provide "AsyncAPI's parser $parser" "$home" node_modules/@asyncapi/parser/package.json "@asyncapi/parser@$parser"
exec "$run" scripts/check-asyncapi.mjs "$home" events/schema/asyncapi.yaml events/testdata
