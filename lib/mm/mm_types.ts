/**
 * The structures of memory management: one MmStruct per address space, one VmAreaStruct per mapping in it.
 *
 *   MmStruct                 VmAreaStruct                 behind it
 *   +--------+   mmMt        +-----------------+
 *   | pgd    |------------>  | vmStart..vmEnd  |  vmFile -----> File -- fMapping --> AddressSpace (page cache)
 *   | rss    |   sorted by   | vmFlags vmPgoff |  anonVma ----> AnonVma (reverse map of anonymous pages)
 *   | totalVm|   vmStart     | vmOps           |  anonVmaChain: one link to each AnonVma that may hold its pages
 *   +--------+               +-----------------+
 *
 * A VMA says what a range of addresses means: who may do what there (vmFlags) and where the bytes come from
 * (vmFile at page vmPgoff, or nowhere: anonymous). The page tables under `pgd` say what is there right now.
 * VMAs never overlap, and two neighbours that mean the same are one (mm/vma/vma.ts merges them), so their
 * number is part of what Linux shows.
 *
 * Anonymous pages find the VMAs that may map them through an AnonVma. A VMA gets its AnonVma with its first
 * anonymous page; fork gives the child one of its own and links it to those of all its ancestors, because
 * inherited pages still belong to them:
 *
 *   vma --avc-- AnonVma(own)            vma.anonVmaChain has one link for each AnonVma,
 *     \---avc-- AnonVma(parent's)       AnonVma.rbRoot has one link for each VMA
 *
 * The flag words are kept as signed 32-bit integers (VM_MERGEABLE is the sign bit), so flags are combined
 * with | & ~ only, and two flag words may be compared with ===.
 *
 * Read first: system.ts. Read next: mm/vma/vma.ts (merge and split), mm/fault/memory.ts (faults).
 */
import { PAGE_SIZE, type Vaddr } from "../hw/address.js";
import type { VmFault } from "./fault/vm_fault.js";
import type { FileRaState } from "./filemap/file_ra_state.js";
import type { AddressSpace } from "./filemap/mapping.js";
import { MmThp, type ScanResult, type TvaType } from "./huge/thp_types.js";
import type { Memcg } from "./lru/lruvec.js";
import { percpuCounterAdd, type RssLag } from "./percpu_counter.js";
import type { MmuGather } from "./pgtable/tlb_types.js";
import type { MemorySystem } from "./system.js";
import { VmaTree } from "./vma/vma_tree.js";

/** May be read now. Linux include/linux/mm.h:VM_READ; so are all VM_ names below. */
export const VM_READ = 0x1;
/** May be written now. */
export const VM_WRITE = 0x2;
/** May be executed now. */
export const VM_EXEC = 0x4;
/** Writes are seen by everyone who maps the same pages. */
export const VM_SHARED = 0x8;
/** mprotect may set VM_READ. */
export const VM_MAYREAD = 0x10;
/** mprotect may set VM_WRITE. */
export const VM_MAYWRITE = 0x20;
/** mprotect may set VM_EXEC. */
export const VM_MAYEXEC = 0x40;
/** A shared mapping in the eyes of mmap, also where the file is open read-only and VM_SHARED was dropped. */
export const VM_MAYSHARE = 0x80;
/** Grows downwards when touched just below, as stacks do. */
export const VM_GROWSDOWN = 0x100;
/** Frames without page structs: devices. */
export const VM_PFNMAP = 0x400;
/**
 * Guard markers may be in the page tables. Differs from Linux: came with 6.19, is in the recorded 6.18.44.
 */
export const VM_MAYBE_GUARD = 0x800;
/** Pages stay in RAM: mlock. */
export const VM_LOCKED = 0x2000;
/** Memory-mapped I/O. */
export const VM_IO = 0x4000;
/** MADV_SEQUENTIAL. */
export const VM_SEQ_READ = 0x8000;
/** MADV_RANDOM. */
export const VM_RAND_READ = 0x1_0000;
/** MADV_DONTFORK: fork leaves it out. */
export const VM_DONTCOPY = 0x2_0000;
/** mremap may not grow it. */
export const VM_DONTEXPAND = 0x4_0000;
/** mlock2(MLOCK_ONFAULT): locked as pages come in. */
export const VM_LOCKONFAULT = 0x8_0000;
/** Counted in vmCommittedAs. */
export const VM_ACCOUNT = 0x10_0000;
/** MAP_NORESERVE: not counted. */
export const VM_NORESERVE = 0x20_0000;
/** hugetlbfs. */
export const VM_HUGETLB = 0x40_0000;
/** MAP_SYNC. */
export const VM_SYNC = 0x80_0000;
/**
 * MAP_DROPPABLE: pages may be dropped at any time. Differs from Linux: bit 40 there, in a wider word; this
 * bit is the one that 32-bit processors use for it. A touch that finds no memory at all kills the process,
 * where Linux lets it try again.
 */
