"""The inputs and the expressions of the differential test."""

import numpy as np

INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
FLOATS = ["f4", "f8"]
COMPLEX = ["c8", "c16"]
ALL = ["b", *INTS, *FLOATS, *COMPLEX]
REAL = ["b", *INTS, *FLOATS]


def inputs():
    """Named arrays: x and y of every dtype with its edge cases, and some shapes for arranging."""
    rng = np.random.default_rng(20240101)
    arrays = {}
    for code in ALL:
        shape = (3, 5)
        if code == "b":
            arrays["xb"], arrays["yb"] = rng.random(shape) < 0.5, rng.random(shape) < 0.5
            continue
        dtype = np.dtype(code)
        for name in "xy":
            if code in INTS:
                info = np.iinfo(dtype)
                values = rng.integers(max(info.min, -9), 10, shape).astype(dtype)
                values.flat[:4] = [info.max, info.min, 0, 1]
                if name == "y":
                    values = np.roll(values, 2)
            else:
                values = rng.normal(0, 3, shape).astype(dtype)
                special = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0]
                values.flat[:6] = special if name == "x" else [1.0, 2.0, np.nan, 0.0, -0.0, -np.inf]
            arrays[f"{name}{code}"] = values
    arrays["a"] = rng.normal(0, 1, (4, 6))
    arrays["f"] = rng.normal(0, 1, (2, 3, 5)).astype("f4")
    arrays["z"] = rng.normal(0, 1, 7) + 1j * rng.normal(0, 1, 7)
    arrays["n"] = np.arange(24).reshape(2, 3, 4)
    arrays["s"] = np.array(2.5)
    arrays["k"] = np.array(-3)
    arrays["e"] = np.zeros((0, 3))
    arrays["one"] = rng.normal(0, 1, (1, 6))
    arrays["row"] = rng.normal(0, 1, 6)
    arrays["idx"] = np.array([3, 0, -1, 2, 2])
    arrays["big"] = rng.normal(0, 1, (40, 90))
    arrays["long"] = rng.normal(0, 1, 3000).astype("f4")
    arrays["nn"] = np.where(rng.random((5, 8)) < 0.3, np.nan, rng.normal(0, 1, (5, 8)))
    # Between -1 and 1, and above 1: where inverse functions are defined.
    arrays["u"] = rng.uniform(-1, 1, (3, 7))
    arrays["v"] = rng.uniform(1, 9, (3, 7)).astype("f4")
    return arrays


def unary():
    for name in ["negative", "positive", "absolute", "sign", "square", "floor", "ceil", "trunc", "rint", "isnan", "isinf",
                 "isfinite", "logical_not", "signbit", "invert", "conj", "real", "imag", "sqrt", "exp", "log1p", "sin"]:
        for code in ALL:
            yield f"np.{name}(x{code})"
    for name in ["reciprocal", "cbrt", "exp2", "expm1", "log", "log2", "log10", "cos", "tan", "sinh", "cosh", "tanh",
                 "arctan", "arcsinh", "deg2rad", "rad2deg", "sinc", "isreal", "iscomplex", "nan_to_num"]:
        for code in FLOATS:
            yield f"np.{name}(x{code})"
        for name_of in ("u", "v", "a"):
            yield f"np.{name}({name_of})"
    for name in ["arcsin", "arccos", "arctanh"]:
        yield f"np.{name}(u)"
    yield "np.arccosh(v)"
    for code in INTS:
        yield f"np.bitwise_count(x{code})"
        yield f"~x{code}"
        yield f"-x{code}"
    for code in COMPLEX:
        yield f"np.angle(x{code})"
        yield f"np.log(z)"
        yield f"np.exp(z) + np.sqrt(z) - np.cos(z)"


