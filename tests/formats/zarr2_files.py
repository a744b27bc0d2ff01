"""What zarr-python 2 writes: run in an environment of its own, zarr2_files.py DIRECTORY.

What the arrays hold goes to DIRECTORY/zarr2-expected/0.npy and so on; their URIs are printed in that order.
"""

import os
import sys

import numcodecs
import numpy as np
import zarr
from values import DTYPES, values

SHAPE = (23, 17)


def main():
    directory = sys.argv[1]
    expected = os.path.join(directory, "zarr2-expected")
    os.mkdir(expected)
    assert zarr.__version__.startswith("2."), zarr.__version__
    uris = []

    def note(uri, array):
        np.save(os.path.join(expected, f"{len(uris)}.npy"), array[...])
        uris.append(uri)

    name = "zarr2.zarr"
    root = zarr.open_group(os.path.join(directory, name), "w")

    def put(path, data, **options):
        note(f"{name}#/{path}", root.create_dataset(path, data=data, **options))

    for dtype in [*DTYPES, ">i4", ">f8", ">c8"]:
        label = np.dtype(dtype).name + ("-big" if dtype.startswith(">") else "")
        put(f"types/{label}", values(SHAPE, dtype), chunks=(5, 8))
        put(f"types/{label}-auto", values((200, 300), dtype))
        put(f"types/{label}-fortran", values(SHAPE, dtype), chunks=(5, 8), order="F")
        put(f"types/{label}-scalar", values((), dtype))
    for label, compressor in [
        ("none", None),
        ("blosc", numcodecs.Blosc()),
        ("blosc-zstd", numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE)),
        ("zlib", numcodecs.Zlib()),
        ("gzip", numcodecs.GZip()),
        ("zstd", numcodecs.Zstd()),
    ]:
        put(f"codecs/{label}", values(SHAPE, "f4"), chunks=(5, 8), compressor=compressor)
    for i, (dtype, fill_value) in enumerate(
        [("f8", np.nan), ("f4", np.inf), ("f8", -np.inf), ("u8", 2**64 - 1), ("i8", -(2**63)), ("c16", 1 + 2j), ("?", True), ("i4", None)]
    ):
        array = root.full(f"fill/{i}", fill_value, shape=SHAPE, chunks=(5, 8), dtype=dtype)
        array[6:8, 9:12] = values((2, 3), dtype)
        if fill_value is not None:
            note(f"{name}#/fill/{i}", array)
    nested = zarr.open_array(os.path.join(directory, "zarr2-nested.zarr"), "w", shape=SHAPE, chunks=(5, 8), dimension_separator="/")
    nested[...] = values(SHAPE, "f8")
    note("zarr2-nested.zarr", nested)
    zarr.save_array(os.path.join(directory, "zarr2-saved.zarr"), values((100, 30), "f4"))
    note("zarr2-saved.zarr", values((100, 30), "f4"))
    put("empty", np.zeros((0, 3), "f4"))
    put("dates", np.array(["2020-02-29", "NaT"], "M8[ns]"))
    zarr.consolidate_metadata(root.store)
    print("\n".join(uris))


main()
