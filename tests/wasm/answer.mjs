// Asks the WebAssembly module about one request: node answer.mjs MODULE REQUEST MANIFEST...
import { readFileSync } from "node:fs";

const [modulePath, request, ...paths] = process.argv.slice(2);
const manifests = Object.fromEntries(paths.map((path) => [path, readFileSync(path, "utf8")]));
const question = new TextEncoder().encode(JSON.stringify({ manifests, request: JSON.parse(request) }));

// The module imports nothing: no clock, no file, no randomness.
const { instance } = await WebAssembly.instantiate(readFileSync(modulePath), {});
const { memory, room, answer } = instance.exports;

const at = room(question.length);
new Uint8Array(memory.buffer, at, question.length).set(question);
const found = answer(at, question.length);
const length = new DataView(memory.buffer).getUint32(found, true);
console.log(new TextDecoder().decode(new Uint8Array(memory.buffer, found + 4, length)));
