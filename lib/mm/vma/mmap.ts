/**
 * mmap: a new mapping in an address space.
 *
 *   doMmap        arguments -> VM_* flags; errors a caller can make
 *     getUnmappedArea        where (unmapped_area.ts)
 *     mmapRegion             what was there goes (MAP_FIXED); limits and promise; then
 *       vmaMergeNewRange     a neighbour that fits simply grows ...
 *       mmapNewVma           ... else a new VMA; a file sets its vmOps
 *   mmPopulate    MAP_POPULATE and locked mappings: fault everything in (mm/fault/gup.ts)
 *
 * Nothing is read or allocated for the pages themselves: that is left to the faults.
 *
 * Order matters for what a caller sees when several things are wrong at once, so checks come in Linux's
 * order.
 *
 * Left out: protection keys, sealing, security modules.
 *
 * Read first: vma.ts, util.ts. Read next: munmap.ts, mm/fault/memory.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, pageAlign, pageAlignDown } from "../../hw/address.js";
import {
  EACCES,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  ETXTBSY,
} from "../errno.js";
import { shmemZeroSetup } from "../filemap/shmem.js";
import { khugepagedEnterVma } from "../huge/khugepaged_mm.js";
import {
  type File,
  FMODE_READ,
  FMODE_WRITE,
  fput,
  getFile,
  type MmStruct,
  VM_ACCOUNT,
  VM_DONTDUMP,
  VM_DROPPABLE,
  VM_EXEC,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NOMLOCK,
  VM_NORESERVE,
  VM_SHARED,
  VM_SYNC,
  VM_WIPEONFORK,
  VmAreaStruct,
  vmaIsAnonymous,
  vmaPages,
} from "../mm_types.js";
import { vmSoftdirty } from "../pgtable/soft_dirty.js";
import { OVERCOMMIT_NEVER } from "../system.js";
import {
  calcVmProtBits,
  LEGACY_MAP_MASK,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NONBLOCK,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  MAP_TYPE,
} from "./mman.js";
import { vmsCompleteMunmapVmas, vmsGatherMunmapVmas } from "./munmap.js";
import { getUnmappedArea, mmapMinAddr } from "./unmapped_area.js";
import {
  accountableMapping,
  canDoMlock,
  mayExpandVm,
  mlockFutureOk,
  vmEnoughMemory,
  vmStatAccount,
  vmUnacctMemory,
} from "./util.js";
import { vmaLink, vmaMergeNewRange, vmgState } from "./vma.js";

/** A mapping made, and how much of it the caller must fault in now (mmPopulate). */
interface MmapResult {
  /** Start of the mapping, or a negative errno. */
  addr: Vaddr;
  /** Bytes to populate, 0 for none. */
  populate: number;
}

/** One request on its way through mmap. */
interface MmapState {
  mm: MmStruct;
  addr: Vaddr;
  len: number;
  pgoff: number;
  vmFlags: number;
  file: File | undefined;
}

/**
 * The page up to which a file can be mapped: a regular one has at most 2^63 - 1 bytes.
 * Linux mm/mmap.c:file_mmap_size_max()
 */
function maxFilePages(file: File): number {
  return (file.isRegular === false ? 2 ** 52 : 2 ** 51) - 1;
}

/**
 * Maps `len` bytes (rounded up to pages) of `file` from page `pgoff`, or anonymous memory, at or near `addr`.
 * Linux mm/mmap.c:do_mmap()
 */
