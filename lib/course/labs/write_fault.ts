/**
 * Test bench of lab 04.2 for what families do not meet by themselves: no memory for the copy, a page without
 * a folio in a shared mapping, and a page of a file that only this process still holds.
 *
 * Not in Linux: a helper of the course. Read first: fork.ts.
 */
import { PAGE_SIZE } from "../../hw/address.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { filemapRemoveFolio } from "../../mm/filemap/address_space.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import { pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { walkPageRange } from "../../mm/pgtable/pagewalk.js";
import {
  pfnPte,
  pteDirty,
  pteMkspecial,
  ptePfn,
  ptePresent,
  pteWrite,
  pteWrprotect,
  setPte,
  vmaPageProt,
} from "../../mm/pgtable/pgtable.js";

/** What a write led to, by name. */
export type WriteReport = Record<string, unknown>;

const AT = 0x1000_0000_0000;

function benchOf(parts: Partial<MachineParts>): { machine: Machine; process: Process } {
  const machine = boot({ ram: "1 MiB", parts });
  machine.kernel.files.writeFile("/data", new Uint8Array(4 * PAGE_SIZE).fill(7));
  return { machine, process: machine.spawn("P") };
}

/** The entry at AT; undefined where none is present. */
function entryAt(process: Process): number | undefined {
  let found: number | undefined;
  walkPageRange(process.mm, AT, AT + PAGE_SIZE, {
    pteEntry(pte) {
      if (ptePresent(pte)) found = pte;
    },
  });
  return found;
}

function storeText(process: Process): string {
  try {
    process.store(AT, 1, 9);
    return "the write goes through";
  } catch (error) {
    if (error instanceof SignalError) return `the process gets ${error.signal}`;
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}

/** What every page of a machine is held and mapped by, after the batches are empty. */
function countsOf({ kernel }: Machine, pfn: number): string {
  lruAddDrainAll(kernel.sys);
  const page = pfnToPage(kernel.sys, pfn);
  return `mapcount ${page.mapcount}, refcount ${pageFolio(page).refcount}`;
}

/** A write to a page that a child shares, or to the zero page, when there is no page for the copy. */
export function writeWithoutMemory(
  parts: Partial<MachineParts>,
  what: "shared page" | "zero page",
): WriteReport {
  const { machine, process } = benchOf(parts);
  const { sys } = machine.kernel;
  process.mmap(PAGE_SIZE, { at: AT, fixed: true });
  if (what === "zero page") process.load(AT);
  else process.store(AT, 1, 5);
  const writer = what === "zero page" ? process : process.fork("C");
  const pfn = ptePfn(entryAt(process)!);
  sys.shouldFailAllocPage = () => true;
  const said = storeText(writer);
  sys.shouldFailAllocPage = undefined;
  if (what === "zero page") return { said };
  return { said, parentReads: process.load(AT), page: countsOf(machine, pfn) };
}

/** A shared mapping of memory that has no folio, as a device maps its own: the entry is special. */
export function writeWithoutFolio(parts: Partial<MachineParts>): WriteReport {
  const { machine, process } = benchOf(parts);
  const { sys } = machine.kernel;
  process.mmap(PAGE_SIZE, { at: AT, fixed: true, shared: true });
  process.load(AT);
  const vma = process.mm.mmMt.lookup(AT)!;
  let ptep = 0;
  walkPageRange(process.mm, AT, AT + PAGE_SIZE, {
    pteEntry(_pte, _addr, at) {
      ptep = at;
    },
  });
  const device = sys.ram.nrFrames - 1;
  setPte(sys.ram, ptep, pteWrprotect(pteMkspecial(pfnPte(device, vmaPageProt(vma)))));
  const said = storeText(process);
  const pte = entryAt(process)!;
  return { said, sameFrame: ptePfn(pte) === device, writable: pteWrite(pte), dirty: pteDirty(pte) };
}

/**
 * A private page of a file that has just been taken out of the page cache: its entry holds the last
 * reference.
 */
export function writeToOrphan(parts: Partial<MachineParts>): WriteReport {
  const { machine, process } = benchOf(parts);
  const { sys } = machine.kernel;
  const fd = process.open("/data");
  process.mmap(PAGE_SIZE, { at: AT, fixed: true, fd });
  process.load(AT);
  lruAddDrainAll(sys);
  const pfn = ptePfn(entryAt(process)!);
  filemapRemoveFolio(pageFolio(pfnToPage(sys, pfn)));
  const said = storeText(process);
  return { said, copied: ptePfn(entryAt(process)!) !== pfn, reads: process.load(AT + 1) };
}
