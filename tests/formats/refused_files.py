"""What has to be refused, by its URI, with what the message must say."""

import os
import shutil
import struct

import h5py
import numcodecs
import numpy as np
import zarr
from values import values
from zarr.codecs import BytesCodec, ShardingCodec


def write(directory):
    found = {}
    here = lambda name: os.path.join(directory, name)

    def text(name, content):
        with open(here(name), "wb") as file:
            file.write(content)
        return name

    # npy
    np.save(here("half.npy"), np.zeros(3, "f2"))
    found["half.npy"] = ["half.npy", "float16", "float32"]
    np.save(here("record.npy"), np.zeros(3, [("a", "i4"), ("b", "f8")]))
    found["record.npy"] = ["record.npy", "structured dtype"]
    np.save(here("unicode.npy"), np.array(["a", "bc"]))
    found["unicode.npy"] = ["text dtype"]
    np.save(here("object.npy"), np.array([{}], dtype=object), allow_pickle=True)
    found["object.npy"] = ["object"]
    np.save(here("whole.npy"), values((100,), "f8"))
    with open(here("whole.npy"), "rb") as file:
        whole = file.read()
    found[text("cut.npy", whole[:300])] = ["cut.npy", "truncated", "928 bytes", "300"]
    found[text("cut-header.npy", whole[:40])] = ["cut-header.npy", "truncated"]
    found[text("foreign.npy", b"PK\x03\x04 not what it seems")] = ["foreign.npy", "not an .npy file"]
    found[text("none.npy", b"")] = ["none.npy"]
    found["missing.npy"] = ["missing.npy", "no such file"]
    hdf5(directory, found, text)
    zarrs(directory, found)
    return found