def binary():
    for left in ALL:
        for right in ALL:
            for op in ["+", "*", "/"]:
                yield f"x{left} {op} y{right}"
    for left in REAL:
        for right in ["b", "i1", "u2", "i8", "u8", "f4", "f8"]:
            for op in ["-", "//", "%", "<", "=="]:
                yield f"x{left} {op} y{right}"
            yield f"np.maximum(x{left}, y{right})"
    for name in ["minimum", "fmax", "fmin", "fmod", "copysign", "nextafter", "arctan2", "hypot", "logaddexp", "logaddexp2",
                 "heaviside", "logical_and", "logical_or", "logical_xor", "greater", "greater_equal", "less_equal",
                 "not_equal"]:
        for code in REAL:
            yield f"np.{name}(x{code}, y{code})"
    for name in ["bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"]:
        for code in ["b", *INTS, "f8"]:
            yield f"np.{name}(x{code}, y{code})"
    for code in INTS:
        yield f"x{code} << 3"
        yield f"x{code} >> 1"
        yield f"x{code} & 1"
        yield f"np.power(x{code}, 3)"
        yield f"x{code} ** 2"
    for code in FLOATS + COMPLEX:
        yield f"x{code} ** 2"
        yield f"x{code} ** 0.5"
        yield f"np.power(x{code}, y{code})"
        yield f"np.equal(x{code}, y{code})"
        yield f"np.isclose(x{code}, y{code})"
    for code in ["i4", "f4"]:
        yield f"np.float_power(x{code}, 2)"
    yield "a ** 3"
    yield "a ** -1"
    yield "np.power(v, u)"


def scalars():
    for code in ALL:
        for scalar in ["1", "2.5", "True", "1j", "-1", "300", "0"]:
            yield f"x{code} + {scalar}"
            yield f"{scalar} * x{code}"
        yield f"x{code} / 2"
        yield f"x{code} // 2"
        yield f"x{code} % 3"
        yield f"x{code} - 0.5"
        yield f"x{code} > 0"
        yield f"x{code} == 1"
    yield "a + 1 < 2 * a"
    yield "1 - a"
    yield "2 ** xi4[0, 4:]"
    yield "s + k"
    yield "s * a + k"
    yield "xi1 + k"
    yield "xf4 + s"


def reductions():
    axes = ["", "axis=0", "axis=1", "axis=-1", "axis=(0, 1)", "axis=0, keepdims=True", "keepdims=True"]
    for name in ["sum", "prod", "mean", "min", "max", "any", "all"]:
        for code in ALL:
            yield f"x{code}.{name}()"
            yield f"x{code}.{name}(axis=0)"
    for name in ["sum", "prod", "mean", "std", "var", "min", "max", "any", "all"]:
        for axis in axes:
            yield f"np.{name}(a, {axis})".replace(", )", ")")
            yield f"f.{name}({axis})"
        yield f"np.{name}(f, axis=(0, 2))"
        yield f"np.{name}(n, axis=(1, 2), keepdims=True)"
        yield f"np.{name}(e, axis=0)"
        yield f"np.{name}(e, axis=1)"
        yield f"np.{name}(s)"
        yield f"np.{name}(big)"
        yield f"np.{name}(big, axis=0)"
        yield f"np.{name}(a, axis=2)"
        yield f"np.{name}(z)"
    for name in ["argmin", "argmax"]:
        for code in REAL:
            yield f"x{code}.{name}()"
            yield f"x{code}.{name}(axis=1)"
        yield f"np.{name}(n, axis=-2)"
        yield f"np.{name}(a, axis=0, keepdims=True)"
        yield f"np.{name}(e)"
    for name in ["std", "var"]:
        for code in REAL + COMPLEX:
            yield f"np.{name}(x{code}, axis=0)"
        yield f"a.{name}(axis=0, ddof=1)"
        yield f"a.{name}(ddof=2)"
        yield f"long.{name}()"
        yield f"xi4.{name}(axis=1, ddof=1)"
    for dtype in ["'f4'", "'f8'", "'i8'", "'c16'"]:
        yield f"xi2.sum(dtype={dtype})"
        yield f"n.mean(axis=0, dtype={dtype})"
    yield "xi1.sum(dtype='i1')"
    for name in ["nansum", "nanprod", "nanmean", "nanstd", "nanvar", "nanmin", "nanmax", "nanargmin", "nanargmax"]:
        for axis in ["", "axis=0", "axis=1, keepdims=True"]:
            yield f"np.{name}(nn, {axis})".replace(", )", ")")
            yield f"np.{name}(n, {axis})".replace(", )", ")")
    for code in ALL:
        yield f"np.count_nonzero(x{code}, axis=0)"
    yield "np.count_nonzero(a > 0)"
    yield "np.ptp(a, axis=0)"
    yield "(a - a.mean(axis=0)) / a.std(axis=0)"
    yield "(a * a).sum(axis=-1)"
    yield "a[a > 0].sum()"
    yield "a[a > 0].mean()"
    yield "(a[a > 0] * 2 + 1).max()"
    yield "long.sum()"
    yield "long.mean()"


