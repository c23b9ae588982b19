// The frame around every page: who is here, where he is, what the gateway says, and the band on top.
import { h, icon, paint } from "./dom.js";
import { ask, follow, line, listen, maybe, Refused } from "./live.js";
import * as w from "./words.js";
import { Signed, stateWord } from "./parts.js";
import { waiting, sendAll } from "./queue.js";

const { t } = w;
const ROLES = ["viewer", "worker", "operator", "admin"];
// The order of the rail; phone: what the bar at the bottom holds.
const PAGES = [
  ["village", "", "village"], ["alerts", "alerts", "alert"], ["bins", "bins", "bin"], ["water", "water", "water"],
  ["houses", "houses", "structure"], ["weather", "weather", "weather"], ["fields", "fields", "soil"],
  ["cameras", "cameras", "camera"], ["linkage", "linkage", "link"], ["orders", "orders", "order"], ["admin", "admin", "gear"],
];
const ON_PHONE = ["village", "alerts", "my", "menu"];
const MODULES = new Set(["village", "alerts", "bins", "water", "houses", "weather", "fields", "cameras", "linkage", "orders", "order", "my", "admin", "alert", "device", "sign", "menu"]);
const KIOSK = ["village", "bins", "water", "houses", "weather", "fields"];
const KIOSK_S = 20;

export const app = {
  session: null, site: null, people: {}, place: null, page: null, data: null, error: null, band: null, busy: false, kiosk: false, queued: 0, theme: "dark",
  can: (role) => Boolean(app.session) && ROLES.indexOf(app.session.role) >= ROLES.indexOf(role),
  go, redraw: draw, reload: () => load(true), toast, signedIn, signOut,
};

// -- where we are --------------------------------------------------------------------------------------------------

function read() {
  const parts = location.pathname.replace(/^\/board\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);
  const name = parts[0] || "village";
  return { name: MODULES.has(name) ? name : "village", args: parts.slice(1), query: new URLSearchParams(location.search) };
}

export function go(path, { replace = false } = {}) {
  const keep = app.kiosk ? (path.includes("?") ? "&" : "?") + "kiosk" : "";
  history[replace ? "replaceState" : "pushState"](null, "", `/board/${path}${keep}`);
  arrive();
}

async function arrive() {
  const place = read();
  const page = await import(`./pages/${place.name}.js`);
  const moved = app.page !== null;
  if (app.page && app.page.leave) app.page.leave(app);
  Object.assign(app, { place, page, data: null, error: null, kiosk: place.query.has("kiosk") });
  document.documentElement.classList.toggle("kiosk", app.kiosk);
  draw();
  window.scrollTo(0, 0);
  if (moved && !app.kiosk) document.getElementById("main")?.focus({ preventScroll: true });
  await load(true);
}

function clicked(event) {
  const anchor = event.target.closest?.("a[href^='/board/']");
  if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || anchor.target || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(anchor.getAttribute("href").replace("/board/", ""));
}

// -- what the gateway says -------------------------------------------------------------------------------------------

let asked = 0;
let dirty = false;
let timer = null;
const LEAST_MS = 2000;

async function load(now = false) {
  clearTimeout(timer);
  const wait = asked + LEAST_MS - Date.now();
  if (!now && wait > 0) {
    timer = setTimeout(load, wait);
    return;
  }
  asked = Date.now();
  dirty = false;
  const { place, page } = app;
  if (!page) return;
  if (!page.load) return draw();
  try {
    const [data, band] = await Promise.all([page.load(place, app), page.bare ? maybe("/board/data/band").catch(() => null) : null]);
    if (app.place !== place) return;
    const said = band || data;
    if (said?.now) w.setClock(said.now, said.zone);
    if (said?.headline) app.band = said.headline;
    app.data = data;
    app.error = null;
  } catch (error) {
    if (app.place !== place) return;
    if (error instanceof Refused && error.status === 401) return toSign();
    if (error instanceof Refused) app.error = error;
    else if (!(error instanceof TypeError)) {
      console.error(error);
      app.error = error;
    }
  }
  draw();
  if (page.after) page.after(document.getElementById("main"), app);
  timer = setTimeout(load, line.open ? 20000 : 5000);
}

function toSign() {
  app.session = null;
  if (app.place.name !== "sign") go(`sign?to=${encodeURIComponent(location.pathname + location.search)}`, { replace: true });
}

function told(kind, data) {
  if (kind === "line") draw();
  else if (kind === "open") load();
  else if (kind === "alert" && data) shout(data);
  if (["reading", "alert", "order", "event"].includes(kind) && app.page && !(app.page.still && kind === "reading")) load();
}

const shouted = new Set();
function shout(alert) {
  if (alert.state !== "firing") return;
  const key = `${alert.rule} ${alert.target} ${alert.since} ${alert.severity}`;
  if (shouted.has(key)) return;
  shouted.add(key);
  const device = app.site?.devices?.[alert.device];
  document.getElementById("shout").textContent = `${stateWord(alert.severity)} ${w.both(alert.title ?? alert.name)} ${device?.name || alert.target}`;
}

