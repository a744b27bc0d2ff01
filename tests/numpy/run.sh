#!/bin/sh
# Compares the command line with NumPy on some thousand expressions: run.sh BRICKWORK_BINARY [options of differential.py]
#
# Python comes from scripts/python-venv.sh.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: run.sh BRICKWORK_BINARY [--only TEXT] [--keep]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
python=$("$here/../../scripts/python-venv.sh")
exec "$python" "$here/differential.py" "$@"
