"use strict";

/* What is shown comes from status.json and history.json of the same server. Texts are never taken for HTML. */

const STATUS_MS = 1000;
const HISTORY_MS = 5000;

const $ = (id) => document.getElementById(id);

const NUMBERS = [
  ["lag_records", "lag, records", count],
  ["lag_bytes", "lag", size],
  ["lag_ms", "lag, age", duration],
  ["received_bytes", "received", size],
  ["received_keys", "keys received", count],
  ["received_records", "records received", count],
  ["sent_bytes", "sent", size],
  ["applied_keys", "keys applied", count],
  ["applied_records", "records applied", count],
  ["retries", "retries", count],
  ["sessions", "sessions", count],
  ["losses", "losses", count],
  ["suspects", "suspect keys", count],
  ["replicas", "replicas", count],
  ["replicas_syncing", "get a state", count],
  ["full_syncs", "states sent", count],
  ["stream_offset", "offset", count],
  ["dir_bytes", "directory", size],
  ["disk_free_bytes", "disk free", size],
];

const PLOTS = [
  ["received_bytes", "received a second", size],
  ["sent_bytes", "sent a second", size],
  ["applied_keys", "keys applied a second", count],
  ["received_records", "records received a second", count],
  ["applied_records", "records applied a second", count],
  ["lag_records", "lag in records", count],
  ["lag_bytes", "lag in bytes", size],
  ["lag_ms", "lag in time", duration],
];

function count(n) {
  return Math.round(n).toLocaleString("en");
}

function plural(word, n) {
  return n === 1 ? word : word + "s";
}

function size(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return (unit === 0 ? n.toFixed(0) : n.toFixed(1)) + " " + units[unit];
}

function duration(ms) {
  if (ms < 1000) return Math.round(ms) + " ms";
  const s = ms / 1000;
  if (s < 60) return s.toFixed(1) + " s";
  if (s < 3600) return Math.floor(s / 60) + "m " + String(Math.floor(s % 60)).padStart(2, "0") + "s";
  return Math.floor(s / 3600) + "h " + String(Math.floor((s / 60) % 60)).padStart(2, "0") + "m";
}

function element(name, text, className) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  if (className) e.className = className;
  return e;
}

function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/* fill - as many children as there are items, made once and kept, so that focus and selection stay. */
function fill(parent, items, make, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  while (parent.children.length < items.length) parent.append(make());
  items.forEach((item, i) => update(parent.children[i], item, i));
}

/* --- what is seen --- */

function showHead(s) {
  const name = "flowtape " + s.command;
  const state = $("state");
  setText($("command"), name);
  document.title = name + ": " + (s.running ? s.phase : s.ended);
  setText(state, s.running ? s.phase || "running" : s.ended);
  state.className = "badge " + (!s.running ? (s.error ? "bad" : "good") : s.work ? "busy" : "good");
  const parts = [s.source, s.target].filter((x) => x);
  const route = parts.join(" → ") + (s.directory ? (parts.length ? ", in " : "") + s.directory : "");
  setText($("route"), route + (s.generation ? ", generation " + s.generation : ""));
  setText($("when"), s.now);
}

function showPhases(s) {
  const now = s.phases.indexOf(s.phase);
  fill($("phases"), s.phases, () => element("li"), (e, name, i) => {
    setText(e, name);
    e.className = i < now ? "done" : "";
    if (i === now) e.setAttribute("aria-current", "step");
    else e.removeAttribute("aria-current");
  });
}

let workSeen = { name: "", at: [] };

function showWork(s) {
  const w = s.work;
  $("work").hidden = !w;
  if (!w) return;
  if (workSeen.name !== w.name) workSeen = { name: w.name, at: [] };
  const now = Date.now();
  workSeen.at.push([now, w.done]);
  while (workSeen.at.length > 2 && now - workSeen.at[0][0] > 10000) workSeen.at.shift();
  let text = w.name;
  if (w.total) {
    const part = Math.min(w.done < w.total ? 99 : 100, Math.floor((100 * w.done) / w.total));
    const [then, done] = workSeen.at[0];
    const rate = now > then ? (w.done - done) / (now - then) : 0;
    $("work-bar").value = part;
    text += ": " + (w.estimated ? "about " : "") + part + " %";
    if (rate > 0 && w.done < w.total) text += ", " + duration((w.total - w.done) / rate) + " left";
  } else {
    $("work-bar").removeAttribute("value");
  }
  setText($("work-text"), text);
}

function showNumbers(s) {
  const items = NUMBERS.filter(([name]) => name in s.numbers);
  const make = () => {
    const e = element("div");
    e.append(element("dt"), element("dd"));
    return e;
  };
  fill($("numbers"), items, make, (e, [name, label, format]) => {
    setText(e.children[0], label);
    setText(e.children[1], format(s.numbers[name]));
  });
}

function showFlows(s) {
  $("flows-section").hidden = s.flows.length === 0;
  const make = () => {
    const row = element("tr");
    row.append(element("th"), ...Array.from({ length: 5 }, () => element("td")));
    row.children[0].scope = "row";
    return row;
  };
  fill($("flows"), s.flows, make, (row, f) => {
    const values = [f.flow, f.received, f.durable, f.applied];
    const lag = f.lag_bytes === null ? count(f.lag_records) + plural(" record", f.lag_records) : size(f.lag_bytes);
    values.forEach((n, i) => setText(row.children[i], n === null ? "–" : count(n)));
    setText(row.children[4], lag);
    setText(row.children[5], f.lag_ms === null ? "–" : duration(f.lag_ms));
  });
}

