#!/usr/bin/env bash
# The main job: a month of daily HDF5 files, their mean and the first day's anomaly, stored.
set -eu
brickwork=$1
directory=$2
mkdir -p "$directory"
echo "== a month of weather, one HDF5 file a day"
"$brickwork" demo weather "$directory" --overwrite
cd "$directory"
run() {
    echo
    echo "\$ brickwork $*"
    "$brickwork" "$@"
}
run plan 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m'
run eval 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o mean.zarr --overwrite --analyze
run eval 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o diff.npy --overwrite
run info mean.zarr
run eval 'm.min(), m.mean(), m.max()' m=mean.zarr
run eval 'x = random.random((10000, 10000), chunks=(1000, 1000)); y = x + x.T; y[::2, 5000:].mean(axis=1)' --seed 1
echo
echo "Look at $directory/mean.zarr (any Zarr v3 reader opens it) and $directory/diff.npy (numpy.load)."
