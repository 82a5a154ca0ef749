/**
 * The memory system: what Linux keeps in global variables, gathered in one object for each machine.
 *
 *   MemorySystem "sys" --- ram, clock, cpus          the hardware under it
 *        |                 sysctl                    /proc/sys/vm
 *        |                 vmCommittedAs             pages promised to processes
 *        |                 current                   who is asking right now
 *        |                 (page structs, zones, counters: see the files that own them)
 *        +-- MmStruct ... MmStruct                   every mm points back: mm.sys, vma.vmMm.sys
 *
 * A notebook may boot several machines side by side, so nothing of a machine may live in a module variable.
 * Functions of `lib/mm` reach it through their mm, vma or folio argument, or take `sys` as their first
 * argument.
 *
 * `current` is the task whose system call or fault is being served. `lib/mm` stands below `lib/kernel` and so
 * sees of a task only what CurrentTask lists: its resource limits and its capabilities.
 *
 * Read first: hw/ram.ts. Read next: mm_types.ts.
 */
import { COSTS, type CostTable } from "../hw/clock.js";
import type { Cpu } from "../hw/cpu.js";
import { EventQueue } from "../hw/events.js";
import type { Ram } from "../hw/ram.js";
import type { AddressSpace, XaNode } from "./filemap/mapping.js";
import { ThpState } from "./huge/thp_state.js";
import { KhugepagedScan } from "./huge/thp_types.js";
import { HugetlbState } from "./hugetlb/hstate.js";
import type { CpuFbatches } from "./lru/fbatch.js";
import { LruGenState } from "./lru/gen/lru_gen.js";
import { Lruvec, type Memcg } from "./lru/lruvec.js";
import type { Shrinker } from "./lru/shrink_control.js";
import { type TaskDirty, WbDomain } from "./lru/wb_domain.js";
import { CgroupState } from "./memcg/cgroup_types.js";
import { MemcgState } from "./memcg/memcg_types.js";
import type { File, MmStruct } from "./mm_types.js";
import type { Zone } from "./pages/buddy.js";
import type { Folio, Page } from "./pages/folio.js";
import type { KmemCache } from "./pages/kmem_cache.js";
import { PglistData } from "./pages/pglist_data.js";
import type { MmParts } from "./parts.js";
import type { CpuTlbState } from "./pgtable/tlb_types.js";
import { type SwapDevice, SwapState } from "./swap/swap_types.js";
import type { TaskIoAccounting } from "./task_io.js";
import { TraceRing } from "./trace.js";
import { defaultVmSysctl, type VmSysctl } from "./vm_sysctl.js";
import { VmStat } from "./vmstat.js";
import { DevicesOnly, type Kthread, type SchedOperations } from "./wait.js";

export {
  defaultVmSysctl,
  OVERCOMMIT_ALWAYS,
  OVERCOMMIT_GUESS,
  OVERCOMMIT_NEVER,
  type VmSysctl,
} from "./vm_sysctl.js";

/** Simulated time, as `lib/mm` needs it. Not in Linux. */
export interface SystemClock {
  /** Of the CPU that works now; only who lets others work sets it back to another CPU's. */
  nowNs: number;
  advance(ns: number): void;
  /** Prices of the machine; the usual ones unless given. */
  readonly costs?: CostTable;
}

