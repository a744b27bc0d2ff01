"""Writes exact_values.txt: arguments that are hard for mathematical functions, and what they give, computed with 200 bits
and rounded once: input of tests.rs.

Run: python exact_values.py > exact_values.txt   (made with mpmath 1.3)

Lines: `FUNCTION ARGUMENT... RESULT`, each number by the bits of its float64 in hexadecimal.
"""
import random
import struct

import mpmath
from mpmath import mpf

mpmath.mp.prec = 200
random.seed(1)
TINY, MAX = 5e-324, 1.7976931348623157e308
NEAR_ZERO = [TINY, 1e-310, 2.2250738585072014e-308, 1e-200, 1e-20, 1.1e-16, 1e-9, 1.5e-8, 1e-5, 1e-3]
UNARY = {
    "expm1": (mpmath.expm1, [0.3465, 0.3466, 1.0397, -1.04, -37.5, -40.0, 709.7, 709.78, -750.0, 30.0, -0.69, 0.41]),
    "log1p": (mpmath.log1p, [-0.999999, -1 + 2**-53, 0.414, 0.4143, -0.2928, -0.2929, 1e18, MAX, 1.0]),
    "log10": (lambda x: mpmath.log(x) / mpmath.log(mpf(10)), [1 + 2**-52, 1 - 2**-53, 1.0001, 0.70711, 1.4142, MAX]),
    "tanh": (mpmath.tanh, [0.1733, 0.1736, 0.549, 0.55, 1.0, 18.9, 19.1, 22.0, 400.0, MAX]),
    "sinh": (mpmath.sinh, [0.3465, 0.3516, 1.0397, 22.0, 36.7, 70.0, 709.0, 710.4]),
    "cosh": (mpmath.cosh, [0.3465, 0.3516, 1.0397, 22.0, 36.7, 70.0, 709.0, 710.4]),
    "tan": (mpmath.tan, [0.7853981633974483, 1.5707963267948966, 3.141592653589793, 1e3, 999999.0, 411557.98] + [
        k * 1.5707963267948966 for k in (5, 11, 344, 355 * 2, 636619)]),
    "arctan": (mpmath.atan, [0.5, 0.5 + 2**-53, 0.499, 1.0, 1 + 2**-52, 1.999, 2.0, 2.001, 1e16, MAX]),
    "arcsin": (mpmath.asin, [0.5, 0.5 + 2**-53, 0.499, 0.9999, 1 - 2**-53, 0.78105]),
    "arccos": (mpmath.acos, [0.5, 0.5 + 2**-53, 0.499, 0.9999, 1 - 2**-53, 0.97]),
    "cbrt": (lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)), [27.0, 1000.0, 0.5, 2.0, 131071.0**3, 7.1922939, MAX]),
}
POWERS = [(2.0, 1023.0), (2.0, -1074.0), (2.0, -1075.5), (3.0, 33.0), (10.0, 22.0), (10.0, -5.0), (10.0, 308.0),
          (10.0, -320.0), (7.0, -2.0), (1 + 2**-52, 3e18), (1 - 2**-53, 6e18), (1 - 2**-53, -6e18), (TINY, 0.5),
          (TINY, -0.95), (MAX, 0.999), (MAX, -1.03), (1e-310, 1.01), (0.5, 1074.0), (1.5, 1e-20), (9.5, 315.0),
          (0.9999999, 7.4e9), (1.0000001, 7.09e9), (-2.0, 3.0), (-1.5, -701.0), (-3.0, 33.0), (-10.0, 4.0), (5.0, 13.0)]


def bits(x):
    return "%016x" % struct.unpack(">Q", struct.pack(">d", x))[0]


def rounded(value):
    """The nearest float64, for what is subnormal too."""
    value = mpf(value)
    if value == 0:
        return 0.0
    exponent = max(int(mpmath.floor(mpmath.log(abs(value), 2))) - 52, -1074)
    try:
        return float(mpmath.ldexp(mpmath.nint(mpmath.ldexp(value, -exponent)), exponent))
    except OverflowError:
        return float("inf") * float(mpmath.sign(value))


for name, (function, special) in UNARY.items():
    odd = name not in ("log10", "log1p")
    for x in NEAR_ZERO + special + [random.uniform(0.01, 0.999) for _ in range(20)]:
        for x in [x, -x] if odd or (name == "log1p" and 0 < x < 1) else [x]:
            print(name, bits(x), bits(rounded(function(mpf(x)))))
INVERSE_HYPERBOLIC = {
    "arcsinh": (mpmath.asinh, NEAR_ZERO + [0.35, 0.3536, 0.75, 1.0, 1.2, 1.3, 2.0, 1e8, 0.99e9, 1.01e9, 1e155, 1e300, MAX]),
    "arccosh": (mpmath.acosh, [1 + 2**-52, 1 + 2**-51, 1 + 1e-10, 1.0001, 1.01, 1.0606, 1.25, 1.26, 1.5, 2.0, 3.0, 4.0,
                               1e8, 0.99e9, 1.01e9, 1e155, 1e300, MAX]),
    "arctanh": (mpmath.atanh, NEAR_ZERO + [0.17, 0.1716, 0.25, 1 / 3, 0.34, 0.4999, 0.5, 0.5001, 0.9, 0.999, 1 - 2**-53, 0.9e-9]),
}


def inverse_hyperbolic():
    # Its own generator, so that the other lines stay.
    own = random.Random(2)
    for name, (function, special) in INVERSE_HYPERBOLIC.items():
        low, high = {"arcsinh": (0.0, 5.0), "arccosh": (1.0, 5.0), "arctanh": (0.0, 1.0)}[name]
        for x in special + [own.uniform(low, high) for _ in range(30)]:
            for x in [x] if name == "arccosh" else [x, -x]:
                print(name, bits(x), bits(rounded(function(mpf(x)))))


for x, y in POWERS + [(random.uniform(0.1, 10), random.uniform(-300, 300)) for _ in range(60)]:
    print("power", bits(x), bits(y), bits(rounded(mpmath.power(mpf(x), mpf(y)))))
SIDES = [1.0, 0.5, 2.0, 3.0, TINY, 1e-310, 1e-160, 1e160, 1e-300, 1e300, 4.0, MAX / 2, 0.499]
for x in SIDES:
    for y in SIDES:
        print("hypot", bits(x), bits(-y), bits(rounded(mpmath.sqrt(mpf(x) ** 2 + mpf(y) ** 2))))
        for x_signed, y_signed in ((x, y), (-x, y), (x, -y), (-x, -y)):
            print("arctan2", bits(x_signed), bits(y_signed), bits(rounded(mpmath.atan2(mpf(x_signed), mpf(y_signed)))))
inverse_hyperbolic()
