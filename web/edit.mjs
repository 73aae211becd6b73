// Weights that are dragged and matches that are edited, to see what would happen: what is pending, its controls, and what the engine says
// of it. Nothing is written; the patch that would do it is shown.
import { changes, h } from "./view.mjs";
import { moved, news, patch } from "./whatif.mjs";

/** @typedef {import("./engine.mjs").State} State */
/** @typedef {import("./engine.mjs").Rule} Rule */
/** @typedef {import("./engine.mjs").Route} Route */
/** @typedef {import("./engine.mjs").Edited} Edited */
/** What becomes of a rule. @typedef {{rule: Rule, weights: number[], match: string}} Edit */

/** @param {Rule} rule */
const written = (rule) => rule.destinations.map((d) => d.weight ?? 0);
/** @param {Rule} rule */
const keyOf = (rule) => JSON.stringify([rule.file, rule.namespace, rule.name, rule.protocol, rule.rule]);
/** @param {Rule} rule */
const nameOf = (rule) => `VirtualService ${rule.namespace}/${rule.name}, ${rule.protocol} rule ${rule.rule}`;
/** @param {number[]} all */
const sum = (all) => all.reduce((a, b) => a + b, 0);
/** @param {number} value @param {number} most */
const within = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
/** @param {readonly number[]} a @param {readonly number[]} b */
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

/**
 * Whole numbers in the proportion of some others, which add up to a total: what is left by rounding goes where most was cut off.
 * @param {number[]} parts @param {number} total
 */
function inProportion(parts, total) {
  const whole = sum(parts);
  const exact = parts.map((part) => (whole === 0 ? total / parts.length : (part * total) / whole));
  const out = exact.map(Math.floor);
  const order = exact.map((value, i) => ({ i, cut: value - Math.floor(value) })).sort((a, b) => b.cut - a.cut || a.i - b.i);
  for (const { i } of order.slice(0, Math.round(total - sum(out)))) out[i] = (out[i] ?? 0) + 1;
  return out;
}

/**
 * One weight is another; the others adapt in proportion, so that the sum stays. Of weights that are all 0 it is 100.
 * @param {number[]} weights @param {number} index @param {number} value
 */
export function withWeight(weights, index, value) {
  const total = sum(weights) || 100;
  const own = weights.length === 1 ? total : within(value, total);
  const others = inProportion(weights.filter((_, i) => i !== index), total - own);
  return [...others.slice(0, index), own, ...others.slice(index)];
}

/**
 * The boundary behind a weight is moved: what it gains, the next one loses.
 * @param {number[]} weights @param {number} index @param {number} value
 */
export function withBoundary(weights, index, value) {
  const both = (weights[index] ?? 0) + (weights[index + 1] ?? 0) || (sum(weights) === 0 ? 100 : 0);
  const own = within(value, both);
  return weights.map((weight, i) => (i === index ? own : i === index + 1 ? both - own : weight));
}

/**
 * An edit of rules that were, for rules as they are: of the same rule, or of the only one that is what it was; null where there is none,
 * and "done" where the rule is already as it was to become.
 * @param {Edit} edit @param {Rule[]} rules
 * @returns {Edit | "done" | null}
 */
export function refitted(edit, rules) {
  /** @param {Rule} rule */
  const content = (rule) => JSON.stringify([rule.destinations, rule.match]);
  const all = rules.filter((rule) => JSON.stringify([rule.file, rule.namespace, rule.name, rule.protocol])
    === JSON.stringify([edit.rule.file, edit.rule.namespace, edit.rule.name, edit.rule.protocol]));
  const own = all.find((rule) => rule.rule === edit.rule.rule);
  if (own && content(own) === content(edit.rule)) return { ...edit, rule: own };
  const names = (/** @type {Rule} */ rule) => JSON.stringify(rule.destinations.map((d) => d.name));
  if (own && names(own) === names(edit.rule) && same(written(own), edit.weights) && (own.match ?? "").trim() === edit.match.trim()) return "done";
  const alike = all.filter((rule) => content(rule) === content(edit.rule));
  return alike.length === 1 && alike[0] ? { ...edit, rule: alike[0] } : null;
}

/**
 * What can be edited on the page. `edit` asks the engine, `draw` puts nodes into a place, `redraw` draws the tables, `ask` asks about a
 * request.
 * @param {{edit: import("./engine.mjs").Engine["edit"], draw: (place: Element, content: Node[]) => void, redraw: () => void, ask: (request: string) => void, section: HTMLElement, bar: HTMLElement}} page
 */
