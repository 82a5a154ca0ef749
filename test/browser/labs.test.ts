/**
 * The labs as a learner sees them: `npm start` in a fresh copy, Debian's Jupyter Notebook, a real browser. Lab 01 is followed in
 * full: run from top to bottom by Jupyter, with the loop of editing and checking an exercise. The others are opened there, and shown
 * what their cells have put out on the course's kernel (test/notebooks/ran.ts), by Jupyter's own way of showing it.
 *
 * Needs Chromium and Jupyter Notebook 6 (Debian: chromium, jupyter-notebook). Where one is missing the tests are
 * skipped, unless PAGEWALK_REQUIRE_BROWSER is set, as .ci/run does. Screenshots: .pagewalk/screenshots/.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../../lib/course/commands/doctor.js";
import { allLabs, findLab } from "../../lib/course/exercises/labs.js";
import { findJupyter, isClassic } from "../../lib/course/jupyter/find.js";
import { inRepository } from "../../lib/course/paths.js";
import { ranNotebook } from "../notebooks/ran.js";
import { type FreshCopy, startFreshCopy } from "./fresh_copy.js";

const browserPath = findChromium();
const jupyter = findJupyter();
const missing = [
  ...(browserPath === undefined ? ["Chromium is not installed (Debian: apt-get install chromium)"] : []),
  ...(jupyter === undefined || !isClassic(jupyter)
    ? ["Jupyter Notebook 6 is not installed (Debian: apt-get install jupyter-notebook)"]
    : []),
];
const required = process.env.PAGEWALK_REQUIRE_BROWSER !== undefined;

/** Scripts that run in the page, against what classic Notebook puts there. */
const KERNEL_IS_CONNECTED = `window.Jupyter?.notebook?.kernel?.is_connected()`;
/** A cell that waits or runs has a star for a number. */
const ALL_CELLS_HAVE_RUN = `Jupyter.notebook.get_cells().every(
  (cell) => cell.input_prompt_number !== "*")`;
/** Errors and text on stderr, except where they are meant. */
const ERRORS_SHOWN = `Jupyter.notebook.get_cells().flatMap((cell, index) => {
  if (cell.metadata.tags?.includes("raises-exception")) return [];
  const bad = cell.element[0].querySelectorAll(".output_error, .output_stderr");
  return [...bad].map((output) => "cell " + (index + 1) + ": " + output.textContent);
})`;
const BROKEN_PICTURES = `[...document.querySelectorAll("img")]
  .filter((image) => image.complete && image.naturalWidth === 0).map((image) => image.alt || image.src)`;
/** Runs the cell that checks a task; the result is its index, or -1. */
const runCheckCell = (task: string): string => `(() => {
  const cells = Jupyter.notebook.get_cells();
  const index = cells.findIndex((cell) => cell.get_text().replaceAll("'", '"').includes('check("${task}"'));
  if (index >= 0) cells[index].execute();
  return index;
})()`;

/** Puts outputs into the cells as Jupyter does when a message of the kernel brings one. */
const SHOW_OUTPUTS = `(outputs) => Jupyter.notebook.get_cells().forEach((cell, index) => {
  for (const output of outputs[index]) cell.output_area.append_output({ ...output, text: [output.text].flat().join("") });
})`;

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** What axe finds in what our cells have shown; Jupyter's own page, with the prompt beside each output, is not ours to mend. */
const AXE_VIOLATIONS = `axe.run({ include: [".output_area"], exclude: [".prompt"] }).then(({ violations }) => violations.flatMap(
  ({ id, nodes }) => nodes.map((node) => id + ": " + node.target.join(" ") + " " + node.html.slice(0, 120))))`;
/** The lines of code of which a cell does not show all, by their cell. */
const CUT_CODE = `Jupyter.notebook.get_cells().flatMap((cell, index) => {
  if (cell.cell_type !== "code") return [];
  const { width, clientWidth } = cell.code_mirror.getScrollInfo();
  return width > clientWidth + 1 ? ["cell " + (index + 1) + ": " + width + " of " + clientWidth + " pixels"] : [];
})`;
/** How many letters a cell of code shows side by side. */
const LETTERS_SHOWN = `(() => { const { code_mirror } = Jupyter.notebook.get_cells().find((cell) => cell.cell_type === "code");
  const lines = code_mirror.getWrapperElement().querySelector(".CodeMirror-lines");
  const { paddingLeft, paddingRight } = getComputedStyle(lines.querySelector("pre"));
  const room = code_mirror.getScrollInfo().clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
  return Math.floor(room / code_mirror.defaultCharWidth()); })()`;

