import { h } from "../dom.js";
import { ask } from "../live.js";
import { field, form, isOpen, listed, panel, table, toggle } from "./edit.js";
import { t } from "../words.js";

const KINDS = ["micro", "grid", "village", "township"];
export const load = () => ask("/api/v1/site");

export function view(site, app) {
  const may = app.can("admin");
  const rows = Object.entries(site.cells).map(([slug, one]) => ({ key: slug, slug, one, cells: [h("b", one.name || slug), t(`board_cell.${one.kind}`), site.cells[one.parent]?.name || "–", one.lat ? `${one.lat}, ${one.lon}` : "–"] }));
  return [panel("pin", t("board_admin.cells"), table(["name", "kind", "parent", "place"], rows, { app, edit: may ? (row) => editor(row.slug, row.one, site, app) : null }), may ? h("button.button.small", { type: "button", onclick: () => toggle("+", app) }, t("board_admin.add")) : null), isOpen("+") ? editor("", { kind: "micro" }, site, app) : null];
}

function editor(slug, one, site, app) {
  return form(app, { title: one.name || t("board_admin.new_cell"), path: (element) => `/api/v1/cells/${encodeURIComponent(slug || element.slug.value)}`, method: slug ? "PATCH" : "PUT", remove: slug ? `/api/v1/cells/${encodeURIComponent(slug)}` : null,
    fields: [slug ? null : field("slug", "", { required: true, hint: t("board_admin.slug_hint") }), field("name", one.name, { required: true }), field("kind", one.kind, { kind: "select", options: KINDS.map((kind) => [kind, t(`board_cell.${kind}`)]) }), field("parent", one.parent, { kind: "select", options: [["", "–"], ...Object.entries(site.cells).filter(([other]) => other !== slug).map(([other, cell]) => [other, cell.name || other])] }), field("lat", one.lat, { kind: "number" }), field("lon", one.lon, { kind: "number" })].filter(Boolean),
    read: (said) => ({ name: said.name, kind: said.kind, parent: said.parent || null, lat: said.lat ? Number(said.lat) : null, lon: said.lon ? Number(said.lon) : null }) });
}