export function editing(page) {
  /** @type {State | null} */
  let state = null;
  /** @type {Map<string, Edit>} */
  let pending = new Map();
  /** What didn't fit any more when the files changed. @type {string[]} */
  let lost = [];
  /** The rows whose match is open. @type {Set<string>} */
  const open = new Set();
  /** What shows a rule now. @type {Map<string, Set<() => void>>} */
  const shown = new Map();
  /** @type {Edited | null} */
  let told = null;
  /** The rules that it is about, in the order in which they were asked for. @type {string[]} */
  let asked = [];
  let isAsking = false;
  let isStale = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {Rule} rule @returns {Edit} */
  const current = (rule) => pending.get(keyOf(rule)) ?? { rule, weights: written(rule), match: rule.match ?? "" };

  /** What is wrong with the edit of a rule. @param {Rule} rule */
  function problem(rule) {
    if (!told || told.error === null || typeof told.edit !== "number" || asked[told.edit] !== keyOf(rule)) return "";
    return typeof told.line === "number" ? `line ${told.line} can't be taken so` : "it can't be made so";
  }

  /** @param {Edit} edit @param {number} wait ms */
  function set(edit, wait) {
    const isSame = same(edit.weights, written(edit.rule)) && edit.match.trim() === (edit.rule.match ?? "").trim();
    if (isSame) pending.delete(keyOf(edit.rule));
    else pending.set(keyOf(edit.rule), edit);
    shown.get(keyOf(edit.rule))?.forEach((show) => show());
    clearTimeout(timer);
    timer = setTimeout(() => void compute(), wait);
    drawPanel();
  }

  /** Asks for what is pending; what comes meanwhile is asked for behind it. */
  async function compute() {
    isStale = pending.size > 0;
    if (isAsking) return;
    if (pending.size === 0) told = null;
    while (isStale) {
      isStale = false;
      isAsking = true;
      drawPanel();
      const edits = [...pending.values()].map(({ rule, weights, match }) => ({
        rule,
        weights: same(weights, written(rule)) ? [] : weights.map((weight, i) => (weight === written(rule)[i] ? null : weight)),
        match: match.trim() === (rule.match ?? "").trim() ? null : match,
      }));
      const answer = await page.edit(edits);
      isAsking = false;
      asked = edits.map(({ rule }) => keyOf(rule));
      if (pending.size === 0) isStale = false;
      told = pending.size === 0 ? null : answer;
      for (const all of shown.values()) all.forEach((show) => show());
    }
    drawPanel();
  }

  /** @param {Rule[]} rules */
  function discard(rules) {
    for (const rule of rules) pending.delete(keyOf(rule));
    for (const rule of rules) shown.get(keyOf(rule))?.forEach((show) => show());
    void compute();
    drawPanel();
  }

  function drawPanel() {
    const edits = [...pending.values()];
    page.section.hidden = edits.length === 0 && lost.length === 0;
    page.bar.hidden = edits.length === 0;
    const text = page.bar.querySelector("span");
    if (text) text.textContent = edits.length === 1 ? "1 rule is edited here, and not in its file." : `${edits.length} rules are edited here, and not in their files.`;
    const place = page.section.querySelector("div");
    const status = page.section.querySelector("[role=status]");
    if (!place || !status) return;
    // What is so until there is an answer stays meanwhile.
    if (isAsking && told) return;
    status.textContent = edits.length > 0 && !told ? "asking…" : told?.error ? "it can't be made so" : verdict();
    const forget = h("button", { type: "button", class: "small" }, "Forget");
    forget.addEventListener("click", () => { lost = []; drawPanel(); });
    page.draw(place, [
      ...lost.map((why) => h("p", { class: "warn" }, why)),
      ...(lost.length > 0 ? [h("p", {}, forget)] : []),
      h("ul", { class: "plain edits" }, ...edits.map(described)),
      ...(edits.length > 0 && told ? result(told) : []),
    ]);
  }

  function verdict() {
    if (!told || told.error !== null || !told.state) return "";
    const { diff } = told.state;
    const n = diff === null || diff.error !== undefined ? 0 : diff.proxies.flatMap((p) => p.changes.filter((c) => !c.minor)).length;
    return n === 0 ? "nothing changes for any request" : `${n} ${n === 1 ? "change" : "changes"} for requests`;
  }

  /** @param {Edit} edit */
  function described(edit) {
    const { rule, weights, match } = edit;
    const button = h("button", { type: "button", class: "small", "data-focus": `discard ${keyOf(rule)}` }, "Discard");
    button.addEventListener("click", () => discard([rule]));
    const before = written(rule);
    return h("li", {}, h("strong", {}, nameOf(rule)), " ", button,
      !same(weights, before) && h("p", { class: "note" }, `weights ${before.join(" : ")} → ${weights.join(" : ")}`),
      match.trim() !== (rule.match ?? "").trim() && h("p", { class: "note" }, match.trim() === "" ? "match taken out" : rule.match === null ? "a match" : "another match"));
  }

  /** @param {Edited} edited @returns {Node[]} */
  function result(edited) {
    if (edited.error !== null) return [h("pre", { class: "bad", tabindex: "0", role: "group", "aria-label": "Why it can't be made so" }, edited.error)];
    const before = state;
    const after = edited.state;
    if (!before || !after) return [h("p", { class: "note" }, "The files are so already.")];
    return [
      ...edited.notes.map((note) => h("p", { class: "warn" }, note)),
      h("h3", {}, "Shares"), ...moved(before, after),
      h("h3", {}, "Requests"), ...changes(after, page.ask),
      h("h3", {}, "Findings"), ...news(before, after),
      h("h3", {}, "The patch that would do it"), ...patch(edited.patch),
    ];
  }

  /** Controls for a rule in a row. @param {Rule} rule @param {string} row */
  function controls(rule, row) {
    const key = keyOf(rule);
    const badge = h("span", { class: "badge warn" }, "edited here, not in the file");
    const drop = h("button", { type: "button", class: "small", "data-focus": `drop ${row}` }, "Discard");
    drop.addEventListener("click", () => {
      discard([rule]);
      if (open.delete(row)) page.redraw();
    });
    const toggle = h("button", { type: "button", class: "small", "aria-expanded": String(open.has(row)), "data-focus": `toggle ${row}` }, rule.match === null ? "Add a match" : "Edit match");
    toggle.addEventListener("click", () => {
      if (!open.delete(row)) open.add(row);
      page.redraw();
      if (open.has(row)) /** @type {HTMLElement | null} */ (document.querySelector(`[data-focus=${CSS.escape(`match ${row}`)}]`))?.focus();
    });
    const split = rule.destinations.length > 1 ? splitBar(rule, row, current, set) : null;
    const area = open.has(row) ? matchArea(rule, row, current, set, problem) : null;
    const show = () => {
      badge.hidden = drop.hidden = !pending.has(key);
      split?.show();
      area?.show();
    };
    const all = shown.get(key) ?? new Set();
    shown.set(key, all.add(show));
    show();
    return h("div", { class: "rule" }, split?.element, h("p", {}, toggle, " ", badge, drop), area?.element);
  }

  return {
    /** The page draws its tables anew: what showed rules before is gone. */
    begin() { shown.clear(); },

    /** @param {State} now */
    follow(now) {
      state = now;
      /** @type {Map<string, Edit>} */
      const kept = new Map();
      for (const edit of pending.values()) {
        const fitted = refitted(edit, now.rules);
        if (fitted === null) lost.push(`${nameOf(edit.rule)} is another one now: what was edited here doesn't fit any more.`);
        else if (fitted !== "done") kept.set(keyOf(fitted.rule), fitted);
      }
      pending = kept;
      void compute();
      drawPanel();
    },

    /** What can be done with the rule that made a route. @param {Route} route @param {string} row */
    of(route, row) {
      const rule = state && ruleOf(state.rules, route);
      return rule ? controls(rule, row) : null;
    },

    /** Rules that stand in no table of HTTP routes. */
    others() {
      if (!state) return [];
      const { rules, routes } = state;
      const made = new Set(routes.flatMap((t) => t.route_configs.flatMap((c) => c.virtual_hosts.flatMap((v) => v.routes))).map((r) => ruleOf(rules, r)));
      const rest = rules.filter((rule) => !made.has(rule));
      if (rest.length === 0) return [];
      return [h("section", {}, h("h3", {}, "Rules that make no route here: those of TLS and TCP, and what is never reached"),
        ...rest.map((rule) => h("details", { "data-key": `rule ${keyOf(rule)}` }, h("summary", {}, nameOf(rule), " ", h("span", { class: "note" }, `${rule.file}:${rule.lines[0]}`)),
          h("div", { class: "inside" }, ...rule.destinations.map((d) => h("div", {}, d.name)), controls(rule, `rule ${keyOf(rule)}`)))))];
    },

    discardAll() {
      open.clear();
      discard([...pending.values()].map((edit) => edit.rule));
      page.redraw();
    },
  };
}

