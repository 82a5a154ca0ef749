#!/usr/bin/env bash
# Runs every lab headless and grades the solutions on each Node that the course promises to work with. The npm package
# `node` brings them, into a temporary folder. Not part of npm test: it takes a minute for each version.
#
#   bash test/node-versions.sh [VERSION...]
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 20.19.0 22.13.0 24.11.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm run --silent build
for version in "$@"; do
  npm install --silent --no-save --prefix "$folder/$version" "node@$version"
  export PATH="$folder/$version/node_modules/node/bin:$PATH"
  echo "== Node $(node --version)"
  node lib/bin/pagewalk.mjs notebooks run
  for solution in solutions/*.ts; do
    lab=$(basename "$solution" | cut -c1-2)
    echo "lab $lab: $(node lib/bin/pagewalk.mjs grade "$lab" --solutions | tail -1)"
  done
done
