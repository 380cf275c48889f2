#!/bin/sh
# Brings the pinned npm dependencies (Bun and Deno among them) into node_modules, once per lock file. Needs Node.js and npm only.
set -eu
cd "$(dirname "$0")/.."
stamp=node_modules/.cpra-setup
want=$(cksum <package-lock.json)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then exit 0; fi
command -v npm >/dev/null 2>&1 || { echo "Cannot set up cpra: npm was not found; install Node.js 20 or later with npm." >&2; exit 1; }
# Not `npm ci`: it refuses a lock file in which a platform's optional package could not be recorded.
npm install --no-save --ignore-scripts --loglevel=error
# The bun package finds its binary in a step of its own, which npm does not run unasked.
(cd node_modules/bun && node install.js)
printf '%s' "$want" >"$stamp"
