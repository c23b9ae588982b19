// One order as a worker meets it: what, where, until when, and the one thing to do next.
import { h, icon } from "./dom.js";
import { Refused } from "./live.js";
import { send } from "./queue.js";
import { queueChanged } from "./app.js";
import * as w from "./words.js";

const { t } = w;
export const OPEN = new Set(["open", "returned", "accepted", "on_site"]);
const PHOTO_PX = 1600;
const SHRINK_BYTES = 1_200_000;
let filling = null; // id of the order whose proof is being made
let asking = null; // {id, error, fields, photo}: the gateway wants to know whether one is sure

export const stateChip = (one) => h("span.chip", { class: `is-${one.state}` }, t(`board_order_state.${one.state}`));
export const lamp = (one) => h("span.lamp", { class: `light-${one.light}` }, h("span.light", { "aria-hidden": "true" }), t(`board_light.${one.light}`));
export const nameOf = (person, app) => app.people?.[person] || person || "";

export function due(one) {
  if (!one.due) return "";
  const left = (Date.parse(one.due) - w.now()) / 1000;
  return left >= 0 ? t("board_orders.left", { span: w.span(left) }) : t("board_orders.late", { span: w.span(-left) });
}

/** The card of a job with its next step. `queued`: what of it still waits in this phone. */
export function jobCard(one, app, queued = []) {
  const device = app.site?.devices?.[one.device];
  const cell = app.site?.cells?.[one.cell];
  const waits = queued.filter((entry) => entry.path.includes(`/orders/${one.id}/`));
  return h("li.panel.job", { key: one.id, class: `light-${one.light}` },
    h("a.job-head", { href: `/board/order/${one.id}` }, h("span.job-title", h("b", one.title), h("span.dim", [device?.name, cell?.name].filter(Boolean).join(" · "))), icon("next")),
    h("p.job-facts", lamp(one), OPEN.has(one.state) ? h("span", icon("clock"), due(one)) : null, stateChip(one)),
    one.returned_why && one.state === "returned" ? h("p.note", icon("s-yellow", "sev-icon sev-yellow"), t("board_orders.returned_because", { why: one.returned_why })) : null,
    waits.map((entry) => h("p.note.is-queued", { key: entry.key }, icon(entry.refused ? "cross" : "upload"), entry.refused ? t("board_queue.refused", { why: entry.refused }) : t("board_queue.kept", { what: t(`board_do.${entry.path.split("/").pop()}`), time: w.clock(entry.at) }))),
    OPEN.has(one.state) ? steps(one, app) : null);
}

/** Buttons for what comes next, and the form of the proof. */
export function steps(one, app) {
  if (!app.can("worker")) return null;
  if (filling === one.id) return proof(one, app);
  const device = app.site?.devices?.[one.device];
  const next = { open: "accept", returned: "accept", accepted: "arrive", on_site: "done" }[one.state];
  return h("div.actions.job-actions", { key: "steps" },
    next === "done" ? h("button.button.primary", { type: "button", onclick: () => fill(one, app) }, icon("photo"), t("board_do.done")) : next ? h("button.button.primary", { type: "button", onclick: () => step(one, next, app) }, icon(next === "arrive" ? "pin" : "tick"), t(`board_do.${next}`)) : null,
    next && next !== "done" ? h("button.button", { type: "button", onclick: () => fill(one, app) }, icon("photo"), t("board_do.done")) : null,
    device?.lat ? h("a.button", { href: `geo:${device.lat},${device.lon}?q=${device.lat},${device.lon}(${encodeURIComponent(device.name)})` }, icon("route"), t("board_do.way")) : null);
}

function fill(one, app) {
  filling = one.id;
  app.redraw();
}

async function step(one, what, app) {
  const fields = what === "arrive" ? await here() : {};
  await hand(one, what, fields, null, app);
}

async function hand(one, what, fields, photo, app) {
  try {
    const answer = await send(`/api/v1/orders/${one.id}/${what}`, fields, photo);
    filling = null;
    asking = null;
    app.toast(answer ? t(`board_did.${what}`) : t("board_queue.later"));
    await queueChanged();
    app.reload();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (what === "done" && error.status === 409 && error.body.key === "sure" && !fields.sure) asking = { id: one.id, error: error.message, fields, photo };
    else app.toast(error.message, true);
    app.redraw();
  }
}

function proof(one, app) {
  if (asking?.id === one.id) return h("div.proof", { key: "asking" }, h("p.note", icon("s-yellow", "sev-icon sev-yellow"), asking.error),
    h("div.actions", h("button.button.primary", { type: "button", onclick: () => hand(one, "done", { ...asking.fields, sure: "true" }, asking.photo, app) }, t("board_do.sure")), h("button.button", { type: "button", onclick: () => ((asking = null), app.redraw()) }, t("board.cancel"))));
  return h("form.proof", { key: "proof", onsubmit: async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    const said = new FormData(form);
    const place = await here();
    const file = said.get("photo");
    const photo = file && file.size ? await smaller(file, place) : null;
    await hand(one, "done", { note: said.get("note") || "", ...place }, photo, app);
    button.disabled = false;
  } },
  h("label.shutter", h("input", { type: "file", name: "photo", accept: "image/jpeg,image/png", capture: "environment", required: true, onchange: preview }), icon("photo", "big"), h("span", t("board_do.photo")), h("img", { own: true, alt: "", hidden: true })),
  h("label.field", h("span", t("board_do.note")), h("input", { name: "note", maxlength: "300", autocomplete: "off" })),
  h("div.actions", h("button.button.primary", { type: "submit" }, icon("tick"), t("board_do.finish")), h("button.button", { type: "button", onclick: () => ((filling = null), app.redraw()) }, t("board.cancel"))));
}

function preview(event) {
  const image = event.target.parentElement.querySelector("img");
  const [file] = event.target.files;
  if (!file) return;
  image.src = URL.createObjectURL(file);
  image.hidden = false;
}

/** Where we are, if the phone says so within a few seconds. */
function here() {
  return new Promise((resolve) => {
    if (!("geolocation" in navigator) || !window.isSecureContext) return resolve({});
    navigator.geolocation.getCurrentPosition(({ coords }) => resolve({ lat: +coords.latitude.toFixed(6), lon: +coords.longitude.toFixed(6) }), () => resolve({}), { timeout: 6000, maximumAge: 60000, enableHighAccuracy: true });
  });
}

/** A large picture made small for a thin line; not when only the picture itself knows where it was taken. */
async function smaller(file, place) {
  if (file.size < SHRINK_BYTES || !place.lat || !self.createImageBitmap) return file;
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob || file), "image/jpeg", 0.82));
}
