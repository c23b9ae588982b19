// 总览: is anything wrong, can this screen be trusted, how does each function of the village stand.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { villageMap } from "../map.js";
import { alertRow, badge, DOMAIN_ICON, figure, head, SEVERITIES, spark, stateWord, trendMark } from "../parts.js";
import * as w from "../words.js";
import { stateOf, stop } from "./linkage.js";

const { t } = w;
const PAGE_OF = { bin: "bins", water: "water", structure: "houses", weather: "weather", level: "weather", soil: "fields", camera: "cameras" };

export async function load() {
  const [data, orders, events] = await Promise.all([ask("/board/data/village"), maybe("/api/v1/orders").catch(() => null), maybe("/api/v1/events?limit=60").catch(() => null)]);
  return { ...data, orders: listOf(orders), events: listOf(events) };
}
const listOf = (answer) => (Array.isArray(answer) ? answer : answer?.orders || answer?.events || null);

export function view(data, app) {
  return h("div.village", { key: "village", class: data.acting.length ? "is-acting" : "" },
    h("h1.vh", t("board_nav.village")),
    data.acting.length ? h("section.acting", { key: "acting", role: "status", "aria-label": t("board_nav.linkage") }, data.acting.map((one) => h("p", { key: one.output }, icon("link"), h("b", one.name), stateOf(one), one.on ? h("span", t("board_linkage.left", { span: w.span(one.left_s) })) : null, h("span.dim", [w.both(one.why_title) || one.why, one.by].filter(Boolean).join(" · ")), app.can("worker") && one.on ? h("button.button.small.danger", { type: "button", onclick: () => stop(one, app) }, icon("cross"), t("board_linkage.stop")) : h("a.more", { href: "/board/linkage" }, t("board_nav.linkage"), icon("next"))))) : null,
    h("div.tiles", { key: "tiles", css: { "--n": String(data.tiles.length) } }, data.tiles.map(tile)),
    h("section.panel.alerts-panel", { key: "alerts", "aria-label": t("board_village.alerts") }, alerts(data, app)),
    h("section.panel.map-panel", { key: "map", "aria-label": t("board_map.title") }, head("pin", t("board_map.title"), legend(data.assets)), villageMap({ assets: data.assets, cells: data.cells, picture: app.site?.map })),
    h("div.village-side", { key: "side" }, trust(data.trust), orders(data.orders, app), evidence(data.events, app), news(data.news)));
}

function alerts(data, app) {
  const loud = data.alerts.filter((one) => one.state !== "pending");
  const waiting = data.alerts.filter((one) => one.state === "pending");
  return [
    head("alert", t("board_village.alerts"), h("a.more", { href: "/board/alerts" }, t("board_village.all", { n: data.alerts.length + data.more }), icon("next"))),
    loud.length + waiting.length ? h("ul.alerts", { key: "list", tabindex: "0", "aria-label": t("board_village.alerts") }, loud.map((one) => alertRow(one, { mayLook: app.can("worker") })),
      waiting.length ? h("li.alerts-break", { key: "break" }, icon("s-pending", "sev-icon"), t("board_village.waiting", { n: waiting.length })) : null,
      waiting.map((one) => alertRow(one)))
      : h("div.calm", { key: "calm" }, icon("s-normal", "big"), h("p", t("board_village.calm")), h("p.dim", t("board_village.calm_more", { n: data.trust.heard }))),
  ];
}

function tile(one) {
  return h("a.tile.panel", { key: one.domain, href: `/board/${PAGE_OF[one.domain]}`, class: `sev-${one.worst} tile-${one.domain}` },
    h("span.tile-head", icon(DOMAIN_ICON[one.domain]), h("h2", t(`board_domain.${one.domain}`))),
    one.main || one.rain?.length || one.domain === "camera" ? (BODY[one.domain] || plain)(one) : h("span.tile-none", t("board_village.no_value")));
}

