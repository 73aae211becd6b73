// Edits rules on the page of `towtank ui` as a person would: drags a weight by mouse and by keyboard, types one, edits a match, reads what
// would happen and the patch, saves the file meanwhile, and discards. No edit reaches the file; axe-core finds nothing wrong.
//
//     TOWTANK_BROWSER=/usr/bin/chromium node edit.mjs ADDRESS MANIFEST [FOLDER FOR PICTURES]
import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { look } from "./look.mjs";

const [, , address, manifest, pictures] = process.argv;
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.TOWTANK_BROWSER, args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, permissions: ["clipboard-read", "clipboard-write"] });
const page = await context.newPage();
page.on("console", (message) => wrong.push(`the console says ${message.text()}`));
page.on("pageerror", (error) => wrong.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(address)) wrong.push(`asks for ${request.url()}`); });

/** Waits until something holds in the page, and says what didn't come. */
const until = async (what, holds, argument = null) => {
  try { await page.waitForFunction(holds, argument, { timeout: 10_000 }); } catch { wrong.push(`never: ${what}`); }
};
const patchHas = (what, ...lines) => until(what, (lines) => lines.every((line) => document.querySelector(".patch")?.textContent?.includes(line)), lines);
const before = readFileSync(manifest, "utf8");

await page.goto(address);
await until("the tables", () => document.querySelector("#tables details") !== null);
await page.locator("#tables details summary").first().click();
const handle = page.getByRole("slider", { name: /Boundary between shop subset v1/ });
if ((await handle.getAttribute("aria-valuenow")) !== "90") wrong.push("the handle doesn't stand at 90");

// By mouse, from 90 to about 50.
await handle.scrollIntoViewIfNeeded();
const place = await handle.boundingBox();
const bar = await page.locator(".split").first().boundingBox();
await page.mouse.move(place.x + place.width / 2, place.y + place.height / 2);
await page.mouse.down();
await page.mouse.move(bar.x + bar.width * 0.7, place.y + 5, { steps: 5 });
await page.mouse.move(bar.x + bar.width * 0.5, place.y + 5, { steps: 5 });
await page.mouse.up();
await patchHas("the patch of what was dragged", "-      weight: 90 # for now", "+      weight: 50 # for now", "+      weight: 50");
await until("the shares", () => [...document.querySelectorAll("#whatif table")].some((t) => t.textContent?.includes("95 %") && t.textContent.includes("75 %")));
await until("the change", () => document.querySelector("#whatif .change") !== null);

// By keyboard.
await handle.focus();
for (let i = 0; i < 2; i++) await page.keyboard.press("ArrowRight");
await page.keyboard.press("PageUp");
await patchHas("the patch of what was moved by keys", "+      weight: 62 # for now", "+      weight: 38");
if ((await handle.getAttribute("aria-valuenow")) !== "62") wrong.push("the handle doesn't say 62");

// By number: the other adapts.
await page.getByRole("spinbutton", { name: "Weight of shop subset v2" }).fill("25");
await patchHas("the patch of what was typed", "+      weight: 75 # for now", "+      weight: 25");
await page.getByRole("button", { name: "Copy" }).click();
const copied = await page.evaluate(() => navigator.clipboard.readText());
if (!copied.startsWith("--- a/manifests/shop.yaml\n+++ b/manifests/shop.yaml\n@@ ")) wrong.push(`copied was ${copied.slice(0, 80)}`);

// A match, first with a mistake.
await page.getByRole("button", { name: "Edit match" }).first().click();
const area = page.getByRole("textbox", { name: /Match of VirtualService default\/shop, http rule 0/ });
await area.fill("- uri:\n    exat: /cart");
await until("what is wrong with it", () => document.querySelector("#whatif pre.bad")?.textContent?.includes("line 2 of the match") === true);
if ((await page.locator(".match p.bad").first().textContent()) !== "line 2 can't be taken so") wrong.push("the box doesn't say which line is wrong");
await area.fill("- uri:\n    exact: /cart");
await patchHas("the patch of the match", "-        prefix: /cart", "+        exact: /cart", "+      weight: 75 # for now");
await page.getByRole("button", { name: "Add a match" }).click();
await page.keyboard.type("- port: 80"); // the box has the focus
await patchHas("the patch of both rules", "+        exact: /cart", "+  - match:", "+    - port: 80");
if (readFileSync(manifest, "utf8") !== before) wrong.push("the file was written");

await look(page, "edit", wrong, pictures);

// The file is saved meanwhile, above what is edited: the edits are still of the same rules, and typing goes on where it was.
await area.focus();
writeFileSync(manifest, before.replace("  - match: # who", "  - name: first\n    match: [{uri: {exact: /first}}]\n    route: [{destination: {host: shop, subset: v2}}]\n  - match: # who"));
await until("the edits of the rules, which moved", () => document.querySelector(".edits")?.textContent?.includes("http rule 1") === true);
await patchHas("the patch for the file as it is now", "+        exact: /cart", "+      weight: 75 # for now");
const focused = await page.evaluate(() => document.activeElement?.tagName);
if (focused !== "TEXTAREA") wrong.push(`the focus went to ${focused}`);
// What was edited is another one now.
writeFileSync(manifest, before.replace("weight: 90", "weight: 80"));
await until("that an edit doesn't fit any more", () => document.querySelector("#whatif p.warn")?.textContent?.includes("doesn't fit any more") === true);
writeFileSync(manifest, before);
await until("the file as it was", () => document.querySelector("[role=slider]")?.getAttribute("aria-valuenow") === "90");

await page.getByRole("button", { name: "Discard all" }).first().click();
await page.getByRole("button", { name: "Forget" }).click();
await until("that nothing is pending", () => document.querySelector("#whatif")?.hasAttribute("hidden") === true && document.querySelector("#pending")?.hasAttribute("hidden") === true);
if (readFileSync(manifest, "utf8") !== before) wrong.push("the file was written");
await browser.close();
for (const text of wrong) console.error(text);
console.log(`${wrong.length} complaints`);
process.exit(wrong.length > 0 ? 1 : 0);
