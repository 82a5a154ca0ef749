/** Page tables built entry by entry for the tests of lib/hw, with none of lib's own table code. */
import { LEVEL_SIZE, PAGE_SIZE, tableIndex } from "../../lib/hw/address.js";
import type { Ram } from "../../lib/hw/ram.js";

/** P, RW and US: what tables on the way get. */
const TABLE_FLAGS = 7n;

/** Maps pages in tables that start in frame `rootPfn`; new tables are taken from `nextPfn` on. */
export class Tables {
  readonly ram: Ram;
  readonly rootPfn: number;
  readonly levels: number;
  nextPfn: number;

  constructor(ram: Ram, rootPfn = 1, levels = 4) {
    this.ram = ram;
    this.rootPfn = rootPfn;
    this.levels = levels;
    this.nextPfn = rootPfn + 1;
  }

  /** Physical address of the entry of `level` for `va`; makes tables above it when they are missing. */
  entryPa(va: number, level = 1): number {
    let table = this.rootPfn;
    for (let l = this.levels; l > level; l--) {
      const pa = table * PAGE_SIZE + tableIndex(va, l) * 8;
      if (this.ram.readEntry(pa) === 0n)
        this.ram.writeEntry(pa, (BigInt(this.nextPfn++) << 12n) | TABLE_FLAGS);
      table = Number((this.ram.readEntry(pa) >> 12n) & 0xff_ffff_ffffn);
    }
    return table * PAGE_SIZE + tableIndex(va, level) * 8;
  }

  /** Maps the page (level 1), 2 MiB (2) or 1 GiB (3) at `va` to the frame `pfn` with the low bits `flags`. */
  map(va: number, pfn: number, flags = 7, level = 1, noExecute = false): void {
    if (va % LEVEL_SIZE[level]! !== 0) throw new RangeError("unaligned");
    const ps = level > 1 ? 0x80n : 0n;
    const nx = noExecute ? 1n << 63n : 0n;
    this.ram.writeEntry(this.entryPa(va, level), (BigInt(pfn) << 12n) | BigInt(flags) | ps | nx);
  }

  unmap(va: number, level = 1): void {
    this.ram.writeEntry(this.entryPa(va, level), 0n);
  }
}
