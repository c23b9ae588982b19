// 联动: sirens, relays, loudspeakers: what is on and why, who may stop it, which rules switch it.
import { h, icon } from "../dom.js";
import { ask, Refused } from "../live.js";
import { badge, empty, head, stateWord } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
export const load = () => ask("/board/data/linkage");

export function view(data, app) {
  if (!data.outputs.length && !data.looks.length) return empty("link", t("board_linkage.none"), t("board_linkage.none_more"), { whole: true });
  const on = data.outputs.filter((one) => one.on).length;
  return h("div.page", { key: "linkage" },
    h("div.page-head", h("h1", icon("link"), t("board_nav.linkage")), h("p.summary", badge(on ? "orange" : "normal", on ? t("board_linkage.acting", { n: on }) : t("board_linkage.rest"))), app.can("worker") && on > 1 ? h("button.button.danger.push", { type: "button", onclick: () => act("/api/v1/outputs/stop", {}, app, t("board_linkage.stopped")) }, t("board_linkage.stop_all")) : null),
    h("ul.outputs", data.outputs.map((one) => output(one, app))),
    data.looks.length ? h("section.panel", { key: "looks" }, head("camera", t("board_linkage.looks")), h("ul.plain-list", data.looks.map((one) => h("li", { key: `${one.rule} ${one.camera}` }, h("b", w.both(one.title)), icon("next"), app.site?.devices?.[one.camera]?.name || (one.camera === "nearest" ? t("board_linkage.nearest") : one.camera), one.preset ? h("span.dim", one.preset) : null)))) : null,
    h("section.panel", { key: "done" }, head("clock", t("board_linkage.done")), data.done.length ? h("ol.timeline", data.done.map((one) => h("li", { key: one.seq, class: one.kind === "output_fault" ? "is-bad" : "" }, h("time", { datetime: one.at }, w.when(one.at)), h("span.timeline-sign", icon(one.kind === "output_fault" ? "cross" : "link")), h("span.timeline-text", h("b", `${data.outputs.find((each) => each.output === one.output)?.name || one.output} ${saidOf(one)}`), h("span.dim", [w.both(one.why_title) || one.detail.why, one.detail.by].filter(Boolean).join(" · ")))))) : h("p.dim.pad", t("board_linkage.nothing"))));
}

const saidOf = (one) => (one.kind === "output_fault" ? t("board_linkage.fault") : t(`board_linkage.${one.detail.on || one.detail.state === "on" ? "on" : "off"}`));

export const stateOf = (one) => (one.trouble ? badge("yellow", t("board_linkage.fault")) : one.on ? badge("orange", t("board_linkage.on")) : one.on === null ? badge("silent", t("board_linkage.unknown")) : badge("normal", t("board_linkage.off")));

function output(one, app) {
  return h("li.panel.output", { key: one.output, class: one.on ? "sev-orange" : one.trouble ? "sev-yellow" : "sev-normal" },
    h("header.station-head", h("h2", one.name), stateOf(one), h("span.dim.push", t(`board_linkage.${one.kind}`))),
    h("p.output-now", one.on ? h("strong", t("board_linkage.left", { span: w.span(one.left_s) })) : h("span.dim", t("board_linkage.max", { span: w.span(one.max_s) })), one.on || one.why ? h("span.dim", [w.both(one.why_title) || one.why, one.by].filter(Boolean).join(" · ")) : null),
    one.trouble ? h("p.note.pad", icon("s-yellow", "sev-icon sev-yellow"), one.trouble) : null,
    h("ul.plain-list", one.rules.map((rule) => h("li", { key: rule.rule }, icon("alert"), h("b", w.both(rule.title)), rule.from ? badge(rule.from, t("board_linkage.from", { level: stateWord(rule.from) })) : null, h("span.dim", t("board_linkage.for", { span: w.span(rule.for_s ?? one.max_s) }))))),
    h("div.actions.pad", app.can("worker") && one.on ? h("button.button.danger", { type: "button", onclick: () => stop(one, app) }, icon("cross"), t("board_linkage.stop")) : null,
      app.can("admin") && !one.on ? h("button.button.small", { type: "button", onclick: () => window.confirm(t("board_linkage.test_sure", { name: one.name })) && act(`/api/v1/outputs/${encodeURIComponent(one.output)}/test`, {}, app, t("board_linkage.tested")) }, t("board_linkage.test")) : null));
}

export const stop = (one, app) => act(`/api/v1/outputs/${encodeURIComponent(one.output)}/stop`, {}, app, t("board_linkage.stopped"));

async function act(path, body, app, done) {
  try {
    await ask(path, { method: "POST", body });
    app.toast(done);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    app.toast(error.message, true);
  }
  app.reload();
}
