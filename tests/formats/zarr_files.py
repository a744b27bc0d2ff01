"""What zarr-python 3 and xarray write: both formats, codecs, shards, fill values, groups."""

import os
import warnings

import numcodecs
import numpy as np
import zarr
from netcdf_files import weather
from values import DTYPES, values
from zarr.codecs import BloscCodec, BytesCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

SHAPE = (23, 17)
CHUNKS = (5, 8)
UNSET = object()


def write(directory):
    warnings.simplefilter("ignore")
    found = {}
    for version in [2, 3]:
        name = f"store-{version}.zarr"
        root = zarr.create_group(os.path.join(directory, name), zarr_format=version)
        fill_both(root, name, found, version)
        (fill_2 if version == 2 else fill_3)(root, name, found)
        name = f"array-{version}.zarr"
        path = os.path.join(directory, name)
        array = zarr.create_array(path, shape=SHAPE, dtype="f8", zarr_format=version)
        array[...] = found[name] = values(SHAPE, "f8")
        # As people write them: defaults alone.
        name = f"saved-{version}.zarr"
        zarr.save_array(os.path.join(directory, name), values((300, 40), "f4"), zarr_format=version)
        found[name] = values((300, 40), "f4")
    xarray_stores(directory, found)
    return found


def put(root, name, found, path, data, fill_value=UNSET, part=None, **options):
    """An array of `data`; of `part` alone, if that is given, so that chunks stay away."""
    data = np.asarray(data)
    if fill_value is not UNSET:
        options["fill_value"] = fill_value
    options.setdefault("chunks", tuple(min(n, c) or 1 for n, c in zip(data.shape, CHUNKS)) if data.ndim == 2 else "auto")
    array = root.create_array(path, shape=data.shape, dtype=data.dtype, **options)
    if part is None:
        array[...] = data
    else:
        array[part] = data[part]
    found[f"{name}#/{path}"] = np.asarray(array[...])
    return array


def fill_both(root, name, found, version):
    for dtype in DTYPES:
        put(root, name, found, f"types/{np.dtype(dtype).name}", values(SHAPE, dtype))
        put(root, name, found, f"types/{np.dtype(dtype).name}-scalar", values((), dtype))
        # Nothing is written: every chunk is absent.
        ends = [0, 1]
        kind = np.dtype(dtype).kind
        if kind in "iu":
            ends += [np.iinfo(dtype).min, np.iinfo(dtype).max]
        if kind == "f":
            ends += [np.nan, np.inf, -np.inf, 0.1, -0.0, np.finfo(dtype).tiny]
        if kind == "c":
            ends += [complex(np.nan, np.inf), complex(-0.5, 0.1)]
        for i, end in enumerate(ends):
            fill_value = np.dtype(dtype).type(end)
            path = f"fill/{np.dtype(dtype).name}-{i}"
            put(root, name, found, path, values(SHAPE, dtype), fill_value, part=np.s_[6:9, 9:16])
    for shape, chunks in [((1,), (1,)), ((7,), (3,)), ((5,), (100,)), ((3, 1, 5), (2, 1, 5)), ((2, 3, 4, 5), (1, 2, 3, 2))]:
        label = "x".join(map(str, shape))
        put(root, name, found, f"shapes/{label}", values(shape, "i4"), chunks=chunks)
    put(root, name, found, "empty/one", np.zeros((0,), "f4"), chunks=(1,))
    put(root, name, found, "empty/axis", np.zeros((3, 0), "i8"), chunks=(2, 1))
    put(root, name, found, "dates", np.array(["2020-02-29", "NaT", "1969-12-31"], "M8[s]"))
    put(root, name, found, "spans", np.array([5, 7, 0], "m8[ms]"))
    separators = [{"name": "v2", "separator": "/"}, {"name": "v2", "separator": "."}]
    if version == 3:
        separators += [{"name": "default", "separator": "."}]
    for i, encoding in enumerate(separators):
        put(root, name, found, f"separators/{i}", values(SHAPE, "i2"), chunk_key_encoding=encoding)
    resized = put(root, name, found, "resized", values(SHAPE, "f4"), 3)
    resized.resize((11, 30))
    found[f"{name}#/resized"] = resized[...]
    put(root, name, found, "a/b/c/d", values((4,), "u2"))


def fill_2(root, name, found):
    compressors = {
        "none": None,
        "zlib": numcodecs.Zlib(1),
        "gzip": numcodecs.GZip(5),
        "zstd": numcodecs.Zstd(0),
        "zstd-9": numcodecs.Zstd(9),
        "blosc": numcodecs.Blosc(),
        **{f"blosc-{c}": numcodecs.Blosc(c, 5, numcodecs.Blosc.SHUFFLE) for c in ["lz4", "lz4hc", "zstd", "zlib", "blosclz"]},
        "blosc-none": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.NOSHUFFLE),
        "blosc-bits": numcodecs.Blosc("zstd", 3, numcodecs.Blosc.BITSHUFFLE),
        "blosc-raw": numcodecs.Blosc("lz4", 0),
    }
    for label, compressor in compressors.items():
        for order in "CF":
            for dtype in ["<f4", ">i2", "<c16", ">u8", "?", "u1"]:
                path = f"codecs/{label}-{order}-{dtype.replace('<', 'little-').replace('>', 'big-').replace('?', 'bool')}"
                put(root, name, found, path, values(SHAPE, dtype), compressors=compressor, order=order)
    for order in "CF":
        for dtype in ["<i4", "|u1", "<f8"]:
            options = {"filters": [numcodecs.Delta(dtype)], "compressors": numcodecs.Zlib(1), "order": order}
            put(root, name, found, f"filters/delta-{order}-{dtype[1:]}", values(SHAPE, dtype), **options)
    put(root, name, found, "fill/null", values(SHAPE, "i4"), None, part=np.s_[0:3, 0:3])


