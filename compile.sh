#!/bin/sh
# Builds ./cpra from a fresh clone. Needs Node.js and npm; everything else comes pinned through package-lock.json.
set -eu
cd "$(dirname "$0")"

usage() {
  cat <<'USAGE'
Usage: ./compile.sh [--runtime bun|deno] [--target TARGET] [--outfile FILE] [--force]

  --runtime  bun (default) or deno; deno has to fetch its base binary from the network
  --target   cross-compile, in the runtime's own words, for example bun-linux-arm64 (bun)
             or aarch64-unknown-linux-gnu (deno); default: this machine
  --outfile  where the executable goes; default: ./cpra
  --force    build even when nothing changed since the last build
USAGE
}

fail() {
  echo "compile.sh: $1" >&2
  exit "${2:-1}"
}

runtime=bun target= outfile=./cpra force=
while [ $# -gt 0 ]; do
  case $1 in
    --runtime | --target | --outfile) [ $# -ge 2 ] || { usage >&2; fail "$1 needs a value" 2; } ;;
  esac
  case $1 in
    --runtime) runtime=$2; shift 2 ;;
    --runtime=*) runtime=${1#*=}; shift ;;
    --target) target=$2; shift 2 ;;
    --target=*) target=${1#*=}; shift ;;
    --outfile) outfile=$2; shift 2 ;;
    --outfile=*) outfile=${1#*=}; shift ;;
    --force) force=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "unknown argument '$1'" 2 ;;
  esac
done
case $runtime in bun | deno) ;; *) fail "--runtime is '$runtime'; allowed: bun, deno" 2 ;; esac

sh tools/setup.sh

# What goes into the binary; a build of the same inputs for the same target is not repeated.
inputs=$(find main.ts src workers mock-servers package-lock.json compile.sh -type f | LC_ALL=C sort | xargs cksum | cksum)
revision=$(git rev-parse --short HEAD 2>/dev/null || echo unknown)
key="$runtime $target $revision $inputs"
stamp=node_modules/.cpra-built-$(printf '%s' "$outfile" | cksum | cut -d' ' -f1)
if [ -z "$force" ] && [ -x "$outfile" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$key" ]; then
  echo "$outfile is up to date"
  exit 0
fi

workers=$(find workers -name '*.ts' | LC_ALL=C sort)
started=$(date +%s)
if [ "$runtime" = bun ]; then
  # shellcheck disable=SC2086
  node_modules/.bin/bun build --compile --sourcemap=inline ${target:+--target="$target"} \
    --define "CPRA_REVISION=\"$revision\"" \
    --outfile "$outfile" main.ts $workers >node_modules/.cpra-build.log 2>&1 ||
    { cat node_modules/.cpra-build.log >&2; fail "bun could not build $outfile"; }
  # The maps are in the executable; the bundler leaves a second copy of each beside it.
  for worker in $workers; do rm -f "$(dirname "$outfile")/$(basename "$worker" .ts).js.map"; done
  rm -f "$outfile.map"
else
  include=
  for worker in $workers; do include="$include --include $worker"; done
  # shellcheck disable=SC2086
  node_modules/.bin/deno compile --allow-all --no-check ${target:+--target "$target"} $include \
    --output "$outfile" main.ts >node_modules/.cpra-build.log 2>&1 ||
    { cat node_modules/.cpra-build.log >&2; fail "deno could not build $outfile. It fetches its base binary from the network; without that, use --runtime bun."; }
fi
printf '%s' "$key" >"$stamp"
echo "built $outfile with $runtime in $(($(date +%s) - started)) s ($(($(wc -c <"$outfile") / 1000000)) MB, revision $revision)"
