// The state of the playground as text behind the `#` of its address, where no server sees it: `1.` and the version-1 form, packed by
// deflate and written in the letters of URLs.

/**
 * @typedef {import("./wasm.mjs").Text} Text
 * @typedef {{files: Text[], against?: Text[], request?: string}} Saved `against`: only where it is other than `files`
 */

/** Bytes of a state, unpacked: a link may be written by anybody. */
const MOST = 4 * 1024 * 1024;

/** @param {Uint8Array<ArrayBuffer>} bytes @param {TransformStream<BufferSource, Uint8Array<ArrayBuffer>>} through @param {number} most */
async function piped(bytes, through, most) {
  const reader = new Blob([bytes]).stream().pipeThrough(through).getReader();
  const parts = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      await reader.cancel();
      throw new Error(`it holds more than ${most / 1024 / 1024} MB`);
    }
    parts.push(value);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** @param {string} text base64, of URLs or plain */
export function fromBase64(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

/** @param {Uint8Array} bytes */
function toBase64(bytes) {
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** @param {Saved} state */
export async function toLink(state) {
  const pairs = (/** @type {Text[]} */ texts) => texts.map(({ name, text }) => [name, text]);
  const json = JSON.stringify([pairs(state.files), state.against ? pairs(state.against) : null, state.request ?? ""]);
  const bytes = new TextEncoder().encode(json);
  return `1.${toBase64(await piped(bytes, new CompressionStream("deflate-raw"), Infinity))}`;
}

/**
 * The state that a link holds.
 * @param {string} link what stands behind the `#`
 * @returns {Promise<Saved>}
 */
export async function fromLink(link) {
  const [version, packed] = link.split(".", 2);
  if (version !== "1" || packed === undefined) throw new Error("it was made by another version of this page");
  const bytes = await piped(fromBase64(packed), new DecompressionStream("deflate-raw"), MOST);
  /** @type {unknown} */
  const json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  if (!Array.isArray(json)) throw new Error("it holds no state");
  const [files, against, request] = json;
  const texts = (/** @type {unknown} */ pairs) => {
    if (!Array.isArray(pairs) || pairs.length === 0) throw new Error("it holds no files");
    return pairs.map((pair) => {
      const [name, text] = Array.isArray(pair) ? pair : [];
      if (typeof name !== "string" || typeof text !== "string") throw new Error("it holds a file without name or text");
      return { name, text };
    });
  };
  return {
    files: texts(files),
    ...(against === null || against === undefined ? {} : { against: texts(against) }),
    request: typeof request === "string" ? request : "",
  };
}
