// Draws the state of a run: numbers, plan, time line, curves and tables. Texts are put in as texts, never as markup.
"use strict";

const brickwork = (() => {
  const ACTIVITIES = ["computing", "reading", "decoding", "encoding", "writing", "waiting"];
  const STAGE_COLOURS = ["#3b78c3", "#e08a1e", "#2f9e6e", "#8a5fc2", "#c94f4f", "#1f9fb0", "#b8a11e", "#c2559d", "#6b8e23", "#8b6b52"];
  const SVG = "http://www.w3.org/2000/svg";
  const stageColour = (number) => STAGE_COLOURS[number % STAGE_COLOURS.length];

  let last = null;
  let parts = null;
  let pictures = { run: null, plans: [] };
  let choose = () => {};

  // Numbers for people.

  function bytes(count) {
    if (count === null || count === undefined) return "–";
    let value = count;
    for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
      if (value < 999.5 || unit === "TB") {
        return `${unit === "B" ? Math.round(value) : value.toPrecision(3)} ${unit}`;
      }
      value /= 1000;
    }
  }

  function count(number) {
    if (number < 10000) return String(Math.round(number));
    let value = number;
    for (const unit of ["", " k", " M", " G", " T", " P"]) {
      if (value < 999.5 || unit === " P") return `${value.toPrecision(3)}${unit}`;
      value /= 1000;
    }
  }

  function whole(number) {
    return String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  }

  function time(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    if (seconds === 0) return "0 s";
    if (seconds < 0.0009995) return `${Math.round(seconds * 1e6)} µs`;
    if (seconds < 0.9995) return `${(seconds * 1e3).toPrecision(3)} ms`;
    if (seconds < 59.95) return `${seconds < 9.995 ? seconds.toFixed(2) : seconds.toFixed(1)} s`;
    const all = Math.round(seconds);
    const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
    const two = (number) => String(number).padStart(2, "0");
    return hours > 0 ? `${hours} h ${two(minutes)} min` : `${minutes} min ${two(all % 60)} s`;
  }

  // The same at the marks of an axis: no digits that say nothing.
  const tick = (format) => (value) => format(value).replace(/(\.\d*?)0+(?= |$)/, "$1").replace(/\.(?= |$)/, "");

  // Elements.

  function element(name, options = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(options)) {
      if (key === "class") made.className = value;
      else if (key === "text") made.textContent = value;
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  function svg(name, attributes = {}, text = null) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== null) made.textContent = text;
    return made;
  }

  function card(title, ...children) {
    return element("section", { class: "card" }, title === null ? null : element("h2", { text: title }), ...children);
  }

  function legend(entries) {
    const made = element("div", { class: "legend" });
    for (const [name, colour] of entries) {
      const swatch = element("i", { class: "swatch" });
      if (colour.startsWith("#") || colour.startsWith("var")) swatch.style.background = colour;
      else swatch.classList.add(colour);
      made.append(element("span", {}, swatch, document.createTextNode(name)));
    }
    return made;
  }

  const activityClass = (name) => (name === "waiting" ? "waiting-time" : name);

  // The page, made once.

  function mount() {
    const page = document.getElementById("page");
    page.replaceChildren();
    const p = {};
    p.status = element("span", { class: "status", id: "status" });
    p.connection = element("span", { class: "faint", id: "connection" });
    p.links = element("span", {});
    for (const link of (page.dataset.links || "").split(" ").filter(Boolean)) {
      p.links.append(element("a", { href: `/${link}`, download: `brickwork-${link}`, text: link.split(".")[0] }), " ");
    }
    page.append(element("header", {}, element("h1", { text: "Brickwork" }), p.status, p.connection, element("span", { class: "grow" }), p.links));
    p.runs = element("nav", { id: "runs", hidden: "" });
    page.append(p.runs);
    p.bar = element("div", { class: "bar whole", id: "progress" }, element("div"));
    p.figures = element("div", { class: "figures", id: "figures" });
    p.error = element("section", { class: "card error", id: "error", hidden: "" });
    p.verdict = element("section", { class: "card verdict", id: "verdict", hidden: "" });
    p.plan = card("Plan", element("div", { class: "paper", id: "plan" }));
    p.memory = element("div", { class: "chart", id: "memory" });
    p.throughput = element("div", { class: "chart", id: "throughput" });
    p.memoryLegend = element("div", { class: "legend" });
    p.throughputLegend = element("div", { class: "legend" });
    p.canvas = element("canvas", { id: "stream" });
    p.tip = element("div", { class: "tip", hidden: "" });
    p.streamNote = element("div", { class: "legend", id: "stream-note" });
    p.stages = element("table", { id: "stages" });
    p.workers = element("table", { id: "workers" });
    p.failures = card("Failures", element("div", { id: "failures" }));
    p.failures.hidden = true;
    p.analysis = element("pre", { id: "analysis" });
    p.explanation = element("pre", { id: "explanation" });
    const folded = (title, content) => element("details", { class: "card" }, element("summary", { text: title }), content);
    p.analysisCard = folded("Analysis as text", p.analysis);
    p.analysisCard.hidden = true;
    page.append(
      p.bar, p.figures, p.error, p.verdict,
      element("div", { class: "pair" }, p.plan, element("div", { class: "column" },
        card("Memory", p.memory, p.memoryLegend),
        card("Throughput", p.throughput, p.throughputLegend))),
      card("Tasks, by worker", element("div", { class: "stream" }, p.canvas, p.tip), p.streamNote),
      card("Stages", element("div", { class: "scroll" }, p.stages), legend(ACTIVITIES.map((name) => [name, activityClass(name)]))),
      card("Workers", element("div", { class: "scroll" }, p.workers)),
      p.failures, p.analysisCard, folded("The plan in words", p.explanation));
    p.canvas.addEventListener("mousemove", hover);
    p.canvas.addEventListener("mouseleave", () => { p.tip.hidden = true; });
    window.addEventListener("resize", () => { if (last) draw(last); });
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", () => { if (last) draw(last); });
    parts = p;
  }

  // The runs to choose from, where there are several. Buttons stay, so that no click gets lost between two states.

  function drawRuns(state) {
    const runs = state.runs || [];
    parts.runs.hidden = runs.length < 2;
    const known = new Map([...parts.runs.children].map((button) => [Number(button.dataset.run), button]));
    const buttons = runs.map((run) => {
      let button = known.get(run.run);
      if (!button) {
        button = element("button", { type: "button", "data-run": run.run });
        button.addEventListener("click", () => choose(run.run));
      }
      button.textContent = `run ${run.run} · ${run.status} · ${time(run.seconds)}`;
      button.dataset.status = run.status;
      button.setAttribute("aria-pressed", String(run.run === state.run));
      return button;
    });
    const isSame = buttons.length === parts.runs.children.length && buttons.every((button, k) => parts.runs.children[k] === button);
    if (!isSame) parts.runs.replaceChildren(...buttons);
    for (const link of parts.links.querySelectorAll("a")) link.search = runs.length > 0 ? `?run=${state.run}` : "";
  }

  // Figures.

  function figure(name, value, more) {
    return element("div", { class: "figure", "data-name": name },
      element("div", { class: "name", text: name }), element("div", { class: "value", text: value }), element("div", { class: "more", text: more }));
  }

  function recentRate(curve, column) {
    if (curve.length < 2) return 0;
    const end = curve[curve.length - 1];
    let first = curve.length - 2;
    while (first > 0 && end[0] - curve[first][0] < 2) first--;
    const start = curve[first];
    return end[0] > start[0] ? (end[column] - start[column]) / (end[0] - start[0]) : 0;
  }

  function drawFigures(state) {
    const isOver = ["done", "failed", "cancelled"].includes(state.status);
    const ran = Math.max(state.seconds - state.planning_seconds - state.publishing_seconds, 1e-9);
    const read = state.totals.bytes_read + state.totals.bytes_unspilled;
    const written = state.totals.bytes_written + state.totals.bytes_spilled;
    const rate = (total, column) => (isOver ? total / ran : recentRate(state.curve, column));
    const share = (100 * state.fraction).toFixed(state.fraction < 1 ? 1 : 0);
    parts.figures.replaceChildren(
      figure("done", `${share} %`, state.seconds_left === null ? "" : `about ${time(state.seconds_left)} left`),
      figure("time", time(state.seconds), `planned in ${time(state.planning_seconds)}`),
      figure("tasks", whole(state.tasks_done), `of ${whole(state.tasks_planned)} in ${whole(state.num_stages)} stage${state.num_stages === 1 ? "" : "s"}`),
      figure("read", bytes(read), read > 0 ? `${bytes(rate(read, 3))}/s` : "nothing from stores"),
      figure("written", bytes(written), written > 0 ? `${bytes(rate(written, 4))}/s` : "nothing to stores"),
      figure("memory held", bytes(isOver ? state.peak_bytes : state.held_bytes), isOver ? `peak, of ${bytes(state.budget)} allowed` : `peak ${bytes(state.peak_bytes)} / ${bytes(state.budget)}`),
      figure("process", bytes(isOver ? state.peak_resident_bytes : state.resident_bytes), isOver ? "resident, peak" : `resident, peak ${bytes(state.peak_resident_bytes)}`),
      figure("workers", String(state.threads), `${state.workers.filter((worker) => worker.stage !== null).length} at work`));
  }

  // Curves.

  function niceTicks(most, wanted) {
    if (!(most > 0)) return [0];
    const rough = most / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) || rough;
    const ticks = [];
    for (let value = 0; value <= most * 1.0001; value += step) ticks.push(value);
    return ticks;
  }

  function chart(into, end, series, limit, format) {
    const [width, height] = [into.clientWidth || 600, into.clientHeight || 200];
    const [left, right, top, bottom] = [64, 12, 10, 22];
    const values = series.flatMap((one) => one.points.map((point) => point[1]));
    let most = Math.max(1, ...values.slice(0, 1), values.reduce((a, b) => Math.max(a, b), 0));
    // A limit far above all curves would press them flat.
    const showsLimit = limit !== null && limit < most * 4;
    if (showsLimit) most = Math.max(most, limit);
    most *= 1.06;
    const x = (at) => left + (width - left - right) * at / Math.max(end, 1e-9);
    const y = (value) => height - bottom - (height - top - bottom) * value / most;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img" });
    for (const value of niceTicks(most, 4)) {
      picture.append(svg("line", { class: "axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }));
      picture.append(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, tick(format)(value)));
    }
    for (const at of niceTicks(end, Math.max(2, Math.floor(width / 120)))) {
      picture.append(svg("text", { x: x(at), y: height - 5, "text-anchor": "middle" }, tick(time)(at)));
    }
    for (const one of series.filter((one) => one.points.length > 0)) {
      const path = one.points.map((point, k) => `${k ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`).join("");
      if (one.filled) {
        const [first, final] = [one.points[0], one.points[one.points.length - 1]];
        const area = svg("path", { class: "area", d: `${path}L${x(final[0]).toFixed(1)} ${y(0)}L${x(first[0]).toFixed(1)} ${y(0)}Z` });
        area.style.fill = one.colour;
        picture.append(area);
      }
      const curve = svg("path", { class: "curve", d: path });
      curve.style.stroke = one.colour;
      picture.append(curve);
    }
    if (limit !== null) {
      if (showsLimit) picture.append(svg("path", { class: "limit", d: `M${left} ${y(limit)}L${width - right} ${y(limit)}` }));
    }
    into.replaceChildren(picture);
    return showsLimit;
  }

  function rates(curve, column, factor) {
    // Neighbours are taken together, so that a chunk is no spike.
    const span = Math.max(1, Math.floor(curve.length / 70));
    const points = [];
    for (let k = span; k < curve.length; k += span) {
      const [from, to] = [curve[k - span], curve[k]];
      if (to[0] > from[0]) points.push([(from[0] + to[0]) / 2, factor * (to[column] - from[column]) / (to[0] - from[0])]);
    }
    return points;
  }

  function drawCurves(state) {
    const curve = state.curve;
    const showsLimit = chart(parts.memory, state.seconds, [
      { points: curve.map((point) => [point[0], point[1]]), colour: "var(--accent)", filled: true },
      { points: curve.filter((point) => point[2] > 0).map((point) => [point[0], point[2]]), colour: "var(--reading)" },
    ], state.budget > 0 ? state.budget : null, bytes);
    const allowed = showsLimit ? `allowed for blocks: ${bytes(state.budget)}` : `allowed for blocks: ${bytes(state.budget)}, far above`;
    parts.memoryLegend.replaceChildren(...legend([["held blocks", "var(--accent)"], ["whole process", "var(--reading)"], [allowed, "var(--bad)"]]).childNodes);
    const moved = state.totals.bytes_read + state.totals.bytes_written + state.totals.bytes_spilled + state.totals.bytes_unspilled > 0;
    const series = moved
      ? [{ points: rates(curve, 3, 1), colour: "var(--reading)", filled: true }, { points: rates(curve, 4, 1), colour: "var(--writing)" }]
      : [{ points: rates(curve, 5, 1), colour: "var(--computing)", filled: true }];
    chart(parts.throughput, state.seconds, series, null, moved ? (value) => `${bytes(value)}/s` : (value) => `${count(value)}/s`);
    const named = moved ? [["read", "var(--reading)"], ["written", "var(--writing)"]] : [["elements made or computed", "var(--computing)"]];
    parts.throughputLegend.replaceChildren(...legend(named).childNodes);
  }

  // Tasks.

  function rows(state) {
    const shown = Math.max(1, state.workers.length);
    return { shown, height: Math.max(4, Math.min(26, Math.floor(520 / shown))) };
  }

  function drawStream(state) {
    const canvas = parts.canvas;
    const { shown, height } = rows(state);
    const [left, bottom] = [64, 20];
    const width = canvas.parentElement.clientWidth || 600;
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round((shown * height + bottom) * scale);
    canvas.style.height = `${shown * height + bottom}px`;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const paint = canvas.getContext("2d");
    paint.scale(scale, scale);
    paint.font = '11px system-ui, "DejaVu Sans", sans-serif';
    const end = Math.max(state.seconds, 1e-9);
    const x = (at) => left + (width - left - 12) * at / end;
    paint.fillStyle = colour("--track");
    for (let row = 0; row < shown; row++) paint.fillRect(left, row * height + 1, width - left - 12, height - 2);
    paint.fillStyle = colour("--faint");
    const every = Math.max(1, Math.ceil(14 / height));
    paint.textAlign = "right";
    paint.textBaseline = "middle";
    for (let row = 0; row < state.workers.length; row += every) paint.fillText(`worker ${state.workers[row].number}`, left - 8, (row + 0.5) * height);
    paint.textAlign = "center";
    for (const at of niceTicks(end, Math.max(2, Math.floor(width / 120)))) paint.fillText(tick(time)(at), x(at), shown * height + 11);
    const isSampled = state.task_stride > 1;
    if (isSampled) {
      state.workers.forEach((worker, row) => worker.bins.forEach(([stage, share], k) => {
        if (stage === null || share <= 0) return;
        const [from, to] = [x(k * worker.bin_seconds), x(Math.min(end, (k + 1) * worker.bin_seconds))];
        const tall = Math.max(1, (height - 2) * share);
        paint.fillStyle = stageColour(stage);
        paint.fillRect(from, row * height + height - 1 - tall, Math.max(0.5, to - from), tall);
      }));
    } else {
      for (const [worker, stage, , start, finish] of state.tasks) {
        const [from, to] = [x(start), x(finish)];
        paint.fillStyle = stageColour(stage);
        // A hair between tasks, where there is room for one.
        paint.fillRect(from, worker * height + 1, Math.max(0.6, to - from - (to - from > 4 ? 1 : 0)), height - 2);
      }
    }
    state.workers.forEach((worker, row) => {
      if (worker.stage === null) return;
      paint.globalAlpha = 0.45;
      paint.fillStyle = stageColour(worker.stage);
      paint.fillRect(x(worker.since), row * height + 1, Math.max(1, x(end) - x(worker.since)), height - 2);
      paint.globalAlpha = 1;
    });
    const seen = state.stages.filter((stage) => stage.start !== null).slice(0, 12);
    const note = legend(seen.map((stage) => [`stage ${stage.number}`, stageColour(stage.number)]));
    const what = isSampled ? `${whole(state.tasks_done)} tasks, drawn as the share of time at work` : "pale: still running";
    note.append(element("span", { text: what }));
    parts.streamNote.replaceChildren(...note.childNodes);
  }

  function hover(event) {
    if (!last) return;
    const { height } = rows(last);
    const box = parts.canvas.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / height);
    const at = (event.clientX - box.left - 64) / (box.width - 64 - 12) * last.seconds;
    const near = last.seconds / box.width * 2;
    const task = last.task_stride > 1 ? null : last.tasks.find(([worker, , , start, end]) => worker === row && at >= start - near && at <= end + near);
    parts.tip.hidden = !task;
    if (!task) return;
    const [worker, stage, cell, start, end, read, written, times] = task;
    const did = ACTIVITIES.map((name, k) => [name, times[k]]).filter(([, seconds]) => seconds > 0).map(([name, seconds]) => `${name} ${time(seconds)}`);
    const lines = [`stage ${stage}, cell ${whole(cell)}, worker ${worker}`, `${time(end - start)}, from ${time(start)}`, did.join(", ")];
    if (read) lines.push(`read ${bytes(read)}`);
    if (written) lines.push(`wrote ${bytes(written)}`);
    parts.tip.textContent = lines.join("\n");
    const x = event.clientX - box.left;
    parts.tip.style.left = `${Math.min(x + 12, box.width - 260)}px`;
    parts.tip.style.top = `${event.clientY - box.top + 14}px`;
  }

  // Tables.

  function headings(names) {
    const row = element("tr");
    for (const [name, kind] of names) row.append(element("th", { text: name, class: kind || "" }));
    return row;
  }

  function split(times) {
    const total = ACTIVITIES.reduce((sum, name) => sum + times[name], 0);
    const made = element("div", { class: "split" });
    if (!(total > 0)) return made;
    for (const name of ACTIVITIES) {
      const part = element("div", { class: activityClass(name), title: `${name} ${time(times[name])}, ${(100 * times[name] / total).toFixed(0)} %` });
      part.style.width = `${100 * times[name] / total}%`;
      made.append(part);
    }
    return made;
  }

  function progress(share, kind) {
    const made = element("div", { class: `bar ${kind}` }, element("div"));
    made.firstChild.style.width = `${100 * share}%`;
    return made;
  }

  function measured(value, planned, format, atLeast = false) {
    const cell = element("td", {}, document.createTextNode(value > 0 || planned > 0 ? format(value) : "–"));
    if (planned > 0) cell.append(element("div", { class: "planned", text: `of ${atLeast ? "≥ " : ""}${format(planned)}` }));
    return cell;
  }

  function drawStages(state) {
    const table = [headings([["stage", "text"], ["computes", "text"], ["tasks"], ["read"], ["made"], ["gave"], ["spilled"], ["took"], ["where the workers' time went", "text"]])];
    for (const stage of state.stages) {
      const [plan, did] = [stage.planned, stage.measured];
      const swatch = element("i", { class: "swatch" });
      swatch.style.background = stageColour(stage.number);
      const done = stage.tasks_done === stage.tasks;
      table.push(element("tr", { "data-stage": String(stage.number) },
        element("td", { class: "text" }, swatch, document.createTextNode(` ${stage.number}`)),
        element("td", { class: "text program" }, document.createTextNode(stage.program), element("div", { class: "planned", text: stage.tasks === 1 ? `over ${stage.domain}` : `over ${stage.domain} in cells of ${stage.cell}` })),
        element("td", { class: "wide" }, document.createTextNode(`${whole(stage.tasks_done)} of ${whole(stage.tasks)}`), progress(stage.tasks_done / Math.max(1, stage.tasks), done ? "done" : "")),
        measured(did.bytes_decoded, plan.bytes_decoded, bytes, plan.at_least),
        measured(did.elements_generated, plan.elements_generated, count),
        measured(did.bytes_delivered, plan.bytes_delivered, bytes),
        measured(did.bytes_spilled, plan.bytes_spilled, bytes),
        element("td", { text: stage.start === null ? "–" : time(stage.end - stage.start) }),
        element("td", { class: "wide" }, split(stage.times))));
    }
    if (state.num_stages > state.stages.length) {
      table.push(element("tr", {}, element("td", { class: "text faint", colspan: "9", text: `${state.stages.length} of ${whole(state.num_stages)} stages are shown` })));
    }
    parts.stages.replaceChildren(...table);
  }

  function drawWorkers(state) {
    const table = [headings([["worker", "text"], ["at work on", "text"], ["for"], ["tasks done"], ["read"], ["written"], ["busy"], ["time in tasks", "text"]])];
    const ran = Math.max(state.seconds - state.planning_seconds - state.publishing_seconds, 1e-9);
    for (const worker of state.workers) {
      const busy = ACTIVITIES.reduce((sum, name) => sum + worker.times[name], 0) + (worker.since === null ? 0 : state.seconds - worker.since);
      table.push(element("tr", {},
        element("td", { class: "text", text: String(worker.number) }),
        element("td", { class: "text", text: worker.stage === null ? "–" : `stage ${worker.stage}, cell ${whole(worker.cell)}` }),
        element("td", { text: worker.since === null ? "–" : time(state.seconds - worker.since) }),
        element("td", { text: whole(worker.tasks_done) }),
        element("td", { text: bytes(worker.measured.bytes_read + worker.measured.bytes_unspilled) }),
        element("td", { text: bytes(worker.measured.bytes_written + worker.measured.bytes_spilled) }),
        element("td", { text: `${Math.min(100, 100 * busy / ran).toFixed(0)} %` }),
        element("td", { class: "wide" }, split(worker.times))));
    }
    parts.workers.replaceChildren(...table);
  }

  // The plan.

  function drawPlan(state) {
    const at = state.plans.length - 1;
    const plan = state.plans[at];
    parts.explanation.textContent = plan ? plan.explanation : "";
    const paper = parts.plan.querySelector(".paper");
    // Those of the run that was looked at before may still be there.
    const picture = pictures.run === state.run ? pictures.plans[at] : undefined;
    parts.plan.hidden = !picture;
    parts.plan.parentElement.classList.toggle("single", !picture);
    if (!picture) return;
    if (paper.dataset.drawn !== `${state.run}:${at}`) {
      const parsed = new DOMParser().parseFromString(picture, "image/svg+xml").documentElement;
      paper.replaceChildren(document.importNode(parsed, true));
      paper.dataset.drawn = `${state.run}:${at}`;
    }
    for (const group of paper.querySelectorAll("g.stage")) {
      const stage = state.stages.find((one) => one.number === plan.first_stage + Number(group.dataset.stage));
      if (!stage) continue;
      const outline = group.querySelector("path");
      let fill = group.querySelector("rect.progress");
      if (!fill) {
        const box = outline.getBBox();
        fill = svg("rect", { class: "progress", x: box.x, y: box.y, height: box.height, rx: 4, "data-whole": box.width, opacity: 0.3 });
        outline.after(fill);
      }
      const share = stage.tasks_done / Math.max(1, stage.tasks);
      const [isDone, isRunning] = [share === 1, stage.tasks_running > 0];
      const colour = isDone ? "#1d7a3c" : "#1668c7";
      fill.setAttribute("width", Number(fill.dataset.whole) * share);
      fill.setAttribute("fill", colour);
      outline.setAttribute("stroke-width", isRunning || isDone ? 2.6 : 1.2);
      if (isRunning || isDone) outline.setAttribute("stroke", colour);
    }
  }

  function drawFailures(state) {
    parts.failures.hidden = state.failures.length === 0;
    const list = state.failures.map((failure) =>
      element("p", { text: `stage ${failure.stage}, cell ${whole(failure.cell)}, worker ${failure.worker}, after ${time(failure.at)}: ${failure.error}` }));
    parts.failures.lastChild.replaceChildren(...list);
  }

  function draw(state) {
    parts.status.textContent = state.status;
    parts.status.className = `status ${state.status}`;
    parts.bar.className = `bar whole ${state.status}`;
    parts.bar.firstChild.style.width = `${100 * state.fraction}%`;
    parts.error.hidden = !state.error;
    parts.error.textContent = state.error || "";
    const isOver = ["done", "failed", "cancelled"].includes(state.status);
    parts.verdict.hidden = !isOver || state.status === "failed" || !state.bottleneck;
    if (state.bottleneck) {
      parts.verdict.replaceChildren(
        element("strong", { text: "Bottleneck: " }), document.createTextNode(`${state.bottleneck.what}. `),
        element("span", { class: "faint", text: `What would help: ${state.bottleneck.advice}.` }));
    }
    parts.analysisCard.hidden = !state.analysis;
    parts.analysis.textContent = state.analysis || "";
    const share = state.status === "running" ? `${(100 * state.fraction).toFixed(0)} % · ` : "";
    document.title = `${share}${state.status} · Brickwork`;
    drawRuns(state);
    drawFigures(state);
    drawPlan(state);
    drawStream(state);
    drawCurves(state);
    drawStages(state);
    drawWorkers(state);
    drawFailures(state);
  }

  return {
    // Shows a state.
    show(state) {
      if (!parts) mount();
      last = state;
      draw(state);
    },
    // Shows the pictures of the plans of a run.
    showPictures(run, plans) {
      pictures = { run, plans: plans || [] };
      if (last) draw(last);
    },
    // Says who is told which run is to be shown.
    onChoose(listener) {
      choose = listener;
    },
    // Says whether what is shown is live.
    connected(isLive, state) {
      if (!parts) mount();
      const isOver = state && ["done", "failed", "cancelled"].includes(state.status);
      parts.connection.textContent = isLive ? (isOver ? `run ${state.run} is over` : "live") : "the process does not answer: this is the last that is known";
      document.body.dataset.live = String(isLive);
    },
  };
})();
