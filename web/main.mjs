// The page: what the engine tells is drawn, what is written in the box is asked, now and after each change. Which engine it is, `start`
// is told.
import { editing } from "./edit.mjs";
import { lessons } from "./lesson.mjs";
import { changes, findings, headline, ladders, shares, tables } from "./view.mjs";

/** @typedef {import("./engine.mjs").Engine} Engine */
/** @typedef {import("./engine.mjs").State} State */
/** @typedef {import("./engine.mjs").Decision} Decision */

/** @param {string} id */
function by(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/** @type {Engine} */
let engine;
const box = /** @type {HTMLTextAreaElement} */ (by("request"));
/** @type {State | null} */
let state = null;
/** @type {Decision[]} */
let lit = [];
/** What was asked last; what is typed since is not asked until somebody says so. */
let asked = "";
let question = 0;
const edits = editing({ edit: (all) => engine.edit(all), draw, redraw: drawTables, ask: askFor, section: by("whatif"), bar: by("pending") });

/**
 * Draws anew; folds that somebody opened or closed stay so, and who is somewhere stays there.
 * @param {Element} place
 * @param {Node[]} content
 */
function draw(place, content) {
  const folds = () => /** @type {HTMLDetailsElement[]} */ ([...place.querySelectorAll("details[data-key]")]);
  const before = new Map(folds().map((fold) => [fold.dataset.key, fold]));
  const active = document.activeElement;
  const focus = active instanceof HTMLElement && place.contains(active) ? active.dataset.focus : undefined;
  const caret = active instanceof HTMLTextAreaElement ? active.selectionStart : null;
  place.replaceChildren(...content);
  for (const fold of folds()) {
    const old = before.get(fold.dataset.key);
    if (old?.dataset.touched) {
      fold.open = old.open;
      fold.dataset.touched = "yes";
    }
    fold.querySelector("summary")?.addEventListener("click", () => { fold.dataset.touched = "yes"; });
  }
  if (focus === undefined) return;
  const again = /** @type {HTMLElement | null} */ (place.querySelector(`[data-focus=${CSS.escape(focus)}]`));
  again?.focus();
  if (caret !== null && again instanceof HTMLTextAreaElement) again.setSelectionRange(caret, caret);
}

/** @param {string} id */
const within = (id) => by(id).querySelector("div") ?? by(id);

function drawTables() {
  if (!state) return;
  edits.begin();
  draw(within("tables"), [...tables(state, lit, edits.of), ...edits.others()]);
}

/** @param {string} request */
function askFor(request) {
  box.value = request;
  void ask(request);
  box.focus();
}

function drawState() {
  if (!state) return;
  by("title").textContent = headline(state);
  if (by("lessons").hidden) document.title = headline(state);
  draw(within("changes"), changes(state, askFor));
  draw(within("shares"), shares(state));
  draw(within("findings"), findings(state));
  edits.follow(state);
  drawTables();
}

/** @param {string} request */
async function ask(request) {
  asked = request.trim();
  const mine = ++question;
  if (asked === "") {
    lit = [];
    by("answer").replaceChildren();
  } else {
    const explained = await engine.explain(asked);
    if (mine !== question) return;
    lit = explained.decisions?.map((d) => d.decision) ?? [];
    draw(by("answer"), ladders(explained));
  }
  drawTables();
}

for (const button of document.querySelectorAll(".discard-all")) button.addEventListener("click", () => edits.discardAll());
by("request-form").addEventListener("submit", (event) => {
  event.preventDefault();
  void ask(box.value);
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) void ask(box.value);
});

/**
 * Begins to show what an engine tells.
 * @param {Engine} own
 * @param {import("./lesson.mjs").Editor | null} [editor] where a lesson's manifests can be changed, if the page has such a place
 */
export function start(own, editor = null) {
  engine = own;
  lessons(engine, by("lessons"), (on) => {
    document.body.classList.toggle("learning", on);
    by(on ? "to-lessons" : "to-files").setAttribute("aria-current", "page");
    by(on ? "to-files" : "to-lessons").removeAttribute("aria-current");
    if (!on && state) document.title = headline(state);
  }, editor);
  engine.follow((told) => {
    const error = by("error");
    error.hidden = told.error === null;
    const text = error.querySelector("pre");
    if (text) text.textContent = told.error ?? "";
    by("status").textContent = told.error === null ? engine.words.fresh : engine.words.stale;
    if (!told.state) {
      by("title").textContent = "Nothing could be read yet";
      return;
    }
    state = told.state;
    drawState();
    if (asked !== "") void ask(asked);
  }, () => {
    by("status").textContent = "no word from the server: is it still running?";
  });
}