export function toast(text, bad = false) {
  document.getElementById(bad ? "shout" : "say").textContent = text;
  app.note = { text, bad };
  draw();
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ((app.note = null), draw()), 5000);
}

// -- who is here ---------------------------------------------------------------------------------------------------------

async function signedIn(session) {
  app.session = session;
  line.csrf = session?.csrf || "";
  if (session) localStorage.setItem(WHO, JSON.stringify({ ...session, csrf: "" }));
  const wanted = localStorage.getItem("vg-lang") || session?.language;
  if (wanted && wanted !== w.lang()) await w.learn(wanted);
  const [site, said] = await Promise.all([maybe("/api/v1/site").catch(() => null), session ? maybe("/board/data/band").catch(() => null) : null]);
  app.site = site;
  app.people = said?.people || {};
  if (app.site) w.setClock(new Date(w.now()).toISOString(), app.site.timezone);
  follow();
}

async function signOut() {
  await maybe("/api/v1/session", { method: "DELETE" }).catch(() => null);
  ["vg-who", "vg-my"].forEach((name) => localStorage.removeItem(name));
  app.session = null;
  go("sign");
}

const WHO = "vg-who";
async function whoAmI() {
  try {
    const session = await ask("/api/v1/session");
    localStorage.setItem(WHO, JSON.stringify({ ...session, csrf: "" }));
    return session;
  } catch (error) {
    if (!(error instanceof Refused)) return JSON.parse(localStorage.getItem(WHO) || "null"); // a phone without a line still shows its owner's jobs
    localStorage.removeItem(WHO);
    return null;
  }
}

// -- the frame ---------------------------------------------------------------------------------------------------------------

function theme(name) {
  app.theme = name;
  localStorage.setItem("vg-theme", name);
  document.documentElement.dataset.theme = name;
  document.querySelector("meta[name=theme-color]").content = name === "dark" ? "#0d1114" : "#f3f5f4";
  draw();
}

async function speak() {
  const other = w.lang() === "zh" ? "en" : "zh";
  localStorage.setItem("vg-lang", other);
  await w.learn(other);
  draw();
  load(true);
}

function band() {
  const one = app.band;
  if (!one) return h("p.band", { key: "band" });
  const active = ["red", "orange", "yellow"].reduce((sum, word) => sum + one.counts[word], 0);
  const mild = one.counts.blue + one.counts.info;
  const words = active ? t("board_band.alarm", { n: active }) : mild ? t("board_band.notice", { n: mild }) : !one.expected ? t("board_band.no_devices") : one.silent ? t("board_band.normal_but", { n: one.silent }) : t("board_band.normal");
  return h("p.band", { key: "band", class: `sev-${one.worst}` },
    icon(`s-${one.worst}`, "sev-icon"),
    h("strong.band-word", words),
    h("span.band-counts", ["red", "orange", "yellow", "blue", "info"].filter((word) => one.counts[word]).map((word) =>
      h("span.count", { key: word, class: `sev-${word}` }, icon(`s-${word}`, "sev-icon"), h("b", String(one.counts[word])), h("span.count-word", stateWord(word)))),
      one.waiting ? h("span.count", { key: "p", class: "sev-pending" }, icon("s-pending", "sev-icon"), h("b", String(one.waiting)), h("span.count-word", t("board_state.pending"))) : null));
}

function fresh() {
  const age = app.band?.newest ? w.since(app.band.newest) : null;
  const old = age === null || age > 120;
  return h("p.fresh", { key: "fresh", class: old ? "is-old" : "" }, h("span.dot", { "aria-hidden": "true" }), h("span.fresh-word", age === null ? t("board_band.no_data") : t("board_band.newest", { ago: w.agoS(age) })));
}

function top() {
  const name = app.site?.name || app.data?.site || t("board.title");
  return h("header.top", { key: "top" },
    h("a.brand", { href: "/board/" }, h("svg.mark", { viewBox: "0 0 64 64", "aria-hidden": "true" }, h("use", { href: "/board/page/mark.svg#m" })), h("span.brand-name", name)),
    band(), fresh(),
    h("p.now", { key: "now" }, h("b", w.clock(w.now())), h("span", `${w.day(w.now())} ${w.weekday(w.now())}`)),
    h("div.tools", { key: "tools" },
      app.queued ? h("span.queued", icon("upload"), t("board_queue.waiting", { n: app.queued })) : null,
      h("button.tool", { onclick: speak, type: "button", title: t("board.other_language_long") }, h("span.tool-text", t("board.other_language")), h("span.vh", t("board.other_language_long"))),
      h("button.tool", { onclick: () => theme(app.theme === "dark" ? "light" : "dark"), type: "button", "aria-label": t("board.theme"), title: t("board.theme") }, icon(app.theme === "dark" ? "sun" : "moon")),
      h("button.tool.only-wide", { onclick: kiosk, type: "button", "aria-label": t("board.kiosk"), title: t("board.kiosk") }, icon("screen")),
      Signed(app)));
}

