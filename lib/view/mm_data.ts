/**
 * What the kernel and the processor hold, as the plain data that the drawings take.
 *
 *    mm  --areasOf()---> Area[]          drawAreas({ title, areas: areasOf(mm) })
 *    mms --ownersOf()--> Owner[]         drawOwners({ title, owners: ownersOf(mms), frames: framesOf(mms), before })
 *    tlb --tlbSets()---> cells           drawTlb({ title, sets: tlbSets(tlb) })
 *
 * `mms` names each address space: { parent: parent.mm, child: child.mm }. The data are copies: what
 * `ownersOf` returned before a fork or a write is the `before` of the picture after it. Looking changes
 * nothing, not even an accessed bit.
 *
 * Read first: draw_areas.ts, draw_owners.ts, draw_tlb.ts, mm/pgtable/pagewalk.ts.
 */

import type { Pfn, Vaddr } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import type { Pte } from "../hw/entry.js";
import { PAGE_RW } from "../hw/entry.js";
import { checkArguments, checkKind } from "../hw/signature.js";
import { Tlb } from "../hw/tlb.js";
import { MmStruct, VmAreaStruct } from "../mm/mm_types.js";
import { folioTestAnon, PG_mlocked, pageFolio, pfnToPage } from "../mm/pages/folio.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { pmdLeaf, pteDirty, ptePfn, ptePresent, pteSpecial, pteWrite } from "../mm/pgtable/pgtable.js";
import { isPteMarker } from "../mm/pgtable/swapops.js";
import { getVmaName, vmaPerm } from "../procfs/task_mmu.js";
import type { Area, PageState } from "./draw_areas.js";
import type { FrameFacts, OwnedPage, Owner } from "./draw_owners.js";
import type { TlbCell } from "./draw_tlb.js";

/** Areas of more pages than this get no squares unless asked for. */
const SQUARES = 64;

/** Address spaces by name. */
export type NamedMms = Readonly<Record<string, MmStruct>>;

/** Addresses to look at, [start, end); all that is mapped unless given. */
export interface ShownRange {
  readonly start?: number;
  readonly end?: number;
}

function pageState(mm: MmStruct, pte: Pte): PageState {
  if (!ptePresent(pte)) return isPteMarker(pte) ? "absent" : "swapped";
  if (pteSpecial(pte)) return "zero";
  const folio = pageFolio(pfnToPage(mm.sys, ptePfn(pte)));
  if (folio.flags & PG_mlocked) return "locked";
  if (pteDirty(pte)) return "dirty";
  return folioTestAnon(folio) ? "present" : "file";
}

/** What stands in each page of `vma` now, lowest first. Not in Linux: see /proc/PID/pagemap. */
export function pageStates(vma: VmAreaStruct): PageState[] {
  checkArguments("pageStates()", { vma: VmAreaStruct }, [vma]);
  const { vmMm: mm, vmStart, vmEnd } = vma;
  const states = new Array<PageState>((vmEnd - vmStart) / PAGE_SIZE).fill("absent");
  walkPageRange(mm, vmStart, vmEnd, {
    pteEntry(pte, addr) {
      states[(addr - vmStart) / PAGE_SIZE] = pageState(mm, pte);
    },
    pmdEntry(pmd, addr, _pmdp, next) {
      if (!pmdLeaf(pmd)) return;
      states.fill(pageState(mm, pmd), (addr - vmStart) / PAGE_SIZE, (next - vmStart) / PAGE_SIZE);
    },
  });
  return states;
}

/**
 * The mappings of `mm` for drawAreas(), with a square for each page in areas of at most `squares` pages (64,
 * up to 256).
 */
export function areasOf(mm: MmStruct, squares = SQUARES): Area[] {
  checkArguments("areasOf()", { mm: MmStruct, squares: "count?" }, [mm, squares]);
  return [...mm.mmMt].map((vma) => {
    const { vmStart: start, vmEnd: end } = vma;
    const area = { start, end, name: getVmaName(vma), perms: vmaPerm(vma) };
    return (end - start) / PAGE_SIZE <= squares ? { ...area, pages: pageStates(vma) } : area;
  });
}

