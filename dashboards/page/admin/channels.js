import { h, icon } from "../dom.js";
import { ask, maybe, Refused } from "../live.js";
import { badge } from "../parts.js";
import { panel } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
export const load = async () => ({ status: await ask("/api/v1/status"), list: await maybe("/api/v1/channels").catch(() => null), people: await maybe("/api/v1/people").catch(() => null) });

export function view({ status, list, people }, app) {
  const channels = Object.entries(status.channels || {});
  if (!channels.length) return panel("upload", t("board_admin.channels"), h("p.dim.pad", t("board_admin.no_channels")));
  return panel("upload", t("board_admin.channels"), h("ul.channels", channels.map(([name, one]) => h("li", { key: name }, h("b", name), badge(/broken|failed|stopped/.test(one.state) || one.broken ? "yellow" : "normal", w.say("board_channel", one.state || "open")),
    h("span.dim", t("board_admin.sent", { n: one.sent ?? one.delivered ?? 0 })), one.last_error || one.error ? h("span.is-bad", one.last_error || one.error) : null,
    app.can("admin") && list ? h("form.test", { onsubmit: (event) => (event.preventDefault(), test(name, new FormData(event.target).get("person"), app)) }, h("label", h("span.vh", t("board_field.person")), h("select.input", { name: "person" }, Object.entries(people || {}).map(([slug, each]) => h("option", { key: slug, value: slug }, each.name || slug)))), h("button.button.small", { type: "submit" }, t("board_admin.test"))) : null))));
}

async function test(name, person, app) {
  try {
    const answer = await ask(`/api/v1/channels/${encodeURIComponent(name)}/test`, { method: "POST", body: { person } });
    app.toast(answer.words || answer.text || t("board_admin.tested"));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    app.toast(error.message, true);
  }
}
