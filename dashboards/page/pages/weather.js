// 气象与防汛: rain of each window against the colour levels, rivers with their levels, wind, air.
import { h, icon } from "../dom.js";
import { ask } from "../live.js";
import { badge, empty, figure, head, heard, lines, SEVERITIES, spark, stateWord, trendMark } from "../parts.js";
import * as w from "../words.js";

const { t } = w;
export const load = () => ask("/board/data/weather");

export function view(data) {
  if (!data.stations.length && !data.levels.length) return empty("weather", t("board_weather.none"), null, { whole: true });
  const rain = data.stations.filter((one) => one.rain.length);
  const wind = data.stations.filter((one) => one.wind);
  const air = data.stations.filter((one) => one.air.length);
  const level = SEVERITIES.find((word) => rain.some((one) => one.rain.some((window) => window.level === word)));
  return h("div.page", { key: "weather" },
    h("div.page-head", h("h1", icon("weather"), t("board_weather.title")), h("p.summary", badge(level || "normal", level ? t("board_weather.equals", { level: stateWord(level) }) : t("board_weather.calm"))), h("p.dim.note-right", t("board_weather.observed"))),
    h("div.weather-grid", { key: "grid" },
      rain.length ? h("section.panel", { key: "rain" }, head("weather", t("board_weather.rain")), h("div.rains", rain.map(rainOf))) : null,
      data.levels.length ? h("section.panel", { key: "levels" }, head("level", t("board_weather.levels")), h("div.levels", data.levels.map(levelOf))) : null,
      wind.length ? h("section.panel", { key: "wind" }, head("wind", t("board_weather.wind")), h("div.winds", wind.map(windOf))) : null,
      air.length ? h("section.panel", { key: "air" }, head("sun", t("board_weather.air")), h("div.airs", air.map(airOf))) : null));
}

function rainOf(one) {
  return h("div.rain", { key: one.device }, h("header", h("a", { href: `/board/device/${one.device}` }, h("h3", one.name)), badge(one.state), h("span.dim.push", heard(one))),
    h("ul.windows", one.rain.map((window) => {
      const far = Math.max(...window.limits.map((limit) => limit.value * 1.15), (window.mm || 0) * 1.1, 60);
      return h("li", { key: window.hours, class: window.level ? `sev-${window.level}` : "" }, h("span.window-name", t("board_weather.window", { n: window.hours })),
        h("span.window-bar", { "aria-hidden": "true" }, h("span.window-fill", { css: { width: `${(100 * (window.mm || 0)) / far}%` } }), window.limits.map((limit) => h("span.window-mark", { key: limit.value, class: `sev-${limit.severity}`, css: { left: `${(100 * limit.value) / far}%` } }))),
        h("span.window-value", h("b", w.num(window.mm, 1)), h("i", "mm")),
        h("span.window-next", window.level ? badge(window.level) : window.limits.length ? h("span.dim", icon(`s-${window.limits[0].severity}`, `sev-icon sev-${window.limits[0].severity}`), `${stateWord(window.limits[0].severity)} ${w.short(window.limits[0].value)}`) : h("span.dim", "")));
    })));
}

function levelOf(one) {
  const limits = lines(one.limits).filter((limit) => limit.side === "above");
  const rise = one.rise_limits[0];
  return h("a.level", { key: one.device, href: `/board/device/${one.device}`, class: `sev-${one.state}` }, gauge(one, limits),
    h("span.level-body", h("span.level-name", h("b", one.name), badge(one.state)), h("span", one.level ? figure(one.level) : "–", trendMark(one.trend)),
      h("span.dim", one.rise === null ? t("board_weather.rise_unknown") : t("board_weather.rise", { m: (one.rise > 0 ? "+" : "") + w.num(one.rise, 2), span: w.span(one.rise_over_s) }), rise ? ` · ${t("board_weather.rise_limit", { m: w.short(rise.value) })}` : ""),
      h("span.dim", limits.length ? limits.map((limit) => `${stateWord(limit.severity)} ${w.short(limit.value)} m`).join(" · ") : t("board_weather.no_level"), " · ", heard(one)), spark(one.spark, { limit: limits[0]?.value ?? null, high: 22 })));
}

/** A staff in the water: the level, and where the limits are on it. */
function gauge(one, limits) {
  const values = [...limits.map((limit) => limit.value), one.level?.value ?? 0];
  const spread = one.spark.map(([, value]) => value);
  const low = Math.min(0, ...spread, ...values);
  const high = Math.max(...values, ...spread) * 1.25 || 1;
  const y = (value) => 100 - (94 * (value - low)) / (high - low);
  return h("svg.gauge", { viewBox: "0 0 40 104", "aria-hidden": "true" }, h("rect.gauge-pipe", { x: 8, y: 2, width: 24, height: 100, rx: 5 }), h("rect.gauge-water", { x: 10, y: y(one.level?.value ?? low), width: 20, height: Math.max(0, 101 - y(one.level?.value ?? low)), rx: 3 }),
    limits.map((limit) => h("line.gauge-mark", { key: limit.value, class: `sev-${limit.severity}`, x1: 3, x2: 37, y1: y(limit.value), y2: y(limit.value) })));
}

function windOf(one) {
  const { speed, gust, dir } = one.wind;
  const limit = one.wind.limits[0];
  return h("a.wind", { key: one.device, href: `/board/device/${one.device}` }, h("svg.compass", { viewBox: "-50 -50 100 100", role: "img", "aria-label": dir ? t("board_weather.from", { deg: w.num(dir.value, 0) }) : "" }, h("circle.rose-edge", { r: 44 }), [0, 45, 90, 135, 180, 225, 270, 315].map((deg) => h("line.compass-tick", { key: deg, x1: 0, x2: 0, y1: -44, y2: deg % 90 ? -40 : -36, transform: `rotate(${deg})` })), h("text.rose-text", { y: -24, "text-anchor": "middle" }, t("board_map.north")), dir ? h("path.compass-needle", { d: "M0 -34 8 -18H3V30H-3V-18H-8z", transform: `rotate(${(dir.value ?? 0) + 180})` }) : null),
    h("span.level-body", h("span.level-name", h("b", one.name), badge(one.state)), h("span", figure(speed), gust ? h("span.dim", t("board_weather.gust", { value: w.num(gust.value, 1) })) : null),
      h("span.dim", dir ? t("board_weather.from", { deg: w.num(dir.value, 0) }) : "", limit ? ` · ${stateWord(limit.severity)} ${w.short(limit.value)} m/s` : ""), spark(one.wind.spark, { high: 22 })));
}

const airOf = (one) => h("div.air", { key: one.device }, h("header", h("a", { href: `/board/device/${one.device}` }, h("h3", one.name)), h("span.dim.push", heard(one))), h("ul.air-values", one.air.map((each) => h("li", { key: each.quantity }, h("span.dim", w.both(each.title)), h("span", figure(each), trendMark(each.trend)), spark(each.spark, { high: 20 })))));
