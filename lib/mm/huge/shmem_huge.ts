/**
 * Which large folios shared memory may have, by the settings.
 *
 *   shmem_enabled            always within_size advise [never] deny force     for all of it
 *   huge= of the mount       always within_size advise [never]                for the files of one file system
 *   hugepages-NkB/shmem_enabled   always inherit within_size advise never     for one size, without a name only
 *
 *                            a file with a name         memfd                     MAP_SHARED | MAP_ANONYMOUS
 *   asked first              huge= of /dev/shm          huge= of the inner mount  each size's own word
 *   sizes                    2 MiB; written: any        the same                  those of the mask
 *
 * The inner mount is the kernel's own: it has no folder, and writing shmem_enabled is what sets its huge=.
 *
 *   within_size   only where the whole folio lies within the file's size
 *   advise        only where a mapping has MADV_HUGEPAGE
 *   deny, force   whatever the mounts say: nobody, everybody (for emergencies, and for tests)
 *
 * All of it is off unless somebody switches it on. MADV_COLLAPSE does not ask (except for "deny").
 *
 * Linux mm/shmem.c. Read first: thp_state.ts, mm/filemap/shmem.ts. Read next: mm/filemap/shmem_alloc.ts.
 */
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import type { AddressSpace } from "../filemap/mapping.js";
import { VM_HUGEPAGE, type VmAreaStruct } from "../mm_types.js";
import {
  __GFP_FS,
  __GFP_IO,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  GFP_ZONEMASK,
} from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import { highestOrder, vmaThpDisabled } from "./thp_orders.js";
import { HPAGE_PMD_ORDER, type ShmemHuge, THP_ORDERS_ALL_FILE_DEFAULT } from "./thp_state.js";
import type { TvaType } from "./thp_types.js";

const PMD_ORDERS = 1 << HPAGE_PMD_ORDER;

/** Who needs a folio of which page, for a fault (`vma`) or for a write that ends at byte `writeEnd`. */
interface ShmemWish {
  readonly vma?: VmAreaStruct | undefined;
  readonly index: number;
  readonly writeEnd?: number | undefined;
  /** MADV_COLLAPSE: whatever the settings say. Linux shmem_huge_force */
  readonly force?: boolean;
}

/** Linux SHMEM_SB(inode->i_sb)->huge */
function mountHuge({ aOps, host }: AddressSpace): ShmemHuge {
  return aOps.innerMount === true ? host.sys.thp.shmMntHuge : host.sys.thp.tmpfsHuge;
}

/**
 * Those of `orders` whose folio around page `index` would lie within the file, and all smaller ones.
 * Linux mm/shmem.c:shmem_get_orders_within_size()
 */
function ordersWithinSize(mapping: AddressSpace, orders: number, index: number, writeEnd: number): number {
  const pages = Math.ceil(Math.max(writeEnd, mapping.host.iSize) / PAGE_SIZE);
  let left = orders;
  while (left !== 0) {
    const order = highestOrder(left);
    if (pages >= Math.ceil((index + 1) / 2 ** order) * 2 ** order) break;
    left &= ~(1 << order);
  }
  return left;
}

/** What shmem_enabled and the mount say. Linux mm/shmem.c:shmem_huge_global_enabled() */
function globalOrders(mapping: AddressSpace, wish: ShmemWish): number {
  const { vma, index, writeEnd = 0, force } = wish;
  const { shmemEnabled } = mapping.host.sys.thp;
  if (shmemEnabled === "deny") return 0;
  if (force === true || shmemEnabled === "force") return PMD_ORDERS;
  const orders = vma === undefined ? THP_ORDERS_ALL_FILE_DEFAULT : PMD_ORDERS;
  const advised = vma !== undefined && (vma.vmFlags & VM_HUGEPAGE) !== 0 ? PMD_ORDERS : 0;
  switch (mountHuge(mapping)) {
    case "always":
      return orders;
    case "within_size":
      return ordersWithinSize(mapping, orders, index, writeEnd) || advised;
    case "advise":
      return advised;
    default:
      return 0;
  }
}

/**
 * Orders that a folio of shared memory may have. Linux mm/shmem.c:shmem_allowable_huge_orders()
 */
export function shmemAllowableHugeOrders(mapping: AddressSpace, wish: ShmemWish): number {
  const { vma, index, force } = wish;
  const { thp } = mapping.host.sys;
  if (vma !== undefined && vmaThpDisabled(vma, force === true)) return 0;
  const global = globalOrders(mapping, wish);
  if (vma === undefined || vma.vmOps?.anonShmem !== true) return global;
  if (thp.shmemEnabled === "deny") return 0;
  if (thp.shmemEnabled === "force") return thp.shmemOrdersInherit;
  let mask = thp.shmemOrdersAlways | ordersWithinSize(mapping, thp.shmemOrdersWithinSize, index, 0);
  if ((vma.vmFlags & VM_HUGEPAGE) !== 0) mask |= thp.shmemOrdersMadvise;
  if (global !== 0) mask |= thp.shmemOrdersInherit;
  return THP_ORDERS_ALL_FILE_DEFAULT & mask;
}

/**
 * vmOps.hugeOrders of shared memory.
 * Linux mm/huge_memory.c:__thp_vma_allowable_orders(), its case of shmem
 */
export function shmemHugeOrders(vma: VmAreaStruct, type: TvaType, orders: number): number {
  if (type === "pagefault") return 0; // the fault brings a folio in, and then looks how large it is
  const wish = { vma, index: vma.vmPgoff, force: type === "forced_collapse" };
  return orders & shmemAllowableHugeOrders(vma.vmFile!.fMapping, wish);
}

/**
 * To what a mapping of the file (undefined: of memory without a name) is aligned, so that large folios fit; 0
 * if there will be none. Linux mm/shmem.c:shmem_get_unmapped_area(), its conditions
 */
export function shmemHugeAlign(sys: MemorySystem, mapping: AddressSpace | undefined): number {
  const { thp } = sys;
  if (thp.shmemEnabled === "deny") return 0;
  const mount = mapping === undefined ? thp.shmMntHuge : mountHuge(mapping);
  if (thp.shmemEnabled === "force") return PMD_SIZE;
  if (mapping !== undefined) return mount === "never" ? 0 : PMD_SIZE;
  const own = thp.shmemOrdersAlways | thp.shmemOrdersWithinSize | thp.shmemOrdersMadvise;
  const orders = own | (mount === "never" ? 0 : thp.shmemOrdersInherit);
  if (orders !== 0) return PAGE_SIZE * 2 ** highestOrder(orders);
  return mount === "never" ? 0 : PMD_SIZE;
}

/**
 * What a large folio may do to get memory: what a huge page may (`hugeGfp`), but no more than a small page of
 * the file. Linux mm/shmem.c:limit_gfp_mask()
 */
export function limitGfpMask(hugeGfp: number, limitGfp: number): number {
  const allow = __GFP_IO | __GFP_FS | __GFP_RECLAIM;
  const zones = limitGfp & GFP_ZONEMASK;
  const deny = limitGfp & (__GFP_NOWARN | __GFP_NORETRY);
  return (hugeGfp & ~(allow | GFP_ZONEMASK)) | zones | deny | (hugeGfp & limitGfp & allow);
}
