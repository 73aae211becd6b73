// Lessons as a quiz: a list, a question with its manifests, and after the guess the ladder and why. Every word about them comes with the
// data, in the language that is chosen; which lesson is open stands in the address: `#lessons`, `#lessons=NAME&language=ko`.
import { h, ladders } from "./view.mjs";

/** @typedef {import("./engine.mjs").Engine} Engine */
/** @typedef {import("./engine.mjs").Lessons} Lessons */
/** @typedef {import("./engine.mjs").Lesson} Lesson */
/** @typedef {import("./engine.mjs").TextBlock} TextBlock */
/** @typedef {import("./link.mjs").Saved} Saved */
/** @typedef {(state: Saved) => Promise<string>} Editor what stands behind the `#` of an address where a state is written on */

/** Answered right since the page was opened. @type {Set<string>} */
const solved = new Set();

const address = () => new URLSearchParams(location.hash.slice(1));

/** Whether the address asks for lessons, and not for anything else that may stand behind its `#`. */
export const isAsked = () => address().has("lessons");

/**
 * Shows lessons whenever the address asks for them.
 * @param {Engine} engine
 * @param {HTMLElement} place where they are shown; hidden otherwise
 * @param {(on: boolean) => void} shown whether they are, at each change
 * @param {Editor | null} editor where a lesson's manifests can be changed, if the page has such a place
 */
export function lessons(engine, place, shown, editor) {
  let asked = 0;
  const look = async () => {
    const name = address().get("lessons");
    place.hidden = name === null;
    shown(name !== null);
    const mine = ++asked;
    if (name === null) return;
    const answer = await engine.lessons(address().get("language") ?? "en", name);
    if (mine !== asked) return;
    if (answer.error !== null) {
      place.replaceChildren(h("h1", {}, "Lessons"), h("p", { class: "bad" }, answer.error));
      return;
    }
    const { told } = answer;
    place.lang = told.language;
    place.replaceChildren(...(told.lesson ? one(told, told.lesson, editor) : all(told)));
    const title = place.querySelector("h1");
    document.title = title?.textContent ?? "towtank";
    title?.focus();
  };
  addEventListener("hashchange", look);
  void look();
}

/** @param {string} name @param {string} language */
const link = (name, language) => `#${new URLSearchParams({ lessons: name, language })}`;

/** The same in other languages. @param {Lessons} told @param {string} name */
function languages(told, name) {
  return h("p", { class: "languages" }, ...told.languages.flatMap(({ code, name: called }) => [
    code === told.language ? h("strong", {}, called) : h("a", { href: link(name, code), hreflang: code, lang: code }, called), " "]));
}

/** @param {Lessons} told */
function all(told) {
  const { words, language } = told;
  return [
    languages(told, ""),
    h("h1", { tabindex: "-1" }, words.lessons ?? ""),
    ...prose(words.about ?? ""),
    h("ol", { class: "lessons" }, ...(told.lessons ?? []).map((lesson) =>
      h("li", {}, h("a", { href: link(lesson.name, language) }, lesson.title), solved.has(lesson.name) && h("span", { class: "good" }, " ✓", h("span", { class: "unseen" }, ` ${words.right}`))))),
  ];
}

/** A sentence whose code stands in back-quotes. @param {string} text */
function prose(text) {
  return [h("p", {}, ...text.split("`").map((part, i) => (i % 2 === 1 ? h("code", {}, part) : part)))];
}

/** @param {TextBlock[]} blocks */
function text(blocks) {
  /** @type {HTMLElement[]} */
  const out = [];
  for (const block of blocks) {
    const spans = block.spans.map((span) => {
      const inner = span.look === "plain" ? span.text : h(span.look === "code" ? "code" : "strong", {}, span.text);
      return span.link === null ? inner : h("a", { href: `#file-${span.link}`, "data-file": span.link }, inner);
    });
    if (block.kind === "code") {
      out.push(h("pre", { tabindex: "0" }, ...spans));
    } else if (block.kind === "item") {
      const list = block.mark === "-" ? "ul" : "ol";
      const last = out.at(-1);
      const open = last?.localName === list ? last : h(list, {});
      open.append(h("li", {}, ...spans));
      if (open !== last) out.push(open);
    } else {
      out.push(h("p", {}, ...spans));
    }
  }
  return out;
}

/**
 * The manifests of a lesson as a state to go on from: where they are of two states, the second one, against the first.
 * @param {Lesson} lesson
 * @returns {Saved}
 */
