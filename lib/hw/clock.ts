/**
 * The clock: simulated time in nanoseconds, and the table of what things cost.
 *
 * Nothing here looks at the host's clock. Time passes because the machine does things, each of which has a
 * fixed price, so a lab shows the same figure on every computer. The prices are those of a processor at 4 GHz
 * and are multiples of 0.25 ns (one of its cycles), exact in a double: it makes no difference whether a
 * million hits are added one by one or all at once.
 *
 *   load of a page in the L1 TLB      1.25 ns
 *   ... in the L2 TLB                 1.25 + 1.75 ns
 *   ... in neither                    1.25 + 1.75 + 4 entries of 3.5 ns
 *
 * Orders of magnitude are what a lab needs: measured figures of real processors differ by a factor of two in
 * both directions, and a walk whose entries are not in the data cache costs ten times as much.
 */
import { valueText } from "./options.js";

/** What the machine's actions cost, in simulated nanoseconds. */
export interface CostTable {
  /**
   * A load, store or fetch whose page is in the L1 TLB: 5 cycles. Intel Optimization Reference Manual, L1
   * data cache latency
   */
  readonly accessNs: number;
  /**
   * In addition when only the L2 TLB has it: 7 cycles. Agner Fog, Microarchitecture (Skylake: about 7 to 9)
   */
  readonly l2TlbNs: number;
  /**
   * Each table entry that a walk reads: 14 cycles, the latency of the L2 data cache, where hot tables lie.
   */
  readonly walkEntryNs: number;
  /** Setting D through a TLB entry that has it clear: 150 cycles, a microcode assist. */
  readonly assistNs: number;
  /** Raising an exception and returning from it: 800 cycles, without what the handler does. */
  readonly exceptionNs: number;
  /** `invlpg`: 120 cycles. Agner Fog, Instruction tables */
  readonly invlpgNs: number;
  /** `invpcid`: 250 cycles. */
  readonly invpcidNs: number;
  /** Writing CR3: 200 cycles. The misses that follow a flush are paid when they happen. */
  readonly writeCr3Ns: number;
  /** Sending an interrupt to one more processor: 500 cycles. */
  readonly ipiSendNs: number;
  /**
   * From sending until the last processor has answered: 4000 cycles. Amit, USENIX ATC 2017, on TLB shootdowns
   */
  readonly ipiWaitNs: number;
  /** What a processor that is interrupted loses: 3000 cycles. */
  readonly ipiReceiveNs: number;
  /**
   * What the kernel does to serve a page fault, besides filling pages and waiting for a disk: 1200 cycles.
   */
  readonly faultNs: number;
  /** Filling a page with zeros: 40 bytes a nanosecond, in the cache. */
  readonly zeroPageNs: number;
  /** Copying a page: 10 bytes a nanosecond, from RAM and back to it. */
  readonly copyPageNs: number;
  /** fork: a new task with everything but its memory. */
  readonly forkNs: number;
  /**
   * fork: each present entry that is copied, mostly misses on the frames' counts. 262,144 entries (1 GiB)
   * take 6.6 ms.
   */
  readonly forkEntryNs: number;
  /**
   * Reclaim: each folio that is looked at, a miss on its struct page and, if it is mapped, a reverse walk:
   * 600 cycles. Profiles of shrink_folio_list() and isolate_lru_folios() show 100 to 300 ns for a folio of a
   * page.
   */
  readonly reclaimScanNs: number;
  /** Reclaim: in addition for each folio that is freed, taken out of the cache and given back: 400 cycles. */
  readonly reclaimFreeNs: number;
  /**
   * Reclaim: in addition for each page that is sent to swap on a device, a slot and a request: 1200 cycles.
   * Measured in the recorded virtual machine: 14 us a page in all, 32 times as long.
   */
  readonly swapOutNs: number;
  /**
   * Compaction: each frame that a scanner looks at: 20 cycles. Page structs lie side by side, so that most of
   * them have been fetched already.
   */
  readonly compactScanNs: number;
  /**
   * Compaction: each folio that is moved, in addition to copyPageNs for each of its pages: two reverse walks,
   * off a list and onto one: 2000 cycles. move_pages(2) takes 1 to 2 us a page in all.
   */
  readonly migrateFolioNs: number;
  /** Compressing a page by LZ4: 0.78 bytes a nanosecond. Its own benchmark, README of lz4 1.9 */
  readonly compressPageNs: number;
  /** Putting it back: 4.97 bytes a nanosecond; the same benchmark. */
  readonly decompressPageNs: number;
}

/** The prices that a machine starts with. */
export const COSTS: CostTable = {
  accessNs: 1.25,
  l2TlbNs: 1.75,
  walkEntryNs: 3.5,
  assistNs: 37.5,
  exceptionNs: 200,
  invlpgNs: 30,
  invpcidNs: 62.5,
  writeCr3Ns: 50,
  ipiSendNs: 125,
  ipiWaitNs: 1000,
  ipiReceiveNs: 750,
  faultNs: 300,
  zeroPageNs: 100,
  copyPageNs: 400,
  forkNs: 40_000,
  forkEntryNs: 25,
  reclaimScanNs: 150,
  reclaimFreeNs: 100,
  swapOutNs: 300,
  compactScanNs: 5,
  migrateFolioNs: 500,
  compressPageNs: 5_250,
  decompressPageNs: 825,
};

/** The prices of a processor that takes `times` as long for everything: 2 is half as fast. */
export function slowed(times: number): CostTable {
  const entries = Object.entries(COSTS).map(([name, ns]) => [name, ns * times] as const);
  return Object.fromEntries(entries) as unknown as CostTable;
}

/** The time of one machine. Not in Linux: ktime_get() reads the hardware's. */
export class Clock {
  /** Nanoseconds since the machine was switched on. */
  nowNs = 0;
  readonly costs: CostTable;

  /**
   * A clock at 0; `costs` replaces single prices. Throws RangeError for one that does not exist or is none.
   */
  constructor(costs: Partial<CostTable> = {}) {
    const unknown = Object.keys({ ...costs }).find((name) => !(name in COSTS));
    if (unknown !== undefined)
      throw new RangeError(`there is no cost ${unknown}; there are ${Object.keys(COSTS).join(", ")}`);
    this.costs = { ...COSTS, ...costs };
    for (const [name, ns] of Object.entries(this.costs))
      if (typeof ns !== "number" || !(ns >= 0 && Number.isInteger(ns * 4)))
        throw new RangeError(`cost ${name} ${valueText(ns)} is not a multiple of 0.25 ns from 0 up`);
  }

  /** Lets `ns` nanoseconds pass. */
  advance(ns: number): void {
    if (!Number.isFinite(ns)) throw new TypeError(`time passes in nanoseconds, not ${valueText(ns)}`);
    this.nowNs += ns;
  }
}
