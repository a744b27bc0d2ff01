#!/usr/bin/env python3
"""Runs the workloads beside other systems, and writes what came out as a page.

    benches/compare.py WORKLOAD_BINARY DATA -o docs/performance.md [--only REGEX] [--repeat N]

DATA holds the input files of W5, W6, W7 and W10, which the runner's `data.py` makes; the other workloads need none.

Other systems are measured by a runner of their own: PEERS names a folder with `peers.py`, `bench.py`, a Python in
`venv/bin/python` (or PEERS_PYTHON) and the program `limits`. Without it only our own figures are measured. Every figure
of a workload comes from the same minutes: runs of ours and of the others take turns.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

# Workload: the peers that it is compared with ("theirs:name" where the runner has another name for the workload).
PEERS = {
    "W1": ["dask"],
    "W1-full": [],
    "W1-full-c25": [],
    "W1-full-whole": [],
    "W2": ["dask"],
    "W3-30k": ["dask"],
    "W3": ["dask"],
    "W4": ["dask"],
    "W4-c16": ["dask"],
    "W5-sum": ["dask", "numpy-blocks"],
    "W5-mean": ["dask", "numpy-blocks"],
    "W5-sum-chunked": ["dask", "numpy-blocks"],
    "W5-sum-znone": ["dask", "numpy-blocks", "tensorstore"],
    "W5-sum-zstd": ["dask", "numpy-blocks", "tensorstore"],
    "W5-sum-blosc": ["dask", "numpy-blocks", "tensorstore"],
    "W6-mean": ["dask", "numpy-blocks"],
    "W6-mean-gzip": ["dask", "numpy-blocks"],
    "W6-mean-znone": ["dask", "tensorstore"],
    "W6-anomaly": ["dask", "numpy-blocks"],
    "W6-anomaly-gzip": ["dask", "numpy-blocks"],
    "W7-zarr": ["dask", "numpy-blocks"],
    "W7-hdf5": ["dask", "numpy-blocks"],
    "W8": ["dask", "numexpr", "numba"],
    "W9-sincos": ["numba", "dask"],
    "W9-sum": ["numba", "dask"],
    "W9-std": ["numba", "dask"],
    "W9-fma": ["numba", "dask"],
    "W10": ["dask"],
    "W11-matmul": ["numpy", "dask"],
    "W12-ones": [],
    "W12-ones-10k": ["dask"],
    "W12-tasks": [],
    "W13-mean3x3": ["numba", "dask", "scipy"],
    "W13-gauss": ["numba", "dask", "scipy"],
    "W13-cumsum": ["numba", "dask", "numpy"],
    "W13-topk": ["numpy", "dask"],
}
# Seconds; what takes longer runs once.
ONCE_FROM = 30
# Inputs in memory are prepared before the clock starts; elsewhere it runs as long as the process.
PREPARED = re.compile(r"^(W8|W9|W11|W13)")


def last_line_of_json(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else None


def run(command, limit):
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"error": f"over {limit} s"}
    seconds = time.perf_counter() - start
    found = last_line_of_json(done.stdout)
    if found is None:
        reason = (done.stderr.strip().splitlines() or ["nothing printed"])[-1]
        return {"error": f"exit {done.returncode}: {reason[:100]}"}
    return found | {"process": seconds}


def ours(a, workload):
    found = run([a.binary, workload, "--data", a.data], a.limit)
    if "error" not in found and not PREPARED.match(workload):
        found["seconds"] = found["process"]
    return found


def theirs(a, workload, peer):
    python = os.environ.get("PEERS_PYTHON") or str(a.peers / "venv/bin/python")
    return run([python, str(a.peers / "peers.py"), workload, peer, "--data", a.data], a.limit)


def prepare(a):
    """The particles of W8, from the generator that the other systems draw them from."""
    cluster = pathlib.Path(a.data) / "cluster.npy"
    if a.peers and not cluster.exists():
        python = os.environ.get("PEERS_PYTHON") or str(a.peers / "venv/bin/python")
        make = "import numpy as np, sys; np.save(sys.argv[1], np.random.RandomState(1981).normal(0, 500, (7000, 3)) - 0.5)"
        subprocess.run([python, "-c", make, str(cluster)], check=True)


def measured(a, workload):
    """Medians by system; systems take turns, so that all see the same machine."""
    systems = ["brickwork", *(PEERS[workload] if a.peers else [])]
    runs = {system: [] for system in systems}
    for _ in range(a.repeat):
        for system in systems:
            if runs[system] and "error" in runs[system][-1]:
                continue
            if runs[system] and runs[system][-1]["seconds"] > ONCE_FROM:
                continue
            found = ours(a, workload) if system == "brickwork" else theirs(a, workload, system)
            print(workload, system, json.dumps(found), flush=True, file=sys.stderr)
            runs[system].append(found)
    rows = {}
    for system, all_runs in runs.items():
        good = [x for x in all_runs if "error" not in x]
        if not good:
            rows[system] = {"error": all_runs[-1]["error"]}
            continue
        rows[system] = {
            "seconds": statistics.median(x["seconds"] for x in good),
            "low": min(x["seconds"] for x in good),
            "high": max(x["seconds"] for x in good),
            "peak": statistics.median(x["peak_mb"] for x in good),
            "runs": len(good),
        }
    return rows


def limits(a):
    """Figures of the machine on two threads, measured now."""
    program = a.peers and a.peers / "limits"
    if not program or not program.exists():
        return {}
    text = subprocess.run([str(program), f"{a.data}/random.hdf5"], capture_output=True, text=True).stdout
    found = {}
    for line in text.splitlines():
        parts = re.match(r"(.+?)\s{2,}2\s+([0-9.]+) (\S+)", line)
        if parts:
            found[parts[1].strip()] = float(parts[2])
    return found


def best(before, after):
    """The better of two measurements of the machine, which may have had something else to do at one of them."""
    better = {name: min if name.startswith("Lennard-Jones") else max for name in before}
    return {name: better[name](value, after.get(name, value)) for name, value in before.items()}


def limit_of(workload, rates):
    """Seconds that the machine needs at least for a workload, and what for."""
    normal = rates.get("normal f64, Philox + Box-Muller")
    uniform = rates.get("uniform f64, Philox4x32-10")
    reading = rates.get("pread, page cache")
    memory = rates.get("read (sum f64)")
    flops = rates.get("FMA f64 (flops)")
    if workload.startswith("W1-full") and normal:
        return 0.4 / normal, "Philox and Box–Muller"
    if workload == "W2" and uniform:
        return 0.05 / uniform, "Philox"
    if workload in ("W4", "W4-c16") and normal:
        return 0.8 / normal, "Philox and Box–Muller"
    if workload in ("W5-sum", "W5-mean", "W5-sum-chunked", "W5-sum-znone") and reading:
        return 1.0 / reading, "1 GB from the page cache"
    if workload in ("W6-mean", "W6-anomaly", "W6-mean-znone") and reading:
        return 0.56 / reading, "0.56 GB from the page cache"
    if workload == "W8":
        pairs = rates.get("Lennard-Jones N=7000, all pairs")
        return (pairs / 1000, "all pairs in C") if pairs else None
    if workload == "W9-sincos" and "sin(x)^2 + cos(y)^2 (libmvec)" in rates:
        return 0.1 / rates["sin(x)^2 + cos(y)^2 (libmvec)"], "libmvec"
    if workload in ("W9-sum", "W9-std") and memory:
        return 0.8 / memory, "0.8 GB from memory"
    if workload == "W9-fma" and memory:
        return 2.4 / memory, "2.4 GB from memory"
    if workload == "W11-matmul" and flops:
        return 128 / flops, "128 GFlop"
    return None


def page(a, results, rates):
    yield "# Performance\n"
    yield (
        f"Measured on {time.strftime('%Y-%m-%d')}: {os.cpu_count()} cores, {cpu_name()}, {platform.system()}. "
        f"Medians of {a.repeat} runs (of one, where a run takes more than {ONCE_FROM} s); the fastest and the slowest "
        "in brackets. Our time is that of the whole process, from start to "
        "exit, but for workloads whose input is prepared in memory (W8, W9, W11, W13); that of the others leaves out "
        "starting Python and importing. Ratios are times of the other system over ours: more is better for us. "
        "\"Of the limit\" is the least time that the machine needs for the main work of the row, measured in the same "
        "run in C on all cores, before the workloads and after them, the better figure of both, over our time.\n"
    )
    yield "Made by `make bench`; the workloads are those of `benches/src/workloads.rs`.\n"
    yield "| workload | seconds | peak MB | against | of the limit |"
    yield "| --- | --- | --- | --- | --- |"
    for workload, rows in results.items():
        own = rows["brickwork"]
        if "error" in own:
            yield f"| {workload} | {own['error']} | | | |"
            continue
        against = []
        for system, row in rows.items():
            if system == "brickwork":
                continue
            if "error" in row:
                against.append(f"{system}: {row['error']}")
            else:
                against.append(f"{system} {row['seconds']:.3g} s, {row['seconds'] / own['seconds']:.2f} ×")
        limit = limit_of(workload, rates)
        share = f"{100 * limit[0] / own['seconds']:.0f} % ({limit[1]})" if limit else ""
        yield (
            f"| {workload} | {own['seconds']:.3f} ({own['low']:.3f} to {own['high']:.3f}) | {own['peak']:.0f} "
            f"| {'; '.join(against)} | {share} |"
        )
    if rates:
        yield "\n## The machine\n"
        yield "On two threads, in units of `limits`: GB/s, 10⁹ numbers a second, GFlop/s, ms.\n"
        for name, value in rates.items():
            yield f"- {name}: {value:g}"


def cpu_name():
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
        return re.search(r"model name\s*:\s*(.+)", text)[1]
    except (OSError, TypeError):
        return platform.processor() or "an unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary")
    parser.add_argument("data")
    parser.add_argument("-o", "--output")
    parser.add_argument("--only", default="")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--limit", type=float, default=300)
    a = parser.parse_args()
    a.peers = pathlib.Path(os.environ["PEERS"]) if os.environ.get("PEERS") else None
    prepare(a)
    before = limits(a)
    results = {w: measured(a, w) for w in PEERS if re.search(a.only, w)}
    text = "\n".join(page(a, results, best(before, limits(a)))) + "\n"
    if a.output:
        pathlib.Path(a.output).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
