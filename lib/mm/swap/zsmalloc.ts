/**
 * zsmalloc: memory for objects that are a bit smaller than a page, of which compressed pages are the best
 * example.
 *
 * A page that was compressed to 1700 bytes must lie somewhere. Two fit into a frame, and a sixth of it is
 * lost. So frames are put together, and an object may begin in one and end in the next:
 *
 *   zspage of 3 frames, 7 objects of 1744 bytes      frames need not be neighbours
 *
 *     frame 811             frame 94              frame 2207
 *   +---------------------+---------------------+---------------------+
 *   |   0    |   1    |   2    |   3    |   4    |   5    |   6    |  |     80 of 12288 bytes lost
 *   +---------------------+---------------------+---------------------+
 *
 *   object:  | handle | 1   bytes ...       |       in use: 8 bytes say whose it is
 *            | next << 1    (old bytes)     |       free: which one is free next
 *
 * There are 255 sizes: 32, 48, 64 ... 4096 bytes. Each takes as many frames together, 1 to 8, as waste least;
 * sizes that get the same numbers of frames and objects are one class, so that 119 are left. From 3625 bytes
 * on an object gets a frame of its own (a huge class, whose handle lies beside it): nothing is gained by
 * compression.
 *
 * A new object goes into the fullest zspage that has room: those that are nearly empty get empty, and give
 * their frames back. What is left over is moved together by zsCompact(): the owner of an object knows only
 * its handle, and a table says where the object is.
 *
 * The frames come from the machine's allocator and the bytes lie in RAM: a pool that grows takes memory from
 * everybody else.
 *
 * Differs from Linux: the slabs of handles (8 bytes for each object) and zspages take no frames; the place of
 * an object has 20 bits for its number instead of 24. Left out: moving single frames for compaction of
 * memory.
 *
 * Linux mm/zsmalloc.c. Read first: zsmalloc_types.ts, lz4.ts. Read next: zs_compact.ts, zram.ts, zswap.ts.
 */
import type { Pfn } from "../../hw/address.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { EINVAL, ENOMEM, ENOSPC } from "../errno.js";
import { vmBugOn } from "../mmdebug.js";
import { type Folio, PGTY_zsmalloc, pfnToPage } from "../pages/folio.js";
import { folioPut } from "../pages/free_pages.js";
import { allocPages } from "../pages/page_alloc.js";
import type { MemorySystem } from "../system.js";
import { modNodePageState, NR_ZSPAGES } from "../vmstat.js";
import { kmapLocalRead, kmapLocalWrite } from "./highmem.js";
import type { SizeClass, ZsPool, Zspage } from "./zsmalloc_types.js";

/** Bytes in front of an object: whose it is. Linux mm/zsmalloc.c:ZS_HANDLE_SIZE */
const ZS_HANDLE_SIZE = 8;
/**
 * Smallest object, handle included, and how much larger the next class is. Linux ZS_MIN_ALLOC_SIZE, _DELTA
 */
const ZS_MIN_ALLOC_SIZE = 32;
const ZS_SIZE_CLASS_DELTA = 16;
const ZS_SIZE_CLASSES = (PAGE_SIZE - ZS_MIN_ALLOC_SIZE) / ZS_SIZE_CLASS_DELTA + 1;
/** Frames of a zspage at most. Linux CONFIG_ZSMALLOC_CHAIN_SIZE */
const ZS_MAX_PAGES_PER_ZSPAGE = 8;
/** An object in use: its first word has a handle and this bit. Linux mm/zsmalloc.c:OBJ_ALLOCATED_TAG */
const OBJ_ALLOCATED_TAG = 1;
/** Numbers of objects in a place: frame * this + number. Linux 1 << OBJ_INDEX_BITS */
const OBJ_INDEX_LIMIT = 2 ** 20;

