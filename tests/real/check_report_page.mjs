// report.html as a reader meets it: opened from disk in headless Chromium, with and without JavaScript,
// in light and in dark, on a screen, on a phone and on paper.
//
//   CHROMIUM=PATH MODULES=PATH/TO/node_modules node tests/real/check_report_page.mjs OUT
//
// OUT holds demonstration.html, failing.html, hostile.html, configurations.html and runs.html; screenshots and the PDF are put beside them.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(resolve(process.env.MODULES ?? ""), "_"));
const puppeteer = require("puppeteer-core");
const { HtmlValidate } = require("html-validate");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const out = resolve(process.argv[2] ?? "");

const PICTURES = ["ttft_distribution", "throughput_over_time", "ttft_heatmap", "latency_percentiles"];
let checked = 0;
function check(what, holds, otherwise) {
  checked += 1;
  if (holds) console.log(`ok: ${what}`);
  else {
    console.error(`FAILED: ${what}\n  ${JSON.stringify(otherwise, null, 1)}`);
    process.exitCode = 1;
  }
}

/** Opens a file; what the page says to the console, and asks of a network, is kept. */
async function open(browser, file, { width = 1280, javascript = true, scheme = "light", tools = false } = {}) {
  const page = await browser.newPage();
  const said = [];
  const asked = [];
  page.on("console", (m) => { if (["error", "warn"].includes(m.type())) said.push(m.text()); });
  page.on("pageerror", (e) => said.push(String(e)));
  page.on("dialog", (d) => { said.push(`dialog: ${d.message()}`); d.dismiss(); });
  page.on("request", (r) => asked.push(r.url()));
  // A page without scripts forbids them, those of a tool too.
  await page.setBypassCSP(tools);
  await page.setJavaScriptEnabled(javascript);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height: 900, deviceScaleFactor: 1 });
  const url = pathToFileURL(file).href;
  await page.goto(url, { waitUntil: "load" });
  return { page, said, asked: () => asked.filter((u) => u !== url && !u.startsWith("data:")) };
}

/**
 * What the page says with the pointer over a picture; `place` is run in the page with the picture as `node` and says
 * where, as shares of its width and height. Scrolling takes frames, so it is tried until the page says something there.
 */
async function underPointer(page, svg, place) {
  for (let i = 0; i < 40; i += 1) {
    const at = await svg.evaluate((node, place) => {
      node.scrollIntoView({ block: "center", behavior: "instant" });
      const box = node.getBoundingClientRect();
      const [x, y] = new Function("node", `return (${place})()`)(node);
      return { x: box.left + x * box.width, y: box.top + y * box.height };
    }, String(place));
    await page.mouse.move(at.x, at.y);
    const text = await svg.evaluate((node) => node.parentElement.querySelector(".tip")?.innerText ?? "");
    if (text) return text;
    await page.mouse.move(1, 1);
    await new Promise((done) => setTimeout(done, 50));
  }
  return "";
}

const articles = (page) => page.$$eval("article.case", (all) => all.length);
const visible = (page) => page.$$eval("article.case", (all) => all.filter((a) => a.offsetParent !== null).length);

