// Opens every page of a folder in Chromium, narrow and wide, light and dark: it asks nothing of any network, complains of nothing, axe-core
// finds nothing wrong, nothing but what scrolls by itself is wider than the window, and the filter box filters.
//
//     TOWTANK_BROWSER=/usr/bin/chromium node pages.mjs FOLDER
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { examine } from "./look.mjs";

const folder = resolve(process.argv[2]);
const looks = [
  { width: 400, scheme: "light" },
  { width: 900, scheme: "dark" },
  { width: 1400, scheme: "light" },
];
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.TOWTANK_BROWSER, args: ["--no-sandbox"] });
const pages = readdirSync(folder).filter((name) => name.endsWith(".html"));
for (const name of pages) {
  const address = pathToFileURL(join(folder, name)).href;
  for (const { width, scheme } of looks) {
    const at = `${name} at ${width} px, ${scheme}`;
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
    const page = await context.newPage();
    page.on("console", (message) => wrong.push(`${at}: the console says ${message.text()}`));
    page.on("pageerror", (error) => wrong.push(`${at}: ${error}`));
    page.on("dialog", (dialog) => { wrong.push(`${at}: a dialog, ${dialog.message()}`); dialog.dismiss(); });
    page.on("request", (request) => { if (request.url() !== address) wrong.push(`${at}: asks for ${request.url()}`); });
    await page.goto(address);
    await examine(page, at, wrong);
    await context.close();
  }
}

// The filter box, by keyboard alone.
const page = await browser.newPage();
await page.goto(pathToFileURL(join(folder, "routes.html")).href);
await page.locator("#filter").focus();
await page.keyboard.type("cart");
const shown = await page.locator("[data-filter]:visible").count();
const all = await page.locator("[data-filter]").count();
if (!(shown > 0 && shown < all)) wrong.push(`the filter shows ${shown} of ${all}`);
const told = await page.locator(".filter output").textContent();
if (told !== `${shown} of ${all}`) wrong.push(`the filter says "${told}"`);
await page.keyboard.press("Tab");
const focused = await page.evaluate(() => document.activeElement?.tagName);
if (focused === "BODY") wrong.push("the keyboard gets nowhere behind the filter");

// Without script a page is whole: no box that does nothing.
const plain = await browser.newContext({ javaScriptEnabled: false });
const still = await plain.newPage();
await still.goto(pathToFileURL(join(folder, "routes.html")).href);
if (await still.locator("#filter").isVisible()) wrong.push("without script there is a filter box that does nothing");
await browser.close();
for (const text of wrong) console.error(text);
console.log(`${pages.length} pages, ${wrong.length} complaints`);
process.exit(wrong.length > 0 ? 1 : 0);
