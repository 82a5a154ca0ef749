import { describe, expect, it } from "vitest";
import { Random } from "../../lib/hw/random.js";
import { anonVmaPrepare } from "../../lib/mm/fault/anon_vma.js";
import { folioAddNewAnonRmap, folioRemoveRmapPtes } from "../../lib/mm/fault/rmap.js";
import {
  doWpPage,
  vmNormalPage,
  wpCanReuseAnonFolio,
  wpPageCopy,
  wpPageReuse,
} from "../../lib/mm/fault/wp.js";
import { mmCounterFile } from "../../lib/mm/lru/mm_inline.js";
import { folioAddLruVma } from "../../lib/mm/lru/swap.js";
import { addMmCounter, MM_ANONPAGES, VM_SHARED, type VmAreaStruct } from "../../lib/mm/mm_types.js";
import { folioTestAnon } from "../../lib/mm/pages/folio.js";
import { folioPut } from "../../lib/mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../lib/mm/pages/gfp.js";
import { allocPages } from "../../lib/mm/pages/page_alloc.js";
import type { MmParts } from "../../lib/mm/parts.js";
import { maybeMkwrite, pfnPte, pteMkdirty, setPte, vmaPageProt } from "../../lib/mm/pgtable/pgtable.js";
import { PGREUSE } from "../../lib/mm/vmstat.js";
import { asScript, HUNGRY_KINDS, type Operation, randomOperations, shortest } from "./operations.js";
import { World, type WorldOptions } from "./world.js";

/** Worlds; more by hand: PAGEWALK_WORLDS=52 makes 104,000 operations. */
const RUNS = Number(process.env.PAGEWALK_WORLDS ?? 26);
const STEPS = 2000;
const CHECK_EVERY = 200;

/** Runs the steps; why they fail, or undefined. */
function failure(
  ops: readonly Operation[],
  options: WorldOptions = {},
  every = CHECK_EVERY,
): string | undefined {
  try {
    const world = new World(options);
    ops.forEach((op, i) => {
      world.run(op);
      if (i % every === every - 1) world.check();
    });
    world.finish();
    return undefined;
  } catch (error) {
    return String((error as Error).message);
  }
}

/** Fails with the shortest script on which the machine and the model part. */
function expectRight(ops: readonly Operation[], options: WorldOptions = {}): void {
  const why = failure(ops, options);
  if (why === undefined) return;
  const script = shortest(ops, (part) => failure(part, options, 1) !== undefined);
  throw new Error(`${failure(script, options, 1) ?? why}\nshortest script:\n${asScript(script)}`);
}

describe("random operations of up to 16 processes on memory and files", () => {
  it(`show every process its own bytes, keep every count, and lose no page (${RUNS * STEPS} operations)`, () => {
    for (let seed = 1; seed <= RUNS; seed++) expectRight(randomOperations(new Random(seed), STEPS));
  }, 300_000);
});

/** Few pages and only what copy-on-write needs, so that processes meet. */
function cowOperations(seed: number): Operation[] {
  const kinds = ["store", "store", "store", "load", "load", "load", "fork", "exit", "dontneed"];
  return randomOperations(new Random(seed), 200, kinds).map((op) => ({
    ...op,
    page: [0, 1, 14, 56][op.page % 4]!,
    length: 4,
  }));
}

function isPrivate(vma: VmAreaStruct): boolean {
  return (vma.vmFlags & VM_SHARED) === 0;
}

/** Copies also what is ours alone. */
const alwaysCopies: MmParts["doWpPage"] = (vmf) => {
  if (!isPrivate(vmf.vma)) return doWpPage(vmf);
  vmf.page = vmNormalPage(vmf.vma, vmf.origPte);
  if (vmf.page !== undefined) vmf.page.head.refcount++;
  return wpPageCopy(vmf, vmf.page?.head);
};

/** Makes the entry writable, whoever else maps the page. */
const neverCopies: MmParts["doWpPage"] = (vmf) => (isPrivate(vmf.vma) ? wpPageReuse(vmf) : doWpPage(vmf));

/** Copies, but no TLB hears of it: a CPU that had read the old page reads on there. */
const forgetsFlush: MmParts["doWpPage"] = (vmf) => {
  const { vma, origPte } = vmf;
  const { sys } = vma.vmMm;
  const page = vmNormalPage(vma, origPte);
  if (!isPrivate(vma) || page === undefined || page.anonExclusive) return doWpPage(vmf);
  const old = page.head;
  if (folioTestAnon(old) && wpCanReuseAnonFolio(old, vma)) return doWpPage(vmf);
  const fresh = allocPages(sys, GFP_HIGHUSER_MOVABLE)!;
  sys.ram.copyFrame(fresh.pfn, page.pfn);
  anonVmaPrepare(vma);
  if (!folioTestAnon(old)) {
    addMmCounter(vma.vmMm, mmCounterFile(old), -1);
    addMmCounter(vma.vmMm, MM_ANONPAGES, 1);
  }
  folioAddNewAnonRmap(fresh, vma, vmf.address, true);
  folioAddLruVma(fresh, vma);
  setPte(sys.ram, vmf.ptep, maybeMkwrite(pteMkdirty(pfnPte(fresh.pfn, vmaPageProt(vma))), vma));
  folioRemoveRmapPtes(old, page, 1, vma);
  folioPut(sys, old);
  return 0;
};

