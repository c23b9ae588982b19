import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { field, form, listed, panel, table } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
export const load = async () => ({ site: await ask("/api/v1/site"), status: await ask("/api/v1/status"), strangers: null });

export function view({ site, status }, app) {
  const may = app.can("admin");
  const rows = Object.entries(site.devices).map(([slug, one]) => ({ key: slug, slug, one, cells: [h("a.more", { href: `/board/device/${slug}` }, one.name || slug), one.model || "–", one.source, site.cells[one.cell]?.name || "–", one.role || "–", w.agoS(status.devices[slug]?.age_s), status.devices[slug]?.error ? h("span.is-bad", status.devices[slug].error) : ""] }));
  const unknown = Object.entries(status.sources).flatMap(([source, one]) => Object.entries(one.unknown || {}).map(([name, at]) => ({ source, name, at })));
  return [panel("radio", t("board_admin.devices"), table(["name", "model", "source", "cell", "role", "heard", "error"], rows, { app, edit: may ? (row) => editor(row.slug, row.one, site, app) : null }), h("span.dim", String(rows.length))),
    unknown.length ? panel("s-info", t("board_admin.strangers"), h("ul.plain-list", unknown.map((one) => h("li", { key: one.name }, h("b", one.name), h("span.dim", ` ${one.source} · ${w.when(one.at)}`))))) : null];
}

function editor(slug, one, site, app) {
  return form(app, { title: one.name || slug, path: () => `/api/v1/devices/${encodeURIComponent(slug)}`, fields: [field("name", one.name), field("cell", one.cell, { kind: "select", options: [["", "–"], ...Object.entries(site.cells).map(([cell, each]) => [cell, each.name || cell])] }), field("role", one.role), field("tags", one.tags, { hint: t("board_admin.comma") }), field("lat", one.lat, { kind: "number" }), field("lon", one.lon, { kind: "number" }), field("enabled", one.enabled, { kind: "check" })],
    read: (said) => ({ name: said.name, cell: said.cell || null, role: said.role || null, tags: listed(said.tags), lat: said.lat ? Number(said.lat) : null, lon: said.lon ? Number(said.lon) : null, enabled: said.enabled === "on" }) });
}
