// The village drawn from what the site file knows: places of cells and sensors, or the village's own picture.
import { h, icon } from "./dom.js";
import { DOMAIN_ICON, stateWord } from "./parts.js";
import { go } from "./app.js";
import * as w from "./words.js";

const { t } = w;
const EARTH_M = 111320; // metres in a degree of latitude
const WIDE = 1000;
let HIGH = 760; // follows the shape of the panel it stands in
const EDGE = 90;
const APART = 62;
const ORDER = ["red", "orange", "yellow", "blue", "info", "silent", "unheard", "pending", "normal"];

/** Everything that has a place, in the pixels of the drawing; what has none stands near its cell or in the list below. */
function placed(assets, cells, picture) {
  const spots = [];
  const homes = Object.entries(cells).map(([slug, cell]) => ({ ...cell, slug, cell: true }));
  const lost = [];
  for (const one of [...homes, ...assets]) {
    if (picture && one.point) spots.push({ one, x: one.point[0], y: one.point[1] });
    else if (!picture && one.lat !== null && one.lat !== undefined) spots.push({ one, lat: one.lat, lon: one.lon });
    else if (!one.cell || !("slug" in one)) lost.push(one);
  }
  if (!picture && spots.length) {
    const lats = spots.map((spot) => spot.lat);
    const lons = spots.map((spot) => spot.lon);
    const middle = (Math.max(...lats) + Math.min(...lats)) / 2;
    const perLon = EARTH_M * Math.cos((middle * Math.PI) / 180);
    const wide = Math.max((Math.max(...lons) - Math.min(...lons)) * perLon, 60);
    const high = Math.max((Math.max(...lats) - Math.min(...lats)) * EARTH_M, 40);
    const scale = Math.min((WIDE - 2 * EDGE) / wide, (HIGH - 2 * EDGE) / high);
    const left = (WIDE - wide * scale) / 2;
    const top = (HIGH - high * scale) / 2;
    for (const spot of spots) {
      spot.x = left + (spot.lon - Math.min(...lons)) * perLon * scale;
      spot.y = top + (Math.max(...lats) - spot.lat) * EARTH_M * scale;
    }
    spots.scale = scale;
  }
  return { spots, lost };
}

/** Pins that would cover each other are moved apart a little. */
function apart(pins) {
  for (let round = 0; round < 40; round += 1) {
    let moved = false;
    for (let i = 0; i < pins.length; i += 1) {
      for (let j = i + 1; j < pins.length; j += 1) {
        const dx = pins[j].x - pins[i].x || 0.5;
        const dy = pins[j].y - pins[i].y || 0.5;
        const far = Math.hypot(dx, dy);
        if (far >= APART) continue;
        const push = (APART - far) / 2 / far;
        pins[i].x -= dx * push;
        pins[i].y -= dy * push;
        pins[j].x += dx * push;
        pins[j].y += dy * push;
        moved = true;
      }
    }
    if (!moved) break;
  }
  return pins;
}

function scaleBar(scale) {
  const metres = [20, 50, 100, 200, 500, 1000, 2000, 5000].find((m) => m * scale > 90) || 5000;
  const long = metres * scale;
  return h("g.map-scale", { transform: `translate(${WIDE - 24 - long} ${HIGH - 22})` },
    h("path", { d: `M0 -5V0H${long}V-5` }), h("text", { x: long / 2, y: -9, "text-anchor": "middle" }, metres >= 1000 ? `${metres / 1000} km` : `${metres} m`));
}

