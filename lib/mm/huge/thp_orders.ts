/**
 * Where huge pages may be: by the settings, by what the process has asked for, and by the shape of the area.
 *
 *   thpVmaAllowableOrders   a mask of orders      settings, madvise, prctl
 *   thpVmaSuitableOrder     one order, at addr    the block around addr, aligned to its own size, lies in the VMA
 *
 *      2 MiB       2 MiB       2 MiB
 *     |-----------|-----------|-----------|
 *           [  VMA                    ]             only the block in the middle can be huge
 *                 |<--------->|
 *
 *   vmaThpGfpMask           how hard the allocation may try (transparent_hugepage/defrag)
 *
 * Linux mm/huge_memory.c, include/linux/huge_mm.h. Read first: thp_state.ts. Read next: huge_fault.ts.
 */
import type { Vaddr } from "../../hw/address.js";
import { PAGE_SIZE, PMD_SIZE } from "../../hw/address.js";
import {
  VM_HUGEPAGE,
  VM_HUGETLB,
  VM_NOHUGEPAGE,
  VM_SPECIAL,
  type VmAreaStruct,
  vmaIsAnonymous,
} from "../mm_types.js";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_NORETRY,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
} from "../pages/gfp.js";
import type { MemorySystem } from "../system.js";
import {
  HPAGE_PMD_ORDER,
  shmemHpagePmdEnabled,
  THP_ORDERS_ALL_ANON,
  THP_ORDERS_ALL_FILE_DEFAULT,
} from "./thp_state.js";
import type { TvaType } from "./thp_types.js";

/** Areas that khugepaged leaves alone. Linux include/linux/mm.h:VM_NO_KHUGEPAGED */
const VM_NO_KHUGEPAGED = VM_SPECIAL | VM_HUGETLB;

/** Linux include/linux/huge_mm.h:hugepage_global_always() */
function hugepageGlobalAlways({ thp }: MemorySystem): boolean {
  return thp.enabled === "always";
}

/** Linux include/linux/huge_mm.h:hugepage_global_enabled() */
function hugepageGlobalEnabled({ thp }: MemorySystem): boolean {
  return thp.enabled !== "never";
}

/**
 * Whether anybody may get a huge page of 2 MiB.
 * Linux mm/khugepaged.c:hugepage_pmd_enabled()
 */
export function hugepagePmdEnabled(sys: MemorySystem): boolean {
  const { ordersAlways, ordersMadvise, ordersInherit } = sys.thp;
  const own = ordersAlways | ordersMadvise | (hugepageGlobalEnabled(sys) ? ordersInherit : 0);
  return (own & (1 << HPAGE_PMD_ORDER)) !== 0 || shmemHpagePmdEnabled(sys);
}

/** Whether the area, or its process, must do without. Linux include/linux/huge_mm.h:vma_thp_disabled() */
export function vmaThpDisabled(vma: VmAreaStruct, forced: boolean): boolean {
  const { disabled } = vma.vmMm.thp;
  if ((vma.vmFlags & VM_NOHUGEPAGE) !== 0 || disabled === "completely") return true;
  if ((vma.vmFlags & VM_HUGEPAGE) !== 0 || forced) return false;
  return disabled === "except advised";
}

/**
 * Whether the aligned block of 2^order pages around `addr` lies in the VMA, and, where a file is mapped, is
 * aligned in the file as well. Linux include/linux/huge_mm.h:thp_vma_suitable_order()
 */
export function thpVmaSuitableOrder(vma: VmAreaStruct, addr: Vaddr, order: number): boolean {
  const size = PAGE_SIZE * 2 ** order;
  if (!vmaIsAnonymous(vma) && (vma.vmStart / PAGE_SIZE - vma.vmPgoff) % 2 ** order !== 0) return false;
  const start = Math.floor(addr / size) * size;
  return start >= vma.vmStart && start + size <= vma.vmEnd;
}

/** Those of `orders` that are suitable at `addr`. Linux include/linux/huge_mm.h:thp_vma_suitable_orders() */
export function thpVmaSuitableOrders(vma: VmAreaStruct, addr: Vaddr, orders: number): number {
  let left = orders;
  while (left !== 0) {
    const order = highestOrder(left);
    if (vma.vmMm.sys.parts.thpVmaSuitableOrder(vma, addr, order)) break;
    left &= ~(1 << order);
  }
  return left;
}

