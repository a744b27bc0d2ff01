#!/bin/sh
# Makes a virtual environment with what the tests need of Python, once, and prints its interpreter.
#
#   python=$(scripts/python-venv.sh)          tests/requirements.txt: NumPy, h5py, netCDF4, zarr-python 3, xarray,
#                                             TensorStore
#   python=$(scripts/python-venv.sh zarr2)    tests/requirements-zarr2.txt: zarr-python 2, which lives alone
#
# It lies in target/python-venv (target/python-venv-zarr2), or where CARGO_TARGET_DIR says, and is made again when its
# requirements file changes. BRICKWORK_PYTHON names an interpreter that has everything already, and
# BRICKWORK_PYTHON_ZARR2 one with zarr-python 2; then nothing is made. What pip says goes to standard error.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in
    "") suffix="" given=${BRICKWORK_PYTHON:-} ;;
    zarr2) suffix="-zarr2" given=${BRICKWORK_PYTHON_ZARR2:-} ;;
    *)
        echo "usage: python-venv.sh [zarr2]" >&2
        exit 2
        ;;
esac
if [ -n "$given" ]; then
    echo "$given"
    exit 0
fi

requirements=$root/tests/requirements$suffix.txt
venv=${CARGO_TARGET_DIR:-$root/target}/python-venv$suffix
# Copied last, so that what was interrupted is made again.
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    ${PYTHON:-python3} -m venv "$venv" >&2 || {
        echo "python-venv.sh: python3 -m venv failed; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    cp "$requirements" "$venv/requirements.txt"
fi
echo "$venv/bin/python"