def indexing():
    for items in ["0", "-1", "1, 2", "...", "None", ":, 1", "..., 0", "::-1", "::2, ::-2", "1:3, 2:5", "5:, :", "3:1",
                  "-3:-1, ::3", "None, :, None", "[0, 2]", "[3, 0, -1, 2, 2]", ":, [1, 1, 0]", "[0, 1], [2, 3]",
                  "100:, :", "-100:100:5", "::-7", "1, ::-1", "4", "[4]", "0, 0, 0", "idx", ":, idx", "idx[:3], 1",
                  "..., None", "0:0", "[]", "[[0, 1], [2, 3]]", "[True, False, True, False]", "a > 0", "a[:, 0] > 0",
                  "(a > 0) & (a < 1)", "row.shape[0] - 6"]:
        yield f"a[{items}]"
    for items in ["1, :, ::-1", "..., 1", ":, None, 1", "0, [2, 0], :", ":, [1, 2], [0, 1]", "[1, 0], :, [2, 3]", "::-1, ::-1, ::-1",
                  "-1, -1, -1", "n > 5", "n[0] > 5", "[0], :, 1:3"]:
        yield f"n[{items}]"
    yield "e[0:0]"
    yield "e[::-1, 1]"
    yield "s[...]"
    yield "s[None]"
    yield "a[::2][1:][:, ::-1]"
    yield "a.T[1:3]"
    yield "(a + a[::-1])[1, ::2]"
    yield "np.take(a, idx, axis=0)"
    yield "np.take(a, [5, 0], axis=-1)"
    yield "np.take(a, [[0, 1], [23, -1]])"
    yield "np.take(a, 2, axis=1)"
    yield "np.take(a, [6], axis=1)"