function written({ files, request }) {
  const [change, now] = [files.filter(isChange), files.filter((file) => !isChange(file))];
  // Of two documents of one object the later one counts.
  return { files: [...now, ...change], ...(change.length > 0 ? { against: now } : {}), request };
}

/** Whether a file comes with a step. @param {{name: string}} file */
const isChange = ({ name }) => name.startsWith("change/");

/** @param {Lessons} told @param {Lesson} lesson @param {Editor | null} editor */
function one(told, lesson, editor) {
  const { words, language } = told;
  const result = h("div", { class: "result" });
  const files = lesson.files.map((file) => h("figure", { id: `file-${file.name}` }, h("figcaption", {}, h("code", {}, file.name)),
    h("pre", { tabindex: "0", role: "group", "aria-label": file.name }, file.text.trimEnd())));
  const onward = h("a", { class: "edit" }, words.edit ?? "");
  void editor?.(written(lesson)).then((fragment) => onward.setAttribute("href", `#${fragment}`));
  const intro = text(lesson.intro);
  // A link to a file leads to where it is shown, and the address stays that of the lesson.
  for (const a of intro.flatMap((p) => [...p.querySelectorAll("a")])) {
    a.addEventListener("click", (event) => {
      event.preventDefault();
      const pre = files.find((file) => file.id === `file-${a.dataset.file}`)?.querySelector("pre");
      pre?.scrollIntoView({ block: "center" });
      pre?.focus({ preventScroll: true });
    });
  }
  const choices = lesson.choices.map((choice) => h("label", { class: "choice" },
    h("input", { type: "radio", name: "choice", value: choice.key, required: true }), " ", h("code", {}, choice.answer),
    choice.meaning !== null && h("span", { class: "note" }, ` ${choice.meaning}`)));
  const form = /** @type {HTMLFormElement} */ (h("form", {},
    h("fieldset", {}, h("legend", {}, words.choose ?? ""), ...choices), h("p", {}, h("button", { type: "submit" }, words.check ?? ""))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = new FormData(form).get("choice");
    if (chosen === lesson.right) solved.add(lesson.name);
    result.replaceChildren(...answered(told, lesson, String(chosen)));
    result.querySelector("h2")?.focus();
  });
  return [
    languages(told, lesson.name),
    h("p", { class: "eyebrow" }, h("a", { href: link("", language) }, words.all ?? "")),
    h("h1", { tabindex: "-1" }, `${lesson.number}. ${lesson.title}`),
    ...intro,
    h("h2", {}, words.manifests ?? ""),
    ...files,
    editor !== null && h("p", {}, onward),
    h("h2", {}, words.request ?? ""),
    h("p", {}, h("code", {}, lesson.request)),
    lesson.proxy !== null && h("p", { class: "note" }, (words.seen_by ?? "").replace("{proxy}", lesson.proxy)),
    h("h2", {}, words.question ?? ""),
    ...text(lesson.question),
    form,
    result,
  ].filter((part) => part !== false);
}

/** What the engine answers. @param {Lessons} told @param {Lesson} lesson @param {string} chosen */
function answered(told, lesson, chosen) {
  const { words, language } = told;
  const isRight = chosen === lesson.right;
  const right = lesson.choices.find((choice) => choice.key === lesson.right);
  return [
    h("h2", { tabindex: "-1", class: isRight ? "good" : "bad" }, (isRight ? words.right : words.wrong) ?? ""),
    !isRight && chosen === lesson.tempting && h("p", {}, words.tempting ?? ""),
    h("p", {}, words.really ?? "", " ", h("code", { class: "good" }, right?.answer ?? ""), right?.meaning ? ` (${right.meaning})` : ""),
    lesson.rows.length > 0 && h("h3", {}, words.reckoning ?? ""),
    lesson.rows.length > 0 && h("ul", { class: "plain" }, ...lesson.rows.map((row) => h("li", {}, h("strong", {}, row.value), ` ${row.label}`))),
    h("h3", {}, words.ladder ?? ""),
    ...lesson.decisions.flatMap(({ state, decision, conditions }) =>
      [state !== null && h("p", {}, h("strong", {}, state)), ...ladders({ error: null, decisions: [{ decision, conditions }] }).map((card) => { card.lang = "en"; return card; })]),
    h("h3", {}, words.why ?? ""),
    ...text(lesson.why),
    h("h3", {}, words.remember ?? ""),
    ...text(lesson.remember),
    h("p", {}, lesson.previous !== null && h("a", { href: link(lesson.previous, language) }, `← ${words.previous}`), " ",
      lesson.next !== null && h("a", { href: link(lesson.next, language), class: "next" }, `${words.next} →`)),
  ].filter((part) => part !== false);
}
