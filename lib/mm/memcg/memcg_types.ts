/**
 * Memory groups, as data: who pays for a page, and with whom he shares the bill.
 *
 *   root                    pays for all that belongs to no group; has no limit
 *    +-- a                  usage: what a, b and c use       each group has LRU lists of its own, so that its
 *        +-- b                                               pages can be reclaimed without looking at others'
 *        +-- c
 *
 *   folio.memcg --> the group that pays for it; undefined: the root
 *   mm.memcg    --> the group that pays for what the address space touches first
 *   lruvec.memcg    whose lists they are; undefined: the root's
 *
 * A page is charged once, to whoever touches it first, and that stays so as long as it is in memory: neither
 * another user nor a move of the process to another group changes it. In swap, too, its slot remembers the
 * group (swap_charge.ts). A charge counts in the group and in all its ancestors; so do the counters of
 * memory.stat here.
 *
 * A group that is removed while pages are charged to it lives on without a name, until the last one is gone.
 *
 * Differs from Linux: counters are exact at any time, where Linux adds up per-CPU ones now and then.
 *
 * Linux include/linux/memcontrol.h, include/linux/page_counter.h. Read next: page_counter.ts, charge.ts,
 * memcontrol.ts.
 */
import { NODE_STAT_NAMES, VM_EVENT_NAMES } from "../vmstat.js";

/** No limit, in pages. Linux include/linux/page_counter.h:PAGE_COUNTER_MAX */
export const PAGE_COUNTER_MAX = 2 ** 51 - 1;

/** Pages that a group and those below it use. Linux include/linux/page_counter.h:struct page_counter */
export class PageCounter {
  usage = 0;
  /** Charging beyond it fails. */
  max = PAGE_COUNTER_MAX;
  /** Beyond it charging is slowed down. */
  high = PAGE_COUNTER_MAX;
  /** The highest usage so far. */
  watermark = 0;

  constructor(readonly parent: PageCounter | undefined) {}
}

/** What memory.events counts, in its order. Linux include/linux/memcontrol.h:enum memcg_memory_event */
export const MEMCG_LOW = 0;
export const MEMCG_HIGH = 1;
export const MEMCG_MAX = 2;
export const MEMCG_OOM = 3;
export const MEMCG_OOM_KILL = 4;
export const MEMCG_OOM_GROUP_KILL = 5;
/** What memory.swap.events counts. */
export const MEMCG_SWAP_HIGH = 6;
export const MEMCG_SWAP_MAX = 7;
export const MEMCG_SWAP_FAIL = 8;
const MEMCG_NR_MEMORY_EVENTS = 9;

/** Id of the root. Linux mm/memcontrol.c: the first that mem_cgroup_id_alloc() gives */
export const ROOT_MEM_CGROUP_ID = 1;
/** Linux include/linux/memcontrol.h:MEM_CGROUP_ID_MAX */
export const MEM_CGROUP_ID_MAX = 65535;

/** One group, with LRU lists L. Linux include/linux/memcontrol.h:struct mem_cgroup */
export class MemCgroup<L> {
  /** Its number, in shadows and swap slots; 0 once it is removed and no slot has it. */
  id = 0;
  /** Still has a name. Linux mem_cgroup_online() */
  online = true;
  readonly children: MemCgroup<L>[] = [];
  readonly memory: PageCounter;
  readonly swap: PageCounter;
  /** Pages of page tables and other memory of the kernel. Linux MEMCG_KMEM */
  nrKmem = 0;
  /** Bytes of objects of the kernel, with those of the groups below it. Linux NR_SLAB_UNRECLAIMABLE_B */
  slabBytes = 0;
  /** Rests of pages that are charged, and in no CPU's stock. Linux obj_cgroup.nr_charged_bytes */
  nrChargedBytes = 0;
  /** States and events of /proc/vmstat, of this group and those below it. Linux memcg_vmstats */
  readonly state: Float64Array = new Float64Array(NODE_STAT_NAMES.length);
  readonly events: Float64Array = new Float64Array(VM_EVENT_NAMES.length);
  /** By MEMCG_*: with those below, and of this group alone. */
  readonly memoryEvents: number[] = new Array<number>(MEMCG_NR_MEMORY_EVENTS).fill(0);
  readonly memoryEventsLocal: number[] = new Array<number>(MEMCG_NR_MEMORY_EVENTS).fill(0);
  /** The OOM killer ends all of its processes or none. */
  oomGroup = false;
  /** Who shares reclaim from here goes on behind this group. Linux mem_cgroup_reclaim_iter */
  iterPosition: MemCgroup<L> | undefined = undefined;
  iterGeneration = 0;
  /** Slots of swap that have its id. Linux: what mem_cgroup_id_get_many() holds */
  idRefs = 0;

  /** `path` as the OOM killer's report shows it. */
  constructor(
    readonly parent: MemCgroup<L> | undefined,
    readonly path: string,
    readonly lruvec: L,
  ) {
    this.memory = new PageCounter(parent?.memory);
    this.swap = new PageCounter(parent?.swap);
  }
}

/** Pages that a CPU has charged ahead for a group. Linux mm/memcontrol.c:struct memcg_stock_pcp */
export interface MemcgStock<L> {
  readonly memcg: MemCgroup<L>;
  nrPages: number;
}

/** The rest of a page that a CPU has for small objects. Linux mm/memcontrol.c:struct obj_stock_pcp */
export interface ObjStock<L> {
  memcg: MemCgroup<L> | undefined;
  nrBytes: number;
  /** Bytes in use that the group has not been told of. Linux nr_slab_unreclaimable_b */
  slabBytes: number;
}

/** What charging asks of those above it. Not in Linux: it calls them directly. */
export interface MemcgOperations<L> {
  /**
   * Frees pages of the group and those below it: how many.
   * Linux mm/vmscan.c:try_to_free_mem_cgroup_pages()
   */
  tryToFreePages(memcg: MemCgroup<L>, nrPages: number, gfp: number): number;
  /** Ends one of its processes; whether trying again is worth it. Linux mm/oom_kill.c:out_of_memory() */
  outOfMemory?(memcg: MemCgroup<L>, gfp: number): boolean;
}

/** All groups of one machine. Linux: the variables of mm/memcontrol.c */
export class MemcgState<L> {
  readonly root: MemCgroup<L>;
  /** By id. Linux mem_cgroup_ids */
  readonly byId: (MemCgroup<L> | undefined)[] = [];
  /** Groups beside the root. */
  nrGroups = 0;
  /** By CPU: at most 7 each. Linux memcg_stock */
  readonly stock: MemcgStock<L>[][] = [];
  readonly objStock: (ObjStock<L> | undefined)[] = [];
  /** Set by mmInit(), and the kernel that starts. */
  operations: MemcgOperations<L> | undefined = undefined;

  constructor(lruvec: L) {
    this.root = new MemCgroup<L>(undefined, "/", lruvec);
    this.root.id = ROOT_MEM_CGROUP_ID;
    this.byId[ROOT_MEM_CGROUP_ID] = this.root;
  }
}
