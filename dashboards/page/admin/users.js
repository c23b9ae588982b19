import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { field, form, isOpen, panel, save, table, toggle } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
const ROLES = ["viewer", "worker", "operator", "admin"];
let key = "";
export const load = async () => ({ users: await ask("/api/v1/users"), tokens: await ask("/api/v1/tokens"), people: await ask("/api/v1/people") });

export function view({ users, tokens, people }, app) {
  const roles = ROLES.map((role) => [role, t(`board_role.${role}`)]);
  const persons = [["", "–"], ...Object.entries(people).map(([slug, one]) => [slug, one.name || slug])];
  const rows = users.map((one) => ({ key: one.user, one, cells: [h("b", one.user), t(`board_role.${one.role}`), people[one.person]?.name || "–", one.title || one.name || "", one.must_change ? h("span.chip", t("board_admin.must_change")) : ""] }));
  return [
    panel("person", t("board_admin.users"), table(["user", "role", "person", "title", "state"], rows, { app, edit: (row) => form(app, { title: row.one.user, path: () => `/api/v1/users/${encodeURIComponent(row.one.user)}`, remove: `/api/v1/users/${encodeURIComponent(row.one.user)}`, fields: [field("role", row.one.role, { kind: "select", options: roles }), field("person", row.one.person, { kind: "select", options: persons }), field("password", "", { hint: t("board_admin.password_hint") })], read: (said) => ({ role: said.role, person: said.person || null, ...(said.password ? { password: said.password } : {}) }) }) }),
      h("button.button.small", { type: "button", onclick: () => toggle("+", app) }, t("board_admin.add"))),
    isOpen("+") ? form(app, { title: t("board_admin.new_user"), path: () => "/api/v1/users", method: "POST", fields: [field("user", "", { required: true }), field("password", "", { required: true, hint: t("board_admin.first_password") }), field("role", "worker", { kind: "select", options: roles }), field("person", "", { kind: "select", options: persons })], read: (said) => ({ user: said.user, password: said.password, role: said.role, ...(said.person ? { person: said.person } : {}) }) }) : null,
    panel("link", t("board_admin.tokens"), [h("ul.plain-list", tokens.map((one) => h("li", { key: one.id }, h("b", one.name), h("span.dim", ` ${t(`board_role.${one.role}`)} · ${w.when(one.created)}`), h("button.button.small", { type: "button", onclick: () => window.confirm(t("board_admin.sure")) && save(app, `/api/v1/tokens/${one.id}`, "DELETE", undefined, t("board_admin.gone")) }, t("board_admin.remove"))))),
      key ? h("p.note.pad", icon("s-blue", "sev-icon sev-blue"), t("board_admin.token_once"), h("code.key", key)) : null,
      h("form.inline", { onsubmit: async (event) => {
        event.preventDefault();
        const said = Object.fromEntries(new FormData(event.target));
        const made = await save(app, "/api/v1/tokens", "POST", { name: said.name, role: said.role });
        key = made?.key || made?.token || "";
        app.redraw();
      } }, field("name", "", { required: true }), field("role", "viewer", { kind: "select", options: roles.slice(0, 2) }), h("button.button", { type: "submit" }, t("board_admin.new_token")))]),
  ];
}
