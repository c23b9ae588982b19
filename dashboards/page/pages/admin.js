// 管理: placeholder until below
import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { t } from "../words.js";
export const load = () => ask("/board/data/band");
export const view = () => h("div.page", h("h1", icon("gear"), t("board_nav.admin")));
