/**
 * Families of processes as plain data: who descends from whom, which frames each has, and what the kernel's
 * books say of them.
 *
 *    process --familyOf()--> ProcessNode            drawProcesses({ title, root: familyOf(process, range) })
 *    process --pageBooks()--> rows                  table(pageBooks(process, range), { caption })
 *    process --sharersOf()--> mms by name           ownersOf(sharersOf(process)): also those of a fork that is half done
 *
 * Looking changes nothing. Read first: mm_data.ts, draw_processes.ts.
 */

import type { Pfn, Vaddr } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Process } from "../kernel/process.js";
import type { Task } from "../kernel/task.js";
import type { MmStruct } from "../mm/mm_types.js";
import { type Folio, pageFolio, pageMapcount, pfnToPage } from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { pteDirty, ptePfn, ptePresent, pteWrite } from "../mm/pgtable/pgtable.js";
import type { ProcessNode } from "./draw_processes.js";
import { type NamedMms, ownersOf, type ShownRange } from "./mm_data.js";

/** What an address space is called whose process has not come yet, or has just let go of it. */
export const UNNAMED = "the child";

function nodeOf(task: Task, range: ShownRange): ProcessNode {
  const { mm } = task;
  const children = [...task.children].map((child) => nodeOf(child, range));
  const node = { pid: task.pid, name: task.comm, children };
  if (mm === undefined) return { ...node, note: "exited" };
  return { ...node, pfns: ownersOf({ [task.comm]: mm }, range)[0]!.pages.map((page) => page.pfn) };
}

/**
 * `process`, its children and theirs, with the frames that each maps in `range`, for drawProcesses().
 * Not in Linux.
 */
export function familyOf(process: Process, range: ShownRange = {}): ProcessNode {
  checkArguments("familyOf()", { process: Process, range: { start: "integer", end: "integer" } }, [
    process,
    range,
  ]);
  return nodeOf(process.task, range);
}

/**
 * The address spaces that may map anonymous pages of `process`, by the names of their processes: its own, and
 * those of its ancestors and descendants. They are found as the kernel finds them, through the AnonVmas, so
 * the child of a fork that is half done is among them, as "the child": it has no process yet.
 * Linux mm/rmap.c:rmap_walk_anon() goes the same way.
 */
export function sharersOf(process: Process): NamedMms {
  checkArguments("sharersOf()", { process: Process }, [process]);
  const names = new Map<MmStruct, string>();
  for (const { mm, comm } of process.kernel.tasks.values())
    if (mm !== undefined && !names.has(mm)) names.set(mm, comm);
  const found = new Set<MmStruct>([process.mm]);
  for (const vma of process.mm.mmMt)
    for (const { anonVma } of vma.anonVmaChain) for (const avc of anonVma.rbRoot) found.add(avc.vma.vmMm);
  return Object.fromEntries([...found].map((mm) => [names.get(mm) ?? UNNAMED, mm]));
}

/** What the kernel knows of one page of a process. */
export interface PageBook {
  readonly va: Vaddr;
  readonly pfn: Pfn;
  readonly rights: "writable" | "read-only";
  readonly dirty: boolean;
  /** How many entries map the page. */
  readonly mapcount: number;
  /** How many hold it: entries, the page cache, batches on the way to an LRU list. */
  readonly refcount: number;
  /** PageAnonExclusive. */
  readonly exclusive: boolean;
  /** Its first byte. */
  readonly byte: number;
}

/**
 * The pages that `process` has in `range`, lowest address first. Not in Linux: see /proc/PID/pagemap and
 * /proc/kpagecount.
 */
export function pageBooks(process: Process, range: ShownRange = {}): PageBook[] {
  checkArguments("pageBooks()", { process: Process, range: { start: "integer", end: "integer" } }, [
    process,
    range,
  ]);
  const { sys } = process.kernel;
  const books: PageBook[] = [];
  const start = range.start ?? 0;
  walkPageRange(process.mm, start, range.end ?? process.mm.taskSize, {
    pteEntry(pte, va) {
      if (!ptePresent(pte)) return;
      const page = pfnToPage(sys, ptePfn(pte));
      const folio: Folio = pageFolio(page);
      books.push({
        va,
        pfn: page.pfn,
        rights: pteWrite(pte) ? "writable" : "read-only",
        dirty: pteDirty(pte),
        mapcount: pageMapcount(page),
        refcount: folio.refcount,
        exclusive: page.anonExclusive,
        byte: sys.ram.frame(page.pfn)[0]!,
      });
    },
  });
  return books;
}