export const VM_DROPPABLE = 0x100_0000;
/** MADV_WIPEONFORK: the child sees zeros. */
export const VM_WIPEONFORK = 0x200_0000;
/** MADV_DONTDUMP: not in core dumps. */
export const VM_DONTDUMP = 0x400_0000;
/** The whole mapping counts as written, since it is new (mm/pgtable/soft_dirty.ts). */
export const VM_SOFTDIRTY = 0x800_0000;
/** May contain both page structs and bare frames. */
export const VM_MIXEDMAP = 0x1000_0000;
/** MADV_HUGEPAGE. */
export const VM_HUGEPAGE = 0x2000_0000;
/** MADV_NOHUGEPAGE. */
export const VM_NOHUGEPAGE = 0x4000_0000;
/** MADV_MERGEABLE (KSM); the sign bit. */
export const VM_MERGEABLE = 0x8000_0000 | 0;

/** The three access bits together. Linux include/linux/mm.h:VM_ACCESS_FLAGS */
export const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;
/** VMAs that are never merged or grown. Linux include/linux/mm.h:VM_SPECIAL */
export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
/** The flags of a stack mapping: it grows down on x86. Linux include/linux/mm.h:VM_STACK */
export const VM_STACK = VM_GROWSDOWN;
/** VMAs whose pages mlock leaves alone. Linux mm/internal.h:vma_supports_mlock() */
export const VM_NOMLOCK = VM_SPECIAL | VM_HUGETLB | VM_DROPPABLE;
/** Everything mlock sets. Linux include/linux/mm.h:VM_LOCKED_MASK */
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;

/**
 * Flags that a merged VMA has if a part of it had them. Linux include/linux/mm.h:VM_STICKY
 * Differs from Linux: VM_SOFTDIRTY is one of them since 6.19. In 6.18 madvise, mlock and mprotect give the
 * merged VMA what the part that they changed had.
 */
export const VM_STICKY = VM_MAYBE_GUARD;
/** Flags that do not keep two VMAs from merging. Linux mm/vma.c:is_mergeable_vma() */
export const VM_IGNORE_MERGE = VM_STICKY | VM_SOFTDIRTY;

/** Index into MmStruct.rssStat. Linux include/linux/mm_types_task.h:MM_FILEPAGES ... */
export const MM_FILEPAGES = 0;
export const MM_ANONPAGES = 1;
export const MM_SWAPENTS = 2;
export const MM_SHMEMPAGES = 3;

/** How a page fault or a population ended: bits of VM_FAULT_*. */
export type VmFaultResult = number;

/** One link between a VMA and an AnonVma. Linux include/linux/rmap.h:struct anon_vma_chain */
export interface AnonVmaChain {
  vma: VmAreaStruct;
  anonVma: AnonVma;
  /** The group that pays for the link. */
  memcg?: Memcg | undefined;
}

/**
 * The reverse map of a group of anonymous pages: every VMA that may map one of them.
 * Linux include/linux/rmap.h:struct anon_vma
 */
export class AnonVma {
  /**
   * Tells AnonVma from AddressSpace in folio.mapping. Linux: the low bit FOLIO_MAPPING_ANON of the pointer
   */
  readonly isAnon = true as const;
  /**
   * The oldest ancestor's AnonVma: one lock for the whole family in Linux.
   * Invariant: root === parent.root; a root is its own root and parent.
   */
  root: AnonVma;
  /** The AnonVma this one was cloned under; itself for a root. */
  parent: AnonVma;
  /** VMAs, pages' owners and children that keep it alive. Linux refcount */
  refcount = 1;
  /** The group that pays for the structure. */
  memcg: Memcg | undefined = undefined;
  /** How many AnonVmas name this one as parent (a root counts itself). */
  numChildren = 0;
  /**
   * How many VMAs have it as their own `anonVma`.
   * Invariant: each of them has a link in rbRoot, so numActiveVmas <= rbRoot.size.
   */
  numActiveVmas = 0;
  /**
   * One link for each VMA that may map pages of this AnonVma. Linux rb_root, an interval tree
   * Invariant: a link is here exactly while it is in the anonVmaChain of its VMA.
   */
  readonly rbRoot = new Set<AnonVmaChain>();