async function looks(browser, name) {
  const file = join(out, `${name}.html`);
  const { page, said, asked } = await open(browser, file);
  const cases = await articles(page);
  check(`${name}: it has cases`, cases > 0, cases);

  // Filter: by name, by verdict, back again.
  const first = await page.$eval("article.case", (a) => a.dataset.name);
  await page.keyboard.press("/");
  await page.keyboard.type(first);
  check(`${name}: the filter leaves what it names`, (await visible(page)) === 1, await visible(page));
  await page.keyboard.press("Escape");
  check(`${name}: Escape shows all again`, (await visible(page)) === cases, await visible(page));
  const verdict = await page.$eval("article.case", (a) => a.dataset.verdict);
  const of = await page.$$eval("article.case", (all, v) => all.filter((a) => a.dataset.verdict === v).length, verdict);
  await page.click(`#filter input[value="${verdict}"]`);
  check(`${name}: a verdict taken away takes its cases away`, (await visible(page)) === cases - of, { of, cases });
  await page.click(`#filter input[value="${verdict}"]`);

  // Keys and links.
  await page.keyboard.press("j");
  const focused = await page.evaluate(() => document.activeElement.closest("article")?.id);
  check(`${name}: j goes to a case`, Boolean(focused), focused);
  await page.keyboard.press("?");
  check(`${name}: ? lists the keys`, await page.$eval("#help", (d) => d.open), false);
  await page.keyboard.press("Escape");
  const last = await page.$$eval("article.case", (all) => all.at(-1).id);
  await page.evaluate((id) => { location.hash = id; }, last);
  await page.waitForFunction((id) => document.getElementById(id).querySelector("details").open, { timeout: 2000 }, last);
  check(`${name}: a link to a case opens it`, true);

  // Values under the pointer: those of the drawn point, in every sort of picture.
  for (const picture of PICTURES) {
    const svg = await page.$(`article:has(> details[open]) figure[data-picture="${picture}"] svg.chart`);
    check(`${name}: there is a ${picture}`, svg !== null, picture);
    if (svg === null) continue;
    const tip = await underPointer(page, svg, () => [0.45, 0.5]);
    check(`${name}: ${picture} says values under the pointer`, /\d/.test(tip), tip);
  }
  const svg = await page.$('article:has(> details[open]) figure[data-picture="throughput_over_time"] svg.chart');
  const most = await svg.$eval("path[data-v]", (path) => Math.max(...path.dataset.v.split(" ").map(Number)));
  const top = await underPointer(page, svg, () => {
    // Where the line is highest, by its own geometry, is its greatest value.
    const path = node.querySelector("path[data-v]");
    let [best, at] = [Infinity, 0];
    for (let i = 0; i <= path.getTotalLength(); i += 0.5) {
      const p = path.getPointAtLength(i);
      if (p.y < best) [best, at] = [p.y, p.x];
    }
    return [at / node.viewBox.baseVal.width, 0.5];
  });
  const value = Number(/: ([\d,.]+)/.exec(top)?.[1].replaceAll(",", ""));
  check(`${name}: the greatest value stands where the line is highest`, Math.abs(value / most - 1) < 0.006, { top, most });

  // Enlarged, and from value to value by key.
  await page.$eval("article:has(> details[open]) figure .enlarge", (b) => b.click());
  await page.keyboard.press("ArrowRight");
  const large = await page.$eval("#large .tip", (t) => t.innerText).catch(() => "");
  check(`${name}: an enlarged picture says its values by key`, /\d/.test(large), large);
  await page.keyboard.press("Escape");

  // Theme.
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.click("#theme");
  await page.click("#theme");
  check(`${name}: the theme changes`, (await background()) !== light, light);
  await page.click("#theme");
  check(`${name}: and back to that of the system`, (await background()) === light, light);

  check(`${name}: nothing was said to the console`, said.length === 0, said);
  check(`${name}: nothing was asked of a network`, asked().length === 0, asked());
  await page.close();
  return cases;
}

async function withoutJavaScript(browser, name, cases) {
  const file = join(out, `${name}.html`);
  const { page } = await open(browser, file, { javascript: false });
  check(`${name}: without JavaScript all cases are there`, (await visible(page)) === cases, await visible(page));
  // `textContent` has what is folded away, too: it can be opened without JavaScript.
  const bodies = await page.$$eval("article.case details", (all) => all.filter((d) => d.textContent.length < 200).length);
  check(`${name}: with their text`, bodies === 0, bodies);
  const dead = await page.$$eval("#filter, #theme, #keys", (all) => all.filter((e) => e.offsetParent !== null).length);
  check(`${name}: and no control that does nothing`, dead === 0, dead);
  await page.close();
}

async function accessible(browser, name) {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 380]) {
      const { page } = await open(browser, join(out, `${name}.html`), { scheme, width, tools: true });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      check(`${name}: nothing is wider than ${width} px`, wide <= width, wide);
      await page.screenshot({ path: join(out, `${name}-${scheme}-${width}.png`), fullPage: false });
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
      await page.addScriptTag({ content: axe }).catch(() => page.evaluate(axe));
      const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
      const grave = found.violations
        .filter((v) => ["serious", "critical"].includes(v.impact))
        .map((v) => ({ id: v.id, nodes: v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)), n: v.nodes.length }));
      check(`${name}: axe-core finds nothing grave in ${scheme} at ${width} px`, grave.length === 0, grave);
      await page.close();
    }
  }
}

async function printed(browser, name) {
  const { page } = await open(browser, join(out, `${name}.html`), { scheme: "dark" });
  const pdf = await page.pdf({ format: "A4", printBackground: true });
  writeFileSync(join(out, `${name}.pdf`), pdf);
  const pages = Buffer.from(pdf).toString("latin1").split("/Type /Page\n").length - 1;
  check(`${name}: it prints`, pdf.length > 20_000 && pages !== 0, { bytes: pdf.length, pages });
  const devtools = await page.createCDPSession();
  await devtools.send("Emulation.setEmulatedMedia", { media: "print", features: [{ name: "prefers-color-scheme", value: "dark" }] });
  for (const theme of ["auto", "light", "dark"]) {
    const seen = await page.evaluate((theme) => {
      if (theme === "auto") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme;
      const both = matchMedia("print").matches && matchMedia("(prefers-color-scheme: dark)").matches;
      return [both, getComputedStyle(document.body).backgroundColor];
    }, theme);
    check(`${name}: on white paper, whatever the screen (${theme})`, seen[0] && seen[1] === "rgb(255, 255, 255)", seen);
  }
  await page.close();
}