/** What `lib/mm` may ask about the task it works for. Linux `current`, include/linux/sched.h:task_struct */
export interface CurrentTask {
  readonly pid: number;
  readonly comm: string;
  /**
   * Soft limit of `resource` in its unit (bytes for RLIMIT_AS, ...), Infinity for RLIM_INFINITY.
   * Linux rlimit()
   */
  rlimit(resource: number): number;
  /** Whether the task has the capability (CAP_IPC_LOCK, ...). Linux kernel/capability.c:capable() */
  capable(cap: number): boolean;
  /** Faults that had to wait for a device, and all others. Linux maj_flt, min_flt */
  majFlt: number;
  minFlt: number;
  /** The OOM killer has chosen it: it may use reserves until it is gone. Linux tsk_is_oom_victim() */
  readonly oomVictim?: boolean;
  /** What it has read and written; for /proc/PID/io. Linux ioac */
  readonly ioac?: TaskIoAccounting;
  /** What it has dirtied; without it the task is never slowed down for that. Linux nr_dirtied ... */
  readonly dirty?: TaskDirty;
  /** It has a real-time policy. Linux include/linux/sched/rt.h:rt_or_dl_task() */
  readonly rtOrDlTask?: boolean;
  /** The group that pays for what it needs; undefined: the root. Linux mem_cgroup_from_task() */
  readonly memcg?: Memcg | undefined;
}

/** RLIMIT_DATA: private writable memory, bytes. Linux include/uapi/asm-generic/resource.h */
export const RLIMIT_DATA = 2;
/** RLIMIT_STACK: how far a grows-down mapping may grow, bytes. */
export const RLIMIT_STACK = 3;
/** RLIMIT_NOFILE: the first file descriptor that is too large. */
export const RLIMIT_NOFILE = 7;
/** RLIMIT_MEMLOCK: locked memory, bytes. */
export const RLIMIT_MEMLOCK = 8;
/** RLIMIT_AS: the whole address space, bytes. */
export const RLIMIT_AS = 9;

/** CAP_DAC_OVERRIDE: may open files against their mode. Linux include/uapi/linux/capability.h */
export const CAP_DAC_OVERRIDE = 1;
/** CAP_IPC_LOCK: may lock memory without regard to RLIMIT_MEMLOCK. Linux include/uapi/linux/capability.h */
export const CAP_IPC_LOCK = 14;
/** CAP_SYS_RAWIO: may map below vm.mmap_min_addr. */
export const CAP_SYS_RAWIO = 17;
/** CAP_SYS_PTRACE: may look into other processes. */
export const CAP_SYS_PTRACE = 19;
/** CAP_SYS_ADMIN: may use the reserve that overcommit keeps. */
export const CAP_SYS_ADMIN = 21;
/** CAP_SYS_RESOURCE: may make a process less likely to be killed when memory runs out. */
export const CAP_SYS_RESOURCE = 24;

/** Why dirty pages are written. Linux include/linux/backing-dev-defs.h:enum wb_reason */
export type WbReason = "background" | "vmscan" | "periodic" | "laptop_timer";

/** What memory management asks of the file systems above it. Not in Linux: it calls them directly. */
export interface VfsOperations {
  /** A file in memory without a name, `sizeBytes` long. Linux mm/shmem.c:shmem_file_setup() */
  shmemFileSetup(sys: MemorySystem, name: string, sizeBytes: number): File;
  /**
   * All pages that are dirty now shall be written, for `reason`: reclaim sees nothing else, unless given.
   * Linux fs/fs-writeback.c:wakeup_flusher_threads()
   */
  wakeupFlusherThreads?(reason?: WbReason): void;
}

