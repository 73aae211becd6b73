// The playground: the page of `towtank ui` with the engine and the files in itself. Nothing leaves it; its state is in its address.
import { together } from "./apart.mjs";
import { editor } from "./editor.mjs";
import { isAsked } from "./lesson.mjs";
import { fromBase64, fromLink, toLink } from "./link.mjs";
import { start } from "./main.mjs";
import { many } from "./many.mjs";
import { h } from "./view.mjs";
import { inside, machine } from "./wasm.mjs";

/** @typedef {import("./engine.mjs").Finding} Finding */
/** @typedef {import("./engine.mjs").Told} Told */
/** @typedef {import("./wasm.mjs").Text} Text */
/** @typedef {import("./link.mjs").Saved} Saved */

/**
 * @typedef {{name: string, title: string, request: string, files: Text[]}} Example
 * @typedef {{id: string, name: string, text: string}} File `id` stays when it is renamed
 */

/** Milliseconds without a key, after which texts are read, and the address follows. */
const [READ_AFTER, SAVE_AFTER] = [120, 500];

/** @template {HTMLElement} [T=HTMLElement] @param {string} id */
function by(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return /** @type {T} */ (element);
}

const EXAMPLES = /** @type {Example[]} */ (JSON.parse(by("examples").textContent ?? "[]"));
const box = /** @type {HTMLTextAreaElement} */ (by("request"));

/** @type {File[]} */
let files = [];
/** What changes are told against. @type {Text[]} */
let against = [];
let shown = "";
/** The example that was opened, as long as it is as it was. */
let example = "";
let counter = 0;
/** @type {Told | null} */
let last = null;
/** Something else was loaded, and isn't read yet. */
let isNew = false;

// --- The panel, beside what the page has anyway.

const choice = /** @type {HTMLSelectElement} */ (h("select", { id: "example" },
  h("option", { value: "" }, "(own files)"), ...EXAMPLES.map(({ name, title }) => h("option", { value: name }, title))));
const tabs = h("div", { role: "tablist", "aria-label": "Files", class: "tabs" });
const place = h("div", { class: "editor" });
const panel = h("div", { role: "tabpanel", id: "file", class: "file" }, place);
const name = /** @type {HTMLInputElement} */ (h("input", { id: "file-name", type: "text", spellcheck: "false", autocomplete: "off" }));
const said = h("span", { class: "note", role: "status" });

/** @param {string} text @param {() => void} pressed */
function button(text, pressed) {
  const element = h("button", { type: "button", class: "small" }, text);
  element.addEventListener("click", pressed);
  return element;
}

const manifests = h("section", { id: "manifests", "aria-labelledby": "manifests-title" },
  h("h2", { id: "manifests-title" }, "Manifests"),
  h("p", { class: "row" }, h("label", { for: "example" }, "Example"), choice),
  tabs, panel,
  h("p", { class: "row" }, h("label", { for: "file-name" }, "Name of this file"), name,
    button("Add a file", add), button("Remove it", remove)),
  h("p", { class: "row" }, button("Copy a link to all of this", () => void copy()),
    button("Tell changes from here on", () => { against = texts(); later.read(0); save(); }), said),
  h("p", { class: "note" }, "A file named scenario.yaml describes proxies, pods and streams. Nothing is sent anywhere: the files are in this page, and in the part of its address that no server sees. In the editor Tab indents; Escape, then Tab, leaves it."));

const edited = editor(place, "Text of the file", (id, text) => {
  const file = files.find((f) => f.id === id);
  if (!file) return;
  file.text = text;
  touched();
});

/** @returns {Text[]} */
const texts = () => files.map(({ name: own, text }) => ({ name: own, text }));
const current = () => files.find((f) => f.id === shown) ?? files[0];
/** @param {Text[]} all @returns {File[]} */
const filed = (all) => all.map((file) => ({ ...file, id: `file-${++counter}` }));
/** @param {Text[]} a @param {Text[]} b */
const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** @param {File | undefined} file @returns {Finding[]} */
function foundIn(file) {
  const findings = last?.error != null ? last.findings : last?.state?.check.findings;
  return findings?.filter((f) => f.file === file?.name) ?? [];
}

function drawTabs() {
  const hadFocus = tabs.contains(document.activeElement);
  tabs.replaceChildren(...files.map((file) => {
    const errors = foundIn(file).filter((f) => f.severity === "error").length;
    const tab = h("button", { type: "button", role: "tab", id: `tab-${file.id}`, "aria-controls": "file", "aria-selected": String(file.id === shown), tabindex: file.id === shown ? "0" : "-1" },
      file.name, errors > 0 && " ", errors > 0 && h("span", { class: "badge bad" }, `${errors} ${errors === 1 ? "error" : "errors"}`));
    tab.addEventListener("click", () => show(file.id));
    return tab;
  }));
  panel.setAttribute("aria-labelledby", `tab-${shown}`);
  if (hadFocus) document.getElementById(`tab-${shown}`)?.focus();
}

/** @param {string} id */
function show(id) {
  const file = files.find((f) => f.id === id) ?? files[0];
  if (!file) return;
  shown = file.id;
  name.value = file.name;
  edited.show(file.id, file.text);
  drawTabs();
  mark();
}

function mark() {
  edited.mark((id) => foundIn(files.find((f) => f.id === id)));
}

