/**
 * The size of pages against the size of the working set: how many accesses miss every TLB, on each processor.
 *
 *   walks (%)
 *   100 |        ____________ 4 KiB
 *       |      /                      ____ 2 MiB      each curve leaves the ground where the working set
 *       |     /                     /                 outgrows what the second-level TLB reaches
 *     0 +----'---------------------'------------ 1 GiB
 *           6 MiB                 3 GiB
 *
 * One bare CPU, one page table, one curve for each size of pages. All TLBs are filled first: every page of
 * the working set once in order, or the last FILL of them if there are more. Then the accesses that count
 * follow: in turn (each `strideBytes` behind the one before, round and round) or at random.
 *
 * Only pages that are touched are mapped, all to one frame: no data moves, and a TLB does not care. So 64 GiB
 * cost no more than 64 KiB. A processor whose TLBs keep no 1 GiB pages breaks them into 2 MiB (tlb_model.ts).
 *
 * Not in Linux. Read first: tlb_curves.ts, tlb_model.ts.
 */
import { PAGE_SIZE, PMD_SIZE, PUD_SIZE } from "./address.js";
import { Clock } from "./clock.js";
import { Cpu } from "./cpu.js";
import { ACCESS_READ } from "./fault.js";
import { BareFrames } from "./frames.js";
import { valueText } from "./options.js";
import { PageTable } from "./page_table.js";
import { Ram } from "./ram.js";
import { Random } from "./random.js";
import { checkArguments, listOf, shape } from "./signature.js";
import type { TlbModel, TlbModelName } from "./tlb_model.js";

/** What to sweep over. */
export interface PageSweep {
  readonly tlb?: TlbModelName | TlbModel;
  /** Working sets in bytes, multiples of 4096 up to 64 GiB; in doublings from 64 KiB unless given. */
  readonly sizes?: readonly number[];
  /** Sizes of the pages: 4096, 2097152 and 1073741824 unless given. */
  readonly pageBytes?: readonly number[];
  /** One place after another, or each time one at random (the default). */
  readonly order?: "in turn" | "random";
  /** From one place to the next; 4096 by default. */
  readonly strideBytes?: number;
  /** Accesses counted for each point; 3000 by default. */
  readonly accesses?: number;
}

/** One point of a curve. */
export interface SweepPoint {
  /** The working set. */
  readonly sizeBytes: number;
  /** Accesses that missed every TLB, in parts of 1. */
  readonly walks: number;
  /** Table entries read for one access, on average. */
  readonly entriesRead: number;
  /** Simulated time of one access, on average. */
  readonly nsPerAccess: number;
}

/** The curve of one size of pages. */
export interface SweepCurve {
  readonly pageBytes: number;
  readonly points: readonly SweepPoint[];
}

/** Sizes of pages that x86-64 has. */
const SWEPT_PAGES: readonly number[] = [PAGE_SIZE, PMD_SIZE, PUD_SIZE];
/** Pages that are touched beforehand, at most: more than any TLB here holds. */
const FILL = 2560;
const LARGEST = 2 ** 36;
/** Where all pages lie: a frame at which a page of any size may begin, behind the tables. */
const FRAME = PUD_SIZE / PAGE_SIZE;
/** Taken from the host where it is touched, by tables. */
const RAM_BYTES = 2 ** 31;

const DOUBLINGS = Array.from({ length: 21 }, (_, i) => 2 ** (16 + i));

/** The share of accesses that walk, for each size of pages and of the working set. Not in Linux. */
export function sweepPages(sweep: PageSweep = {}): SweepCurve[] {
  checkArguments(
    "sweepPages()",
    {
      sweep: shape({
        ...{ sizes: listOf("count", true), pageBytes: listOf("count", true) },
        ...{ order: "text?", strideBytes: "count?", accesses: "count?" },
      }),
    },
    [sweep],
  );
  const { sizes = DOUBLINGS, pageBytes = SWEPT_PAGES, strideBytes = PAGE_SIZE, order = "random" } = sweep;
  const bad = sizes.find((size) => size % PAGE_SIZE !== 0 || size > LARGEST || size < strideBytes);
  if (bad !== undefined)
    throw new RangeError(`sweepPages(): a working set of ${bad} bytes; multiples of 4096 up to 64 GiB exist`);
  const odd = pageBytes.find((size) => !SWEPT_PAGES.includes(size));
  if (odd !== undefined) throw new RangeError(`sweepPages(): there are no pages of ${odd} bytes`);
  if (order !== "in turn" && order !== "random")
    throw new RangeError(`sweepPages(): order is "in turn" or "random"; got ${valueText(order)}`);
  return pageBytes.map((bytes) => {
    const space = new Space(bytes);
    return { pageBytes: bytes, points: sizes.map((sizeBytes) => pointOf(sweep, sizeBytes, space)) };
  });
}

/** An address space for one curve: a page is mapped when it is first touched. */
class Space {
  readonly ram = new Ram(RAM_BYTES);
  readonly table = new PageTable(this.ram, new BareFrames(this.ram), { name: "sweep" });
  private readonly mapped = new Set<number>();

  constructor(readonly pageBytes: number) {}

  touch(cpu: Cpu, va: number): void {
    const page = va - (va % this.pageBytes);
    if (!this.mapped.has(page)) this.table.map(page, FRAME, { user: true }, this.pageBytes);
    this.mapped.add(page);
    cpu.access(va, ACCESS_READ);
  }
}

function pointOf(sweep: PageSweep, sizeBytes: number, space: Space): SweepPoint {
  const { tlb, order = "random", strideBytes = PAGE_SIZE, accesses = 3000 } = sweep;
  const cpu = new Cpu(0, space.ram, new Clock(), tlb === undefined ? {} : { tlb });
  cpu.writeCr3(space.table.cr3);
  cpu.cpl = 3;
  const places = Math.floor(sizeBytes / strideBytes);
  const step = Math.max(strideBytes, space.pageBytes);
  const pages = Math.ceil((places * strideBytes) / step);
  for (let i = Math.max(0, pages - FILL); i < pages; i++) space.touch(cpu, i * step);
  const random = new Random(places);
  const place = order === "random" ? () => random.below(places) : (i: number) => i % places;
  const before = cpu.mmu.stats();
  const startNs = cpu.clock.nowNs;
  for (let i = 0; i < accesses; i++) space.touch(cpu, place(i) * strideBytes);
  const after = cpu.mmu.stats();
  return {
    sizeBytes,
    walks: (after.walks - before.walks) / accesses,
    entriesRead: (after.walkRefs - before.walkRefs) / accesses,
    nsPerAccess: (cpu.clock.nowNs - startNs) / accesses,
  };
}
