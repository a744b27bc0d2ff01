#!/usr/bin/env python3
"""The dashboard and the report in a real browser.

browser.py BRICKWORK EXAMPLE [PICTURES]: runs expressions with a dashboard, and the example with a client, looks at them in
a headless Chromium, and fails if what the page shows is not what the run says. With a folder PICTURES it writes there what
was seen.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from devtools import Page, find_chromium

FIGURE = "document.querySelector('.figure[data-name=\"{}\"] .value')?.textContent"
TASKS = FIGURE.format("tasks")
STATUS = "document.getElementById('status')?.textContent"


def number(text):
    """A number that is written with narrow spaces."""
    return int("".join(letter for letter in text if letter.isdigit()))


class Run:
    """A run with a dashboard, and where that is."""

    def __init__(self, brickwork, folder, *words):
        self.child = subprocess.Popen(
            [brickwork, *words, "--dashboard", "127.0.0.1:0"],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        first = self.child.stderr.readline()
        assert first.startswith("dashboard: http://127.0.0.1:"), first
        self.url = first.split()[1]

    def line(self):
        """The next line of standard error."""
        return self.child.stderr.readline().rstrip()

    def interrupt(self):
        self.child.send_signal(signal.SIGINT)
        return self.child.wait(timeout=30)


def check_own_requests(page, url):
    host = urllib.parse.urlsplit(url).netloc
    for asked in page.requested:
        parts = urllib.parse.urlsplit(asked)
        assert parts.netloc == host or parts.scheme in ("data", "blob", "about"), f"another host: {asked}"
    assert page.requested, "requests were watched"


def live(brickwork, folder, pictures):
    """Numbers, live updates, a reload in the middle, the end of the run, the end of the process."""
    expression = "(x - x.mean(axis=0)) / x.std(axis=0)"
    run = Run(
        brickwork, folder, "eval", expression, "x=x.zarr", "-o", "scaled.zarr", "--codec", "gzip:9", "--memory", "100MB",
        "--threads", "2", "--analyze", "--format", "json", "--dashboard-linger",
    )
    page = Page()
    try:
        page.size(1400, 1700)
        page.open(run.url)
        page.wait_for(f"{STATUS} === 'running' && {TASKS} !== undefined")
        page.wait_for("document.querySelectorAll('#plan g.stage').length >= 2")
        first = number(page.run(TASKS))
        page.wait_for(f"Number({TASKS}.replace(/\\D/g, '')) > {first}", 60)
        between = number(page.run(TASKS))
        page.reload()
        page.wait_for(f"{STATUS} === 'running'")
        page.wait_for(f"Number({TASKS}.replace(/\\D/g, '')) >= {between}", 60)
        page.wait_for("document.querySelectorAll('#plan rect.progress').length >= 2")
        page.wait_for("document.querySelectorAll('#memory path.curve').length >= 1")
        if pictures:
            page.wait_for("Number(document.querySelector('.figure .value').textContent.split(' ')[0]) > 55", 120)
            page.picture(pictures / "dashboard-live.png")
        page.wait_for(f"{STATUS} === 'done'", 180)
        said = json.loads(run.line())
        tasks, read = number(page.run(TASKS)), page.run(FIGURE.format("read"))
        assert tasks == said["tasks_done"] == said["tasks_planned"], (tasks, said["tasks_done"])
        shown = read.split()
        assert abs(float(shown[0]) * 1e6 / said["totals"]["bytes_read"] - 1) < 0.01 and shown[1] == "MB", (read, said["totals"])
        rows = page.run("document.querySelectorAll('#stages tr[data-stage]').length")
        assert rows == len(said["stages"]), rows
        verdict = page.run("document.getElementById('verdict').textContent")
        assert said["bottleneck"]["what"] in verdict, verdict
        assert "stays at" in run.line()
        page.wait_for("document.getElementById('connection').textContent.includes('is over')")
        if pictures:
            page.picture(pictures / "dashboard-done.png")
            page.size(1400, 1700, dark=True)
            page.picture(pictures / "dashboard-dark.png")
            page.size(480, 2200)
            page.picture(pictures / "dashboard-narrow.png")
        check_own_requests(page, run.url)
        assert not page.problems, page.problems
        page.reload()
        page.wait_for(f"{STATUS} === 'done' && {TASKS} !== undefined")
        assert run.interrupt() == 0
        page.wait_for("document.body.dataset.live === 'false'")
        assert number(page.run(TASKS)) == tasks, "the last state stays"
    finally:
        page.close()
        run.child.kill()


def many(brickwork, folder, pictures):
    """A million tasks: the page stays small, and counts on."""
    run = Run(
        brickwork, folder, "eval", "random.random((20000000, 4)).cumsum(axis=1)", "--seed", "1", "-o", "many.h5#/x",
        "--chunks", "(20, 4)", "--memory", "1MB", "--threads", "2", "--dashboard-linger",
    )
    page = Page()
    try:
        page.size(1400, 1300)
        page.open(run.url)
        page.wait_for(f"Number({TASKS}?.replace(/\\D/g, '')) > 20000", 120)
        assert page.run("document.querySelector('.figure[data-name=\"tasks\"] .more').textContent").startswith("of 1\u202f000\u202f000 "), "a million"
        state = page.run("fetch('/state').then((answer) => answer.text()).then((text) => text.length)")
        assert state < 300_000, f"a state of {state} bytes"
        if pictures:
            page.picture(pictures / "dashboard-many.png")
        check_own_requests(page, run.url)
        assert not page.problems, page.problems
    finally:
        run.child.send_signal(signal.SIGINT)
        page.close()
        run.child.wait(timeout=60)


def failed(brickwork, folder, pictures):
    """A run that fails says why."""
    chunk = next(path for path in sorted((Path(folder) / "x.zarr").rglob("*")) if path.is_file() and path.name != "zarr.json")
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    run = Run(brickwork, folder, "eval", "x.mean()", "x=x.zarr", "--dashboard-linger")
    page = Page()
    try:
        page.size(1400, 1200)
        page.open(run.url)
        page.wait_for(f"{STATUS} === 'failed'")
        error = page.run("document.getElementById('error').textContent")
        assert "damaged" in error, error
        assert page.run("document.getElementById('failures').children.length") >= 1
        if pictures:
            page.picture(pictures / "dashboard-failed.png")
        assert not page.problems, page.problems
        assert run.interrupt() == 1
    finally:
        page.close()
        run.child.kill()
        chunk.write_bytes(whole)


def several(example, pictures):
    """Two runs of one client at the same time: both are listed, and either can be looked at."""
    child = subprocess.Popen([example, "600"], stdout=subprocess.PIPE, text=True)
    page = Page()
    try:
        url = child.stdout.readline().split()[-1]
        page.size(1400, 1300)
        page.open(url)
        page.wait_for("document.querySelectorAll('#runs button').length === 2 && !document.getElementById('runs').hidden", 60)
        page.wait_for("document.querySelectorAll('#runs button[data-status=done]').length === 2", 120)
        assert page.run("document.querySelector('#runs button').dataset.run") == "2", "the newest comes first"
        tasks = {}
        for run in (1, 2, 1):
            page.run(f"document.querySelector('#runs button[data-run=\"{run}\"]').click()")
            pressed = "document.querySelector('#runs button[aria-pressed=true]')?.dataset.run"
            page.wait_for(f"{pressed} === '{run}' && {STATUS} === 'done'")
            # The picture is that of the run, and not what was there before.
            planned = "document.querySelector('#explanation').textContent.match(/^(\\d+) tasks/m)[1]"
            page.wait_for(f"document.querySelector('#plan svg')?.textContent.includes(`plan: ${{{planned}}} tasks`)")
            assert tasks.setdefault(run, page.run(TASKS)) == page.run(TASKS)
            links = page.run("[...document.querySelectorAll('header a')].map((link) => link.search).join()")
            assert links == f"?run={run},?run={run}", links
        stages = "document.querySelectorAll('#stages tr[data-stage]').length"
        first = page.run(stages)
        page.run("document.querySelector('#runs button[data-run=\"2\"]').click()")
        page.wait_for(f"{stages} !== {first}")
        if pictures:
            page.picture(pictures / "dashboard-several.png")
        check_own_requests(page, url)
        assert not page.problems, page.problems
    finally:
        page.close()
        child.kill()
        child.wait()


def report(brickwork, folder, pictures):
    """The report is a page that needs nothing else, and the trace has the format of Chrome's."""
    subprocess.run(
        [brickwork, "eval", "x.mean(axis=0), x.std(axis=0)", "x=x.zarr", "-o", "mean.npy", "-o", "std.npy",
         "--report", "report.html", "--profile", "trace.json"],
        cwd=folder, check=True,
    )
    check_trace(json.loads((Path(folder) / "trace.json").read_text()))
    page = Page()
    try:
        page.size(1400, 1700)
        url = (Path(folder) / "report.html").as_uri()
        page.open(url)
        page.wait_for(f"{STATUS} === 'done' && document.querySelectorAll('#plan rect.progress').length >= 1")
        asked = [address for address in page.requested if not address.startswith("data:")]
        assert set(asked) == {url}, asked
        assert not page.problems, page.problems
        if pictures:
            page.picture(pictures / "report.png")
    finally:
        page.close()