/** Groups of zspages by the part of their objects that is in use. Linux mm/zsmalloc.c:enum fullness_group */
export const ZS_INUSE_RATIO_0 = 0;
/** Up to 10 %; one more for each further 10 %. */
export const ZS_INUSE_RATIO_10 = 1;
/** More than 90 %, but not all. */
export const ZS_INUSE_RATIO_99 = 10;
/** All. */
export const ZS_INUSE_RATIO_100 = 11;
/** How many groups. */
const NR_FULLNESS_GROUPS = 12;

// ---------------------------------------------------------------- classes

/** How many frames waste least for objects of `size` bytes. Linux calculate_zspage_chain_size() */
function calculateZspageChainSize(size: number): number {
  if (Number.isInteger(Math.log2(size))) return 1;
  let chainSize = 1;
  for (let i = 2; i <= ZS_MAX_PAGES_PER_ZSPAGE; i++)
    if ((i * PAGE_SIZE) % size < (chainSize * PAGE_SIZE) % size) chainSize = i;
  return chainSize;
}

/** The class of size number `index`, or `next` one size up if that is cut into as many objects. */
function makeClass(index: number, next: SizeClass | undefined): SizeClass {
  const size = ZS_MIN_ALLOC_SIZE + index * ZS_SIZE_CLASS_DELTA;
  const pagesPerZspage = calculateZspageChainSize(size);
  const objsPerZspage = Math.floor((pagesPerZspage * PAGE_SIZE) / size);
  if (next?.pagesPerZspage === pagesPerZspage && next.objsPerZspage === objsPerZspage) return next;
  return {
    index,
    size,
    pagesPerZspage,
    objsPerZspage,
    fullnessList: new Array<undefined>(NR_FULLNESS_GROUPS).fill(undefined),
    nrZspages: new Array<number>(NR_FULLNESS_GROUPS).fill(0),
    objsAllocated: 0,
    objsInuse: 0,
  };
}

/** An empty pool; zsDestroyPool() ends it. Linux mm/zsmalloc.c:zs_create_pool(), without its shrinker */
export function newZsPool(name: string): ZsPool {
  const sizeClass: SizeClass[] = new Array<SizeClass>(ZS_SIZE_CLASSES);
  for (let i = ZS_SIZE_CLASSES - 1; i >= 0; i--) sizeClass[i] = makeClass(i, sizeClass[i + 1]);
  const empty = { objects: [0], freeHandles: [], zspages: new Map<Pfn, Zspage>() };
  return { name, sizeClass, ...empty, pagesAllocated: 0, pagesCompacted: 0, shrinker: undefined };
}

/** An object has its frame for itself, and its handle beside it. Linux mm/zsmalloc.c:ZsHugePage() */
function isHuge({ pagesPerZspage, objsPerZspage }: SizeClass): boolean {
  return pagesPerZspage === 1 && objsPerZspage === 1;
}

/** The class for an object of `size` bytes, handle included. Linux mm/zsmalloc.c:get_size_class_index() */
function classFor(pool: ZsPool, size: number): SizeClass {
  const index = Math.max(0, Math.ceil((size - ZS_MIN_ALLOC_SIZE) / ZS_SIZE_CLASS_DELTA));
  return pool.sizeClass[Math.min(ZS_SIZE_CLASSES - 1, index)]!;
}

/**
 * From so many bytes on an object takes a whole frame, compressed or not.
 * Linux mm/zsmalloc.c:zs_huge_class_size()
 */
export function zsHugeClassSize(pool: ZsPool): number {
  let i = ZS_SIZE_CLASSES - 1;
  while (isHuge(pool.sizeClass[i]!)) i--;
  return pool.sizeClass[i]!.size - (ZS_HANDLE_SIZE - 1);
}

// ---------------------------------------------------------------- lists

/** The group of a zspage as full as this one. Linux mm/zsmalloc.c:get_fullness_group() */
export function getFullnessGroup({ inuse, sizeClass }: Zspage): number {
  if (inuse === 0) return ZS_INUSE_RATIO_0;
  if (inuse === sizeClass.objsPerZspage) return ZS_INUSE_RATIO_100;
  return Math.floor(Math.floor((100 * inuse) / sizeClass.objsPerZspage) / 10) + 1;
}

