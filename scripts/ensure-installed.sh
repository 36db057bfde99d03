#!/bin/sh
# Installs the locked dependencies when they are missing, half installed or older than the lock file, so that any npm script
# works as the first command on a fresh clone. npm writes node_modules/.package-lock.json last.
set -eu
installed=node_modules/.package-lock.json
if [ ! -f "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  echo "branchline: installing dependencies (once)" >&2
  npm ci --no-audit --no-fund >&2
  touch "$installed"
fi
