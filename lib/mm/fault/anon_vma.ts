/**
 * AnonVma: how an anonymous page finds the VMAs that may map it, through forks, splits and merges.
 *
 *   parent: vma --+-- AnonVma A                       after fork, before the child writes:
 *                 |      rbRoot { parent vma, child vma }    pages of A may be mapped in both
 *   child:  vma --+
 *                 +-- AnonVma B                       the child's own pages (its copies) belong to B
 *                        rbRoot { child vma }
 *
 * A page remembers one AnonVma (folio.mapping). Whoever needs all mappings of the page looks at each VMA
 * linked to it. So a VMA is linked to every AnonVma whose pages it may have: its own, and through fork those
 * of all ancestors.
 *
 * Chains of forks would make these lists ever longer; therefore anonVmaClone() gives a child, where it can,
 * an AnonVma that an ancestor left behind instead of a new one.
 *
 * Whether a VMA has one link or several decides whether it may merge with a neighbour (mm/vma/vma.ts): a VMA
 * with pages inherited from a parent is not merged, so that the lists stay short.
 *
 * Differs from Linux: rbRoot is a set instead of an interval tree, so a walk filters by address itself.
 *
 * Read first: mm/mm_types.ts. Read next: rmap.ts.
 */

import { PAGE_SIZE } from "../../hw/address.js";
import { currentMemcg } from "../memcg/charge.js";
import { ANON_VMA_BYTES, ANON_VMA_CHAIN_BYTES, objCgroupCharge, objCgroupUncharge } from "../memcg/objcg.js";
import { AnonVma, VM_ACCESS_FLAGS, VM_IGNORE_MERGE, type VmAreaStruct } from "../mm_types.js";
import { vmBugOn } from "../mmdebug.js";
import type { MemorySystem } from "../system.js";

/** Links `vma` and `anonVma` both ways. Linux mm/rmap.c:anon_vma_chain_link() */
function anonVmaChainLink(vma: VmAreaStruct, anonVma: AnonVma): void {
  const { sys } = vma.vmMm;
  const avc = { vma, anonVma, memcg: objCgroupCharge(sys, currentMemcg(sys), ANON_VMA_CHAIN_BYTES) };
  vma.anonVmaChain.push(avc);
  anonVma.rbRoot.add(avc);
}

/** A new AnonVma, charged to the current task's group. Linux mm/rmap.c:anon_vma_alloc() */
function anonVmaAlloc(sys: MemorySystem, parent?: AnonVma): AnonVma {
  const anonVma = new AnonVma(parent);
  anonVma.memcg = objCgroupCharge(sys, currentMemcg(sys), ANON_VMA_BYTES);
  return anonVma;
}

/**
 * Gives `vma` an AnonVma if it has none: its first anonymous page is about to come.
 * Linux mm/rmap.c:anon_vma_prepare()
 */
export function anonVmaPrepare(vma: VmAreaStruct): void {
  if (vma.anonVma !== undefined) return;
  let anonVma = findMergeableAnonVma(vma);
  if (anonVma === undefined) {
    anonVma = anonVmaAlloc(vma.vmMm.sys);
    anonVma.numChildren++; // a root is its own parent
  }
  vma.anonVma = anonVma;
  anonVmaChainLink(vma, anonVma);
  anonVma.numActiveVmas++;
}

/**
 * The AnonVma of a neighbour that `vma` could merge with if only the access bits agreed: sharing it keeps a
 * later mprotect able to merge them. Linux mm/vma.c:find_mergeable_anon_vma()
 */
function findMergeableAnonVma(vma: VmAreaStruct): AnonVma | undefined {
  const { mmMt } = vma.vmMm;
  const next = mmMt.nextOf(vma);
  if (next !== undefined) {
    const anonVma = reusableAnonVma(next, vma, next);
    if (anonVma !== undefined) return anonVma;
  }
  const prev = mmMt.prevOf(vma.vmStart);
  return prev === undefined ? undefined : reusableAnonVma(prev, prev, vma);
}

