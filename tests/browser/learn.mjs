// Takes lessons on the page of `towtank ui` by keyboard alone: goes to the list, opens one, guesses what misleads, guesses right, goes on to
// the next, and reads one in Korean. axe-core finds nothing wrong at any width.
//
//     TOWTANK_BROWSER=/usr/bin/chromium node learn.mjs ADDRESS MANIFEST [FOLDER FOR PICTURES]
import { chromium } from "playwright-core";
import { look } from "./look.mjs";

const [, , address, , pictures] = process.argv;
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.TOWTANK_BROWSER, args: ["--no-sandbox"] });
const page = await (await browser.newContext({ viewport: { width: 1400, height: 900 } })).newPage();
page.on("console", (message) => wrong.push(`the console says ${message.text()}`));
page.on("pageerror", (error) => wrong.push(String(error)));
page.on("request", (request) => { if (!request.url().startsWith(address)) wrong.push(`asks for ${request.url()}`); });

/** Waits until something holds in the page, and says what didn't come. */
const until = async (what, holds, given = null) => {
  try { await page.waitForFunction(holds, given, { timeout: 10_000 }); } catch { wrong.push(`never: ${what}`); }
};
const heading = (text) => until(`the heading ${text}`, (text) => document.querySelector("#lessons h1")?.textContent?.includes(text), text);
/** Tabs until an element has the focus of which this is so. */
const tabTo = async (what, is) => {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate(is)) return;
  }
  wrong.push(`no way by keyboard to ${what}`);
};

await page.goto(address);
await until("the page", () => document.querySelector("#shares details") !== null);
await tabTo("the lessons", () => document.activeElement?.id === "to-lessons");
await page.keyboard.press("Enter");
await heading("Lessons");
await until("that the board is away", () => getComputedStyle(document.querySelector(".board")).display === "none");
await look(page, "lesson-list", wrong, pictures);

await tabTo("the first lesson", () => document.activeElement?.closest("ol.lessons") !== null);
await page.keyboard.press("Enter");
await heading("1. ");
await until("the focus on its title", () => document.activeElement === document.querySelector("#lessons h1"));
await look(page, "lesson-question", wrong, pictures);

// Without an answer nothing is told.
await tabTo("a choice", () => document.activeElement?.getAttribute("name") === "choice");
await page.keyboard.press("Enter");
if ((await page.locator("#lessons .result > *").count()) > 0) wrong.push("an answer is told that nobody gave");

/** Goes to a choice by the arrow keys and checks it. */
async function choose(answer) {
  const count = await page.locator("#lessons input[name=choice]").count();
  for (let i = 0; i < count; i++) {
    const here = await page.evaluate(() => document.activeElement?.closest("label")?.querySelector("code")?.textContent);
    if (here === answer && (await page.evaluate(() => document.activeElement?.checked))) break;
    await page.keyboard.press(here === answer ? "Space" : "ArrowDown");
  }
  await page.keyboard.press("Enter");
}

await choose("shop subset v3");
await until("that it is wrong", () => document.activeElement?.matches(".result h2.bad"));
await until("that it misleads", () => document.querySelector(".result")?.textContent?.includes("most people expect"));
await until("the ladder", () => document.querySelector(".result ol.ladder li.took h4")?.textContent?.includes("route 0"));

for (let i = 0; i < 80 && !(await page.evaluate(() => document.activeElement?.getAttribute("name") === "choice")); i++) await page.keyboard.press("Shift+Tab");
await choose("shop subset v2");
await until("that it is right", () => document.activeElement?.matches(".result h2.good"));
await look(page, "lesson-answered", wrong, pictures);

await tabTo("the next lesson", () => document.activeElement?.classList.contains("next"));
await page.keyboard.press("Enter");
await heading("2. ");

// The same lesson in Korean, and the list, which remembers what was solved.
await tabTo("Korean", () => document.activeElement?.getAttribute("hreflang") === "ko");
await page.keyboard.press("Enter");
await until("Korean", () => document.querySelector("#lessons")?.lang === "ko");
await heading("모두를 받는 규칙");
await tabTo("the list", () => document.activeElement?.closest(".eyebrow") !== null);
await page.keyboard.press("Enter");
await heading("레슨");
await until("what was solved", () => document.querySelector("ol.lessons li")?.textContent?.includes("✓"));
await look(page, "lesson-korean", wrong, pictures);

// One that counts, and one of two states.
await page.goto(`${address}#lessons=33-way-back&language=ko`);
await heading("33. ");
await tabTo("a choice", () => document.activeElement?.getAttribute("name") === "choice");
await choose("either");
await until("both states", () => document.querySelectorAll(".result .card").length === 2);
await look(page, "lesson-states", wrong, pictures);
await page.goto(`${address}#lessons=nothing`);
await until("that there is no such lesson", () => document.querySelector("#lessons .bad")?.textContent?.includes("nothing"));

await page.goto(`${address}#`);
await until("the board again", () => getComputedStyle(document.querySelector(".board")).display !== "none");
await browser.close();
for (const text of wrong) console.error(text);
console.log(`${wrong.length} complaints`);
process.exit(wrong.length > 0 ? 1 : 0);
