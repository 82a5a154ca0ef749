/**
 * Shadows: what reclaim leaves behind in the place of a page that it took out of the cache.
 *
 *   pages     0 -> folio A   1 -> folio B                 4 -> folio C
 *   shadows                                2 -> s   3 -> s              a number each: mm/lru/workingset.ts
 *   nodes     [ ---------------- 0 ... 63 ---------------- ][ 64 ... 127: shadows only ]
 *                                                             counted in WORKINGSET_NODES; a shrinker may free it
 *
 * A shadow costs no frame of its own, but the places of a cache are kept in nodes of 64 (xa_node.ts), and
 * a node with nothing but shadows is memory that holds no page. Such nodes stand in one queue of the
 * machine, in the order in which their last page left, and are freed when there are too many of them.
 *
 * Who takes a page for good (truncation, fadvise) leaves no shadow, and takes away those that are there.
 *
 * Differs from Linux: a shadow of a large folio is kept once for each page; nodes above the lowest level are
 * not counted.
 *
 * Linux lib/xarray.c, mm/filemap.c, mm/workingset.c. Read first: mapping.ts. Read next: address_space.ts,
 * mm/lru/workingset.ts.
 */

import type { MemorySystem } from "../system.js";
import {
  globalNodePageState,
  modNodePageState,
  WORKINGSET_NODERECLAIM,
  WORKINGSET_NODES,
} from "../vmstat.js";
import { type AddressSpace, XA_CHUNK_SIZE, type XaNode } from "./mapping.js";
import { endInNode, nodeAt, xasDeleteNode } from "./xa_node.js";

/** Page 0 alone needs no node: it stands in the head of the tree. Linux lib/xarray.c:xas_shrink() */
function standsInHead({ mapping, offset, slots }: XaNode): boolean {
  return offset === 0 && mapping.pages.size === 0 && mapping.nrShadows === 1 && slots![0]! >= 0;
}

/** The node is in the queue if it holds shadows only. Linux mm/workingset.c:workingset_update_node() */
function workingsetUpdateNode(sys: MemorySystem, node: XaNode): void {
  const listed = sys.shadowNodes.has(node);
  const wanted = node.nrShadows > 0 && node.nrPages === 0 && !standsInHead(node);
  if (wanted === listed) return;
  if (wanted) sys.shadowNodes.add(node);
  else sys.shadowNodes.delete(node);
  modNodePageState(sys, WORKINGSET_NODES, wanted ? 1 : -1);
}

/** The node at `offset` has changed: what that means for it, and for the one in the head. */
function updateNode(mapping: AddressSpace, offset: number): void {
  const { sys } = mapping.host;
  const node = mapping.nodes.get(offset);
  if (node !== undefined) workingsetUpdateNode(sys, node);
  const first = offset === 0 ? undefined : mapping.nodes.get(0);
  if (first !== undefined) workingsetUpdateNode(sys, first);
}

/** Pages [index, index + nrPages) have just come or left. */
export function updateNodes(mapping: AddressSpace, index: number, nrPages: number): void {
  for (let from = index; from < index + nrPages; from = endInNode(from, index + nrPages))
    updateNode(mapping, Math.floor(from / XA_CHUNK_SIZE));
}

/**
 * The pages [index, index + nrPages) leave, and `shadow` takes the place of each.
 * Linux mm/filemap.c:page_cache_delete()
 */
export function storeShadow(mapping: AddressSpace, index: number, nrPages: number, shadow: number): void {
  for (let from = index; from < index + nrPages; ) {
    const to = endInNode(from, index + nrPages);
    const node = nodeAt(mapping, Math.floor(from / XA_CHUNK_SIZE));
    node.slots ??= new Float64Array(XA_CHUNK_SIZE).fill(-1);
    node.slots.fill(shadow, from % XA_CHUNK_SIZE, (from % XA_CHUNK_SIZE) + to - from);
    node.nrShadows += to - from;
    mapping.nrShadows += to - from;
    from = to;
  }
}

/** The shadow of `index`, which is gone now; undefined if there was none. */
function takeOne(node: XaNode, index: number): number | undefined {
  const shadow = node.slots?.[index % XA_CHUNK_SIZE] ?? -1;
  if (shadow < 0) return undefined;
  node.slots![index % XA_CHUNK_SIZE] = -1;
  node.nrShadows--;
  node.mapping.nrShadows--;
  return shadow;
}

/** The shadow in the place of page `index`, or undefined. Linux lib/xarray.c:xa_load() */
export function shadowOf(mapping: AddressSpace, index: number): number | undefined {
  const shadow = mapping.nodes.get(Math.floor(index / XA_CHUNK_SIZE))?.slots?.[index % XA_CHUNK_SIZE];
  return shadow === undefined || shadow < 0 ? undefined : shadow;
}

/**
 * Pages have just come to [index, index + nrPages): the shadows there are gone; the last of them, or
 * undefined. Linux mm/filemap.c:__filemap_add_folio()
 */
export function takeShadows(mapping: AddressSpace, index: number, nrPages: number): number | undefined {
  let found: number | undefined;
  for (let i = index; i < index + nrPages; i++) {
    const node = mapping.nodes.get(Math.floor(i / XA_CHUNK_SIZE))!;
    found = takeOne(node, i) ?? found;
  }
  updateNodes(mapping, index, nrPages);
  return found;
}

/** Forgets the shadows of pages [first, last] that are in the node. */
function clearNode(node: XaNode, first: number, last: number): void {
  const start = node.offset * XA_CHUNK_SIZE;
  const end = Math.min(last, start + XA_CHUNK_SIZE - 1);
  for (let i = Math.max(first, start); i <= end; i++) takeOne(node, i);
  updateNode(node.mapping, node.offset);
  xasDeleteNode(node);
}

/** Forgets the shadows of pages [first, last]; how many. Linux mm/truncate.c:clear_shadow_entries() */
export function clearShadowEntries(mapping: AddressSpace, first: number, last: number): number {
  if (mapping.nrShadows === 0) return 0;
  const before = mapping.nrShadows;
  for (const node of [...mapping.nodes.values()]) if (node.nrShadows > 0) clearNode(node, first, last);
  return before - mapping.nrShadows;
}

/** Pages on the lists and in slabs, of which an eighth may be nodes of shadows. */
function nrPagesForNodes(sys: MemorySystem): number {
  let pages = 0;
  for (let item = 0; item < 5; item++) pages += globalNodePageState(sys, item);
  return pages;
}

/**
 * Nodes of shadows that are too many: more than one for eight pages in RAM. The shrinker "mm-shadow", with
 * seeks 0. Linux mm/workingset.c:count_shadow_nodes()
 */
export function countShadowNodes(sys: MemorySystem): number {
  const nodes = sys.shadowNodes.size;
  return Math.max(0, nodes - Math.floor(nrPagesForNodes(sys) / 8));
}

/** Frees the `nr` oldest nodes of shadows; how many there were. Linux mm/workingset.c:scan_shadow_nodes() */
export function scanShadowNodes(sys: MemorySystem, nr: number): number {
  let freed = 0;
  for (const node of [...sys.shadowNodes]) {
    if (freed >= nr) break;
    clearNode(node, 0, Number.POSITIVE_INFINITY);
    node.mapping.host.unpinned?.();
    modNodePageState(sys, WORKINGSET_NODERECLAIM, 1);
    freed++;
  }
  return freed;
}
