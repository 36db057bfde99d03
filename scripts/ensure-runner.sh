#!/bin/sh
# Builds the test runner for the plugins that package.json names. tap does that by itself too, but the run that does it still uses the old ones.
set -eu
built=node_modules/@tapjs/test/test-built
if [ ! -d "$built" ] || [ node_modules/.package-lock.json -nt "$built" ]; then
  node_modules/.bin/tap build >&2
  touch "$built"
fi
