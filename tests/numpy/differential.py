"""Evaluates generated expressions by NumPy and by the brickwork command, and compares dtype, shape and values.

usage: differential.py BRICKWORK_BINARY [--only TEXT] [--keep]

Integers, bools and everything IEEE 754 fixes must be equal; other floats within a few units in the last place. What
NumPy refuses must be refused. Deviations that are meant stand in ALLOWED, each with its reason.
"""

import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np

from expressions import expressions, inputs

# Expressions that may differ: a pattern, what may differ, and why.
#   float16: float32 stands for float16;  refuse: may be refused;  sign: the sign of zero may differ;
#   special: parts of complex numbers that are not finite may differ
ALLOWED = [
    (r"\bx(b|i1|u1)\b", "float16", "NumPy computes float functions of 8-bit integers in float16, which does not exist here: float32"),
    (r"np\.(maximum|minimum|fmax|fmin)\(|\.(max|min)\(|np\.(nan)?(max|min)\(|clip", "sign",
     "NumPy leaves open which of 0.0 and -0.0 wins; here -0.0 orders before 0.0"),
    (r"x(c8|c16)\.mean\(", "special",
     "NumPy divides by a complex count, so an infinite part makes the other one NaN; here both parts are divided by the count"),
    (r"np\.sin\(x(c8|c16)\)", "special",
     "the imaginary part for an infinite or NaN real part is cos(x) sinh(y), NaN; C99 makes it 0 where y is 0"),
    (r"mean\(.*dtype='i8'", "refuse", "a mean in integers loses its fraction: refused, with a word on astype"),
    (r"np\.where\(xb, xu1, 300\)", "refuse",
     "where() alone wraps a number that does not fit (300 becomes 44); here it is refused, as both refuse xu1 + 300"),
    (r"np\.(sum|nansum|prod|mean)\(|\.(sum|mean|prod|cumsum)\(|np\.cumsum\(", "sign",
     "a sum of nothing but -0.0 is 0.0 where it starts from 0"),
]

BATCH = 24
# Units in the last place that functions without a fixed last bit may differ by.
ULPS = 6
# Of sums and products of many: in units of the largest intermediate.
SUM_ULPS = 32

INEXACT = re.compile(
    r"np\.(exp|exp2|expm1|log|log2|log10|log1p|cbrt|sin|cos|tan|arcsin|arccos|arctan|sinh|cosh|tanh|arcsinh|arccosh|"
    r"arctanh|arctan2|hypot|power|float_power|logaddexp|logaddexp2|sinc|angle|absolute|abs|reciprocal|deg2rad|rad2deg|"
    r"divide|true_divide|square|sqrt|multiply|sign|floor_divide|remainder|fmod)\b|\*\*|/|\*|%")
SUMS = re.compile(r"sum|mean|std|var|prod|matmul|@|dot|outer")


def ulp_distance(found, wanted):
    """How many representable numbers lie between, for real floats."""
    ints = np.int32 if found.dtype.itemsize == 4 else np.int64
    order = lambda x: np.where(x.view(ints) < 0, np.iinfo(ints).min - x.view(ints), x.view(ints)).astype(object)
    return abs(order(found) - order(wanted))


def real_differences(text, found, wanted, kinds, scale):
    both_nan = np.isnan(found) & np.isnan(wanted)
    with np.errstate(all="ignore"):
        same = both_nan | (found == wanted)
        if "sign" not in kinds and not INEXACT.search(text):
            same &= both_nan | (np.signbit(found) == np.signbit(wanted))
        if same.all():
            return None
        bad = ~same
        if np.isnan(found[bad]).any() or np.isnan(wanted[bad]).any():
            return "nan"
        if np.isinf(found[bad]).any() or np.isinf(wanted[bad]).any():
            return "infinity"
        eps = np.finfo(found.dtype).eps
        if SUMS.search(text) and (abs(found[bad] - wanted[bad]) <= SUM_ULPS * eps * np.maximum(scale, abs(wanted[bad]))).all():
            return None
        if INEXACT.search(text) and (ulp_distance(found[bad], wanted[bad]) <= ULPS).all():
            return None
    return "values"


def allowed(text):
    """What may differ."""
    return {kind for pattern, kind, _ in ALLOWED if re.search(pattern, text)}


