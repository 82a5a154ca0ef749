/**
 * Steppers in a real browser: buttons, slider and keys, several in one page, light and dark, and what is left without scripts.
 *
 * Needs Chromium; without it the tests are skipped, unless PAGEWALK_REQUIRE_BROWSER is set, as .ci/run does. With
 * PAGEWALK_FIGURES=1 each step is saved below .pagewalk/screenshots/steppers/: look at them.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "../../lib/course/commands/doctor.js";
import { inRepository } from "../../lib/course/paths.js";
import { boot } from "../../lib/kernel/machine.js";
import { drawOwners } from "../../lib/view/draw_owners.js";
import { drawTlb } from "../../lib/view/draw_tlb.js";
import { sharersOf } from "../../lib/view/family.js";
import { ownersOf, tlbSets } from "../../lib/view/mm_data.js";
import { record } from "../../lib/view/record.js";
import { stepCache } from "../../lib/view/step_cache.js";
import { stepFault } from "../../lib/view/step_fault.js";
import { stepOwners } from "../../lib/view/step_owners.js";
import { stepShares } from "../../lib/view/step_shares.js";
import { stepTables } from "../../lib/view/step_tables.js";
import { stepTlb } from "../../lib/view/step_tlb.js";
import { stepWalk } from "../../lib/view/step_walk.js";
import { stepper } from "../../lib/view/stepper.js";
import { CONTRAST_PROBLEMS, TEXT_PROBLEMS } from "./text_boxes.js";
import { THEMES } from "./themes.js";

const browserPath = findChromium();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const save = process.env.PAGEWALK_FIGURES !== undefined;

function tlbInUse() {
  const machine = boot({ ram: "1 MiB", tlb: "tiny" });
  const table = machine.newPageTable("alice");
  table.mapNew(0x40_0000, 8, { user: true, writable: true });
  const cpu = machine.switchMm(table);
  cpu.cpl = 3;
  const pages = [0x400, 0x401, 0x402, 0x403, 0x400, 0x404, 0x402];
  const used = record(machine, () => pages.forEach((page) => void cpu.load(page * 4096, 8)), {
    events: ["mmu:access"],
    capture: () => tlbSets(cpu.mmu.l1d[1]!),
  });
  return { used: stepper(used, (sets) => drawTlb({ title: "First level", sets })), machine };
}

function forkAndWrites() {
  const machine = boot({ ram: "16 MiB" });
  const alice = machine.spawn("alice");
  const at = alice.mmap("16 KiB");
  alice.touch(at, "16 KiB");
  const act = () => {
    const bob = alice.fork("bob");
    alice.store(at, 1, 7);
    bob.store(at, 1, 8);
    bob.exit();
  };
  const events = ["pagewalk:*", "do_wp_page()"];
  const forked = record(machine, act, { events, capture: () => ownersOf(sharersOf(alice)) });
  return stepper(forked, (owners) => drawOwners({ title: "Who maps which frame", owners }));
}

function tables() {
  const table = boot({ ram: "1 MiB" }).newPageTable("growing");
  return stepTables(table, {
    "a page is mapped": () => table.mapNew(0x40_0000),
    "its neighbour": () => table.mapNew(0x40_1000),
    "the other end": () => table.mapNew(0x7fff_ffff_f000),
    "it is unmapped again": () => table.unmap(0x7fff_ffff_f000),
  });
}

function switches() {
  const machine = boot({ ram: "16 MiB", tlb: "tiny", pcid: false });
  const both = [machine.spawn("alice"), machine.spawn("bob")];
  const places = both.map((process) => process.mmap("8 KiB"));
  const round = () => both.forEach((process, i) => void process.touch(places[i]!, "8 KiB"));
  round();
  return stepTlb(machine, round);
}

function fault() {
  const machine = boot({ ram: "16 MiB" });
  const bob = machine.spawn("bob");
  const at = bob.mmap("8 KiB");
  return stepFault(machine, () => bob.store(at, 1, 42));
}

function cache() {
  const machine = boot({ ram: "16 MiB" });
  machine.kernel.sys.readAheadPages = 32;
  machine.kernel.files.writeFile("/data/book", new Uint8Array(40 * 4096));
  const reader = machine.spawn("reader");
  const fd = reader.open("/data/book");
  reader.dropCache(fd);
  const va = reader.mmap(40 * 4096, { fd, prot: "r", at: 0x5000_0000, fixed: true });
  return stepCache(machine, "/data/book", () => void reader.load(va + 20 * 4096));
}

function family() {
  const machine = boot({ ram: "16 MiB" });
  const [one, two] = [machine.spawn("alice"), machine.spawn("P")];
  const [a, b] = [one.mmap("8 KiB"), two.mmap("8 KiB")];
  one.touch(a, "8 KiB");
  two.touch(b, "8 KiB");
  const owners = stepOwners(machine, one, () => {
    const bob = one.fork("bob");
    one.store(a, 1, 7);
    bob.exit();
  });
  let child = two;
  const shares = stepShares(two, {
    "P forks C": () => {
      child = two.fork("C");
    },
    "C forks D": () => child.fork("D"),
    "C exits": () => child.exit(),
  });
  return { owners, shares };
}

const { used, machine } = tlbInUse();
const STEPPERS = {
  ...{ tlb: used, walk: stepWalk(machine.explain(0x40_1abc)), fork: forkAndWrites() },
  ...{ tables: tables(), switches: switches(), fault: fault(), cache: cache(), ...family() },
};
const HTML = Object.values(STEPPERS).map((one) => one.html);

/** Puts outputs into the page as Jupyter does: scripts run when they are inserted. */
const ADD = `(all) => all.forEach((html) => {
  const area = document.createElement("div");
  area.className = "output_area";
  area.append(document.createRange().createContextualFragment(html));
  document.querySelector("main").append(area);
})`;
const SHOWN_SVG = `decodeURIComponent(document.querySelector('[role="group"] img').src.split(",").slice(1).join(","))`;