/** The largest order of a mask that is not empty. Linux include/linux/huge_mm.h:highest_order() */
export function highestOrder(orders: number): number {
  return 31 - Math.clz32(orders);
}

/** What `enabled`, those of each size and madvise leave of `orders` in anonymous memory. */
function ordersBySettings(vma: VmAreaStruct, orders: number): number {
  const { sys } = vma.vmMm;
  const advised = (vma.vmFlags & VM_HUGEPAGE) !== 0;
  let mask = sys.thp.ordersAlways;
  if (advised) mask |= sys.thp.ordersMadvise;
  if (hugepageGlobalAlways(sys) || (advised && hugepageGlobalEnabled(sys))) mask |= sys.thp.ordersInherit;
  return orders & mask;
}

/**
 * Which of `orders` (a mask) may be used somewhere in `vma`, for the purpose `type`.
 * Linux include/linux/huge_mm.h:thp_vma_allowable_orders()
 */
export function thpVmaAllowableOrders(vma: VmAreaStruct, type: TvaType, orders: number): number {
  const anon = vmaIsAnonymous(vma);
  const forced = type === "forced_collapse";
  const inFault = type === "pagefault";
  let left = anon && !forced ? ordersBySettings(vma, orders) : orders;
  left &= anon ? THP_ORDERS_ALL_ANON : THP_ORDERS_ALL_FILE_DEFAULT;
  if (left === 0 || vmaThpDisabled(vma, forced)) return 0;
  if (!inFault && type !== "smaps" && (vma.vmFlags & VM_NO_KHUGEPAGED) !== 0) return 0;
  if (!inFault) left = ordersThatFit(vma, left);
  if (left === 0) return 0;
  if (!anon) return fileOrders(vma, type, left);
  if (vma.anonVma === undefined) return inFault || type === "smaps" ? left : 0;
  return left;
}

/** Those whose blocks fit at all: it is the last one of the area that is looked at. */
function ordersThatFit(vma: VmAreaStruct, orders: number): number {
  let left = orders;
  while (left !== 0) {
    const order = highestOrder(left);
    if (thpVmaSuitableOrder(vma, vma.vmEnd - PAGE_SIZE * 2 ** order, order)) break;
    left &= ~(1 << order);
  }
  return left;
}

/** What a mapping of a file may have: only what the file's own rules allow. */
function fileOrders(vma: VmAreaStruct, type: TvaType, orders: number): number {
  return vma.vmOps?.hugeOrders?.(vma, type, orders) ?? 0;
}

/** Whether a huge page of 2 MiB is allowed. Linux include/linux/huge_mm.h:thp_vma_allowable_order() */
export function thpVmaAllowableOrder(vma: VmAreaStruct, type: TvaType): boolean {
  return thpVmaAllowableOrders(vma, type, 1 << HPAGE_PMD_ORDER) !== 0;
}

/**
 * How hard a fault in `vma` may try to get a large folio, by transparent_hugepage/defrag.
 * Linux mm/huge_memory.c:vma_thp_gfp_mask()
 */
export function vmaThpGfpMask(vma: VmAreaStruct): number {
  return thpGfpMask(vma.vmMm.sys, vma);
}

/** The same where there may be no mapping. Linux mm/huge_memory.c:vma_thp_gfp_mask() */
export function thpGfpMask(sys: MemorySystem, vma: VmAreaStruct | undefined): number {
  const madvised = vma !== undefined && (vma.vmFlags & VM_HUGEPAGE) !== 0;
  switch (sys.thp.defrag) {
    case "always":
      return GFP_TRANSHUGE | (madvised ? 0 : __GFP_NORETRY);
    case "defer":
      return GFP_TRANSHUGE_LIGHT | __GFP_KSWAPD_RECLAIM;
    case "defer+madvise":
      return GFP_TRANSHUGE_LIGHT | (madvised ? __GFP_DIRECT_RECLAIM : __GFP_KSWAPD_RECLAIM);
    case "madvise":
      return GFP_TRANSHUGE_LIGHT | (madvised ? __GFP_DIRECT_RECLAIM : 0);
    default:
      return GFP_TRANSHUGE_LIGHT;
  }
}

/** `addr` rounded down to 2 MiB. Linux: addr & HPAGE_PMD_MASK */
export function hugeAlignDown(addr: Vaddr): Vaddr {
  return Math.floor(addr / PMD_SIZE) * PMD_SIZE;
}
