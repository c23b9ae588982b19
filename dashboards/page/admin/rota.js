// The whole of the duty in one form: shifts, rounds, digests, days off. Tried by the gateway as one types.
import { h, icon } from "../dom.js";
import { ask, Refused } from "../live.js";
import { badge } from "../parts.js";
import { listed, save } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
const WAIT_MS = 500;
const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAYS = [...WEEK, "workday", "restday"];
let draft = null;
let start = {}; // as it was when the form was opened
let faults = null; // of the last try; null: not tried yet
let timer = null;
let turn = 0;

export const editing = () => draft !== null;
export function begin(written, app) {
  const { rota = [], rounds = {}, digests = ["08:00", "18:00"], holidays = [], workdays = [] } = structuredClone(written);
  draft = { rota, rounds: Object.entries(rounds).map(([role, times]) => ({ role, times: [times].flat() })), digests, holidays: [holidays].flat(), workdays: [workdays].flat() };
  start = structuredClone(whole());
  faults = null;
  app.redraw();
}
function end(app) {
  clearTimeout(timer);
  turn += 1;
  draft = null;
  app.redraw();
}

/** What is different from how it was: only that goes into the site file. */
const said = () => Object.fromEntries(Object.entries(whole()).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(start[key])));
function whole() {
  const plain = (list) => list.map((one) => (one.days || typeof one !== "object" ? one : one.at));
  return { rota: draft.rota, rounds: Object.fromEntries(draft.rounds.map((one) => [one.role, plain(one.times)])), digests: plain(draft.digests), holidays: draft.holidays, workdays: draft.workdays };
}

function changed(app) {
  clearTimeout(timer);
  timer = setTimeout(() => tried(app), WAIT_MS);
  app.redraw();
}

async function tried(app) {
  const mine = ++turn;
  let found = [];
  try {
    await ask("/api/v1/duty/check", { method: "POST", body: said() });
  } catch (error) {
    if (!(error instanceof Refused)) return;
    found = error.body.details || [{ key: error.body.key || "", problem: error.message, remedy: error.body.remedy || "" }];
  }
  if (mine !== turn || !draft) return; // something was typed meanwhile
  faults = found;
  app.redraw();
}

async function keep(app) {
  clearTimeout(timer);
  await tried(app);
  if (faults?.length) return;
  if (await save(app, "/api/v1/duty", "PATCH", said())) end(app);
}

