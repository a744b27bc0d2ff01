"""What h5py writes: layouts, filters, chunk indexes, types; by default and with `libver="latest"`."""

import os

import h5py
import hdf5plugin
import numcodecs
import numpy as np
from values import DTYPES, values

SHAPE = (23, 17)
CHUNKS = (5, 8)


def write(directory):
    found = {}
    for libver in ["earliest", "v108", "v110", "v112", "latest"]:
        name = f"h5py-{libver}.h5"
        bounds = libver if libver in ("earliest", "latest") else (libver, "latest")
        with h5py.File(os.path.join(directory, name), "w", libver=bounds) as file:
            fill(file, name, found)
    for size in [512, 4096]:
        for libver in ["earliest", "latest"]:
            name = f"user-block-{size}-{libver}.h5"
            with h5py.File(os.path.join(directory, name), "w", libver=libver, userblock_size=size) as file:
                add(file, name, found, "plain", values(SHAPE, "f8"))
                add(file, name, found, "chunked", values(SHAPE, "f8"), chunks=CHUNKS, compression="gzip")
    library(directory, found)
    links(directory, found)
    return found


def add(file, name, found, path, data, **options):
    dataset = file.create_dataset(path, data=data, **options)
    found[f"{name}#/{path}"] = dataset[...] if dataset.shape is not None else np.zeros(0, dataset.dtype)
    return dataset