function showLosses(s) {
  const line = (l, note) =>
    count(l.count) + " × " + (l.what ? l.what + ": " : "") + l.text + (note ? " (no harm)" : "");
  const lines = s.losses.map((l) => line(l, false)).concat(s.loss_notes.map((l) => line(l, true)));
  if (s.numbers.suspects) lines.push(count(s.numbers.suspects) + " suspect keys");
  if (!lines.length) lines.push("none");
  fill($("losses"), lines, () => element("li"), (e, text) => setText(e, text));
}

function showLog(s) {
  const make = () => {
    const e = element("li");
    e.append(element("time"), element("span"));
    return e;
  };
  const lines = s.log.slice().reverse();
  if (s.error) lines.unshift({ time: s.now, text: s.error });
  fill($("log"), lines, make, (e, l) => {
    e.children[0].dateTime = l.time;
    setText(e.children[0], l.time.slice(11, 19));
    setText(e.children[1], l.text);
  });
}

function showControl(s) {
  $("control").hidden = !s.control || !s.cutover;
  if ($("control").hidden) return;
  setText($("cutover"), s.cutover.state);
  $("begin").disabled = !s.cutover.may_begin;
  $("confirm").disabled = !s.cutover.may_confirm;
}

function show(s) {
  for (const part of [showHead, showPhases, showWork, showNumbers, showFlows, showLosses, showLog, showControl])
    part(s);
}

/* --- plots --- */

const SVG = "http://www.w3.org/2000/svg";

function makePlot() {
  const figure = element("figure");
  const caption = element("figcaption");
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 720 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  for (const name of ["area", "line"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  caption.append(element("span"), element("span"));
  figure.append(caption, svg);
  return figure;
}

function drawPlot(figure, samples, column, label, format) {
  const points = samples.filter((row) => row[column] !== null).map((row) => [row[0], row[column]]);
  const end = points.length ? points[points.length - 1][0] : 0;
  const top = Math.max(1, ...points.map((p) => p[1]));
  const span = Math.min(3600, Math.max(300, points.length ? end - points[0][0] : 0));
  const at = points.map(([t, y]) => (720 - (720 * (end - t)) / span).toFixed(1) + " " + (98 - (94 * y) / top).toFixed(1));
  const last = points.length ? points[points.length - 1][1] : 0;
  const [, svg] = figure.children;
  const words = "now " + format(last) + ", at most " + format(Math.max(0, ...points.map((p) => p[1])));
  svg.children[1].setAttribute("d", at.length > 1 ? "M" + at.join("L") : "");
  const area = at.length > 1 ? "M" + at[0].split(" ")[0] + " 100L" + at.join("L") + "L720 100Z" : "";
  svg.children[0].setAttribute("d", area);
  svg.setAttribute("aria-label", label + ": " + words);
  setText(figure.children[0].children[0], label);
  setText(figure.children[0].children[1], words);
}

function showHistory(h) {
  const column = (name) => 1 + h.rows.indexOf(name);
  const items = PLOTS.filter(([name]) => h.samples.some((row) => row[column(name)] !== null));
  fill($("plots"), items, makePlot, (figure, [name, label, format]) =>
    drawPlot(figure, h.samples, column(name), label, format));
}

/* --- control --- */

async function ask(path, question) {
  setText($("sure-text"), question);
  $("sure").returnValue = "no";
  $("sure").showModal();
  await new Promise((done) => $("sure").addEventListener("close", done, { once: true }));
  if ($("sure").returnValue !== "yes") return;
  try {
    const headers = { Authorization: "Bearer " + $("token").value };
    const r = await fetch(path, { method: "POST", headers });
    setText($("answer"), (await r.text()).trim());
  } catch {
    setText($("answer"), "flowtape could not be reached");
  }
}

$("control-form").addEventListener("submit", (e) => e.preventDefault());
$("begin").addEventListener("click", () => {
  const mode = $("mode").selectedOptions[0];
  ask("control/begin?mode=" + mode.value, "Begin the cut-over (" + mode.textContent + ")?");
});
$("confirm").addEventListener("click", () => ask("control/confirm", "Confirm the cut-over?"));

/* --- the clock --- */

let ended = false;

async function poll(path, take) {
  const r = await fetch(path);
  if (!r.ok) throw new Error(String(r.status));
  take(await r.json());
}

/* A run that has ended takes its page with it: what was seen last stays. */
function repeat(path, take, ms) {
  poll(path, take)
    .then(() => ($("trouble").hidden = true))
    .catch(() => {
      setText($("trouble"), ended ? "The run has ended." : "flowtape does not answer: this is what was seen last.");
      $("trouble").hidden = false;
    })
    .finally(() => setTimeout(() => repeat(path, take, ms), ms));
}

repeat("status.json", (s) => {
  ended = !s.running;
  show(s);
}, STATUS_MS);
repeat("history.json", showHistory, HISTORY_MS);