  constructor(parent?: AnonVma) {
    this.parent = parent ?? this;
    this.root = parent?.root ?? this;
  }
}

/**
 * What stands behind a VMA that is not plain anonymous memory. Linux include/linux/mm.h:struct
 * vm_operations_struct
 */
export interface VmOperationsStruct {
  /** Name that /proc/PID/maps shows for mappings without a file. */
  name?(vma: VmAreaStruct): string | undefined;
  /** Called when a copy of the VMA comes to be (split, fork, move). */
  open?(vma: VmAreaStruct): void;
  /** Called when the VMA goes away. */
  close?(vma: VmAreaStruct): void;
  /** Whether the VMA may be split at `addr`: 0 or negative errno. */
  maySplit?(vma: VmAreaStruct, addr: Vaddr): number;
  /** Bytes of the pages that back it, where these are not small ones. Linux vm_ops->pagesize */
  pagesize?(vma: VmAreaStruct): number;
  /** Brings in one page: fills vmf.page. */
  fault?(vmf: VmFault): VmFaultResult;
  /** Maps pages around the fault that are already in the page cache. */
  mapPages?(vmf: VmFault, startPgoff: number, endPgoff: number): VmFaultResult;
  /** A read-only shared page is about to become writable. */
  pageMkwrite?(vmf: VmFault): VmFaultResult;
  /** Brings in a folio of 2^order pages and maps it whole; VM_FAULT_FALLBACK if it cannot. */
  hugeFault?(vmf: VmFault, order: number): VmFaultResult;
  /** Makes a huge page of the file's pages at `haddr`, and maps it if it may. */
  collapse?(vma: VmAreaStruct, haddr: Vaddr, khugepaged: boolean): ScanResult;
  readonly anonShmem?: true; // shared memory without a name; Linux vma_is_anon_shmem() compares addresses
  /** Which of `orders` the file lets `type` use. Not in Linux: __thp_vma_allowable_orders() asks by kind. */
  hugeOrders?(vma: VmAreaStruct, type: TvaType, orders: number): number;
}

/** An open file. Linux include/linux/fs.h:struct file; its page cache is mm/filemap/filemap.ts's concern. */
export interface File {
  /** FMODE_READ, FMODE_WRITE. */
  fMode: number;
  /** The file's page cache. */
  fMapping: AddressSpace;
  /** Path as /proc/PID/maps shows it. */
  readonly path: string;
  /** Device (major * 256 + minor) and inode number, as /proc/PID/maps shows them. Linux i_sb->s_dev, i_ino */
  readonly dev?: number;
  readonly ino?: number;
  /** Readahead state; made by the first fault where the file has none. Linux f_ra */
  fRa?: FileRaState;
  /** Counts holders: file descriptors and VMAs. Linux f_ref */
  refcount: number;
  /**
   * Mappings of 2 MiB and more are placed so that huge pages fit. Linux f_op->get_unmapped_area =
   * thp_get_unmapped_area
   */
  readonly thpUnmappedArea?: boolean;
  /** Bytes of the huge pages that it consists of. Linux hstate_file(), is_file_hugepages() */
  readonly hugePageSize?: number;
  /** MAP_SYNC may be asked for. Linux f_op->fop_flags, FOP_MMAP_SYNC */
  readonly mmapSync?: boolean;
  /** It lies on a file system mounted noexec. Linux path_noexec() */
  readonly noExec?: boolean;
  /** Writes the dirty pages of bytes [first, last] and waits; 0 or negative errno. Linux f_op->fsync */
  fsync?(first: number, last: number): number;
  /** Reads bytes into the page cache ahead of need. Linux mm/fadvise.c:vfs_fadvise(POSIX_FADV_WILLNEED) */
  fadviseWillneed?(offset: number, len: number): void;
  /**
   * Makes a hole of zeros in the file; 0 or negative errno.
   * Linux fs/open.c:vfs_fallocate(FALLOC_FL_PUNCH_HOLE)
   */
  punchHole?(offset: number, len: number): number;
  /** Called when the last holder is gone. Linux f_op->release */
  release?(): void;
  /** false: it is no regular file, so its offsets have no end at 2^63. Linux S_ISREG() */
  readonly isRegular?: boolean;
  /**
   * False where the file has no way to be mapped, whatever mmapPrepare says: a device without memory.
   * Linux can_mmap_file()
   */
  readonly canMmap?: boolean;
  /**
   * Makes `vma` a mapping of this file: sets vmOps; 0 or a negative errno. Without it the file cannot be
   * mapped. Linux f_op->mmap_prepare
   */
  mmapPrepare?(vma: VmAreaStruct): number;
}

