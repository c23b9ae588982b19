// 高空巡查: what the cameras have seen; a person says whether it is right.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { badge, empty, head } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
const SEEN = new Set(["fire", "smoke", "hit_and_run", "collision", "illegal_building", "building_change", "camera_blind", "camera_covered", "camera_moved", "overheating"]);
let kind = "";

export async function load(place, app) {
  const [data, events, alerts] = await Promise.all([ask("/board/data/alerts"), maybe("/api/v1/events?limit=300"), null]);
  const seen = (Array.isArray(events) ? events : events?.events || []).filter((one) => SEEN.has(one.kind) || app.site?.cameras?.includes(one.source));
  return { ...data, seen, cameras: app.site?.cameras || [] };
}

export function view(data, app) {
  const kinds = [...new Set(data.seen.map((one) => one.kind))];
  if (kind && !kinds.includes(kind)) kind = "";
  const shown = data.seen.filter((one) => !kind || one.kind === kind);
  const blind = data.alerts.filter((one) => one.rule === "camera-blind");
  return h("div.page", { key: "cameras" },
    h("div.page-head", h("h1", icon("camera"), t("board_domain.camera")), h("p.summary", h("span.dim", t("board_cameras.all", { n: data.cameras.length })), blind.length ? badge("yellow", t("board_cameras.blind", { n: blind.length })) : null),
      kinds.length > 1 ? h("div.filter", { role: "group", "aria-label": t("board_cameras.by_kind") }, ["", ...kinds].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(kind === name), onclick: () => ((kind = name), app.redraw()) }, name ? w.say("board_event", name) : t("board_bins.every")))) : null),
    shown.length ? h("ul.sights", shown.map((one) => sight(one, app))) : empty("camera", data.cameras.length ? t("board_cameras.nothing") : t("board_cameras.none"), t("board_cameras.functions")));
}

function sight(one, app) {
  const name = app.site?.devices?.[one.source]?.name || one.source;
  const detail = one.detail || {};
  const shows = one.evidence && app.can("worker");
  const picture = (which) => `/api/v1/evidence/${encodeURIComponent(one.evidence)}/${which}`;
  return h("li.panel.sight", { key: one.seq },
    shows ? (detail.before ? slider(picture("before"), picture("after")) : h("img", { src: picture("thumb"), alt: w.say("board_event", one.kind), loading: "lazy", onerror: (event) => (event.target.hidden = true) })) : h("div.sight-none", icon("camera", "big"), one.evidence ? h("span.dim", t("board_cameras.sign")) : h("span.dim", t("board_cameras.no_picture"))),
    h("div.sight-body", h("h2", w.say("board_event", one.kind)), h("p.dim", `${name} · ${w.when(one.at)}`), h("p.dim", t("board_cameras.score", { n: w.num(100 * one.confidence, 0) })),
      detail.mark !== undefined ? badge(detail.mark ? "normal" : "info", t(detail.mark ? "board_cameras.was_right" : "board_cameras.was_wrong")) : null,
      one.evidence && app.can("operator") ? h("div.actions", h("button.button.small", { type: "button", onclick: () => mark(one, true, app) }, icon("tick"), t("board_cameras.right")), h("button.button.small", { type: "button", onclick: () => mark(one, false, app) }, icon("cross"), t("board_cameras.wrong"))) : null));
}

/** Two pictures over each other; the slider uncovers the later one. */
function slider(before, after) {
  return h("div.compare", h("img", { src: before, alt: t("board_cameras.before"), loading: "lazy" }), h("img.compare-after", { src: after, alt: t("board_cameras.after"), loading: "lazy" }),
    h("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": t("board_cameras.slide"), oninput: (event) => event.target.parentElement.style.setProperty("--cut", `${event.target.value}%`) }));
}

async function mark(one, right, app) {
  try {
    await ask(`/api/v1/evidence/${encodeURIComponent(one.evidence)}/mark`, { method: "POST", body: { right } });
    app.toast(t("board_cameras.marked"));
    app.reload();
  } catch (error) {
    app.toast(error.message, true);
  }
}
