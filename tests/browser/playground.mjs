// Uses the playground as a person would, opened as a file: the ladder of an example is read, a request typed, a manifest edited and its
// shares seen to change, a mistake marked while it is typed, a link opened that holds all of it. It asks nothing of any network, complains
// of nothing, axe-core finds nothing wrong, and what stands in files and links stays text.
//
//     TOWTANK_BROWSER=/usr/bin/chromium node playground.mjs PAGE.html [FOLDER FOR SCREENSHOTS]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { toLink } from "../../web/link.mjs";
import { examine } from "./look.mjs";

const address = pathToFileURL(resolve(process.argv[2])).href;
const shots = process.argv[3];
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.TOWTANK_BROWSER, args: ["--no-sandbox"] });

async function open(fragment, look = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...look });
  const page = await context.newPage();
  page.on("console", (message) => wrong.push(`the console says ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("dialog", (dialog) => { wrong.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => { if (request.url().split("#")[0] !== address) wrong.push(`asks for ${request.url().slice(0, 100)}`); });
  await page.goto(`${address}${fragment}`);
  return page;
}

/** Waits until something holds in the page, and says what didn't come. */
const until = async (page, what, holds, argument = null) => {
  try { await page.waitForFunction(holds, argument, { timeout: 15_000 }); } catch { wrong.push(`never: ${what}`); }
};
const hasShares = () => document.querySelector("#shares details") !== null;
const took = (title) => document.querySelector("ol.ladder li.took h4")?.textContent?.includes(title) === true;
const isMarked = (tone) => document.querySelector(".editor")?.shadowRoot?.querySelector(`.cm-lintRange-${tone}`) != null;
const says = ([id, text]) => document.querySelector(id)?.textContent?.includes(text) === true;
/** Puts a text in the place of the file that is shown, by keyboard. */
async function write(page, text) {
  await page.locator(".editor .cm-content").focus();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(text);
}

process.on("uncaughtException", (error) => {
  for (const text of [...wrong, error]) console.error(text);
  process.exit(1);
});

const began = Date.now();
const page = await open("");
await until(page, "the shares", hasShares);
console.log(`the first example is shown after ${Date.now() - began} ms`);
await until(page, "the ladder of the example's request", took, "route 0");

// A request, typed and sent by keyboard.
await page.locator("#request").focus();
await page.keyboard.press("Control+A");
await page.keyboard.type("GET http://reviews/items/42");
await page.keyboard.press("Control+Enter");
await until(page, "the ladder of what was typed", took, "route 2");

// Another example by keyboard, and a manifest that is edited.
await page.locator("#example").selectOption("canary-90-10");
await until(page, "the shares of the other example", says, ["#shares", "90 %"]);
await page.getByRole("tab", { name: "manifests/destination-rule.yaml" }).focus();
for (let i = 0; i < 2; i++) await page.keyboard.press("ArrowRight");
const chosen = await page.getByRole("tab", { selected: true }).textContent();
if (chosen !== "manifests/virtual-service.yaml") wrong.push(`the keyboard chose ${chosen}`);
const rule = JSON.parse(await page.locator("#examples").textContent()).find((e) => e.name === "canary-90-10").files
  .find((f) => f.name === "manifests/virtual-service.yaml").text;
await write(page, rule.replace("weight: 90", "weight: 60").replace("weight: 10", "weight: 40"));
await until(page, "the shares that were written", says, ["#shares", "60 %"]);
await until(page, "what changed since the start", says, ["#changes", "60"]);

// Mistakes, while they are typed: one that Istio would take, one that it would refuse, one that is no YAML.
await write(page, rule.replace("subset: v2", "subset: v9"));
await until(page, "the subset that nobody defines, marked", isMarked, "error");
await until(page, "that requests are lost", says, ["#shares", "lost"]);
await write(page, `${rule}\nnonsense: [`);
await until(page, "the broken text, marked", isMarked, "error");
await until(page, "why it can't be read", () => document.querySelector("#error:not([hidden]) pre")?.textContent?.includes("virtual-service.yaml") === true);
await until(page, "that its tab says so", () => document.querySelector('[role="tab"][aria-selected="true"] .badge') !== null);
if ((await page.locator("#shares details").count()) === 0) wrong.push("the last good state is gone");
await page.locator(".editor .cm-lintRange-error").first().hover();
await page.locator(".editor .cm-diagnostic").first().waitFor({ timeout: 5000 }).catch(() => wrong.push("never: what is wrong, beside the mark"));
await write(page, rule.replace("weight: 90", "weight: 70").replace("weight: 10", "weight: 30"));
await until(page, "that the error goes", () => document.querySelector("#error")?.hasAttribute("hidden") === true);
await until(page, "that the mark goes", () => document.querySelector(".editor")?.shadowRoot?.querySelector(".cm-lintRange-error") == null);

// Files: one more, another name, one less.
await page.getByRole("button", { name: "Add a file" }).click();
await page.keyboard.type("more.yaml");
await page.keyboard.press("Enter");
await until(page, "the new file", () => [...document.querySelectorAll('[role="tab"]')].some((tab) => tab.textContent === "more.yaml"));
await page.getByRole("button", { name: "Remove it" }).click();
await until(page, "that it is gone", () => ![...document.querySelectorAll('[role="tab"]')].some((tab) => tab.textContent === "more.yaml"));
await page.locator("#request").fill("GET http://reviews:9080/health");
await page.keyboard.press("Control+Enter");

// The link holds all of it: texts, what they are compared with, and the request.
await until(page, "an address that holds the state", () => location.hash.startsWith("#1."));
await page.waitForTimeout(800);
const other = await open(await page.evaluate(() => location.hash));
await until(other, "the shares of the link", says, ["#shares", "70 %"]);
await until(other, "what changed before the link was made", says, ["#changes", "70"]);
await until(other, "the request of the link", () => document.querySelector("#request")?.value === "GET http://reviews:9080/health" && document.querySelector("ol.ladder") !== null);
const length = (await other.evaluate(() => location.href)).length;
await other.goBack().catch(() => {});

// A lesson goes on in the editor, by keyboard: its manifests, its request, and of two states what changes between them. The way back leads
// to the lesson.
const learner = await open("#lessons=01-first-match-wins&language=ko");
await until(learner, "the way to the editor", () => document.querySelector("#lessons a.edit")?.getAttribute("href")?.startsWith("#1.") === true);
await learner.locator("#lessons a.edit").focus();
await learner.keyboard.press("Enter");
await until(learner, "the lesson's manifests", () => [...document.querySelectorAll('[role="tab"]')].map((tab) => tab.textContent).join() === "routing.yaml,services.yaml");
await until(learner, "the ladder of its request", () => document.querySelector("#answer ol.ladder") !== null && document.querySelector("#request")?.value.includes("jason") === true);
await learner.goBack();
await until(learner, "the lesson again", () => document.querySelector("#lessons")?.hidden === false && document.querySelector("#lessons h1")?.textContent?.startsWith("1. ") === true);
await learner.goto(`${address}#lessons=32-order-of-apply`);
await until(learner, "the other lesson", () => document.querySelector("#lessons h1")?.textContent?.startsWith("32. ") === true);
await until(learner, "the way to the editor", () => document.querySelector("#lessons a.edit")?.getAttribute("href")?.startsWith("#1.") === true);
await learner.locator("#lessons a.edit").click();
await until(learner, "what the change moves", says, ["#changes", "10 %"]);
await until(learner, "the shares with it", says, ["#shares", "90 %"]);
await learner.context().close();

// A link that is none.
for (const fragment of ["#1.AAAA", "#2.x", "#1."]) {
  const broken = await open(fragment);
  await until(broken, `that ${fragment} can't be read`, says, ["#manifests", "The link can't be read"]);
  await until(broken, "the first example in its place", hasShares);
  await broken.context().close();
}

// Many requests, from a file.
const folder = mkdtempSync(join(tmpdir(), "towtank-"));
const lines = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ authority: "reviews", path: `/${["items", "beta", "other"][i % 3]}/${i}`, headers: [["x-user", `user-${i}`]] }));
writeFileSync(join(folder, "requests.jsonl"), lines.join("\n"));
const many = await open("#example=match-priority");
await until(many, "the shares", hasShares);
await many.getByText("Many requests at once").click();
await many.locator("#many-file").setInputFiles(join(folder, "requests.jsonl"));
for (let i = 0; i < 2; i++) {
  await many.getByRole("button", { name: "Decide them" }).click();
  await until(many, "all decided", says, ["#many-answer", "100,000 requests"]);
}
console.log(await many.locator("#many-answer .note").textContent());