def fill_3(root, name, found):
    little, big = BytesCodec(endian="little"), BytesCodec(endian="big")
    pipelines = {
        "none": None,
        "gzip": GzipCodec(level=5),
        "zstd": ZstdCodec(level=3, checksum=True),
        "crc": Crc32cCodec(),
        "gzip-crc": [GzipCodec(level=1), Crc32cCodec()],
        **{
            f"blosc-{c}-{s}": BloscCodec(cname=c, clevel=4, shuffle=s)
            for c in ["lz4", "lz4hc", "zstd", "zlib", "blosclz"]
            for s in ["noshuffle", "shuffle", "bitshuffle"]
        },
    }
    for label, compressors in pipelines.items():
        for dtype in ["f4", "i8", "u1", "c8"]:
            put(root, name, found, f"codecs/{label}-{dtype}", values(SHAPE, dtype), compressors=compressors)
        put(root, name, found, f"codecs/{label}-big", values(SHAPE, "u4"), compressors=compressors, serializer=big)
        sharded = {"compressors": compressors, "chunks": (5, 4), "shards": (10, 8)}
        put(root, name, found, f"shards/{label}", values(SHAPE, "f8"), **sharded)
        put(root, name, found, f"shards/{label}-part", values(SHAPE, "f8"), -1, part=np.s_[11:13, 0:3], **sharded)
    # Long enough to be read chunk by chunk.
    for i, options in enumerate([{}, {"index_location": "start"}, {"index_codecs": [little]}, {"codecs": [big]}]):
        codec = ShardingCodec(chunk_shape=(64, 64), **options)
        long = {"chunks": (128, 192), "serializer": codec, "compressors": None}
        put(root, name, found, f"shards/long-{i}", values((300, 250), "f8"), **long)
        put(root, name, found, f"shards/long-{i}-part", values((300, 250), "f8"), -1, part=np.s_[100:140, 60:70], **long)
    for i, order in enumerate([(1, 0, 2), (2, 1, 0), (0, 2, 1)]):
        cube = values((6, 7, 8), "f4")
        transpose = TransposeCodec(order=order)
        put(root, name, found, f"transposed/{i}", cube, chunks=(4, 3, 5), filters=[transpose])
        shards = {"chunks": (2, 3, 5), "shards": (4, 6, 5), "filters": [transpose]}
        put(root, name, found, f"transposed/shard-{i}", cube, **shards)
    # Shards whose index is in front, or compressed, or both.
    for i, options in enumerate(
        [
            {"index_location": "start"},
            {"index_location": "end", "index_codecs": [little]},
            {"index_location": "start", "codecs": [big, GzipCodec()]},
        ]
    ):
        codec = ShardingCodec(chunk_shape=(5, 4), **options)
        put(root, name, found, f"shards/index-{i}", values(SHAPE, "i4"), chunks=(10, 8), serializer=codec, compressors=None)
    nested = ShardingCodec(chunk_shape=(10, 8), codecs=[ShardingCodec(chunk_shape=(5, 4))])
    put(root, name, found, "shards/nested", values(SHAPE, "i4"), chunks=(20, 16), serializer=nested, compressors=None)
    # zarr-python has chunks of lengths of their own from 3.2 on, which needs Python 3.12.
    if "array.rectilinear_chunks" in zarr.config:
        with zarr.config.set({"array.rectilinear_chunks": True}):
            uneven = [[4, 2, 17], [8, 8, 1]]
            put(root, name, found, "uneven/chunks", values(SHAPE, "f4"), chunks=uneven)
            for label, edges, chunks, shape in [
                ("short", [[4, 2, 17], [6, 11]], (1, 1), SHAPE),
                ("long", [[128, 192, 64], [64, 128]], (64, 64), (384, 192)),
            ]:
                options = {"chunks": chunks, "shards": edges}
                put(root, name, found, f"uneven/shards-{label}", values(shape, "f8"), **options)
                part = np.s_[3:9, 2:40]
                put(root, name, found, f"uneven/shards-{label}-part", values(shape, "f8"), -1, part=part, **options)
    put(root, name, found, "named", values(SHAPE, "f4"), dimension_names=("y", None))


def xarray_stores(directory, found):
    dataset = weather()
    days = {
        name: {"chunks": tuple(2 if axis == "time" else size for axis, size in variable.sizes.items())}
        for name, variable in dataset.data_vars.items()
    }
    for version in [2, 3]:
        for consolidated in [True, False]:
            name = f"xarray-{version}-{consolidated}.zarr"
            path = os.path.join(directory, name)
            dataset.to_zarr(path, zarr_format=version, consolidated=consolidated)
            options = {"zarr_format": version, "consolidated": consolidated, "encoding": days}
            dataset.to_zarr(path, group="forecast/deep", **options)
            for group in ["", "forecast/deep/"]:
                for key in dataset.variables:
                    found[f"{name}#/{group}{key}"] = zarr.open_array(f"{path}/{group}{key}", mode="r")[...]
