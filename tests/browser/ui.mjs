// Uses the page of `towtank ui` as a person would, by keyboard: a request is typed and the ladder read, a file saved and the page seen to
// follow, a file broken and the last good state seen to stay. axe-core finds nothing wrong, and a page of another origin gets nothing.
//
//     TOWTANK_BROWSER=/usr/bin/chromium node ui.mjs ADDRESS MANIFEST
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { look } from "./look.mjs";

const [, , address, manifest] = process.argv;
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.TOWTANK_BROWSER, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
const page = await context.newPage();
page.on("console", (message) => wrong.push(`the console says ${message.text()}`));
page.on("pageerror", (error) => wrong.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(address)) wrong.push(`asks for ${request.url()}`); });

/** Waits until something holds in the page, and says what didn't come. */
const until = async (what, holds) => {
  try { await page.waitForFunction(holds, null, { timeout: 10_000 }); } catch { wrong.push(`never: ${what}`); }
};

await page.goto(address);
await until("the shares", () => document.querySelector("#shares details") !== null);
await until("that nothing changed", () => document.querySelector("#changes .good") !== null);

// A request, typed and sent by keyboard.
await page.keyboard.press("Tab"); // the link past the head
await page.locator("#request").focus();
await page.keyboard.type("GET http://shop/cart");
await page.keyboard.press("Enter");
await page.keyboard.type("x-user: jason");
await page.keyboard.press("Control+Enter");
await until("the ladder", () => document.querySelector("ol.ladder li.took h4")?.textContent?.includes("route 0") === true);
await until("the route in its table", () => document.querySelector("tr.lit th")?.textContent === "0");
await until("that it is lost", () => document.querySelector("#answer .card.bad") !== null);

// A save.
const before = readFileSync(manifest, "utf8");
const saved = Date.now();
writeFileSync(manifest, before.replace("timeout: 15s", "timeout: 2s").replace("exact: jason", "exact: tom"));
await until("the change", () => document.querySelector("#changes")?.textContent?.includes("2s") === true);
console.log(`the page followed after ${Date.now() - saved} ms`);
await until("that the request is asked again", () => document.querySelector("ol.ladder li.took h4")?.textContent?.includes("route 1") === true);

// A broken file.
writeFileSync(manifest, "a: [");
await until("the error", () => document.querySelector("#error:not([hidden]) pre")?.textContent?.includes("shop.yaml") === true);
if ((await page.locator("#shares details").count()) === 0) wrong.push("the last good state is gone");

await look(page, "ui", wrong);
writeFileSync(manifest, before);
await until("that the error goes", () => document.querySelector("#error")?.hasAttribute("hidden") === true);

// A page of another origin, which even knows the token.
const other = createServer((_, answer) => answer.end("<!DOCTYPE html><title>other</title>"));
await new Promise((listens) => other.listen(0, "127.0.0.1", listens));
const stranger = await (await browser.newContext()).newPage();
await stranger.goto(`http://127.0.0.1:${other.address().port}/`);
const got = await stranger.evaluate(async (address) => {
  const read = async (init) => { try { return await (await fetch(`${address}api/state`, init)).text(); } catch { return ""; } };
  const module = await import(`${address}engine.mjs`).then(() => "a module", () => "");
  const frame = await new Promise((done) => {
    const element = document.createElement("iframe");
    element.src = address;
    element.onload = () => { let text = ""; try { text = element.contentDocument?.body.textContent ?? ""; } catch { /* another origin */ } done(text); };
    document.body.append(element);
  });
  return [await read({}), await read({ mode: "no-cors" }), module, frame].join("");
}, address);
if (got !== "") wrong.push(`another origin gets ${got.slice(0, 200)}`);
other.close();
await browser.close();
for (const text of wrong) console.error(text);
console.log(`${wrong.length} complaints`);
process.exit(wrong.length > 0 ? 1 : 0);
