#!/usr/bin/env python3
"""Measures the resident memory of the command line against the budget it was given.

memory.py BRICKWORK: runs the expressions below in a small budget, and fails if a process held more than the budget and
100 MB (the program itself, the runtime, the library's own caches). What is read and written is far larger.
"""

import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

MB = 1_000_000
BUDGET = 64 * MB
CONSTANT = 100 * MB
N = 4000

# Expression, output, what its name is bound to.
CASES = [
    ("x.sum(), x.mean(), x.std()", None, "x=x.npy"),
    ("x - x.mean()", "centred.npy", "x=x.npy"),
    ("(x - x.mean(axis=0)) / x.std(axis=0)", "scaled.zarr", "x=x.npy"),
    ("x + x.T", "sum.npy", "x=x.npy"),
    ("x + x.T", "sum.zarr", "x=chunked.zarr"),
    ("x.cumsum(axis=0)", "running.zarr", "x=chunked.zarr"),
    ("x.cumsum(axis=1)", "running.npy", "x=x.npy"),
    ("x[x > 0.5]", "selected.npy", "x=x.npy"),
    ("x[x > 0.5].mean()", None, "x=chunked.zarr"),
    ("x.mean(axis=0), x[::2, ::2]", "mean.npy half.zarr", "x=chunked.zarr"),
    ("stack(t).mean(axis=0)", "mean.zarr", "t=weather-big/*.hdf5#/t2m"),
    ("r = random.random((20000, 20000), chunks=(1000, 1000)); (r + r.T)[::2, 10000:].mean(axis=1)", "r.npy", None),
    ("random.normal(0, 1, size=(20000, 4000), chunks=(20000, 4000)).std(axis=0)", "std.npy", None),
    # A product of matrices, one huge chunk, a million tiny ones that are made, a hundred thousand that are stored.
    ("x[:, :300].T @ x[:, 3000:3300]", "product.npy", "x=chunked.zarr"),
    ("x.mean(axis=0), x.max(axis=1)", "mean.npy most.npy", "x=whole.zarr"),
    ("random.random((100000, 1000), chunks=(10, 10)).mean(axis=0)", "tiny.npy", None),
    ("(t - t.mean(axis=0)).std(axis=0)", "spread.npy", "t=tiny.h5#/t"),
    # Many results of one source, a slow sink behind a fast source, ten thousand files.
    ("x.min(axis=0), x.max(axis=0), x.sum(axis=1), x.var(), x[::10, ::10]", "a.npy b.npy c.npy d.npy e.npy", "x=x.npy"),
    ("x + 1", "slow.zarr", "x=x.npy"),
    ("stack(t).mean(axis=0)", "many.npy", "t=many/*.npy"),
]

# Options of a case, by its outputs.
OPTIONS = {"slow.zarr": ["--codec", "gzip:9", "--chunks", "(1000, 1000)"]}

FILES = 10_000


def many_files(folder):
    """Ten thousand files of a hundred numbers each."""
    folder.mkdir()
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100,), }"
    header += b" " * (117 - len(header)) + b"\n"
    for number in range(FILES):
        values = struct.pack("<100d", *([float(number % 2)] * 100))
        (folder / f"{number:05}.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values)


# What is copied, the chunks of the copy: chunks that lie across those of the source, through a spill file.
COPIES = [
    ("columns.zarr", "(20, 4000)"),
    ("rows.zarr", "(4000, 20)"),
    ("days.zarr", "(100, 10, 10)"),
    ("prime.zarr", "(397, 397)"),
]


def peak(command, folder):
    """The exit code of a command and the most bytes it had in memory."""
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_maxrss * 1024, message


def main():
    brickwork = str(Path(sys.argv[1]).resolve())
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        # Nothing large is made in this process: until a child has replaced it by a program, it counts as the child's.
        make = [
            ["eval", f"random.random(({N}, {N}))", "--seed", "1", "-o", "x.npy"],
            ["eval", "x", "x=x.npy", "-o", "chunked.zarr", "--chunks", "(500, 500)"],
            ["demo", "weather", ".", "--grid", "720", "1440"],
            ["eval", "x", "x=x.npy", "-o", "columns.zarr", "--chunks", "(4000, 20)", "--codec", "zstd:0"],
            ["eval", "x", "x=x.npy", "-o", "rows.zarr", "--chunks", "(20, 4000)", "--codec", "zstd:0"],
            ["eval", "x", "x=x.npy", "-o", "prime.zarr", "--chunks", "(401, 401)", "--codec", "zstd:0"],
            ["eval", "random.random((100, 360, 720))", "-o", "days.zarr", "--chunks", "(1, 360, 720)"],
            ["eval", "x", "x=x.npy", "-o", "whole.zarr", "--chunks", "(4000, 4000)", "--codec", "none"],
            ["eval", "random.random((4000, 2500))", "-o", "tiny.h5#/t", "--chunks", "(10, 10)", "--codec", "none"],
        ]
        many_files(Path(folder) / "many")
        for words in make:
            subprocess.run([brickwork, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)

        def run(name, words):
            words = [brickwork, *words, "--memory", str(BUDGET), "--progress", "never"]
            code, most, message = peak(words, folder)
            is_good = code == 0 and most <= BUDGET + CONSTANT
            print(f"{'ok' if is_good else 'FAILED':6} {most / MB:6.0f} MB  {name}")
            if code != 0:
                print(f"       exit code {code}: {message}")
            return is_good

        for expression, outputs, binding in CASES:
            words = ["eval", expression, "--seed", "1"]
            words += [binding] if binding else []
            words += OPTIONS.get(outputs, [])
            words += ["--overwrite"] if outputs else []
            words += [word for output in (outputs or "").split() for word in ("-o", output)]
            failed += not run(expression, words)
        for source, chunks in COPIES:
            words = ["copy", source, "copy.zarr", "--chunks", chunks, "--overwrite"]
            is_good = run(f"copy {source} to chunks {chunks}", words)
            same = subprocess.run(
                [brickwork, "eval", "(x == y).all()", f"x={source}", "y=copy.zarr"], cwd=folder, capture_output=True
            )
            if is_good and same.stdout.strip() != b"True":
                print(f"FAILED the copy of {source} differs: {same.stdout.decode()}{same.stderr.decode()}")
                is_good = False
            failed += not is_good
    print(f"{len(CASES) + len(COPIES) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
