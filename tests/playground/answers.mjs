// Holds the playground's engine against the program: all scenarios of the repository and more than a hundred recorded meshes are read by
// both, and what the page shows is what the commands print as JSON: shares, tables, findings, changes, and each recorded request. Numbers
// may differ in their last digit, since logarithms are each system's own. Then it measures how many requests a second the engine decides.
//
//     TOWTANK=target/release/towtank node tests/playground/answers.mjs MODULE.wasm
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shelf } from "../../web/shelf.mjs";
import { machine } from "../../web/wasm.mjs";

process.chdir(join(dirname(fileURLToPath(import.meta.url)), "../.."));
const towtank = process.env.TOWTANK ?? "target/release/towtank";
const bytes = readFileSync(process.argv[2]);
const module = await WebAssembly.compile(bytes);
const begin = performance.now();
const ask = await machine(module);
const inside = async (question, body) => JSON.parse(await ask(question, typeof body === "string" ? body : JSON.stringify(body)));

const folders = (folder) => readdirSync(folder).sort().map((name) => join(folder, name));
const conformance = (name) => folders(join("tests/conformance", name));
const scenarios = folders("scenarios").filter((folder) => existsSync(join(folder, "scenario.yaml")));
const recorded = [
  ...conformance("random/mesh"), ...conformance("random/gateway"), ...conformance("gateway-pairs"), ...conformance("wide"),
  ...conformance("minis"), ...conformance("rules").filter((_, i) => i % 4 === 0),
];

/** The texts of a case, with the names that the program shows for them. */
function texts(folder) {
  const manifests = readdirSync(join(folder, "manifests"), { recursive: true }).sort().map((name) => join(folder, "manifests", name))
    .filter((name) => /\.(?:ya?ml|json)$/.test(name));
  const scenario = join(folder, "scenario.yaml");
  return [...manifests, ...(existsSync(scenario) ? [scenario] : [])].map((name) => ({ name, text: readFileSync(name, "utf8") }));
}

/** What a command prints; null where the inputs can't be used. */
function printed(options, input = "") {
  try {
    return execFileSync(towtank, [...options, "--quiet"], { encoding: "utf8", input, stdio: ["pipe", "pipe", "pipe"], maxBuffer: 1 << 28 });
  } catch (error) {
    if (error.status === 1) return error.stdout; // a finding, or a change
    if (error.status === 2) return null;
    throw error;
  }
}

/** Where two values differ first, with both; null where they don't. */
function difference(a, b, at = "") {
  const inner = a !== null && b !== null && typeof a === "object" && typeof b === "object";
  if (typeof a === "number" && typeof b === "number" && Math.abs(a - b) <= 1e-14 * Math.abs(a)) return null;
  if (!inner) return a === b ? null : `${at}: ${JSON.stringify(a)?.slice(0, 300)} in the page, ${JSON.stringify(b)?.slice(0, 300)} in the program`;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = difference(a[key], b[key], `${at}/${key}`);
    if (found !== null) return found;
  }
  return null;
}

const wrong = [];
const same = (what, page, program) => {
  const found = difference(page, program);
  if (found !== null) wrong.push(`${what}${found}`);
};
/** A decision without the number that the program gives to requests that have none. */
const unnumbered = ({ id: _, ...rest }) => rest;

let [requests, refused] = [0, 0];
for (const folder of [...scenarios, ...recorded]) {
  const { state, error } = await inside("open", { files: texts(folder) });
  const simulate = printed(["simulate", folder, "--exact", "-o", "json"]);
  if (state === null || simulate === null) {
    refused += 1;
    if (state !== null || simulate !== null) wrong.push(`${folder}: only ${state === null ? "the page refuses it" : "the program refuses it"} ${error ?? ""}`);
    continue;
  }
  const of = ({ streams, assumed, istio, not_modelled }) => ({ streams, assumed, istio, not_modelled });
  same(`${folder}: simulate`, of(state.simulate), of(JSON.parse(simulate)));
  const tables = `[${printed(["routes", folder, "-o", "json"]).trim().split(/\n(?=\{)/).join(",")}]`;
  same(`${folder}: routes`, state.routes, JSON.parse(tables));
  const found = ({ findings, summary }) => ({ findings, summary });
  same(`${folder}: check`, found(state.check), found(JSON.parse(printed(["check", folder, "-o", "json"]))));

  const file = join(folder, "requests.jsonl");
  const hosts = state.routes.flatMap((t) => t.route_configs.flatMap((c) => c.virtual_hosts.map((h) => h.domains[0])));
  const made = [...new Set(hosts)].filter((host) => !host.includes("*")).flatMap((authority) => ["/", "/beta"].map((path) => JSON.stringify({ authority, path })));
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter((line) => line.trim() !== "") : made;
  requests += lines.length;
  if (lines.length === 0) continue;
  const explained = printed(["explain", folder, "-o", "jsonl", "--requests", "-"], `${lines.join("\n")}\n`);
  if (explained === null) {
    wrong.push(`${folder}: the program can't read its requests`);
    continue;
  }
  const program = explained.trim().split("\n").map((line) => unnumbered(JSON.parse(line)));
  const page = [];
  for (const line of lines) {
    const { error: why, decisions } = await inside("explain", line);
    if (why !== null) wrong.push(`${folder}: ${line}: ${why}`);
    page.push(...(decisions ?? []).map((d) => unnumbered(d.decision)));
  }
  same(`${folder}: explain`, page, program);
}

