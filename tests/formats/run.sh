#!/bin/sh
# Compares reading and writing of files with the programs that others use: run.sh BRICKWORK_BINARY [--only TEXT] [--keep]
#
# Python comes from scripts/python-venv.sh.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: run.sh BRICKWORK_BINARY [--only TEXT] [--keep]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/../../scripts/python-venv.sh")
python_zarr2=$("$here/../../scripts/python-venv.sh" zarr2)
"$python" "$here/reading.py" "$@" --zarr2 "$python_zarr2"
"$python" "$here/writing.py" "$@"
