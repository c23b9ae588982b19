// 危房监控: how far from zero, which way, how fast, against the limits that people are told by.
import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { badge, empty, figure, head, heard, lines, spark, stateWord } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
export const load = () => ask("/board/data/houses");

export function view(data) {
  if (!data.houses.length) return empty("structure", t("board_houses.none"), null, { whole: true });
  const over = data.houses.filter((one) => one.share !== null && one.share >= 1).length;
  return h("div.page", { key: "houses" },
    h("div.page-head", h("h1", icon("structure"), t("board_domain.structure")), h("p.summary", badge(over ? "yellow" : "normal", t("board_houses.over", { n: over })), h("span.dim", t("board_houses.all", { n: data.houses.length }))), h("p.dim.note-right", t("board_houses.meaning"))),
    h("div.houses", data.houses.map(house)));
}

function house(one) {
  const limits = lines(one.limits).filter((limit) => limit.side === "above");
  return h("section.panel.house", { key: one.device, class: `sev-${one.state}` },
    h("header.station-head", h("a", { href: `/board/device/${one.device}` }, h("h2", one.name)), badge(one.state), h("span.dim.push", one.cell_name)),
    h("div.house-body", rose(one, limits),
      h("div.house-facts", h("p.house-main", one.tilt ? figure(one.tilt) : h("b", "–"), h("span.dim", t("board_houses.since_zero"))),
        ruler(one, limits),
        h("dl.facts", h("dt", t("board_houses.permille")), h("dd", one.permille ? `${w.num(one.permille.value, 2)} ‰` : "–"),
          h("dt", t("board_houses.direction")), h("dd", one.x === null || one.y === null ? "–" : [h("svg.needle", { viewBox: "0 0 24 24", css: { transform: `rotate(${bearing(one)}deg)` }, "aria-hidden": "true" }, h("use", { href: "/board/page/icons.svg#arrow" })), t("board_houses.xy", { x: w.num(one.x, 3), y: w.num(one.y, 3) })]),
          h("dt", t("board_houses.drift")), h("dd", one.drift === null ? h("span.dim", t("board_houses.drift_unknown")) : t("board_houses.drift_value", { value: w.num(one.drift, 3), n: one.drift_days })),
          one.crack ? [h("dt", { key: "ct" }, t("board_houses.crack")), h("dd", { key: "c" }, `${w.num(one.crack.value, 2)} mm`)] : null,
          h("dt", t("board_houses.heard")), h("dd", heard(one)))),
      h("div.house-spark", spark(one.spark, { limit: limits[0]?.value ?? null, state: one.state, high: 36 }))));
}

const bearing = (one) => (Math.atan2(one.x, one.y) * 180) / Math.PI;

/** Value on a line with the limits as marks. */
function ruler(one, limits) {
  if (!limits.length || one.tilt?.value === null || one.tilt?.value === undefined) return null;
  const far = Math.max(limits[limits.length - 1].value * 1.1, one.tilt.value * 1.05);
  const at = (value) => `${Math.min(100, (100 * value) / far)}%`;
  return h("div.ruler", { role: "img", "aria-label": limits.map((limit) => `${stateWord(limit.severity)} ${w.short(limit.value)}°`).join(", ") },
    h("span.ruler-fill", { css: { width: at(one.tilt.value) } }),
    limits.map((limit) => h("span.ruler-mark", { key: limit.value, class: `sev-${limit.severity}`, css: { left: at(limit.value) } }, h("i", w.short(limit.value)))));
}

/** Which way it leans: the circle of the plane, limits as rings, the way it went as a line, now as a dot. */
function rose(one, limits) {
  const far = Math.max(...limits.map((limit) => limit.value), Math.hypot(one.x || 0, one.y || 0) * 1.1, 0.05);
  const scale = 92 / far;
  const point = ([x, y]) => `${(x * scale).toFixed(1)},${(-y * scale).toFixed(1)}`;
  return h("svg.rose", { viewBox: "-108 -108 216 216", role: "img", "aria-label": t("board_houses.rose", { name: one.name }) },
    h("circle.rose-edge", { r: 100 }), h("path.rose-cross", { d: "M-100 0H100M0 -100V100" }),
    limits.map((limit) => h("circle.rose-ring", { key: limit.value, class: `sev-${limit.severity}`, r: (limit.value * scale).toFixed(1) })),
    one.trail.length > 1 ? h("polyline.rose-trail", { points: one.trail.map(point).join(" ") }) : null,
    one.x !== null && one.y !== null ? [h("line.rose-arm", { key: "arm", x1: 0, y1: 0, x2: (one.x * scale).toFixed(1), y2: (-one.y * scale).toFixed(1) }), h("circle.rose-now", { key: "now", cx: (one.x * scale).toFixed(1), cy: (-one.y * scale).toFixed(1), r: 6, class: `sev-${one.state}` })] : null,
    h("text.rose-text", { x: 103, y: -4, "text-anchor": "end" }, "X"), h("text.rose-text", { x: 5, y: -92 }, "Y"));
}
