/**
 * Test bench of lab 04.5: a family's script, carried out on the machine, told as the exercise tells it.
 *
 * Not in Linux: a helper of the course. Read first: fork.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import type { Random } from "../../hw/random.js";
import { boot, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { pageMapcount, pfnToPage } from "../../mm/pages/folio.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import { pteDirty, ptePfn, ptePresent } from "../../mm/pgtable/pgtable.js";
import { PGREUSE } from "../../mm/vmstat.js";
import { pidSmapsRollup } from "../../procfs/smaps.js";

/** One step, as in the exercise. */
export interface ScriptStep {
  op: "write" | "fork" | "exit";
  who: string;
  page?: number;
  child?: string;
}

/** What the machine says, as in the exercise. */
interface ScriptResult {
  owners: Record<number, string[][]>;
  frames: number;
  copies: number;
  reuses: number;
}

const BASE = 0x1000_0000_0000;
const NR_PAGES = 4;

/** A random script of `length` steps that fits together. */
export function randomScript(random: Random, length: number): ScriptStep[] {
  const alive = ["P"];
  let born = 0;
  const steps: ScriptStep[] = [];
  while (steps.length < length) {
    const who = random.pick(alive);
    const kind = random.below(10);
    if (kind < 3 && alive.length < 5) {
      const child = `C${++born}`;
      alive.push(child);
      steps.push({ op: "fork", who, child });
    } else if (kind === 3 && alive.length > 1) {
      alive.splice(alive.indexOf(who), 1);
      steps.push({ op: "exit", who });
    } else steps.push({ op: "write", who, page: random.below(NR_PAGES) });
  }
  return steps;
}

/** A step in words. */
export function stepText({ op, who, page, child }: ScriptStep): string {
  if (op === "write") return `${who} writes page ${page}`;
  return op === "fork" ? `${who} forks ${child}` : `${who} exits`;
}

/** A script without step `at` and what depends on it; undefined when nothing is left. */
export function withoutStep(steps: readonly ScriptStep[], at: number): ScriptStep[] {
  const gone = new Set<string>();
  return steps.filter((step, i) => {
    const drop = i === at || gone.has(step.who);
    if (drop && step.child !== undefined) gone.add(step.child);
    return !drop;
  });
}

function entriesOf(process: Process): { page: number; pte: number }[] {
  const entries: { page: number; pte: number }[] = [];
  walkPageRange(process.mm, BASE, BASE + NR_PAGES * PAGE_SIZE, {
    pteEntry(pte, addr) {
      if (ptePresent(pte)) entries.push({ page: (addr - BASE) / PAGE_SIZE, pte });
    },
  });
  return entries;
}

/** Carries the script out on a machine. */
export function runScript(
  steps: readonly ScriptStep[],
  parts: Partial<MachineParts> = {},
): { result: ScriptResult; family: Map<string, Process> } {
  const machine = boot({ ram: "1 MiB", parts });
  const { sys } = machine.kernel;
  const first = machine.spawn("P");
  first.mmap(NR_PAGES * PAGE_SIZE, { at: BASE, fixed: true });
  const family = new Map([["P", first]]);
  const result: ScriptResult = { owners: {}, frames: 0, copies: 0, reuses: 0 };
  for (const { op, who, page = 0, child = "" } of steps) {
    const process = family.get(who)!;
    if (op === "fork") family.set(child, process.fork(child));
    else if (op === "exit") {
      family.delete(who);
      process.exit();
    } else {
      const fresh = !entriesOf(process).some((entry) => entry.page === page);
      const [faults, reuses] = [process.getrusage().minFlt, sys.vmStat.events[PGREUSE]!];
      process.store(BASE + page * PAGE_SIZE, 1, 1);
      const reused = sys.vmStat.events[PGREUSE]! - reuses;
      result.reuses += reused;
      if (!fresh) result.copies += process.getrusage().minFlt - faults - reused;
    }
  }
  const frames = new Map<number, string[]>();
  for (const [name, process] of family)
    for (const { page, pte } of entriesOf(process)) {
      const group = frames.get(ptePfn(pte));
      if (group !== undefined) group.push(name);
      else {
        frames.set(ptePfn(pte), [name]);
        result.owners[page] = [...(result.owners[page] ?? []), frames.get(ptePfn(pte))!];
      }
    }
  result.frames = frames.size;
  return { result, family };
}

/** What the kernel finds behind each present entry of `process`. */
export function mappedPages(process: Process): { mapcount: number; dirty: boolean }[] {
  const { sys } = process.kernel;
  return entriesOf(process).map(({ pte }) => {
    const pfn = ptePfn(pte);
    if (pfn === sys.zeroPfn) return { mapcount: 0, dirty: false };
    return { mapcount: pageMapcount(pfnToPage(sys, pfn)), dirty: pteDirty(pte) };
  });
}

/** The same six lines of smaps_rollup. */
export function rollupOf(process: Process): Record<string, number> {
  const names = ["Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty"];
  const text = pidSmapsRollup(process.mm);
  return Object.fromEntries(
    names.map((name) => [name, Number(new RegExp(`^${name}: +(\\d+) kB`, "m").exec(text)?.[1])]),
  );
}
