// What several pages show: states, figures, courses, alerts. Colour never alone: colour, shape and word.
import { h, icon } from "./dom.js";
import * as w from "./words.js";

const { t } = w;
export const SEVERITIES = ["red", "orange", "yellow", "blue", "info"];
export const stateWord = (word) => w.say("board_state", word);

/** A state: shape, colour and word. */
export const badge = (word, text) => h("span.badge", { class: `sev-${word}` }, icon(`s-${word}`, "sev-icon"), h("span", text || stateWord(word)));

export const DOMAIN_ICON = { bin: "bin", water: "water", structure: "structure", soil: "soil", weather: "weather", level: "level", camera: "camera", gateway: "gear", other: "radio" };

/** Title of a panel with what stands at its right. */
export const head = (sign, title, ...right) => h("header.panel-head", sign ? icon(sign) : null, h("h2", title), h("div.panel-right", right));

/** A figure with its unit. */
export const figure = (reading, css = "") => h("span.figure", { class: `${css} ${reading?.kept ? "is-kept" : ""}` }, h("b", w.num(reading?.value, reading?.digits ?? 1)), reading?.unit ? h("i", reading.unit) : null);

export const arrowOf = (trend) => (trend > 0 ? "up" : trend < 0 ? "down" : "flat");
export const trendMark = (trend) => h("span.trend", { title: t(`board_trend.${arrowOf(trend)}`) }, icon(arrowOf(trend)), h("span.vh", t(`board_trend.${arrowOf(trend)}`)));

