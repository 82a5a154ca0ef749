/**
 * Shared memory: files that live in RAM (tmpfs, memfd) and anonymous memory mapped MAP_SHARED.
 *
 *   mmap(MAP_SHARED | MAP_ANONYMOUS)  -->  shmemZeroSetup: a file "/dev/zero (deleted)" without a name, one for each mapping
 *   parent and child after fork       -->  both VMAs have the same vmFile, so both find the same pages
 *
 * A page of such a file comes to be at its first touch, also at a read: it is a page of zeros in the page
 * cache. There is no device to be major about, and nothing to write back to: a dirty page stays until it is
 * truncated or swapped out (shmem_swap.ts). Every page counts as shmem, not as file, in the process's
 * counters.
 *
 * The files themselves, with and without a name, are in fs/tmpfs.ts, which is called from here through the
 * table `sys.vfs`. (Linux has both in mm/shmem.c.)
 *
 * Read first: address_space.ts. Read next: shmem_swap.ts, filemap_fault.ts, fs/tmpfs.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { ENOMEM } from "../errno.js";
import { vmaFolioPage } from "../fault/file_fault.js";
import {
  VM_FAULT_LOCKED,
  VM_FAULT_MAJOR,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  type VmFault,
} from "../fault/vm_fault.js";
import { collapseShmem } from "../huge/collapse_file_scan.js";
import { shmemHugeOrders } from "../huge/shmem_huge.js";
import {
  fput,
  VM_NORESERVE,
  type VmAreaStruct,
  type VmFaultResult,
  type VmOperationsStruct,
  vmaPages,
} from "../mm_types.js";
import { type Folio, folioNrPages, PG_uptodate } from "../pages/folio.js";
import { vmEnoughMemory } from "../vma/util.js";
import { mappingGfpMask } from "./address_space.js";
import { filemapGetFolioCreat } from "./filemap.js";
import { filemapMapPages } from "./filemap_fault.js";
import type { AddressSpace, AddressSpaceOperations } from "./mapping.js";
import type { ShmemFaultType } from "./shmem_swap.js";

/** Brings page vmf.pgoff in, from swap, or made of zeros if it is missing. Linux mm/shmem.c:shmem_fault() */
export function shmemFault(vmf: VmFault): VmFaultResult {
  const mapping = vmf.vma.vmFile!.fMapping;
  if (vmf.pgoff >= Math.ceil(mapping.host.iSize / PAGE_SIZE)) return VM_FAULT_SIGBUS;
  const fault = { vmf, major: false };
  const folio = shmemGetFolio(mapping, vmf.pgoff, fault);
  if (typeof folio === "number") return folio === -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
  vmf.page = vmaFolioPage(vmf.vma, folio, vmf.pgoff - folio.index);
  return fault.major ? VM_FAULT_LOCKED | VM_FAULT_MAJOR : VM_FAULT_LOCKED;
}

/**
 * The folio of page `index` with a reference, made if missing; or a negative errno.
 * Linux mm/shmem.c:shmem_get_folio_gfp()
 */
function shmemGetFolio(mapping: AddressSpace, index: number, fault: ShmemFaultType): Folio | number {
  const folio = filemapGetFolioCreat(mapping, index, 0, mappingGfpMask(mapping), fault);
  if (typeof folio === "number" || (folio.flags & PG_uptodate) !== 0) return folio;
  for (let i = 0; i < folioNrPages(folio); i++) mapping.host.sys.ram.zeroFrame(folio.pfn + i);
  folio.flags |= PG_uptodate;
  return folio;
}

/** Linux mm/shmem.c:shmem_vm_ops */
export const shmemVmOps: VmOperationsStruct = {
  fault: shmemFault,
  mapPages: filemapMapPages,
  hugeOrders: shmemHugeOrders,
  collapse: collapseShmem,
};
/**
 * The same for anonymous shared memory, which is told from a file in memory by them.
 * Linux mm/shmem.c:shmem_anon_vm_ops
 */
const shmemAnonVmOps: VmOperationsStruct = { ...shmemVmOps, anonShmem: true };

/**
 * Whether the VMA is anonymous shared memory, no file that somebody opened.
 * Linux mm/shmem.c:vma_is_anon_shmem()
 */
export function vmaIsAnonShmem(vma: VmAreaStruct): boolean {
  return vma.vmOps?.anonShmem === true;
}

/** Linux mm/shmem.c:shmem_aops */
export const shmemAops: AddressSpaceOperations = { maxFolioOrder: 0, swapBacked: true };
/** The same for files of the kernel's own mount: without a name, or a name that no folder has. */
export const shmMntAops: AddressSpaceOperations = { ...shmemAops, innerMount: true };

/**
 * Puts shared memory behind an anonymous MAP_SHARED mapping; 0 or negative errno.
 * Linux mm/shmem.c:shmem_zero_setup()
 */
export function shmemZeroSetup(vma: VmAreaStruct): number {
  const { vmMm: mm } = vma;
  const accounted = (vma.vmFlags & VM_NORESERVE) !== 0 ? 0 : vmaPages(vma);
  if (accounted > 0 && vmEnoughMemory(mm.sys, mm, accounted) < 0) return -ENOMEM;
  const file = mm.sys.vfs.shmemFileSetup(mm.sys, "dev/zero", vma.vmEnd - vma.vmStart);
  file.fMapping.host.accountedPages = accounted;
  if (vma.vmFile !== undefined) fput(vma.vmFile); // a mapping of /dev/zero lets go of the device
  vma.vmFile = file;
  vma.vmOps = shmemAnonVmOps;
  return 0;
}