def check_trace(trace):
    """Checks a trace against the format of trace events."""
    assert set(trace) >= {"traceEvents", "displayTimeUnit"}
    needed = {"M": {"name", "pid", "args"}, "X": {"name", "pid", "tid", "ts", "dur"}, "C": {"name", "pid", "ts", "args"},
              "b": {"name", "pid", "ts", "id", "cat"}, "e": {"name", "pid", "ts", "id", "cat"}, "i": {"name", "pid", "ts"}}
    open_spans, lanes = {}, {}
    for event in trace["traceEvents"]:
        phase = event["ph"]
        assert needed[phase] <= set(event), event
        if phase == "b":
            open_spans[event["cat"], event["id"]] = event["ts"]
        elif phase == "e":
            assert open_spans.pop((event["cat"], event["id"])) <= event["ts"], event
        elif phase == "X":
            lanes.setdefault((event["pid"], event["tid"]), []).append((event["ts"], -event["dur"]))
    assert not open_spans, open_spans
    for lane, spans in lanes.items():
        ends = []
        for start, length in sorted(spans):
            while ends and ends[-1] <= start + 0.002:
                ends.pop()
            end = start - length
            assert not ends or end <= ends[-1] + 0.002, f"spans of lane {lane} cross"
            ends.append(end)
    names = {event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "thread_name"}
    assert {"run", "worker 0"} <= names, names


def main():
    if find_chromium() is None:
        print("the dashboard is not tested in a browser: there is no Chromium (apt-get install chromium)")
        return
    brickwork = str(Path(sys.argv[1]).resolve())
    example = str(Path(sys.argv[2]).resolve())
    pictures = Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [brickwork, "eval", "random.random((4000, 4000))", "--seed", "1", "-o", "x.zarr", "--chunks", "(500, 500)",
             "--codec", "gzip:1"],
            cwd=folder, check=True,
        )
        tests = [(test, (brickwork, folder, pictures)) for test in (live, many, failed, report)]
        for test, words in [*tests, (several, (example, pictures))]:
            start = time.monotonic()
            test(*words)
            print(f"{test.__doc__.split(':')[0].rstrip('.')}: as it should be ({time.monotonic() - start:.1f} s)")


if __name__ == "__main__":
    main()
