/**
 * The replaceable parts of memory management: functions that a learner may write.
 *
 *   sys.parts.doAnonymousPage   first touch of anonymous memory     (lab 03)   Linux's: memory.ts
 *   sys.parts.classifyFault     what to do about a page fault       (lab 03)   Linux's: classify_fault.ts
 *   sys.parts.doReadFault       first read of a mapped file         (lab 03)   Linux's: file_fault.ts
 *   sys.parts.copyPresentPte    one entry of a fork                 (lab 04)   Linux's: copy_page_range.ts
 *   sys.parts.doWpPage          write to a read-only entry          (lab 04)   Linux's: wp.ts
 *
 * The kernel calls these only through sys.parts, so a machine booted with `parts: { doWpPage: mine }` runs on `mine`.
 *
 * Read first: memory.ts.
 */
import { classifyFault, type FaultClass } from "./classify_fault.js";
import { copyPresentPte } from "./copy_page_range.js";
import { doReadFault } from "./file_fault.js";
import { doAnonymousPage } from "./memory.js";
import type { VmAreaStruct, VmFaultResult } from "./mm_types.js";
import type { VmFault } from "./vm_fault.js";
import { doWpPage } from "./wp.js";

/** Parts of `lib/mm` that may be replaced at boot. Not in Linux. */
export interface MmParts {
  /** What to do about a page fault at `address`; `vma` is the first VMA that ends above it. */
  classifyFault(vma: VmAreaStruct | undefined, address: number, errorCode: number): FaultClass;
  /** First touch of anonymous memory: sets the entry at vmf.ptep (after vmfPteAlloc). */
  doAnonymousPage(vmf: VmFault): VmFaultResult;
  /** Read of a file page whose entry is empty. */
  doReadFault(vmf: VmFault): VmFaultResult;
  /** Write to the present, read-only entry vmf.origPte at vmf.ptep. */
  doWpPage(vmf: VmFault): VmFaultResult;
  /** fork: sets the child's entry at dstPtep, and changes the parent's at srcPtep, now `srcPte`; 0 or negative errno. */
  copyPresentPte(
    dstVma: VmAreaStruct,
    srcVma: VmAreaStruct,
    dstPtep: number,
    srcPtep: number,
    srcPte: number,
    addr: number,
  ): number;
}

/** Linux's own parts. */
export function linuxMmParts(): MmParts {
  return { classifyFault, doAnonymousPage, doReadFault, doWpPage, copyPresentPte };
}
