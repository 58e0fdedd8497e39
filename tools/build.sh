#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/build.sh FOLDER [meson options]: configures once, builds quietly, shows the log only on failure.
set -eu
folder=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
mkdir -p "$(dirname "$folder")"
if [ ! -f "$folder/build.ninja" ]; then
    meson setup "$folder" "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
ninja -C "$folder" >"$log" 2>&1 || { grep -v '^\[' "$log" >&2 || cat "$log" >&2; echo "build: $folder failed" >&2; exit 1; }
