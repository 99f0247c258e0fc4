// Shows what the session sends, sends what the person wants. One message is one JSON object.
const $ = (id) => document.getElementById(id);
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const KEPT = 240, TRAIL = 60, AHEAD = 0.25;
const EDGES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000];
const state = { about: {}, bin: null, trail: [], columns: [], decoded: [[], [], [], [], [], [], []],
  late: new Array(EDGES.length).fill(0), hand: null, dirty: false };

// ---- connection
let socket = null;
function connect() {
  socket = new WebSocket(`ws://${location.host}/live${location.search}`);
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = () => { phase("lost"); setTimeout(connect, 1000); };
}
function order(what) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(what));
}

// ---- messages
function take(message) {
  if (message.about) takeAbout(message.about);
  if (message.bin) takeBin(message.bin);
  if (message.picture) takePicture(message.picture);
  if (message.event) say(message.event);
  if (message.undelivered) say(`The session did not take the order: ${message.undelivered}`);
}
function say(text) { $("said").textContent = text; }
const PHASES = { calibrating: "calibrating", fitting: "fitting the decoder", control: "in control",
  paused: "paused", lost: "connection lost, trying again", ended: "ended", streaming: "streaming" };
function phase(name) {
  $("phase").dataset.phase = name;
  $("phase").textContent = PHASES[name] ?? name;
}
function takeAbout(about) {
  state.about = about;
  $("title").textContent = about.title;
  $("origin").hidden = !about.simulated;
  $("units").textContent = `${about.n_channels} channels`;
  $("task-name").textContent = about.task ?? "Output";
  const select = $("decoder");
  select.replaceChildren(...about.decoders.map((name) => new Option(name, name)));
  select.value = about.decoder;
  for (const id of ["recalibrate", "hand", "pause", "stop", "alive"]) $(id).hidden = !about.orders.includes(id);
  for (const card of document.querySelectorAll("main > .card")) card.hidden = Boolean(about.pictures) !== (card.id === "pictures");
  if (about.pictures) phase("streaming");
  select.disabled = !about.orders.includes("swap");
  state.dirty = true;
}
function takeBin(bin) {
  state.bin = bin;
  phase(bin.phase);
  $("pause").setAttribute("aria-pressed", String(bin.phase === "paused"));
  $("pause").textContent = bin.phase === "paused" ? "Resume" : "Pause";
  if (bin.decoder && document.activeElement !== $("decoder")) $("decoder").value = bin.decoder;
  if (bin.hand !== undefined) $("hand").setAttribute("aria-pressed", String(bin.hand));
  if (!bin.hand) state.hand = null;
  push(state.trail, bin.cursor, TRAIL);
  push(state.columns, bin.signal, KEPT);
  const [x, y] = bin.mean, sx = 2 * Math.sqrt(bin.cov[0][0]), sy = 2 * Math.sqrt(bin.cov[1][1]);
  const row = [bin.time, x, y, x - sx, x + sx, y - sy, y + sy];
  row.forEach((value, i) => push(state.decoded[i], value, KEPT));
  if (bin.latency !== null) {
    const place = EDGES.findLastIndex((edge) => bin.latency >= edge);
    state.late[Math.max(place, 0)] += 1;
  }
  $("bad").textContent = bin.bad.length ? bin.bad.join(", ") : "none";
  const cells = Object.entries(bin.figures).map(([name, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name;
    dd.textContent = value ?? "n/a";
    return [dt, dd];
  });
  $("figures").replaceChildren(...cells.flat());
  state.dirty = true;
}
function push(list, value, most) { list.push(value); if (list.length > most) list.shift(); }
function takePicture(picture) {
  for (const name of ["seen", "drawn"])
    if (/^[A-Za-z0-9+/=]+$/.test(picture[name] ?? "")) $(name).src = `data:image/png;base64,${picture[name]}`;
  $("picture-text").textContent = picture.text;
  document.documentElement.dataset.pictures = String(picture.number);
}

// ---- drawing
function fit(canvas) {
  const ratio = devicePixelRatio || 1;
  const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
  return canvas.getContext("2d");
}
function drawTask() {
  const canvas = $("task"), g = fit(canvas), { bin, about } = state, s = canvas.width / 2;
  const px = ([x, y]) => [s + x * s, s - y * s];
  const disc = (x, y, r) => { g.beginPath(); g.arc(...px([x, y]), r * s, 0, 2 * Math.PI); };
  g.clearRect(0, 0, canvas.width, canvas.height);
  g.lineWidth = canvas.width / 250;
  g.strokeStyle = colour("--line");
  for (const [x, y, r] of about.keys ?? []) { disc(x, y, r); g.stroke(); }
  if (!bin) return;
  if (bin.target) {
    g.fillStyle = colour(bin.holding ? "--held" : "--target");
    g.globalAlpha = 0.75;
    disc(...bin.target); g.fill();
    g.globalAlpha = 1;
  }
  g.strokeStyle = colour("--cursor");
  g.beginPath();
  state.trail.forEach((place, i) => {
    const [a, b] = px(place), jump = i && Math.hypot(place[0] - state.trail[i - 1][0],
      place[1] - state.trail[i - 1][1]) > 0.4;
    if (i === 0 || jump) g.moveTo(a, b); else g.lineTo(a, b);
  });
  g.stroke();
  drawEllipse(g, px, s, bin);
  g.fillStyle = colour("--cursor");
  disc(...bin.cursor, 0.035); g.fill();
  if (state.hand) { g.strokeStyle = colour("--hand"); disc(...state.hand, 0.05); g.stroke(); }
}
function drawEllipse(g, px, s, { cursor, mean, cov: [[a, b], [, d]] }) {
  if ([a, b, d, ...mean].some((value) => value === null)) return;
  const middle = (a + d) / 2, spread = Math.hypot((a - d) / 2, b);
  const radii = [middle + spread, middle - spread].map((v) => 2 * Math.sqrt(Math.max(v, 0)) * AHEAD * s);
  const centre = px([cursor[0] + AHEAD * mean[0], cursor[1] + AHEAD * mean[1]]);
  g.strokeStyle = colour("--ellipse");
  g.beginPath();
  g.ellipse(...centre, ...radii, -Math.atan2(2 * b, a - d) / 2, 0, 2 * Math.PI);
  g.stroke();
  g.beginPath(); g.moveTo(...px(cursor)); g.lineTo(...centre); g.stroke();
}
const mix = (from, to, share) => from.map((v, i) => v + share * (to[i] - v));
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
function drawSignals() {
  const { columns, bin } = state;
  if (!columns.length || !columns.at(-1).length) return;
  const n = columns.at(-1).length, canvas = $("signals"), g = canvas.getContext("2d");
  if (canvas.width !== KEPT || canvas.height !== n) { canvas.width = KEPT; canvas.height = n; }
  const cold = rgb(colour("--cold")), hot = rgb(colour("--hot")), red = rgb(colour("--bad"));
  const low = [], high = [];
  for (let c = 0; c < n; c++) {
    const values = columns.map((column) => column[c]).filter((v) => v !== null && v !== undefined);
    low.push(Math.min(...values)); high.push(Math.max(...values));
  }
  const bad = new Set(bin.bad_index), image = g.createImageData(KEPT, n);
  for (let t = 0; t < KEPT; t++) for (let c = 0; c < n; c++) {
    const value = columns[columns.length - KEPT + t]?.[c], at = 4 * (c * KEPT + t);
    let shade = cold;
    if (value === null) shade = red;
    else if (value !== undefined) shade = mix(cold, bad.has(c) ? red : hot, (value - low[c]) / (high[c] - low[c] || 1));
    image.data.set([...shade, 255], at);
  }
  g.putImageData(image, 0, 0);
}

// ---- plots
const axis = (label, more) => ({ stroke: () => colour("--soft"), grid: { stroke: () => colour("--line"), width: 1 },
  ticks: { stroke: () => colour("--line") }, label, labelSize: 18, font: "12px system-ui", labelFont: "12px system-ui", ...more });
const band = { stroke: "transparent", points: { show: false } };
const line = (label, name, dash) => ({ label, dash, stroke: () => colour(name), width: 2, points: { show: false } });
const faint = (name) => () => `${colour(name)}2e`;
const decoded = new uPlot({
  width: 300, height: 190, legend: { show: false }, cursor: { show: false }, scales: { x: { time: false } },
  axes: [axis("s"), axis("length/s", { size: 44 })],
  series: [{}, line("x", "--cursor"), line("y", "--ellipse", [6, 3]), band, band, band, band],
  bands: [{ series: [4, 3], fill: faint("--cursor") }, { series: [6, 5], fill: faint("--ellipse") }],
}, state.decoded, $("decoded"));
const latency = new uPlot({
  width: 300, height: 170, legend: { show: false }, cursor: { show: false },
  scales: { x: { time: false, range: [-0.6, EDGES.length - 0.4] }, y: { range: (u, low, high) => [0, Math.max(high, 1)] } },
  axes: [axis("µs, at least", { splits: EDGES.map((_, i) => i), rotate: -45, size: 46,
    values: (u, splits) => splits.map((i) => (EDGES[i] >= 1000 ? `${EDGES[i] / 1000}k` : EDGES[i])) }),
    axis("bins", { size: 44 })],
  series: [{}, { stroke: () => colour("--cursor"), fill: faint("--cursor"), width: 2, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.9] }) }],
}, [EDGES.map((_, i) => i), state.late], $("latency"));
function frame() {
  if (state.dirty) {
    state.dirty = false;
    drawTask(); drawSignals();
    decoded.setData(state.decoded);
    latency.setData([EDGES.map((_, i) => i), state.late]);
    document.documentElement.dataset.drawn = String(state.bin?.number ?? 0);
  }
  requestAnimationFrame(frame);
}
function resize() {
  for (const [plot, box] of [[decoded, $("decoded")], [latency, $("latency")]])
    plot.setSize({ width: box.clientWidth, height: plot.height });
  state.dirty = true;
}
addEventListener("resize", resize);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", resize);