// Markup in every field stays text.
const markup = '<img src=x onerror=alert(1)><script>alert(2)</script>"\'&amp;`';
const quoted = JSON.stringify(markup);
const hostile = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${quoted}, namespace: ${quoted}}
spec:
  hosts: [${quoted}, shop]
  http:
  - name: ${quoted}
    match: [{uri: {exact: ${quoted}}, headers: {${quoted}: {exact: ${quoted}}}}]
    route: [{destination: {host: ${quoted}, subset: ${quoted}}}]
`;
const harmless = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, labels: {a: ${quoted}}}
spec:
  hosts: [shop]
  http:
  - name: ${quoted}
    match: [{uri: {prefix: ${quoted}}}, {headers: {x: {exact: ${quoted}}}}]
    route: [{destination: {host: shop, subset: ${quoted}}}]
  - directResponse: {status: 200, body: {string: ${quoted}}}
`;
for (const text of [hostile, harmless]) {
  const link = await toLink({ files: [{ name: `${markup}.yaml`, text }, { name: markup, text: "a: [" }].slice(0, text === harmless ? 1 : 2), request: `GET http://shop/${encodeURI(markup)}\nx: ${markup}` });
  const strange = await open(`#${link}`);
  await until(strange, "a hostile state", (wanted) => document.querySelector('[role="tab"]')?.textContent?.startsWith(wanted) === true, markup);
  await until(strange, "what is said of it", () => document.querySelector("#error:not([hidden]), #shares details") !== null);
  if (await strange.locator("img, section script").count() > 0) wrong.push("markup of a file became elements");
  await strange.context().close();
}

for (const [width, scheme] of [[400, "light"], [900, "dark"], [1400, "light"], [1400, "dark"]]) {
  for (const at of [page, other]) {
    await at.setViewportSize({ width, height: 1000 });
    await at.emulateMedia({ colorScheme: scheme });
  }
  if (shots) {
    // A picture of playwright's own making would put a style into the page, which its policy refuses.
    const session = await page.context().newCDPSession(page);
    const { data } = await session.send("Page.captureScreenshot", { captureBeyondViewport: width < 1000 });
    writeFileSync(join(shots, `playground-${width}-${scheme}.png`), data, "base64");
  }
  await examine(page, `${width} px, ${scheme}`, wrong);
}
// The page may still read it while it says what it read before.
rmSync(folder, { recursive: true });
await browser.close();
for (const text of wrong) console.error(text);
console.log(`a link of ${length} characters; ${wrong.length} complaints`);
process.exit(wrong.length > 0 ? 1 : 0);
