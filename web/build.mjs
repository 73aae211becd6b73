// Makes the playground: the library as WebAssembly, the page's modules, its styles, and all scenarios and lessons of the repository, in one
// file.
//
//     node web/build.mjs [-o FILE] [--wasm FILE]
//
// FILE is target/playground.html unless said. With --wasm that module is taken; else cargo builds it, with the compiler WASM_RUSTC where
// the usual one has no target wasm32-unknown-unknown (Debian: rustc-web with libstd-rust-web-dev). wasm-opt makes it smaller where it is
// at hand: in the path, or as `npm ci --prefix web/vendor` has it, and with that comes Zopfli, which packs it closer than zlib does. It is
// packed kind by kind (apart.mjs), and the page puts it together again. Needs Node and cargo, and no network that cargo wouldn't need.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { apart, together } from "./apart.mjs";
import { silenced } from "./panics.mjs";
import { shelf } from "./shelf.mjs";

const web = dirname(fileURLToPath(import.meta.url));
const root = dirname(web);
const target = resolve(process.env.CARGO_TARGET_DIR ?? join(root, "target"));
const { values } = parseArgs({ options: { output: { type: "string", short: "o" }, wasm: { type: "string" } } });

const read = (path) => readFileSync(path, "utf8");

/** What compilers of Rust take for granted of every engine; with more, a module becomes one that not all browsers read. */
const FEATURES = ["bulk-memory", "multivalue", "mutable-globals", "nontrapping-float-to-int", "reference-types", "sign-ext"];

/** Bytes that the engine may have, as it is and as it is carried: what it has grown by is to be seen. */
const MOST = [2_950_000, 970_000];

/** What a program prints; null where it can't be run. */
function printed(program, ...options) {
  try { return execFileSync(program, options, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim(); } catch { return null; }
}

function buildWasm() {
  const triple = "wasm32-unknown-unknown";
  const hasTarget = (rustc) => {
    const sysroot = printed(rustc, "--print", "sysroot");
    return sysroot !== null && existsSync(join(sysroot, "lib/rustlib", triple, "lib"));
  };
  const rustc = [process.env.WASM_RUSTC, "rustc", "/usr/bin/rustc"].find((name) => name && hasTarget(name));
  if (!rustc) {
    console.error(`no compiler here has the target ${triple} (rustup target add ${triple}, or Debian's rustc-web)`);
    process.exit(3);
  }
  const folder = join(target, "wasm");
  // Places in messages are short, and the same wherever it is built.
  const crates = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry/src");
  const prefixes = [root, ...(existsSync(crates) ? readdirSync(crates).map((name) => join(crates, name)) : [])];
  const optimizer = ["wasm-opt", join(web, "vendor/node_modules/.bin/wasm-opt")].find((name) => printed(name, "--version") !== null);
  // By these names functions that are made of one stand side by side.
  const named = optimizer ? ["-Csymbol-mangling-version=v0"] : [];
  const flags = [process.env.RUSTFLAGS ?? "", ...prefixes.map((prefix) => `--remap-path-prefix=${prefix}/=`), ...named].join(" ").trim();
  const options = ["build", "--release", "--locked", "--manifest-path", join(web, "wasm/Cargo.toml"), "--target", triple, "--target-dir", folder];
  const strip = optimizer ? { CARGO_PROFILE_RELEASE_STRIP: "debuginfo" } : {};
  execFileSync("cargo", options, { stdio: "inherit", env: { ...process.env, ...strip, RUSTC: rustc, RUSTFLAGS: flags } });
  const built = join(folder, triple, "release/towtank_wasm.wasm");
  if (!optimizer) return built;
  const [silent, shorter, small] = ["silent", "shorter", "towtank_wasm"].map((name) => join(folder, `${name}.wasm`));
  const optimize = (...how) => execFileSync(optimizer, ["--mvp-features", ...FEATURES.map((feature) => `--enable-${feature}`), ...how], { stdio: "inherit" });
  writeFileSync(silent, silenced(readFileSync(built)));
  optimize("-Oz", "-g", "--skip-pass=reorder-functions", silent, "-o", shorter);
  // What is alike stands together, which gzip finds: it looks back no further than 32 kilobytes.
  optimize("--reorder-functions-by-name", "--strip-debug", shorter, "-o", small);
  if (!WebAssembly.validate(readFileSync(small))) throw new Error(`wasm-opt made ${small}, which is no module`);
  return small;
}

/**
 * A module and what it imports as one script: each is a function of its own that gives what it exports. It knows the forms that are used
 * in `web/` and in a bundle of esbuild, one import or export a statement at the begin of a line, and refuses others.
 */
function joined(entry) {
  const done = new Map();
  const add = (path) => {
    if (done.has(path)) return done.get(path);
    const name = `m${done.size}`;
    done.set(path, name);
    let text = read(path);
    const needed = [];
    text = text.replace(/^import \{([^}]*)\} from "(\.[^"]+)";$/gm, (_, names, from) => {
      needed.push(`const {${names.replace(/\bas\b/g, ":")}} = ${add(resolve(dirname(path), from))};`);
      return "";
    });
    const exported = [];
    text = text.replace(/^export ((?:async )?function|const|class) (\w+)/gm, (_, kind, own) => {
      exported.push(own);
      return `${kind} ${own}`;
    });
    text = text.replace(/(^|;)export\s*\{([^}]*)\};\s*$/, (_, before, names) => {
      for (const one of names.split(",")) {
        const [own, as] = one.trim().split(/\s+as\s+/);
        exported.push(as === undefined ? own : `${as}: ${own}`);
      }
      return before;
    });
    const left = /^(?:import|export)\b.*$/m.exec(text);
    if (left) throw new Error(`${path}: this form is not known to build.mjs: ${left[0].slice(0, 120)}`);
    const awaits = path === entry;
    parts.push(`const ${name} = ${awaits ? "await (async () => {" : "(() => {"}\n${needed.join("\n")}\n${text}\nreturn { ${exported.join(", ")} };\n})();`);
    return name;
  };
  const parts = [];
  add(entry);
  return parts.join("\n");
}