/** Copies, but keeps a hold of the old page. */
const forgetsRefcount: MmParts["doWpPage"] = (vmf) => {
  const page = vmNormalPage(vmf.vma, vmf.origPte);
  const ret = doWpPage(vmf);
  if (isPrivate(vmf.vma) && page !== undefined && page.refcount > 0 && !page.anonExclusive)
    page.head.refcount++;
  return ret;
};

/** Runs the steps on a machine with this part and on Linux's: whether one reuses a page that the other copies. */
function partsFromLinux(ops: readonly Operation[], part: MmParts["doWpPage"]): string | undefined {
  const worlds = [new World({ parts: { doWpPage: part } }), new World()];
  for (const op of ops) {
    for (const world of worlds) world.run(op);
    const [found, expected] = worlds.map((world) => world.kernel.sys.vmStat.events[PGREUSE]!);
    if (found !== expected) return `pgreuse is ${found}, with Linux's part ${expected}`;
  }
  return undefined;
}

/** The shortest script that shows that `part` is wrong, and what it shows. */
function shownWrong(part: MmParts["doWpPage"]): { script: Operation[]; why: string | undefined } {
  const fails = (ops: readonly Operation[]): string | undefined =>
    failure(ops, { parts: { doWpPage: part } }, 1) ?? partsFromLinux(ops, part);
  for (let seed = 1; seed <= 20; seed++) {
    const ops = cowOperations(seed);
    if (fails(ops) === undefined) continue;
    const script = shortest(ops, (some) => fails(some) !== undefined);
    return { script, why: fails(script) };
  }
  return { script: [], why: undefined };
}

describe("a wrong doWpPage is shown by a shortest script", () => {
  const steps = (script: readonly Operation[]): string[] => script.map((op) => op.kind);

  it("when it always copies: a page that is ours alone is not reused", () => {
    const { script, why } = shownWrong(alwaysCopies);
    expect(why).toMatch(/pgreuse is 0, with Linux's part 1/);
    // The other has given the page up: it has ended, or has a copy of its own.
    expect(steps(script).join(" "), asScript(script)).toMatch(/^store fork (exit|store) store$/);
  });

  it("when it never copies: two processes write the same page, or all write the zero page", () => {
    const { script, why } = shownWrong(neverCopies);
    expect(why).toMatch(/writable|expected|not the zero page/);
    expect(script.length, asScript(script)).toBeLessThanOrEqual(3);
    expect(steps(script).at(-1), asScript(script)).toBe("store");
  });

  it("when it forgets the flush: another CPU reads the old page", () => {
    const { script, why } = shownWrong(forgetsFlush);
    expect(why).toMatch(/expected/);
    expect(steps(script).slice(-3), asScript(script)).toEqual(["load", "store", "load"]);
    expect(new Set(script.slice(-3).map((op) => op.cpu)).size).toBe(2);
  });

  it("when it forgets a reference: the old page is never free again", () => {
    const { script, why } = shownWrong(forgetsRefcount);
    expect(why).toMatch(/refcount \d+, \d+ holders are known/);
    expect(script.length, asScript(script)).toBeLessThanOrEqual(3);
  });
});

/** Worlds of each kind that run out of memory, and the first seed; more by hand: PAGEWALK_WORLDS=5000. */
const WORLDS = Number(process.env.PAGEWALK_WORLDS ?? 40);
const FIRST_SEED = Number(process.env.PAGEWALK_SEED ?? 1);

/** Runs the steps with little memory, checks all after each step that got none; how many those were. */
function runShort(ops: readonly Operation[], options: WorldOptions, before: (world: World) => void): number {
  const world = new World(options);
  let short = 0;
  for (const [i, op] of ops.entries()) {
    before(world);
    try {
      world.run(op);
      if (!world.wasShort) continue;
      short++;
      world.check();
      world.checkPresentBytes();
    } catch (error) {
      throw new Error(`step ${i}, ${asScript([op])}: ${(error as Error).message}`, { cause: error });
    }
  }
  world.finish();
  return short;
}

describe("without memory every call ends, and what it left undone is consistent", () => {
  it("when 0 to 40 frames are free as the call begins", () => {
    let short = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const random = new Random(2000 + seed);
      const ops = randomOperations(random, 100, seed % 2 === 0 ? undefined : HUNGRY_KINDS);
      const free = (): number => random.below(random.chance(50) ? 4 : 41);
      short += runShort(ops, {}, (world) => world.leaveFree(free()));
    }
    expect(short).toBeGreaterThan(WORLDS);
  }, 3_600_000);

  it("when each allocation fails with probability p", () => {
    let short = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + WORLDS; seed++) {
      const random = new Random(1000 + seed);
      const percent = [1, 2, 5, 10, 25, 50, 90][seed % 7]!;
      const ops = randomOperations(random, 100, seed % 2 === 0 ? undefined : HUNGRY_KINDS);
      short += runShort(ops, { fails: () => random.chance(percent) }, () => {});
    }
    expect(short).toBeGreaterThan(WORLDS);
  }, 3_600_000);
});
