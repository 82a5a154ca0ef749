/**
 * /proc/slabinfo: the caches of kernel objects, a line each; slabtop shows it sorted.
 *
 *   # name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables ... : slabdata ...
 *   ext4_inode_cache     1500   1512   1192   27    8 : tunables    0    0    0 : slabdata     56     56      0
 *
 * num_objs objects fit into the slabs that there are; what is between active_objs and num_objs is memory that
 * nobody else can have. Only root may read it: it tells too much about who uses what.
 *
 * Left out: caches of objects that the machine does not model.
 *
 * Linux mm/slab_common.c. Read first: mm/pages/slub.ts. Read next: root_files.ts.
 */
import type { KmemCache } from "../mm/pages/kmem_cache.js";
import type { MemorySystem } from "../mm/system.js";

const HEADER = [
  "slabinfo - version: 2.1\n",
  "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>",
  " : tunables <limit> <batchcount> <sharedfactor>",
  " : slabdata <active_slabs> <num_slabs> <sharedavail>\n",
].join("");

/** Linux mm/slab_common.c:cache_show() */
function cacheShow(cache: KmemCache): string {
  const pad = (value: number, width: number): string => String(value).padStart(width);
  const { activeObjs, numObjs, nrSlabs, size, objectsPerSlab, order } = cache;
  const objects = `${pad(activeObjs, 6)} ${pad(numObjs, 6)} ${pad(size, 6)} ${pad(objectsPerSlab, 4)} ${pad(2 ** order, 4)}`;
  const tunables = `tunables ${pad(0, 4)} ${pad(0, 4)} ${pad(0, 4)}`;
  const slabdata = `slabdata ${pad(nrSlabs, 6)} ${pad(nrSlabs, 6)} ${pad(0, 6)}`;
  return `${cache.name.padEnd(17)} ${objects} : ${tunables} : ${slabdata}\n`;
}

/** The newest cache first. Linux mm/slab_common.c:slab_show() */
export function slabinfo(sys: MemorySystem): string {
  return HEADER + [...sys.slabCaches].reverse().map(cacheShow).join("");
}