/** The recent course of a value: a quiet line, its limit dashed. spark: [[seconds ago, value]], oldest first. */
export function spark(points, { limit = null, state = "normal", wide = 100, high = 28, label = "" } = {}) {
  if (!points || points.length < 2) return h("svg.spark", { viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true" });
  const values = points.map(([, value]) => value);
  let low = Math.min(...values);
  let top = Math.max(...values);
  if (limit !== null && limit - top < (top - low) * 2 + 1e-9 && low - limit < (top - low) * 2 + 1e-9) {
    low = Math.min(low, limit);
    top = Math.max(top, limit);
  }
  const room = top - low || Math.abs(top) * 0.1 || 1;
  const oldest = points[0][0];
  const newest = points[points.length - 1][0];
  const x = (ago) => ((oldest - ago) / (oldest - newest || 1)) * (wide - 3) + 1;
  const y = (value) => high - 3 - ((value - low) / room) * (high - 6);
  const gap = ((oldest - newest) / points.length) * 3.5;
  let path = "";
  points.forEach(([ago, value], index) => {
    const apart = index && points[index - 1][0] - ago > gap;
    path += `${index && !apart ? "L" : "M"}${x(ago).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  const shown = limit !== null && limit >= low && limit <= top;
  return h("svg.spark", { viewBox: `0 0 ${wide} ${high}`, preserveAspectRatio: "none", class: `sev-${state}`, role: label ? "img" : null, "aria-label": label || null, "aria-hidden": label ? null : "true" },
    shown ? h("line.spark-limit", { x1: 0, x2: wide, y1: y(limit), y2: y(limit) }) : null,
    h("path.spark-line", { d: path }));
}

/** How far beyond which limit, in words. */
export function against(alert) {
  const limit = alert.limit;
  const unit = alert.measured?.unit || "";
  const what = w.both(alert.measured?.title);
  const digits = Math.max(alert.measured?.digits ?? 1, 0);
  const value = alert.value === null || alert.value === undefined ? "" : `${w.num(alert.value, digits)} ${unit}`.trim();
  if (alert.rule === "blind") return { what: t("board_alert.blind", { what }), value: "", limit: "" };
  if (!limit) return { what, value, limit: "" };
  if (limit.side === "flagged" || limit.side === "is" && alert.measured && alert.limit.view === "") {
    const key = `board_why.${alert.rule}`;
    return { what: w.has(key) ? t(key, { what }) : what, value: "", limit: "" };
  }
  if (limit.side === "missing") return { what: t("board_alert.missing", { what }), value: "", limit: "" };
  if (limit.side === "event") return { what: t("board_alert.event"), value: "", limit: "" };
  if (limit.side === "reaches" || limit.side === "falls_to") return { what, value: alert.value === null ? "" : alert.value <= 0 ? t("board_alert.reached") : t("board_alert.in_hours", { span: w.span(alert.value * 3600) }), limit: t(`board_side.${limit.side}`, { value: w.short(limit.value), unit }) };
  const how = limit.view ? t(`board_view.${limit.view}`, { span: w.span(limit.span_s), what }) : what;
  const per = limit.per ? `${unit}/${t(`board_per.${limit.per}`)}` : unit;
  return { what: how, value: alert.value === null || alert.value === undefined ? "" : `${w.num(alert.value, limit.per ? 3 : digits)} ${per}`.trim(), limit: limit.value === null ? "" : t(`board_side.${limit.side}`, { value: w.short(limit.value), unit: per }) };
}

/** Who has it. */
export function holder(alert) {
  if (alert.acknowledged) return h("span.holder.is-taken", icon("tick"), t("board_alert.taken", { by: alert.acknowledged.by }));
  if (alert.told?.length) return h("span.holder", icon("person"), t("board_alert.told", { people: alert.told.slice(0, 2).join("、") + (alert.told.length > 2 ? ` +${alert.told.length - 2}` : "") }));
  if (alert.waiting?.length) return h("span.holder", icon("clock"), t("board_alert.queued", { people: alert.waiting.slice(0, 2).join("、") }));
  if (alert.state === "pending") return h("span.holder", icon("clock"), t("board_alert.confirming"));
  return h("span.holder", icon("person"), t("board_alert.nobody"));
}

/** A mask that keeps an alert from being told, in a word. */
export const masks = (alert) => (alert.masks || []).map((mask) => h("span.mask", { key: mask.kind, title: mask.why || "" }, icon("snooze"), w.say("board_mask", mask.kind), mask.until ? ` ${w.when(mask.until)}` : ""));

/** Where it is, in a word. */
export const placeOf = (alert) => (alert.domain === "gateway" ? t("board_domain.gateway") : alert.place);

export const alertPath = (alert) => `/board/alert/${encodeURIComponent(alert.rule)}/${encodeURIComponent(alert.target)}`;

export function alertRow(alert, { tools = null, mayLook = false } = {}) {
  const said = against(alert);
  const quiet = alert.state === "pending" || alert.state === "recovering";
  return h("li.alert", { key: `${alert.rule} ${alert.target}`, class: `sev-${alert.severity} ${quiet ? "is-quiet" : ""} ${alert.acknowledged ? "is-taken" : ""}` },
    h("a.alert-link", { href: alertPath(alert) },
      h("span.alert-sign", icon(`s-${alert.severity}`, "sev-icon"), h("span.alert-word", stateWord(alert.severity))),
      h("span.alert-body",
        h("span.alert-title", h("b", placeOf(alert)), h("span", w.both(alert.title) || t("board_alert.blind_title"))),
        h("span.alert-facts", h("span", said.what), said.value ? h("strong", said.value) : null, said.limit ? h("span.alert-limit", said.limit) : null),
        h("span.alert-who", alert.state === "firing" ? null : h("span.chip", stateWord(alert.state)), holder(alert), masks(alert), alert.cell_name ? h("span.cell", icon("pin"), alert.cell_name) : null)),
      alert.evidence && mayLook ? h("img.alert-picture", { src: `/api/v1/evidence/${encodeURIComponent(alert.evidence)}/snapshot.jpg`, alt: t("board_alert.picture"), loading: "lazy", onerror: (event) => event.target.remove() }) : null,
      h("time.alert-since", { datetime: alert.since }, w.ago(alert.since))),
    tools);
}

/** Who has signed in, and the way out. */
export function Signed(app) {
  if (!app.session || app.session.user === "public") return h("a.tool", { href: "/board/sign", "aria-label": t("board_sign.in"), title: t("board_sign.in") }, icon("person"));
  return h("details.me", { key: "me" }, h("summary.tool", { "aria-label": app.session.name || app.session.user, title: app.session.name || app.session.user }, icon("person")),
    h("div.me-menu", h("p", h("b", app.session.name || app.session.user), h("span", w.say("board_role", app.session.role))),
      h("a.button.plain", { href: "/board/sign?change" }, t("board_sign.change")),
      h("button.button.plain", { type: "button", onclick: app.signOut }, icon("out"), t("board_sign.out"))));
}

/** What stands where there is nothing yet; `whole`: it is all of the page. */
export const empty = (sign, title, text, { whole = false } = {}) => h("section.panel.empty", icon(sign, "big"), h(whole ? "h1" : "h2", title), text ? h("p", text) : null);

/** A word for how long nothing was heard, when that is longer than it should be. */
export const heard = (card) => h("span.heard", { class: card.state === "silent" || card.state === "unheard" ? "is-old" : "" }, w.agoS(card.heard_s));

/** Limits of the plain value, one for each number. */
export function lines(limits) {
  const found = new Map();
  for (const one of limits || []) if (!found.has(`${one.side}${one.value}`)) found.set(`${one.side}${one.value}`, one);
  return [...found.values()];
}