const sign = (one) => (one.worst === "unheard" ? null : badge(one.worst, one.bad > 1 ? `${stateWord(one.worst)} ${one.bad}` : stateWord(one.worst)));
const main = (one, value, note) => h("span.tile-main", value, h("span.tile-side", sign(one), h("span.tile-limit", note)));
const foot = (one, left) => h("span.tile-foot", h("span", left || one.of?.name || ""), one.main ? h("span.dim", w.ago(one.main.at)) : null);
const limitWord = (one) => (one.limit !== null && one.limit !== undefined ? t(`board_tile.${one.side}`, { value: w.short(one.limit) }) : t("board_village.no_limit"));

const plain = (one) => h("span.tile-body", main(one, [figure(one.main), trendMark(one.trend)], limitWord(one)), spark(one.spark, { limit: one.limit ?? null, state: one.worst }), foot(one));

const BODY = {
  bin: (one) => h("span.tile-body", main(one, figure(one.main), t("board_village.over", { n: one.over, of: one.count, limit: one.limit })),
    h("span.mini-bars", { "aria-hidden": "true", css: { "--at": `${one.limit ?? 100}` } }, one.bars.map((bar) => h("span.mini-bar", { key: bar.device, class: `sev-${bar.state}` }, h("span", { css: { height: `${Math.max(2, Math.min(100, bar.value ?? 0))}%` } })))),
    foot(one)),
  water: (one) => h("span.tile-body", main(one, h("span.class-big", { class: `class-${one.class}` }, t(`board_class.${one.class}`)), `${w.both(one.main.title)} ${w.num(one.main.value, one.main.digits)}`),
    spark(one.spark, { limit: one.limit ?? null, state: one.worst }), foot(one)),
  camera: (one) => h("span.tile-body", main(one, h("span.figure", h("b", String(one.seen)), h("i", t("board_village.times"))), t("board_village.in_a_day")),
    h("span.tile-kinds", Object.entries(one.kinds).slice(0, 3).map(([kind, n]) => h("span", { key: kind }, w.eventWord(kind), h("b", String(n))))),
    h("span.tile-foot", h("span", one.last ? one.last.place : t("board_cameras.nothing")), one.last ? h("span.dim", w.ago(one.last.at)) : null)),
  weather(one) {
    const hour = one.rain.find((window) => window.hours === 1);
    const long = one.rain.find((window) => window.hours === 24);
    const level = SEVERITIES.find((word) => one.rain.some((window) => window.level === word));
    const pair = (name, value) => h("span", h("i", name), h("b", value));
    return h("span.tile-body", main(one, figure(one.main), level ? t("board_weather.equals", { level: stateWord(level) }) : t("board_weather.calm")),
      h("span.tile-pairs", pair(t("board_weather.hour"), hour ? w.num(hour.mm, 1) : "–"), pair(t("board_weather.day"), long ? w.num(long.mm, 1) : "–"), pair(t("board_weather.wind"), w.num(one.wind?.value, 1))),
      foot(one));
  },
};

function legend(assets) {
  const counts = {};
  for (const one of assets) counts[one.state] = (counts[one.state] || 0) + 1;
  return h("span.legend", ["red", "orange", "yellow", "blue", "info", "silent", "unheard", "pending", "normal"].filter((word) => counts[word]).map((word) =>
    h("span", { key: word, class: `sev-${word}` }, icon(`s-${word}`, "sev-icon"), h("b", String(counts[word])), h("span.legend-word", stateWord(word)))));
}

