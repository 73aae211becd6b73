// What holds of every page: nothing but what scrolls by itself is wider than the window, and axe-core finds nothing wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const LOOKS = [[360, "light"], [800, "dark"], [1400, "light"], [1400, "dark"]];

/** Adds to `wrong` what is wrong with a page as it is now; `at` says which page. */
export async function examine(page, at, wrong) {
  await page.evaluate(() => document.querySelectorAll("details").forEach((fold) => { fold.open = true; }));
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (excess > 0) wrong.push(`${at}: ${excess} px wider than the window`);
  await page.evaluate(axe);
  // Preloading, which one rule about rotated screens needs, would put a style into the page.
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { preload: false }));
  for (const v of violations) wrong.push(`${at}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)).join(" | ")}`);
}

/** The same at several widths, light and dark, each with a picture where `pictures` names a folder; leaves it wide. */
export async function look(page, name, wrong, pictures) {
  for (const [width, scheme] of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme: scheme });
    await examine(page, `${name}, ${width} px, ${scheme}`, wrong);
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${width}-${scheme}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 1400, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}