const BROWSER_ARGUMENTS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];
const RUN_MS = 240_000;
/** A lab that is shown may have to be run first, on a busy computer. */
const SHOW_MS = 600_000;
/** Height of one part of the picture of a whole notebook. */
const PART_PX = 5000;

it("has what the browser tests need, where they are required", () => {
  expect(required ? missing : []).toEqual([]);
});

describe.skipIf(missing.length > 0)(
  `lab 01 in the browser${missing.map((one) => `; ${one}`).join("")}`,
  () => {
    let copy: FreshCopy;
    let browser: Browser;
    let page: Page;
    const pageErrors: string[] = [];

    beforeAll(async () => {
      [copy, browser] = await Promise.all([
        startFreshCopy(),
        chromium.launch({ executablePath: browserPath!, args: BROWSER_ARGUMENTS }),
      ]);
      page = await browser.newPage({ viewport: { width: 1366, height: 900 } });
      page.on("pageerror", (error) => pageErrors.push(error.message));
      mkdirSync(inRepository(".pagewalk", "screenshots"), { recursive: true });
    }, 120_000);

    afterAll(async () => {
      await browser?.close();
      await copy?.close();
    });

    /** Saves what is in the window, or all of the notebook. */
    async function screenshot(name: string, whole = false): Promise<void> {
      const path = inRepository(".pagewalk", "screenshots", `${name}.png`);
      if (!whole) {
        await page.screenshot({ path });
        return;
      }
      const box = await page.locator("#notebook-container").boundingBox();
      const height = Math.ceil(box?.height ?? 900) + 200;
      for (let part = 0; part * PART_PX < height; part++) {
        await page.setViewportSize({ width: 1366, height: PART_PX });
        await page.evaluate(`document.querySelector("#site").scrollTop = ${part * PART_PX}`);
        await page.screenshot({ path: path.replace(".png", `-${part + 1}.png`) });
      }
      await page.setViewportSize({ width: 1366, height: 900 });
    }

    it("is on the page that npm start opens", async () => {
      await page.goto(copy.url);
      await page.locator(".item_link", { hasText: "01-paging.ipynb" }).waitFor();
      await screenshot("01-list");
    });

    async function open(lab: string): Promise<void> {
      const { origin, searchParams } = new URL(copy.url);
      await page.goto(`${origin}/notebooks/notebooks/${lab}.ipynb?token=${searchParams.get("token")}`);
      await page.waitForFunction(KERNEL_IS_CONNECTED);
    }

    /** Opens a lab, runs all its cells from the menu, and returns the errors that are to be seen then. */
    async function runAll(lab: string): Promise<unknown> {
      await open(lab);
      await page.click("#celllink");
      await page.click("#run_all_cells");
      await page.waitForFunction(ALL_CELLS_HAVE_RUN, undefined, { timeout: RUN_MS });
      await screenshot(`${lab.slice(0, 2)}-notebook`, true);
      return page.evaluate(ERRORS_SHOWN);
    }

    /** Opens a lab and shows it the outputs of the run that all tests share; the errors that are to be seen then. */
    async function showAll(lab: string): Promise<unknown> {
      const { notebook } = await ranNotebook(`${lab}.ipynb`);
      await open(lab);
      const outputs = notebook.cells.map((cell) => (cell.cell_type === "code" ? cell.outputs : []));
      await page.evaluate(`(${SHOW_OUTPUTS})(${JSON.stringify(outputs)})`);
      await screenshot(`${lab.slice(0, 2)}-notebook`, true);
      return page.evaluate(ERRORS_SHOWN);
    }

    it(
      "runs all cells from the menu without an error",
      async () => {
        expect(await runAll("01-paging")).toEqual([]);
        expect(pageErrors).toEqual([]);
      },
      RUN_MS,
    );

    it("shows at least one live plot, and no picture that is broken", async () => {
      const plot = page.locator(".js-plotly-plot .main-svg").first();
      await plot.waitFor({ timeout: 20_000 });
      await plot.scrollIntoViewIfNeeded();
      await screenshot("01-plot");
      expect((await plot.boundingBox())?.width).toBeGreaterThan(300);
      const broken = await page.evaluate(BROKEN_PICTURES);
      expect(broken).toEqual([]);
    });

    it("has steppers that go to their end and back", async () => {
      expect(await stepThrough()).toEqual([]);
    });

    it("shows nothing in lab 01 that axe objects to, and every line of code whole", async () => {
      expect(await page.evaluate(CUT_CODE)).toEqual([]);
      expect(await page.evaluate(LETTERS_SHOWN)).toBeGreaterThanOrEqual(96);
      await page.evaluate(AXE);
      expect(await page.evaluate(AXE_VIOLATIONS)).toEqual([]);
    });

    it(
      "follows the learner's file: not written yet, then wrong, then right",
      async () => {
        const { lab } = findLab("01", copy.root);
        const untouched = readFileSync(lab.exercises, "utf8");
        const before = await check("01.1", "01-check-before");
        expect(before).toMatch(/not written yet/i);

        writeFileSync(
          lab.exercises,
          untouched.replace('throw new NotWrittenYet("01.1");', "return 1 as never;"),
        );
        const wrong = await check("01.1", "01-check-wrong");
        expect(wrong).toMatch(/expected|got/i);

        writeFileSync(lab.exercises, readFileSync(lab.master, "utf8"));
        const after = await check("01.1", "01-check-after");
        expect(after).not.toMatch(/not written yet/i);
        expect(after).not.toBe(wrong);
      },
      RUN_MS,
    );

    // From the last lab to the first: outputs.test.ts begins at the other end, so that neither waits for the other.
    for (const { name } of allLabs()
      .filter((lab) => lab.number !== "01")
      .reverse()) {
      it(
        `shows all of ${name} without an error, with pictures and code that are whole, and nothing that axe objects to`,
        async () => {
          expect(await showAll(name)).toEqual([]);
          expect(await page.evaluate(BROKEN_PICTURES)).toEqual([]);
          expect(await stepThrough()).toEqual([]);
          await page.locator(".js-plotly-plot .main-svg").first().waitFor({ timeout: 20_000 });
          expect(await page.evaluate(CUT_CODE)).toEqual([]);
          await page.evaluate(AXE);
          expect(await page.evaluate(AXE_VIOLATIONS)).toEqual([]);
        },
        SHOW_MS,
      );
    }

    /** Goes through each stepper to its end by its button, and back by a key; says what is wrong. */
    async function stepThrough(): Promise<string[]> {
      const problems: string[] = [];
      const boxes = await page.locator(".pagewalk-stepper").all();
      if (boxes.length < 2) problems.push(`there are ${boxes.length} steppers`);
      for (const [i, box] of boxes.entries()) {
        const last = await box.getByRole("slider").getAttribute("max");
        const caption = () => box.locator('[aria-live="polite"]').innerText();
        const shown = new Set<string | null>();
        for (let step = 1; step <= Number(last); step++) {
          shown.add(await box.locator("img").getAttribute("src"));
          if (step < Number(last)) await box.getByLabel("Next step").click();
        }
        if (!(await caption()).startsWith(`step ${last} of ${last}`))
          problems.push(`${i}: ends at ${await caption()}`);
        if (shown.size !== Number(last)) problems.push(`${i}: only ${shown.size} of ${last} pictures differ`);
        await page.keyboard.press("Home");
        if (!(await caption()).startsWith(`step 1 of ${last}`))
          problems.push(`${i}: begins at ${await caption()}`);
      }
      return problems;
    }

    /** Runs the cell that checks an exercise, takes its picture, and returns the text of the table that it shows. */
    async function check(task: string, name: string): Promise<string> {
      const number = (await page.evaluate(runCheckCell(task))) as number;
      expect(number, `a cell with check("${task}")`).toBeGreaterThanOrEqual(0);
      await page.waitForFunction(ALL_CELLS_HAVE_RUN, undefined, { timeout: RUN_MS });
      const cell = page.locator(".cell").nth(number);
      const output = cell.locator(".output_area").last();
      await cell.screenshot({ path: inRepository(".pagewalk", "screenshots", `${name}.png`) });
      expect(await output.locator("table").count(), "tables in the result").toBeGreaterThan(0);
      return output.innerText();
    }
  },
);
