/**
 * Compression as bench cases: pages as programs have them, made smaller (`lz4`) and put back (`unlz4`).
 *
 * One page in four is text in a few words, one a heap of pointers and small numbers, one half random and half
 * zeros, one random: together they need 60 % of their bytes. Every page must come back as it was. The plain
 * loop copies the pages byte by byte.
 *
 * Read first: cases.ts, mm/swap/lz4.ts.
 */
import { Random } from "../hw/random.js";
import { lz4Compress, lz4Decompress, newLz4Table } from "../mm/swap/lz4.js";
import type { BenchCase, BenchGroup } from "./cases.js";

const PAGE = 4096;
const NR_PAGES = 256;
/** How often all pages are done in one run. */
const ROUNDS = 40;
const WORDS =
  "the page frame of a process is not in memory so that kernel must read it again from swap ".split(" ");

/** "lz4" and "unlz4". */
export const lz4Cases: BenchGroup = {
  names: ["lz4", "unlz4"],
  make(name) {
    if (name !== "lz4" && name !== "unlz4") throw new RangeError(`there is no bench case "${name}"`);
    return new Lz4Case(name);
  },
};

function makePage(kind: number, random: Random): Uint8Array {
  const page = new Uint8Array(PAGE);
  if (kind === 0) {
    let text = "";
    while (text.length < PAGE) text += `${random.pick(WORDS)} `;
    page.set(new TextEncoder().encode(text).subarray(0, PAGE));
  } else if (kind === 1) {
    const view = new DataView(page.buffer);
    for (let at = 0; at < PAGE; at += 8)
      if (random.chance(25))
        view.setBigUint64(at, 0x7f12_3400_0000n + BigInt(random.below(2 ** 20) * 16), true);
      else if (random.chance(33)) view.setUint32(at, random.below(1000), true);
  } else for (let at = 0; at < PAGE / (4 - kind); at++) page[at] = random.below(256);
  return page;
}

class Lz4Case implements BenchCase {
  readonly unit = "pages";
  private readonly pages: Uint8Array[];
  /** The compressed pages, made anew by each run of "lz4". */
  private readonly blocks: Uint8Array[];
  private readonly sizes: number[] = new Array<number>(NR_PAGES).fill(0);
  private readonly table = newLz4Table();
  private readonly page = new Uint8Array(PAGE);

  constructor(readonly name: "lz4" | "unlz4") {
    const random = new Random(4);
    this.pages = Array.from({ length: NR_PAGES }, (_, i) => makePage(i % 4, random));
    this.blocks = this.pages.map(() => new Uint8Array(PAGE + 32));
  }

  prepare(): void {
    this.compressAll();
  }

  private compressAll(): void {
    for (let i = 0; i < NR_PAGES; i++)
      this.sizes[i] = lz4Compress(this.pages[i]!, this.blocks[i]!, this.table);
  }

  run(): number {
    const blocks = this.blocks.map((block, i) => block.subarray(0, this.sizes[i]));
    for (let round = 0; round < ROUNDS; round++)
      if (this.name === "lz4") this.compressAll();
      else for (const block of blocks) lz4Decompress(block, this.page);
    return ROUNDS * NR_PAGES;
  }

  baseline(): number {
    for (let round = 0; round < ROUNDS; round++)
      for (const page of this.pages) for (let i = 0; i < PAGE; i++) this.page[i] = page[i]!;
    return ROUNDS * NR_PAGES;
  }

  counters(): Record<string, number> {
    const bytes = this.sizes.reduce((sum, size) => sum + size, 0);
    return { bytes, percent: Math.round((100 * bytes) / (NR_PAGES * PAGE)) };
  }

  problem(): string | undefined {
    for (let i = 0; i < NR_PAGES; i++) {
      const nr = lz4Decompress(this.blocks[i]!.subarray(0, this.sizes[i]), this.page);
      if (nr !== PAGE || this.page.some((byte, at) => byte !== this.pages[i]![at]))
        return `page ${i} is not as it was`;
    }
    return undefined;
  }
}
