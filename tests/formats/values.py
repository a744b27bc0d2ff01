"""Arrays to write: values that differ from element to element, of every dtype."""

import numpy as np

NUMBERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16"]
DTYPES = ["?", *NUMBERS]


def values(shape, dtype):
    """Values over the whole range of a dtype, its ends and what is not a number among them."""
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    number = np.arange(count)
    if dtype.kind == "b":
        flat = (number * number + number) % 3 == 0
    elif dtype.kind in "iu":
        # Bit patterns spread over all bytes, of either sign.
        bits = (number.astype("u8") * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - 8 * dtype.itemsize)
        flat = bits.astype(f"u{dtype.itemsize}").view(dtype.newbyteorder("="))
        if count > 1:
            flat[1], flat[-1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    else:
        part = dtype.newbyteorder("=").type(0).real.dtype
        flat = ((number - count // 3) * np.float64(0.37)).astype(part)
        if count > 8:
            flat[2], flat[3], flat[5], flat[7] = np.nan, np.inf, -np.inf, -0.0
        if dtype.kind == "c":
            imaginary = flat[::-1]
            flat = flat.astype(dtype.newbyteorder("="))
            flat.imag = imaginary
    return flat.reshape(shape).astype(dtype)
