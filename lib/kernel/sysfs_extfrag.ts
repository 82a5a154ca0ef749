/**
 * Fragmentation in figures, and compaction by hand, below /sys.
 *
 *   /sys/kernel/debug/extfrag/extfrag_index      for each zone and order: would a request fail because
 *                                                memory is short (0.000) or in pieces (1.000)? -1.000: it
 *                                                would not fail
 *   /sys/kernel/debug/extfrag/unusable_index     how much of the free memory is in blocks too small
 *   /sys/devices/system/node/node0/compact       writing anything compacts all zones
 *
 * Linux mm/vmstat.c, mm/compaction.c. Read first: mm/compaction/fragmentation.ts.
 * Read next: sysfs_devices.ts.
 */
import { fragmentationIndex, unusableFreeIndex } from "../mm/compaction/fragmentation.js";
import { compactNodes } from "../mm/compaction/kcompactd.js";
import { EINVAL } from "../mm/errno.js";
import type { Zone } from "../mm/pages/buddy.js";
import type { KobjAttribute } from "./kobj_attribute.js";

/** A number of thousandths as C prints its whole and its rest. */
function thousandths(index: number, width: number): string {
  const rest = index % 1000;
  const sign = rest < 0 ? "-" : "";
  const digits = String(Math.abs(rest)).padStart(3 - sign.length, "0");
  return `${String(Math.trunc(index / 1000)).padStart(width)}.${sign}${digits} `;
}

/** One line for each zone. Linux mm/vmstat.c:extfrag_show_print(), unusable_show_print() */
function indexFile(
  name: string,
  width: number,
  indexOf: (zone: Zone, order: number) => number,
): KobjAttribute {
  return {
    path: `kernel/debug/extfrag/${name}`,
    mode: 0o444,
    effect: "shows how fragmented the free memory of each zone is, for each order",
    show: (sys) =>
      sys.zones
        .filter(({ presentPages }) => presentPages > 0)
        .map((zone) => {
          const indices = zone.freeArea.map((_, order) => thousandths(indexOf(zone, order), width));
          return `Node 0, zone ${zone.name.padStart(8)} ${indices.join("")}`;
        })
        .join("\n"),
    store: () => -EINVAL,
  };
}

/** Linux mm/vmstat.c:extfrag_debug_init(), mm/compaction.c:compact_store() */
export const extfragFiles: readonly KobjAttribute[] = [
  indexFile("unusable_index", 1, unusableFreeIndex),
  indexFile("extfrag_index", 2, fragmentationIndex),
  {
    path: "devices/system/node/node0/compact",
    mode: 0o200,
    effect: "in effect: compacts all zones, in the time of who writes it",
    show: () => "",
    store(sys) {
      compactNodes(sys);
      return 0;
    },
  },
];
