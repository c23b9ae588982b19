// Courses over hours to a year: mean and the range it moved in, limits as lines, gaps as gaps, doubtful values as marks.
import { h } from "./dom.js";
import { ask, maybe } from "./live.js";
import * as w from "./words.js";

const SPANS = { "1h": 3600, "24h": 86400, "7d": 604800, "30d": 2592000, "365d": 31536000 };
let loading = null;
/** Sizes are written for letters of 16 pixels; a wall has larger ones. */
const scaled = (size) => Math.round((size * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16);

function library() {
  if (window.uPlot) return Promise.resolve();
  loading ||= new Promise((resolve, reject) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = "/board/page/vendor/uPlot.min.css";
    const script = document.createElement("script");
    script.src = "/board/page/vendor/uPlot.iife.min.js";
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(style, script);
  });
  return loading;
}

/** A place for a chart; drawCharts fills it. */
export const chartBox = (device, measured, limits, span, high = 220) => h("div.chart", { key: `chart ${device} ${measured.quantity}`, own: true, role: "img", "aria-label": w.t("board_device.chart_of", { what: w.both(measured.title), span: w.t(`board_span.${span}`) }), "data-device": device, "data-quantity": measured.quantity, "data-span": span, "data-unit": measured.unit || "", "data-digits": String(measured.digits ?? 1), "data-high": String(high), "data-limits": JSON.stringify((limits || []).filter((one) => !one.view && (one.side === "above" || one.side === "below") && one.value !== null)) });

export async function drawCharts(root, app) {
  const boxes = [...root.querySelectorAll(".chart")];
  if (!boxes.length) return;
  await library();
  for (const box of boxes) await drawOne(box, app).catch((error) => console.warn("chart", error.message));
}

async function drawOne(box, app) {
  const { device, quantity, span } = box.dataset;
  const path = `${encodeURIComponent(device)}/${encodeURIComponent(quantity)}`;
  const points = Math.round(Math.min(900, Math.max(240, box.clientWidth)));
  const until = w.now();
  const [chart, raw] = await Promise.all([
    ask(`/api/v1/chart/${path}?span=${span}&points=${points}`),
    SPANS[span] <= 86400 ? maybe(`/api/v1/readings/${path}?from=${new Date(until - SPANS[span] * 1000).toISOString()}&limit=4000`).catch(() => null) : null,
  ]);
  if (!box.isConnected || box.dataset.span !== span) return;
  const data = columns(chart.rows, raw?.rows || raw);
  const style = `${app.theme} ${span} ${w.lang()} ${box.clientWidth}`;
  if (box.vgPlot && box.vgStyle === style) {
    box.vgPlot.setData(data, false);
    box.vgPlot.setScale("x", { min: (until - SPANS[span] * 1000) / 1000, max: until / 1000 });
  } else {
    box.vgPlot?.destroy();
    box.replaceChildren();
    box.vgPlot = new uPlot(options(box, until), data, box);
    box.vgStyle = style;
    box.vgWatch ||= new ResizeObserver(() => box.vgPlot && box.clientWidth && box.vgPlot.setSize({ width: box.clientWidth, height: scaled(Number(box.dataset.high)) }));
    box.vgWatch.observe(box);
  }
  box.classList.toggle("is-empty", !chart.rows.length);
  box.dataset.empty = chart.rows.length ? "" : w.t("board_device.no_chart");
}

/** Rows of the gateway as columns; where the distance is three times the usual there is a gap. */
function columns(rows, raw) {
  const times = rows.map((row) => Date.parse(row[0]) / 1000);
  const steps = times.slice(1).map((time, index) => time - times[index]).sort((a, b) => a - b);
  const usual = steps.length ? steps[Math.floor(steps.length / 2)] : 0;
  const out = [[], [], [], [], []];
  const doubtful = (Array.isArray(raw) ? raw : []).filter((row) => row[1] !== null && !["GOOD", "UNKNOWN", 1, 2].includes(row[2]));
  let next = 0;
  const put = (time, low, high, mean, mark) => [time, low, high, mean, mark].forEach((value, index) => out[index].push(value));
  rows.forEach((row, index) => {
    if (index && usual && times[index] - times[index - 1] > 3 * usual) put(times[index - 1] + usual, null, null, null, null);
    let mark = null;
    while (next < doubtful.length && Date.parse(doubtful[next][0]) / 1000 <= times[index] + usual) {
      mark = doubtful[next][1];
      next += 1;
    }
    put(times[index], row[2], row[3], row[1], mark);
  });
  return out;
}

