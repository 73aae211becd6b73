// All lessons of the repository, as the playground's engine takes them (the question `shelf`): its module doesn't carry them.
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** @param {string[]} path */
const read = (...path) => readFileSync(join(root, ...path), "utf8");

/** In the order in which the program has them, which carries them itself. */
export function shelf() {
  const languages = readdirSync(join(root, "lessons")).filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -5)).sort();
  const list = read("src/tool/lesson/sources/carried.rs");
  const lessons = [...list.matchAll(/^ +"([^"]+)": (".+");$/gm)].map(([, name, files]) => ({
    name,
    about: read("lessons", name, "lesson.yaml"),
    texts: languages.map((code) => [code, read("lessons", name, `${code}.md`)]),
    files: [...files.matchAll(/"([^"]+)"/g)].map(([, file]) => [file, read("lessons", name, file)]),
  }));
  const folders = readdirSync(join(root, "lessons"), { withFileTypes: true }).filter((entry) => entry.isDirectory()).length;
  if (lessons.length !== folders) throw new Error(`there are ${folders} lessons, and ${lessons.length} are listed`);
  return { languages: languages.map((code) => [code, read("lessons", `${code}.yaml`)]), lessons };
}
