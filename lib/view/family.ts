/**
 * Families of processes as plain data: who descends from whom, which frames each has, and what the kernel's books say of them.
 *
 *    process --familyOf()--> ProcessNode            drawProcesses({ title, root: familyOf(process, range) })
 *    process --pageBooks()--> rows                  table(pageBooks(process, range), { caption })
 *
 * Looking changes nothing. Read first: mm_data.ts, draw_processes.ts.
 */

import { checkArguments } from "../hw/signature.js";
import { Process } from "../kernel/process.js";
import type { Task } from "../kernel/task.js";
import { type Folio, pageFolio, pageMapcount, pfnToPage } from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { pteDirty, ptePfn, ptePresent, pteWrite } from "../mm/pgtable/pgtable.js";
import type { ProcessNode } from "./draw_processes.js";
import { ownersOf, type ShownRange } from "./mm_data.js";

function nodeOf(task: Task, range: ShownRange): ProcessNode {
  const { mm } = task;
  const children = [...task.children].map((child) => nodeOf(child, range));
  const node = { pid: task.pid, name: task.comm, children };
  if (mm === undefined) return { ...node, note: "exited" };
  return { ...node, pfns: ownersOf({ [task.comm]: mm }, range)[0]!.pages.map((page) => page.pfn) };
}

/** `process`, its children and theirs, with the frames that each maps in `range`, for drawProcesses(). Not in Linux. */
export function familyOf(process: Process, range: ShownRange = {}): ProcessNode {
  checkArguments("familyOf()", { process: Process, range: { start: "integer", end: "integer" } }, [
    process,
    range,
  ]);
  return nodeOf(process.task, range);
}

/** What the kernel knows of one page of a process. */
export interface PageBook {
  readonly va: number;
  readonly pfn: number;
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

/** The pages that `process` has in `range`, lowest address first. Not in Linux: see /proc/PID/pagemap and /proc/kpagecount. */
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
