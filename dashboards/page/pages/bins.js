// 垃圾桶满溢监控: one bar for each bin with its limit line, when it will be full, who goes there next.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { villageMap } from "../map.js";
import { badge, empty, head, heard, lines, SEVERITIES, stateWord } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
let cell = "";

export async function load() {
  const [data, round] = await Promise.all([ask("/board/data/bins"), maybe("/api/v1/round?role=cleaner").catch(() => null)]);
  return { ...data, round };
}

export function view(data, app) {
  if (!data.bins.length) return empty("bin", t("board_bins.none"), t("board_bins.none_more"), { whole: true });
  const cells = new Map(data.bins.map((one) => [one.cell || "", one.cell_name || t("board_bins.no_cell")]));
  if (cell && !cells.has(cell)) cell = "";
  const shown = data.bins.filter((one) => !cell || one.cell === cell);
  return h("div.page", { key: "bins" },
    h("div.page-head", h("h1", icon("bin"), t("board_domain.bin")),
      h("p.summary", badge(data.over ? "yellow" : "normal", t("board_bins.over", { n: data.over })), h("span", t("board_bins.soon", { n: data.soon })), h("span.dim", t("board_bins.all", { n: data.bins.length }))),
      cells.size > 1 ? filter(cells, app) : null),
    h("section.panel.bin-panel", { key: "bars", "aria-label": t("board_domain.bin") }, h("ul.bins", { css: { "--n": String(shown.length) } }, shown.map(bin))),
    h("div.two", { key: "below" }, round(data, app), h("section.panel.map-panel", { key: "map", "aria-label": t("board_map.title") }, head("pin", t("board_map.title")), villageMap({ assets: shown, cells: app.site?.cells || {}, picture: app.site?.map, route: data.round?.stops?.map((stop) => stop.device) }))));
}

const filter = (cells, app) => h("div.filter", { role: "group", "aria-label": t("board_bins.by_cell") },
  [["", t("board_bins.every")], ...cells].map(([slug, name]) => h("button.chip-button", { key: slug, type: "button", "aria-pressed": String(cell === slug), onclick: () => ((cell = slug), app.redraw()) }, name)));

/** The worst limit a value has crossed. */
const crossed = (one) => SEVERITIES.find((word) => one.limits.some((limit) => limit.severity === word && one.fill?.value > limit.value)) || "";

function bin(one) {
  const value = one.fill?.value ?? null;
  const level = crossed(one);
  const state = one.state === "normal" && level ? "pending" : one.state;
  return h("li.bin", { key: one.device, class: `sev-${one.state}` },
    h("a.bin-link", { href: `/board/device/${one.device}` },
      h("span.bin-value", h("b", { class: one.fill?.kept ? "is-kept" : "" }, value === null ? "–" : w.num(value, 0)), h("i", "%")),
      h("span.bin-bar", { role: "img", "aria-label": t("board_bins.bar", { value: w.num(value, 0), limit: w.short(one.line) }) },
        h("span.bin-fill", { css: { "--v": String(Math.max(0, Math.min(100, value ?? 0))) } }),
        lines(one.limits).map((limit) => h("span.bin-line", { key: limit.value, class: `sev-${limit.severity} ${limit.value === one.line ? "is-main" : ""}`, css: { "--at": String(limit.value) } }, limit.value === one.line ? h("i", w.short(limit.value)) : null))),
      h("span.bin-name", one.name), h("span.bin-state", badge(state)),
      h("span.bin-facts", h("span", icon("clock"), forecast(one)), h("span.dim", icon("tick"), one.emptied ? t("board_bins.emptied", { ago: w.ago(one.emptied) }) : t("board_bins.never_emptied")),
        h("span.dim", one.battery !== null ? [icon("battery"), `${w.num(one.battery, 0)} %`] : icon("radio"), heard(one)))));
}

function forecast(one) {
  if (one.tipped) return t("board_bins.tipped");
  if (one.full_in_h === 0) return t("board_bins.full_now");
  if (one.full_in_h !== null) return t("board_bins.full_in", { span: w.span(one.full_in_h * 3600) });
  return one.per_h === null ? t("board_bins.unknown") : t("board_bins.steady");
}

function round(data) {
  const { round: next } = data;
  const soonest = data.bins.filter((one) => one.full_in_h !== null).sort((a, b) => a.full_in_h - b.full_in_h).slice(0, 8);
  if (next?.stops?.length) {
    return h("section.panel", { key: "round" }, head("route", t("board_bins.round"), h("span.dim", next.at ? w.when(next.at) : "", next.length_m ? ` · ${t("board_bins.length", { m: w.num(next.length_m, 0) })}` : "")),
      h("ol.stops", next.stops.map((stop, index) => h("li", { key: stop.device }, h("a", { href: `/board/device/${stop.device}` }, h("b.stop-number", String(index + 1)), h("span", stop.name), h("strong", stop.fill === null || stop.fill === undefined ? "–" : `${w.num(stop.fill, 0)} %`), h("span.dim", stop.full_in_s ? t("board_bins.full_in", { span: w.span(stop.full_in_s) }) : ""))))));
  }
  return h("section.panel", { key: "soon" }, head("clock", t("board_bins.next_full")),
    soonest.length ? h("ol.stops", soonest.map((one, index) => h("li", { key: one.device }, h("a", { href: `/board/device/${one.device}` }, h("b.stop-number", String(index + 1)), h("span", one.name), h("strong", `${w.num(one.fill?.value, 0)} %`), h("span.dim", one.full_in_h ? `${w.when(one.full_at)} · ${forecast(one)}` : forecast(one)))))) : h("p.dim.pad", t("board_bins.unknown_all")));
}