def hdf5(directory, found, text):
    path = os.path.join(directory, "refused.h5")
    with h5py.File(path, "w") as file:
        file["half"] = np.zeros(3, "f2")
        file["long"] = np.zeros(3, "f16")
        file["text"] = "abc"
        file["fixed"] = np.bytes_("abc")
        file["record"] = np.zeros(2, [("a", "i4"), ("b", "f8")])
        file["forecast/t2m"] = file["forecast/u10"] = values((9, 9), "f4")
        file["dangling"] = h5py.SoftLink("/nowhere")
        file["beside"] = h5py.ExternalLink("nothing-here.h5", "/x")
        file["beside-group"] = h5py.ExternalLink("nothing-here.h5", "/g")
        file["no-such"] = h5py.ExternalLink("behind.h5", "/y")
        file["behind"] = h5py.ExternalLink("behind.h5", "/x")
        file["behind-group"] = h5py.ExternalLink("behind.h5", "/g")
        file["damaged"] = h5py.ExternalLink("damaged.h5", "/x")
        file["round"] = h5py.ExternalLink("behind.h5", "/round")
        file["grows"] = h5py.ExternalLink("refused.h5", "/grows/grows")
        file["type"] = np.dtype("i4")
        checked = file.create_dataset("checked", data=values((40,), "i4"), chunks=(10,), fletcher32=True)
        packed = file.create_dataset("packed", data=values((40,), "i4"), chunks=(10,), compression="gzip")
        spots = [(d.id.get_chunk_info(2).byte_offset, d.id.get_chunk_info(2).size) for d in (checked, packed)]
        # A filter that nobody has, and zfp, which the library has only by a plugin.
        for name, number in [("mine", 311), ("zfp", 32013)]:
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            create.set_chunk((4,))
            create.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (3,))
            h5py.h5d.create(file.id, name.encode(), h5py.h5t.NATIVE_INT32, h5py.h5s.create_simple((8,)), create)
    with open(path, "r+b") as file:
        for offset, size in spots:
            file.seek(offset + size // 2)
            byte = file.read(1)[0]
            file.seek(offset + size // 2)
            file.write(bytes([byte ^ 0xFF]))
    with h5py.File(os.path.join(directory, "behind.h5"), "w") as file:
        file["x"] = np.zeros(3, "f2")
        file["g/y"] = values((4,), "i4")
        file["round"] = h5py.ExternalLink("refused.h5", "/round")
    shutil.copy(path, os.path.join(directory, "damaged.h5"))
    with open(os.path.join(directory, "damaged.h5"), "r+b") as file:
        file.truncate(900)
    name = "refused.h5"
    found |= {
        f"{name}#/half": [name, "float16"],
        f"{name}#/long": [name, "16 bytes"],
        f"{name}#/text": [name, "text"],
        f"{name}#/fixed": [name, "text of 3 bytes"],
        f"{name}#/record": [name, "compound"],
        f"{name}#/forecast": [name, "forecast", "is a group", "t2m", "u10"],
        f"{name}#/forecast/v10": [name, "v10", "t2m", "u10"],
        f"{name}#/nothing": [name, "nothing", "forecast", "packed"],
        f"{name}#/packed/deeper": [name, "packed", "dataset"],
        f"{name}#/dangling": [name, "nowhere"],
        f"{name}#/beside": [name, "nothing-here.h5"],
        f"{name}#/beside-group/deeper/x": [name, "nothing-here.h5", "/g/deeper/x", directory],
        f"{name}#/no-such": [name, "behind.h5#/y", '"y"', "round"],
        f"{name}#/behind": [name, "behind.h5#/x", "float16"],
        f"{name}#/behind-group": [name, "behind.h5#/g", "is a group", "y"],
        f"{name}#/damaged": [name, "damaged.h5", "truncated"],
        f"{name}#/round": [name, "in a circle", "behind.h5#/round"],
        f"{name}#/grows": [name, "more than 16 links into other files"],
        f"{name}#/type": [name, "named datatype"],
        f"{name}#/mine": [name, "filter 311"],
        f"{name}#/zfp": [name, "filter 32013 (zfp)"],
        f"{name}#/checked": [name, "chunk [2]", "fletcher32"],
        f"{name}#/packed": [name, "chunk [2]"],
        name: [name, "is a group", "forecast"],
    }
    with open(path, "rb") as file:
        whole = file.read()
    for i, part in enumerate([10, 600, len(whole) // 2, len(whole) - 1]):
        found[text(f"cut-{i}.h5", whole[:part])] = [f"cut-{i}.h5"]
    found[text("foreign.h5", b"CDF\x01 classic netCDF")] = ["foreign.h5", "not an HDF5 file"]
    found[text("foreign.nc", b"\x93NUMPY")] = ["foreign.nc", "not an HDF5 file"]
    found["missing.h5#/x"] = ["missing.h5", "no such file"]
    os.mkdir(os.path.join(directory, "folder.h5"))
    found["folder.h5#/x"] = ["folder.h5", "is a directory"]


def zarrs(directory, found):
    def array(name, version=3, **options):
        path = os.path.join(directory, name)
        made = zarr.create_array(path, shape=(40,), dtype="i4", chunks=(10,), zarr_format=version, **options)
        made[...] = values((40,), "i4")
        return path

    def rewrite(name, path, change, version=3):
        file = os.path.join(array(name, version), path)
        with open(file, "rb") as opened:
            content = opened.read()
        with open(file, "wb") as opened:
            opened.write(change(content))
        return name

    for version, file in [(3, "zarr.json"), (2, ".zarray")]:
        label = f"broken-{version}"
        for part, change, words in [
            ("cut", lambda text: text[: len(text) // 2], [file]),
            ("empty", lambda text: b"", [file]),
            ("list", lambda text: b"[1, 2]", [file, "JSON object"]),
            ("shape", lambda text: text.replace(b'"shape": [\n    40\n  ]', b'"shape": "long"'), ["shape"]),
            ("negative", lambda text: text.replace(b'"shape": [\n    40\n  ]', b'"shape": [-40]'), ["shape"]),
            ("vast", lambda text: text.replace(b'"shape": [\n    40\n  ]', b'"shape": [18446744073709551615]'), ["bytes"]),
            ("type", lambda text: text.replace(b"int32", b"floating").replace(b"<i4", b"<q9"), ["broken-"]),
        ]:
            name = f"{label}-{part}.zarr"
            found[rewrite(name, file, change, version)] = [name, *words]
    found[rewrite("codec.zarr", "zarr.json", lambda text: text.replace(b'"zstd"', b'"wavelet"'))] = ["codec.zarr", "wavelet"]
    # Codecs of features that the command does without.
    for codec in ["pcodec", "zfpy"]:
        name = f"{codec}.zarr"
        change = lambda text, codec=codec: text.replace(b'"zstd"', f'"numcodecs.{codec}"'.encode())
        found[rewrite(name, "zarr.json", change)] = [name, f"numcodecs.{codec}", f'feature "{codec[:3] if codec == "zfpy" else codec}"']
    found[rewrite("grid.zarr", "zarr.json", lambda text: text.replace(b'"regular"', b'"hexagons"'))] = ["hexagons"]
    found[rewrite("fill.zarr", "zarr.json", lambda text: text.replace(b'"fill_value": 0', b'"fill_value": "much"'))] = ["fill.zarr"]
    found[rewrite("chunk.zarr", "c/2", lambda content: b"\xff" * len(content))] = ["chunk.zarr", "chunk [2]"]
    found[rewrite("short.zarr", "c/2", lambda content: content[:-5])] = ["short.zarr", "chunk [2]"]
    found[rewrite("gone.zarr", "c/2", lambda content: b"")] = ["gone.zarr", "chunk [2]"]
    raw = array("raw.zarr", compressors=None)
    with open(os.path.join(raw, "c/1"), "r+b") as file:
        file.truncate(13)
    found["raw.zarr"] = ["raw.zarr", "chunk [1]", "13 bytes", "40"]
    sharded = zarr.create_array(os.path.join(directory, "shard.zarr"), shape=(40,), dtype="i4", chunks=(5,), shards=(20,))
    sharded[...] = values((40,), "i4")
    for name, change in [("shard.zarr", lambda content: content[:-20] + b"\xf0" * 20)]:
        with open(os.path.join(directory, name, "c/1"), "r+b") as file:
            content = change(file.read())
            file.seek(0)
            file.write(content)
        found[name] = [name, "chunk [1]"]
    hostile(directory, found, rewrite)
    group = zarr.create_group(os.path.join(directory, "group.zarr"))
    group.create_array("forecast/t2m", data=values((4,), "f4"))
    group.create_array("half", data=np.zeros(4, "f2"))
    group.create_array("text", data=np.array(["a", "bc"]))
    found |= {
        "group.zarr": ["group.zarr", "is a group", "forecast", "half"],
        "group.zarr#/forecast": ["forecast", "is a group", "t2m"],
        "group.zarr#/forecast/u10": ["u10", "t2m"],
        "group.zarr#/half": ["float16"],
        "group.zarr#/text": ["group.zarr"],
        "missing.zarr": ["missing.zarr", "no such file"],
    }
    os.mkdir(os.path.join(directory, "folder.zarr"))
    found["folder.zarr"] = ["folder.zarr", "is not Zarr"]
    shutil.make_archive(os.path.join(directory, "zipped.zarr"), "zip", raw)
    os.rename(os.path.join(directory, "zipped.zarr.zip"), os.path.join(directory, "zipped.zarr"))
    found["zipped.zarr"] = ["zipped.zarr", "chunk [1]", "13 bytes", "40"]
    with open(os.path.join(directory, "zipped.zarr"), "rb") as whole, open(os.path.join(directory, "cut.zarr"), "wb") as cut:
        cut.write(whole.read()[:-30])
    found["cut.zarr"] = ["cut.zarr"]


def hostile(directory, found, rewrite):
    """Small files that claim to be large; the reader has an address space of a few GB."""
    vast = lambda text: text.replace(b"40\n", b"%d\n" % 2**40).replace(b"10\n", b"%d\n" % 2**40)
    found[rewrite("vast-chunk.zarr", "zarr.json", vast)] = ["1099511627776", "--memory allows"]
    found[rewrite("vast-chunk-2.zarr", ".zarray", vast, 2)] = ["1099511627776", "--memory allows"]
    # A frame of zstd, and one of gzip, of far more than a chunk.
    zeros = bytes(2**26)
    for name, codec in [("zstd", numcodecs.Zstd(1)), ("gzip", numcodecs.GZip(1)), ("blosc", numcodecs.Blosc())]:
        bomb = bytes(codec.encode(zeros))
        array = zarr.create_array(
            os.path.join(directory, f"bomb-{name}.zarr"),
            shape=(40,),
            dtype="i4",
            chunks=(10,),
            zarr_format=2,
            compressors=codec,
        )
        array[...] = values((40,), "i4")
        with open(os.path.join(directory, f"bomb-{name}.zarr", "2"), "wb") as file:
            file.write(bomb)
        found[f"bomb-{name}.zarr"] = [f"bomb-{name}.zarr", "chunk [2]"]
    # A frame of zstd that states a content of 2**60 bytes.
    stated = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**60) + b"\x01\x00\x00"
    found[rewrite("stated.zarr", "c/2", lambda content: stated)] = ["stated.zarr", "chunk [2]"]
    # A shard whose index, without a checksum, leads far away.
    codec = ShardingCodec(chunk_shape=(5,), index_codecs=[BytesCodec()])
    shard = zarr.create_array(
        os.path.join(directory, "far.zarr"), shape=(40,), dtype="i4", chunks=(20,), serializer=codec, compressors=None
    )
    shard[...] = values((40,), "i4")
    for name, offset, nbytes in [("far", 2**60, 16), ("long", 0, 2**60), ("both", 2**64 - 2, 2**63)]:
        shutil.copytree(os.path.join(directory, "far.zarr"), os.path.join(directory, f"shard-{name}.zarr"))
        with open(os.path.join(directory, f"shard-{name}.zarr", "c/1"), "r+b") as file:
            file.seek(-64, os.SEEK_END)
            file.write(struct.pack("<QQ", offset, nbytes))
        found[f"shard-{name}.zarr"] = [f"shard-{name}.zarr", "chunk [1]"]
