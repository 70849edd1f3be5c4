// Opens pages in a headless Chromium, wide and narrow, light and dark, and says what is wrong with them.
//
//     node check.mjs CHROMIUM SCREENSHOTS NAME=PAGE...
//
// A page prints nothing, asks for nothing, is no wider than the window (what is wider scrolls in a box), can be used
// with the keyboard alone, and passes axe's rules of WCAG 2.1 AA, contrast among them. Exits with 1 if one does not.

import axe from "axe-core";
import { chromium } from "playwright-core";
import path from "node:path";
import { pathToFileURL } from "node:url";

const WIDTHS = [1280, 400];
const SCHEMES = ["light", "dark"];
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];
// What a full-page screenshot may be high; Chromium cuts off beyond 16,384 pixels.
const MAX_HEIGHT = 16000;

const [program, screenshots, ...named] = process.argv.slice(2);
if (named.length === 0) {
  console.error("usage: node check.mjs CHROMIUM SCREENSHOTS NAME=PAGE...");
  process.exit(2);
}

/** Everything that is folded is shown, so that it is looked at, too. */
function unfold() {
  for (const details of document.querySelectorAll("details")) details.open = true;
}

/** Elements that reach beyond the window without a box around them that scrolls. */
function tooWide() {
  const width = document.documentElement.clientWidth;
  const isInBox = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== "visible") return true;
    }
    return false;
  };
  const name = (element) => `<${element.localName}${element.id && ` id="${element.id}"`}` +
    `${element.getAttribute("class") ? ` class="${element.getAttribute("class")}"` : ""}>`;
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    // Half a pixel is rounding; what is clipped to nothing is for screen readers.
    if (box.width <= 1 || box.height <= 1 || (box.right <= width + 0.5 && box.left >= -0.5)) continue;
    if (!isInBox(element)) found.push(`${name(element)} reaches from ${box.left.toFixed(0)} to ${box.right.toFixed(0)}`);
  }
  const scroll = document.scrollingElement.scrollWidth;
  if (scroll > width) found.push(`the page scrolls sideways: ${scroll} of ${width} pixels`);
  return found.slice(0, 8);
}

/**
 * Marks what can be used, and boxes that scroll, with numbers. One radio button stands for its group, in which the
 * arrow keys go on.
 */
function markControls() {
  const usable = "a[href], area[href], button, input, select, textarea, summary, [tabindex], [contenteditable=true]";
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;
  const scrolls = (element) => {
    const style = getComputedStyle(element);
    const isBox = (way) => way === "auto" || way === "scroll";
    return (isBox(style.overflowX) && element.scrollWidth > element.clientWidth + 1)
      || (isBox(style.overflowY) && element.scrollHeight > element.clientHeight + 1);
  };
  const groups = new Map();
  const controls = [];
  for (const element of document.body.querySelectorAll("*")) {
    const isUsable = (one) => one.matches(usable) && one.tabIndex >= 0 && !one.disabled && isShown(one);
    if (element.closest("[inert]") || !isShown(element)) continue;
    // A box scrolls along with the focus inside it.
    const isBox = () => scrolls(element) && ![...element.querySelectorAll(usable)].some(isUsable);
    if (!isUsable(element) && !isBox()) continue;
    let number = controls.length;
    if (element.type === "radio") {
      const group = `${element.name} of ${element.form?.id}`;
      if (groups.has(group)) number = groups.get(group);
      else groups.set(group, number);
    }
    element.dataset.checkedControl = number;
    if (number === controls.length) controls.push(element.outerHTML.replace(/\s+/g, " ").slice(0, 120));
  }
  return controls;
}

/** Which control has the focus, and whether it can be seen that it has. */
function focused() {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const isSeen = style.outlineStyle !== "none" || style.boxShadow !== "none";
  return { number: element.dataset.checkedControl, isSeen };
}

/** Presses Tab through the page; what it never reached, and what does not show that it has the focus. */
async function withKeyboard(page) {
  const controls = await page.evaluate(markControls);
  const left = new Set(controls.keys());
  const unseen = new Set();
  await page.evaluate(() => {
    document.activeElement?.blur();
    scrollTo(0, 0);
  });
  for (let press = 0; press < 3 * controls.length + 20 && left.size > 0; press += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(focused);
    if (found?.number === undefined) continue;
    const number = Number(found.number);
    left.delete(number);
    if (!found.isSeen) unseen.add(number);
  }
  return [
    ...[...left].map((number) => `Tab never reaches ${controls[number]}`),
    ...[...unseen].map((number) => `the focus cannot be seen on ${controls[number]}`),
  ].slice(0, 8);
}