/** One date, or the first and the last of several. */
function stretch(text) {
  const [from, until] = text.split("~");
  return until === undefined ? text : { from, until };
}
const about = (way) => (faults || []).filter(({ key }) => key === way || key.startsWith(`${way}.`) || key.startsWith(`${way}[`));
const MUST = [[/\.people$/, "people"], [/\.people\[\d+\]$/, "person"], [/\.cell$/, "cell"], [/\.(from|to|at)$|^duty\.(digests|rounds\.[^.[]+)\[\d+\]$/, "time"], [/^duty\.(holidays|workdays)/, "date"]];
/** What is wrong in the words of the page; the gateway's own where it knows more. */
const inWords = (one) => {
  const [, must] = MUST.find(([key]) => key.test(one.key)) || [];
  return must ? t(`board_rota.must_${must}`) : `${one.problem}${one.remedy ? ` ${one.remedy}` : ""}`;
};
const told = (found) => (found.length ? h("small.fault", { title: found.map((one) => one.problem).join("; ") }, [...new Set(found.map(inWords))].join("; ")) : null);

/** A field with what is wrong with it. */
function slot(way, name, input, also = null) {
  const found = [...about(`duty.${way}`), ...(faults || []).filter(({ key }) => also && key === `duty.${also}`)];
  return h("label.field", { key: way, class: found.length ? "is-wrong" : "" }, h("span", name), { ...input, props: { ...input.props, "aria-invalid": found.length ? "true" : null } }, told(found));
}
function pick(value, options, put) {
  const all = options.some(([one]) => one === value) ? options : [[value, value], ...options]; // what is not known any more is shown, and refused
  return h("select", { onchange: (event) => put(event.target.value) }, all.map(([one, text]) => h("option", { key: one, value: one, selected: one === value }, text)));
}
const hour = (value, put) => h("input", { type: "time", value: value ? String(value).padStart(5, "0").replace("24:", "00:") : "", oninput: (event) => put(event.target.value) });
const remove = (name, gone) => h("button.button.small.danger", { type: "button", "aria-label": `${t("board_admin.remove")} ${name}`, onclick: gone }, icon("cross"), t("board_admin.remove"));
const add = (name, more) => h("button.button.small", { type: "button", onclick: more }, name);

/** The words of days as they are written, one by one. */
export function dayWords(written) {
  return (Array.isArray(written) ? written : String(written ?? "").split(",")).map((one) => String(one).trim().toLowerCase()).filter(Boolean).flatMap((word) => {
    const [first, last] = word.split("-").map((one) => WEEK.indexOf(one));
    if (word === "daily" || word === "every day") return WEEK;
    return first >= 0 && last >= 0 ? Array.from({ length: ((last - first + 7) % 7) + 1 }, (_, step) => WEEK[(first + step) % 7]) : [word];
  });
}
export function days(written) {
  const named = dayWords(written);
  if (!named.length || WEEK.every((day) => named.includes(day))) return t("board_rota.daily");
  return named.map((word) => w.say("board_rota", word)).join(w.lang() === "zh" ? "、" : ", ");
}

function dayChips(way, one, app) {
  const named = dayWords(one.days);
  const flip = (day) => {
    const now = named.includes(day) ? named.filter((other) => other !== day) : [...named, day];
    if (now.length) one.days = DAYS.filter((other) => now.includes(other));
    else delete one.days;
    changed(app);
  };
  return h("div.field.wide", { key: `${way} days`, role: "group", "aria-label": t("board_rota.days") }, h("span", t("board_rota.days")), h("div.filter", DAYS.map((day) => h("button.chip-button", { key: day, type: "button", "aria-pressed": String(named.includes(day)), onclick: () => flip(day) }, t(`board_rota.${day}`)))), told(about(`duty.${way}.days`)));
}

function crew(way, shift, people, app) {
  const name = (slug) => people[slug]?.name || slug;
  const wrong = about(`duty.${way}.people`);
  const free = Object.keys(people).filter((slug) => !shift.people.includes(slug));
  return h("div.field.wide", { key: `${way} people`, class: wrong.length ? "is-wrong" : "" }, h("span", t("board_field.people")), h("div.filter", shift.people.map((slug, index) => h("button.chip-button", { key: slug, type: "button", "aria-label": t("board_rota.take_out", { name: name(slug) }), onclick: () => (shift.people.splice(index, 1), changed(app)) }, name(slug), icon("cross"))),
    h("select.input.add-person", { key: "+", "aria-label": t("board_rota.add_person"), onchange: (event) => { if (event.target.value) { shift.people.push(event.target.value); event.target.value = ""; changed(app); } } }, h("option", { value: "" }, `+ ${t("board_rota.add_person")}`), free.map((slug) => h("option", { key: slug, value: slug }, name(slug))))), told(wrong));
}

function shiftForm(shift, index, people, app) {
  const way = `rota[${index}]`;
  const put = (key) => (value) => {
    if (value) shift[key] = value;
    else delete shift[key];
    changed(app);
  };
  const roles = [...new Set(Object.values(people).flatMap((one) => one.roles || []))];
  return h("fieldset.shift", { key: way }, h("legend", t("board_rota.shift", { n: index + 1 })),
    h("div.fields-grid", slot(`${way}.cell`, t("board_field.cell"), pick(shift.cell || "", Object.entries(app.site?.cells || {}).map(([slug, one]) => [slug, one.name || slug]), put("cell"))),
      slot(`${way}.role`, t("board_field.role"), pick(shift.role || "", [["", "–"], ...roles.map((role) => [role, role])], put("role"))),
      slot(`${way}.from`, t("board_rota.from"), hour(shift.from, put("from"))), slot(`${way}.to`, t("board_rota.to"), hour(shift.to, put("to"))), dayChips(way, shift, app), crew(way, shift, people, app)),
    remove(t("board_rota.shift", { n: index + 1 }), () => (draft.rota.splice(index, 1), changed(app))));
}

/** Times of the day, each with its days. */
function times(way, list, app) {
  return [list.map((one, index) => {
    const here = `${way}[${index}]`;
    const whole = typeof one === "object" ? one : (list[index] = { at: one });
    return h("div.fields-grid.turn", { key: here }, slot(`${here}.at`, t("board_rota.turn", { n: index + 1 }), hour(whole.at, (value) => ((whole.at = value), changed(app))), here), dayChips(here, whole, app), remove(t("board_rota.turn", { n: index + 1 }), () => (list.splice(index, 1), changed(app))));
  }), h("p", { key: `${way} +` }, add(t("board_rota.add_time"), () => (list.push({ at: "08:00" }), changed(app))), told(about(`duty.${way}`).filter(({ key }) => key === `duty.${way}`)))];
}

export function rotaForm(people, app) {
  const roles = [...new Set(Object.values(people).flatMap((one) => one.roles || []))].filter((role) => !draft.rounds.some((one) => one.role === role));
  const dates = (key) => slot(key, t(`board_rota.${key}`), h("input", { type: "text", placeholder: t("board_rota.dates"), value: draft[key].map((one) => (one.from ? `${one.from}~${one.until}` : one)).join(", "), onchange: (event) => ((draft[key] = listed(event.target.value).map(stretch)), changed(app)) }));
  const shown = ["rota[", "rounds", "digests", "holidays", "workdays"];
  const loose = (faults || []).filter(({ key }) => !shown.some((name) => key.startsWith(`duty.${name}`)));
  return h("form.panel.form.entry.rota", { key: "rota", novalidate: true, onsubmit: (event) => (event.preventDefault(), keep(app)) },
    h("h2", t("board_rota.edit")), h("h3", t("board_rota.shifts")), draft.rota.map((shift, index) => shiftForm(shift, index, people, app)),
    h("p", { key: "more" }, add(t("board_rota.add_shift"), () => (draft.rota.push({ cell: Object.keys(app.site?.cells || {})[0] || "", people: [] }), changed(app)))),
    h("h3", t("board_rota.rounds")), draft.rounds.map((one, index) => h("fieldset.shift", { key: `round ${one.role}` }, h("legend", one.role), times(`rounds.${one.role}`, one.times, app), remove(one.role, () => (draft.rounds.splice(index, 1), changed(app))))),
    h("p", { key: "rounds +" }, roles.map((role) => add(`${t("board_rota.add_round")}: ${role}`, () => (draft.rounds.push({ role, times: [{ at: "08:00" }] }), changed(app))))),
    h("h3", t("board_rota.digests")), times("digests", draft.digests, app), h("div.fields-grid", { key: "dates" }, dates("holidays"), dates("workdays")),
    loose.length ? h("p.fault", { role: "alert" }, loose.map((one) => `${one.key}: ${one.problem}`).join("; ")) : null,
    h("p.verdict", { key: "verdict", role: "status" }, faults === null ? null : badge(faults.length ? "yellow" : "normal", faults.length ? t("board_rota.wrong", { n: faults.length }) : t("board_rota.fits"))),
    h("div.actions", h("button.button.primary", { type: "submit" }, t("board.save")), h("button.button", { type: "button", onclick: () => end(app) }, t("board.cancel"))));
}
