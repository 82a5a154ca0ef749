/**
 * Protection: what the bits of the entries on the way to a page allow.
 *
 *   every entry passed          leaf
 *   R/W  AND-ed together        D, G: its own
 *   U/S  AND-ed together
 *   NX   OR-ed together
 *            |                    |
 *            +------- rights -----+---> one word that the TLB keeps; every later hit is checked against it
 *
 *                    user page (U/S = 1)                    supervisor page (U/S = 0)
 *   user read        yes                                    no
 *   user write       if R/W                                 no
 *   user fetch       unless NX                              no
 *   sup. read        unless SMAP and AC = 0                 yes
 *   sup. write       same, and (R/W or CR0.WP = 0)          if R/W or CR0.WP = 0
 *   sup. fetch       unless NX or SMEP                      unless NX
 *
 * A rights word has the layout of an entry's low 12 bits, with NX moved to bit 9 (free there), so that one
 * masked comparison answers a question: `(rights & mask) === want`. `rightsTest` derives mask and want from
 * the table above.
 *
 * Read first: fault.ts, registers.ts. Read next: walk.ts.
 */
import { PAGE_DIRTY, PAGE_GLOBAL, PAGE_RW, PAGE_USER } from "./entry.js";
import { ACCESS_FETCH, ACCESS_USER, ACCESS_WRITE, PF_INSTR } from "./fault.js";
import type { Paging } from "./registers.js";

/** NX as it stands in a rights word: bit 9, which entries leave to the operating system. */
export const RIGHT_NX = 0x200;
/** The bits that a rights word may have. */
export const RIGHTS_MASK = PAGE_RW | PAGE_USER | PAGE_DIRTY | PAGE_GLOBAL | RIGHT_NX;

/**
 * Whether a page with `rights` allows `access` under the rules of `paging`.
 * Intel SDM vol. 3A, Determination of Access Rights
 */
export function allows(rights: number, access: number, paging: Paging): boolean {
  const userPage = (rights & PAGE_USER) !== 0;
  const noExecute = (rights & RIGHT_NX) !== 0;
  if (access & ACCESS_USER) {
    if (!userPage) return false;
    if (access & ACCESS_FETCH) return !noExecute;
    return (access & ACCESS_WRITE) === 0 || (rights & PAGE_RW) !== 0;
  }
  if (access & ACCESS_FETCH) return !noExecute && !(userPage && paging.smep);
  if (userPage && paging.smap && !paging.ac) return false;
  return (access & ACCESS_WRITE) === 0 || (rights & PAGE_RW) !== 0 || !paging.wp;
}

/**
 * The masked comparison for `access`: allowed exactly when `(rights & mask) === want`. Not in Linux: the
 * emulator's hot paths ask one such question instead of a chain of them.
 */
export function rightsTest(access: number, paging: Paging): { mask: number; want: number } {
  if (access & ACCESS_USER) {
    if (access & ACCESS_FETCH) return { mask: PAGE_USER | RIGHT_NX, want: PAGE_USER };
    const want = access & ACCESS_WRITE ? PAGE_USER | PAGE_RW : PAGE_USER;
    return { mask: want, want };
  }
  if (access & ACCESS_FETCH) return { mask: RIGHT_NX | (paging.smep ? PAGE_USER : 0), want: 0 };
  const want = access & ACCESS_WRITE && paging.wp ? PAGE_RW : 0;
  return { mask: want | (paging.smap && !paging.ac ? PAGE_USER : 0), want };
}

/**
 * The error code of a page fault on `access`: `cause` (0, PF_PROT or PF_PROT | PF_RSVD) and what the access
 * was. I/D is reported only while the processor can tell fetches apart: NXE or SMEP is on.
 * Intel SDM vol. 3A, Page-Fault Exceptions
 */
export function errorCodeOf(cause: number, access: number, paging: Paging): number {
  const code = cause | access;
  return paging.nxe || paging.smep ? code : code & ~PF_INSTR;
}
