// Many requests at once: a file of them is decided, and told by where they end.
import { cluster, h, percent, table, tone } from "./view.mjs";

/** @typedef {import("./wasm.mjs").Inside} Inside */
/** @typedef {import("./wasm.mjs").Decided} Decided */

/** @param {number} n */
const count = (n) => n.toLocaleString("en", { maximumFractionDigits: 1 });

/** @param {Decided} decided @param {number} ms */
function told(decided, ms) {
  if (decided.error !== null) return [h("p", { class: "bad" }, decided.error)];
  const { requests, ends, wrong, wrong_lines: lines } = decided;
  const rows = ends.map(({ outcome, cluster: name, requests: n }) => {
    const bad = tone(outcome) === "bad" ? "bad" : "";
    const words = outcome.replaceAll("_", " ");
    return { cells: [[h("span", { class: bad }, name === null ? words : `${cluster(name)}${bad ? ` (${words})` : ""}`)], [count(n)], [percent(n / requests)]] };
  });
  return [
    h("p", { class: "note" }, `${count(requests)} requests decided in ${count(ms)} ms.`),
    rows.length > 0 && table("Where the requests end", [["end", false], ["expected requests", true], ["share", true]], rows),
    wrong > 0 && h("p", { class: "bad" }, `${count(wrong)} ${wrong === 1 ? "line is no request" : "lines are no requests"}:`),
    wrong > 0 && h("pre", { tabindex: "0" }, lines.join("\n")),
  ].filter((part) => part instanceof Node);
}

/**
 * A fold for requests, which are asked of what is open at that moment.
 * @param {Inside} engine
 */
export function many(engine) {
  const box = /** @type {HTMLTextAreaElement} */ (h("textarea", { id: "many", rows: "3", spellcheck: "false", autocomplete: "off", placeholder: '{"authority": "reviews:9080", "path": "/reviews/1"}' }));
  const file = /** @type {HTMLInputElement} */ (h("input", { id: "many-file", type: "file" }));
  const button = h("button", { type: "button", class: "small" }, "Decide them");
  const answer = h("div", { id: "many-answer", "aria-live": "polite" });
  const decide = async () => {
    const lines = await file.files?.[0]?.text() ?? box.value;
    const begin = performance.now();
    const decided = await engine.decide(lines);
    answer.replaceChildren(...told(decided, performance.now() - begin));
  };
  button.addEventListener("click", () => void decide());
  return h("details", {},
    h("summary", {}, "Many requests at once"),
    h("div", { class: "inside" },
      h("label", { for: "many" }, "Requests, a JSON object on each line"), box,
      h("p", { class: "row" }, h("label", { for: "many-file" }, "or a file of them, which is read here"), file, button),
      answer));
}
