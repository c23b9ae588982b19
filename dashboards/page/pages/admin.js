// 管理: people, rota, cells, devices, rules, channels, users, audit, health. Each tab is a module of its own.
import { h, icon } from "../dom.js";
import * as w from "../words.js";

const { t } = w;
export const bare = true; // its figures carry no headline
export const still = true; // a form is not drawn anew because a sensor has spoken
const TABS = [["people", "person", "operator"], ["duty", "clock", "operator"], ["cells", "pin", "operator"], ["devices", "radio", "operator"], ["rules", "alert", "viewer"], ["channels", "upload", "operator"], ["users", "person", "admin"], ["audit", "order", "admin"], ["health", "disk", "viewer"]];

let tab = null;
const nameOf = (args) => (TABS.some(([name]) => name === args[0]) ? args[0] : "people");

export async function load({ args }, app) {
  const name = nameOf(args);
  tab = await import(`../admin/${name}.js`);
  return { name, args: args.slice(1), said: await tab.load(args.slice(1), app) };
}

export function view(data, app) {
  return h("div.page.admin", { key: "admin" },
    h("div.page-head", h("h1", icon("gear"), t("board_nav.admin"))),
    h("nav.tabs", { "aria-label": t("board_nav.admin") }, TABS.filter(([, , role]) => app.can(role)).map(([name, sign]) => h("a", { key: name, href: `/board/admin/${name}`, "aria-current": name === data.name ? "page" : null }, icon(sign), t(`board_admin.${name}`)))),
    h("div.tab", { key: data.name }, tab.view(data.said, app, data.args)));
}
