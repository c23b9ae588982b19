// One alert: what happened, who was told when and over what, and what can be done now.
import { h, icon } from "../dom.js";
import { ask, maybe, Refused } from "../live.js";
import { against, badge, DOMAIN_ICON, empty, head, holder, masks, placeOf, stateWord } from "../parts.js";
import * as w from "../words.js";
import { drawCharts, chartBox } from "../chart.js";

const { t } = w;
let asking = ""; // which little form is open
const MINUTES = [30, 120, 480, 1440];

export async function load({ args: [rule, target] }) {
  const path = `${encodeURIComponent(rule)}/${encodeURIComponent(target)}`;
  const [data, all, one] = await Promise.all([ask("/board/data/alerts"), maybe("/api/v1/alerts"), maybe(`/api/v1/alerts/${path}`).catch(() => null)]);
  const shown = data.alerts.find((each) => each.rule === rule && each.target === target) || null;
  const plain = one || (all || []).find((each) => each.rule === rule && each.target === target) || null;
  return { ...data, shown, plain, rule, target, timeline: one?.timeline || null };
}
export const leave = () => (asking = "");
export const after = (element, app) => drawCharts(element, app);

export function view(data, app) {
  const one = data.shown;
  if (!one) return h("div.page", { key: "alert" }, empty("s-normal", t("board_alert.over"), t("board_alert.over_more"), { whole: true }), data.timeline ? history(data) : null, h("p.center", h("a.button", { href: "/board/alerts" }, icon("back"), t("board_nav.alerts"))));
  const said = against(one);
  return h("div.page.narrow", { key: "alert" },
    h("a.crumb", { href: "/board/alerts" }, icon("back"), t("board_nav.alerts")),
    h("section.panel.alert-hero", { key: "hero", class: `sev-${one.severity}` },
      h("div.hero-sign", icon(`s-${one.severity}`, "sev-icon"), h("b", stateWord(one.severity))),
      h("div.hero-body", h("p.hero-place", icon(DOMAIN_ICON[one.domain] || "radio"), one.cell_name || t(`board_domain.${one.domain}`), one.state === "firing" ? null : h("span.chip", stateWord(one.state)), masks(one)),
        h("h1", `${placeOf(one)} · ${w.both(one.title) || t("board_alert.blind_title")}`),
        h("p.hero-facts", said.what, " ", said.value ? h("strong", said.value) : null, said.limit ? h("span.dim", said.limit) : null),
        h("p.dim", t("board_alert.since", { time: w.when(one.since), ago: w.ago(one.since) })), h("p", holder(one)))),
    actions(one, app),
    asking ? form(one, app) : null,
    one.evidence && app.can("worker") ? h("section.panel.pad-all", { key: "picture" }, h("img.evidence", { src: `/api/v1/evidence/${encodeURIComponent(one.evidence)}/snapshot.jpg`, alt: t("board_alert.picture") })) : null,
    one.measured && one.domain !== "camera" ? h("section.panel", { key: "chart" }, head("", w.both(one.measured.title), h("a.more", { href: `/board/device/${encodeURIComponent(one.device)}` }, t("board_nav.device"), icon("next"))), chartBox(one.device, one.measured, one.limit ? [one.limit] : [], one.age_s < 3000 ? "1h" : "24h")) : null,
    history(data));
}

function actions(one, app) {
  if (!app.can("worker")) return app.session?.user && app.session.user !== "public" ? null : h("p.note.pad", icon("person"), h("a.more", { href: `/board/sign?to=${encodeURIComponent(location.pathname)}` }, t("board_alert.sign_to_act")));
  const open = (name) => () => ((asking = asking === name ? "" : name), app.redraw());
  return h("div.actions", { key: "actions" },
    one.rule !== "blind" && !one.acknowledged && one.state !== "pending" ? h("button.button.primary", { type: "button", onclick: () => acknowledge(one, app) }, icon("tick"), t("board_alert.ack")) : null,
    one.state === "latched" && app.can("operator") ? h("button.button.primary", { type: "button", onclick: () => confirm(one, app) }, icon("tick"), t("board_alert.confirm")) : null,
    one.order ? h("a.button", { href: `/board/order/${one.order}` }, icon("order"), t("board_alert.see_order")) : h("button.button", { type: "button", onclick: open("order"), "aria-expanded": String(asking === "order") }, icon("order"), t("board_alert.order")),
    app.can("operator") ? ((one.masks || []).some((mask) => mask.kind === "shelved") ? h("button.button", { type: "button", onclick: () => act(app, "/api/v1/alerts/unshelve", { rule: one.rule, target: one.target }, t("board_alert.unshelved")) }, icon("snooze"), t("board_alert.unshelve")) : h("button.button", { type: "button", onclick: open("shelve"), "aria-expanded": String(asking === "shelve") }, icon("snooze"), t("board_alert.shelve"))) : null);
}

