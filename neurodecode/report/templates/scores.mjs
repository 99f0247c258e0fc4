// The score plots: drawn from the data that stands in the page beside each, never fetched.
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colours = () => ({
  system: css("--blue"), baseline: css("--orange"), ceiling: css("--green"), peer: css("--purple"),
  oracle: css("--ink"),
});
const symbols = {
  system: "circle", baseline: "square-open", ceiling: "diamond", peer: "cross", oracle: "triangle-up",
};
// Foreign words may hold what plotly would take for markup.
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
// Few lines; what tells rows apart often comes last, so the middle goes.
const short = (text, width = 44, lines = 2) => {
  const room = width * lines - 4;
  const kept = text.length > room
    ? `${text.slice(0, room / 2 - 1)}\u2026${text.slice(1 - room / 2)}` : text;
  const rows = [""];
  for (const word of kept.split(" ")) {
    const last = rows[rows.length - 1];
    if (last && last.length + word.length >= width && rows.length < lines) rows.push(word);
    else rows[rows.length - 1] = last ? `${last} ${word}` : word;
  }
  return rows.map(plain).join("<br>");
};
// All values, intervals and chance, with some room at both ends.
const range = (block) => {
  const ends = block.rows.flatMap((row) => [row.value, row.low, row.high]);
  const known = [...ends, block.chance].filter((x) => x !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const room = 0.05 * (high - low || 1);
  return known.length ? [low - room, high + room] : undefined;
};

function traces(block) {
  const roles = [...new Set(block.rows.map((row) => row.role))];
  return roles.map((role) => {
    const rows = block.rows.map((row, k) => ({ ...row, k })).filter((row) => row.role === role);
    const known = (row) => row.value !== null && row.low !== null;
    return {
      type: "scatter", mode: "markers", name: plain(rows[0].group),
      x: rows.map((row) => row.value), y: rows.map((row) => -row.k),
      error_x: {
        type: "data", symmetric: false, thickness: 2, width: 0,
        array: rows.map((row) => (known(row) ? row.high - row.value : 0)),
        arrayminus: rows.map((row) => (known(row) ? row.value - row.low : 0)),
      },
      marker: { color: colours()[role] ?? css("--soft"), symbol: symbols[role] ?? "circle", size: 10 },
      text: rows.map((row) => `<b>${plain(row.what)}</b><br>${plain(row.words)}`),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
}

function draw(target, block) {
  const line = { color: css("--ink"), dash: "dot", width: 1.5 };
  const narrow = target.clientWidth < 600;
  const layout = {
    height: 110 + (narrow ? 52 : 32) * block.rows.length,
    margin: { l: 20, r: 20, t: 10, b: 40 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: css("--ink"), family: "inherit", size: narrow ? 11 : 12 },
    legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0 },
    hovermode: "closest",
    xaxis: { range: range(block), nticks: narrow ? 5 : 11, gridcolor: css("--line"), zeroline: false,
             title: { text: block.lower ? "lower is better" : "higher is better" } },
    yaxis: { automargin: true, showgrid: false, zeroline: false,
             tickvals: block.rows.map((_, k) => -k),
             ticktext: block.rows.map((row) => (narrow ? short(row.what, 20, 4) : short(row.what))) },
    shapes: block.chance === null ? [] : [
      { type: "line", x0: block.chance, x1: block.chance, yref: "paper", y0: 0, y1: 1, line },
    ],
  };
  const config = { displayModeBar: false, responsive: true };
  Plotly.react(target, traces(block), layout, config);
}

// Above the scores in their order, below them which choices each was made with.
function drawSpecifications(target, curve) {
  const { marks, lines, choices } = curve;
  const rank = marks.map((_, k) => k);
  const hover = { text: marks.map((mark) => plain(mark.words)), hovertemplate: "%{text}<extra></extra>" };
  const [ink, soft, blue] = ["--ink", "--soft", "--blue"].map(css);
  const known = (mark) => mark.low !== null && mark.high !== null;
  const scores = {
    type: "scatter", mode: "markers", name: plain(curve.name), x: rank, ...hover,
    y: marks.map((mark) => mark.value),
    error_y: {
      type: "data", symmetric: false, thickness: 2, width: 0, color: blue,
      array: marks.map((mark) => (known(mark) ? mark.high - mark.value : 0)),
      arrayminus: marks.map((mark) => (known(mark) ? mark.value - mark.low : 0)),
    },
    marker: { color: blue, size: 9, symbol: marks.map((mark) => (mark.clear ? "circle" : "circle-open")) },
  };
  const rows = choices.map((choice, row) => ({
    type: "scatter", mode: "markers", yaxis: "y2", x: choice.used, y: choice.used.map(() => -row),
    text: choice.used.map((k) => plain(marks[k].words)), hovertemplate: "%{text}<extra></extra>",
    marker: { color: ink, size: 8 },
  }));
  const part = 250 / (250 + 24 * choices.length);
  const layout = {
    height: 320 + 24 * choices.length, showlegend: false, hovermode: "closest",
    margin: { l: 20, r: 110, t: 10, b: 20 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, family: "inherit", size: 12 },
    xaxis: { range: [-0.7, marks.length - 0.3], showgrid: false, zeroline: false,
             showticklabels: false, anchor: "y2", fixedrange: true },
    yaxis: { domain: [1.04 - part, 1], gridcolor: css("--line"), zeroline: false, automargin: true,
             title: { text: curve.lower ? "lower is better" : "higher is better" } },
    yaxis2: { domain: [0, 0.98 - part], showgrid: false, zeroline: false, automargin: true,
              range: [0.6 - choices.length, 0.4], tickvals: choices.map((_, k) => -k),
              ticktext: choices.map((choice) => short(choice.name)), fixedrange: true },
    shapes: lines.map((line) => ({
      type: "line", xref: "paper", x0: 0, x1: 1, y0: line.value, y1: line.value,
      line: line.kind === "chance" ? { color: ink, dash: "dot", width: 1.5 }
                                   : { color: css("--orange"), width: 2 },
    })),
    annotations: [
      ...lines.map((line) => ({
        text: plain(line.text), y: line.value,
        font: { color: line.kind === "chance" ? soft : css("--orange") },
      })),
      ...choices.map((choice, row) => ({
        text: choice.median, yref: "y2", y: -row, font: { color: soft },
      })),
    ].map((beside) => ({ ...beside, xref: "paper", x: 1.01, xanchor: "left", showarrow: false })),
  };
  Plotly.react(target, [scores, ...rows], layout, { displayModeBar: false, responsive: true });
}

for (const part of document.querySelectorAll(".specifications")) {
  const curve = JSON.parse(part.querySelector("script").textContent);
  const [target, still] = [part.querySelector(".plotly"), part.querySelector("svg").parentElement];
  if (!window.Plotly) continue;
  [target.hidden, still.hidden] = [false, true];
  const show = () => drawSpecifications(target, curve);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

for (const part of document.querySelectorAll(".interactive")) {
  const blocks = JSON.parse(part.querySelector("script").textContent);
  const [choice, target] = [part.querySelector("select"), part.querySelector(".plotly")];
  if (!blocks.length || !window.Plotly) continue;
  blocks.forEach((block, k) => choice.add(new Option(block.name, k)));
  part.hidden = false;
  const show = () => draw(target, blocks[choice.value]);
  choice.addEventListener("change", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
