// 工单: every job of the village with its traffic light, and how the village gets on with them.
import { h, icon } from "../dom.js";
import { maybe } from "../live.js";
import { empty, head } from "../parts.js";
import { due, lamp, OPEN, stateChip } from "../job.js";
import * as w from "../words.js";

const { t } = w;
export const bare = true; // its figures carry no headline
let which = "open";
let cell = "";

export async function load() {
  const week = new Date(w.now() - 7 * 86400000).toISOString();
  const [answer, sums] = await Promise.all([maybe("/api/v1/orders?state=all&limit=300"), maybe(`/api/v1/orders/statistics?from=${week}&to=${new Date(w.now()).toISOString()}`).catch(() => null)]);
  return { orders: Array.isArray(answer) ? answer : answer?.orders || null, sums };
}

export function view(data, app) {
  if (!data.orders) return empty("order", app.session && app.session.user !== "public" ? t("board.not_here") : t("board_orders.sign"), null, { whole: true });
  const cells = [...new Set(data.orders.map((one) => one.cell).filter(Boolean))];
  if (cell && !cells.includes(cell)) cell = "";
  const mine = (one) => app.session?.person && one.person === app.session.person;
  const fits = { open: (one) => OPEN.has(one.state), check: (one) => one.state === "done", closed: (one) => one.state === "checked", mine };
  const shown = data.orders.filter((one) => fits[which](one) && (!cell || one.cell === cell));
  const late = data.orders.filter((one) => OPEN.has(one.state) && one.light === "red").length;
  return h("div.page", { key: "orders" },
    h("div.page-head", h("h1", icon("order"), t("board_nav.orders")), h("p.summary", h("span", { class: late ? "is-bad" : "dim" }, t("board_orders.late_n", { n: late }))),
      h("div.filter", { role: "group", "aria-label": t("board_orders.which") }, ["open", "check", "closed", ...(app.session?.person ? ["mine"] : [])].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(which === name), onclick: () => ((which = name), app.redraw()) }, t(`board_orders.${name}`), h("b", String(data.orders.filter(fits[name]).length))))),
      cells.length > 1 ? h("label.pick", h("span.vh", t("board_bins.by_cell")), h("select.input", { onchange: (event) => ((cell = event.target.value), app.redraw()) }, h("option", { value: "", selected: !cell }, t("board_bins.every")), cells.map((slug) => h("option", { key: slug, value: slug, selected: cell === slug }, app.site?.cells?.[slug]?.name || slug)))) : null),
    shown.length ? h("section.panel", { key: "list" }, h("ul.order-list", shown.map((one) => row(one, app)))) : h("section.panel.calm", { key: "calm" }, icon("s-normal", "big"), h("p", t("board_village.no_orders"))),
    data.sums ? sums(data.sums, app) : null);
}

function row(one, app) {
  const device = app.site?.devices?.[one.device];
  const cell = app.site?.cells?.[one.cell];
  return h("li", { key: one.id }, h("a.order-row", { href: `/board/order/${one.id}` },
    lamp(one), h("span.order-title", h("b", one.title), h("span.dim", [one.number, device?.name, cell?.name].filter(Boolean).join(" · "))),
    h("span.order-person", icon("person"), app.people?.[one.person] || one.person || t("board_orders.nobody")), h("span.order-due", { class: one.light === "red" && OPEN.has(one.state) ? "is-bad" : "" }, OPEN.has(one.state) ? due(one) : w.when(one.done || one.checked)), stateChip(one)));
}

function sums(data, app) {
  const table = (title, heap, name) => h("section.panel", { key: title }, head("", title), h("div.scroll", { tabindex: "0", role: "group", "aria-label": title }, h("table", h("thead", h("tr", h("th", { scope: "col" }, h("span.vh", title)), ["told", "accepted", "done", "late"].map((key) => h("th", { key, scope: "col" }, t(`board_orders.sum_${key}`))), h("th", { scope: "col" }, t("board_orders.sum_median")))),
    h("tbody", Object.entries(heap || {}).map(([slug, one]) => h("tr", { key: slug }, h("th", { scope: "row" }, name(slug)), ["told", "accepted", "done", "late"].map((key) => h("td", { key, class: key === "late" && one.late ? "is-bad" : "" }, String(one[key] ?? 0))), h("td", one.median_s ? w.span(one.median_s) : "–")))))));
  return h("div.three", { key: "sums" }, table(t("board_orders.by_cell"), data.cells, (slug) => app.site?.cells?.[slug]?.name || slug), table(t("board_orders.by_person"), data.people, (slug) => app.people?.[slug] || slug),
    h("section.panel", { key: "worst" }, head("alert", t("board_orders.worst")), h("ol.stops", (data.worst || []).map((one, index) => h("li", { key: `${one.rule} ${one.target}` }, h("a", { href: `/board/device/${one.target.split(":")[0]}` }, h("b.stop-number", String(index + 1)), h("span", app.site?.devices?.[one.target.split(":")[0]]?.name || one.target), h("strong", t("board_orders.times", { n: one.times })), h("span.dim", one.rule)))))));
}