def difference(text, found, wanted, largest):
    """What differs, or None. Sums may be off by the rounding of numbers as large as the largest input."""
    wanted = np.asarray(wanted)
    kinds = allowed(text)
    if found.dtype != wanted.dtype:
        half = {np.dtype("f2"): np.dtype("f4")}
        if "float16" in kinds and half.get(wanted.dtype) == found.dtype:
            if found.shape != wanted.shape:
                return f"shape {found.shape}, NumPy has {wanted.shape}"
            with np.errstate(all="ignore"):
                close = np.isclose(found.astype("f8"), wanted.astype("f8"), rtol=3e-3, atol=1e-6, equal_nan=True)
                # Beyond the reach of float16 there is nothing to compare with.
                close |= np.isinf(wanted) & (abs(found) > 65000)
            return None if close.all() else f"values {found}, NumPy has {wanted}"
        return f"dtype {found.dtype}, NumPy has {wanted.dtype}"
    if found.shape != wanted.shape:
        return f"shape {found.shape}, NumPy has {wanted.shape}"
    if found.dtype.kind in "biu":
        return None if (found == wanted).all() else f"values {found}, NumPy has {wanted}"
    if found.dtype.kind == "c":
        if "special" in kinds:
            finite = np.isfinite(wanted)
            if (np.isfinite(found) & ~finite).any():
                return f"values {found}, NumPy has {wanted}"
            found, wanted = found[finite], wanted[finite]
        scale = largest * 50
        for part in ("real", "imag"):
            one, other = np.ascontiguousarray(getattr(found, part)), np.ascontiguousarray(getattr(wanted, part))
            what = real_differences(text, one, other, kinds | {"sign"}, scale)
            if what == "values":
                # An imaginary part near zero has the error of the whole number.
                eps = np.finfo(one.dtype).eps
                with np.errstate(all="ignore"):
                    if (np.isfinite(one - other) & (abs(one - other) <= 8 * eps * np.maximum(abs(wanted), 1e-300))
                            | (one == other) | np.isnan(one) & np.isnan(other)).all():
                        what = None
            if what:
                return f"{what} ({part}) {found}, NumPy has {wanted}"
        return None
    scale = largest * 50
    what = real_differences(text, np.ascontiguousarray(found), np.ascontiguousarray(wanted), kinds, scale)
    return what and f"{what} {found}, NumPy has {wanted}"


def magnitude(array):
    """The largest finite absolute value."""
    values = np.abs(array.astype("c16")) if array.size else np.zeros(1)
    return float(np.max(values, where=np.isfinite(values), initial=0.0))


class Runner:
    def __init__(self, binary, folder, names):
        self.binary, self.folder, self.names, self.count = binary, folder, names, 0

    def run(self, texts):
        """The arrays of some expressions in one process, or the message of the failure."""
        outs = []
        for _ in texts:
            self.count += 1
            outs.append(os.path.join(self.folder, f"out{self.count}.npy"))
        used = [name for name in self.names if any(re.search(rf"\b{name}\b", text) for text in texts)]
        command = [self.binary, "eval", ", ".join(texts) if len(texts) > 1 else texts[0]]
        command += [f"{name}={os.path.join(self.folder, name)}.npy" for name in used]
        for out in outs:
            command += ["-o", out]
        command += ["--threads", "2", "--memory", "256MB"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            return done.stderr.strip() or f"exit code {done.returncode}"
        try:
            return [np.load(out) for out in outs]
        except OSError as error:
            return f"a result is missing: {error}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--only", default="", help="only expressions that contain this text")
    parser.add_argument("--keep", action="store_true", help="keep the folder of inputs and results")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="brickwork-numpy-")
    arrays = inputs()
    for name, array in arrays.items():
        np.save(os.path.join(folder, f"{name}.npy"), array)
    wanted, refused = [], []
    scope = {"np": np, **arrays}
    for text in expressions():
        if args.only not in text:
            continue
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = np.asarray(eval(text, dict(scope)))
        except Exception as error:  # whatever NumPy refuses it with
            refused.append((text, error))
            continue
        if value.dtype.kind in "biufc" and value.dtype.itemsize <= 16:
            wanted.append((text, value))
    runner = Runner(os.path.abspath(args.binary), folder, arrays)
    failures = []
    batches = list(itertools.batched(wanted, BATCH)) if hasattr(itertools, "batched") else [
        wanted[at:at + BATCH] for at in range(0, len(wanted), BATCH)]
    for batch in batches:
        found = runner.run([text for text, _ in batch])
        if isinstance(found, str):
            # One of them fails: each on its own tells which.
            found = [runner.run([text]) for text, _ in batch]
            found = [one[0] if isinstance(one, list) else one for one in found]
        for (text, value), one in zip(batch, found):
            if isinstance(one, str):
                what = None if "refuse" in allowed(text) else one
            else:
                names = [name for name in arrays if re.search(rf"\b{name}\b", text)]
                largest = max([1.0, *(magnitude(arrays[name]) for name in names)])
                what = difference(text, one, value, largest)
            if what:
                failures.append((text, what))
    for text, error in refused:
        found = runner.run([text])
        if isinstance(found, list):
            failures.append((text, f"gives {found[0].dtype} {found[0]}, NumPy refuses: {error}"))
    for text, what in failures:
        print(f"{text}\n    {what}")
    total = len(wanted) + len(refused)
    print(f"{total} expressions, {len(refused)} of them refused by NumPy; {len(failures)} differ")
    if args.keep:
        print(f"kept {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if failures or not total else 0


if __name__ == "__main__":
    sys.exit(main())
