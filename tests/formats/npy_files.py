"""What numpy.save, numpy.savez, numpy.savez_compressed and ndarray.tofile write."""

import os

import numpy as np
from values import DTYPES, values


def write(directory):
    found = {}

    def save(name, array, version=None):
        path = os.path.join(directory, f"{name}.npy")
        with open(path, "wb") as file:
            np.lib.format.write_array(file, np.asanyarray(array), version=version)
        found[f"{name}.npy"] = np.asarray(array)

    for dtype in DTYPES:
        name = np.dtype(dtype).name
        save(f"npy-{name}", values((5, 7, 3), dtype))
        save(f"npy-{name}-big", values((5, 7), np.dtype(dtype).newbyteorder(">")))
        save(f"npy-{name}-fortran", np.asfortranarray(values((5, 7, 3), dtype)))
        save(f"npy-{name}-fortran-big", np.asfortranarray(values((4, 6), np.dtype(dtype).newbyteorder(">"))))
        save(f"npy-{name}-scalar", values((), dtype))
        save(f"npy-{name}-empty", np.zeros((0,), dtype))
    for version in [(1, 0), (2, 0), (3, 0)]:
        save(f"npy-version-{version[0]}", values((9,), "f4"), version)
    save("npy-zero-axes", np.zeros((3, 0, 4), "i2"))
    save("npy-zero-axes-fortran", np.asfortranarray(np.zeros((3, 0, 4), "i2")))
    save("npy-many-axes", values((2, 1, 3, 1, 2, 1, 2), "i4"))
    save("npy-dates", np.array(["2020-02-29", "NaT", "1969-12-31"], "M8[s]"))
    save("npy-view", values((10, 10), "f8")[::-2, 1::3])
    save("npy-large", values((700, 900), "f4"))
    together = {
        "a": values((50, 40), "f8"),
        "b": np.asfortranarray(values((9, 4), ">i2")),
        "c": values((), "c8"),
        "empty": np.zeros((0, 3), "u1"),
    }
    for name, write_all in [("stored.npz", np.savez), ("packed.npz", np.savez_compressed)]:
        write_all(os.path.join(directory, name), **together)
        found |= {f"{name}#/{key}": array for key, array in together.items()}
    np.savez(os.path.join(directory, "single.npz"), only=values((3, 4), "i4"))
    found["single.npz"] = values((3, 4), "i4")
    for name, array in [("c", values((20, 30), "f4")), ("big", values((7, 5), ">u2"))]:
        array.tofile(os.path.join(directory, f"{name}.bin"))
        lens = "x".join(map(str, array.shape))
        found[f"raw:{name}.bin#shape={lens},dtype={array.dtype.str}"] = array
    rest = values((20, 30), "f4").reshape(-1)[3:]
    found["raw:c.bin#offset=12,dtype=<f4,shape=597"] = rest
    found["raw:c.bin#shape=30x20,dtype=float32,order=F"] = values((20, 30), "f4").reshape(-1).reshape((30, 20), order="F")
    return found
