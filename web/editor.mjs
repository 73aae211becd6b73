// Manifests as texts that are written in: one editor, several files, each with its own history, and what the engine finds wrong in
// them marked where it stands.
import {
  EditorState, EditorView, HighlightStyle, bracketMatching, defaultKeymap, drawSelection, highlightActiveLine, highlightActiveLineGutter,
  highlightSelectionMatches, history, historyKeymap, indentUnit, indentWithTab, keymap, lineNumbers, lintKeymap, searchKeymap, setDiagnostics,
  syntaxHighlighting, tags, yaml,
} from "./vendor/codemirror.mjs";

/** @typedef {import("./engine.mjs").Finding} Finding */
/** @typedef {import("./vendor/codemirror.mjs").Diagnostic} Diagnostic */

// Colours are those of the page, which follow the reader's light or dark.
const look = EditorView.theme({
  "&": { color: "var(--ink)", backgroundColor: "var(--card)", fontSize: "0.8125rem", height: "100%" },
  // The page shows around all of it where the keyboard is.
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace', lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--ink)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "var(--card)", color: "var(--soft)", border: "0" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "color-mix(in srgb, var(--wash) 60%, transparent)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--mark)" },
  ".cm-selectionMatch": { backgroundColor: "var(--wash)", outline: "1px solid var(--line)" },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": { backgroundColor: "var(--wash)", outline: "1px solid var(--soft)" },
  ".cm-panels, .cm-tooltip": { backgroundColor: "var(--card)", color: "var(--ink)", border: "1px solid var(--line)" },
  ".cm-panels input, .cm-panels button": { color: "var(--ink)", backgroundColor: "var(--card)", backgroundImage: "none", border: "1px solid var(--soft)" },
  // The marks that come with the package are pictures, which this page loads none of.
  ".cm-lintRange": { backgroundImage: "none", textDecorationLine: "underline", textDecorationStyle: "wavy", textDecorationSkipInk: "none", textUnderlineOffset: "0.2em" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecorationColor: "var(--flow-bad)", backgroundColor: "var(--bad-wash)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecorationColor: "var(--flow-warn)", backgroundColor: "var(--warn-wash)" },
  ".cm-lintRange-info": { backgroundImage: "none", textDecorationColor: "var(--flow-good)" },
  ".cm-lintPoint:after": { borderBottomColor: "var(--flow-bad)" },
  ".cm-diagnostic": { whiteSpace: "pre-wrap", maxWidth: "32rem", padding: "0.375rem 0.625rem" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--flow-bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--flow-warn)" },
  ".cm-diagnostic-info": { borderLeftColor: "var(--flow-good)" },
});
const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--link)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--good)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--answered)" },
  { tag: [tags.comment, tags.lineComment], color: "var(--soft)", fontStyle: "italic" },
  { tag: [tags.meta, tags.labelName, tags.typeName], color: "var(--warn)" },
]);

/** A value, a key or a quoted text: what a place in a manifest means. */
const WORD = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,{}[\]]+)/;

/**
 * A finding where it stands in a text.
 * @param {import("./vendor/codemirror.mjs").Text} doc
 * @param {Finding} finding
 * @returns {Diagnostic}
 */
function marked(doc, finding) {
  const line = doc.line(Math.min(Math.max(finding.line ?? 1, 1), doc.lines));
  // A column counts characters, the editor units of UTF-16.
  const before = [...line.text].slice(0, Math.max((finding.column ?? 1) - 1, 0)).join("");
  const at = line.from + Math.min(before.length, line.length);
  const word = WORD.exec(doc.sliceString(at, line.to))?.[0].length ?? 0;
  // Where something is missing, what stands before it is marked.
  const from = word > 0 ? at : line.from + line.text.slice(0, at - line.from).search(/\S?\s*$/);
  const help = finding.hint === null ? "" : `\nhelp: ${finding.hint}`;
  return { from, to: at + word, severity: finding.severity, source: finding.id, message: `${finding.message}${help}` };
}

/**
 * @typedef {object} Editor
 * @property {(key: string, text: string) => void} show shows the file that is known by this key, with this text where it is a new one
 * @property {() => void} forget forgets all files: their texts come anew
 * @property {(findings: (key: string) => Finding[]) => void} mark marks what was found
 * @property {() => void} focus
 */

/**
 * An editor in an element.
 * @param {HTMLElement} place
 * @param {string} label what it is, for those who hear the page
 * @param {(key: string, text: string) => void} changed told of each change by hand
 * @returns {Editor}
 */
export function editor(place, label, changed) {
  /** @type {Map<string, EditorState>} */
  let states = new Map();
  let current = "";
  const extensions = [
    lineNumbers(), highlightActiveLineGutter(), history(), drawSelection(), bracketMatching(), highlightActiveLine(), highlightSelectionMatches(),
    indentUnit.of("  "), yaml(), syntaxHighlighting(colours), look,
    // Tab indents; Escape, then Tab, leaves the editor.
    keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...lintKeymap, indentWithTab]),
    EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
    EditorView.updateListener.of((update) => {
      states.set(current, update.state);
      if (update.docChanged) changed(current, update.state.doc.toString());
    }),
  ];
  // Styles that are made by script belong to a tree of their own: the page's policy allows none in the document.
  const root = place.attachShadow({ mode: "open" });
  const view = new EditorView({ root, parent: root });
  return {
    show(key, text) {
      current = key;
      view.setState(states.get(key) ?? EditorState.create({ doc: text, extensions }));
      states.set(key, view.state);
    },
    forget() { states = new Map(); },
    mark(findings) {
      for (const [key, state] of states) {
        const change = setDiagnostics(state, findings(key).map((finding) => marked(state.doc, finding)));
        if (key === current) view.dispatch(change);
        else states.set(key, state.update(change).state);
      }
    },
    focus() { view.focus(); },
  };
}
