/**
 * Control registers: the switches of paging, and what they mean when read together.
 *
 *   CR0   PG (31) paging on     WP (16) supervisor writes obey R/W
 *   CR3   bits 12.. physical address of the top table; bits 0-11 the PCID while CR4.PCIDE is set
 *   CR4   PSE (4)  PAE (5)  PGE (7)  LA57 (12)  PCIDE (17)  SMEP (20)  SMAP (21)
 *   EFER  LMA (10) long mode    NXE (11) bit 63 of an entry means no-execute
 *   EFLAGS.AC  lets the supervisor touch user data in spite of SMAP (instructions stac and clac)
 *
 * A walk does not want to look at bits of five registers, so they are read together once, when one of them
 * changes, into a `Paging`: how many levels, where the top table is, which rules hold.
 *
 *   PG = 0                       no paging: a virtual address is a physical address    levels 0
 *   PG = 1, PAE = 0              32-bit paging, two levels of 4-byte entries           levels 2
 *   PG = 1, LMA = 1              4-level paging                                        levels 4
 *   PG = 1, LMA = 1, LA57 = 1    5-level paging                                        levels 5
 *
 * Left out: PAE paging of 32-bit mode (three levels), protection keys, shadow stacks.
 *
 * Read next: walk.ts, cpu.ts.
 */

import { PAGE_SIZE } from "./address.js";
import { checkArguments } from "./signature.js";

/** Paging on. Linux X86_CR0_PG */
export const CR0_PG = 0x8000_0000;
/** Supervisor writes obey the R/W bit. Linux X86_CR0_WP */
export const CR0_WP = 0x0001_0000;
/** 4 MiB pages in 32-bit paging. Linux X86_CR4_PSE */
export const CR4_PSE = 0x0010;
/** 8-byte entries. Linux X86_CR4_PAE */
export const CR4_PAE = 0x0020;
/** Global pages. Linux X86_CR4_PGE */
export const CR4_PGE = 0x0080;
/** 5-level paging. Linux X86_CR4_LA57 */
export const CR4_LA57 = 0x1000;
/** Process-context identifiers. Linux X86_CR4_PCIDE */
export const CR4_PCIDE = 0x2_0000;
/** The supervisor must not execute user pages. Linux X86_CR4_SMEP */
export const CR4_SMEP = 0x10_0000;
/** The supervisor must not read or write user pages while AC is clear. Linux X86_CR4_SMAP */
export const CR4_SMAP = 0x20_0000;
/** Long mode is active. Linux EFER_LMA */
export const EFER_LMA = 0x400;
/** Bit 63 of an entry is no-execute, not reserved. Linux EFER_NX */
export const EFER_NXE = 0x800;

/** CR0 of a 64-bit Linux, as far as memory is concerned. */
export const CR0_LINUX = CR0_PG + CR0_WP;
/**
 * CR4 of a 64-bit Linux on a processor with four levels. Linux keeps PGE set and uses PCID, SMEP and SMAP
 * where it can.
 */
export const CR4_LINUX = CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_SMEP | CR4_SMAP;

/** What the control registers say together. Not in Linux: the processor works this out itself. */
export interface Paging {
  /** Table levels: 0 (paging off), 2, 4 or 5. */
  readonly levels: 0 | 2 | 4 | 5;
  /** Frame of the top table. */
  readonly rootPfn: number;
  /** Process-context identifier, 0 to 4095; 0 while CR4.PCIDE is clear. */
  readonly pcid: number;
  /** CR0.WP */
  readonly wp: boolean;
  /** EFER.NXE */
  readonly nxe: boolean;
  /** CR4.SMEP */
  readonly smep: boolean;
  /** CR4.SMAP */
  readonly smap: boolean;
  /** EFLAGS.AC */
  readonly ac: boolean;
  /** CR4.PSE, asked only by 32-bit paging. */
  readonly pse: boolean;
  /** CR4.PGE */
  readonly pge: boolean;
}

/**
 * Reads the registers together. `cr3` below 2^52. RangeError for PAE paging outside long mode, which is left
 * out.
 */
export function pagingOf(cr0: number, cr3: number, cr4: number, efer: number, ac: boolean): Paging {
  return {
    levels: levelsOf(cr0, cr4, efer),
    rootPfn: Math.floor(cr3 / PAGE_SIZE),
    pcid: cr4 & CR4_PCIDE ? cr3 % PAGE_SIZE : 0,
    wp: (cr0 & CR0_WP) !== 0,
    nxe: (efer & EFER_NXE) !== 0,
    smep: (cr4 & CR4_SMEP) !== 0,
    smap: (cr4 & CR4_SMAP) !== 0,
    ac,
    pse: (cr4 & CR4_PSE) !== 0,
    pge: (cr4 & CR4_PGE) !== 0,
  };
}

function levelsOf(cr0: number, cr4: number, efer: number): 0 | 2 | 4 | 5 {
  if ((cr0 & CR0_PG) === 0) return 0;
  const longMode = (efer & EFER_LMA) !== 0;
  const pae = (cr4 & CR4_PAE) !== 0;
  if (longMode !== pae) throw new RangeError(`CR4.PAE is ${pae} and EFER.LMA is ${longMode}: not supported`);
  if (!longMode) return 2;
  return cr4 & CR4_LA57 ? 5 : 4;
}

/**
 * Settings for 4-level paging from the table in frame `rootPfn`, as Linux runs; `changes` overrides single
 * ones.
 */
export function linuxPaging(rootPfn: number, changes: Partial<Paging> = {}): Paging {
  checkArguments("linuxPaging()", { rootPfn: "count", changes: "object?" }, [rootPfn, changes]);
  return { ...pagingOf(CR0_LINUX, rootPfn * PAGE_SIZE, CR4_LINUX, EFER_LMA | EFER_NXE, false), ...changes };
}
