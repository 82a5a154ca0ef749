/**
 * The nodes of a cache's tree, as memory: what it costs to keep the pages of a file in order.
 *
 *   pages 0 ... 63      [ node ]      584 bytes each, 14 of them in two pages of the slab "radix_tree_node"
 *   pages 64 ... 127    [ node ]
 *   pages 128 ...        none         no page there, and no shadow
 *
 * A node comes with the first page of its 64 places, and goes with the last page or shadow (shadows.ts):
 * after reclaim has taken every page of a file, the nodes are still there, full of shadows. Page 0 alone
 * needs none, and folios of 64 pages or more stand one level higher.
 *
 * Differs from Linux: nodes above the lowest level (1 in 64) are left out; where there is no memory for a
 * node, the page comes into the cache without one.
 *
 * Linux lib/xarray.c, lib/radix-tree.c. Read first: mapping.ts, mm/pages/slub.ts.
 * Read next: address_space.ts.
 */
import { __GFP_FS, __GFP_IO, __GFP_RECLAIM } from "../pages/gfp.js";
import type { Slab } from "../pages/kmem_cache.js";
import { kmemCacheAlloc, kmemCacheCreate, kmemCacheFree } from "../pages/slub.js";
import type { MemorySystem } from "../system.js";
import { type AddressSpace, XA_CHUNK_SIZE, type XaNode } from "./mapping.js";

/** Bytes of a node, with what the slab adds. Linux include/linux/xarray.h:struct xa_node */
const XA_NODE_BYTES = 584;

/** Slabs that the kernel has had since boot, with nodes of its own tables and room for some more. */
const BOOT_SLABS = 1;

/** What an allocation of a node may do to get memory. Linux mm/internal.h:GFP_RECLAIM_MASK */
const MAY = __GFP_RECLAIM | __GFP_IO | __GFP_FS;

/** Makes the cache of nodes. Linux lib/radix-tree.c:radix_tree_init() */
export function radixTreeInit(sys: MemorySystem): void {
  sys.radixTreeNodes = kmemCacheCreate(sys, "radix_tree_node", XA_NODE_BYTES, 1, BOOT_SLABS);
}

/** The node of places [64 * offset, 64 * offset + 64), made if it is not there. */
export function nodeAt(mapping: AddressSpace, offset: number): XaNode {
  let node = mapping.nodes.get(offset);
  if (node === undefined) {
    node = { mapping, offset, nrPages: 0, nrShadows: 0, slots: undefined, slab: undefined };
    mapping.nodes.set(offset, node);
  }
  return node;
}

/** End of the part of [from, end) that lies in the node of `from`. */
export function endInNode(from: number, end: number): number {
  return Math.min(end, (Math.floor(from / XA_CHUNK_SIZE) + 1) * XA_CHUNK_SIZE);
}

/**
 * Memory for the node of `index`, if pages [index, index + nrPages) will need some that is not there; may
 * reclaim. Linux lib/xarray.c:xas_nomem()
 */
export function xasAlloc(
  mapping: AddressSpace,
  index: number,
  nrPages: number,
  gfp: number,
): Slab | undefined {
  const { sys } = mapping.host;
  if (sys.radixTreeNodes === undefined || nrPages >= XA_CHUNK_SIZE) return undefined;
  if (index === 0 && nrPages === 1 && mapping.pages.size === 0) return undefined;
  if (mapping.nodes.get(Math.floor(index / XA_CHUNK_SIZE))?.slab !== undefined) return undefined;
  return kmemCacheAlloc(sys, sys.radixTreeNodes, gfp & MAY);
}

/** The memory goes back. Linux lib/xarray.c:xas_destroy() */
export function xasDestroy(mapping: AddressSpace, room: Slab | undefined): void {
  if (room !== undefined) kmemCacheFree(mapping.host.sys, room);
}

/** Pages [index, index + nrPages) have come into the cache; `room` is the memory for their node. */
export function nodesGet(
  mapping: AddressSpace,
  index: number,
  nrPages: number,
  room: Slab | undefined,
): void {
  for (let from = index; from < index + nrPages; from = endInNode(from, index + nrPages))
    nodeAt(mapping, Math.floor(from / XA_CHUNK_SIZE)).nrPages += endInNode(from, index + nrPages) - from;
  if (room === undefined) return;
  const node = nodeAt(mapping, Math.floor(index / XA_CHUNK_SIZE));
  // Somebody may have found memory for it meanwhile.
  if (node.slab === undefined) node.slab = room;
  else xasDestroy(mapping, room);
}

/** Pages [index, index + nrPages) have left the cache; shadows that take their place are there already. */
export function nodesLose(mapping: AddressSpace, index: number, nrPages: number): void {
  for (let from = index; from < index + nrPages; from = endInNode(from, index + nrPages)) {
    const node = nodeAt(mapping, Math.floor(from / XA_CHUNK_SIZE));
    node.nrPages -= endInNode(from, index + nrPages) - from;
    xasDeleteNode(node);
  }
}

/** Frees the node if neither a page nor a shadow is in it. Linux lib/xarray.c:xas_delete_node() */
export function xasDeleteNode(node: XaNode): void {
  if (node.nrPages > 0 || node.nrShadows > 0) return;
  node.mapping.nodes.delete(node.offset);
  xasDestroy(node.mapping, node.slab);
}
