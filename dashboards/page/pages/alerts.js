// 告警: everything that is not normal, worst first; one tap takes it on.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { alertRow, DOMAIN_ICON, empty, head, SEVERITIES, stateWord, badge } from "../parts.js";
import * as w from "../words.js";
import { acknowledge } from "./alert.js";

const { t } = w;
let domain = "";
let tab = "now";

export async function load() {
  const [data, past] = await Promise.all([ask("/board/data/alerts"), tab === "past" ? maybe("/api/v1/alerts/history?limit=100").catch(() => null) : null]);
  return { ...data, past: Array.isArray(past) ? past : past?.alerts || null };
}

export function view(data, app) {
  const domains = [...new Set(data.alerts.map((one) => one.domain))];
  if (domain && !domains.includes(domain)) domain = "";
  const shown = data.alerts.filter((one) => !domain || one.domain === domain);
  const loud = shown.filter((one) => one.state !== "pending");
  const waiting = shown.filter((one) => one.state === "pending");
  const pick = (name) => () => ((tab = name), app.reload());
  return h("div.page", { key: "alerts" },
    h("div.page-head", h("h1", icon("alert"), t("board_nav.alerts")),
      h("div.filter", { role: "group", "aria-label": t("board_alerts.which") }, ["now", "past"].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(tab === name), onclick: pick(name) }, t(`board_alerts.${name}`)))),
      tab === "now" && domains.length > 1 ? h("div.filter", { role: "group", "aria-label": t("board_alerts.by_domain") }, ["", ...domains].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(domain === name), onclick: () => ((domain = name), app.redraw()) }, name ? [icon(DOMAIN_ICON[name] || "radio"), t(`board_domain.${name}`)] : t("board_bins.every")))) : null),
    tab === "past" ? history(data.past) : [
      h("section.panel", { key: "loud" }, head("alert", t("board_village.alerts"), h("span.dim", String(loud.length))),
        loud.length ? h("ul.alerts", loud.map((one) => alertRow(one, { tools: tools(one, app) }))) : h("div.calm", icon("s-normal", "big"), h("p", t("board_village.calm")))),
      waiting.length ? h("section.panel", { key: "waiting" }, head("clock", t("board_alerts.waiting"), h("span.dim", String(waiting.length))), h("ul.alerts", waiting.map((one) => alertRow(one)))) : null]);
}

const tools = (one, app) => (app.can("worker") && !one.acknowledged && one.state !== "pending" && one.rule !== "blind" ? h("button.button.small.row-tool", { type: "button", onclick: () => acknowledge(one, app) }, icon("tick"), t("board_alert.ack")) : null);

function history(past) {
  if (!past) return empty("alert", t("board.not_here"));
  return h("section.panel", { key: "past" }, head("clock", t("board_alerts.past")), past.length ? h("ul.alerts", past.map((one) => h("li.alert", { key: `${one.rule} ${one.target} ${one.since}`, class: `sev-${one.severity} is-quiet` }, h("span.alert-link", h("span.alert-sign", icon(`s-${one.severity}`, "sev-icon"), h("span.alert-word", stateWord(one.severity))), h("span.alert-body", h("span.alert-title", h("b", one.device_name || one.device || one.target), h("span", w.both(one.title || one.name))), h("span.alert-facts", `${w.when(one.since)} – ${w.when(one.at || one.until)}`)))))) : h("p.dim.pad", t("board_alerts.no_past")));
}
