/**
 * The vdso: a page or two of kernel code in every process, so that asking the time needs no system call.
 *
 *   0x7fff_f7ff_7000  [vvar]         4 pages  r--   the clock's data, written by the kernel
 *   0x7fff_f7ff_b000  [vvar_vclock]  2 pages  r--   clocks of hypervisors
 *   0x7fff_f7ff_d000  [vdso]         2 pages  r-x   the code
 *
 * They are special mappings: no file behind them, a name of their own, never merged, never grown.
 *
 * Differs from Linux: the code is a `ret` in every byte, and the data pages cannot be read (SIGBUS).
 *
 * Linux arch/x86/entry/vdso/vma.c. Read first: exec.ts.
 */

import type { Vaddr } from "../hw/address.js";
import { PAGE_SIZE } from "../hw/address.js";
import { VM_FAULT_SIGBUS, type VmFault } from "../mm/fault/vm_fault.js";
import {
  type MmStruct,
  VM_DONTDUMP,
  VM_DONTEXPAND,
  VM_EXEC,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VmAreaStruct,
  type VmFaultResult,
  type VmOperationsStruct,
  vmaPages,
} from "../mm/mm_types.js";
import { folioGet, pfnToPage } from "../mm/pages/folio.js";
import { allocReservedPage } from "../mm/pages/page_alloc.js";
import { vmSoftdirty } from "../mm/pgtable/soft_dirty.js";
import type { MemorySystem } from "../mm/system.js";
import { getUnmappedArea } from "../mm/vma/unmapped_area.js";
import { vmStatAccount } from "../mm/vma/util.js";
import { vmaLink } from "../mm/vma/vma.js";

const VVAR_PAGES = 4;
const VCLOCK_PAGES = 2;
const VDSO_PAGES = 2;
const RET = 0xc3;

/** Frames of the code pages, filled when they are first needed. Linux vdso64_image */
function imageOf(sys: MemorySystem): number[] {
  const pfns = sys.vdsoPfns;
  if (pfns.length === 0) {
    pfns.push(...Array.from({ length: VDSO_PAGES }, () => allocReservedPage(sys).pfn));
    for (const pfn of pfns) sys.ram.frame(pfn).fill(RET);
  }
  return pfns;
}

/** Linux arch/x86/entry/vdso/vma.c:vdso_fault() */
function vdsoFault(vmf: VmFault): VmFaultResult {
  const { sys } = vmf.vma.vmMm;
  const pfn = imageOf(sys)[(vmf.address - vmf.vma.vmStart) / PAGE_SIZE];
  if (pfn === undefined) return VM_FAULT_SIGBUS;
  vmf.page = pfnToPage(sys, pfn);
  folioGet(vmf.page);
  return 0;
}

function special(name: string, fault: (vmf: VmFault) => VmFaultResult): VmOperationsStruct {
  return { name: () => name, fault: (vmf) => fault(vmf as VmFault), maySplit: () => 0, close() {} };
}

const vvarOps = special("[vvar]", () => VM_FAULT_SIGBUS);
const vclockOps = special("[vvar_vclock]", () => VM_FAULT_SIGBUS);
const vdsoOps = special("[vdso]", vdsoFault);

/** A mapping without a file that has a name of its own. Linux mm/mmap.c:_install_special_mapping() */
function installSpecialMapping(
  mm: MmStruct,
  addr: Vaddr,
  pages: number,
  flags: number,
  ops: VmOperationsStruct,
): void {
  const vma = new VmAreaStruct(mm);
  vma.vmStart = addr;
  vma.vmEnd = addr + pages * PAGE_SIZE;
  vma.vmFlags = flags | VM_DONTEXPAND | vmSoftdirty(mm);
  vma.vmOps = ops;
  vmaLink(vma);
  vmStatAccount(mm, vma.vmFlags, vmaPages(vma));
}

/** Maps vvar and vdso where mmap would. 0 or negative errno. Linux arch/x86/entry/vdso/vma.c:map_vdso() */
export function mapVdso(mm: MmStruct): number {
  const addr = getUnmappedArea(mm, undefined, 0, (VVAR_PAGES + VCLOCK_PAGES + VDSO_PAGES) * PAGE_SIZE, 0, 0);
  if (addr < 0) return addr;
  const data = VM_READ | VM_MAYREAD | VM_IO | VM_DONTDUMP | VM_PFNMAP;
  const code = VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  const vclock = addr + VVAR_PAGES * PAGE_SIZE;
  mm.vdso = vclock + VCLOCK_PAGES * PAGE_SIZE;
  installSpecialMapping(mm, addr, VVAR_PAGES, data, vvarOps);
  installSpecialMapping(mm, vclock, VCLOCK_PAGES, data, vclockOps);
  installSpecialMapping(mm, mm.vdso, VDSO_PAGES, code, vdsoOps);
  return 0;
}