export function doMmap(
  mm: MmStruct,
  file: File | undefined,
  addr: Vaddr,
  len: number,
  prot: number,
  mapFlags: number,
  pgoff: number,
): MmapResult {
  const flags = (mapFlags & MAP_FIXED_NOREPLACE) !== 0 ? mapFlags | MAP_FIXED : mapFlags;
  const size = pageAlign(len);
  const page = pgoff < 0 ? pgoff + 2 ** 52 : pgoff; // an unsigned number
  const fail = (errno: number): MmapResult => ({ addr: -errno, populate: 0 });
  if (len === 0) return fail(EINVAL);
  if (size <= 0 || size > 2 ** 63) return fail(ENOMEM); // also a length that wraps to 0
  if (mm.mapCount > mm.sys.sysctl.maxMapCount) return fail(ENOMEM);
  const hint = (flags & MAP_FIXED) !== 0 ? addr : roundHintToMin(mm, addr);
  const area = getUnmappedArea(mm, file, hint, size, page, flags);
  if (area < 0) return { addr: area, populate: 0 };
  if ((flags & MAP_FIXED_NOREPLACE) !== 0 && mm.mmMt.intersection(area, area + size) !== undefined)
    return fail(EEXIST);
  const vmFlags = initialVmFlags(mm, prot, flags);
  const state = { mm, addr: area, len: size, pgoff: page, vmFlags, file };
  const err =
    checkLocking(state, flags) ||
    (file === undefined ? setUpAnon(state, flags) : setUpFile(state, file, prot, flags));
  if (err !== 0) return { addr: err, populate: 0 };
  const strict = mm.sys.sysctl.overcommitMemory === OVERCOMMIT_NEVER && file?.hugePageSize === undefined;
  if ((flags & MAP_NORESERVE) !== 0 && !strict) state.vmFlags |= VM_NORESERVE;
  const mapped = mmapRegion(state);
  const populate =
    (state.vmFlags & VM_LOCKED) !== 0 || (flags & (MAP_POPULATE | MAP_NONBLOCK)) === MAP_POPULATE;
  return { addr: mapped, populate: mapped >= 0 && populate ? size : 0 };
}

/** A hint too low to be used becomes the lowest usable one. Linux mm/mmap.c:round_hint_to_min() */
function roundHintToMin(mm: MmStruct, hint: number): number {
  const addr = pageAlignDown(hint);
  const low = mmapMinAddr(mm);
  return addr > 0 && addr < low ? pageAlign(low) : addr;
}

/** Linux include/linux/mman.h:calc_vm_flag_bits() */
function initialVmFlags(mm: MmStruct, prot: number, flags: number): number {
  let vmFlags = calcVmProtBits(prot) | mm.defFlags | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  if ((flags & MAP_GROWSDOWN) !== 0) vmFlags |= VM_GROWSDOWN;
  if ((flags & MAP_LOCKED) !== 0) vmFlags |= VM_LOCKED;
  if ((flags & MAP_STACK) !== 0) vmFlags |= VM_NOHUGEPAGE;
  if ((flags & MAP_SYNC) !== 0) vmFlags |= VM_SYNC;
  return vmFlags;
}

function checkLocking({ mm, vmFlags, len }: MmapState, flags: number): number {
  if ((flags & MAP_LOCKED) !== 0 && !canDoMlock(mm.sys)) return -EPERM;
  return mlockFutureOk(mm, vmFlags, len) ? 0 : -EAGAIN;
}

/** Type and offset of an anonymous mapping. 0 or negative errno. */
function setUpAnon(state: MmapState, flags: number): number {
  switch (flags & MAP_TYPE) {
    case MAP_SHARED:
      if ((state.vmFlags & VM_GROWSDOWN) !== 0) return -EINVAL;
      state.pgoff = 0;
      state.vmFlags |= VM_SHARED | VM_MAYSHARE;
      return 0;
    case MAP_DROPPABLE:
      if ((flags & (MAP_LOCKED | MAP_HUGETLB)) !== 0 || (state.vmFlags & VM_GROWSDOWN) !== 0) return -EINVAL;
      // What can go away at any time is not worth a promise, nor a copy in a child or a core dump.
      state.vmFlags |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
      state.pgoff = state.addr / PAGE_SIZE;
      return 0;
    case MAP_PRIVATE:
      // The address serves as offset: so neighbours run on and may merge.
      state.pgoff = state.addr / PAGE_SIZE;
      return 0;
    default:
      return -EINVAL;
  }
}

/** Type of a file mapping, and what the open file allows. 0 or negative errno. */
function setUpFile(state: MmapState, file: File, prot: number, mapFlags: number): number {
  const type = mapFlags & MAP_TYPE;
  const flags = type === MAP_SHARED ? mapFlags & LEGACY_MAP_MASK : mapFlags;
  if (state.pgoff + state.len / PAGE_SIZE > maxFilePages(file)) return -EOVERFLOW;
  if (type === MAP_SHARED || type === MAP_SHARED_VALIDATE) {
    const known = LEGACY_MAP_MASK | MAP_SHARED_VALIDATE | (file.mmapSync === true ? MAP_SYNC : 0);
    if ((flags & ~known) !== 0) return -EOPNOTSUPP;
    if ((prot & 2) !== 0 && (file.fMode & FMODE_WRITE) === 0) return -EACCES;
    if ((prot & 2) !== 0 && file.fMapping.host.isSwapfile === true) return -ETXTBSY;
    state.vmFlags |= VM_SHARED | VM_MAYSHARE;
    if ((file.fMode & FMODE_WRITE) === 0) state.vmFlags &= ~(VM_MAYWRITE | VM_SHARED);
  } else if (type !== MAP_PRIVATE) return -EINVAL;
  if ((file.fMode & FMODE_READ) === 0) return -EACCES;
  if (file.noExec === true) {
    if ((state.vmFlags & VM_EXEC) !== 0) return -EPERM;
    state.vmFlags &= ~VM_MAYEXEC;
  }
  if (file.mmapPrepare === undefined || file.canMmap === false) return -ENODEV;
  return (state.vmFlags & VM_GROWSDOWN) !== 0 ? -EINVAL : 0;
}

