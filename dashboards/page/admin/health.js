import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { badge } from "../parts.js";
import { panel } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
export const load = async () => ({ status: await ask("/api/v1/status"), health: await maybe("/api/v1/health").catch(() => null) });

export function view({ status, health }, app) {
  const fact = (key, value, bad = false) => [h("dt", { key: `${key} t` }, t(`board_health.${key}`)), h("dd", { key, class: bad ? "is-bad" : "" }, value)];
  const { journal } = status;
  return [
    panel("s-normal", t("board_health.problems"), health?.trust?.length ? h("ul.plain-list", health.trust.map((one, index) => h("li", { key: index }, badge(one.severity, w.both(one.text)), one.cure || one.remedy ? h("span.dim", ` ${w.both(one.cure || one.remedy)}`) : null))) : h("p.pad", badge("normal", t("board_health.none"))), app.can("admin") ? h("button.button.small", { type: "button", onclick: () => reload(app) }, t("board_health.reload")) : null),
    h("div.three", { key: "facts" },
      panel("disk", t("board_health.journal"), h("dl.facts", fact("readings", w.num(journal.readings, 0)), journal.bytes !== undefined ? fact("size", size(journal.bytes)) : null, journal.free !== undefined ? fact("free", size(journal.free)) : null, journal.quota ? fact("quota", size(journal.quota)) : null, fact("uptime", w.span(status.uptime_s)), fact("clock", status.clock.trusted ? t("board_trust.clock_ok") : t("board_trust.clock_bad"), !status.clock.trusted))),
      panel("link", t("board_health.sources"), h("dl.facts", Object.entries(status.sources).map(([name, one]) => [h("dt", { key: `${name} t` }, name), h("dd", { key: name, class: one.state === "open" ? "" : "is-bad" }, `${w.say("state", one.state)} · ${w.num(one.received, 0)}`, one.last_error && one.state !== "open" ? h("span.small", one.last_error) : null)]))),
      panel("upload", t("board_health.sinks"), Object.keys(status.sinks).length ? h("dl.facts", Object.entries(status.sinks).map(([name, one]) => [h("dt", { key: `${name} t` }, name), h("dd", { key: name }, `${w.say("state", one.state)} · ${t("board_trust.waiting", { n: one.backlog })}`)])) : h("p.dim.pad", t("board_trust.local")))),
    panel("radio", t("board_health.versions"), h("dl.facts", Object.entries(status.versions).map(([name, value]) => [h("dt", { key: `${name} t` }, name), h("dd", { key: name }, value)]))),
    panel("disk", t("board_health.backup"), [app.can("admin") ? h("div.pad.backup", { key: "take" }, h("a.button", { href: "/api/v1/backup", download: "" }, icon("disk"), t("board_health.backup_take")), h("p.dim", t("board_health.backup_what"))) : null, h("p.pad.dim", { key: "how" }, t("board_health.backup_how"), h("code.key", "village backup"))])];
}
const size = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

async function reload(app) {
  try {
    await ask("/api/v1/reload", { method: "POST" });
    app.toast(t("board_health.reloaded"));
    app.reload();
  } catch (error) {
    app.toast(error.body?.faults?.[0] || error.message, true);
  }
}