/** One more holder of `file`. Linux include/linux/fs.h:get_file() */
export function getFile(file: File): File {
  file.refcount++;
  return file;
}

/** One holder less; the last one closes it. Linux fs/file_table.c:fput() */
export function fput(file: File): void {
  if (--file.refcount === 0) file.release?.();
}

/** Linux include/linux/fs.h:FMODE_READ */
export const FMODE_READ = 0x1;
/** Linux include/linux/fs.h:FMODE_WRITE */
export const FMODE_WRITE = 0x2;
/** Opened with O_PATH: it names a place and can do nothing else. Linux include/linux/fs.h:FMODE_PATH */
export const FMODE_PATH = 0x4000;

/** Readahead from swap in one VMA. Linux mm/swap_state.c:SWAP_RA_VAL() */
export interface SwapReadaheadInfo {
  /** The last address that was not in RAM. */
  readonly addr: Vaddr;
  /** Pages read then. */
  readonly win: number;
  /** Of them those that were used since. */
  readonly hits: number;
}

/**
 * One mapping: [vmStart, vmEnd) of one address space. Linux include/linux/mm_types.h:struct vm_area_struct
 */
export class VmAreaStruct {
  vmMm: MmStruct;
  /**
   * First byte, page aligned.
   * Invariant: vmStart < vmEnd, and the VMAs of one mm do not overlap.
   */
  vmStart = 0;
  /** First byte after it, page aligned. */
  vmEnd = 0;
  /** VM_* bits. */
  vmFlags = 0;
  /** The group that pays for the structure. Linux: obj_cgroup of a slab's object */
  memcg: Memcg | undefined = undefined;
  /**
   * Page number of vmStart in the file; in anonymous memory the page number of the address it was mapped at.
   */
  vmPgoff = 0;
  /** Invariant: a VMA with a file is in vmFile.fMapping.iMmap. */
  vmFile: File | undefined = undefined;
  vmOps: VmOperationsStruct | undefined = undefined;
  /**
   * The AnonVma that new anonymous pages of this VMA belong to; undefined until the first.
   * Invariant: anonVmaChain has a link to it; and to the AnonVma of every anonymous page mapped here.
   */
  anonVma: AnonVma | undefined = undefined;
  /**
   * Links to all AnonVmas whose pages may be mapped here, the oldest ancestor's first. Linux anon_vma_chain
   */
  anonVmaChain: AnonVmaChain[] = [];
  /**
   * How well reading ahead from swap has worked here; undefined until it was tried. Linux swap_readahead_info
   */
  swapReadahead: SwapReadaheadInfo | undefined = undefined;
  /** For the owner of vmOps. Linux vm_private_data */
  vmPrivateData: unknown = undefined;
  /** prctl(PR_SET_VMA_ANON_NAME). Linux anon_name */
  anonName: string | undefined = undefined;

  constructor(mm: MmStruct) {
    this.vmMm = mm;
  }
}

/** Whether the VMA is private memory without a file. Linux include/linux/mm.h:vma_is_anonymous() */
export function vmaIsAnonymous(vma: VmAreaStruct): boolean {
  return vma.vmOps === undefined;
}

/** Length in pages. Linux include/linux/mm.h:vma_pages() */
export function vmaPages(vma: VmAreaStruct): number {
  return (vma.vmEnd - vma.vmStart) / PAGE_SIZE;
}

