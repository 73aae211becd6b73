// The engine inside of the page: the library as a WebAssembly module, which is asked by the same names as the server and answers the
// same. It imports nothing: no clock, no file, no network.

/** @typedef {import("./engine.mjs").Engine} Engine */
/** @typedef {import("./engine.mjs").State} State */
/** @typedef {import("./engine.mjs").Told} Told */

/**
 * @typedef {{name: string, text: string}} Text
 * @typedef {{files: Text[], against: {name: string, files: Text[]} | null}} Texts
 * @typedef {{outcome: string, cluster: string | null, requests: number}} End
 * @typedef {{error: string} | {error: null, requests: number, ends: End[], wrong: number, wrong_lines: string[]}} Decided
 *
 * @typedef {object} Inside what has no server has besides
 * @property {(texts: Texts) => Promise<Told>} open reads these texts from now on; who follows is told
 * @property {(lines: string) => Promise<Decided>} decide where many requests go, one JSON object a line
 *
 * @typedef {object} Exports
 * @property {WebAssembly.Memory} memory
 * @property {(length: number) => number} room
 * @property {(start: number, length: number) => void} leave
 * @property {(start: number, length: number) => number} ask
 */

/**
 * Questions to a module: by name, with a text, answered by JSON.
 * @param {WebAssembly.Module} module
 * @returns {Promise<(question: string, body: string) => Promise<string>>}
 */
export async function machine(module) {
  const start = async () => /** @type {Exports} */ (/** @type {unknown} */ ((await WebAssembly.instantiate(module, {})).exports));
  const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
  let own = await start();
  return async (question, body) => {
    const bytes = encoder.encode(`${question}\n${body}`);
    try {
      const at = own.room(bytes.length);
      new Uint8Array(own.memory.buffer, at, bytes.length).set(bytes);
      const found = own.ask(at, bytes.length);
      // Memory may have moved while it grew.
      const length = new DataView(own.memory.buffer).getUint32(found, true);
      const answer = decoder.decode(new Uint8Array(own.memory.buffer, found + 4, length));
      own.leave(found, length + 4);
      return answer;
    } catch (error) {
      // A machine that stopped half way is not to be asked again; a new one has nothing open.
      own = await start();
      return JSON.stringify({ error: `the engine stopped at this (${error}): please report it with the address of this page` });
    }
  };
}

/**
 * The engine of a page that has it in itself.
 * @param {(question: string, body: string) => Promise<string>} ask
 * @param {string} shelf the texts of all lessons, which the module doesn't carry
 * @returns {Engine & Inside}
 */
export function inside(ask, shelf) {
  /** @type {(told: Told) => void} */
  let tell = () => {};
  /** @type {State | null} */
  let good = null;
  let generation = 0;
  return {
    words: { fresh: "follows what is written", stale: "the last state that could be read" },
    async follow(told) { tell = told; },
    async open(texts) {
      /** @type {Omit<Told, "generation">} */
      const answer = JSON.parse(await ask("open", JSON.stringify(texts)));
      good = answer.state ?? good;
      const told = { ...answer, generation: ++generation, state: good };
      tell(told);
      return told;
    },
    async explain(asked) { return JSON.parse(await ask("explain", asked)); },
    async lessons(language, name) {
      // A machine that was started anew has none.
      const { error } = JSON.parse(await ask("shelf", shelf));
      return error !== null ? { error } : JSON.parse(await ask("lessons", `${language} ${name}`));
    },
    async edit(edits) { return JSON.parse(await ask("edit", JSON.stringify({ edits }))); },
    async decide(lines) { return JSON.parse(await ask("decide", lines)); },
  };
}
