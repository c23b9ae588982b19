// 高空巡查: what the cameras have seen; a person says whether it is right.
import { h, icon } from "../dom.js";
import { ask, maybe } from "../live.js";
import { badge, empty, head } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
const OWN = new Set(["alert", "order", "emptied", "alert_confirmed", "alert_acknowledged"]);
let kind = "";
const opened = new Map(); // evidence id -> what is kept of it, once somebody has asked

export async function load(place, app) {
  const [data, events, alerts] = await Promise.all([ask("/board/data/alerts"), maybe("/api/v1/events?limit=400"), null]);
  const seen = (Array.isArray(events) ? events : []).filter((one) => (one.evidence || app.site?.cameras?.includes(one.source)) && !OWN.has(one.kind) && one.detail?.state !== "ended");
  return { ...data, seen, cameras: app.site?.cameras || [] };
}

export function view(data, app) {
  const kinds = [...new Set(data.seen.map((one) => one.kind))];
  if (kind && !kinds.includes(kind)) kind = "";
  const shown = data.seen.filter((one) => !kind || one.kind === kind);
  const blind = data.alerts.filter((one) => one.rule === "camera-blind");
  return h("div.page", { key: "cameras" },
    h("div.page-head", h("h1", icon("camera"), t("board_domain.camera")), h("p.summary", h("span.dim", t("board_cameras.all", { n: data.cameras.length })), blind.length ? badge("yellow", t("board_cameras.blind", { n: blind.length })) : null),
      kinds.length > 1 ? h("div.filter", { role: "group", "aria-label": t("board_cameras.by_kind") }, ["", ...kinds].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(kind === name), onclick: () => ((kind = name), app.redraw()) }, name ? w.eventWord(name) : t("board_bins.every")))) : null),
    shown.length ? h("ul.sights", shown.map((one) => sight(one, app))) : empty("camera", data.cameras.length ? t("board_cameras.nothing") : t("board_cameras.none"), t("board_cameras.functions")));
}

function sight(one, app) {
  const name = app.site?.devices?.[one.source]?.name || one.source;
  const kept = opened.get(one.evidence);
  const shows = one.evidence && app.can("worker");
  return h("li.panel.sight", { key: one.seq },
    shows ? pictures(one, kept) : h("div.sight-none", icon("camera", "big"), h("span.dim", one.evidence ? t("board_cameras.sign") : t("board_cameras.no_picture"))),
    h("div.sight-body", h("h2", w.eventWord(one.kind)), h("p.dim", `${name} · ${w.when(one.at)}`), h("p.dim", t("board_cameras.score", { n: w.num(100 * one.confidence, 0) })),
      kept?.marks?.length ? badge(kept.marks[kept.marks.length - 1].right ? "normal" : "info", `${t(kept.marks[kept.marks.length - 1].right ? "board_cameras.was_right" : "board_cameras.was_wrong")} · ${kept.marks[kept.marks.length - 1].by}`) : null,
      h("div.actions", shows && !kept ? h("button.button.small", { type: "button", onclick: () => look(one, app) }, icon("photo"), t("board_cameras.look")) : null,
        one.evidence && app.can("operator") ? [h("button.button.small", { key: "right", type: "button", onclick: () => mark(one, true, app) }, icon("tick"), t("board_cameras.right")), h("button.button.small", { key: "wrong", type: "button", onclick: () => mark(one, false, app) }, icon("cross"), t("board_cameras.wrong"))] : null)));
}

const file = (one, name) => `/api/v1/evidence/${encodeURIComponent(one.evidence)}/${encodeURIComponent(name)}`;

function pictures(one, kept) {
  const first = h("img", { src: file(one, "snapshot.jpg"), alt: w.eventWord(one.kind), loading: "lazy", onerror: (event) => (event.target.hidden = true) });
  if (!kept) return first;
  const names = kept.files.map((each) => each.name);
  const pair = ["before.jpg", "after.jpg"].every((name) => names.includes(name));
  return h("div.sight-files", pair ? slider(file(one, "before.jpg"), file(one, "after.jpg")) : first,
    kept.files.filter((each) => each.type === "video/mp4").map((each) => h("video", { key: each.name, src: file(one, each.name), controls: true, preload: "none", "aria-label": each.name })),
    h("div.strip", names.filter((name) => name.endsWith(".jpg") && !["snapshot.jpg", "before.jpg", "after.jpg"].includes(name)).map((name) => h("a.shot", { key: name, href: file(one, name), target: "_blank", rel: "noopener" }, h("img", { src: file(one, name), alt: w.say("board_shot", name.replace(".jpg", "")), loading: "lazy" }), h("span", w.say("board_shot", name.replace(".jpg", "")))))));
}

/** Everything that is kept of it; the gateway writes down who has looked. */
async function look(one, app) {
  try {
    opened.set(one.evidence, await ask(`/api/v1/evidence/${encodeURIComponent(one.evidence)}`));
  } catch (error) {
    app.toast(error.message, true);
  }
  app.redraw();
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
    await look(one, app);
  } catch (error) {
    app.toast(error.message, true);
  }
}
