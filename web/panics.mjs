// Panics of a module that has nobody to tell about them: they become what they end in, a trap.
//
// In WebAssembly the standard library's panic writes its message nowhere and traps. So the words and numbers that are put together for it
// at thousands of places are for nothing, and they go where the functions that take them trap at once: wasm-opt takes such a function into
// its callers, and leaves out there what leads to nothing but a trap.
import { CODE, joined, reader, written } from "./apart.mjs";

/** Functions of the standard library that do nothing but panic, by parts of their names as symbol mangling of version 0 writes them. */
const PANICS = [
  "4core9panicking", "4core6option13unwrap_failed", "4core6option13expect_failed", "4core6result13unwrap_failed",
  "4core4cell22panic_already_borrowed", "4core4cell30panic_already_mutably_borrowed", "5slice5index16slice_index_fail",
  "4core3str16slice_error_fail", "copy_from_slice_impl17len_mismatch_fail", "5alloc7raw_vec12handle_error",
  "5alloc7raw_vec17capacity_overflow", "5alloc5alloc18handle_alloc_error", "11Fallibility17capacity_overflow",
  "6thread5local18panic_access_error",
];
/** The section of what is imported. */
const IMPORTS = 2;
/** The code of a function: no variables, `unreachable`, `end`. */
const TRAP = Uint8Array.of(0, 0x00, 0x0b);

/**
 * A module whose panics trap at once. Its functions must have names; one without has no known panics, and stays as it is.
 * @param {Uint8Array} module
 * @returns {Uint8Array}
 */
export function silenced(module) {
  const sections = [];
  for (const from = reader(module, 8); from.at < module.length;) {
    const id = from.byte();
    const length = from.number();
    sections.push({ id, start: from.at, end: from.at + length });
    from.skip(length);
  }
  if (sections.some(({ id }) => id === IMPORTS)) throw new Error("what is imported counts among the functions, which is not known here");
  const panics = new Set(sections.filter(({ id }) => id === 0).flatMap(({ start, end }) => named(module, start, end)));
  const parts = sections.map(({ id, start, end }) => {
    const content = id === CODE ? trapped(module, start, panics) : module.subarray(start, end);
    return joined([Uint8Array.of(id, ...written(content.length)), content]);
  });
  return joined([module.subarray(0, 8), ...parts]);
}

/** The indexes of functions that only panic, where this custom section is that of names. */
function named(module, start, end) {
  const from = reader(module, start);
  const text = () => {
    const length = from.number();
    from.skip(length);
    return Buffer.from(module.subarray(from.at - length, from.at)).toString();
  };
  const found = [];
  if (text() !== "name") return found;
  while (from.at < end) {
    const isOfFunctions = from.byte() === 1;
    const next = from.number() + from.at;
    if (isOfFunctions) {
      for (let left = from.number(); left > 0; left -= 1) {
        const index = from.number();
        const name = text();
        // What shows the parts of a panic returns.
        if (PANICS.some((panic) => name.includes(panic)) && !name.includes("3fmt")) found.push(index);
      }
    }
    from.skip(next - from.at);
  }
  return found;
}

/** The section of code, with a trap for each of these functions. */
function trapped(module, start, functions) {
  const from = reader(module, start);
  const count = from.number();
  const parts = [Uint8Array.from(written(count))];
  for (let index = 0; index < count; index += 1) {
    const begin = from.at;
    from.skip(from.number());
    parts.push(functions.has(index) ? Uint8Array.of(TRAP.length, ...TRAP) : module.subarray(begin, from.at));
  }
  return joined(parts);
}
