#!/bin/sh
# Fills fuzz/corpus with what the targets begin from: the files that the tests read, in the form that each target takes.
set -eu

cd "$(dirname "$0")"
fixtures=../crates/io/tests/fixtures
mkdir -p corpus/hdf5 corpus/npy corpus/zip corpus/zarr_metadata corpus/zarr_chunk
cp "$fixtures"/hdf5/*.h5 corpus/hdf5
cp "$fixtures"/npy/*.npy corpus/npy
cp "$fixtures"/npz/*.npz corpus/zip
cp -r seeds/. corpus
# The first byte says the version of Zarr.
for store in "$fixtures"/zarr/*.zarr; do
    name=$(basename "$store" .zarr)
    if [ -e "$store/zarr.json" ]; then (printf '\000' && cat "$store/zarr.json") >"corpus/zarr_metadata/$name"; fi
    if [ -e "$store/.zarray" ]; then (printf '\001' && cat "$store/.zarray") >"corpus/zarr_metadata/$name"; fi
done
# The first byte says the codecs: blosc, zstd, and shards of which the index is at the end.
for chunk in 1:default 2:gzip 3:blosc 5:sharded 6:sharded 7:sharded; do
    file=$fixtures/zarr/${chunk#*:}.zarr/c/0/0
    if [ -e "$file" ]; then (printf "\\00${chunk%%:*}" && cat "$file") >"corpus/zarr_chunk/${chunk%%:*}"; fi
done
