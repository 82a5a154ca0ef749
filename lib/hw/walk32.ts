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
import type { Pfn, Vaddr } from "./address.js";
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
  const asked: Asked = { ram, paging, va, access, watch };
  const pde = read(asked, 2, paging.rootPfn);
  if ((pde.entry & PAGE_PRESENT) === 0) return refuse(asked, pde, "not present", 0);
  const rights = pde.entry & (PAGE_RW | PAGE_USER);
  if (paging.pse && (pde.entry & PAGE_PSE) !== 0) {
    if (pde.entry & RESERVED_LARGE) return refuse(asked, pde, "reserved bit", PF_PROT | PF_RSVD);
    const pfn = (pde.entry >>> 22) | ((pde.entry & 0x1f_e000) >>> 3);
    return finish(asked, pde, rights, pfn * LARGE_PAGE_32 + (va % LARGE_PAGE_32));
  }
  note(asked, pde, "table");
  setBits(asked, pde, PAGE_ACCESSED);
  const pte = read(asked, 1, pde.entry >>> 12);
  if ((pte.entry & PAGE_PRESENT) === 0) return refuse(asked, pte, "not present", 0);
  return finish(asked, pte, rights & pte.entry, (pte.entry >>> 12) * PAGE_SIZE + offsetInPage(va));
}

/** What the walk was asked, and who watches it. */
interface Asked {
  readonly ram: Ram;
  readonly paging: Paging;
  readonly va: Vaddr;
  readonly access: number;
  readonly watch: WalkWatch | undefined;
}

/** One entry that the walk read, and where. */
interface ReadEntry {
  readonly level: number;
  readonly tablePfn: Pfn;
  readonly index: number;
  /** Its 32 bits, signed. */
  readonly entry: number;
}

/** The entry for the address in the table of `level`; outside RAM it reads as all ones. */
function read({ ram, va }: Asked, level: number, tablePfn: Pfn): ReadEntry {
  const index = tableIndex32(va, level);
  return { level, tablePfn, index, entry: tablePfn < ram.nrFrames ? ram.word(tablePfn, index) : -1 };
}

/** The leaf is found: may it be used so? */
function finish(asked: Asked, leaf: ReadEntry, rights: number, pa: number): Translation | Fault {
  const { access, paging } = asked;
  if (!allows(rights, access, paging)) return refuse(asked, leaf, "not allowed", PF_PROT);
  note(asked, leaf, "leaf");
  const marked = setBits(asked, leaf, access & ACCESS_WRITE ? PAGE_ACCESSED | PAGE_DIRTY : PAGE_ACCESSED);
  const ofLeaf = marked & (paging.pge ? PAGE_DIRTY | PAGE_GLOBAL : PAGE_DIRTY);
  return { pa, level: leaf.level, rights: rights | ofLeaf };
}

function refuse(asked: Asked, at: ReadEntry, verdict: WalkStep["verdict"], cause: number): Fault {
  note(asked, at, verdict);
  return new PageFault(asked.va, errorCodeOf(cause, asked.access, asked.paging));
}

/** The entry with `bits` set, also in RAM unless this is a dry run. */
function setBits({ ram, watch }: Asked, { entry, tablePfn, index }: ReadEntry, bits: number): number {
  if ((entry & bits) !== bits && !watch?.dryRun) ram.setWord(tablePfn, index, entry | bits);
  return entry | bits;
}

function note({ watch }: Asked, at: ReadEntry, verdict: WalkStep["verdict"]): void {
  const { level, tablePfn, index } = at;
  const entryPa = tablePfn * PAGE_SIZE + index * 4;
  watch?.steps.push({ level, tablePfn, index, entryPa, entry: BigInt(at.entry >>> 0), verdict });
}
