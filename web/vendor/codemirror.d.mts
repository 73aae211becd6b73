// What editor.mjs uses of codemirror.mjs, as the packages' own types have it.
export type Extension = { readonly extension: Extension } | readonly Extension[];
export interface Line { readonly from: number; readonly to: number; readonly length: number; readonly text: string }
export interface Text { readonly lines: number; readonly length: number; line(n: number): Line; sliceString(from: number, to?: number): string; toString(): string }
export interface TransactionSpec { readonly effects?: unknown }
export interface Transaction { readonly state: EditorState }
export interface KeyBinding { readonly key?: string }
export interface Facet<T> { of(value: T): Extension }
export interface Tag { readonly id: number }
export interface Diagnostic { from: number; to: number; severity: "hint" | "info" | "warning" | "error"; source?: string; message: string }
export declare class EditorState {
  static create(config: { doc?: string; extensions?: Extension }): EditorState;
  readonly doc: Text;
  update(...specs: TransactionSpec[]): Transaction;
}
export interface ViewUpdate { readonly state: EditorState; readonly docChanged: boolean }
export declare class EditorView {
  constructor(config: { state?: EditorState; parent?: Element | DocumentFragment; root?: Document | ShadowRoot });
  static theme(spec: Record<string, Record<string, string>>): Extension;
  static readonly contentAttributes: Facet<Record<string, string>>;
  static readonly updateListener: Facet<(update: ViewUpdate) => void>;
  readonly state: EditorState;
  setState(state: EditorState): void;
  dispatch(...specs: TransactionSpec[]): void;
  focus(): void;
}
export declare class HighlightStyle {
  static define(specs: readonly { tag: Tag | readonly Tag[]; color?: string; fontStyle?: string }[]): HighlightStyle;
}
type Modifier = (tag: Tag) => Tag;
export declare const tags: Record<"propertyName" | "string" | "number" | "bool" | "null" | "atom" | "comment" | "lineComment" | "meta" | "labelName" | "typeName", Tag>
  & Record<"definition" | "special", Modifier>;
export declare const defaultKeymap: readonly KeyBinding[];
export declare const historyKeymap: readonly KeyBinding[];
export declare const lintKeymap: readonly KeyBinding[];
export declare const searchKeymap: readonly KeyBinding[];
export declare const indentWithTab: KeyBinding;
export declare const keymap: Facet<readonly KeyBinding[]>;
export declare const indentUnit: Facet<string>;
export declare function bracketMatching(): Extension;
export declare function drawSelection(): Extension;
export declare function highlightActiveLine(): Extension;
export declare function highlightActiveLineGutter(): Extension;
export declare function highlightSelectionMatches(): Extension;
export declare function history(): Extension;
export declare function lineNumbers(): Extension;
export declare function setDiagnostics(state: EditorState, diagnostics: readonly Diagnostic[]): TransactionSpec;
export declare function syntaxHighlighting(style: HighlightStyle): Extension;
export declare function yaml(): Extension;
