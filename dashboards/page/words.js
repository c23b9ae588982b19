// Every text comes from the catalogue of the gateway; numbers, times and ages are said here.
let catalogue = {};
let language = "zh";
let skew = 0;
let zone = undefined;

export async function learn(wanted) {
  const answer = await fetch(`/board/words/${wanted || "site"}`);
  catalogue = await answer.json();
  language = catalogue["board.language"];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export const lang = () => language;
export const now = () => Date.now() + skew;
export function setClock(iso, timezone) {
  skew = Date.parse(iso) - Date.now();
  if (timezone) zone = timezone;
}

/** A text with its {facts} filled in; a key nobody has written stands there as it is, to be found. */
export function t(key, facts) {
  const text = catalogue[key];
  if (text === undefined) return key;
  return facts ? text.replace(/\{(\w+)\}/g, (_, name) => facts[name] ?? "") : text;
}
export const has = (key) => key in catalogue;
/** The text that goes with a word of the machine (a state, a kind), or the word itself. */
export const say = (group, word) => catalogue[`${group}.${word}`] ?? word;
/** What a camera or device reports, in words; what is only to be looked at says so. */
export function eventWord(kind) {
  const [, plain, how] = /^(.*?)(?:_(review|ended|cleared))?$/.exec(kind);
  const word = catalogue[`board_event.${kind}`] ?? catalogue[`board_event.${plain}`] ?? plain;
  return how && !(`board_event.${kind}` in catalogue) ? t(`board_event_how.${how}`, { word }) : word;
}
/** A name that the gateway has in both languages. */
export const both = (name) => (name && typeof name === "object" ? name[language] || name.zh || name.en : name) || "";

export function num(value, digits = 1) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return Number(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: Math.abs(value) >= 10000 });
}
/** A number without the zeros nobody needs. */
export const short = (value) => (value === null || value === undefined ? "–" : String(+Number(value).toFixed(4)));

export function span(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const steps = [[90, 1, "s"], [5400, 60, "min"], [129600, 3600, "h"], [Infinity, 86400, "d"]];
  const [, worth, unit] = steps.find(([limit]) => seconds < limit);
  const number = seconds / worth;
  return t(`board_time.${unit}`, { n: unit === "h" && number < 10 ? +number.toFixed(1) : Math.round(number) });
}
export const since = (iso) => (iso ? Math.max(0, (now() - Date.parse(iso)) / 1000) : null);
export const ago = (iso) => (iso ? agoS(since(iso)) : "–");
export const agoS = (seconds) => (seconds === null || seconds === undefined ? t("board_time.never") : seconds < 5 ? t("board_time.just") : t("board_time.ago", { span: span(seconds) }));

const format = (options) => (iso) => (iso ? new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { timeZone: zone, hour12: false, ...options }).format(typeof iso === "number" ? iso : Date.parse(iso)) : "–");
export const clock = (iso) => format({ hour: "2-digit", minute: "2-digit" })(iso);
export const clockS = (iso) => format({ hour: "2-digit", minute: "2-digit", second: "2-digit" })(iso);
export const day = (iso) => format({ month: language === "zh" ? "long" : "short", day: "numeric" })(iso);
export const weekday = (iso) => format({ weekday: language === "zh" ? "long" : "short" })(iso);
/** Today only the time, else the day too. */
export function when(iso) {
  if (!iso) return "–";
  return day(iso) === day(now()) ? clock(iso) : `${day(iso)} ${clock(iso)}`;
}
