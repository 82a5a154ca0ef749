/**
 * memory.stat of a group: what its memory is used for, and what reclaim has done with it.
 *
 *   anon 10485760                     states, in bytes; of the group and those below it
 *   ...
 *   workingset_refault_anon 0         events
 *   ...
 *   pgscan_direct 0
 *
 * In the order of the kernel's own tables, names that nothing here counts included, as 0.
 *
 * Differs from Linux: always up to date, where Linux may be behind by some counts for two seconds.
 *
 * Linux mm/memcontrol.c. Read first: mm/memcg/stats.ts. Read next: memory_files.ts.
 */
import { PAGE_SIZE } from "../hw/address.js";
import type { Memcg } from "../mm/lru/lruvec.js";
import type { MemorySystem } from "../mm/system.js";
import {
  NODE_STAT_NAMES,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_FILE_THPS,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_SHMEM,
  NR_SHMEM_THPS,
  NR_SLAB_RECLAIMABLE,
  NR_SLAB_UNRECLAIMABLE,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
  PGSCAN_DIRECT,
  PGSCAN_KHUGEPAGED,
  PGSCAN_KSWAPD,
  PGSCAN_PROACTIVE,
  PGSTEAL_DIRECT,
  PGSTEAL_KHUGEPAGED,
  PGSTEAL_KSWAPD,
  PGSTEAL_PROACTIVE,
  VM_EVENT_NAMES,
  WORKINGSET_REFAULT,
} from "../mm/vmstat.js";

/** A state of the group, of the machine for the root. */
function state(sys: MemorySystem, memcg: Memcg, item: number): number {
  return memcg.parent === undefined ? sys.vmStat.nodeStat[item]! : memcg.state[item]!;
}

/**
 * Names with what they count in pages; a text: only the kernel's, always 0.
 * Linux mm/memcontrol.c:memory_stats
 */
const STATES: readonly (readonly [string, number] | string)[] = [
  ...["kernel_stack", "pagetables", "sec_pagetables", "percpu", "sock", "vmalloc"],
  ["shmem", NR_SHMEM],
  ...["zswap", "zswapped"],
  ["file_mapped", NR_FILE_MAPPED],
  ["file_dirty", NR_FILE_DIRTY],
  ["file_writeback", NR_WRITEBACK],
  ["swapcached", NR_SWAPCACHE],
  ["anon_thp", NR_ANON_THPS],
  ["file_thp", NR_FILE_THPS],
  ["shmem_thp", NR_SHMEM_THPS],
  ["inactive_anon", NR_INACTIVE_ANON],
  ["active_anon", NR_ACTIVE_ANON],
  ["inactive_file", NR_INACTIVE_FILE],
  ["active_file", NR_ACTIVE_FILE],
  ["unevictable", NR_UNEVICTABLE],
];

const PGDEMOTE = ["kswapd", "direct", "khugepaged", "proactive"].map((who) => `pgdemote_${who}`);

/** Events of /proc/vmstat, in order. Linux mm/memcontrol.c:memcg_vm_event_stat */
const EVENTS = [
  ..."pswpin pswpout pgscan_kswapd pgscan_direct pgscan_khugepaged pgscan_proactive".split(" "),
  ..."pgsteal_kswapd pgsteal_direct pgsteal_khugepaged pgsteal_proactive".split(" "),
  ..."pgfault pgmajfault pgrefill pgactivate pgdeactivate pglazyfree pglazyfreed".split(" "),
  ..."swpin_zero swpout_zero zswpin zswpout zswpwb".split(" "),
  ..."thp_fault_alloc thp_collapse_alloc thp_swpout thp_swpout_fallback".split(" "),
  ..."numa_pages_migrated numa_pte_updates numa_hint_faults".split(" "),
];

/** The text of memory.stat. Linux mm/memcontrol.c:memcg_stat_format() */
export function memoryStatText(sys: MemorySystem, memcg: Memcg): string {
  const bytes = (item: number): number => state(sys, memcg, item) * PAGE_SIZE;
  const slab = memcg.parent === undefined ? bytes(NR_SLAB_UNRECLAIMABLE) : memcg.slabBytes;
  const events = memcg.parent === undefined ? sys.vmStat.events : memcg.events;
  const lines: [string, number][] = [
    ["anon", bytes(NR_ANON_MAPPED)],
    ["file", bytes(NR_FILE_PAGES)],
    ["kernel", memcg.nrKmem * PAGE_SIZE],
  ];
  for (const one of STATES) lines.push(typeof one === "string" ? [one, 0] : [one[0], bytes(one[1])]);
  lines.push(["slab_reclaimable", bytes(NR_SLAB_RECLAIMABLE)], ["slab_unreclaimable", slab]);
  lines.push(["slab", bytes(NR_SLAB_RECLAIMABLE) + slab]);
  for (let item = WORKINGSET_REFAULT; item < WORKINGSET_REFAULT + 7; item++)
    lines.push([NODE_STAT_NAMES[item]!, state(sys, memcg, item)]);
  for (const name of [...PGDEMOTE, "pgpromote_success"]) lines.push([name, 0]);
  const sum = (...items: number[]): number => items.reduce((all, item) => all + events[item]!, 0);
  lines.push(["pgscan", sum(PGSCAN_KSWAPD, PGSCAN_DIRECT, PGSCAN_PROACTIVE, PGSCAN_KHUGEPAGED)]);
  lines.push(["pgsteal", sum(PGSTEAL_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_PROACTIVE, PGSTEAL_KHUGEPAGED)]);
  const numberOf = new Map<string, number>(VM_EVENT_NAMES.map((name, item) => [name, item]));
  for (const name of EVENTS) lines.push([name, events[numberOf.get(name) ?? -1] ?? 0]);
  return lines.map(([name, value]) => `${name} ${value}\n`).join("");
}
