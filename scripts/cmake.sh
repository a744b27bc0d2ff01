#!/usr/bin/env bash
# Prints where a CMake new enough for HDF5's sources is: the system's, or else one that pip puts into the folder given.
set -eu

folder=$1
is_new() {
    [ "$(printf '%s\n' 3.26 "$("$1" --version 2>/dev/null | sed -n '1s/[^0-9.]//gp')" | sort -V | head -n 1)" = 3.26 ]
}

for cmake in "$(command -v cmake || true)" "$folder/bin/cmake"; do
    [ -n "$cmake" ] && [ -x "$cmake" ] && is_new "$cmake" && echo "$cmake" && exit 0
done
python3 -m venv "$folder"
"$folder/bin/pip" install --quiet cmake >&2
echo "$folder/bin/cmake"