/** What axe finds, a line for each rule with the first elements that break it. */
async function withAxe(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate((rules) => axe.run(document, { runOnly: rules, resultTypes: ["violations"] }), RULES);
  return violations.map(({ id, help, nodes }) => {
    const first = nodes.slice(0, 3).map(({ target, any }) => `${target.join(" ")}${any[0] ? ` (${any[0].message})` : ""}`);
    return `axe, ${id}: ${help}: ${nodes.length} elements, such as ${first.join("; ")}`;
  });
}

/** Opens the larger view of the gallery's first photo with the keyboard, and leaves it; a page may have none. */
async function withLargeView(page) {
  if ((await page.locator("#gallery-large").count()) === 0) return [];
  const dialog = page.locator("dialog[open]");
  const button = page.locator("#gallery button.enlarge").first();
  if ((await button.count()) === 0) return ["no photo of the gallery has a button for its larger view"];
  await button.focus();
  await page.keyboard.press("Enter");
  if ((await dialog.count()) === 0) return ["Enter on the button of a photo opens no larger view"];
  const problems = [...(await page.evaluate(tooWide)), ...(await withAxe(page))].map((problem) => `larger view: ${problem}`);
  await page.keyboard.press("Escape");
  if ((await dialog.count()) > 0) problems.push("Escape does not close the larger view");
  const isBack = await button.evaluate((element) => element === document.activeElement);
  if (!isBack) problems.push("the focus is lost when the larger view is closed");
  return problems;
}

/** Opens the page once; what is wrong with it. */
async function look(browser, name, file, width, scheme) {
  const problems = [];
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme });
  try {
    const page = await context.newPage();
    const address = pathToFileURL(path.resolve(file)).href;
    page.on("console", (message) => problems.push(`console: ${message.text()}`));
    page.on("pageerror", (error) => problems.push(`script: ${error.message}`));
    page.on("dialog", (dialog) => dialog.dismiss().then(() => problems.push(`dialog: ${dialog.message()}`)));
    page.on("request", (request) => {
      const url = request.url();
      if (url !== address && !url.startsWith("data:")) problems.push(`request: ${url}`);
    });
    await page.goto(address, { waitUntil: "load" });
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const clip = { x: 0, y: 0, width, height: Math.min(height, MAX_HEIGHT) };
    await page.screenshot({ path: path.join(screenshots, `${name}-${width}-${scheme}.png`), fullPage: true, clip });
    await page.evaluate(unfold);
    problems.push(...(await page.evaluate(tooWide)));
    problems.push(...(await withAxe(page)));
    problems.push(...(await withLargeView(page)));
    // Colours change nothing of what Tab reaches.
    if (scheme === SCHEMES[0]) problems.push(...(await withKeyboard(page)));
  } finally {
    await context.close();
  }
  return problems;
}

const browser = await chromium.launch({
  executablePath: program,
  args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
});
let numProblems = 0;
try {
  for (const one of named) {
    const cut = one.indexOf("=");
    const [name, file] = [one.slice(0, cut), one.slice(cut + 1)];
    // A problem of several views is told once.
    const views = new Map();
    const both = WIDTHS.flatMap((width) => SCHEMES.map((scheme) => ({ width, scheme })));
    const looks = both.map(({ width, scheme }) => look(browser, name, file, width, scheme));
    for (const [idx, problems] of (await Promise.all(looks)).entries()) {
      const { width, scheme } = both[idx];
      for (const problem of problems) views.set(problem, [...(views.get(problem) ?? []), `${width} ${scheme}`]);
    }
    for (const [problem, where] of views) console.error(`${name} (${where.join(", ")}): ${problem}`);
    numProblems += views.size;
    if (views.size === 0) console.error(`${name}: ok`);
  }
} finally {
  await browser.close();
}
process.exitCode = numProblems === 0 ? 0 : 1;