/** The scenarios of the repository: what each is about, its texts, and a request to begin with where its README has one. */
function examples() {
  const folder = join(root, "scenarios");
  const all = readdirSync(folder).sort().filter((name) => existsSync(join(folder, name, "scenario.yaml"))).map((name) => {
    const readme = read(join(folder, name, "README.md"));
    const text = (file) => ({ name: file, text: read(join(folder, name, file)) });
    const manifests = readdirSync(join(folder, name, "manifests")).sort().map((file) => `manifests/${file}`);
    const command = readme.split("\n").find((line) => line.includes("towtank explain") && line.includes(" -r "));
    const quoted = (option) => [...(command ?? "").matchAll(new RegExp(` ${option} '([^']*)'`, "g"))].map((found) => found[1]);
    return {
      name,
      title: /^# (.*)$/m.exec(readme)?.[1] ?? name,
      request: [...quoted("-r"), ...quoted("-H")].join("\n"),
      files: [...manifests, "scenario.yaml"].map(text),
    };
  });
  // The shortest way into it comes first.
  return all.sort((a, b) => Number(b.name === "match-priority") - Number(a.name === "match-priority"));
}

/** What stands in a script element that is no script. */
const data = (value) => JSON.stringify(value).replaceAll("<", "\\u003c");
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const wasm = readFileSync(values.wasm ?? buildWasm());
const zopfli = await import("./vendor/node_modules/@gfx/zopfli/dist/index.js").catch(() => null);
const kinds = apart(wasm);
// As many blocks as it finds, since what is of one kind packs best by itself.
const packed = zopfli === null ? gzipSync(kinds, { level: 9 }) : Buffer.from(await zopfli.default.gzipAsync(kinds, { blocksplittingmax: 0 }));
if (!wasm.equals(together(gunzipSync(packed)))) throw new Error("what was packed is not what was to be");
const sizes = [wasm.length, packed.length];
// Without the tools of web/vendor it is whatever it is.
if (zopfli !== null && sizes.some((size, i) => size > MOST[i])) {
  throw new Error(`the engine has ${sizes.join(" bytes, packed ")}; it may have ${MOST.join(" and ")}`);
}
const style = ["../src/tool/report/html/style.css", "style.css", "playground.css"].map((file) => read(join(web, file))).join("\n");
const script = joined(join(web, "playground.mjs"));
for (const text of [style, script]) {
  if (/<\/(?:script|style)|<!--/i.test(text)) throw new Error("a script or style would end before its end");
}
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)} 'wasm-unsafe-eval'`,
  `style-src ${hash(style)}`,
  // A browser styles the spans that it makes itself where somebody writes over a selection.
  "style-src-attr 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const licences = read(join(web, "vendor/LICENSES.txt")).replaceAll("--", "- -");
const head = [
  `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
  '<meta name="referrer" content="no-referrer">',
  `<style>${style}</style>`,
].join("\n");
const body = [
  `<script type="application/json" id="examples">${data(examples())}</script>`,
  `<script type="application/json" id="shelf">${data(shelf())}</script>`,
  `<script type="application/octet-stream" id="engine">${packed.toString("base64")}</script>`,
  `<script type="module">${script}</script>`,
].join("\n");
const page = read(join(web, "index.html"))
  .replace(/<link rel="stylesheet"[^>]*>\n/g, "")
  .replace(/<script type="module"[^>]*><\/script>\n/, () => `${head}\n`)
  .replace("</body>", () => `${body}\n</body>`)
  .replace("<html", () => `<!--\nThe playground of towtank. The editor in it is CodeMirror:\n\n${licences}\n-->\n<html`);
const output = resolve(values.output ?? join(target, "playground.html"));
mkdirSync(dirname(output), { recursive: true });
writeFileSync(output, page);
console.log(`${output}: ${page.length} bytes; the engine is ${sizes.join(" bytes, packed ")}`);
