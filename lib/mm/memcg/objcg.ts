/**
 * Small objects of the kernel, charged by the byte: what a process makes the kernel remember.
 *
 *   a mapping, its anon_vma --> objCgroupCharge(200 bytes)
 *     the CPU's rest of a page that is charged already: 200 less of it
 *     else one page is charged, the rest of it is kept                    memory.stat: kernel +4096
 *   the object is freed     --> objCgroupUncharge: back to the rest; a whole page of it is given back
 *
 * So the first mapping of a process in a new group costs the group a page, and with what is charged ahead 64.
 *
 * A CPU keeps the rest for one group at a time. How much of it is in use (slab_unreclaimable) is told to the
 * group when it is more than a page, or when the rest goes.
 *
 * Left out: objects of other kinds (inodes, dentries, task structures).
 *
 * Linux mm/memcontrol.c. Read first: charge.ts. Read next: mm/fault/anon_vma.ts, mm/vma/vma.ts.
 */
import type { Memcg } from "../lru/lruvec.js";
import { GFP_KERNEL } from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { chargeKmem, drainObjStock, flushSlabBytes, unchargeKmem } from "./charge.js";
import type { ObjStock } from "./memcg_types.js";

type Stock = ObjStock<Memcg["lruvec"]>;

const PAGE_BYTES = 4096;
/** Each object has a pointer to who pays for it. Linux mm/slab.h:struct slabobj_ext */
const OWNER_BYTES = 8;

/** Bytes of struct vm_area_struct, and of its owner's pointer. Linux 6.18.15, x86-64 */
export const VMA_BYTES = 192 + OWNER_BYTES;
/** Bytes of struct anon_vma, and of one link to it. */
export const ANON_VMA_BYTES = 104 + OWNER_BYTES;
export const ANON_VMA_CHAIN_BYTES = 64 + OWNER_BYTES;

/** The rest that this CPU has, of the group from now on. */
function stockFor(sys: MemorySystem, memcg: Memcg): Stock {
  const { objStock } = sys.memcg;
  let stock = objStock[sys.thisCpu];
  if (stock === undefined) {
    stock = { memcg: undefined, nrBytes: 0, slabBytes: 0 };
    objStock[sys.thisCpu] = stock;
  }
  if (stock.memcg === memcg) return stock;
  drainObjStock(sys, stock);
  stock.memcg = memcg;
  stock.nrBytes = memcg.nrChargedBytes;
  memcg.nrChargedBytes = 0;
  return stock;
}

function account(stock: Stock, bytes: number): void {
  stock.slabBytes += bytes;
  if (Math.abs(stock.slabBytes) > PAGE_BYTES) flushSlabBytes(stock);
}

/**
 * Charges an object of less than a page to the group; who pays for it: the group, or undefined if that has no
 * room. Linux mm/memcontrol.c:obj_cgroup_charge_account()
 * Differs from Linux: an object that nobody can pay for is made all the same.
 */
export function objCgroupCharge(
  sys: MemorySystem,
  memcg: Memcg | undefined,
  bytes: number,
): Memcg | undefined {
  if (memcg === undefined) return undefined;
  const here = sys.memcg.objStock[sys.thisCpu];
  if (here?.memcg === memcg && here.nrBytes >= bytes) here.nrBytes -= bytes;
  else {
    if (!chargeKmem(sys, memcg, GFP_KERNEL, 1)) return undefined;
    stockFor(sys, memcg).nrBytes += PAGE_BYTES - bytes;
  }
  account(sys.memcg.objStock[sys.thisCpu]!, bytes);
  return memcg;
}

/** An object that `memcg` paid for is free. Linux mm/memcontrol.c:refill_obj_stock() */
export function objCgroupUncharge(sys: MemorySystem, memcg: Memcg | undefined, bytes: number): void {
  if (memcg === undefined) return;
  const stock = stockFor(sys, memcg);
  stock.nrBytes += bytes;
  account(stock, -bytes);
  const nrPages = stock.nrBytes > PAGE_BYTES ? Math.floor(stock.nrBytes / PAGE_BYTES) : 0;
  stock.nrBytes -= nrPages * PAGE_BYTES;
  if (nrPages > 0) unchargeKmem(sys, memcg, nrPages);
}
