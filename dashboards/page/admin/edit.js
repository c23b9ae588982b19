// Forms over entries of the site file: tried as a whole by the gateway, faults stand at their field.
import { h, icon } from "../dom.js";
import { ask, Refused } from "../live.js";
import { head } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
let open = null; // {path, key}
let faults = [];

export const close = () => ((open = null), (faults = []));
export const isOpen = (key) => open === key;
export function toggle(key, app) {
  open = open === key ? null : key;
  faults = [];
  app.redraw();
}

/** One field of a form. kind: text, number, select (with options [[value, name]]), list (comma separated), check. */
export function field(name, value, { kind = "text", options = [], hint = "", required = false, readonly = false } = {}) {
  const wrong = faults.find((one) => one.key && (one.key === name || one.key.endsWith(`.${name}`) || one.key.includes(`.${name}[`)));
  const id = `f-${name}`;
  const input = kind === "select" ? h("select", { name, id }, options.map(([one, text]) => h("option", { key: one, value: one, selected: one === (value ?? "") }, text)))
    : kind === "check" ? h("input.check", { name, id, type: "checkbox", checked: Boolean(value) })
      : h("input", { name, id, type: ["number", "date"].includes(kind) ? kind : "text", step: "any", value: Array.isArray(value) ? value.join(", ") : value ?? "", required, readonly, "aria-invalid": wrong ? "true" : null });
  return h("label.field", { key: name, class: wrong ? "is-wrong" : "" }, h("span", t(`board_field.${name}`)), input, wrong ? h("small.fault", wrong.problem, wrong.remedy ? ` ${wrong.remedy}` : "") : hint ? h("small", hint) : null);
}

export const listed = (text) => String(text || "").split(/[,，、\s]+/).filter(Boolean);

/** A form that saves what `read` makes of its fields. */
export function form(app, { title, path, method = "PATCH", fields, read, remove = null, done }) {
  const loose = faults.filter((one) => !one.shown && !fields.some((each) => each.props.class === "is-wrong"));
  return h("form.panel.form.entry", { key: path, onsubmit: (event) => {
    event.preventDefault();
    save(app, path(event.target), method, read(Object.fromEntries(new FormData(event.target)), event.target), done);
  } }, h("h2", title), h("div.fields-grid", fields), loose.length ? h("p.fault", { role: "alert" }, loose.map((one) => `${one.key ? `${one.key}: ` : ""}${one.problem}`).join("; ")) : null,
  h("div.actions", h("button.button.primary", { type: "submit" }, t("board.save")), h("button.button", { type: "button", onclick: () => (close(), app.redraw()) }, t("board.cancel")),
    remove ? h("button.button.danger", { type: "button", onclick: () => window.confirm(t("board_admin.sure")) && save(app, remove, "DELETE", undefined, t("board_admin.gone")) }, icon("cross"), t("board_admin.remove")) : null));
}

export async function save(app, path, method, body, done = t("board_admin.saved")) {
  try {
    const answer = await ask(path, { method, body });
    close();
    app.toast(done);
    app.reload();
    return answer;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    faults = error.body.details || (error.body.faults || [error.message]).map((text) => ({ key: error.body.key || "", problem: String(text), remedy: "" }));
    app.toast(error.message, true);
    return null;
  }
}

/** A table with a row for each entry; the row's button opens its form beneath. */
export function table(columns, rows, { app, edit = null } = {}) {
  return h("div.scroll", { tabindex: "0", role: "group" }, h("table.entries", h("thead", h("tr", columns.map((name) => h("th", { key: name, scope: "col" }, t(`board_field.${name}`))), edit ? h("th", h("span.vh", t("board_admin.edit"))) : null)),
    h("tbody", rows.map((row) => [h("tr", { key: row.key }, row.cells.map((cell, index) => h(index ? "td" : "th", { key: index, scope: index ? null : "row" }, cell)), edit ? h("td.row-end", h("button.button.small", { type: "button", "aria-expanded": String(isOpen(row.key)), onclick: () => toggle(row.key, app) }, t("board_admin.edit"))) : null),
      edit && isOpen(row.key) ? h("tr.open-row", { key: `${row.key} form` }, h("td", { colspan: String(columns.length + 1) }, edit(row))) : null]))));
}
export const panel = (sign, title, body, ...right) => h("section.panel", { key: title }, head(sign, title, right), body);
