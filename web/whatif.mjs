// What edits would do, from data to elements: shares, findings, and the patch. Nothing here asks anything or keeps anything.
import { ends, finding, h, percent, prose, table, tone, words } from "./view.mjs";

/** @typedef {import("./engine.mjs").State} State */
/** @typedef {import("./engine.mjs").Stream} Stream */
/** @typedef {import("./engine.mjs").Finding} Finding */
/** @typedef {import("./view.mjs").End} End */

/** @param {number[]} all */
const sum = (all) => all.reduce((a, b) => a + b, 0);

/** Shares of the streams that change. @param {State} before @param {State} after */
export function moved(before, after) {
  const key = (/** @type {Stream} */ s) => JSON.stringify([s.proxy, s.name]);
  const old = new Map(before.simulate.streams.map((s) => [key(s), s]));
  const tables = after.simulate.streams.flatMap((stream) => {
    const was = ends(old.get(key(stream)) ?? stream);
    const is = ends(stream);
    const id = (/** @type {End} */ end) => JSON.stringify([end.text, end.outcome]);
    const all = new Map([...was, ...is].map((end) => [id(end), end]));
    const share = (/** @type {End[]} */ ends, /** @type {string} */ one) => sum(ends.filter((end) => id(end) === one).map((end) => end.share));
    const rows = [...all].map(([one, end]) => ({ end, was: share(was, one), is: share(is, one) }));
    if (rows.every((row) => Math.abs(row.was - row.is) < 1e-9)) return [];
    const whose = stream.members > 1 ? `${stream.members} clients` : stream.proxy;
    return [h("p", { class: "note" }, `${stream.name}, ${stream.members > 1 ? whose : `through ${whose}`}`), table(`Shares of ${stream.name}, ${whose}`, [["requests", false], ["now", true], ["then", true]], rows.map(({ end, was, is }) => ({
      cells: [[h("span", { class: tone(end.outcome) === "bad" ? "bad" : "" }, end.text, tone(end.outcome) === "bad" && ` (${words(end.outcome)})`)], [percent(was)], [was === is ? percent(is) : h("strong", {}, percent(is))]],
    })))];
  });
  return tables.length > 0 ? tables : [h("p", { class: "note" }, "Every share stays what it is.")];
}

/** Findings that come and go. @param {State} before @param {State} after */
export function news(before, after) {
  const key = (/** @type {Finding} */ f) => JSON.stringify([f.id, f.resource, f.message]);
  const [old, now] = [before, after].map((s) => new Set(s.check.findings.map(key)));
  const come = after.check.findings.filter((f) => !old?.has(key(f)));
  const gone = before.check.findings.filter((f) => !now?.has(key(f)));
  if (come.length + gone.length === 0) return [h("p", { class: "note" }, "None comes, and none goes.")];
  return [...come.map(finding), ...gone.map((f) => h("p", { class: "good" }, `gone: ${f.id} `, ...prose(f.message)))];
}

/** What isn't printed, or reorders what is: a patch is read before it is applied. */
const ODD = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]/g;

/** A patch with a button that copies it. @param {string} text */
export function patch(text) {
  const lines = text.split("\n").map((line) => h("span", { class: /^[+-](?![+-]{2} )/.test(line) ? (line.startsWith("+") ? "plus" : "minus") : "" },
    `${line.replace(ODD, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`)}\n`));
  const pre = h("pre", { class: "patch", tabindex: "0", role: "group", "aria-label": "The patch" }, ...lines.slice(0, -1));
  const button = h("button", { type: "button", class: "small", "data-focus": "copy" }, "Copy");
  const said = h("span", { class: "note", role: "status" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      said.textContent = " copied";
    } catch {
      getSelection()?.selectAllChildren(pre);
      said.textContent = " selected: copy it with Ctrl+C";
    }
  });
  return [h("p", { class: "note" }, "Nothing is written; ", h("code", {}, "git apply"), " or ", h("code", {}, "patch -p1"), " does it. ", button, said), pre];
}
