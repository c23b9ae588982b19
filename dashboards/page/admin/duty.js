import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { panel } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
export const load = async () => ({ duty: await ask("/api/v1/duty"), people: await ask("/api/v1/people") });

export function view({ duty, people }, app) {
  const name = (slug) => people[slug]?.name || slug;
  const rota = duty.written?.rota || [];
  const shift = (one) => [[one.days].flat().filter(Boolean).join("、"), one.from ? `${one.from}–${one.to}` : ""].filter(Boolean).join(" ") || t("board_admin.always");
  return [
    panel("clock", t("board_admin.now_on_duty"), h("ul.duty", Object.entries(duty.cells).map(([slug, levels]) => h("li", { key: slug }, h("b", app.site?.cells?.[slug]?.name || slug), levels.map((level) => h("span", { key: level.level }, h("span.dim", t(`duty.level_${level.level}`)), level.people.length ? level.people.map(name).join("、") : h("span.is-bad", t("board_admin.nobody"))))))), h("span.dim", w.when(duty.at))),
    panel("order", t("board_admin.rota"), rota.length ? h("div.scroll", { tabindex: "0", role: "group", "aria-label": t("board_admin.rota") }, h("table.entries", h("thead", h("tr", ["cell", "role", "when", "people"].map((key) => h("th", { key, scope: "col" }, t(`board_field.${key}`))))), h("tbody", rota.map((one, index) => h("tr", { key: index }, h("th", { scope: "row" }, app.site?.cells?.[one.cell]?.name || one.cell), h("td", one.role || "–"), h("td", shift(one)), h("td", (one.people || []).map(name).join("、"))))))) : h("p.dim.pad", t("board.none"))),
    panel("snooze", t("board_admin.leave"), h("ul.plain-list", [...(duty.written?.leave || []).map((one, index) => h("li", { key: `l${index}` }, h("b", name(one.person)), ` ${one.from} – ${one.until}`)), ...(duty.written?.swaps || []).map((one, index) => h("li", { key: `s${index}` }, t("board_admin.swap", { from: (one.instead_of || []).map(name).join("、"), to: (one.people || []).map(name).join("、") }), ` ${one.from} – ${one.until}`))])),
  ];
}
