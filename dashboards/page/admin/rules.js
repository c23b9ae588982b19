// Rules: what each says in words, a form of its own plain fields that is tried as one types, and how often it would have fired.
import { h, icon } from "../dom.js";
import { ask, maybe, Refused } from "../live.js";
import { badge, empty, stateWord } from "../parts.js";
import { panel, save } from "./edit.js";
import * as w from "../words.js";

const { t } = w;
const FIXED = new Set(["id", "name", "source", "scenario", "version", "placeholder"]);
const SEVERITIES = ["info", "blue", "yellow", "orange", "red"];
const WAIT_MS = 450;
let draft = null; // the rule as it stands in the form
let verdict = null;
let past = null;
let timer = null;
let only = "";

export async function load([id]) {
  if (!id) {
    draft = null;
    return { rules: await ask("/api/v1/rules") };
  }
  const rule = await ask(`/api/v1/rules/${encodeURIComponent(id)}`);
  if (!draft || draft.id !== id) [draft, verdict, past] = [{ ...structuredClone(rule.written), id }, null, null];
  return { rule };
}

export function view(data, app) {
  return data.rule ? one(data.rule, app) : list(data.rules, app);
}

function list(rules, app) {
  const shown = rules.filter((rule) => !only || (only === "on") === rule.judged);
  return panel("alert", t("board_admin.rules"), h("ul.rules", shown.map((rule) => h("li", { key: rule.id }, h("a.rule-row", { href: `/board/admin/rules/${encodeURIComponent(rule.id)}` },
    h("span.rule-colours", rule.severities.map((word) => h("span", { key: word, class: `sev-${word}`, title: stateWord(word) }, icon(`s-${word}`, "sev-icon"), h("span.vh", stateWord(word))))),
    h("span.rule-name", h("b", w.both(rule.title)), h("span.dim", rule.id)), h("span.rule-flags", rule.own ? h("span.chip", t("board_rule.own")) : null, rule.judged ? badge("normal", t("board_rule.on")) : badge("silent", rule.placeholder ? t("board_rule.placeholder") : t("board_rule.off"))), h("span.dim.rule-tell", rule.tell.join("、")), icon("next"))))),
  ...["", "on", "off"].map((name) => h("button.chip-button", { key: name, type: "button", "aria-pressed": String(only === name), onclick: () => ((only = name), app.redraw()) }, name ? t(`board_rule.${name}`) : t("board_bins.every"))));
}

function one(rule, app) {
  const may = app.can("admin");
  return h("div.rule-page", { key: rule.id },
    h("a.crumb", { href: "/board/admin/rules" }, icon("back"), t("board_admin.rules")),
    h("div.two", h("section.panel.pad-all.explain", { key: "said" }, h("h2", w.both(rule.title)), h("p", rule.judged ? badge("normal", t("board_rule.on")) : badge("silent", t("board_rule.off")), " ", h("span.dim", rule.stands)), rule.placeholder ? h("p.note", icon("s-yellow", "sev-icon sev-yellow"), rule.placeholder) : null, h("ul.explained", (verdict?.explained || rule.explained).map((line, index) => h("li", { key: index }, line))), h("p.dim", t("board_rule.source", { source: rule.source })), h("p.dim", t("board_rule.devices", { n: rule.devices.length }), " ", rule.devices.slice(0, 12).map((slug) => app.site?.devices?.[slug]?.name || slug).join("、"))),
      may ? form(rule, app) : null));
}

