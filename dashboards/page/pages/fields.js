// 智慧农业: soil of each field with its limits, its course and how well it is heard.
import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { badge, empty, figure, heard, lines, spark, stateWord, trendMark } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
export const load = () => ask("/board/data/fields");

export function view(data) {
  if (!data.fields.length) return empty("soil", t("board_fields.none"), null, { whole: true });
  const bad = data.fields.filter((one) => !["normal", "info"].includes(one.state)).length;
  return h("div.page", { key: "fields" },
    h("div.page-head", h("h1", icon("soil"), t("board_domain.soil")), h("p.summary", badge(bad ? "yellow" : "normal", t("board_fields.bad", { n: bad })), h("span.dim", t("board_fields.all", { n: data.fields.length })))),
    h("div.fields", data.fields.map(field)));
}

function field(one) {
  const [first, ...rest] = one.values;
  return h("section.panel.field-card", { key: one.device, class: `sev-${one.state}` },
    h("header.station-head", h("a", { href: `/board/device/${one.device}` }, h("h2", one.name)), badge(one.state), h("span.dim.push", heard(one))),
    first ? h("div.field-main", h("div", h("span.dim", w.both(first.title)), h("p", figure(first), trendMark(first.trend)), h("p.dim.small", first.limits.length ? lines(first.limits).map((limit) => `${stateWord(limit.severity)} ${w.short(limit.value)}${first.unit}`).join(" · ") : t("board_fields.no_capacity"))), moisture(first)) : h("p.dim.pad", t("board_village.no_value")),
    first ? h("div.field-spark", spark(first.spark, { limit: first.limits[0]?.value ?? null, state: one.state, high: 34 })) : null,
    h("ul.field-values", rest.map((each) => h("li", { key: each.quantity }, h("span.dim", w.both(each.title)), h("b", { class: each.kept ? "is-kept" : "" }, w.num(each.value, each.digits)), h("i", each.unit)))));
}

/** How wet it is, as a drop that fills, 0 to 50 % by volume. */
function moisture(one) {
  const share = Math.max(0, Math.min(1, (one.value ?? 0) / 50));
  return h("svg.drop", { viewBox: "0 0 60 76", "aria-hidden": "true" }, h("defs", h("clipPath", { id: `drop-${one.quantity}` }, h("path", { d: "M30 3C44 20 55 33 55 47a25 25 0 0 1-50 0C5 33 16 20 30 3z" }))), h("path.drop-edge", { d: "M30 3C44 20 55 33 55 47a25 25 0 0 1-50 0C5 33 16 20 30 3z" }), h("rect.drop-water", { x: 0, width: 60, y: 74 - 70 * share, height: 76, "clip-path": `url(#drop-${one.quantity})` }));
}