export function villageMap({ assets, cells, picture, route = null, filter = null }) {
  const room = document.querySelector(".map-svg")?.getBoundingClientRect();
  if (room?.width && room.height) HIGH = Math.round(Math.min(1600, Math.max(480, (WIDE * room.height) / room.width)) / 10) * 10;
  const { spots, lost } = placed(assets, cells, picture);
  if (!spots.length) return h("div.map-empty", icon("pin", "big"), h("p", t("board_map.no_places")));
  const zones = spots.filter((spot) => "kind" in spot.one && !spot.one.device);
  const pins = apart(spots.filter((spot) => spot.one.device && (!filter || filter(spot.one))).map((spot) => ({ ...spot })));
  pins.sort((a, b) => ORDER.indexOf(b.one.state) - ORDER.indexOf(a.one.state));
  const size = picture ? [picture.width, picture.height] : [WIDE, HIGH];
  const way = (route || []).map((slug) => pins.find((pin) => pin.one.device === slug)).filter(Boolean);
  return h("div.map", { key: "map" },
    h("svg.map-svg", { preserveAspectRatio: picture ? "xMidYMid meet" : "xMidYMid slice", viewBox: `0 0 ${size[0]} ${size[1]}`, role: "group", "aria-label": t("board_map.title") },
      picture ? h("image", { href: picture.url, width: size[0], height: size[1] }) : ground(zones),
      zones.filter((spot) => spot.one.kind === "micro" || spot.one.kind === "grid").map((spot) => h("text.map-zone", { key: spot.one.slug, x: spot.x, y: spot.y - 112, "text-anchor": "middle" }, spot.one.name)),
      way.length > 1 ? h("polyline.map-way", { points: way.map((pin) => `${pin.x},${pin.y}`).join(" ") }) : null,
      pins.map((pin) => marker(pin, way.indexOf(pin))),
      !picture && spots.scale ? scaleBar(spots.scale) : null,
      picture ? null : h("g.map-north", { transform: "translate(36 40)" }, h("path", { d: "M0 14 0 -12M-6 -4 0 -12 6 -4" }), h("text", { y: 28, "text-anchor": "middle" }, t("board_map.north")))),
    lost.length ? h("p.map-lost", t("board_map.lost", { n: lost.length }), lost.slice(0, 8).map((one) => h("a", { key: one.device, href: `/board/device/${one.device}`, class: `sev-${one.state}` }, icon(`s-${one.state}`, "sev-icon"), one.name))) : null);
}

function ground(zones) {
  const lines = [];
  for (let n = 1; n * 80 < HIGH; n += 1) lines.push(h("path", { key: `h${n}`, d: `M0 ${n * 80}H${WIDE}` }));
  for (let n = 1; n < 12; n += 1) lines.push(h("path", { key: `v${n}`, d: `M${n * 84} 0V${HIGH}` }));
  return h("g", { key: "ground" }, h("g.map-grid", lines), zones.filter((spot) => spot.one.kind === "micro").map((spot) => h("circle.map-cell", { key: spot.one.slug, cx: spot.x, cy: spot.y, r: 105 })));
}

function marker(pin, step) {
  const { one } = pin;
  const open = () => go(`device/${encodeURIComponent(one.device)}`);
  const loud = ["red", "orange", "yellow", "blue"].includes(one.state);
  const label = loud || step >= 0;
  return h("g.pin", { key: one.device, class: `sev-${one.state}`, transform: `translate(${pin.x.toFixed(1)} ${pin.y.toFixed(1)})`, role: "link", tabindex: "0", "aria-label": `${step >= 0 ? `${step + 1} ` : ""}${one.name} ${stateWord(one.state)}`, onclick: open, onkeydown: (event) => event.key === "Enter" && open() },
    h("title", `${one.name} · ${stateWord(one.state)} · ${w.agoS(one.heard_s)}`),
    h("g.pin-in", shape(one.state),
    step >= 0 ? h("text.pin-step", { y: 6, "text-anchor": "middle", "aria-hidden": "true" }, String(step + 1)) : h("use.pin-icon", { href: `/board/page/icons.svg#${DOMAIN_ICON[one.domain] || "radio"}`, x: -11, y: one.state === "orange" ? -6 : -11, width: 22, height: 22 }),
    label ? h("text.pin-name", { y: 38, "text-anchor": "middle", "aria-hidden": "true" }, [...one.name].length > 9 ? `${[...one.name].slice(0, 8).join("")}…` : one.name) : null));
}

function shape(state) {
  if (state === "red") return h("path.pin-shape", { d: "M-9 -21H9L21 -9V9L9 21H-9L-21 9V-9z" });
  if (state === "orange") return h("path.pin-shape", { d: "M0 -25 26 20H-26z" });
  if (state === "yellow") return h("path.pin-shape", { d: "M0 -26 26 0 0 26 -26 0z" });
  if (state === "info") return h("rect.pin-shape", { x: -17, y: -17, width: 34, height: 34, rx: 6 });
  return h("circle.pin-shape", { r: 18 });
}