function rail() {
  const here = app.place?.name;
  const group = { alert: "alerts", device: app.data?.card ? { bin: "bins", water: "water", structure: "houses", weather: "weather", level: "weather", soil: "fields" }[app.data.card.domain] : "", order: "orders", my: "orders" };
  const current = (name) => (here === name || group[here] === name ? "page" : null);
  const entry = ([name, path, sign], css) => h(`a.rail-link.${css}`, { key: `${css}-${name}`, href: `/board/${path}`, "aria-current": current(name) }, icon(sign), h("span", t(`board_nav.${name}`)),
    name === "alerts" && app.band?.open ? h("span.rail-count", { "aria-label": t("board_band.open", { n: app.band.open }) }, String(app.band.open)) : null);
  const shown = PAGES.filter(([name]) => name !== "admin" || app.can("operator"));
  return h("nav.rail", { key: "rail", "aria-label": t("board_nav.all") },
    shown.map((one) => entry(one, "wide")),
    ON_PHONE.map((name) => entry(PAGES.find(([known]) => known === name) || (name === "my" ? ["my", "my", "order"] : ["menu", "menu", "menu"]), "phone")));
}

function body() {
  if (app.error) return h("section.panel.empty", { key: "error" }, icon("s-silent", "big"), h("h1", t("board.cannot")), h("p", app.error.message), h("button.button", { type: "button", onclick: () => load(true) }, t("board.again")));
  if (!app.data && app.page?.load) return h("div.skeleton", { key: "wait", role: "status", "aria-label": t("board.loading") }, [1, 2, 3, 4, 5, 6].map((n) => h("span.bone", { key: n })));
  return app.page.view(app.data, app);
}

function draw() {
  if (!app.place) return;
  const alone = app.place.name === "sign";
  document.title = `${t(`board_nav.${app.place.name}`)} · ${app.site?.name || t("board.title")}`;
  document.body.classList.toggle("cut", Boolean(line.lost));
  paint(document.getElementById("app"),
    alone ? null : top(), alone ? null : rail(),
    line.lost ? h("p.cut-bar", { key: "cut", role: "alert" }, icon("radio"), t("board_band.cut", { time: w.clockS(line.lost) })) : null,
    h("main.main", { key: "main", id: "main", tabindex: "-1", class: `page-${app.place.name}` }, body()),
    app.note ? h("p.toast", { key: "toast", class: app.note.bad ? "bad" : "" }, icon(app.note.bad ? "cross" : "tick"), app.note.text) : null);
}

let cycle = null;
function kiosk() {
  const on = !app.kiosk;
  if (on) document.documentElement.requestFullscreen?.().catch(() => null);
  else if (document.fullscreenElement) document.exitFullscreen();
  app.kiosk = false;
  history.pushState(null, "", on ? "/board/?kiosk" : "/board/");
  arrive();
}
function turn() {
  if (!app.kiosk || !app.place) return;
  if (app.band && (app.band.counts.red > 0) && app.place.name === "village") return; // the village stays while it is red
  const next = KIOSK[(KIOSK.indexOf(app.place.name) + 1) % KIOSK.length];
  go(next === "village" ? "" : next, { replace: true });
}

export async function queueChanged() {
  app.queued = (await waiting()).length;
  draw();
}

async function start() {
  app.theme = localStorage.getItem("vg-theme") || (matchMedia("(min-width: 1000px)").matches ? "dark" : matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = app.theme;
  import(`./pages/${read().name}.js`).catch(() => null); // is on its way while the gateway says who is here; arrive() tells of a failure
  const [session] = await Promise.all([whoAmI(), w.learn(localStorage.getItem("vg-lang"))]);
  await signedIn(session || null);
  document.addEventListener("click", clicked);
  window.addEventListener("popstate", arrive);
  document.addEventListener("keydown", (event) => event.key === "Escape" && app.kiosk && kiosk());
  listen(told);
  cycle = setInterval(turn, KIOSK_S * 1000);
  setInterval(draw, 1000);
  window.addEventListener("online", sendQueue);
  setInterval(sendQueue, 20000);
  queueChanged().catch(() => null);
  if (session && session.must_change && read().name !== "sign") go("sign?change", { replace: true });
  else await arrive();
  sendQueue();
  if ("serviceWorker" in navigator && (location.protocol === "https:" || ["localhost", "127.0.0.1"].includes(location.hostname))) navigator.serviceWorker.register("/board/sw.js", { scope: "/board/" }).catch(() => null);
}

async function sendQueue() {
  if (!line.csrf && app.session && navigator.onLine && (await waiting().catch(() => [])).length) {
    const session = await whoAmI();
    if (session?.csrf) await signedIn(session);
  }
  const sent = await sendAll().catch(() => 0);
  if (sent) {
    toast(t("board_queue.sent", { n: sent }));
    load(true);
  }
  await queueChanged().catch(() => null);
}

start();
