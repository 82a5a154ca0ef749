/**
 * What the labs show, looked at by itself: every picture, live plot, table, prediction and check result of every lab, in the
 * classic Notebook's style and in Jupyter Lab's light and dark theme.
 *
 * Needs Chromium; without it the tests are skipped, unless PAGEWALK_REQUIRE_BROWSER is set, as .ci/run does. With
 * PAGEWALK_FIGURES=1 each output is saved by itself below .pagewalk/screenshots/outputs/: look at them.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../../lib/course/commands/doctor.js";
import { allLabs } from "../../lib/course/exercises/labs.js";
import { inRepository } from "../../lib/course/paths.js";
import { ranNotebook } from "../notebooks/ran.js";
import { CONTRAST_PROBLEMS, TEXT_PROBLEMS } from "./text_boxes.js";
import { THEMES, type Theme } from "./themes.js";

const browserPath = findChromium();
const require = createRequire(import.meta.url);
const PLOTLY = require.resolve("plotly.js-dist-min/plotly.min.js");
const AXE = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const save = process.env.PAGEWALK_FIGURES !== undefined;
const RUN = 240_000;

/** One HTML output of a cell. */
interface HtmlOutput {
  cell: string;
  html: string;
  /** The SVG of each of its pictures; a stepper has two. */
  images: string[];
}

/** Puts outputs into the page as Jupyter does: an area, and in it what the cell has shown. */
const ADD_OUTPUTS = `(all) => {
  for (const { cell, html } of all) {
    const area = document.createElement("div"), shown = document.createElement("div");
    area.className = "output_area";
    area.id = "output-" + cell;
    shown.className = "output_subarea output_html rendered_html";
    shown.append(document.createRange().createContextualFragment(html));
    area.append(shown);
    document.querySelector("main").append(area);
  }
}`;
/** The colours of the paper that plots are drawn on. */
const PAPERS = `[...document.querySelectorAll(".js-plotly-plot .main-svg")].map((svg) => svg.style.background)
  .filter((colour) => !/^$|none|rgba\\(0, 0, 0, 0\\)/.test(colour))`;

const IMAGE = /<img src="data:image\/svg\+xml;base64,([^"]+)"/g;

async function outputsOf(lab: string): Promise<HtmlOutput[]> {
  const { notebook } = await ranNotebook(`${lab}.ipynb`);
  return notebook.cells.flatMap((cell) => {
    if (cell.cell_type !== "code") return [];
    return cell.outputs.flatMap((output) => {
      const html = "data" in output ? output.data["text/html"] : undefined;
      if (html === undefined) return [];
      const text = [html].flat().join("");
      const images = [...text.matchAll(IMAGE)].map((match) =>
        Buffer.from(match[1]!, "base64").toString("utf8"),
      );
      return [{ cell: cell.id ?? "", html: text, images }];
    });
  });
}

it("has Chromium, where it is required", () => {
  const required = process.env.PAGEWALK_REQUIRE_BROWSER !== undefined;
  expect(required && browserPath === undefined ? "Chromium is not installed" : "").toBe("");
});

describe.skipIf(browserPath === undefined).each(allLabs().map(({ name }) => name))(
  "the outputs of %s",
  (lab) => {
    let outputs: HtmlOutput[];
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      outputs = await outputsOf(lab);
      browser = await chromium.launch({
        executablePath: browserPath!,
        args: ["--no-sandbox", "--disable-gpu"],
      });
      page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    }, RUN);

    afterAll(() => browser?.close());

    /** Every picture by itself in the page, as a browser draws it in an <img>; what `look` finds, with the cell's name. */
    async function eachPicture(look: string): Promise<string[]> {
      const problems: string[] = [];
      for (const { cell, svg } of outputs.flatMap(({ cell, images }) =>
        images.map((svg) => ({ cell, svg })),
      )) {
        await page.setContent(`<body style="margin:0">${svg}`);
        const found = (await page.evaluate(`(${look})(document.querySelector("svg"), true)`)) as string[];
        problems.push(...found.map((what) => `${cell}: ${what}`));
      }
      return problems;
    }

    it(
      "are pictures whose texts are whole, stay inside, and lie on nothing",
      async () => {
        expect(outputs.filter(({ images }) => images.length > 0).length).toBeGreaterThan(5);
        expect(await eachPicture(TEXT_PROBLEMS)).toEqual([]);
      },
      RUN,
    );

    it.each(["light", "dark"] as const)(
      "are pictures whose texts can be read in %s colours",
      async (scheme) => {
        await page.emulateMedia({ colorScheme: scheme });
        expect(await eachPicture(CONTRAST_PROBLEMS)).toEqual([]);
        await page.emulateMedia({ colorScheme: "light" });
      },
      RUN,
    );

    /** All outputs in one page, as a trusted notebook shows them, with their plots and steppers live. */
    async function show(theme: Theme): Promise<void> {
      await page.setContent(theme.page(`<main><h1>${lab}</h1></main>`));
      await page.addScriptTag({ path: PLOTLY });
      await page.evaluate(`(${ADD_OUTPUTS})(${JSON.stringify(outputs)})`);
      const live = outputs.filter(({ html }) => /data-pagewalk-(figure|stepper)=/.test(html)).length;
      await page.waitForFunction(`document.querySelectorAll('[data-live="yes"]').length === ${live}`);
      await page.waitForTimeout(1500); // the last time that a picture looks at the theme
    }

    describe.each(THEMES)("in $name", (theme) => {
      beforeAll(async () => {
        await show(theme);
        if (save) await saveEach(theme);
      }, RUN);

      it(
        "have no violation that axe knows",
        async () => {
          await page.evaluate(AXE);
          const found =
            (await page.evaluate(`axe.run(".output_area").then(({ violations }) => violations.flatMap(
        ({ id, nodes }) => nodes.map((node) => id + ": " + node.target.join(" ") + " " + node.html.slice(0, 120))))`)) as string[];
          expect(found).toEqual([]);
        },
        RUN,
      );

      it("are pictures in the colours of the page", async () => {
        const schemes = await page.$$eval("img.pagewalk-picture", (all) =>
          all.map((img) => img.style.colorScheme),
        );
        expect(schemes.length).toBeGreaterThan(5);
        expect(new Set(schemes)).toEqual(new Set([theme.dark ? "dark" : "light"]));
      });

      it("are live plots whose texts are whole, stay inside, and lie on nothing", async () => {
        const found = (await page.evaluate(
          `[...document.querySelectorAll(".js-plotly-plot")].flatMap((plot) => (${TEXT_PROBLEMS})(plot, false))`,
        )) as string[];
        expect(found).toEqual([]);
        const papers = (await page.evaluate(PAPERS)) as string[];
        expect(new Set(papers)).toEqual(new Set([theme.dark ? "rgb(31, 35, 40)" : "rgb(255, 255, 255)"]));
      });
    });

    async function saveEach(theme: Theme): Promise<void> {
      const folder = inRepository(".pagewalk", "screenshots", "outputs", theme.name);
      mkdirSync(folder, { recursive: true });
      const areas = page.locator(".output_area");
      for (const [index, { cell }] of outputs.entries()) {
        const number = String(index + 1).padStart(2, "0");
        await areas.nth(index).screenshot({ path: `${folder}/${lab.slice(0, 2)}-${number}-${cell}.png` });
      }
    }
  },
);
