// One device: every quantity with its course, what it said last, what it is, and how well it is heard.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { chartBox, drawCharts } from "../chart.js";
import { alertRow, badge, DOMAIN_ICON, figure, head, heard, lines, stateWord } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
const SPANS = ["1h", "24h", "7d", "30d", "365d"];
let span = "";
let of = "";
const OWN = new Set(["battery", "battery_v", "rssi", "snr", "link_quality", "link_margin", "f_cnt", "seq", "online", "temperature", "sensor_status"]);

export async function load({ args: [slug] }) {
  const name = encodeURIComponent(slug);
  const [data, about] = await Promise.all([ask(`/board/data/device/${name}`), maybe(`/api/v1/devices/${name}`).catch(() => null)]);
  return { ...data, about };
}
export const after = (element, app) => drawCharts(element, app);

export function view(data, app) {
  const { card, values, about } = data;
  if (of !== card.device || !span) [of, span] = [card.device, card.period_s < 60 ? "1h" : "24h"]; // who reports each few seconds is looked at closely
  const main = values.filter((one) => !OWN.has(one.quantity) && one.kind !== "state");
  const rest = values.filter((one) => !main.includes(one));
  return h("div.page", { key: `device ${card.device}` },
    h("div.page-head", h("h1", icon(DOMAIN_ICON[card.domain] || "radio"), card.name || card.device), badge(card.state || "normal"),
      h("p.summary", card.cell_name ? h("span", icon("pin"), card.cell_name) : null, h("span.dim", card.device), about?.model ? h("span.dim", about.model) : null, h("span.dim", icon("radio"), heard(card))),
      h("div.filter", { role: "group", "aria-label": t("board_device.span") }, SPANS.map((one) => h("button.chip-button", { key: one, type: "button", "aria-pressed": String(one === span), onclick: () => ((span = one), app.redraw(), drawCharts(document.getElementById("main"), app)) }, t(`board_span.${one}`))))),
    data.alerts.length ? h("section.panel", { key: "alerts" }, h("ul.alerts", data.alerts.map((one) => alertRow(one)))) : null,
    h("div.charts", { key: "charts" }, main.map((one) => h("section.panel.chart-panel", { key: one.quantity, "aria-label": w.both(one.title) },
      head("", w.both(one.title), flag(one), figure(one)), chartBox(card.device, one, lines(one.limits), span)))),
    h("div.three", { key: "about" }, health(rest, about, card), raw(about), catalogue(about)));
}

/** PT10M as people say it. */
function spelled(iso) {
  const found = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?$/.exec(iso || "");
  return found ? w.span((+found[1] || 0) * 86400 + (+found[2] || 0) * 3600 + (+found[3] || 0) * 60 + (+found[4] || 0)) : iso;
}

const flag = (one) => (one.flag === "GOOD" || one.flag === "UNKNOWN" ? null : h("span.chip.is-flagged", { title: one.flagged_by }, `${t(`board_flag.${one.flag}`)}${one.flagged_by ? ` · ${one.flagged_by.split("+").map((word) => w.say("board_check", word)).join("、")}` : ""}`));

function health(rest, about, card) {
  const counts = about?.counts || {};
  const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
  return h("section.panel", { key: "health" }, head("radio", t("board_device.health")),
    h("dl.facts", rest.map((one) => [h("dt", { key: `${one.quantity} t` }, w.both(one.title)), h("dd", { key: one.quantity }, one.kind === "state" ? (one.quantity === "online" ? stateWord(one.value ? "normal" : "silent") : one.value === 0 || one.value === 1 ? t(`board_device.${one.value ? "yes" : "no"}`) : w.num(one.value, 0)) : `${w.num(one.value, one.digits)} ${one.unit}`, flag(one))]),
      h("dt", t("board_device.period")), h("dd", w.span(card.period_s)),
      all ? [h("dt", { key: "qt" }, t("board_device.quality")), h("dd.quality", { key: "q" }, Object.entries(counts).map(([name, n]) => h("span", { key: name, class: `flag-${name}` }, `${t(`board_flag.${name}`)} ${n}`)))] : null,
      about?.error ? [h("dt", { key: "et" }, t("board_device.error")), h("dd.is-bad", { key: "e" }, about.error)] : null));
}

function raw(about) {
  return h("section.panel", { key: "raw" }, head("", t("board_device.raw"), about?.raw?.at ? h("span.dim", w.when(about.raw.at)) : null), about?.raw?.text ? h("pre.raw", { tabindex: "0" }, pretty(about.raw.text)) : h("p.dim.pad", t("board_device.no_raw")));
}
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function catalogue(about) {
  const model = about?.catalogue;
  if (!model) return h("section.panel", { key: "model" }, head("", t("board_device.model")), h("p.dim.pad", t("board_device.no_model")));
  const facts = [["maker", model.maker || model.vendor], ["model", model.title ? w.both(model.title) : model.name || model.model], ["kind", t(`board_domain.${model.domain}`)], ["interval", spelled(model.interval)], ["document", model.document?.name || (Array.isArray(model.documents) ? model.documents.map((one) => one.name).join("; ") : "")]];
  return h("section.panel", { key: "model" }, head("", t("board_device.model"), h("span.dim", about.model)), h("dl.facts", facts.filter(([, value]) => value).map(([key, value]) => [h("dt", { key: `${key} t` }, t(`board_device.${key}`)), h("dd", { key }, String(w.both(value)))])),
    h("details.pad", h("summary", t("board_device.whole")), h("pre.raw", { tabindex: "0" }, JSON.stringify(model, null, 1))));
}
