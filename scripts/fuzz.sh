#!/usr/bin/env bash
# Runs every fuzz target of the house, one after the other, each for FUZZTIME (5m), then draws schemas that no run has drawn
# yet (SCHEMAS=300). A target that finds something fails the run and leaves its input in testdata/fuzz of the package, to be
# committed with the repair; a schema prints its seed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

time=${FUZZTIME:-5m} workers=${FUZZWORKERS:-2} failed=0
while IFS=: read -r file target; do
	package=./$(dirname "$file")
	echo "== $package $target for $time"
	if ! go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel "$workers"; then
		failed=1
	fi
done < <(git ls-files -z '*_test.go' | xargs -0 grep -Hoe '^func Fuzz[A-Za-z0-9]*' | sed 's/:func /:/' | sort)
echo "== schemas"
if ! go test ./participants/sqlplan/familytest -run 'AnySchema|EntangledRows' -count 1 -rapid.seed="$RANDOM$RANDOM" \
	-rapid.checks="${SCHEMAS:-300}" -rapid.nofailfile; then
	failed=1
fi
exit "$failed"
