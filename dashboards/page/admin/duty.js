import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { field, panel, save } from "./edit.js";
import { begin, days, editing, rotaForm } from "./rota.js";
import * as w from "../words.js";

const { t } = w;
export const load = async () => ({ duty: await ask("/api/v1/duty"), people: await ask("/api/v1/people") });

export function view({ duty, people }, app) {
  const name = (slug) => people[slug]?.name || slug;
  const rota = duty.written?.rota || [];
  const shift = (one) => [one.days ? days(one.days) : "", one.from ? `${one.from}–${one.to}` : ""].filter(Boolean).join(" ") || t("board_admin.always");
  return [
    panel("clock", t("board_admin.now_on_duty"), h("ul.duty", Object.entries(duty.cells).map(([slug, levels]) => h("li", { key: slug }, h("b", app.site?.cells?.[slug]?.name || slug), levels.map((level) => h("span", { key: level.level }, h("span.dim", t(`duty.level_${level.level}`)), level.people.length ? level.people.map(name).join("、") : h("span.is-bad", t("board_admin.nobody"))))))), h("span.dim", w.when(duty.at))),
    panel("order", t("board_admin.rota"), rota.length ? h("div.scroll", { tabindex: "0", role: "group", "aria-label": t("board_admin.rota") }, h("table.entries", h("thead", h("tr", ["cell", "role", "when", "people"].map((key) => h("th", { key, scope: "col" }, t(`board_field.${key}`))))), h("tbody", rota.map((one, index) => h("tr", { key: index }, h("th", { scope: "row" }, app.site?.cells?.[one.cell]?.name || one.cell), h("td", one.role || "–"), h("td", shift(one)), h("td", (one.people || []).map(name).join("、"))))))) : h("p.dim.pad", t("board.none")), app.can("admin") && !editing() ? h("button.button.small", { type: "button", onclick: () => begin(duty.written || {}, app) }, t("board_admin.edit")) : null),
    app.can("admin") && editing() ? rotaForm(people, app) : null,
    panel("snooze", t("board_admin.leave"), [h("ul.plain-list", { key: "list" }, [...(duty.written?.leave || []).map((one, index) => h("li", { key: `l${index}` }, h("b", name(one.person)), ` ${one.from} – ${one.until}`, app.can("admin") ? h("button.button.small", { type: "button", onclick: () => save(app, "/api/v1/duty", "PATCH", { leave: rest(duty, "leave", index) }, t("board_admin.gone")) }, t("board_admin.remove")) : null)), ...(duty.written?.swaps || []).map((one, index) => h("li", { key: `s${index}` }, t("board_admin.swap", { from: (one.instead_of || []).map(name).join("、"), to: (one.people || []).map(name).join("、") }), ` ${one.from} – ${one.until}`, app.can("admin") ? h("button.button.small", { type: "button", onclick: () => save(app, "/api/v1/duty", "PATCH", { swaps: rest(duty, "swaps", index) }, t("board_admin.gone")) }, t("board_admin.remove")) : null))]), app.can("admin") ? away(duty, people, app) : null]),
  ];
}

const rest = (duty, key, index) => (duty.written?.[key] || []).filter((_, other) => other !== index);

/** Somebody is away; with somebody instead it is a swap. */
function away(duty, people, app) {
  const names = Object.entries(people).map(([slug, one]) => [slug, one.name || slug]);
  return h("form.inline", { key: "away", onsubmit: (event) => {
    event.preventDefault();
    const said = Object.fromEntries(new FormData(event.target));
    const times = { from: said.from, until: said.until };
    if (said.instead) save(app, "/api/v1/duty", "PATCH", { swaps: [...(duty.written?.swaps || []), { ...times, instead_of: [said.person], people: [said.instead] }] });
    else save(app, "/api/v1/duty", "PATCH", { leave: [...(duty.written?.leave || []), { person: said.person, ...times }] });
  } }, field("person", names[0]?.[0], { kind: "select", options: names }), field("from", "", { kind: "date", required: true }), field("until", "", { kind: "date", required: true }), field("instead", "", { kind: "select", options: [["", "–"], ...names] }), h("button.button", { type: "submit" }, t("board_admin.add")));
}