def fill(file, name, found):
    def put(path, data, **options):
        return add(file, name, found, path, data, **options)

    for dtype in DTYPES:
        for order in "<>":
            ordered = np.dtype(dtype).newbyteorder(order)
            label = ordered.str.strip("|").replace("<", "little-").replace(">", "big-")
            if f"{name}#/types/{label}" in found:
                continue
            put(f"types/{label}", values(SHAPE, ordered))
            put(f"types/{label}-chunked", values(SHAPE, ordered), chunks=CHUNKS, shuffle=True, compression="gzip")
            put(f"types/{label}-scalar", values((), ordered))
    # Shapes that are odd for chunks.
    for shape, chunks in [
        ((1,), (1,)),
        ((7,), (3,)),
        ((100,), (1,)),
        ((3, 1, 5), (2, 1, 5)),
        ((2, 3, 4, 5), (1, 2, 3, 2)),
        ((40, 1), (7, 1)),
    ]:
        label = "x".join(map(str, shape))
        put(f"shapes/{label}", values(shape, "i4"))
        put(f"shapes/{label}-chunked", values(shape, "i4"), chunks=chunks)
        put(f"shapes/{label}-grows", values(shape, "i4"), chunks=chunks, maxshape=(None, *shape[1:]))
        put(f"shapes/{label}-grows-all", values(shape, "i4"), chunks=chunks, maxshape=(None,) * len(shape))
        put(f"shapes/{label}-larger", values(shape, "i4"), chunks=chunks, maxshape=tuple(3 * n for n in shape))
        put(f"shapes/{label}-one-chunk", values(shape, "i4"), chunks=shape, compression="gzip")
    # Chunks long enough to be read in part.
    for dtype in ["<f8", ">f4", "u1"]:
        put(f"long/{np.dtype(dtype).name}", values((1100, 1300), dtype), chunks=(700, 512))
        put(f"long/{np.dtype(dtype).name}-grows", values((1100, 1300), dtype), chunks=(700, 512), maxshape=(None, None))
    put("empty/contiguous", np.zeros((0,), "f4"))
    put("empty/axis", np.zeros((3, 0), "i8"), maxshape=(None, None))
    put("empty/resizable", np.zeros((0, 4), "i8"), chunks=(2, 4), maxshape=(None, 4))
    file["empty/null"] = h5py.Empty("f4")
    found[f"{name}#/empty/null"] = np.zeros(0, "f4")

    filters = {
        "gzip": {"compression": "gzip"},
        "gzip-9": {"compression": "gzip", "compression_opts": 9},
        "gzip-0": {"compression": "gzip", "compression_opts": 0},
        "lzf": {"compression": "lzf"},
        "shuffle": {"shuffle": True},
        "fletcher32": {"fletcher32": True},
        "shuffle-gzip": {"shuffle": True, "compression": "gzip"},
        "shuffle-lzf": {"shuffle": True, "compression": "lzf"},
        "shuffle-lzf-fletcher32": {"shuffle": True, "compression": "lzf", "fletcher32": True},
        "all": {"shuffle": True, "compression": "gzip", "fletcher32": True},
        "plugin-zstd": hdf5plugin.Zstd(),
        "lz4": hdf5plugin.LZ4(),
        "lz4-blocks": hdf5plugin.LZ4(nbytes=700),
        "blosc-fletcher32": {"fletcher32": True, **hdf5plugin.Blosc()},
        "shuffle-blosc": {"shuffle": True, **hdf5plugin.Blosc("lz4", 5, hdf5plugin.Blosc.NOSHUFFLE)},
    }
    for compressor in ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"]:
        for shuffle, label in enumerate(["plain", "bytes", "bits"]):
            filters[f"blosc-{compressor}-{label}"] = hdf5plugin.Blosc(compressor, 3 + 3 * shuffle, shuffle)
    for compressor in ["none", "lz4", "zstd"]:
        for nelems in [0, 8, 1024]:
            filters[f"bitshuffle-{compressor}-{nelems}"] = hdf5plugin.Bitshuffle(nelems, compressor)
    smooth = np.cumsum(np.ones((60, 50), "i4"), axis=0)
    for label, options in filters.items():
        put(f"filters/{label}", values(SHAPE, "f4"), chunks=CHUNKS, **options)
        put(f"filters/{label}-smooth", smooth, chunks=(13, 50), **options)
        put(f"filters/{label}-grows", values(SHAPE, "i8"), chunks=CHUNKS, maxshape=(None, 17), **options)
        put(f"filters/{label}-bytes", values((31,), "u1"), chunks=(7,), **options)
        put(f"filters/{label}-auto", values((300, 200), "f8"), chunks=True, **options)

    for label, dtype, fillvalue in [
        ("int", "i4", -7),
        ("nan", "f8", np.nan),
        ("big", ">u2", 4660),
        ("huge", "u8", 2**64 - 1),
        ("complex", "c8", 1 - 2j),
        ("true", "?", True),
        ("zero", "f4", None),
    ]:
        for kind, options in [
            ("contiguous", {}),
            ("chunked", {"chunks": CHUNKS}),
            ("compressed", {"chunks": CHUNKS, "compression": "gzip", "maxshape": (None, None)}),
        ]:
            dataset = file.create_dataset(f"fill/{label}-{kind}", SHAPE, dtype, fillvalue=fillvalue, **options)
            if kind != "contiguous":
                dataset[6:9, 3:12] = values((3, 9), dtype)
            found[f"{name}#/fill/{label}-{kind}"] = dataset[...]

    shrunk = put("resized/shrunk", values((30, 20), "i2"), chunks=(4, 6), maxshape=(None, None))
    shrunk.resize((11, 7))
    found[f"{name}#/resized/shrunk"] = shrunk[...]
    grown = put("resized/grown", values((5, 6), "f4"), chunks=(4, 4), maxshape=(None, 40), fillvalue=-1)
    grown.resize((17, 13))
    grown[12:, 9:] = 3
    found[f"{name}#/resized/grown"] = grown[...]

    masked = file.create_dataset("masked", (8,), "<i4", chunks=(4,), shuffle=True, compression="gzip")
    masked[4:] = values((4,), "<i4")
    masked.id.write_direct_chunk((0,), values((4,), "<i4").tobytes(), filter_mask=0b11)
    # h5py cannot read it itself before the file is closed.
    found[f"{name}#/masked"] = np.tile(values((4,), "<i4"), 2)

    # As the zstd filter stores chunks, which h5py has only by a plugin.
    create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    create.set_chunk(CHUNKS)
    create.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    h5py.h5d.create(file.id, b"zstd", h5py.h5t.NATIVE_DOUBLE, h5py.h5s.create_simple(SHAPE), create)
    whole = values(SHAPE, "f8")
    padded = np.zeros((25, 24))
    padded[: SHAPE[0], : SHAPE[1]] = whole
    for y in range(0, 25, 5):
        for x in range(0, 24, 8):
            chunk = np.ascontiguousarray(padded[y : y + 5, x : x + 8])
            file["zstd"].id.write_direct_chunk((y, x), numcodecs.Zstd(3).encode(chunk))
    found[f"{name}#/zstd"] = whole

    compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    compact.set_layout(h5py.h5d.COMPACT)
    for label, dtype in [("little", "<i4"), ("big", ">f8")]:
        array = values((3, 4), dtype)
        space = h5py.h5s.create_simple(array.shape)
        dataset = h5py.h5d.create(
            file.id, f"compact-{label}".encode(), h5py.h5t.py_create(array.dtype), space, compact
        )
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, array)
        found[f"{name}#/compact-{label}"] = array

    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_chunk(CHUNKS)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(SHAPE, (46, 17))
    dataset = h5py.h5d.create(file.id, b"early", h5py.h5t.NATIVE_DOUBLE, space, early)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values(SHAPE, "f8"))
    found[f"{name}#/early"] = values(SHAPE, "f8")

    file["links/soft"] = h5py.SoftLink("/filters/gzip")
    file["links/hard"] = file["filters/gzip"]
    found[f"{name}#/links/soft"] = found[f"{name}#/links/hard"] = file["filters/gzip"][...]
    weekdays = h5py.enum_dtype({"mon": 0, "tue": 1, "wed": 5}, basetype="u2")
    file.create_dataset("enumeration", data=np.array([0, 5, 1, 0], "u2"), dtype=weekdays)
    found[f"{name}#/enumeration"] = np.array([0, 5, 1, 0], "u2")
    many = file.create_group("many")
    for i in range(100):
        many[f"child{i}"] = np.int16(i)
    found[f"{name}#/many/child57"] = np.array(57, "i2")