/** First on the list of its group. Linux mm/zsmalloc.c:insert_zspage() */
export function insertZspage(zspage: Zspage): void {
  const { fullnessList, nrZspages } = zspage.sizeClass;
  const fullness = getFullnessGroup(zspage);
  zspage.fullness = fullness;
  zspage.prev = undefined;
  zspage.next = fullnessList[fullness];
  if (zspage.next !== undefined) zspage.next.prev = zspage;
  fullnessList[fullness] = zspage;
  nrZspages[fullness]!++;
}

/** Off its list. Linux mm/zsmalloc.c:remove_zspage() */
export function removeZspage(zspage: Zspage): void {
  const { fullnessList, nrZspages } = zspage.sizeClass;
  if (zspage.prev === undefined) fullnessList[zspage.fullness] = zspage.next;
  else zspage.prev.next = zspage.next;
  if (zspage.next !== undefined) zspage.next.prev = zspage.prev;
  nrZspages[zspage.fullness]!--;
}

/** Linux mm/zsmalloc.c:fix_fullness_group() */
function fixFullnessGroup(zspage: Zspage): void {
  if (getFullnessGroup(zspage) === zspage.fullness) return;
  removeZspage(zspage);
  insertZspage(zspage);
}

/** The fullest zspage with room, or undefined. Linux mm/zsmalloc.c:find_get_zspage() */
function findGetZspage({ fullnessList }: SizeClass): Zspage | undefined {
  for (let i = ZS_INUSE_RATIO_99; i >= ZS_INUSE_RATIO_0; i--)
    if (fullnessList[i] !== undefined) return fullnessList[i];
  return undefined;
}

// ---------------------------------------------------------------- zspages

/** Frames for a new zspage, chained to free objects; undefined without memory. Linux alloc_zspage() */
function allocZspage(sys: MemorySystem, pool: ZsPool, sizeClass: SizeClass, gfp: number): Zspage | undefined {
  const folios: Folio[] = [];
  for (let i = 0; i < sizeClass.pagesPerZspage; i++) {
    const folio = allocPages(sys, gfp, 0);
    if (folio === undefined) {
      for (const one of folios) folioPut(sys, one);
      return undefined;
    }
    folio.pageType = PGTY_zsmalloc;
    folios.push(folio);
  }
  const pfns = folios.map(({ pfn }) => pfn);
  const state = { inuse: 0, freeobj: 0, fullness: ZS_INUSE_RATIO_0, handle: 0 };
  const zspage: Zspage = { sizeClass, pfns, ...state, prev: undefined, next: undefined };
  for (const pfn of pfns) pool.zspages.set(pfn, zspage);
  modNodePageState(sys, NR_ZSPAGES, pfns.length);
  const last = sizeClass.objsPerZspage - 1;
  if (!isHuge(sizeClass)) for (let i = 0; i <= last; i++) setNext(sys, zspage, i, i < last ? i + 1 : -1);
  pool.pagesAllocated += pfns.length;
  sizeClass.objsAllocated += sizeClass.objsPerZspage;
  return zspage;
}

/** An empty zspage, off its list, gives its frames back. Linux mm/zsmalloc.c:__free_zspage() */
export function freeZspage(sys: MemorySystem, pool: ZsPool, zspage: Zspage): void {
  const { sizeClass, pfns } = zspage;
  vmBugOn(zspage.inuse !== 0, `a zspage with ${zspage.inuse} objects is freed`);
  for (const pfn of pfns) {
    pool.zspages.delete(pfn);
    folioPut(sys, pfnToPage(sys, pfn));
  }
  modNodePageState(sys, NR_ZSPAGES, -pfns.length);
  pool.pagesAllocated -= pfns.length;
  sizeClass.objsAllocated -= sizeClass.objsPerZspage;
}