def arranging():
    for text in ["a.T", "n.transpose(2, 0, 1)", "n.transpose((1, 0, 2))", "np.transpose(n)", "np.swapaxes(n, 0, 2)",
                 "np.moveaxis(n, 0, -1)", "np.flip(a)", "np.flip(n, axis=1)", "np.fliplr(a)", "np.flipud(a)",
                 "np.rot90(a)", "np.expand_dims(a, 1)", "np.expand_dims(a, (0, -1))", "np.squeeze(one)",
                 "np.squeeze(one, axis=0)", "np.squeeze(one, axis=1)", "np.broadcast_to(row, (3, 6))",
                 "np.broadcast_to(one, (4, 6))", "np.broadcast_to(row, (3, 5))", "a + row", "a + one", "a * one.T[:4]",
                 "a + a[:, :5]", "n + f", "a.reshape(24)", "a.reshape(2, -1)", "a.reshape((3, 8))", "a.reshape(5, 5)",
                 "a.reshape(2, 3, 4)", "n.reshape(-1)", "n.T.reshape(6, 4)", "e.reshape(3, 0)", "np.ravel(n.T)", "a.flatten()",
                 "np.roll(a, 2)", "np.roll(a, -3, axis=1)", "np.roll(n, 5, axis=0)", "np.repeat(a, 2)", "np.repeat(a, 3, axis=1)",
                 "np.tile(row, 2)", "np.tile(a, (2, 1))", "np.tile(row, (2, 2))", "np.diagonal(a)", "np.diagonal(a, 2)", "np.diagonal(a, -1)",
                 "np.diagonal(n, 0, 1, 2)", "np.diag(a)", "np.triu(a)", "np.triu(a, 2)", "np.tril(a, -1)", "np.tril(n, 1)",
                 "np.concatenate([a, a])", "np.concatenate([a, one], axis=0)", "np.concatenate([a, a[:, :2]], axis=1)",
                 "np.concatenate([xi2, xf4])", "np.concatenate([xi8, xu8])", "np.concatenate([a, n])", "np.concatenate([e, e])",
                 "np.stack([row, row])", "np.stack([row, row], axis=1)", "np.stack([a, a + 1], axis=-1)", "np.stack([xi1, xu1])",
                 "np.vstack([a, row])", "np.hstack([row, row])", "np.dstack([a, a])", "np.atleast_2d(row)", "np.atleast_1d(s)",
                 "np.zeros((2, 3))", "np.ones(4, dtype='i4')", "np.full((2, 2), 7)", "np.full((2,), 1.5, dtype='f4')",
                 "np.arange(10)", "np.arange(2, 20, 3)", "np.arange(5, 0, -2)", "np.arange(0, 1, 0.1)", "np.arange(3.0)",
                 "np.linspace(0, 1, 7)", "np.linspace(2, -3, 5)", "np.eye(4)", "np.eye(3, 5, 1)", "np.tri(3)", "np.identity(3)",
                 "np.zeros_like(xi2)", "np.ones_like(a)", "np.full_like(xi4, 3)",
                 "a.astype('f4')", "xf8.astype('f4')", "(a * 100).astype('i4')", "xi4.astype('u1')", "xi8.astype('i2')", "xb.astype('f8')",
                 "xu4.astype('i4')", "z.astype('c8')", "n.astype('b1')", "a.astype('bool')",
                 "np.where(a > 0, a, 0)", "np.where(a > 0, 1, -1)", "np.where(xb, xi4, yf4)", "np.where(xb, xu1, 300)",
                 "np.where(a[:, :1] > 0, a, row)", "np.clip(a, -0.5, 0.5)", "np.clip(xi4, -2, 3)", "np.clip(xu1, 2, 5)",
                 "np.clip(xf4, -1, 1)", "a.clip(0, 1)", "np.round(a, 2)", "np.round(xf4)", "np.around(a * 10, 1)", "np.round(xi4, -1)",
                 "a @ a.T", "a @ row", "row @ row", "n[0] @ n[1].T", "xi4 @ yi4.T", "f[0] @ f[1].T", "np.matmul(a, a)", "np.dot(a, a.T)",
                 "np.outer(row, row)", "big @ big.T", "xc8 @ yc8.T", "z @ z"]:
        yield text
    for code in ALL:
        yield f"np.cumsum(x{code})"
        yield f"np.cumsum(x{code}, axis=0)"
        yield f"x{code}.cumsum(axis=1)"
        yield f"np.concatenate([x{code}, yi2])"
        yield f"np.where(xb, x{code}, y{code})"
    yield "np.cumsum(long)"
    yield "np.cumsum(big, axis=0)"
    yield "xi1.cumsum(dtype='i1')"
    yield "np.cumsum(e, axis=0)"
    for mode in ["edge", "reflect", "symmetric", "wrap"]:
        for width in ["1", "(1, 2)", "((1, 2), (3, 0))", "9", "0"]:
            yield f"np.pad(a, {width}, mode='{mode}')"
        yield f"np.pad(row, (7, 13), mode='{mode}')"
        yield f"np.pad(n, ((0, 0), (1, 1), (2, 2)), mode='{mode}')"
        yield f"np.pad(e, ((0, 0), (1, 1)), mode='{mode}')"
        yield f"np.pad(e, 1, mode='{mode}')"
        yield f"np.pad(xi2[:1], 2, mode='{mode}')"
    yield "np.pad(a, 2)"
    yield "np.pad(a, ((1, 0), (0, 2)), constant_values=-1)"
    yield "np.pad(n, 1, mode='constant', constant_values=9)"
    yield "np.pad(e, 1)"


def expressions():
    """Every expression once."""
    seen = set()
    for family in [unary, binary, scalars, reductions, indexing, arranging]:
        for text in family():
            if text not in seen:
                seen.add(text)
                yield text
