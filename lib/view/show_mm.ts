/**
 * showMm: an address space as one small table, a row for each mapping: where, what stands behind it, what its
 * entries hold.
 *
 *    range                     pages  perm  backing            entries
 *    100000000000-100000010000    16  rw-p  anonymous          0-7 write 1a0-1a7, 8-15 zero page
 *    100040000000-100040004000     4  r--s  /mnt/f, page 2     0 read 2c1 (2 maps), 1-3 empty
 *
 * Entries are grouped into runs: what the entry lets the process do (read, write, no access), whether it was
 * written (dirty), which frames it names in hexadecimal, and by how many entries they are mapped when not by
 * one. Notebooks show it, and tests put its text into their messages, so that a failure and a lesson speak
 * about the same picture.
 *
 * Read first: table.ts, mm/pgtable/pagewalk.ts.
 */

import type { Pfn } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import type { Pte } from "../hw/entry.js";
import { checkArguments } from "../hw/signature.js";
import { MmStruct, type VmAreaStruct } from "../mm/mm_types.js";
import { folioTestAnon, pageFolio, pageMapcount, pfnToPage } from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import {
  pmdLeaf,
  pteDirty,
  ptePfn,
  ptePresent,
  pteProtnone,
  pteSpecial,
  pteWrite,
} from "../mm/pgtable/pgtable.js";
import { isGuardPte, isPteMarker, pteToSwpEntry, swpOffset } from "../mm/pgtable/swapops.js";
import { getVmaName, vmaPerm } from "../procfs/task_mmu.js";
import { Table } from "./table.js";

/** Runs of entries shown for one mapping; what comes after them is only counted. */
const MAX_RUNS = 6;

/** Entries that follow each other and say the same. */
interface EntryRun {
  first: number;
  last: number;
  what: string;
  /** First frame; -1 where there is none. */
  pfn: Pfn;
}

function entryText(mm: MmStruct, pte: Pte): { what: string; pfn: Pfn } {
  if (!ptePresent(pte)) {
    if (isGuardPte(pte)) return { what: "guard", pfn: -1 };
    return { what: isPteMarker(pte) ? "marker" : `swap ${swpOffset(pteToSwpEntry(pte))}`, pfn: -1 };
  }
  if (pteSpecial(pte)) return { what: "zero page", pfn: -1 };
  const pfn = ptePfn(pte);
  const page = pfnToPage(mm.sys, pfn);
  const rights = pteProtnone(pte) ? "no access" : pteWrite(pte) ? "write" : "read";
  const kind = folioTestAnon(pageFolio(page)) ? "" : " file";
  const dirty = pteDirty(pte) ? " dirty" : "";
  const maps = pageMapcount(page);
  return { what: `${rights}${dirty}${kind}${maps === 1 ? "" : ` (${maps} maps)`}`, pfn };
}

/** The runs of entries of `vma`, empty ones left out; pages count from its start. Not in Linux. */
export function entryRuns(vma: VmAreaStruct): EntryRun[] {
  const runs: EntryRun[] = [];
  const add = (page: number, nr: number, what: string, pfn: Pfn): void => {
    const run = runs[runs.length - 1];
    const follows = run !== undefined && run.last + 1 === page && run.what === what;
    if (follows && (pfn < 0 || pfn === run.pfn + page - run.first)) run.last = page + nr - 1;
    else runs.push({ first: page, last: page + nr - 1, what, pfn });
  };
  const { vmMm } = vma;
  walkPageRange(vmMm, vma.vmStart, vma.vmEnd, {
    pteEntry(pte, addr) {
      const { what, pfn } = entryText(vmMm, pte);
      add((addr - vma.vmStart) / PAGE_SIZE, 1, what, pfn);
    },
    pmdEntry(pmd, addr) {
      if (!pmdLeaf(pmd)) return;
      const { what, pfn } = entryText(vmMm, pmd);
      add((addr - vma.vmStart) / PAGE_SIZE, 512, `huge ${what}`, pfn);
    },
  });
  return runs;
}

function runText(run: EntryRun): string {
  const pages = run.first === run.last ? `${run.first}` : `${run.first}-${run.last}`;
  const lastPfn = run.pfn + run.last - run.first;
  const frames =
    run.pfn < 0 ? "" : run.pfn === lastPfn ? ` ${hexOf(run.pfn)}` : ` ${hexOf(run.pfn)}-${hexOf(lastPfn)}`;
  return `${pages} ${run.what}${frames}`;
}

function hexOf(value: number): string {
  return value.toString(16);
}

function entriesText(vma: VmAreaStruct): string {
  const runs = entryRuns(vma);
  if (runs.length === 0) return "empty";
  const shown = runs.slice(0, MAX_RUNS).map(runText);
  return runs.length > MAX_RUNS ? `${shown.join(", ")}, ${runs.length - MAX_RUNS} more` : shown.join(", ");
}

function backingText(vma: VmAreaStruct): string {
  const name = getVmaName(vma);
  if (vma.vmFile === undefined) return name === "" ? "anonymous" : `anonymous ${name}`;
  return vma.vmPgoff === 0 ? name : `${name}, page ${vma.vmPgoff}`;
}

/**
 * The address space as a table: one row for each mapping. Rich in a notebook, aligned text by toString().
 * Not in Linux: see /proc/PID/maps and /proc/PID/pagemap.
 */
export function showMm(mm: MmStruct, caption = "Address space"): Table {
  checkArguments("showMm()", { mm: MmStruct, caption: "text?" }, [mm, caption]);
  const rows = [...mm.mmMt].map((vma) => ({
    range: `${hexOf(vma.vmStart)}-${hexOf(vma.vmEnd)}`,
    pages: (vma.vmEnd - vma.vmStart) / PAGE_SIZE,
    perm: vmaPerm(vma),
    backing: backingText(vma),
    entries: entriesText(vma),
  }));
  const mono = (key: string) => ({ key, mono: true });
  return new Table(rows, {
    caption,
    columns: [mono("range"), "pages", mono("perm"), "backing", mono("entries")],
  });
}
