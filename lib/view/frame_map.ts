/**
 * Who has each frame of RAM, and which blocks are free: the data behind the frame map.
 *
 *    frameMap(machine)
 *      |
 *      +-- owners   ["alice", "bob", ...]                 names of processes, as far as they have anonymous pages
 *      +-- kinds    [kernel][kernel][anon 0][anon 0]...   one for each frame
 *      +-- free     [{ pfn, order }, ...]                 the blocks of the buddy lists, and those of CPUs
 *      +-- large    [{ pfn, order }, ...]                 folios of more than one page
 *      '-- blocks   ["Unmovable", "Movable", ...]         the type of each page block of 512 frames
 *
 * It is a copy: it stays as it is when the machine goes on, so that two moments can be compared. Looking
 * changes nothing and costs no simulated time.
 *
 * Not in Linux: page-types(1), with /proc/kpageflags, /proc/PID/pagemap and /proc/pagetypeinfo beside it.
 *
 * Read first: ../mm/pages/folio.ts, ../mm/pages/migratetype.ts. Read next: draw_frame_map.ts.
 */
import type { Pfn } from "../hw/address.js";
import { PMD_SIZE } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { Machine } from "../kernel/machine.js";
import type { MmStruct } from "../mm/mm_types.js";
import {
  folioTestAnon,
  type Page,
  PG_swapbacked,
  PGTY_hugetlb,
  PGTY_slab,
  PGTY_table,
  pageFolio,
  peekPage,
} from "../mm/pages/folio.js";
import { MIGRATETYPE_NAMES, PAGEBLOCK_NR_PAGES } from "../mm/pages/migratetype.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { pmdLeaf, ptePfn, ptePresent } from "../mm/pgtable/pgtable.js";
import type { MemorySystem } from "../mm/system.js";

/** What a frame is, where it is not anonymous memory of one process. */
const FRAME_KINDS = [
  ...["free", "kernel", "slab", "page tables", "file", "shared memory, tmpfs", "hugetlb"],
  ...["several processes", "anonymous, unmapped"],
] as const;

/** What a frame is; `anon:NAME` is anonymous memory of one process. */
export type FrameKind = (typeof FRAME_KINDS)[number] | `anon:${string}`;

/** A block of 2^order frames from `pfn` up. */
export interface FrameBlock {
  readonly pfn: Pfn;
  readonly order: number;
}

/** All frames of a machine at one moment. */
export interface FrameMap {
  /** One for each frame, from frame 0 up. */
  readonly kinds: readonly FrameKind[];
  readonly free: readonly FrameBlock[];
  readonly large: readonly FrameBlock[];
  /** Migrate type of each page block: "Movable", "Unmovable", ... */
  readonly blocks: readonly string[];
}

/** Who has each frame of `machine` now. Not in Linux. */
export function frameMap(machine: Machine): FrameMap {
  checkArguments("frameMap()", { machine: Machine }, [machine]);
  const { sys } = machine.kernel;
  const owners = anonOwners(machine);
  const free = freeBlocks(sys);
  const isFree = new Uint8Array(sys.ram.nrFrames);
  for (const { pfn, order } of free) isFree.fill(1, pfn, pfn + 2 ** order);
  const kinds: FrameKind[] = [];
  const large: FrameBlock[] = [];
  for (let pfn = 0; pfn < sys.ram.nrFrames; pfn++) {
    const page = isFree[pfn] === 1 ? undefined : peekPage(sys, pfn);
    if (page !== undefined && page.head === page && page.order > 0 && page.refcount > 0)
      large.push({ pfn, order: page.order });
    kinds.push(isFree[pfn] === 1 ? "free" : page === undefined ? "kernel" : kindOf(page, owners));
  }
  return { kinds, free, large, blocks: blockTypes(sys) };
}

function kindOf(page: Page, owners: ReadonlyMap<Pfn, string>): FrameKind {
  const folio = pageFolio(page);
  if (folio.pageType === PGTY_table) return "page tables";
  if (folio.pageType === PGTY_slab) return "slab";
  if (folio.pageType === PGTY_hugetlb) return "hugetlb";
  if (folio.mapping === undefined) return "kernel";
  if (!folioTestAnon(folio)) return (folio.flags & PG_swapbacked) !== 0 ? "shared memory, tmpfs" : "file";
  const owner = owners.get(page.pfn);
  if (owner === undefined) return "anonymous, unmapped";
  return owner === SEVERAL ? "several processes" : `anon:${owner}`;
}

const SEVERAL = "";

/** Which process maps each frame of anonymous memory; SEVERAL for more than one. */
function anonOwners({ kernel }: Machine): Map<Pfn, string> {
  const owners = new Map<Pfn, string>();
  const note = (first: Pfn, count: number, name: string): void => {
    for (let pfn = first; pfn < first + count; pfn++)
      owners.set(pfn, (owners.get(pfn) ?? name) === name ? name : SEVERAL);
  };
  const seen = new Set<MmStruct>();
  for (const { mm, comm, pid } of kernel.tasks.values()) {
    if (mm === undefined || seen.has(mm)) continue;
    seen.add(mm);
    const twins = [...kernel.tasks.values()].filter((other) => other.comm === comm && other.mm !== mm);
    const name = twins.length > 0 ? `${comm}[${pid}]` : comm;
    for (const { vmStart, vmEnd } of mm.mmMt)
      walkPageRange(mm, vmStart, vmEnd, {
        pteEntry(pte) {
          if (ptePresent(pte)) note(ptePfn(pte), 1, name);
        },
        pmdEntry(pmd, addr, _pmdp, next) {
          if (pmdLeaf(pmd)) note(ptePfn(pmd) + (addr % PMD_SIZE) / 4096, (next - addr) / 4096, name);
        },
      });
  }
  return owners;
}

function freeBlocks(sys: MemorySystem): FrameBlock[] {
  const free: FrameBlock[] = [];
  for (const zone of sys.zones) zone.forEachFreeBlock((pfn, order) => free.push({ pfn, order }));
  return free.sort((a, b) => a.pfn - b.pfn);
}

function blockTypes(sys: MemorySystem): string[] {
  return Array.from({ length: Math.ceil(sys.ram.nrFrames / PAGEBLOCK_NR_PAGES) }, (_, block) => {
    const pfn = block * PAGEBLOCK_NR_PAGES;
    const zone = sys.zones.find(({ zoneStartPfn, zoneEndPfn }) => pfn >= zoneStartPfn && pfn < zoneEndPfn);
    return zone === undefined ? "" : MIGRATETYPE_NAMES[zone.pageblockType(pfn)]!;
  });
}
