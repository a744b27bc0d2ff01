"""Files that other programs write by default, read by brickwork and compared with NumPy: value, dtype and shape, the
whole of every array and a random slice of it; what `info` says of every file; and what has to be refused, with what
the message must say.

    reading.py BRICKWORK_BINARY [--zarr2 PYTHON] [--only TEXT] [--keep]

PYTHON has zarr-python 2, which cannot live beside zarr-python 3; without it, its files are left out.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np

# Before what brings an HDF5 library of its own: the filters of hdf5plugin call the one that is loaded first.
import hdf5_files

import cf_files
import netcdf_files
import npy_files
import refused_files
import tensorstore_files
import zarr_files

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--zarr2")
    parser.add_argument("--only", default="", help="cases whose URI holds this text")
    parser.add_argument("--keep", action="store_true", help="leave the files and say where they are")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()

    directory = tempfile.mkdtemp(prefix="brickwork-formats-")
    arrays = {}
    for module in [npy_files, hdf5_files, netcdf_files, zarr_files, tensorstore_files]:
        arrays.update(module.write(directory))
    if options.zarr2:
        arrays.update(zarr2_arrays(options.zarr2, directory))
    decoded = cf_files.write(directory)
    refusals = refused_files.write(directory)

    reader = Reader(os.path.abspath(options.binary), directory, options.seed)
    jobs = [(reader.compare, uri, expected) for uri, expected in (arrays | decoded).items() if options.only in uri]
    places = {}
    for uri, expected in arrays.items():
        # What a raw file holds is told by its URI alone.
        if not uri.startswith("raw:"):
            places.setdefault(uri.partition("#")[0], {})[uri] = expected
    jobs += [(reader.describe, place, held) for place, held in places.items() if options.only in place]
    jobs += [(reader.refuse, uri, words) for uri, words in refusals.items() if options.only in uri]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda job: job[0](*job[1:]), jobs) if fault]

    for fault in faults:
        print(f"FAIL {fault}\n")
    print(f"{len(jobs)} cases ({len(arrays)} arrays, {len(decoded)} decoded, {len(places)} files, {len(refusals)} refusals), {len(faults)} failed")
    if options.keep:
        print(f"files: {directory}")
    else:
        shutil.rmtree(directory)
    sys.exit(bool(faults) or not jobs)


def zarr2_arrays(python, directory):
    """zarr-python 2 writes its files, and what they hold beside them, in a process of its own."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "zarr2_files.py")
    names = subprocess.run([python, script, directory], check=True, capture_output=True, text=True).stdout.split()
    return {name: np.load(os.path.join(directory, "zarr2-expected", f"{i}.npy")) for i, name in enumerate(names)}


class Reader:
    def __init__(self, binary, directory, seed):
        self.binary = binary
        self.directory = directory
        self.seed = seed

    def run(self, *words, **options):
        return subprocess.run(
            [self.binary, *words],
            cwd=self.directory,
            # netCDF4 brings filters and tells every library where they are.
            env=os.environ
            | {
                "HDF5_PLUGIN_PATH": os.path.join(self.directory, "no-plugins"),
                "HDF5_EXT_PREFIX": os.path.join(self.directory, "prefixed"),
            },
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )

    def compare(self, uri, expected):
        """What is wrong, or nothing."""
        expected = np.asarray(expected)
        chance = random.Random(f"{self.seed} {uri}")
        subscripts = ["...", random_subscripts(chance, expected.shape)]
        program = ", ".join(f"x[{text}]" for text in subscripts)
        with tempfile.TemporaryDirectory(dir=self.directory) as results:
            paths = [os.path.join(results, f"{i}.npy") for i in range(len(subscripts))]
            outputs = [word for path in paths for word in ("-o", path)]
            done = self.run("eval", program, f"x={uri}", *outputs)
            if done.returncode:
                return f"{uri}: {done.stderr.strip()}"
            for text, path in zip(subscripts, paths):
                wanted = eval(f"expected[{text}]")
                fault = difference(np.load(path), wanted)
                if fault:
                    return f"{uri}: x[{text}]: {fault}"
        return None

    def describe(self, place, arrays):
        """Whether `info` tells shape and dtype of every array of a file, without being told their names."""
        done = self.run("info", place, "--format", "json")
        if done.returncode:
            return f"{place}: info: {done.stderr.strip()}"
        top = json.loads(done.stdout)
        for uri, expected in arrays.items():
            node = top
            for name in filter(None, uri.partition("#")[2].split("/")):
                node = node["members"].get(name, {"members": {}, "note": "is not there"})
                if "link into another file" in node.get("note", ""):
                    # What is there is told to who asks for it.
                    there = self.run("info", uri, "--format", "json")
                    node = json.loads(there.stdout or '{"note": "cannot be described"}')
                    break
            dtype = str(np.asarray(expected).dtype.newbyteorder("="))
            found, wanted = (node.get("shape"), node.get("dtype")), (list(np.shape(expected)), dtype)
            # What the library makes of odd integers is not in the metadata.
            if found != wanted and "bits in" not in str(found[1]):
                return f"{uri}: info says {found} ({node.get('note')}), not {wanted}"
        done = self.run("info", place)
        return f"{place}: info as text: {done.stderr.strip()}" if done.returncode or not done.stdout else None

    def refuse(self, uri, words):
        # What claims to be large gets no memory to be large in.
        done = self.run("eval", "x.sum()", f"x={uri}", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)))
        text = done.stderr
        if done.returncode != 1 or "panicked" in text:
            return f"{uri}: exit code {done.returncode}: {done.stdout}{text}"
        missing = [word for word in words if word not in text]
        return f"{uri}: does not say {missing}: {text}" if missing else None


def random_subscripts(chance, shape):
    """Subscripts that select an array (never a scalar) of any size, none included."""
    texts = []
    for length in shape:
        kind = chance.randrange(6)
        if kind == 0 and length:
            texts.append(str(chance.randrange(-length, length)))
        elif kind == 1:
            texts.append(":")
        else:
            ends = [chance.choice(["", str(chance.randint(-length - 1, length + 1))]) for _ in range(2)]
            texts.append(f"{ends[0]}:{ends[1]}:{chance.choice([1, 1, 2, 3, 7, -1, -2, -5])}")
    # The last `...` keeps a selection of one element an array.
    return ", ".join([*texts, "..."])


def difference(found, expected):
    expected = np.asarray(expected)
    wanted = expected.dtype.newbyteorder("=")
    if found.dtype != wanted:
        return f"dtype is {found.dtype}, not {wanted}"
    if found.shape != expected.shape:
        return f"shape is {found.shape}, not {expected.shape}"
    # Not by value: NaNs and signs of zeros count.
    if found.tobytes() != expected.astype(wanted, copy=False).tobytes() and not np.array_equal(
        found, expected, equal_nan=found.dtype.kind in "fcmM"
    ):
        where = np.argwhere(found != expected)
        at = tuple(where[0]) if len(where) else ()
        return f"{len(where)} elements differ, the first at {at}: {found[at]!r}, not {expected[at]!r}"
    return None


if __name__ == "__main__":
    main()