/** One address space. Linux include/linux/mm_types.h:struct mm_struct */
export class MmStruct {
  readonly sys: MemorySystem;
  readonly id: number;
  /**
   * All VMAs, sorted. Linux mm_mt, a maple tree
   * Invariant: every entry of the page tables lies in one of them.
   */
  readonly mmMt: VmaTree<VmAreaStruct> = new VmaTree();
  /** Frame number of the top-level page table (what CR3 points to). */
  pgd = 0;
  /** Tasks that live in it. Linux mm_users */
  mmUsers = 1;
  /** Holders of the structure itself; all users together are one. Linux mm_count */
  mmCount = 1;
  /**
   * Number of VMAs. Linux map_count
   * Invariant: the number of members of mmMt.
   */
  mapCount = 0;
  /**
   * Bytes of page-table pages: what /proc/PID/status calls VmPTE. Linux pgtables_bytes
   * Invariant: PAGE_SIZE for each table below `pgd`, which is not counted itself.
   */
  pgtablesBytes = 0;
  /**
   * Resident pages by kind: MM_FILEPAGES, MM_ANONPAGES, MM_SWAPENTS (entries), MM_SHMEMPAGES.
   * Invariant: the entries of the page tables that map a page of the kind; the zero page is of none.
   */
  readonly rssStat: number[] = [0, 0, 0, 0];
  /** What CPUs have not handed in of them. Linux rss_stat[].counters */
  readonly rssLag: RssLag = { kept: [], held: undefined };
  /** Small pages in huge pages of pools: HugetlbPages, in no resident set. Linux hugetlb_usage */
  hugetlbUsage = 0;
  /** Highest resident set in pages (VmHWM) and highest size in pages (VmPeak) so far. */
  hiwaterRss = 0;
  hiwaterVm = 0;
  /**
   * Pages mapped; and of them locked, private writable, executable file, stack.
   * Invariant: totalVm is the sum of vmaPages() over mmMt. lockedVm is at least that over the VMAs with
   * VM_LOCKED: a move that leaves the old mapping behind (MREMAP_DONTUNMAP) counts its pages twice, for ever,
   * as in Linux.
   */
  totalVm = 0;
  lockedVm = 0;
  dataVm = 0;
  execVm = 0;
  stackVm = 0;
  /** Flags that new mappings get: VM_LOCKED after mlockall(MCL_FUTURE). */
  defFlags = 0;
  /** Where the top-down search for free addresses starts. */
  mmapBase = 0;
  /**
   * Number of this address space, never used twice, and how many changes called for a TLB flush. Linux
   * mm_context_t
   */
  readonly context: { readonly ctxId: number; tlbGen: number };
  /** CPUs whose TLBs may hold entries of it. Linux mm_cpumask() */
  readonly mmCpumask = new Set<number>();
  /**
   * Whether it ran since aging last walked it, and was ever walked. Linux lru_gen.bitmap,
   * lru_gen_mm_state.tail
   */
  lruGenUsed = false;
  lruGenWalked = false;
  /** What it has to do with transparent huge pages. Linux: MMF_ flags, and fields of tables */
  readonly thp = new MmThp();
  /** The group that pays for what is touched here first; undefined: the root. Linux owner->cgroups */
  memcg: Memcg | undefined = undefined;
  /** Changes that wait for one common flush. Linux: a variable of the function that opened it */
  tlbGather: MmuGather | undefined = undefined;
  /** First address beyond user space. */
  taskSize = 0x7fff_ffff_f000;
  startCode = 0;
  endCode = 0;
  startData = 0;
  endData = 0;
  startBrk = 0;
  brk = 0;
  startStack = 0;
  argStart = 0;
  argEnd = 0;
  envStart = 0;
  envEnd = 0;
  /** Address of the vdso, 0 without. Linux mm->context.vdso */
  vdso = 0;

  constructor(sys: MemorySystem) {
    this.sys = sys;
    this.id = sys.nextMmId++;
    this.context = { ctxId: this.id, tlbGen: 0 };
  }
}

/** Resident pages of all kinds. Linux include/linux/mm.h:get_mm_rss() */
export function getMmRss(mm: Pick<MmStruct, "rssStat">): number {
  return mm.rssStat[MM_FILEPAGES]! + mm.rssStat[MM_ANONPAGES]! + mm.rssStat[MM_SHMEMPAGES]!;
}

/** Adds `value` pages to one resident counter. Linux include/linux/mm.h:add_mm_counter() */
export function addMmCounter(mm: MmStruct, member: number, value: number): void {
  percpuCounterAdd(mm, member, value);
}
