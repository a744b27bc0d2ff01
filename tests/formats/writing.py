"""What brickwork writes, opened by the programs that others use: NumPy, zarr-python 3, TensorStore, h5py, netCDF4 and
xarray find the same values, dtype, shape and attributes; parts of arrays are written as NumPy assigns them.

    writing.py BRICKWORK_BINARY [--only TEXT] [--keep]
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import h5py
import netCDF4
import numpy as np
import tensorstore
import xarray
import zarr

from values import DTYPES, values

# shape, chunks: no axes, no elements, one axis, odd lengths in chunks that do not divide them
SHAPES = [((), None), ((0, 3), None), ((11,), "4"), ((5, 7, 3), "(2, 3, 3)"), ((33, 20), "(8, 20)")]

# ending, options, shapes that have it
WAYS = [
    (".npy", "", False),
    (".zarr", "", False),
    (".zarr", "--codec none", True),
    (".zarr", "--codec zstd:3", True),
    (".zarr", "--codec gzip:4", True),
    (".zarr", "--codec blosc", True),
    (".zarr", "--codec blosc:zstd:5", True),
    (".zarr", "--codec zstd --shards", True),
    (".zarr#/a/b/x", "", True),
    (".h5#/x", "", False),
    (".h5#/a/b/x", "", True),
    (".hdf5#/x", "--codec gzip:4", True),
    (".h5#/x", "--codec shuffle+gzip:1", True),
    (".h5#/x", "--codec shuffle", True),
    (".nc#/x", "", False),
    (".nc#/x", "--codec shuffle+gzip:4", True),
]

ATTRIBUTES = {
    "units": "K",
    "long_name": "Temperature – 2 m",
    "count": 7,
    "scale": 0.25,
    "range": [1.5, 2.5, 3.5],
    "levels": [1, 2, 3],
    "names": ["north", "south"],
}

# Neither netCDF4 nor HDF5 may be used by several threads at once.
LIBRARY = Lock()


class Writer:
    def __init__(self, binary, directory):
        self.binary = binary
        self.directory = directory

    def run(self, *words):
        done = subprocess.run([self.binary, *words], cwd=self.directory, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Wrong(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def path(self, name):
        return os.path.join(self.directory, name)


class Wrong(Exception):
    pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--keep", action="store_true", help="leave the files and say where they are")
    options, _ = parser.parse_known_args()
    directory = tempfile.mkdtemp(prefix="brickwork-writing-")
    writer = Writer(os.path.abspath(options.binary), directory)
    cases = [case for case in [*matrix(), *copies(), *regions(), *together()] if options.only in case[0]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda case: attempt(writer, case), cases) if fault]
    for fault in faults:
        print(f"FAIL {fault}\n")
    print(f"{len(cases)} cases of writing, {len(faults)} failed")
    if options.keep:
        print(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    sys.exit(bool(faults) or not cases)


def attempt(writer, case):
    """What is wrong, or nothing."""
    name, check, *words = case
    try:
        check(writer, *words)
    except Wrong as wrong:
        return f"{name}: {wrong}"
    except Exception as error:  # What another program says of our files is a fault too.
        return f"{name}: {type(error).__name__}: {error}"
    return None


# What `eval -o` writes.


def matrix():
    for dtype in DTYPES:
        for shape, chunks in SHAPES:
            for ending, options, needs_chunks in WAYS:
                if not (needs_chunks and chunks is None):
                    yield f"eval {dtype} {shape} {ending} {options}", check_eval, dtype, shape, chunks, ending, options


def check_eval(writer, dtype, shape, chunks, ending, options):
    stem = f"eval-{np.dtype(dtype)}-{len(shape)}-{np.prod(shape, dtype=int)}-{ending}{options}"
    stem = "".join(letter if letter.isalnum() else "-" for letter in stem)
    expected = values(shape, dtype)
    np.save(writer.path(f"{stem}-in.npy"), expected)
    words = options.split()
    if chunks and ending != ".npy":
        words += ["--chunks", chunks]
    if options.endswith("--shards"):
        lengths = eval(chunks)
        lengths = lengths if isinstance(lengths, tuple) else (lengths,)
        words.insert(words.index("--shards") + 1, str(tuple(4 * length for length in lengths)))
    uri = stem + ending
    writer.run("eval", "x", f"x={stem}-in.npy", "-o", uri, *words)
    for program, found in opened(writer, uri):
        same(program, found, expected)


def opened(writer, uri):
    """What each program finds at a place."""
    place, _, inner = uri.partition("#")
    path, inner = writer.path(place), inner.strip("/")
    if place.endswith(".npy"):
        yield "numpy", np.load(path)
    elif place.endswith(".zarr"):
        store = zarr.open(path, mode="r")
        yield "zarr", (store[inner] if inner else store)[...]
        spec = {"driver": "zarr3", "kvstore": f"file://{os.path.join(path, inner)}"}
        yield "TensorStore", tensorstore.open(spec).result().read().result()
    else:
        with LIBRARY, h5py.File(path, "r") as file:
            yield "h5py", file[inner][...]
        if place.endswith(".nc"):
            with LIBRARY, netCDF4.Dataset(path) as file:
                file.set_auto_maskandscale(False)
                yield "netCDF4", numpy_values(file[inner][...], file[inner].datatype)
            group, _, name = inner.rpartition("/")
            with LIBRARY, xarray.open_dataset(
                path, group=group or None, engine="netcdf4", mask_and_scale=False, decode_cf=False
            ) as data:
                yield "xarray", numpy_values(data[name].values, data[name].encoding.get("dtype"))


def numpy_values(found, dtype):
    """netCDF has truth values as an enumeration, and complex numbers as pairs."""
    found = np.ma.getdata(found)
    names = getattr(dtype, "enum_dict", None) or (getattr(dtype, "metadata", None) or {}).get("enum")
    if names == {"FALSE": 0, "TRUE": 1}:
        return found.astype(bool)
    if found.dtype.names == ("r", "i"):
        return found.view({8: "c8", 16: "c16"}[found.dtype.itemsize]).reshape(found.shape)
    return found


def same(program, found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    if found.dtype != expected.dtype:
        raise Wrong(f"{program}: dtype is {found.dtype}, not {expected.dtype}")
    if found.shape != expected.shape:
        raise Wrong(f"{program}: shape is {found.shape}, not {expected.shape}")
    if found.tobytes() != expected.tobytes():
        where = np.argwhere(found != expected)
        at = tuple(where[0]) if len(where) else ()
        raise Wrong(f"{program}: {len(where)} elements differ, the first at {at}: {found[at]!r}, not {expected[at]!r}")


# What `copy` carries along.


def copies():
    for source in [".zarr", ".nc#/t2m", ".h5#/t2m"]:
        for target in [".zarr", ".zarr#/t2m", ".nc#/t2m", ".h5#/g/t2m"]:
            for dtype in ["f4", "i2"]:
                yield f"copy {source} {target} {dtype}", check_copy, source, target, dtype
    yield "copy group zarr nc", check_copy_group, ".zarr", ".nc"
    yield "copy group nc zarr", check_copy_group, ".nc", ".zarr"


def check_copy(writer, source, target, dtype):
    stem = "".join(letter if letter.isalnum() else "-" for letter in f"copy-{source}-{target}-{dtype}")
    expected = values((6, 5), dtype)
    fill = np.dtype(dtype).type(-9)
    write_source(writer, f"{stem}-from{source}", expected, fill)
    said = writer.run("copy", f"{stem}-from{source}", f"{stem}-to{target}", "--chunks", "(4, 2)")
    if not said.startswith("copied ") or len(said.splitlines()) != 1:
        raise Wrong(f"copy says {said!r}")
    check_copied(writer, f"{stem}-to{target}", expected, fill)
    # And back: nothing is lost on the way.
    back = ".zarr" if ".zarr" not in source else ".nc#/t2m"
    writer.run("copy", f"{stem}-to{target}", f"{stem}-back{back}")
    check_copied(writer, f"{stem}-back{back}", expected, fill)


def write_source(writer, uri, data, fill, names=("lat", "lon")):
    place, _, inner = uri.partition("#")
    path, inner = writer.path(place), inner.strip("/")
    if place.endswith(".zarr"):
        array = zarr.create_array(
            path, shape=data.shape, chunks=(3, 3), dtype=data.dtype, fill_value=fill, dimension_names=list(names),
            attributes=ATTRIBUTES,
        )
        array[...] = data
    elif place.endswith(".nc"):
        with LIBRARY, netCDF4.Dataset(path, "w") as file:
            for name, length in zip(names, data.shape):
                file.createDimension(name, length)
            variable = file.createVariable(inner, data.dtype, names, fill_value=fill)
            variable.set_auto_maskandscale(False)
            variable.setncatts(ATTRIBUTES)
            variable[...] = data
    else:
        with LIBRARY, h5py.File(path, "w") as file:
            dataset = file.create_dataset(inner, data=data, chunks=(3, 3), fillvalue=fill)
            for name, value in ATTRIBUTES.items():
                dataset.attrs[name] = value
            for axis, name in enumerate(names):
                dataset.dims[axis].label = name


def check_copied(writer, uri, expected, fill, names=("lat", "lon")):
    place, _, inner = uri.partition("#")
    path, inner = writer.path(place), inner.strip("/")
    for program, found in opened(writer, uri):
        same(program, found, expected)
    if place.endswith(".zarr"):
        array = zarr.open(path, mode="r")
        array = array[inner] if inner else array
        check_attributes("zarr", dict(array.attrs))
        if array.metadata.dimension_names != names:
            raise Wrong(f"zarr: dimension names are {array.metadata.dimension_names}")
        if array.fill_value != fill:
            raise Wrong(f"zarr: fill value is {array.fill_value}, not {fill}")
        if inner:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                data = xarray.open_zarr(path, consolidated=False, mask_and_scale=False)[inner]
            same("xarray", data.values, expected)
            if data.dims != names:
                raise Wrong(f"xarray: dimensions are {data.dims}")
            check_attributes("xarray", data.attrs)
        return
    with LIBRARY, h5py.File(path, "r") as file:
        dataset = file[inner]
        check_attributes("h5py", dict(dataset.attrs))
        if dataset.fillvalue != fill:
            raise Wrong(f"h5py: fill value is {dataset.fillvalue}, not {fill}")
        if not place.endswith(".nc"):
            labels = tuple(axis.label for axis in dataset.dims)
            if labels != names:
                raise Wrong(f"h5py: labels are {labels}")
    if place.endswith(".nc"):
        with LIBRARY, netCDF4.Dataset(path) as file:
            if file[inner].dimensions != names:
                raise Wrong(f"netCDF4: dimensions are {file[inner].dimensions}")
            check_attributes("netCDF4", {name: file[inner].getncattr(name) for name in file[inner].ncattrs()})
        with LIBRARY, xarray.open_dataset(path, engine="netcdf4", mask_and_scale=False) as data:
            if data[inner].dims != names:
                raise Wrong(f"xarray: dimensions are {data[inner].dims}")
            check_attributes("xarray", data[inner].attrs)


def check_attributes(program, found):
    for name, expected in ATTRIBUTES.items():
        value = found.get(name)
        plain = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
        # netCDF4 writes what is single as a list of one, and h5py shows that.
        if program == "h5py" and not isinstance(expected, list) and isinstance(plain, list) and len(plain) == 1:
            plain = plain[0]
        if plain != expected:
            raise Wrong(f"{program}: attribute {name} is {value!r}, not {expected!r}")


def check_copy_group(writer, source, target):
    stem = f"group{source}{target}".replace(".", "-")
    latitude = np.linspace(-10, 10, 6)
    data = {"t2m": values((6, 5), "f4"), "deep/count": values((6,), "i4")}
    if source == ".zarr":
        group = zarr.open_group(writer.path(stem + source), mode="w")
        for name, array in {"lat": latitude, **data}.items():
            names = ["lat", "lon"][: array.ndim]
            group.create_array(name, data=array, chunks=(3,) * array.ndim, dimension_names=names)
    else:
        with LIBRARY, netCDF4.Dataset(writer.path(stem + source), "w") as file:
            file.createDimension("lat", 6)
            file.createDimension("lon", 5)
            for name, array in {"lat": latitude, **data}.items():
                file.createVariable(name, array.dtype, ("lat", "lon")[: array.ndim])[...] = array
    writer.run("copy", stem + source, stem + target)
    for name, array in {"lat": latitude, **data}.items():
        for program, found in opened(writer, f"{stem}{target}#/{name}"):
            same(f"{program} {name}", found, array)
    if target == ".nc":
        with LIBRARY, xarray.open_dataset(writer.path(stem + target), engine="netcdf4") as found:
            if list(found.coords) != ["lat"] or found["t2m"].dims != ("lat", "lon"):
                raise Wrong(f"xarray: coordinates {list(found.coords)}, dimensions {found['t2m'].dims}")
            same("xarray", found["lat"].values, latitude)
    elif "lon" in zarr.open(writer.path(stem + target), mode="r"):
        raise Wrong("a dimension without coordinates became an array")


# What `--region` writes.


def regions():
    chance = random.Random(1)
    for ending, options in [
        (".npy", ""), (".zarr", "--codec none"), (".zarr", "--codec zstd"), (".zarr#/g/x", "--codec zstd --shards (9,12)"),
        (".h5#/g/x", ""), (".h5#/x", "--codec shuffle+gzip:2"),
    ]:
        for number in range(12):
            text = ", ".join(random_slices(chance, length) for length in (17, 23))
            yield f"region {ending} {options} [{text}]", check_region, f"region-{number}", ending, options, text


def random_slices(chance, length):
    if chance.randrange(6) == 0:
        return str(chance.randrange(-length, length))
    ends = [chance.choice(["", str(chance.randint(-length, length))]) for _ in range(2)]
    return f"{ends[0]}:{ends[1]}:{chance.choice([1, 1, 2, 3, 7, -1, -2])}"


def check_region(writer, stem, ending, options, text):
    stem = "".join(letter if letter.isalnum() else "-" for letter in f"{stem}{ending}{options}")
    expected = values((17, 23), "i4")
    np.save(writer.path(f"{stem}-in.npy"), expected)
    words = options.split() + ([] if ending == ".npy" else ["--chunks", "(3,4)"])
    writer.run("eval", "x", f"x={stem}-in.npy", "-o", stem + ending, *words)
    part = eval(f"expected[{text}]")
    # int16 goes into int32: a cast of the same kind.
    new = (np.arange(part.size).reshape(part.shape) - 1000).astype("i2")
    np.save(writer.path(f"{stem}-part.npy"), new)
    exec(f"expected[{text}] = new")
    writer.run("eval", "x", f"x={stem}-part.npy", "-o", stem + ending, f"--region={text}")
    for program, found in opened(writer, stem + ending):
        same(program, found, expected)


# Several outputs of one run.


def together():
    for ending in [".h5", ".nc", ".zarr"]:
        yield f"together {ending}", check_together, ending


def check_together(writer, ending):
    data = values((12, 10), "i4")
    stem = f"together-{ending[1:]}"
    np.save(writer.path(f"{stem}.npy"), data)
    place = stem + ending
    writer.run("eval", "x + 1, x.max(axis=0)", f"x={stem}.npy", "-o", f"{place}#/a", "-o", f"{place}#/g/b")
    writer.run("eval", "x[:6], x[::-1][6:]", f"x={stem}.npy", "-o", f"{place}#/c", "-o", f"{place}#/g/d")
    writer.run(
        "eval", "x[0], x[1]", f"x={stem}.npy", "-o", f"{place}#/a", "-o", f"{place}#/a",
        "--region", "0", "--region", "11",
    )
    a = data + 1
    a[0], a[11] = data[0], data[1]
    expected = {"a": a, "g/b": data.max(axis=0), "c": data[:6], "g/d": data[::-1][6:]}
    for name, array in expected.items():
        for program, found in opened(writer, f"{place}#/{name}"):
            same(f"{program} {name}", found, array)


if __name__ == "__main__":
    main()