/** One machine's memory management: Linux's globals of mm/ in one object. Not in Linux. */
export class MemorySystem {
  readonly ram: Ram;
  readonly clock: SystemClock;
  /** What things cost. */
  readonly costs: CostTable;
  readonly sysctl: VmSysctl = defaultVmSysctl();
  /** Transparent huge pages: settings and state (mm/huge). */
  readonly thp = new ThpState<Folio>();
  /** Address spaces that khugepaged looks through, and where it is. Linux mm/khugepaged.c:khugepaged_scan */
  readonly khugepagedScan = new KhugepagedScan<MmStruct>();
  /** Values written under /sys/kernel/mm, by path; the others have their defaults (kernel/sysfs_mm.ts). */
  readonly kernelMm = new Map<string, string>();
  /** Pages promised to processes and files. Linux mm/util.c:vm_committed_as */
  vmCommittedAs = 0;
  /** Pages that /proc/meminfo counts as RAM and as swap. Linux totalram_pages(), total_swap_pages */
  totalramPages: number;
  totalSwapPages = 0;
  /** Pages of swap that are free. Linux mm/swapfile.c:nr_swap_pages */
  nrSwapPages = 0;
  /** The task being served; undefined while the kernel works for itself. */
  current: CurrentTask | undefined = undefined;
  /** The kernel thread that works now; undefined while a task does. */
  currentKthread: Kthread | undefined = undefined;
  /** Number of the next mm, so that mms can be told apart in pictures. */
  nextMmId = 1;
  /**
   * The page structs, by frame, in sections of 2^14; made when first needed (mm/pages/folio.ts). Linux
   * mem_map
   */
  readonly memMap: ((Page | undefined)[] | undefined)[] = [];
  /** Ranges of RAM with their free lists, lowest first (mm/pages/page_alloc.ts). */
  readonly zones: Zone[] = [];
  /** Pages of all zones that are kept from programs. Linux totalreserve_pages */
  totalreservePages = 0;
  /** What vm.min_free_kbytes was set to, -1 until somebody does. Linux user_min_free_kbytes */
  userMinFreeKbytes = -1;
  /** The node they belong to, and who reclaims there. */
  readonly pgdat = new PglistData<Folio>();
  /** Caches of kernel objects, and who can give some of them up. Linux slab_caches, shrinker_list */
  readonly slabCaches: KmemCache[] = [];
  readonly shrinkers: Shrinker[] = [];
  /** Nodes of page caches (mm/filemap/xa_node.ts). Linux lib/radix-tree.c:radix_tree_node_cachep */
  radixTreeNodes: KmemCache | undefined = undefined;
  /** Counters of /proc/vmstat. */
  readonly vmStat = new VmStat();
  /** Limits of dirty pages (mm/lru/dirty_limits.ts). Linux mm/page-writeback.c:global_wb_domain */
  readonly wbDomain = new WbDomain();
  /** Disks by name, such as "vdb". Linux: /sys/block */
  readonly disks = new Map<string, SwapDevice>();
  /** Swap areas (mm/swap/swap_types.ts). Linux: the variables of mm/swapfile.c */
  readonly swap = new SwapState();
  /** Files in memory with pages in swap (mm/filemap/shmem_swap.ts). Linux mm/shmem.c:shmem_swaplist */
  readonly shmemSwaplist = new Set<AddressSpace>();
  /** Nodes of page caches that hold nothing but shadows, oldest first. Linux mm/workingset.c:shadow_nodes */
  readonly shadowNodes = new Set<XaNode>();
  /** The LRU lists; those of groups are theirs (mm/memcg). */
  readonly lruvec = new Lruvec();
  /** Groups of processes, and who is charged for what (mm/memcg). */
  readonly memcg = new MemcgState<Lruvec>(this.lruvec);
  /** The folders of the groups. Linux cgrp_dfl_root */
  readonly cgroups = new CgroupState<Lruvec>();
  /** Pools of huge pages (mm/hugetlb/hstate.ts). */
  readonly hugetlb = new HugetlbState<Folio>();
  /**
   * Takes a page of a pool that nobody holds any more; set by hugetlbInit(). Linux
   * mm/hugetlb.c:free_huge_folio()
   */
  freeHugeFolio: ((folio: Folio) => void) | undefined = undefined;
  /** Whether pages are kept by generation instead, and how they age (mm/lru/gen). */
  readonly lruGen = new LruGenState<MmStruct>();
  /** LRU batches of each CPU (mm/lru/swap.ts). */
  readonly cpuFbatches: (CpuFbatches | undefined)[] = [];
  /** The CPU that the kernel runs on now. Linux smp_processor_id() */
  thisCpu = 0;
  /** The processors, for TLB flushes. */
  cpus: readonly Cpu[] = [];
  /** What each CPU knows about its TLB (mm/pgtable/tlb_switch.ts). Linux per_cpu cpu_tlbstate */
  readonly cpuTlbstate: CpuTlbState[] = [];
  /** The kernel's own address space, without user memory. Linux mm/init-mm.c:init_mm */
  initMm: MmStruct | undefined = undefined;
  /**
   * The bit that says of an entry that it was written since somebody asked, PAGE_SOFT_DIRTY; 0 in a kernel
   * built without. Linux arch/x86/include/asm/pgtable_types.h:_PAGE_SOFT_DIRTY
   */
  pageSoftDirty = 0;
  /** Frame of zeros that reads of untouched anonymous memory map. Linux empty_zero_page */
  zeroPfn = 0;
  /** Frames of the vdso's code, empty until the first program is started. Linux vdso64_image */
  readonly vdsoPfns: number[] = [];
  /** Pages that a read fault of a file maps at most; a power of two. Linux mm/memory.c:fault_around_pages */
  faultAroundPages = 16;
  /**
   * Readahead window of new files, in pages. Linux /sys/block/DEV/queue/read_ahead_kb; 8192 kB as recorded
   */
  readAheadPages = 2048;
  /** Number of the next inode of /proc and /sys, which nobody sees. */
  nextProcIno = 0xf000_0000;
  /** Number of the next inode. */
  nextIno = 1;
  /** What devices and kernel threads will do, and when. */
  readonly events = new EventQueue();
  /** Who lets time pass for a task that waits; the kernel that starts puts its own here. */
  sched: SchedOperations = new DevicesOnly(this);
  /**
   * Until when folios count as locked, or as being written, for programs that are earlier than their last
   * reader (wait.ts).
   */
  readonly lockedUntilNs = new Map<Folio, number>();
  readonly writebackUntilNs = new Map<Folio, number>();
  /** Calls that go up into the file systems; set by the kernel that starts. */
  vfs!: VfsOperations;
  /**
   * Direct reclaim is at work: an allocation from within it takes what is free or fails. Linux PF_MEMALLOC of
   * the task
   * Differs from Linux: one for the machine, not for each task.
   */
  pfMemalloc = false;
  /** CPUs keep more free pages than they should for long: an event lets that decay (mm/pages/pcp.ts). */
  pcpDecays = false;
  /** RAM has too few page blocks to tell them by type. Linux page_group_by_mobility_disabled */
  pageGroupByMobilityDisabled = false;
  /** Allocations that failed, and that the kernel's log would show. Linux mm/page_alloc.c:warn_alloc() */
  nrWarnAlloc = 0;
  /**
   * Ends a process, since an allocation with `gfp` of 2^order frames finds no memory; whether trying again is
   * worth it. Set by the kernel that starts. Linux mm/oom_kill.c:out_of_memory()
   */
  outOfMemory: ((gfp: number, order: number) => boolean) | undefined = undefined;
  /** The kernel's log, the oldest line first; only what the OOM killer says. Linux printk() */
  readonly kernelLog: string[] = [];
  /** Functions that a learner may replace; set by mmInit(). */
  parts!: MmParts;
  /** Tracepoints and the ring their events go to. */
  readonly trace = new TraceRing(this);
  /** Makes chosen allocations fail, for tests. Linux mm/fail_page_alloc.c:should_fail_alloc_page() */
  shouldFailAllocPage: ((gfp: number, order: number) => boolean) | undefined = undefined;

  constructor(ram: Ram, clock: SystemClock) {
    this.ram = ram;
    this.clock = clock;
    this.costs = clock.costs ?? COSTS;
    this.totalramPages = ram.nrFrames;
  }

  /**
   * Soft limit of the current task, Infinity where there is none. Linux include/linux/sched/signal.h:rlimit()
   */
  rlimit(resource: number): number {
    return this.current === undefined ? Number.POSITIVE_INFINITY : this.current.rlimit(resource);
  }

  /** Whether the current task has capability `cap`. Linux kernel/capability.c:capable() */
  capable(cap: number): boolean {
    return this.current === undefined || this.current.capable(cap);
  }
}