/**
 * First word of object `index`, where its handle is or the next free object: number of the entry in its
 * frame.
 */
function wordOf({ sizeClass }: Zspage, index: number): number {
  return ((sizeClass.size * index) % PAGE_SIZE) / 8;
}

/** The frame in which object `index` begins. */
function frameOf({ sizeClass, pfns }: Zspage, index: number): Pfn {
  return pfns[Math.floor((sizeClass.size * index) / PAGE_SIZE)]!;
}

/** The free object `index` is followed by `next`, -1: by none. Linux mm/zsmalloc.c:struct link_free */
function setNext(sys: MemorySystem, zspage: Zspage, index: number, next: number): void {
  sys.ram.setEntry(frameOf(zspage, index), wordOf(zspage, index), next << 1, next < 0 ? -1 : 0);
}

/** The handle of object `index`, 0 if it is free. Linux mm/zsmalloc.c:obj_allocated() */
export function objAllocated(sys: MemorySystem, zspage: Zspage, index: number): number {
  const word = sys.ram.entryLo(frameOf(zspage, index), wordOf(zspage, index));
  return (word & OBJ_ALLOCATED_TAG) === 0 ? 0 : word & ~OBJ_ALLOCATED_TAG;
}

/** Takes the zspage's first free object for `handle`. Linux mm/zsmalloc.c:obj_malloc() */
function objMalloc(sys: MemorySystem, pool: ZsPool, zspage: Zspage, handle: number): void {
  const index = zspage.freeobj;
  const pfn = frameOf(zspage, index);
  if (isHuge(zspage.sizeClass)) {
    zspage.handle = handle;
    zspage.freeobj = -1;
  } else {
    const word = wordOf(zspage, index);
    zspage.freeobj = sys.ram.entryLo(pfn, word) >> 1;
    sys.ram.setEntry(pfn, word, handle | OBJ_ALLOCATED_TAG, 0);
  }
  zspage.inuse++;
  pool.objects[handle / 8] = pfn * OBJ_INDEX_LIMIT + index;
}

/** Object `index` is free again, and the first to be taken. Linux mm/zsmalloc.c:obj_free() */
function objFree(sys: MemorySystem, zspage: Zspage, index: number): void {
  if (isHuge(zspage.sizeClass)) zspage.handle = 0;
  else setNext(sys, zspage, index, zspage.freeobj);
  zspage.freeobj = index;
  zspage.inuse--;
}

/** The zspage and number of the object of `handle`. Linux mm/zsmalloc.c:obj_to_location() */
function locate(pool: ZsPool, handle: number): { zspage: Zspage; index: number } {
  const obj = pool.objects[handle / 8] ?? 0;
  vmBugOn(obj === 0, `${handle} is no handle of pool ${pool.name}`);
  return { zspage: pool.zspages.get(Math.floor(obj / OBJ_INDEX_LIMIT))!, index: obj % OBJ_INDEX_LIMIT };
}

// ---------------------------------------------------------------- objects

/** A handle that nobody has. Linux mm/zsmalloc.c:cache_alloc_handle(): an address of 8 bytes */
function allocHandle(pool: ZsPool): number {
  return pool.freeHandles.pop() ?? pool.objects.push(0) * 8 - 8;
}

/**
 * Room for `size` bytes (1 to 4096): its handle, or -ENOMEM, -EINVAL for 0, -ENOSPC for more than a page.
 * `gfp` says how hard to try for frames. Linux mm/zsmalloc.c:zs_malloc()
 */
export function zsMalloc(sys: MemorySystem, pool: ZsPool, size: number, gfp: number): number {
  if (size === 0) return -EINVAL;
  if (size > PAGE_SIZE) return -ENOSPC;
  const sizeClass = classFor(pool, size + ZS_HANDLE_SIZE);
  let zspage = findGetZspage(sizeClass);
  if (zspage === undefined) {
    zspage = allocZspage(sys, pool, sizeClass, gfp);
    if (zspage === undefined) return -ENOMEM;
    insertZspage(zspage);
  }
  const handle = allocHandle(pool);
  objMalloc(sys, pool, zspage, handle);
  fixFullnessGroup(zspage);
  sizeClass.objsInuse++;
  return handle;
}

