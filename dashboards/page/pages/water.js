// 水质监测: class I to V of each parameter at each station, against the limits of GB 3838 that the rules judge by.
import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { badge, empty, heard, spark, trendMark } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
export const load = () => ask("/board/data/water");

export function view(data) {
  if (!data.stations.length) return empty("water", t("board_water.none"), null, { whole: true });
  const worst = Math.max(...data.stations.map((one) => one.class || 0));
  return h("div.page", { key: "water" },
    h("div.page-head", h("h1", icon("water"), t("board_domain.water")), h("p.summary", worst ? h("span.class-chip", { class: `class-${worst}` }, h("b", t(`board_class.${worst}`)), t("board_water.worst")) : null, h("span.dim", t("board_water.stations", { n: data.stations.length }))), h("p.dim.note-right", t("board_water.indicative"))),
    h("div.stations", data.stations.map(station)),
    table(data));
}

function station(one) {
  return h("section.panel.station", { key: one.device, class: one.class ? `class-${one.class}` : "" },
    h("header.station-head", h("a", { href: `/board/device/${one.device}` }, h("h2", one.name)), badge(one.state), h("span.dim", heard(one)),
      h("span.station-class", one.class ? [h("b", t(`board_class.${one.class}`)), one.must ? h("span", { class: one.class > one.must ? "is-bad" : "dim" }, t("board_water.must", { class: t(`board_class.${one.must}`) })) : null] : h("span.dim", t("board_water.unclassed")))),
    scale(one),
    h("ul.parameters", one.parameters.map((each) => h("li", { key: each.quantity },
      h("span.parameter-name", w.both(each.title)), h("span.parameter-value", { class: each.kept ? "is-kept" : "" }, h("b", w.num(each.value, each.digits)), h("i", each.unit)), trendMark(each.trend), spark(each.spark, { wide: 60, high: 20 }),
      each.class ? h("span.class-chip", { class: `class-${each.class}` }, t(`board_class.${each.class}`)) : h("span.dim.small", each.flag === "GOOD" || each.flag === "UNKNOWN" ? "" : t(`board_flag.${each.flag}`))))));
}

/** Where the station stands on the way from I to worse than V. */
const scale = (one) => h("div.class-scale", { "aria-hidden": "true" }, [1, 2, 3, 4, 5, 6].map((n) => h("span", { key: n, class: `class-${n} ${one.class === n ? "is-here" : ""}` }, t(`board_class_short.${n}`))));

function table(data) {
  const rows = data.table.filter((row) => row.limits && Object.keys(row.limits).length);
  if (!rows.length) return null;
  const titles = new Map(data.stations.flatMap((one) => one.parameters.map((each) => [each.quantity, each])));
  return h("details.panel.standard", { key: "standard" }, h("summary", icon("next"), t("board_water.standard")),
    h("div.scroll", { tabindex: "0", role: "group", "aria-label": t("board_water.standard") }, h("table", h("thead", h("tr", h("th", { scope: "col" }, t("board_water.parameter")), [1, 2, 3, 4, 5].map((n) => h("th", { key: n, scope: "col" }, t(`board_class.${n}`))))),
      h("tbody", rows.filter((row) => titles.has(row.quantity)).map((row) => h("tr", { key: row.quantity }, h("th", { scope: "row" }, `${w.both(titles.get(row.quantity)?.title) || row.quantity} ${titles.get(row.quantity)?.unit || ""}`), [1, 2, 3, 4, 5].map((n) => h("td", { key: n }, row.limits[n] === undefined ? "–" : `${row.side === "above" ? "≤" : "≥"} ${w.short(row.limits[n])}`))))))));
}