def links(directory, found):
    """Master files as detectors write them, and what else leads into other files. Only those are described by their own
    paths: listings do not follow such links."""
    here = lambda name: os.path.join(directory, name)
    os.mkdir(here("runs"))
    os.mkdir(here("prefixed"))
    data = {}
    for number in [1, 2]:
        data[number] = values((6, 23, 17), "u2") + np.uint16(number)
        with h5py.File(here(f"runs/run_data_{number:06}.h5"), "w") as file:
            # The library, which reads virtual datasets, has only the second.
            options = hdf5plugin.Bitshuffle(0, "lz4") if number == 1 else {"compression": "gzip"}
            file.create_dataset("entry/data/data", data=data[number], chunks=(1, 23, 17), **options)
    with h5py.File(here("runs/packed.h5"), "w") as file:
        packed = values((40, 30), "i4") // 1000
        file.create_dataset("x", data=packed, chunks=(9, 30), scaleoffset=0)
    with h5py.File(here("prefixed/far.h5"), "w") as file:
        file["x"] = far = values((5, 4), "f8")
    first, second = "run_data_000001.h5", "run_data_000002.h5"
    for libver in ["earliest", "latest"]:
        name = f"runs/master-{libver}.h5"
        targets = {
            "entry/data/data_000001": (first, "/entry/data/data", data[1]),
            "entry/data/data_000002": (second, "entry/data/data", data[2]),
            "absolute": (here(f"runs/{first}"), "/entry/data/data", data[1]),
            "moved": (f"/no/such/directory/{second}", "/entry/data/data", data[2]),
            "packed": ("packed.h5", "/x", packed),
            "prefixed": ("far.h5", "/x", far),
        }
        with h5py.File(here(name), "w", libver=libver) as file:
            for path, (target, inner, array) in targets.items():
                file[path] = h5py.ExternalLink(target, inner)
                found[f"{name}#/{path}"] = array
            file["group"] = h5py.ExternalLink(first, "/entry")
            found[f"{name}#/group/data/data"] = data[1]
            file["whole"] = h5py.ExternalLink(second, "/")
            found[f"{name}#/whole/entry/data/data"] = data[2]
            file["soft"] = h5py.SoftLink("/entry/data/data_000001")
            found[f"{name}#/soft"] = data[1]
            file["deep/group"] = h5py.SoftLink("/group/data")
            found[f"{name}#/deep/group/data"] = data[1]
        # From outside, over three files.
        with h5py.File(here(f"outer-{libver}.h5"), "w", libver=libver) as file:
            file["master"] = h5py.ExternalLink(name, "/")
            file["chain"] = h5py.ExternalLink(name, "/entry/data/data_000002")
            file["soft"] = h5py.ExternalLink(name, "/soft")
        found[f"outer-{libver}.h5#/master/entry/data/data_000001"] = data[1]
        found[f"outer-{libver}.h5#/master/deep/group/data"] = data[1]
        found[f"outer-{libver}.h5#/chain"] = data[2]
        found[f"outer-{libver}.h5#/soft"] = data[1]
    # A link to the master: what it names lies beside the real file.
    os.symlink("runs/master-earliest.h5", here("seen.h5"))
    found["seen.h5#/entry/data/data_000001"] = data[1]
    # A virtual dataset that is made of what lies behind links, and is behind one itself.
    whole = h5py.VirtualLayout((12, 23, 17), "u2")
    for rows, name, path in [
        (np.s_[:6], "runs/master-latest.h5", "entry/data/data_000002"),
        (np.s_[6:], "outer-earliest.h5", "chain"),
    ]:
        whole[rows] = h5py.VirtualSource(name, path, (6, 23, 17))
    with h5py.File(here("linked-virtual.h5"), "w") as file:
        file.create_virtual_dataset("x", whole)
    with h5py.File(here("runs/to-virtual.h5"), "w") as file:
        file["x"] = h5py.ExternalLink("../linked-virtual.h5", "/x")
    for name in ["linked-virtual.h5", "runs/to-virtual.h5"]:
        found[f"{name}#/x"] = np.concatenate([data[2], data[2]])
        with h5py.File(here(name)) as file:
            assert np.array_equal(file["x"][...], found[f"{name}#/x"])


