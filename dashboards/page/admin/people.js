import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { field, form, isOpen, listed, panel, table, toggle } from "./edit.js";
import { t } from "../words.js";

export const load = () => ask("/api/v1/people");

export function view(people, app) {
  const rows = Object.entries(people).map(([slug, one]) => ({ key: slug, slug, one, cells: [h("b", one.name || slug), (one.roles || []).map((role) => h("span.chip", { key: role }, role)), (one.phones ? [one.phones].flat() : []).join("、"), (one.channels || []).map((each) => each.channel || each).join("、"), (one.quiet || []).map((each) => (typeof each === "string" ? each : `${each.from}-${each.to}`)).join("、")] }));
  const may = app.can("admin");
  return [panel("person", t("board_admin.people"), table(["name", "roles", "phones", "channels", "quiet"], rows, { app, edit: may ? (row) => editor(row.slug, row.one, app) : null }), may ? h("button.button.small", { type: "button", onclick: () => toggle("+", app) }, t("board_admin.add")) : null),
    isOpen("+") ? editor("", {}, app) : null];
}

function editor(slug, one, app) {
  return form(app, { title: one.name || t("board_admin.new_person"), path: (element) => `/api/v1/people/${encodeURIComponent(slug || element.slug.value)}`, method: slug ? "PATCH" : "PUT", remove: slug ? `/api/v1/people/${encodeURIComponent(slug)}` : null,
    fields: [slug ? null : field("slug", "", { required: true, hint: t("board_admin.slug_hint") }), field("name", one.name, { required: true }), field("roles", one.roles, { hint: t("board_admin.comma") }), field("phones", one.phones, { hint: t("board_admin.comma_only") }), field("channels", (one.channels || []).map((each) => (each.to ? `${each.channel}:${each.to}` : each.channel || each)), { hint: t("board_admin.channels_hint") }), field("quiet", (one.quiet || []).filter((each) => typeof each === "string"), { hint: "21:30-06:00" })].filter(Boolean),
    read: (said) => ({ name: said.name, roles: listed(said.roles), phones: said.phones.split(/[,，、]/).map((each) => each.trim()).filter(Boolean), channels: listed(said.channels).map((each) => ({ channel: each.split(":")[0], ...(each.includes(":") ? { to: each.slice(each.indexOf(":") + 1) } : {}) })), ...(said.quiet || (one.quiet || []).length ? { quiet: [...listed(said.quiet), ...(one.quiet || []).filter((each) => typeof each !== "string")] } : {}) }) });
}
