// One order: what is to be done, its next step, its pictures, and everything that happened to it.
import { h, icon } from "../dom.js";
import { ask, maybe, Refused } from "../live.js";
import { empty, head } from "../parts.js";
import { due, lamp, OPEN, stateChip, steps } from "../job.js";
import { waiting } from "../queue.js";
import * as w from "../words.js";

const { t } = w;
export const bare = true; // its figures carry no headline
let doing = "";

export async function load({ args: [id] }, app) {
  const [order, people, queued] = await Promise.all([maybe(`/api/v1/orders/${encodeURIComponent(id)}`), app.can("operator") ? maybe("/api/v1/people").catch(() => null) : null, waiting().catch(() => [])]);
  return { order, people, queued: queued.filter((entry) => entry.path.includes(`/orders/${id}/`)) };
}
export const leave = () => (doing = "");

export function view(data, app) {
  const one = data.order;
  if (!one) return empty("order", t("board_orders.unknown"), null, { whole: true });
  const device = app.site?.devices?.[one.device];
  const place = [app.site?.cells?.[one.cell]?.name].filter(Boolean).join(" · ");
  return h("div.page.narrow", { key: "order" },
    h("a.crumb", { href: app.can("operator") ? "/board/orders" : "/board/my" }, icon("back"), t(app.can("operator") ? "board_nav.orders" : "board_nav.my")),
    h("section.panel.order-hero", { key: "hero", class: `light-${one.light}` },
      h("p.hero-place", h("span", one.number), stateChip(one), lamp(one), OPEN.has(one.state) ? h("span", icon("clock"), due(one)) : null), h("h1", one.title), one.text ? h("p", one.text) : null,
      h("dl.facts", device ? [h("dt", { key: "dt" }, t("board_orders.where")), h("dd", { key: "d" }, h("a.more", { href: `/board/device/${one.device}` }, device.name), h("span.dim", place))] : place ? [h("dt", { key: "dt" }, t("board_orders.where")), h("dd", { key: "d" }, place)] : null,
        h("dt", t("board_orders.who")), h("dd", app.people?.[one.person] || one.person || t("board_orders.nobody")), h("dt", t("board_orders.due")), h("dd", w.when(one.due)),
        one.rule ? [h("dt", { key: "rt" }, t("board_orders.why")), h("dd", { key: "r" }, h("a.more", { href: `/board/alert/${encodeURIComponent(one.rule)}/${encodeURIComponent(one.target)}` }, t("board_orders.see_alert")))] : null),
      one.returned_why && one.state === "returned" ? h("p.note", icon("s-yellow", "sev-icon sev-yellow"), t("board_orders.returned_because", { why: one.returned_why })) : null,
      data.queued.map((entry) => h("p.note.is-queued", { key: entry.key }, icon("upload"), t("board_queue.kept", { what: t(`board_do.${entry.path.split("/").pop()}`), time: w.clock(entry.at) }))),
      OPEN.has(one.state) ? steps(one, app) : null, app.can("operator") ? lead(one, data, app) : null),
    one.photos?.length ? h("section.panel", { key: "photos" }, head("photo", t("board_orders.photos")), h("div.photos", one.photos.map((name) => h("a", { key: name, href: photo(one, name), target: "_blank", rel: "noopener" }, h("img", { src: photo(one, name), alt: t("board_orders.photo_of", { title: one.title }), loading: "lazy" }))))) : null,
    h("section.panel", { key: "log" }, head("clock", t("board_alert.timeline")), h("ol.timeline", one.log.map((entry, index) => h("li", { key: index }, h("time", { datetime: entry.at }, w.when(entry.at)), h("span.timeline-sign", icon(SIGN[entry.what] || "next")), h("span.timeline-text", h("b", `${w.say("board_log", entry.what)}`), h("span.dim", [app.people?.[entry.by] || w.say("board_by", entry.by), entry.note].filter(Boolean).join(" · "))))))));
}
const SIGN = { created: "order", accepted: "tick", on_site: "pin", done: "photo", checked: "tick", returned: "back", assigned: "person", late: "clock" };
const photo = (one, name) => `/api/v1/orders/${one.id}/photos/${encodeURIComponent(name)}`;

/** What somebody who answers for it may do: close, send back, give to another. */
function lead(one, data, app) {
  const open = (name) => () => ((doing = doing === name ? "" : name), app.redraw());
  const people = Object.entries(data.people?.people || data.people || {});
  return h("div.lead", { key: "lead" }, h("div.actions",
    one.state === "done" ? h("button.button.primary", { type: "button", onclick: () => act(one, "check", {}, app) }, icon("tick"), t("board_do.check")) : null,
    one.state === "done" ? h("button.button", { type: "button", onclick: open("return") }, icon("back"), t("board_do.return")) : null,
    OPEN.has(one.state) && people.length ? h("button.button", { type: "button", onclick: open("assign") }, icon("person"), t("board_do.assign")) : null),
  doing === "return" ? h("form.form", { key: "return", onsubmit: (event) => (event.preventDefault(), act(one, "return", { why: new FormData(event.target).get("why") }, app)) }, h("label.field", h("span", t("board_orders.return_why")), h("input", { name: "why", required: true, maxlength: "200" })), h("button.button.primary", { type: "submit" }, t("board_do.return"))) : null,
  doing === "assign" ? h("form.form", { key: "assign", onsubmit: (event) => (event.preventDefault(), act(one, "assign", { person: new FormData(event.target).get("person") }, app)) }, h("label.field", h("span", t("board_orders.who")), h("select.input", { name: "person" }, people.map(([slug, person]) => h("option", { key: slug, value: slug, selected: slug === one.person }, person.name || slug)))), h("button.button.primary", { type: "submit" }, t("board_do.assign"))) : null);
}

async function act(one, what, body, app) {
  try {
    await ask(`/api/v1/orders/${one.id}/${what}`, { method: "POST", body });
    doing = "";
    app.toast(t(`board_did.${what}`));
    app.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.body.key === "sure" && window.confirm(error.message)) return act(one, what, { ...body, sure: true }, app);
    app.toast(error.message, true);
  }
  return null;
}