// Changes: each generated mesh against the one before it.
let changes = 0;
const meshes = conformance("random/mesh");
for (const [i, folder] of meshes.slice(0, 12).entries()) {
  const [before, now] = [meshes[i + 1], folder].map((f) => join(f, "manifests"));
  const of = (f) => texts(dirname(f)).filter(({ name }) => !name.endsWith("scenario.yaml"));
  const { state } = await inside("open", { files: of(now), against: { name: before, files: of(before) } });
  const program = printed(["diff", before, now, "-o", "json"]);
  if (state === null || program === null) {
    if (state !== null || program !== null) wrong.push(`${before} -> ${now}: only one of both refuses it`);
    continue;
  }
  const changed = ({ changed: any, verdict, proxies, edits }) => ({ any, verdict, proxies, edits });
  same(`${before} -> ${now}`, changed(state.diff), changed(JSON.parse(program)));
  changes += 1;
}

// A broken text is told with its place, and the last good state is still asked.
const good = texts("scenarios/match-priority");
await inside("open", { files: good });
const broken = await inside("open", { files: [{ name: "a.yaml", text: "kind: VirtualService\nspec: {hosts: [" }] });
same("a broken text", [broken.state, broken.findings[0].file, broken.findings[0].severity, typeof broken.findings[0].line], [null, "a.yaml", "error", "number"]);
same("after it", (await inside("explain", "GET http://reviews/beta")).decisions.length, 1);
// What a running proxy has is known for what it is, and not passed over.
const dumped = await inside("open", { files: [{ name: "dump.json", text: '{"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"}]}' }] });
same("a dump", [dumped.state, dumped.findings[0].file, dumped.findings[0].message.includes("not read here")], [null, "dump.json", true]);
// Groups of code points that a pattern may name, and letters that differ in case alone.
const pattern = (regex) => ({ name: "shop.yaml", text: `
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop], http: [{match: [{headers: {x: {regex: '${regex}'}}}], directResponse: {status: 204}}, {directResponse: {status: 404}}]}
` });
for (const [regex, value, status] of [["\\p{Lu}+", "AB", 204], ["\\p{Lu}+", "a", 404], ["[^\\p{Latin}]", "a", 404], ["\\p{Greek}", "a", 404], ["(?i)k\\pN", "K7", 204]]) {
  await inside("open", { files: [pattern(regex)] });
  const { decisions } = await inside("explain", JSON.stringify({ authority: "shop", path: "/", headers: [["x", value]] }));
  same(`${regex} and ${value}`, decisions?.[0]?.decision.status, status);
}
// Lessons are those that the program carries.
same("before lessons are given", (await inside("lessons", "en")).error, "there are no lessons in `en`");
await inside("shelf", shelf());
const lessons = (await inside("lessons", "en")).told.lessons.map(({ name }) => name);
for (const language of ["en", "ko"]) {
  const learn = (...asked) => JSON.parse(execFileSync(towtank, ["learn", ...asked, "--language", language, "-o", "json"], { encoding: "utf8", maxBuffer: 1 << 28 }));
  same(`lessons in ${language}`, (await inside("lessons", language)).told, learn());
  for (const name of lessons) same(`lesson ${name} in ${language}`, (await inside("lessons", `${language} ${name}`)).told, learn(name));
}

same("no question", (await inside("nothing", "")).error, "there is no question `nothing`");

// Requests that all differ, through a table with exact, prefix and pattern matches.
const many = Array.from({ length: 100_000 }, (_, i) =>
  JSON.stringify({ authority: "reviews", path: `/${["items", "beta", "other"][i % 3]}/${i}`, headers: [["x-user", `user-${i}`]] })).join("\n");
await inside("decide", many.slice(0, many.indexOf("\n", 100_000)));
// Time of the processor: others may be busy here.
const started = process.cpuUsage();
const decided = await inside("decide", many);
const { user, system } = process.cpuUsage(started);
const took = (user + system) / 1e6;
same("all are decided", [decided.requests, decided.wrong, Math.round(decided.ends.reduce((sum, end) => sum + end.requests, 0))], [100_000, 0, 100_000]);

if (took > 1) wrong.push(`fewer than 100,000 requests a second: ${Math.round(100_000 / took)}`);
for (const text of wrong.slice(0, 20)) console.error(text);
console.log(`${scenarios.length} scenarios, ${recorded.length} recorded meshes (${refused} refused by both) with ${requests} requests, ${changes} changes, ${lessons.length} lessons: ` +
  `${wrong.length} differences; ${Math.round(100_000 / took)} requests a second, ${bytes.length} bytes, started after ${Math.round(begin)} ms`);
process.exit(wrong.length > 0 ? 1 : 0);