tabs.addEventListener("keydown", (event) => {
  const step = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1 })[event.key];
  if (step === undefined) return;
  const next = files[(files.findIndex((f) => f.id === shown) + step + files.length) % files.length];
  if (next) show(next.id);
});

/** @param {string} wanted @param {string} own id of the file that is to have it */
function freeName(wanted, own) {
  const isTaken = (/** @type {string} */ text) => files.some((f) => f.name === text && f.id !== own);
  for (let n = 2, free = wanted; ; n++) {
    if (!isTaken(free)) return free;
    free = wanted.replace(/(\.[^./]*)?$/, (ending) => `-${n}${ending}`);
  }
}

function add() {
  const [file] = filed([{ name: freeName("new.yaml", ""), text: "" }]);
  if (!file) return;
  files.push(file);
  show(file.id);
  touched();
  name.focus();
  name.select();
}

function remove() {
  if (files.length < 2) {
    said.textContent = "this is the last file";
    return;
  }
  const at = files.findIndex((f) => f.id === shown);
  files.splice(at, 1);
  show((files[at] ?? files[at - 1] ?? files[0])?.id ?? "");
  touched();
}

name.addEventListener("change", () => {
  const file = current();
  const wanted = name.value.trim();
  if (!file) return;
  file.name = wanted === "" ? file.name : freeName(wanted, file.id);
  name.value = file.name;
  drawTabs();
  touched();
});

// --- What is written becomes what the engine reads, and the address.

/** Timers, one for each thing that is done later. */
const later = (() => {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let reading;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let saving;
  return {
    /** @param {number} ms */
    read(ms) { clearTimeout(reading); reading = setTimeout(read, ms); },
    save() { clearTimeout(saving); saving = setTimeout(() => void save(), SAVE_AFTER); },
  };
})();

function touched() {
  said.textContent = "";
  if (example !== "" && !isSame(texts(), EXAMPLES.find((e) => e.name === example)?.files ?? [])) example = "";
  choice.value = example;
  later.read(READ_AFTER);
  later.save();
}

/** The address of what is shown: an example's name as long as it is as it was. */
async function link() {
  const own = EXAMPLES.find((e) => e.name === example);
  const request = box.value.trim();
  if (own && request === own.request && isSame(against, own.files)) return `example=${own.name}`;
  return toLink({ files: texts(), ...(isSame(against, texts()) ? {} : { against }), request });
}

async function save() {
  const fragment = `#${await link()}`;
  // While lessons are shown, the address is theirs.
  if (location.hash !== fragment && !isAsked()) history.replaceState(null, "", fragment);
}

async function copy() {
  await save();
  try {
    await navigator.clipboard.writeText(location.href);
    said.textContent = "copied";
  } catch {
    said.textContent = "the address of this page is the link";
  }
}

/** @param {Saved & {example?: string}} state */
function load(state) {
  files = filed(state.files);
  against = state.against ?? texts();
  example = state.example ?? "";
  choice.value = example;
  edited.forget();
  last = null;
  isNew = true;
  show(files[0]?.id ?? "");
  box.value = state.request ?? "";
  later.read(0);
}

/** @param {string} own */
function loadExample(own) {
  const found = EXAMPLES.find((e) => e.name === own) ?? EXAMPLES[0];
  if (found) load({ files: found.files, request: found.request, example: found.name });
}

/** What the address says; the first example where it says nothing. */
async function loadAddress() {
  const fragment = isAsked() ? "" : location.hash.slice(1);
  const named = /^example=([\w-]+)$/.exec(fragment)?.[1];
  said.textContent = "";
  if (fragment === "" || named !== undefined) return loadExample(named ?? "");
  try {
    load(await fromLink(fragment));
  } catch (error) {
    loadExample("");
    said.textContent = `The link can't be read: ${error instanceof Error ? error.message : error}`;
  }
}

choice.addEventListener("change", async () => {
  if (choice.value === "") {
    choice.value = example;
    return;
  }
  // What there was is one step back.
  const chosen = choice.value;
  await save();
  history.pushState(null, "", `#example=${chosen}`);
  loadExample(chosen);
});
let wasAsked = isAsked();
window.addEventListener("popstate", () => {
  const isBack = wasAsked && !isAsked();
  wasAsked = isAsked();
  if (wasAsked) return;
  // Whoever comes back from lessons by the link finds the files as they were left.
  if (isBack && location.hash === "") void save();
  else void loadAddress();
});
box.addEventListener("input", () => later.save());

by("ask").before(manifests);
// Where it stands it moves nothing that somebody writes in.
panel.after(by("error"));
document.body.classList.add("play");
by("status").textContent = "the engine is being unpacked";
const eyebrow = document.querySelector(".eyebrow");
if (eyebrow) eyebrow.textContent = "towtank playground";

const packed = fromBase64((by("engine").textContent ?? "").trim());
by("engine").remove();
const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
const module = await WebAssembly.compile(together(new Uint8Array(await new Response(plain).arrayBuffer())));
const engine = inside(await machine(module), by("shelf").textContent ?? "");
start(engine, toLink);
by("ask").append(many(engine));

async function read() {
  last = await engine.open({ files: texts(), against: { name: "the start", files: against } });
  drawTabs();
  mark();
  // What stands in the box of a new state is asked at once.
  if (isNew) /** @type {HTMLFormElement} */ (by("request-form")).requestSubmit();
  isNew = false;
}

await loadAddress();
