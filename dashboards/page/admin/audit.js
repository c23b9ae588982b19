import { h } from "../dom.js";
import { ask } from "../live.js";
import { panel, table } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
let before = null;
export const load = () => ask(`/api/v1/audit?limit=100${before ? `&before=${before}` : ""}`);

export function view(deeds, app) {
  const rows = deeds.map((one) => ({ key: String(one.seq), cells: [w.when(one.at), one.who, one.address || "–", w.say("board_deed", one.action), one.object || "", Object.entries(one.detail || {}).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join("; ")] }));
  return panel("order", t("board_admin.audit"), [table(["at", "who", "address", "action", "object", "detail"], rows, { app }), h("p.actions.pad", before ? h("button.button.small", { type: "button", onclick: () => ((before = null), app.reload()) }, t("board_admin.newest")) : null, deeds.length === 100 ? h("button.button.small", { type: "button", onclick: () => ((before = deeds[deeds.length - 1].seq), app.reload()) }, t("board_admin.older")) : null)]);
}
