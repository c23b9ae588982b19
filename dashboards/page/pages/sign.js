// Sign in; the first time with the password that the box made, which must be changed at once.
import { h, icon } from "../dom.js";
import { ask, Refused } from "../live.js";
import * as w from "../words.js";

const { t } = w;
let fault = "";
let busy = false;

export const load = null;
export const leave = () => (fault = "");

export async function submit(event, app, work) {
  event.preventDefault();
  busy = true;
  fault = "";
  app.redraw();
  try {
    await work(Object.fromEntries(new FormData(event.target)));
  } catch (error) {
    fault = error instanceof Refused ? (error.status === 401 ? t("board_sign.wrong") : error.status === 429 ? t("board_sign.too_often") : error.message) : t("board_sign.no_line");
  }
  busy = false;
  app.redraw();
}

export function view(_, app) {
  const change = app.place.query.has("change") && app.session;
  const form = change ? changing(app) : signing(app);
  return h("div.sign", { key: "sign" },
    h("svg.sign-mark", { viewBox: "0 0 64 64", "aria-hidden": "true" }, h("use", { href: "/board/page/mark.svg#m" })),
    h("h1", change ? t("board_sign.change") : t("board_sign.title")), form);
}

const field = (name, type, label, auto) => h("label.field", { key: name }, h("span", label), h("input", { name, type, required: true, autocomplete: auto, autocapitalize: "none", spellcheck: "false", "aria-describedby": "sign-fault" }));

const said = () => h("p.fault", { id: "sign-fault", key: "fault", role: "alert" }, fault);

function signing(app) {
  return h("form.panel.form", { key: "in", onsubmit: (event) => submit(event, app, async ({ user, password }) => {
    const session = await ask("/api/v1/session", { method: "POST", body: { user, password } });
    await app.signedIn(session);
    if (session.must_change) return app.go("sign?change", { replace: true });
    const to = app.place.query.get("to") || "/board/";
    app.go(to.startsWith("/board/") ? to.slice(7) : "", { replace: true });
  }) },
  field("user", "text", t("board_sign.user"), "username"), field("password", "password", t("board_sign.password"), "current-password"), said(),
  h("button.button.primary", { type: "submit", disabled: busy }, busy ? t("board.loading") : t("board_sign.in")),
  h("p.dim.small", t("board_sign.first")));
}

function changing(app) {
  return h("form.panel.form", { key: "change", onsubmit: (event) => submit(event, app, async (said) => {
    if (said.new !== said.again) throw new Refused(400, { error: t("board_sign.differ") });
    await ask("/api/v1/session/password", { method: "POST", body: { old: said.old, new: said.new } });
    await app.signedIn(await ask("/api/v1/session"));
    app.toast(t("board_sign.changed"));
    app.go("", { replace: true });
  }) },
  app.session.must_change ? h("p.note", icon("s-blue", "sev-icon"), t("board_sign.must")) : null,
  h("input", { type: "text", name: "user", autocomplete: "username", value: app.session.user, hidden: true }),
  field("old", "password", t("board_sign.old"), "current-password"), field("new", "password", t("board_sign.new"), "new-password"), field("again", "password", t("board_sign.again"), "new-password"), said(),
  h("button.button.primary", { type: "submit", disabled: busy }, t("board_sign.set")));
}
