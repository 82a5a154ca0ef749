import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Figure } from "../../lib/view/figure.js";
import { plot } from "../../lib/view/plot.js";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const quiet = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-component-update",
  "--disable-sync",
];
const plotly = createRequire(import.meta.url).resolve("plotly.js-dist-min/plotly.min.js");

const line: Figure = {
  title: "Hit rate",
  x: { label: "working set", unit: "bytes", scale: "log2", format: "bytes" },
  y: { label: "hit rate", unit: "%" },
  alt: "It falls.",
  series: [
    { kind: "line", name: "a <b>", x: [4096, 8192, 16384], y: [100, 50, 25] },
    { kind: "points", name: "c", x: [4096, 16384], y: [10, 90] },
  ],
  marks: [{ x: 8192, label: "reach" }],
};
const bars: Figure = {
  title: "Frames",
  x: { label: "levels", unit: "" },
  y: { label: "frames", unit: "pages" },
  bars: "stacked",
  alt: "Bars.",
  series: [
    { kind: "bars", name: "tables", x: ["two", "four"], y: [1, 4] },
    { kind: "bars", name: "data", x: ["two", "four"], y: [9, 9] },
  ],
};
const heat: Figure = {
  title: "Heat",
  x: { label: "stride", unit: "bytes" },
  y: { label: "size", unit: "pages" },
  alt: "Heat.",
  series: [
    {
      kind: "heat",
      name: "hits",
      x: [64, 128],
      y: ["a", "b"],
      z: [
        [1, 2],
        [3, null],
      ],
    },
  ],
};

/** Without Chromium these tests are reported as skipped. */
describe.skipIf(executablePath === undefined)("a plot in a browser", () => {
  let browser: Browser;
  let page: Page;
  const folder = mkdtempSync(join(tmpdir(), "pagewalk-live-"));
  const errors: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox", ...quiet] });
    page = await browser.newPage();
    page.on("pageerror", (error) => errors.push(String(error)));
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a page with the figures, in a folder with plotly in it or without. */
  async function open(
    name: string,
    figures: readonly Figure[],
    withPlotly: boolean,
    background = "white",
  ): Promise<void> {
    const file = join(folder, name, "page.html");
    mkdirSync(dirname(file), { recursive: true });
    if (withPlotly) copyFileSync(plotly, join(dirname(file), "plotly.min.js"));
    const html = figures.map((figure) => plot(figure).html).join("\n");
    writeFileSync(
      file,
      `<!doctype html><meta charset="utf-8"><body style="background:${background}">${html}`,
    );
    await page.goto(pathToFileURL(file).href);
  }

  it("becomes live, with the same figure twice on one page, and names what it shows", async () => {
    await open("live", [line, bars, heat, line], true);
    await page.waitForFunction(`document.querySelectorAll('[data-live="yes"]').length === 4`);
    expect(errors).toEqual([]);
    const names = await page.$$eval("[role=group]", (all) =>
      all.map((live) => live.getAttribute("aria-label")),
    );
    expect(names).toEqual(["It falls.", "Bars.", "Heat.", "It falls."]);
    expect(await page.$$eval("img", (all) => all.every((img) => img.style.display === "none"))).toBe(true);
    expect(await page.locator(".legendtext").allTextContents()).toContain("a <b>");
    expect(await page.locator(".annotation-text").allTextContents()).toContain("reach");
    const points = (figure: number) =>
      page
        .locator(".scatterlayer")
        .nth(figure)
        .locator(".point")
        .evaluateAll((all) => all.filter((p) => p.style.display !== "none").length);
    expect(await points(0)).toBe(5);
    const tick = page.locator(".xtick text").filter({ hasText: "8 KiB" });
    expect(await tick.count()).toBe(2);
  });

  it("writes each number below its own bar", async () => {
    const y = { label: "hits", unit: "%" };
    const series = [{ kind: "bars", name: "hits", x: [1, 2, 3], y: [9, 5, 7] }] as const;
    await open("numbers", [{ ...bars, bars: "grouped", y, series }], true);
    await page.waitForFunction(`document.querySelectorAll('[data-live="yes"]').length === 1`);
    const middles = (selector: string) =>
      page.$$eval(selector, (all) =>
        all.map((one) => one.getBoundingClientRect()).map(({ x, width }) => Math.round((x + width / 2) / 4)),
      );
    expect(await page.locator(".xtick text").allTextContents()).toEqual(["1", "2", "3"]);
    expect(await middles(".xtick text")).toEqual(await middles(".point path"));
  });

  it("takes its colours from the page when it is drawn", async () => {
    await open("dark", [line], true, "#111");
    await page.waitForFunction(`document.querySelectorAll('[data-live="yes"]').length === 1`);
    const paper = await page.evaluate(`document.querySelector(".main-svg").style.background`);
    expect(paper).toBe("rgb(31, 35, 40)");
    expect(await page.evaluate(`document.querySelector("img").style.colorScheme`)).toBe("dark");
  });

  it("stays a picture, and raises no error, where plotly is not found", async () => {
    await open("still", [line], false);
    await page.waitForTimeout(500);
    expect(errors).toEqual([]);
    expect(await page.locator("img").isVisible()).toBe(true);
    expect(await page.$$eval("img", (all) => all[0]!.naturalWidth)).toBe(720);
    expect(await page.locator("[data-live]").count()).toBe(0);
  });
});