function checkMms(mms: NamedMms): void {
  for (const [name, mm] of Object.entries(mms)) checkKind(`the address space of ${name}`, mm, MmStruct);
}

/** Calls `visit` for every frame that `mm` maps in `range`. A large page counts as its first frame. */
function eachMapping(
  mm: MmStruct,
  range: ShownRange,
  visit: (vma: VmAreaStruct, va: Vaddr, entry: number) => void,
): void {
  for (const vma of mm.mmMt) {
    const start = Math.max(vma.vmStart, range.start ?? vma.vmStart);
    const end = Math.min(vma.vmEnd, range.end ?? vma.vmEnd);
    if (start >= end) continue;
    walkPageRange(mm, start, end, {
      pteEntry(pte, addr) {
        if (ptePresent(pte)) visit(vma, addr, pte);
      },
      pmdEntry(pmd, addr) {
        if (pmdLeaf(pmd)) visit(vma, addr, pmd);
      },
    });
  }
}

/** Who maps which frame in `range`, for drawOwners(). */
export function ownersOf(mms: NamedMms, range: ShownRange = {}): Owner[] {
  checkArguments("ownersOf()", { mms: "object", range: { start: "integer", end: "integer" } }, [mms, range]);
  checkMms(mms);
  return Object.entries(mms).map(([name, mm]) => {
    const pages: OwnedPage[] = [];
    eachMapping(mm, range, (_vma, va, entry) => {
      pages.push({ va, pfn: ptePfn(entry), writable: pteWrite(entry), dirty: pteDirty(entry) });
    });
    return { name, pages };
  });
}

/** What the frames of `ownersOf(mms, range)` hold, in order of frame number, for drawOwners(). */
export function framesOf(mms: NamedMms, range: ShownRange = {}): FrameFacts[] {
  checkArguments("framesOf()", { mms: "object", range: { start: "integer", end: "integer" } }, [mms, range]);
  checkMms(mms);
  const facts = new Map<number, FrameFacts>();
  for (const mm of Object.values(mms)) {
    eachMapping(mm, range, (vma, va, entry) => {
      const pfn = ptePfn(entry);
      if (!facts.has(pfn)) facts.set(pfn, factsOf(vma, va, pfn));
    });
  }
  return [...facts.values()].sort((a, b) => a.pfn - b.pfn);
}

function factsOf(vma: VmAreaStruct, va: Vaddr, pfn: Pfn): FrameFacts {
  const { sys } = vma.vmMm;
  if (pfn === sys.zeroPfn) return { pfn, kind: "zero page", zero: true };
  if (folioTestAnon(pageFolio(pfnToPage(sys, pfn)))) return { pfn, kind: "anonymous" };
  const path = vma.vmFile?.path;
  // Shared anonymous memory is a file that has never had a name of its own.
  const file = path === undefined || path === "/dev/zero (deleted)" ? "shared" : path.replace(/^.*\//, "");
  return { pfn, kind: `${file} page ${vma.vmPgoff + (va - vma.vmStart) / PAGE_SIZE}` };
}

const SIZES = ["", "", "2 MiB", "1 GiB"];

/** The contents of `tlb` for drawTlb(), `[set][way]`. */
export function tlbSets(tlb: Tlb): (TlbCell | null)[][] {
  checkArguments("tlbSets()", { tlb: Tlb }, [tlb]);
  return Array.from({ length: tlb.sets }, (_, set) =>
    Array.from({ length: tlb.ways }, (_, way) => {
      const entry = tlb.entryAt(set * tlb.ways + way);
      if (entry === undefined) return null;
      const { vpn, pfn, pcid, global, rights, level } = entry;
      const cell = { vpn, pfn, global, writable: (rights & PAGE_RW) !== 0 };
      return { ...cell, ...(global ? {} : { pcid }), ...(level > 1 ? { note: SIZES[level]! } : {}) };
    }),
  );
}