def library(directory, found):
    """What is read through the HDF5 library."""
    name = "library.h5"
    data = values((40, 30), "i4") // 1000
    with h5py.File(os.path.join(directory, name), "w") as file:
        add(file, name, found, "scaleoffset", data, chunks=(9, 30), scaleoffset=0)
        add(file, name, found, "scaleoffset-float", np.arange(30) / 4, chunks=(7,), scaleoffset=2)
        if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP):
            add(file, name, found, "szip", data, chunks=(8, 10), compression="szip")
        # Twelve bits in two bytes, packed by n-bit.
        twelve = h5py.h5t.NATIVE_INT16.copy()
        twelve.set_precision(12)
        for label, packed in [("nbit", True), ("twelve-bits", False)]:
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            create.set_chunk((10,))
            if packed:
                create.set_filter(h5py.h5z.FILTER_NBIT, h5py.h5z.FLAG_MANDATORY)
            dataset = h5py.h5d.create(file.id, label.encode(), twelve, h5py.h5s.create_simple((35,)), create)
            small = (np.arange(35) * 53 % 4096 - 2048).astype("i2")
            dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, small)
            found[f"{name}#/{label}"] = small
        file["beside"] = h5py.ExternalLink("parts-0.h5", "/deep/x")
        rows = values((3, 20), "f8")
        rows.tofile(os.path.join(directory, "rows.bin"))
        file.create_dataset("external", rows.shape, "f8", external=[("rows.bin", 0, rows.nbytes)], efile_prefix=directory)
    found[f"{name}#/external"] = rows
    whole = h5py.VirtualLayout((3, 50), "f4", maxshape=(3, 50))
    parts = values((2, 50), "f4")
    for i in range(2):
        with h5py.File(os.path.join(directory, f"parts-{i}.h5"), "w") as file:
            file["deep/x"] = parts[i]
        whole[i] = h5py.VirtualSource(f"parts-{i}.h5", "deep/x", (50,))
    found[f"{name}#/beside"] = parts[0]
    with h5py.File(os.path.join(directory, "virtual.h5"), "w") as file:
        file.create_virtual_dataset("x", whole, fillvalue=-5)
        found["virtual.h5#/x"] = np.vstack([parts, np.full((1, 50), -5, "f4")])