/** Linux mm/vma.c:reusable_anon_vma() */
function reusableAnonVma(old: VmAreaStruct, a: VmAreaStruct, b: VmAreaStruct): AnonVma | undefined {
  if (!anonVmaCompatible(a, b)) return undefined;
  return old.anonVma !== undefined && old.anonVmaChain.length === 1 ? old.anonVma : undefined;
}

/**
 * Whether lower `a` and upper `b` touch and differ at most in access. Linux mm/vma.c:anon_vma_compatible()
 */
function anonVmaCompatible(a: VmAreaStruct, b: VmAreaStruct): boolean {
  return (
    a.vmEnd === b.vmStart &&
    a.vmFile === b.vmFile &&
    ((a.vmFlags ^ b.vmFlags) & ~(VM_ACCESS_FLAGS | VM_IGNORE_MERGE)) === 0 &&
    b.vmPgoff === a.vmPgoff + (b.vmStart - a.vmStart) / PAGE_SIZE
  );
}

/**
 * Links `dst` to every AnonVma of `src`, as a split, a move and a fork need. If `dst` has no AnonVma of its
 * own yet, it may take over one that no VMA uses and that has at most one child.
 * Linux mm/rmap.c:anon_vma_clone()
 */
export function anonVmaClone(dst: VmAreaStruct, src: VmAreaStruct): void {
  for (const { anonVma } of src.anonVmaChain) {
    anonVmaChainLink(dst, anonVma);
    if (
      dst.anonVma === undefined &&
      src.anonVma !== undefined &&
      anonVma.numChildren < 2 &&
      anonVma.numActiveVmas === 0
    )
      dst.anonVma = anonVma;
  }
  if (dst.anonVma !== undefined) dst.anonVma.numActiveVmas++;
}

/**
 * Links the child's `vma` to the AnonVmas of the parent's `pvma` and gives it one of its own.
 * Linux mm/rmap.c:anon_vma_fork()
 */
export function anonVmaFork(vma: VmAreaStruct, pvma: VmAreaStruct): void {
  if (pvma.anonVma === undefined) return;
  vma.anonVma = undefined;
  anonVmaClone(vma, pvma);
  if (vma.anonVma !== undefined) return;
  const anonVma = anonVmaAlloc(vma.vmMm.sys, pvma.anonVma);
  anonVma.numActiveVmas++;
  vma.anonVma = anonVma;
  anonVmaChainLink(vma, anonVma);
  anonVma.parent.numChildren++;
}

/**
 * Takes `vma` out of all its AnonVmas; those without any VMA left are gone.
 * Linux mm/rmap.c:unlink_anon_vmas()
 */
export function unlinkAnonVmas(vma: VmAreaStruct): void {
  for (const avc of vma.anonVmaChain) {
    const { anonVma } = avc;
    vmBugOn(!anonVma.rbRoot.delete(avc), "an anon_vma_chain link is missing from its anon_vma");
    objCgroupUncharge(vma.vmMm.sys, avc.memcg, ANON_VMA_CHAIN_BYTES);
    if (anonVma.rbRoot.size > 0) continue;
    anonVma.parent.numChildren--;
    objCgroupUncharge(vma.vmMm.sys, anonVma.memcg, ANON_VMA_BYTES);
    anonVma.memcg = undefined;
  }
  vma.anonVmaChain = [];
  if (vma.anonVma !== undefined) {
    vma.anonVma.numActiveVmas--;
    vma.anonVma = undefined;
  }
}

/**
 * `next` disappears into `vma`, which already has the same AnonVma.
 * Linux include/linux/rmap.h:anon_vma_merge()
 */
export function anonVmaMerge(vma: VmAreaStruct, next: VmAreaStruct): void {
  vmBugOn(vma.anonVma !== next.anonVma, "merged VMAs have different anon_vmas");
  unlinkAnonVmas(next);
}
