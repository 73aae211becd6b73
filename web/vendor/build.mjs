// Makes codemirror.mjs and LICENSES.txt of the packages that package-lock.json pins:
//
//     npm ci --prefix web/vendor && node web/vendor/build.mjs
//
// With --check nothing is written: it fails where the files here are not what these packages make.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const made = await build({
  absWorkingDir: here,
  entryPoints: ["entry.mjs"],
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  metafile: true,
  write: false,
});

/** The packages that got into the bundle. */
const names = [...new Set(Object.entries(made.metafile.outputs).flatMap(([, output]) => Object.entries(output.inputs))
  .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  .map(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1])
  .filter((name) => name !== undefined))].sort();
const packages = names.map((name) => {
  const folder = join(here, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (license !== "MIT" || file === undefined) throw new Error(`${name}: licence ${license} in ${file}; look at it before it is shipped`);
  return { name, version, text: readFileSync(join(folder, file), "utf8").trim() };
});
const list = packages.map(({ name, version }) => `${name} ${version}`).join(", ");
const files = {
  "codemirror.mjs": `// Made by build.mjs of ${list}; licences in LICENSES.txt.\n${made.outputFiles[0].text}`,
  "LICENSES.txt": packages.map(({ name, version, text }) => `${name} ${version}\n\n${text}\n`).join("\n----\n\n"),
};
for (const [name, text] of Object.entries(files)) {
  const path = join(here, name);
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text) throw new Error(`${name} is not what build.mjs makes of package-lock.json`);
}
console.log(`${packages.length} packages, ${made.outputFiles[0].contents.length} bytes`);