it("has Chromium, where it is required", () => {
  const required = process.env.PAGEWALK_REQUIRE_BROWSER !== undefined;
  expect(required && browserPath === undefined ? "Chromium is not installed" : "").toBe("");
});

describe.skipIf(browserPath === undefined)("steppers in a browser", () => {
  let browser: Browser;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: browserPath!,
      args: ["--no-sandbox", "--disable-gpu"],
    });
    page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    page.on("pageerror", (error) => errors.push(error.message));
  }, 60_000);
  afterAll(() => browser?.close());

  async function open(theme = THEMES[1]!): Promise<Locator> {
    await page.setContent(theme.page("<main><h1>Steppers</h1></main>"));
    await page.evaluate(`(${ADD})(${JSON.stringify(HTML)})`);
    await page
      .locator('[data-live="yes"]')
      .nth(HTML.length - 1)
      .waitFor();
    return page.locator('[data-live="yes"]');
  }
  const captionOf = (box: Locator) => box.locator('[aria-live="polite"]').innerText();

  it("go on and back by their buttons, and stop at both ends", async () => {
    const box = (await open()).first();
    const [back, next] = [box.getByLabel("Previous step"), box.getByLabel("Next step")];
    expect(await captionOf(box)).toBe("step 1 of 8: before");
    expect(await back.getAttribute("aria-disabled")).toBe("true");
    await back.click({ force: true });
    expect(await captionOf(box)).toBe("step 1 of 8: before");
    await next.click();
    await next.click();
    expect(await captionOf(box)).toBe("step 3 of 8: user read 0x401000: a walk of 4 entries");
    const image = box.locator("img");
    expect(await image.getAttribute("alt")).toContain("New: 0x401→0x6");
    expect(await image.getAttribute("aria-label")).toBe(await image.getAttribute("alt"));
    expect(await page.evaluate(SHOWN_SVG)).toMatch(/fill="none"[^>]*stroke-width="3"/);
    await back.click();
    expect(await captionOf(box)).toMatch(/^step 2 of 8/);
    expect(await captionOf((await page.locator('[data-live="yes"]').all())[1]!)).toMatch(/^step 1 of 5/);
    expect(errors).toEqual([]);
  });

  it("obey the keys when they have the focus, and keep those from the notebook", async () => {
    const box = (await open()).first();
    await page.evaluate(
      "window.heard = []; document.addEventListener('keydown', (e) => window.heard.push(e.key))",
    );
    await box.getByRole("group").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await captionOf(box)).toMatch(/^step 3 of 8/);
    await page.keyboard.press("ArrowLeft");
    expect(await captionOf(box)).toMatch(/^step 2 of 8/);
    await page.keyboard.press("End");
    expect(await captionOf(box)).toMatch(/^step 8 of 8/);
    await page.keyboard.press("Home");
    expect(await captionOf(box)).toMatch(/^step 1 of 8/);
    await page.keyboard.press("b");
    expect(await page.evaluate("window.heard")).toEqual(["b"]);
  });

  it("follow their slider, which says in words where it stands", async () => {
    const box = (await open()).first();
    const slider = box.getByRole("slider");
    await slider.fill("6");
    expect(await captionOf(box)).toMatch(/^step 6 of 8/);
    expect(await slider.getAttribute("aria-valuetext")).toBe(await captionOf(box));
    await slider.focus();
    await page.keyboard.press("ArrowRight");
    expect(await captionOf(box)).toMatch(/^step 7 of 8/);
    const { x, y, height } = (await slider.boundingBox())!;
    await page.mouse.click(x + 2, y + height / 2);
    expect(await captionOf(box)).toMatch(/^step 1 of 8/);
  });

  it("never move: every step has the size of the others", async () => {
    const box = (await open()).nth(2);
    const heights = new Set<number>();
    for (let step = 0; step < STEPPERS.fork.length; step++) {
      heights.add((await box.boundingBox())!.height);
      await box.getByLabel("Next step").click({ force: true });
    }
    expect(heights.size).toBe(1);
  });

  it.each(THEMES)(
    "have no violation that axe knows in $name, and pictures in its colours",
    async (theme) => {
      const boxes = await open(theme);
      for (const box of await boxes.all()) await box.getByLabel("Next step").click();
      await page.waitForTimeout(500);
      await page.evaluate(AXE);
      const found = await page.evaluate(
        `axe.run(".output_area").then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0].html))`,
      );
      expect(found).toEqual([]);
      const schemes = await page.$$eval("img.pagewalk-picture", (all) =>
        all.map((img) => img.style.colorScheme),
      );
      expect(new Set(schemes)).toEqual(new Set([theme.dark ? "dark" : "light"]));
      if (!save) return;
      const folder = inRepository(".pagewalk", "screenshots", "steppers", theme.name);
      mkdirSync(folder, { recursive: true });
      for (const [i, [name, { length }]] of Object.entries(STEPPERS).entries())
        for (let step = 1; step <= length; step++) {
          await boxes.nth(i).getByRole("slider").fill(String(step));
          await boxes.nth(i).screenshot({ path: `${folder}/${name}-${step}.png` });
        }
    },
    60_000,
  );

  it("show two pictures where scripts do not run", async () => {
    const quiet = await browser.newContext({ javaScriptEnabled: false });
    const still = await quiet.newPage();
    await still.setContent(THEMES[1]!.page(HTML[0]!));
    expect(await still.locator("img").count()).toBe(2);
    expect(await still.locator("button").count()).toBe(0);
    expect(await still.locator("img").last().getAttribute("alt")).toMatch(/^step 8 of 8/);
    await quiet.close();
  });

  it.each(["light", "dark"] as const)(
    "have texts in every step that are whole and can be read, in %s colours",
    async (scheme) => {
      await page.emulateMedia({ colorScheme: scheme });
      const problems: string[] = [];
      for (const [name, shown] of Object.entries(STEPPERS))
        for (let step = 1; step <= shown.length; step++) {
          await page.setContent(`<body style="margin:0">${shown.at(step).svg}`);
          const look = `[...(${TEXT_PROBLEMS})(document.querySelector("svg"), true), ...(${CONTRAST_PROBLEMS})(document.querySelector("svg"))]`;
          problems.push(
            ...((await page.evaluate(look)) as string[]).map((what) => `${name} ${step}: ${what}`),
          );
        }
      await page.emulateMedia({ colorScheme: "light" });
      expect(problems).toEqual([]);
    },
    60_000,
  );
});