// ---- the person
$("pause").onclick = () => order({ do: state.bin?.phase === "paused" ? "resume" : "pause" });
$("recalibrate").onclick = () => order({ do: "recalibrate" });
$("stop").onclick = () => order({ do: "stop" });
$("decoder").onchange = (event) => order({ do: "swap", name: event.target.value });
$("hand").onclick = () => {
  if ($("hand").getAttribute("aria-pressed") === "true") { order({ do: "let_go" }); return; }
  point(state.bin?.cursor ?? [0, 0]);
  $("task").focus();
};
let beat = null;
function hold() { beat ??= setInterval(() => order({ do: "alive" }), 50); order({ do: "alive" }); }
function release() { clearInterval(beat); beat = null; }
$("alive").onpointerdown = hold;
$("alive").onkeydown = (event) => { if (event.key === " " && !event.repeat) hold(); };
for (const end of ["pointerup", "pointerleave", "pointercancel", "keyup", "blur"]) $("alive").addEventListener(end, release);
addEventListener("blur", release);
let waiting = false;
function point(place) {
  state.hand = place.map((v) => Math.min(Math.max(v, -1), 1));
  state.dirty = true;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; order({ do: "point", at: state.hand }); });
}
$("task").onpointermove = (event) => {
  if ($("hand").getAttribute("aria-pressed") !== "true") return;
  const box = $("task").getBoundingClientRect();
  point([2 * (event.clientX - box.left) / box.width - 1, 1 - 2 * (event.clientY - box.top) / box.height]);
};
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
$("task").onkeydown = (event) => {
  const step = ARROWS[event.key];
  if (!step || $("hand").getAttribute("aria-pressed") !== "true") return;
  event.preventDefault();
  const from = state.hand ?? state.bin?.cursor ?? [0, 0];
  point([from[0] + 0.08 * step[0], from[1] + 0.08 * step[1]]);
};
resize();
connect();
frame();