/** The rule that a route was made of. @param {Rule[]} rules @param {Route} route */
function ruleOf(rules, route) {
  const from = route.source;
  if (!from || from.file === null || from.line === null) return null;
  const line = from.line;
  return rules.find((rule) => rule.protocol === "http" && rule.file === from.file && rule.name === from.name && rule.rule === from.rule
    && rule.lines[0] <= line && line <= rule.lines[1]) ?? null;
}

/**
 * A bar that is split by the weights, with a handle on each boundary, and a number for each destination.
 * @param {Rule} rule @param {string} row
 * @param {(rule: Rule) => Edit} current @param {(edit: Edit, wait: number) => void} set
 */
function splitBar(rule, row, current, set) {
  /** @param {number[]} weights */
  const choose = (weights) => set({ ...current(rule), weights }, 120);
  const parts = rule.destinations.map(() => h("div", { class: "part", "aria-hidden": "true" }));
  const handles = rule.destinations.slice(1).map((_, i) => h("div", {
    class: "handle", role: "slider", tabindex: "0", "aria-valuemin": "0", "aria-orientation": "horizontal", "data-focus": `handle ${i} ${row}`,
    "aria-label": `Boundary between ${rule.destinations[i]?.name} and ${rule.destinations[i + 1]?.name}`,
  }));
  const bar = h("div", { class: "split" }, ...parts.flatMap((part, i) => [part, handles[i]]));
  const numbers = rule.destinations.map((d, i) => /** @type {HTMLInputElement} */ (h("input", { type: "number", min: "0", step: "1", inputmode: "numeric", "aria-label": `Weight of ${d.name}`, "data-focus": `weight ${i} ${row}` })));
  numbers.forEach((number, i) => number.addEventListener("input", () => {
    if (number.value !== "" && number.validity.valid) choose(withWeight(current(rule).weights, i, Number(number.value)));
  }));
  numbers.forEach((number) => number.addEventListener("blur", () => show()));
  handles.forEach((handle, i) => {
    const own = () => current(rule).weights[i] ?? 0;
    const both = () => own() + (current(rule).weights[i + 1] ?? 0) || 100;
    handle.addEventListener("keydown", (event) => {
      const step = Math.max(1, Math.round(sum(current(rule).weights) / 100));
      const to = { ArrowLeft: own() - step, ArrowDown: own() - step, ArrowRight: own() + step, ArrowUp: own() + step, PageDown: own() - 10 * step, PageUp: own() + 10 * step, Home: 0, End: both() }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(withBoundary(current(rule).weights, i, to));
    });
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      handle.setPointerCapture(event.pointerId);
    });
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId)) return;
      const { left, width } = bar.getBoundingClientRect();
      const weights = current(rule).weights;
      const at = ((event.clientX - left) / width) * (sum(weights) || 100);
      choose(withBoundary(weights, i, at - sum(weights.slice(0, i))));
    });
  });
  function show() {
    const { weights } = current(rule);
    const total = sum(weights);
    parts.forEach((part, i) => {
      part.style.flexGrow = String(total === 0 ? 1 : weights[i] ?? 0);
    });
    handles.forEach((handle, i) => {
      const [own, next] = [weights[i] ?? 0, weights[i + 1] ?? 0];
      handle.setAttribute("aria-valuemax", String(own + next || 100));
      handle.setAttribute("aria-valuenow", String(own));
      handle.setAttribute("aria-valuetext", `${rule.destinations[i]?.name} ${own}, ${rule.destinations[i + 1]?.name} ${next}`);
    });
    numbers.forEach((number, i) => {
      number.max = String(total || 100);
      if (document.activeElement !== number || number.value === "") number.value = String(weights[i] ?? 0);
    });
  }
  const list = rule.destinations.map((d, i) => h("li", {}, numbers[i], " ", d.name, d.weight === null && h("span", { class: "note" }, " (no weight written)")));
  return { element: h("div", { role: "group", "aria-label": `Weights of ${nameOf(rule)}` }, bar, h("ol", { class: "plain weights" }, ...list)), show };
}

/**
 * The match of a rule as YAML.
 * @param {Rule} rule @param {string} row
 * @param {(rule: Rule) => Edit} current @param {(edit: Edit, wait: number) => void} set @param {(rule: Rule) => string} problem
 */
function matchArea(rule, row, current, set, problem) {
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { rows: String(Math.min(14, 2 + current(rule).match.split("\n").length)), spellcheck: "false", autocomplete: "off", "data-focus": `match ${row}`, placeholder: "- uri:\n    prefix: /" }));
  area.value = current(rule).match;
  area.addEventListener("input", () => set({ ...current(rule), match: area.value }, 350));
  const label = h("label", {}, `Match of ${nameOf(rule)}, as YAML; without text it takes everything`, area);
  const wrong = h("p", { class: "bad", "aria-live": "polite" });
  function show() {
    if (document.activeElement !== area) area.value = current(rule).match;
    wrong.textContent = problem(rule);
    area.setAttribute("aria-invalid", String(wrong.textContent !== ""));
  }
  return { element: h("div", { class: "match" }, label, wrong), show };
}
