#!/usr/bin/env bash
# The main job: a month of daily HDF5 files, their mean and the first day's anomaly, stored and drawn.
set -eu
brickwork=$1
directory=$2
mkdir -p "$directory"
cd "$directory"
run() {
    echo
    echo "\$ brickwork $*"
    "$brickwork" "$@"
}
echo "== a month of weather, one HDF5 file a day"
run demo weather . --overwrite
run info 'weather-big/2014-01-01.hdf5'

echo
echo "== what the mean over the month will take, before it is computed"
run plan 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o mean.zarr --overwrite --png plan.png

echo
echo "== the mean, and the first day less the mean: files, bytes read, seconds and memory are told"
run eval 'stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o mean.zarr --overwrite --analyze
run eval 't[0] - stack(t).mean(axis=0)' t='weather-big/*.hdf5#/t2m' -o anomaly.zarr --overwrite --analyze
run info mean.zarr

echo
echo "== pictures of both"
run plot 'm' m=mean.zarr -o mean.png --overwrite --title 'mean of January 2014' --label 't2m (K)'
run plot 'd' d=anomaly.zarr -o anomaly.png --overwrite --cmap RdBu_r --title '1 January less the mean' \
    --label 't2m (K)'

echo
echo "Look at the pictures mean.png, anomaly.png and plan.png in $directory;"
echo "mean.zarr and anomaly.zarr there open in any reader of Zarr 3, such as zarr-python and xarray."
