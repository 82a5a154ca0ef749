/**
 * The page walk of a 32-bit processor: two levels of 1024 entries, 4 bytes each.
 *
 *    31        22 21        12 11          0
 *   +------------+------------+-------------+
 *   | directory  |   table    |   offset    |      10 + 10 + 12 bits
 *   +------------+------------+-------------+
 *        |             |
 *   CR3 -> [PD] --> [PT] --> frame
 *           level 2  level 1
 *           +- PS=1 (and CR4.PSE): 4 MiB leaf
 *
 * The flag bits are those of entry.ts, but an entry has no bit 63: everything may be executed. A 4 MiB leaf
 * keeps physical-address bits 39 to 32 in its bits 20 to 13 (PSE-36); bit 21 is reserved.
 *
 * Read first: walk.ts.
 */
import type { Vaddr } from "./address.js";
import { hex, offsetInPage, PAGE_SIZE } from "./address.js";
import {
  PAGE_ACCESSED,
  PAGE_DIRTY,
  PAGE_GLOBAL,
  PAGE_PRESENT,
  PAGE_PSE,
  PAGE_RW,
  PAGE_USER,
} from "./entry.js";
import { ACCESS_WRITE, type Fault, PageFault, PF_PROT, PF_RSVD } from "./fault.js";
import { allows, errorCodeOf } from "./protection.js";
import type { Ram } from "./ram.js";
import type { Paging } from "./registers.js";
import type { Translation, WalkStep, WalkWatch } from "./translation.js";

/** Bytes of a 4 MiB leaf. Linux arch/x86/include/asm/pgtable-2level_types.h:PGDIR_SIZE */
const LARGE_PAGE_32 = 0x40_0000;
/** Bit 21 of a 4 MiB leaf is reserved. Intel SDM vol. 3A, Table 4-4 */
const RESERVED_LARGE = 0x20_0000;

/** Index into the table of `level` (2 directory, 1 table) for the 32-bit address `va`: 0 to 1023. */
export function tableIndex32(va: Vaddr, level: number): number {
  return Math.floor(va / (level === 2 ? LARGE_PAGE_32 : PAGE_SIZE)) & 1023;
}

/** The two-level walk. RangeError for an address of more than 32 bits. Intel SDM vol. 3A, 32-Bit Paging */
export function walk32(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  watch?: WalkWatch,
): Translation | Fault {
  if (!(va >= 0 && va < 2 ** 32)) throw new RangeError(`address ${hex(va)} does not fit 32-bit paging`);
  const directory = paging.rootPfn;
  const dirIndex = tableIndex32(va, 2);
  const pde = read(ram, directory, dirIndex);
  if ((pde & PAGE_PRESENT) === 0) {
    note(watch, 2, directory, dirIndex, pde, "not present");
    return new PageFault(va, errorCodeOf(0, access, paging));
  }
  let rights = pde & (PAGE_RW | PAGE_USER);
  if (paging.pse && (pde & PAGE_PSE) !== 0) {
    if (pde & RESERVED_LARGE) {
      note(watch, 2, directory, dirIndex, pde, "reserved bit");
      return new PageFault(va, errorCodeOf(PF_PROT | PF_RSVD, access, paging));
    }
    const pa = ((pde >>> 22) | ((pde & 0x1f_e000) >>> 3)) * LARGE_PAGE_32 + (va % LARGE_PAGE_32);
    return finish32(ram, paging, va, access, 2, directory, dirIndex, pde, rights, pa, watch);
  }
  note(watch, 2, directory, dirIndex, pde, "table");
  if ((pde & PAGE_ACCESSED) === 0 && !watch?.dryRun) ram.setWord(directory, dirIndex, pde | PAGE_ACCESSED);
  const table = pde >>> 12;
  const index = tableIndex32(va, 1);
  const pte = read(ram, table, index);
  if ((pte & PAGE_PRESENT) === 0) {
    note(watch, 1, table, index, pte, "not present");
    return new PageFault(va, errorCodeOf(0, access, paging));
  }
  rights &= pte;
  return finish32(
    ram,
    paging,
    va,
    access,
    1,
    table,
    index,
    pte,
    rights,
    (pte >>> 12) * PAGE_SIZE + offsetInPage(va),
    watch,
  );
}

function finish32(
  ram: Ram,
  paging: Paging,
  va: Vaddr,
  access: number,
  level: number,
  tablePfn: number,
  index: number,
  entry: number,
  rights: number,
  pa: number,
  watch?: WalkWatch,
): Translation | Fault {
  if (!allows(rights, access, paging)) {
    note(watch, level, tablePfn, index, entry, "not allowed");
    return new PageFault(va, errorCodeOf(PF_PROT, access, paging));
  }
  note(watch, level, tablePfn, index, entry, "leaf");
  const marked = entry | (access & ACCESS_WRITE ? PAGE_ACCESSED | PAGE_DIRTY : PAGE_ACCESSED);
  if (marked !== entry && !watch?.dryRun) ram.setWord(tablePfn, index, marked);
  const ofLeaf = (marked & PAGE_DIRTY) | (paging.pge ? marked & PAGE_GLOBAL : 0);
  return { pa, level, rights: rights | ofLeaf };
}

/** An entry outside RAM reads as all ones. */
function read(ram: Ram, tablePfn: number, index: number): number {
  return tablePfn < ram.nrFrames ? ram.word(tablePfn, index) : -1;
}

function note(
  watch: WalkWatch | undefined,
  level: number,
  tablePfn: number,
  index: number,
  entry: number,
  verdict: WalkStep["verdict"],
): void {
  const entryPa = tablePfn * PAGE_SIZE + index * 4;
  watch?.steps.push({ level, tablePfn, index, entryPa, entry: BigInt(entry >>> 0), verdict });
}