/** Makes the mapping: replaces what is there, charges it, merges or creates. Linux mm/vma.c:mmap_region() */
function mmapRegion(state: MmapState): number {
  const { mm, addr, len, file } = state;
  const end = addr + len;
  let err = vmsGatherMunmapVmas(mm, addr, end);
  if (err !== 0) return err;
  const charged = chargeRegion(state);
  if (charged < 0) return charged;
  vmsCompleteMunmapVmas(mm, addr, end);
  const vmg = vmgState(mm, addr, end, state.vmFlags, state.pgoff);
  vmg.file = file;
  let vma = vmaMergeNewRange(vmg);
  if (vma === undefined) {
    vma = new VmAreaStruct(mm);
    err = mmapNewVma(state, vma);
    if (err !== 0) {
      vmUnacctMemory(mm.sys, charged);
      return err;
    }
  }
  mmapComplete(state, vma);
  return addr;
}

/**
 * Checks limits and promises the pages; what MAP_FIXED replaces is taken off. Pages or negative errno.
 * Linux mm/vma.c:__mmap_setup()
 */
function chargeRegion(state: MmapState): number {
  const { mm, addr, len } = state;
  let nrReplaced = 0;
  let nrAccounted = 0;
  for (const vma of mm.mmMt.slice(addr, addr + len)) {
    nrReplaced += vmaPages(vma);
    if ((vma.vmFlags & VM_ACCOUNT) !== 0) nrAccounted += vmaPages(vma);
  }
  const pglen = len / PAGE_SIZE;
  if (!mayExpandVm(mm, state.vmFlags, pglen - nrReplaced)) return -ENOMEM;
  if (!accountableMapping(state.file, state.vmFlags)) return 0;
  const extra = pglen - nrAccounted;
  if (extra > 0 && vmEnoughMemory(mm.sys, mm, extra) < 0) return -ENOMEM;
  mm.sys.vmCommittedAs += extra > 0 ? nrAccounted : pglen; // the replaced VMAs give theirs back when they go
  state.vmFlags |= VM_ACCOUNT;
  return pglen;
}

/** A VMA of its own for the mapping. 0 or negative errno. Linux mm/vma.c:__mmap_new_vma() */
function mmapNewVma(state: MmapState, vma: VmAreaStruct): number {
  vma.vmStart = state.addr;
  vma.vmEnd = state.addr + state.len;
  vma.vmFlags = state.vmFlags;
  vma.vmPgoff = state.pgoff;
  let err = 0;
  if (state.file !== undefined) {
    vma.vmFile = getFile(state.file);
    err = state.file.mmapPrepare!(vma);
    if (err !== 0) fput(state.file);
  } else if ((state.vmFlags & VM_SHARED) !== 0) err = shmemZeroSetup(vma);
  if (err !== 0) return err;
  vmaLink(vma);
  if (!vmaIsAnonymous(vma)) khugepagedEnterVma(vma);
  return 0;
}

/** Counts the mapping. Linux mm/vma.c:__mmap_complete() */
function mmapComplete(state: MmapState, vma: VmAreaStruct): void {
  const { mm, vmFlags } = state;
  const pglen = state.len / PAGE_SIZE;
  vma.vmFlags |= vmSoftdirty(mm);
  vmStatAccount(mm, vmFlags, pglen);
  if ((vmFlags & VM_LOCKED) === 0) return;
  if ((vma.vmFlags & VM_NOMLOCK) !== 0) vma.vmFlags &= ~VM_LOCKED_MASK;
  else mm.lockedVm += pglen;
}