/** The object is not needed any more; an empty zspage goes. Linux mm/zsmalloc.c:zs_free() */
export function zsFree(sys: MemorySystem, pool: ZsPool, handle: number): void {
  const { zspage, index } = locate(pool, handle);
  zspage.sizeClass.objsInuse--;
  objFree(sys, zspage, index);
  fixFullnessGroup(zspage);
  if (zspage.inuse === 0) {
    removeZspage(zspage);
    freeZspage(sys, pool, zspage);
  }
  pool.objects[handle / 8] = 0;
  pool.freeHandles.push(handle);
}

/** Number of an object's first byte in its frame. */
function startOf({ sizeClass }: Zspage, index: number): number {
  return ((sizeClass.size * index) % PAGE_SIZE) + (isHuge(sizeClass) ? 0 : ZS_HANDLE_SIZE);
}

/**
 * The first `length` bytes of the object: where they are, or a copy in `localCopy` if they lie in two frames.
 * They are valid until anything else happens. Linux mm/zsmalloc.c:zs_obj_read_begin()
 */
export function zsObjReadBegin(
  sys: MemorySystem,
  pool: ZsPool,
  handle: number,
  length: number,
  localCopy: Uint8Array,
): Uint8Array {
  const { zspage, index } = locate(pool, handle);
  const start = startOf(zspage, index);
  const bytes = kmapLocalRead(sys.ram, frameOf(zspage, index));
  if (start + length <= PAGE_SIZE) return bytes.subarray(start, start + length);
  const inFirst = PAGE_SIZE - start;
  localCopy.set(bytes.subarray(start));
  localCopy.set(kmapLocalRead(sys.ram, nextFrame(zspage, index)).subarray(0, length - inFirst), inFirst);
  return localCopy.subarray(0, length);
}

/** The frame behind the one in which object `index` begins. Linux mm/zsmalloc.c:get_next_zpdesc() */
function nextFrame(zspage: Zspage, index: number): Pfn {
  return zspage.pfns[zspage.pfns.indexOf(frameOf(zspage, index)) + 1]!;
}

/** Writes `bytes` to the start of the object. Linux mm/zsmalloc.c:zs_obj_write() */
export function zsObjWrite(sys: MemorySystem, pool: ZsPool, handle: number, bytes: Uint8Array): void {
  const { zspage, index } = locate(pool, handle);
  const start = startOf(zspage, index);
  const frame = kmapLocalWrite(sys.ram, frameOf(zspage, index));
  if (start + bytes.length <= PAGE_SIZE) {
    frame.set(bytes, start);
    return;
  }
  const inFirst = PAGE_SIZE - start;
  frame.set(bytes.subarray(0, inFirst), start);
  kmapLocalWrite(sys.ram, nextFrame(zspage, index)).set(bytes.subarray(inFirst));
}

/**
 * The object moves to the first free place of `to`, of the same class. Linux mm/zsmalloc.c:zs_object_copy()
 */
export function zsObjMove(sys: MemorySystem, pool: ZsPool, handle: number, to: Zspage): void {
  const { zspage, index } = locate(pool, handle);
  const length = zspage.sizeClass.size - ZS_HANDLE_SIZE;
  const bytes = zsObjReadBegin(sys, pool, handle, length, new Uint8Array(length));
  objMalloc(sys, pool, to, handle);
  zsObjWrite(sys, pool, handle, bytes);
  objFree(sys, zspage, index);
}

/** Frames that the pool takes. Linux mm/zsmalloc.c:zs_get_total_pages() */
export function zsGetTotalPages(pool: ZsPool): number {
  return pool.pagesAllocated;
}
