"""Writes numpy_values.txt, what NumPy gives for every function of elements and every dtype: input of tests.rs.

Run: python numpy_values.py > numpy_values.txt   (made with NumPy 2.4 on x86-64)

Lines: `left DTYPE HEX` and `right DTYPE HEX` (the operands), `astype FROM TO HEX`, `FUNCTION DTYPE RESULT-DTYPE HEX`,
and `FUNCTION DTYPE refused`. HEX are the little-endian bytes of all elements.
"""
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128".split()
UNARY = """negative absolute fabs sign square reciprocal floor ceil trunc rint fix round exp exp2 expm1 log log2 log10
log1p sqrt cbrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh deg2rad rad2deg sinc isnan isinf
isfinite isneginf isposinf signbit isreal iscomplex invert bitwise_count real imag conjugate angle nan_to_num
logical_not""".split()
BINARY = """add subtract multiply true_divide floor_divide remainder fmod power maximum minimum fmax fmin hypot copysign
nextafter heaviside gcd lcm float_power logaddexp logaddexp2 arctan2 equal not_equal less less_equal greater
greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor left_shift right_shift
isclose""".split()
INEXACT = set("""exp exp2 expm1 log log2 log10 log1p cbrt sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh
arctanh sinc angle power float_power logaddexp logaddexp2 arctan2 hypot sqrt reciprocal true_divide absolute sign""".split())
nan, inf = np.nan, np.inf


def operands(name):
    dtype = np.dtype(name)
    if dtype.kind == "b":
        return [0, 1, 0, 1, 1], [0, 0, 1, 1, 0]
    if dtype.kind in "iu":
        high, low = np.iinfo(dtype).max, np.iinfo(dtype).min
        left = [0, 1, 2, 3, 7, 9, 100, high, low, high - 1, 50, 12, 3, 77, 6]
        right = [3, 0, 5, 2, 2, 4, 7, 2, 1, high, 100, 8, 64, 31, 7]
        if low < 0:
            left += [-1, -7, -9, -100, low, low, 5, -6]
            right += [3, 2, 4, 6, 3, 7, 1, 0]
        return left, right
    if dtype.kind == "f":
        big, tiny = float(np.finfo(dtype).max), float(np.finfo(dtype).smallest_subnormal)
        left = [0, -0.0, 1, -1, 0.5, -2.5, 3.5, 1.5, 1e-3, 100.25, 3e9, -3e9, 1e19, -0.75, 7, -7, 7, 5, 2, inf, -inf, nan,
                1, big, tiny, nan, inf, 0, 300.7, 70000.5]
        right = [0, 1, -0.0, 2, 3, 0.5, -2, 1.5, 1e3, 7, 2, 3, 0.25, -0.5, 2, 2, -2, inf, -inf, 1, 2, 1, nan, 2, 1, nan,
                 inf, -3, 0.1, -1]
        return left, right
    left = [0j, complex(0, -0.0), 1, complex(-1, 0.0), 1j, -1j, 1 + 2j, -0.5 + 0.25j, complex(2, 0.0), complex(2, -0.0),
            complex(-2, 0.0), complex(-2, -0.0), complex(0.0, 2), complex(-0.0, 2), complex(0.0, -2), -3 + 4j, 0.1 - 0.2j,
            25 + 3j, -30 - 2j, 1e-3 + 1e-3j, 1 + 2j, complex(1, nan), complex(inf, 1), complex(-inf, 2)]
    right = [1, 2, 3, 0.5 + 0.5j, -2, 2 - 1j, -0.5 + 2j, 1j, 2, 2, 0.5, 0.5, 3, 1 + 1j, 1 - 1j, 2 + 2j, 2, 0.5, 1, -1j,
             1 + 2j, 1 + 1j, 2 + 1j, 1]
    return left, right


def text(values):
    return np.ascontiguousarray(values).tobytes().hex()


def line(function, name, run):
    try:
        result = run()
    except TypeError:
        print(function, name, "refused")
        return
    print(function, name, result.dtype, text(result))


arrays = {}
for name in DTYPES:
    left, right = (np.array(values).astype(name) for values in operands(name))
    arrays[name] = left, right
    print("left", name, text(left))
    print("right", name, text(right))
for source in DTYPES:
    for to in DTYPES:
        if source != to:
            # Twice over, so that NumPy's vector loops see all of it.
            values = np.tile(arrays[source][0], 8).astype(to)[: len(arrays[source][0])]
            print("astype", source, to, text(values))
for function in UNARY + BINARY:
    for name in DTYPES:
        count = 1 if function in UNARY else 2
        values = list(arrays[name][:count])
        if name.startswith("complex") and function in INEXACT:
            values = [value[:-3] for value in values]  # the last three are not finite: compared loosely nowhere
        try:
            if getattr(np, function)(*(np.ones(1, name) for _ in values)).dtype == np.float16:
                values = [value.astype(np.float32) for value in values]  # there is no float16 in Brickwork
        except TypeError:
            pass
        line(function, name, lambda: getattr(np, function)(*values))
