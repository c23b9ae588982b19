// 全部: every page, for a thumb.
import { h, icon } from "../dom.js";
import { badge } from "../parts.js";
import { ask } from "../live.js";
import { t } from "../words.js";

const ALL = [["bins", "bin", "bin"], ["water", "water", "water"], ["houses", "structure", "structure"], ["weather", "weather", "weather"], ["fields", "soil", "soil"], ["cameras", "camera", "camera"]];
export const load = () => ask("/board/data/village");

export function view(data, app) {
  const worst = Object.fromEntries(data.tiles.map((one) => [one.domain, one.worst]));
  return h("div.page", { key: "menu" }, h("h1.vh", t("board_nav.menu")), h("ul.menu",
    ALL.map(([page, sign, domain]) => h("li", { key: page }, h("a.panel", { href: `/board/${page}` }, icon(sign), h("b", t(`board_domain.${domain}`)), worst[domain] ? badge(worst[domain]) : null))),
    h("li", { key: "linkage" }, h("a.panel", { href: "/board/linkage" }, icon("link"), h("b", t("board_nav.linkage")), data.acting.length ? badge("orange", t("board_linkage.acting", { n: data.acting.length })) : null)),
    h("li", { key: "orders" }, h("a.panel", { href: "/board/orders" }, icon("order"), h("b", t("board_nav.orders")))),
    app.can("operator") ? h("li", { key: "admin" }, h("a.panel", { href: "/board/admin" }, icon("gear"), h("b", t("board_nav.admin")))) : null));
}