function options(box, until) {
  const css = getComputedStyle(document.documentElement);
  const colour = (name) => css.getPropertyValue(`--${name}`).trim();
  const font = `${Math.round(parseFloat(css.fontSize) * 0.82)}px ${css.getPropertyValue("--font")}`;
  const limits = JSON.parse(box.dataset.limits);
  const digits = Number(box.dataset.digits);
  const axis = { stroke: colour("dim"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, gap: scaled(5), font };
  const long = SPANS[box.dataset.span];
  const say = (seconds) => (long > 200000 ? w.day(seconds * 1000) : w.clock(seconds * 1000));
  return {
    width: box.clientWidth || 600, height: scaled(Number(box.dataset.high)), legend: { show: false }, cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: true, min: until / 1000 - long, max: until / 1000 }, y: { range: (_, low, high) => range(low, high, limits) } },
    axes: [{ ...axis, values: (_, splits) => splits.map(say), space: scaled(90), size: scaled(34) }, { ...axis, size: scaled(62), space: scaled(34), values: (_, splits) => splits.map((value) => w.short(value)) }],
    bands: [{ series: [2, 1], fill: colour("accent-wash") }],
    series: [{}, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } },
      { stroke: colour("accent"), width: scaled(2), points: { show: (plot) => plot.data[0].length < 40, size: scaled(5), fill: colour("accent") }, spanGaps: false },
      { stroke: "transparent", points: { show: true, size: scaled(8), stroke: colour("orange"), fill: colour("panel"), width: 2 }, paths: () => null }],
    hooks: { draw: [(plot) => limitLines(plot, limits, colour, font)], setCursor: [(plot) => readOut(plot, box, digits)] },
  };
}

function range(low, high, limits) {
  if (low === null || high === null) return [0, 1];
  let [from, to] = [low, high];
  const room = to - from || Math.abs(to) * 0.1 || 1;
  for (const { value } of limits) if (value > from - 1.2 * room && value < to + 1.2 * room) [from, to] = [Math.min(from, value), Math.max(to, value)];
  const pad = (to - from || room) * 0.08;
  return [from - pad, to + pad];
}

function limitLines(plot, limits, colour, font) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.font = font;
  ctx.textAlign = "right";
  ctx.textBaseline = "bottom";
  let [above, right] = [-1e9, 0];
  for (const limit of limits) {
    if (limit.value < plot.scales.y.min || limit.value > plot.scales.y.max) continue;
    const y = Math.round(plot.valToPos(limit.value, "y", true));
    ctx.strokeStyle = colour(limit.severity);
    ctx.fillStyle = colour(limit.severity);
    ctx.lineWidth = scaled(1.5) * devicePixelRatio;
    ctx.setLineDash([scaled(6) * devicePixelRatio, scaled(5) * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const label = `${w.t(`board_state.${limit.severity}`)} ${w.short(limit.value)}`;
    const high = parseFloat(font) * devicePixelRatio * 1.3;
    right = Math.abs(y - above) < high ? right - ctx.measureText(label).width - 14 : bbox.left + bbox.width - 4;
    above = y;
    ctx.fillText(label, right, y - 2);
  }
  ctx.restore();
}

function readOut(plot, box, digits) {
  let note = box.querySelector(".chart-note");
  if (!note) {
    note = document.createElement("p");
    note.className = "chart-note";
    box.append(note);
  }
  const index = plot.cursor.idx;
  const value = index === null || index === undefined ? null : plot.data[3][index];
  note.textContent = value === null || value === undefined ? "" : `${w.when(plot.data[0][index] * 1000)}  ${w.num(value, digits)} ${box.dataset.unit}`;
}