async function valid(name) {
  const rules = { extends: ["html-validate:standard"], rules: {
    // Style, not validity: these are the template's own habits.
    "long-title": "off", "no-inline-style": "off", "no-trailing-whitespace": "off", "doctype-style": "off",
    "prefer-native-element": "off", "require-sri": "off", "void-style": "off", "attr-quotes": "off",
  } };
  const report = await new HtmlValidate(rules).validateFile(join(out, `${name}.html`));
  const found = report.results.flatMap((r) => r.messages).filter((m) => m.severity === 2)
    .map((m) => `${m.line}:${m.column} ${m.ruleId}: ${m.message}`);
  check(`${name}: the HTML is valid`, found.length === 0, found.slice(0, 12));
}

/** What a model or a server says is text, wherever it stands. */
async function hostile(browser, name) {
  const { page, said, asked } = await open(browser, join(out, `${name}.html`));
  const text = await page.evaluate(() => document.body.textContent);
  const words = text.split("</script><img src=x onerror=").length - 1;
  check(`${name}: the server's words stand in it`, words >= 4, words);
  const made = await page.$$eval("img, svg[onload]", (all) => all.length);
  const scripts = await page.$$eval("script", (all) => all.length);
  check(`${name}: as text and nothing else`, made === 0 && scripts === 1, { made, scripts });
  await page.$$eval("details", (all) => all.forEach((d) => { d.open = true; }));
  for (const svg of await page.$$("svg.chart")) {
    await svg.scrollIntoView();
    await svg.hover();
  }
  await page.$eval("figure .enlarge", (b) => b.click());
  const later = await page.$$eval("img, svg[onload]", (all) => all.length);
  check(`${name}: also once the page was used`, later === 0 && said.length === 0, { later, said });
  check(`${name}: nothing was asked of a network`, asked().length === 0, asked());
  await page.close();
  await valid(name);
}

/** Pictures that few runs have: configurations side by side, several runs in one heat map, failures by kind. */
async function rare(browser) {
  const says = async (name, picture, place, words) => {
    const { page, said } = await open(browser, join(out, `${name}.html`));
    await page.$$eval("details", (all) => all.forEach((d) => { d.open = true; }));
    const svg = await page.$(`figure[data-picture="${picture}"] svg.chart[data-x]${words.where ?? ""}`);
    const tip = svg === null ? "no picture" : await underPointer(page, svg, place);
    check(`${name}: ${picture} says ${words.says}`, words.says.test(tip) && said.length === 0, { tip, said });
    const figure = await page.$(`figure[data-picture="${picture}"] .enlarge`);
    check(`${name}: ${picture} can be enlarged`, figure !== null);
    await page.close();
  };
  const dot = () => {
    const at = node.querySelector(".dot.s1");
    const view = node.viewBox.baseVal;
    return [at.cx.baseVal.value / view.width, (at.cy.baseVal.value - view.y) / view.height];
  };
  for (const picture of ["pareto_tokens", "pareto_ttft"]) {
    await says("configurations", picture, dot, { says: /seqs=\d+,gpus=\d+: [\d.]+ / });
  }
  // The last of the runs lies at the right.
  await says("failing", "ttft_heatmap", () => [0.93, 0.5], { says: /^run \d+, from /, where: '[data-heat*=";"]' });
  await says("hostile", "errors_over_time", () => [0.5, 0.5], { says: /error_in_stream|malformed|http|no_token|truncated/ });
  await accessible(browser, "configurations");
  await valid("configurations");
}

const late = setTimeout(() => {
  console.error("FAILED: no end within 300 s");
  process.exit(1);
}, 300_000);
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files"],
});
try {
  for (const name of ["demonstration", "failing"]) {
    const cases = await looks(browser, name);
    await withoutJavaScript(browser, name, cases);
    await accessible(browser, name);
    await printed(browser, name);
    await valid(name);
  }
  await hostile(browser, "hostile");
  await rare(browser);
  // Two runs side by side: a page without interaction.
  await accessible(browser, "runs");
  await valid("runs");
} catch (error) {
  console.error(`FAILED: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  clearTimeout(late);
}
console.log(`${checked} checks`);
