"""What TensorStore writes: both versions of Zarr, every codec it has that brickwork has, shards, orders, fill values."""

import os

import numpy as np
import tensorstore
import zarr
from values import DTYPES, values

SHAPE = (23, 17)
CHUNKS = (5, 8)
SHARDS = (10, 16)

CRC32C = {"name": "crc32c"}
GZIP = {"name": "gzip", "configuration": {"level": 5}}
ZSTD = {"name": "zstd", "configuration": {"level": 3}}
TRANSPOSE = {"name": "transpose", "configuration": {"order": [1, 0]}}
INDEX = [{"name": "bytes", "configuration": {"endian": "little"}}, CRC32C]

COMPRESSORS_2 = {
    "none": None,
    "zlib": {"id": "zlib", "level": 3},
    "zstd": {"id": "zstd", "level": 1},
    "blosc": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1},
    "blosc-zstd": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2},
}


def write(directory):
    found = {}
    for version in [2, 3]:
        name = f"tensorstore-{version}.zarr"
        path = os.path.join(directory, name)
        # TensorStore has no groups.
        zarr.create_group(path, zarr_format=version)
        for dtype in DTYPES:
            written = (arrays_2 if version == 2 else arrays_3)(np.dtype(dtype))
            for label, metadata, data, part in written:
                array = f"{np.dtype(dtype).name}-{label}"
                found[f"{name}#/{array}"] = put(version, os.path.join(path, array), metadata, data, part)
    return found


def put(version, path, metadata, data, part):
    """Writes a part of an array, and says what all of it is."""
    driver = "zarr" if version == 2 else "zarr3"
    spec = {"driver": driver, "kvstore": f"file://{path}", "metadata": metadata}
    array = tensorstore.open(spec, create=True).result()
    array[part].write(data[part]).result()
    # Nothing is known of elements that were not written to an array of version 2 without a fill value.
    if version == 2 and metadata["fill_value"] is None:
        return data
    return array.read().result()


def arrays_2(dtype):
    def metadata(shape=SHAPE, chunks=CHUNKS, **other):
        return {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": dtype.str, "order": "C", "fill_value": None, "compressor": None} | other

    data = values(SHAPE, dtype)
    for label, compressor in COMPRESSORS_2.items():
        for order in "CF":
            yield f"{label}-{order}", metadata(compressor=compressor, order=order), data, ...
    yield "big", metadata(dtype=dtype.newbyteorder(">").str), data, ...
    yield "scalar", metadata((), ()), values((), dtype), ...
    yield "separated", metadata(dimension_separator="/"), data, ...
    if dtype.kind != "c":
        # Some chunks stay away.
        yield "filled", metadata(fill_value=True if dtype.kind == "b" else 7), data, np.s_[3:9, 2:4]
    if dtype.kind == "f":
        yield "nan", metadata(fill_value="NaN"), data, np.s_[3:9, 2:4]


def arrays_3(dtype):
    def metadata(codecs, shape=SHAPE, chunks=CHUNKS, **other):
        grid = {"name": "regular", "configuration": {"chunk_shape": chunks}}
        return {"zarr_format": 3, "node_type": "array", "shape": shape, "data_type": dtype.name, "chunk_grid": grid, "codecs": codecs} | other

    def bytes_in(endian):
        return {"name": "bytes", "configuration": {"endian": endian}} if dtype.itemsize > 1 else {"name": "bytes"}

    def blosc(cname, shuffle):
        configuration = {"cname": cname, "clevel": 5, "shuffle": shuffle, "typesize": dtype.itemsize, "blocksize": 0}
        return {"name": "blosc", "configuration": configuration}

    def shards(codecs, **other):
        inner = {"chunk_shape": CHUNKS, "codecs": codecs, "index_codecs": INDEX, **other}
        return [{"name": "sharding_indexed", "configuration": inner}]

    data = values(SHAPE, dtype)
    plain = bytes_in("little")
    for label, codecs in {
        "none": [plain],
        "big": [bytes_in("big")],
        "gzip": [plain, GZIP],
        "zstd": [plain, ZSTD, CRC32C],
        "blosc": [plain, blosc("lz4", "shuffle")],
        "blosc-zstd": [plain, blosc("zstd", "bitshuffle")],
        "transposed": [TRANSPOSE, plain, ZSTD],
    }.items():
        yield label, metadata(codecs), data, ...
    for label, codecs in {
        "shards": shards([plain, GZIP]),
        "shards-first": shards([bytes_in("big"), ZSTD], index_location="start"),
        "shards-transposed": shards([TRANSPOSE, plain, blosc("lz4", "noshuffle")], index_location="end"),
    }.items():
        yield label, metadata(codecs, chunks=SHARDS), data, ...
        yield f"{label}-in-part", metadata(codecs, chunks=SHARDS), data, np.s_[3:9, 2:4]
    yield "scalar", metadata([plain], (), ()), values((), dtype), ...
    separated = {"name": "v2", "configuration": {"separator": "."}}
    yield "separated", metadata([plain], chunk_key_encoding=separated), data, ...
    fill = {"b": True, "c": [1.5, "NaN"], "f": "-Infinity"}.get(dtype.kind, 7)
    yield "filled", metadata([plain, GZIP], fill_value=fill), data, np.s_[3:9, 2:4]
