/**
 * One level-2 entry and what is below it, in each process that has it: the data behind the picture of a huge
 * page.
 *
 *    pmdView(process, va)
 *      |
 *      +-- owners   one for each process of the family: its entry is a leaf, a table, or empty,
 *      |            and what each of the 512 pages of 4 KiB is mapped to: [{ pfn, folio, writable }, "swap", null, ...]
 *      '-- folios   every folio that is met: first frame, order, how many hold it, how often it is mapped
 *                   as a whole (by leaves), and how many of its pages by entries of their own
 *
 * The same 2 MiB can be mapped by one leaf or by 512 entries, and lie in one folio or in 512: the entry and
 * the folio are split apart from each other, and at different times.
 *
 * Looking changes nothing. Not in Linux: /proc/PID/pagemap, kpagecount and kpageflags tell parts of it.
 *
 * Read first: ../mm/huge/README.md, ../mm/pages/folio.ts. Read next: draw_pmd.ts.
 */
import { hex, PAGE_SIZE, type Pfn, PMD_SIZE, type Vaddr } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Process } from "../kernel/process.js";
import type { MmStruct } from "../mm/mm_types.js";
import { type Folio, folioMapcount, pageFolio, pfnToPage } from "../mm/pages/folio.js";
import { forEachPmd } from "../mm/pgtable/pagewalk.js";
import { pmdLeaf, ptePfn, ptePresent, ptepGet, pteWrite } from "../mm/pgtable/pgtable.js";
import { sharersOf } from "./family.js";

/** What a page of 4 KiB is mapped to. */
export interface PmdPage {
  readonly pfn: Pfn;
  /** First frame of its folio. */
  readonly folio: Pfn;
  readonly writable: boolean;
}

/** One process and its entry. */
export interface PmdOwner {
  readonly name: string;
  readonly entry: "leaf" | "table" | "empty";
  /**
   * 512 of them. null: nothing is there; "swap": its bytes are in swap, or another entry that is not present.
   */
  readonly pages: readonly (PmdPage | "swap" | null)[];
}

/** A folio that is mapped there. */
export interface PmdFolio {
  readonly pfn: Pfn;
  readonly order: number;
  readonly refcount: number;
  /** All entries that map any part of it. */
  readonly mapcount: number;
  /** Leaves that map it as a whole. */
  readonly entireMapcount: number;
  /** Pages of it that are mapped by an entry of their own. */
  readonly pagesMapped: number;
}

/** One level-2 entry in every process of a family. */
export interface PmdData {
  /** Where the 2 MiB begin. */
  readonly va: Vaddr;
  readonly owners: readonly PmdOwner[];
  /** In order of their frames. */
  readonly folios: readonly PmdFolio[];
}

const PAGES = PMD_SIZE / PAGE_SIZE;

/**
 * The level-2 entry that covers `va`, in `process` and in its ancestors and descendants that may share its
 * pages, as it stands now. Not in Linux.
 */
export function pmdView(process: Process, va: Vaddr): PmdData {
  checkArguments("pmdView()", { process: Process, va: "integer" }, [process, va]);
  const start = va - (va % PMD_SIZE);
  if (va < 0 || start + PMD_SIZE > 2 ** 47)
    throw new RangeError(`pmdView(): ${hex(va)} is no address of a process`);
  const folios = new Map<Pfn, Folio>();
  const owners = Object.entries(sharersOf(process)).map(([name, mm]) => ownerOf(name, mm, start, folios));
  return {
    va: start,
    owners,
    folios: [...folios.values()].sort((a, b) => a.pfn - b.pfn).map(factsOf),
  };
}

function ownerOf(name: string, mm: MmStruct, start: Vaddr, folios: Map<Pfn, Folio>): PmdOwner {
  const { sys } = mm;
  const pages = new Array<PmdPage | "swap" | null>(PAGES).fill(null);
  let entry: PmdOwner["entry"] = "empty";
  const note = (index: number, pfn: Pfn, writable: boolean): void => {
    const folio = pageFolio(pfnToPage(sys, pfn));
    folios.set(folio.pfn, folio);
    pages[index] = { pfn, folio: folio.pfn, writable };
  };
  forEachPmd(mm, start, start + PMD_SIZE, (pmdp) => {
    const pmd = ptepGet(sys.ram, pmdp);
    if (pmdLeaf(pmd)) {
      entry = "leaf";
      for (let i = 0; i < PAGES; i++) note(i, ptePfn(pmd) + i, pteWrite(pmd));
    } else if (!ptePresent(pmd)) pages.fill("swap");
    else {
      entry = "table";
      for (let i = 0; i < PAGES; i++) {
        const pte = ptepGet(sys.ram, ptePfn(pmd) * PAGES + i);
        if (ptePresent(pte)) note(i, ptePfn(pte), pteWrite(pte));
        else if (pte !== 0) pages[i] = "swap";
      }
    }
  });
  return { name, entry, pages };
}

function factsOf(folio: Folio): PmdFolio {
  const { pfn, order, refcount, entireMapcount, mapcount, nrPagesMapped } = folio;
  const pagesMapped = order === 0 ? Math.min(mapcount, 1) : nrPagesMapped;
  return { pfn, order, refcount, mapcount: folioMapcount(folio), entireMapcount, pagesMapped };
}
