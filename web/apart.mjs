// A WebAssembly module for packing, and back. gzip finds what is alike, and code is: but between two instructions that are those of
// another place stand numbers that are not. Here instructions, variables, constants, places in memory and called functions come one kind
// after the other, which packs a seventh smaller. What is put together again is the same to the byte.

/** What comes apart, in this order. Of constants and places the first bytes of numbers come apart from what follows in longer ones. */
const KIND = { rest: 0, opcode: 1, variable: 2, constant: 3, constantMore: 4, place: 5, placeMore: 6, call: 7, label: 8, other: 9 };
const KINDS = Object.keys(KIND).length;
/** The section of code. */
export const CODE = 10;

/**
 * Brings the code of one function along, byte for byte, and says of what kind each is.
 * @param {(kind: number) => number} move takes the next byte of a kind from where it is to where it belongs, and tells it
 */
function body(move) {
  /** @param {number} kind @param {number} [more] the kind of all bytes but the first */
  const number = (kind, more = kind) => {
    let byte = move(kind);
    let value = byte & 127;
    for (let shift = 7; byte > 127; shift += 7) {
      byte = move(more);
      value |= (byte & 127) << shift;
    }
    return value;
  };
  /** @param {number} count @param {number} kind */
  const numbers = (count, kind) => { for (let i = 0; i < count; i += 1) number(kind); };
  // Its variables: how many, of which type.
  numbers(2 * number(KIND.other), KIND.other);
  for (let open = 1; open > 0;) {
    const opcode = move(KIND.opcode);
    if (opcode === 0x0b) open -= 1; // end
    else if (opcode >= 0x02 && opcode <= 0x04) { // block, loop, if
      open += 1;
      number(KIND.other);
    } else if (opcode === 0x0c || opcode === 0x0d) number(KIND.label); // br, br_if
    else if (opcode === 0x0e) numbers(number(KIND.label) + 1, KIND.label); // br_table
    else if (opcode === 0x10) number(KIND.call);
    else if (opcode === 0x11) numbers(2, KIND.other); // call_indirect
    else if (opcode === 0x1c) numbers(number(KIND.other), KIND.other); // select of a type
    else if (opcode >= 0x20 && opcode <= 0x22) number(KIND.variable);
    else if (opcode >= 0x23 && opcode <= 0x26) number(KIND.other); // globals, tables
    else if (opcode >= 0x28 && opcode <= 0x3e) { // load, store
      number(KIND.opcode); // The alignment is the same nearly each time.
      number(KIND.place, KIND.placeMore);
    } else if (opcode === 0x3f || opcode === 0x40) number(KIND.other); // memory.size, memory.grow
    else if (opcode === 0x41) number(KIND.constant, KIND.constantMore); // i32.const
    else if (opcode === 0x42) number(KIND.other); // i64.const
    else if (opcode === 0x43 || opcode === 0x44) { // f32.const, f64.const
      for (let i = opcode === 0x43 ? 4 : 8; i > 0; i -= 1) move(KIND.other);
    } else if (opcode === 0xd0 || opcode === 0xd2) number(KIND.other); // ref.null, ref.func
    else if (opcode === 0xfc) {
      const second = number(KIND.opcode);
      // Conversions have nothing; copy and init name two things, the others one.
      if (second >= 8) numbers(second <= 14 && second % 2 === 0 ? 2 : 1, KIND.other);
      if (second > 17) throw new Error(`an instruction that is not known here: 0xfc ${second}`);
    } else if (opcode > 0xc4 && opcode !== 0xd1) throw new Error(`an instruction that is not known here: ${opcode}`);
  }
}

/** @param {number} value @returns {number[]} as modules write numbers */
export function written(value) {
  return value > 127 ? [(value & 127) | 128, ...written(value >>> 7)] : [value];
}

/** Reads numbers as modules write them. @param {Uint8Array} bytes @param {number} at */
export function reader(bytes, at) {
  return {
    get at() { return at; },
    skip(/** @type {number} */ length) { at += length; },
    byte: () => bytes[at++] ?? 0,
    number() {
      let [value, shift, byte] = [0, 0, 0];
      do {
        byte = bytes[at++] ?? 0;
        value |= (byte & 127) << shift;
        shift += 7;
      } while (byte > 127);
      return value >>> 0;
    },
  };
}

/**
 * A module, kind by kind.
 * @param {Uint8Array} module
 * @returns {Uint8Array}
 */
export function apart(module) {
  const from = reader(module, 8);
  while (module[from.at] !== CODE) {
    from.byte();
    from.skip(from.number());
  }
  from.byte();
  const before = from.at;
  const end = from.number() + from.at;
  const count = from.number();
  /** @type {number[][]} */
  const kinds = Array.from({ length: KINDS }, () => []);
  const move = (/** @type {number} */ kind) => {
    const byte = from.byte();
    kinds[kind]?.push(byte);
    return byte;
  };
  for (let i = 0; i < count; i += 1) {
    from.number();
    body(move);
  }
  if (from.at !== end) throw new Error("the code ends elsewhere than it says");
  const parts = kinds.map((kind) => Uint8Array.from(kind));
  parts[KIND.rest] = Uint8Array.from([...module.subarray(0, before), ...module.subarray(end)]);
  const head = Uint32Array.from([before, count, ...parts.map((part) => part.length)]);
  return joined([new Uint8Array(head.buffer), ...parts]);
}

/**
 * What was taken apart, as it was.
 * @param {Uint8Array} bytes of [`apart`]
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function together(bytes) {
  const head = new DataView(bytes.buffer, bytes.byteOffset);
  const entry = (/** @type {number} */ i) => head.getUint32(4 * i, true);
  const [before, count] = [entry(0), entry(1)];
  // Where the next byte of each kind is.
  const next = new Uint32Array(KINDS);
  let at = 4 * (2 + KINDS);
  for (let kind = 0; kind < KINDS; kind += 1) {
    next[kind] = at;
    at += entry(2 + kind);
  }
  const rest = bytes.subarray(next[KIND.rest], next[KIND.opcode]);
  // No function is larger than what there is, and its size takes up to five bytes.
  const code = new Uint8Array(bytes.length + 5 * count);
  const function_ = new Uint8Array(bytes.length);
  let [length, size] = [0, 0];
  const move = (/** @type {number} */ kind) => {
    const byte = bytes[/** @type {number} */ (next[kind])++] ?? 0;
    function_[size++] = byte;
    return byte;
  };
  for (let i = 0; i < count; i += 1) {
    size = 0;
    body(move);
    for (const byte of written(size)) code[length++] = byte;
    code.set(function_.subarray(0, size), length);
    length += size;
  }
  const many = written(count);
  return joined([
    rest.subarray(0, before),
    Uint8Array.from([...written(length + many.length), ...many]),
    code.subarray(0, length),
    rest.subarray(before),
  ]);
}

/** One after the other. @param {Uint8Array[]} parts */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
