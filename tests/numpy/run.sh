#!/bin/sh
# Compares the command line with NumPy on some thousand expressions: run.sh BRICKWORK_BINARY [options of differential.py]
#
# Uses the Python named by BRICKWORK_PYTHON, or python3 if it has NumPy 2; else makes a virtual environment in
# target/numpy-venv once.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: run.sh BRICKWORK_BINARY [--only TEXT] [--keep]" >&2
    exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
has_numpy() {
    "$1" -c 'import sys, numpy; sys.exit(int(numpy.__version__.split(".")[0]) < 2)' >/dev/null 2>&1
}

python=${BRICKWORK_PYTHON:-python3}
if ! has_numpy "$python"; then
    venv=${CARGO_TARGET_DIR:-$here/../../target}/numpy-venv
    if ! has_numpy "$venv/bin/python"; then
        python3 -m venv "$venv" || {
            echo "run.sh: python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
            exit 1
        }
        "$venv/bin/pip" install --quiet 'numpy>=2'
    fi
    python=$venv/bin/python
fi
exec "$python" "$here/differential.py" "$@"