function form(rule, app) {
  const leaves = [];
  walk(draft, [], leaves);
  const groups = new Map();
  for (const leaf of leaves) groups.set(leaf.group, [...(groups.get(leaf.group) || []), leaf]);
  return h("form.panel.form", { key: "form", onsubmit: (event) => (event.preventDefault(), keep(rule, app)) },
    h("label.field.switch", h("span", t("board_rule.enabled")), h("input.check", { type: "checkbox", checked: draft.enabled !== false, onchange: (event) => ((draft.enabled = event.target.checked), tried(app)) })),
    [...groups].map(([group, fields]) => h("fieldset.step", { key: group }, h("legend", group || t("board_rule.general")), h("div.fields-grid", fields.map((leaf) => input(leaf, app))))),
    h("p", { class: `verdict ${verdict && !verdict.ok ? "fault" : "is-good"}`, role: "status" }, verdict ? (verdict.ok ? (verdict.scenario === false ? t("board_rule.scenario_broken", { why: verdict.failures?.[0]?.problem || "" }) : t("board_rule.good")) : verdict.problem) : ""),
    past ? h("p", t("board_rule.would", { n: past.fired, told: past.told, days: past.days })) : null,
    h("div.actions", h("button.button.primary", { type: "submit", disabled: Boolean(verdict && !verdict.ok) }, t("board.save")), h("button.button", { type: "button", onclick: () => dry(app) }, icon("clock"), t("board_rule.dry_run")),
      rule.own ? h("button.button.danger", { type: "button", onclick: () => window.confirm(t("board_admin.sure")) && save(app, `/api/v1/rules/${encodeURIComponent(rule.id)}`, "DELETE", undefined, t("board_admin.gone")) }, t("board_rule.shipped")) : null));
}

/** Every plain field of a rule, with the way to it. */
function walk(node, way, found, group = "") {
  for (const [key, value] of Object.entries(node)) {
    if (!way.length && (FIXED.has(key) || key === "enabled")) continue;
    const here = [...way, key];
    const inside = key === "steps" ? group : /^\d+$/.test(key) && way[way.length - 1] === "steps" ? t("board_rule.step", { n: Number(key) + 1 }) : group;
    if (value !== null && typeof value === "object" && !(Array.isArray(value) && value.every((one) => typeof one !== "object"))) walk(value, here, found, inside);
    else found.push({ key, way: here, value, group: inside });
  }
}

function input(leaf, app) {
  const put = (value) => {
    let node = draft;
    for (const key of leaf.way.slice(0, -1)) node = node[key];
    node[leaf.key] = value;
    tried(app);
  };
  const quantity = leaf.way.length > 2 ? app.site?.quantities?.[leaf.way[leaf.way.length - 2]] : null;
  const name = `${quantity ? `${w.both(quantity.title)} ` : ""}${w.say("board_field", leaf.key)}`;
  const wrong = verdict && !verdict.ok && verdict.key && verdict.key.endsWith(leaf.key);
  const text = Array.isArray(leaf.value) ? leaf.value.join(", ") : String(leaf.value);
  return h("label.field", { key: leaf.way.join("."), class: wrong ? "is-wrong" : "" }, h("span", name),
    leaf.key === "severity" ? h("select", { onchange: (event) => put(event.target.value) }, SEVERITIES.map((word) => h("option", { key: word, value: word, selected: word === leaf.value }, stateWord(word))))
      : typeof leaf.value === "boolean" ? h("input.check", { type: "checkbox", checked: leaf.value, onchange: (event) => put(event.target.checked) })
        : h("input", { value: text, oninput: (event) => put(plain(event.target.value, leaf.value)) }));
}
function plain(text, before) {
  if (Array.isArray(before)) return text.split(/[,，]\s*/).filter(Boolean).map((one) => (typeof before[0] === "number" ? Number(one) : one));
  return typeof before === "number" && text.trim() !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
}

/** The gateway says while one types whether the rule would do. */
function tried(app) {
  clearTimeout(timer);
  past = null;
  timer = setTimeout(async () => {
    try {
      verdict = { ok: true, ...(await ask("/api/v1/rules/check", { method: "POST", body: { rule: draft } })) };
    } catch (error) {
      if (!(error instanceof Refused)) return;
      const first = error.body.details?.[0];
      verdict = { ok: false, key: first?.key || error.body.key || "", problem: first ? `${first.key}: ${first.problem}${first.remedy ? ` (${first.remedy})` : ""}` : error.message };
    }
    app.redraw();
  }, WAIT_MS);
}

async function dry(app) {
  app.toast(t("board_rule.looking"));
  try {
    past = await ask("/api/v1/rules/dry-run", { method: "POST", body: { rule: draft, days: 30 } });
  } catch (error) {
    app.toast(error.message, true);
  }
  app.redraw();
}

async function keep(rule, app) {
  const { id, ...fields } = draft;
  if (await save(app, `/api/v1/rules/${encodeURIComponent(rule.id)}`, "PUT", fields)) draft = null;
}
