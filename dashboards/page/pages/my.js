// 我的任务: what a worker has to do, with a thumb, also where there is no signal.
import { h, icon } from "../dom.js";
import { maybe, line, Refused } from "../live.js";
import { empty, head } from "../parts.js";
import { jobCard, OPEN } from "../job.js";
import { waiting, drop } from "../queue.js";
import { queueChanged } from "../app.js";
import * as w from "../words.js";

const { t } = w;
export const bare = true; // its figures carry no headline
const KEPT = "vg-my";
const FIRST = { red: 0, amber: 1, green: 2 };

export async function load() {
  const queued = await waiting().catch(() => []);
  try {
    const answer = await maybe("/api/v1/orders?mine=true&state=all&limit=60");
    const orders = Array.isArray(answer) ? answer : answer?.orders || null;
    if (orders) localStorage.setItem(KEPT, JSON.stringify({ at: w.now(), orders: orders.slice(0, 60) }));
    return { orders, queued, kept: null };
  } catch (error) {
    if (error instanceof Refused) throw error;
    const kept = JSON.parse(localStorage.getItem(KEPT) || "null");
    return { orders: kept?.orders || [], queued, kept: kept?.at || null };
  }
}

export function view(data, app) {
  if (!data.orders) return empty("order", app.session && app.session.user !== "public" ? t("board.not_here") : t("board_orders.sign"), null, { whole: true });
  const open = data.orders.filter((one) => OPEN.has(one.state)).sort((a, b) => FIRST[a.light] - FIRST[b.light] || String(a.due).localeCompare(String(b.due)));
  const rest = data.orders.filter((one) => !OPEN.has(one.state)).slice(0, 10);
  const refused = data.queued.filter((entry) => entry.refused);
  return h("div.page.narrow", { key: "my" },
    h("div.page-head", h("h1", icon("order"), t("board_nav.my")), h("p.summary", h("b", t("board_orders.to_do", { n: open.length })), data.kept ? h("span.chip", icon("radio"), t("board_queue.offline", { time: w.when(data.kept) })) : null, data.queued.length ? h("span.chip", icon("upload"), t("board_queue.waiting", { n: data.queued.length })) : null)),
    refused.map((entry) => h("section.panel.pad-all", { key: entry.key }, h("p.note", icon("cross"), t("board_queue.refused", { why: entry.refused })), h("button.button.small", { type: "button", onclick: async () => (await drop(entry.key), await queueChanged(), app.reload()) }, t("board_queue.forget")))),
    open.length ? h("ul.jobs", open.map((one) => jobCard(one, app, data.queued))) : h("section.panel.calm", { key: "calm" }, icon("s-normal", "big"), h("p", t("board_village.no_orders"))),
    rest.length ? h("section.panel", { key: "rest" }, head("tick", t("board_orders.lately")), h("ul.mini-orders", rest.map((one) => h("li", { key: one.id }, h("a", { href: `/board/order/${one.id}`, class: `light-${one.light}` }, h("span.light"), h("span.mini-title", one.title), h("span.dim", t(`board_order_state.${one.state}`)), h("span.dim", w.when(one.done || one.created))))))) : null);
}