function trust(one) {
  const sinks = Object.entries(one.sinks);
  const down = Object.entries(one.sources).filter(([, state]) => state !== "open" && state !== "opening");
  const bad = one.silent.length + one.blind.length + down.length + (one.clock ? 0 : 1) + one.problems.filter((problem) => problem.urgent).length;
  const line = (key, sign, ok, title, value, href) => h(href ? "a.trust-line" : "p.trust-line", { key, href, class: ok ? "" : "is-bad" }, icon(sign), h("span", title), h("b", value), icon(ok ? "s-normal" : "s-yellow", `sev-icon ${ok ? "sev-normal" : "sev-yellow"}`), h("span.vh", ok ? t("board_state.normal") : t("board_trust.look")));
  return h("section.panel.trust", { key: "trust", "aria-label": t("board_trust.title") },
    head("radio", t("board_trust.title"), badge(bad ? "yellow" : "normal", bad ? t("board_trust.not_all") : t("board_trust.all"))),
    h("div.trust-lines",
      line("heard", "radio", !one.silent.length, t("board_trust.heard"), `${one.heard}/${one.expected}`),
      one.silent.slice(0, 3).map((card) => h("a.trust-silent", { key: card.device, href: `/board/device/${card.device}` }, icon("s-silent", "sev-icon"), h("span", card.name), h("span.dim", w.agoS(card.heard_s)))),
      down.map(([name, state]) => line(name, "link", false, t("board_trust.source", { name }), w.say("state", state))),
      one.blind.length ? line("blind", "camera", false, t("board_trust.cameras"), String(one.blind.length), "/board/cameras") : null,
      sinks.length ? line("backlog", "upload", sinks.every(([, state]) => ["up to date", "sending", "catching up", "starting"].includes(state)), t("board_trust.backlog"), t("board_trust.waiting", { n: one.backlog ?? 0 })) : line("backlog", "upload", true, t("board_trust.backlog"), t("board_trust.local")),
      line("disk", "disk", (one.disk_used ?? 0) < 90, t("board_trust.disk"), one.disk_used === null ? "–" : `${w.num(one.disk_used, 0)} %`),
      line("clock", "clock", one.clock, t("board_trust.clock"), one.clock ? t("board_trust.clock_ok") : t("board_trust.clock_bad"))));
}

function orders(list, app) {
  if (!list) return null;
  const open = list.filter((one) => !["checked", "closed", "void", "cancelled"].includes(one.state));
  return h("section.panel.orders-panel", { key: "orders", "aria-label": t("board_village.orders") },
    head("order", t("board_village.orders"), h("a.more", { href: "/board/orders" }, t("board_village.all", { n: list.length }), icon("next"))),
    open.length ? h("ul.mini-orders", open.slice(0, 4).map((one) => h("li", { key: one.id }, h("a", { href: `/board/order/${one.id}`, class: `light-${one.light}` }, h("span.light", { "aria-label": t(`board_light.${one.light}`) }), h("span.mini-title", one.title), h("span.dim", t(`board_order_state.${one.state}`)), h("span.dim", app.people[one.person] || one.person || "–"))))) : h("p.dim.pad", t("board_village.no_orders")));
}

function news(list) {
  if (!list.length) return null;
  const what = (one) => (one.kind === "order" ? t("board_news.order", { what: w.say("board_log", one.detail.what) }) : one.kind === "over" ? t("board_news.over", { title: w.both(one.title) }) : one.title ? w.both(one.title) : w.eventWord(one.kind));
  return h("section.panel.news-panel", { key: "news", "aria-label": t("board_news.title") }, head("clock", t("board_news.title")),
    h("ul.news", list.map((one) => h("li", { key: one.seq }, h("time", { datetime: one.at }, w.clock(one.at)), icon(`s-${one.state}`, `sev-icon sev-${one.state}`), h("span", one.place ? h("b", one.place) : null, " ", what(one), one.state === "normal" ? null : h("span.vh", stateWord(one.state)))))));
}

function evidence(events, app) {
  const pictured = (events || []).filter((one) => one.evidence && one.detail?.state !== "ended").slice(0, 3);
  if (!pictured.length || !app.can("worker")) return null; // each look is written down, so only who may look is shown any
  return h("section.panel.strip-panel", { key: "strip", "aria-label": t("board_village.evidence") }, head("camera", t("board_village.evidence"), h("a.more", { href: "/board/cameras" }, icon("next"))),
    h("div.strip", pictured.map((one) => h("a.shot", { key: one.seq, href: `/board/cameras?event=${one.seq}` }, h("img", { src: `/api/v1/evidence/${encodeURIComponent(one.evidence)}/snapshot.jpg`, alt: w.eventWord(one.kind), loading: "lazy" }), h("span", w.eventWord(one.kind)), h("time", w.clock(one.at))))));
}