async function act(app, path, body, done) {
  try {
    const answer = await ask(path, { method: "POST", body });
    asking = "";
    app.toast(done);
    app.reload();
    return answer;
  } catch (error) {
    app.toast(error instanceof Refused && [404, 501].includes(error.status) && !error.body.error ? t("board.not_here") : error.message, true);
    return null;
  }
}
export const acknowledge = (one, app) => act(app, "/api/v1/alerts/ack", { rule: one.rule, target: one.target }, t("board_alert.acked"));
const confirm = (one, app) => act(app, "/api/v1/alerts/confirm", { rule: one.rule, target: one.target }, t("board_alert.confirmed"));

function form(one, app) {
  if (asking === "shelve") return h("form.panel.form", { key: "shelve", onsubmit: (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.target));
    act(app, "/api/v1/alerts/shelve", { rule: one.rule, target: one.target, minutes: Number(said.minutes), why: said.why }, t("board_alert.shelved"));
  } }, h("h2", t("board_alert.shelve_title")), h("p.dim", t("board_alert.shelve_more")),
  h("fieldset.choices", h("legend.vh", t("board_alert.how_long")), MINUTES.map((minutes, index) => h("label.choice", { key: minutes }, h("input", { type: "radio", name: "minutes", value: String(minutes), checked: index === 1 }), h("span", w.span(minutes * 60))))),
  h("label.field", h("span", t("board_alert.why")), h("input", { name: "why", required: true, maxlength: "120" })),
  h("div.actions", h("button.button.primary", { type: "submit" }, t("board_alert.shelve")), h("button.button", { type: "button", onclick: () => ((asking = ""), app.redraw()) }, t("board.cancel"))));
  return h("form.panel.form", { key: "order", onsubmit: async (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.target));
    const made = await act(app, "/api/v1/orders", one.state === "pending" || one.rule === "blind" ? { title: said.title, text: said.text, device: one.device } : { title: said.title, text: said.text, rule: one.rule, target: one.target }, t("board_alert.ordered"));
    if (made?.id) app.go(`order/${made.id}`);
  } }, h("h2", t("board_alert.order_title")),
  h("label.field", h("span", t("board_orders.title")), h("input", { name: "title", required: true, maxlength: "80", value: `${placeOf(one)} ${w.both(one.title)}` })),
  h("label.field", h("span", t("board_orders.text")), h("textarea", { name: "text", rows: "3", maxlength: "500" })),
  h("div.actions", h("button.button.primary", { type: "submit" }, t("board_alert.order")), h("button.button", { type: "button", onclick: () => ((asking = ""), app.redraw()) }, t("board.cancel"))));
}

function history(data) {
  const measured = data.shown?.measured;
  const rows = data.timeline ? data.timeline.map((one, index) => entry(one, index, measured)) : told(data.plain);
  return h("section.panel", { key: "history" }, head("clock", t("board_alert.timeline")), rows.length ? h("ol.timeline", rows) : h("p.dim.pad", t("board_alert.no_timeline")));
}

function entry(one, index, measured) {
  const kind = one.kind || "";
  if (kind === "state") return line(index, one.at, one.state === "normal" ? "tick" : "alert", [stateWord(one.state), one.state === "normal" ? "" : stateWord(one.severity)].filter(Boolean).join(" · "), one.value === null || one.value === undefined || !measured ? "" : `${w.both(measured.title)} ${w.num(one.value, measured.digits)} ${measured.unit}`, one.state === "normal" ? "is-good" : "");
  return line(index, one.at, { state: "alert", ack: "tick", acknowledged: "tick", told: "person", message: "person", mask: "snooze", order: "order" }[kind] || "next", w.both(one.text) || w.say("board_timeline", kind), one.why || one.by || "");
}
const line = (key, at, sign, text, more, state = "") => h("li", { key, class: state }, h("time", { datetime: at || null }, w.when(at)), h("span.timeline-sign", icon(sign)), h("span.timeline-text", h("b", text), more ? h("span.dim", more) : null));

/** Without a timeline of the gateway: what the list of alerts itself knows. */
function told(plain) {
  if (!plain) return [];
  const rows = [line("since", plain.since, "alert", t("board_timeline.began"), "")];
  for (const [index, one] of (plain.told || []).entries()) {
    rows.push(line(`t${index}`, one.settled_at || one.not_before, one.state === "failed" ? "cross" : "person", t("board_timeline.told", { person: one.person_name || one.person, channel: one.channel, level: one.level }), `${w.say("told", one.state)}${one.state === "queued" ? ` · ${t("board_timeline.not_before", { time: w.when(one.not_before) })}` : ""}${one.why && one.why !== "shown" ? ` · ${one.why}` : ""}`, one.state === "failed" ? "is-bad" : ""));
  }
  if (plain.acknowledged) rows.push(line("ack", plain.acknowledged.at, "tick", t("board_alert.taken", { by: plain.acknowledged.by }), "", "is-good"));
  return rows.sort((a, b) => String(a.kids[0].props.datetime || "z").localeCompare(String(b.kids[0].props.datetime || "z")));
}
