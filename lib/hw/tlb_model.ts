/**
 * TLB models: which TLBs a processor has, with presets named after real ones.
 *
 *            data access                instruction fetch
 *                 |                            |
 *   L1d: one TLB for each page size     L1i: one TLB for each page size
 *                 |  miss                      |  miss
 *                 +------> L2 (shared) <-------+
 *                            |  miss
 *                            v
 *          page-walk caches: where tables lie, so that a walk can start lower
 *                            |
 *                            v
 *                       the walk in RAM
 *
 * A TLB that holds several page sizes is looked up once for each of them, as the hardware does. A page whose
 * size no TLB of a level holds is broken into the largest pieces that one does; if there are none, that level
 * does not keep it.
 *
 * Where the figures come from. nehalem and the first level of skylake agree with published descriptions that
 * were read. The rest is meant to be what these books say, but was not looked up there, so check before you
 * rely on it: Intel 64 and IA-32 Architectures Optimization Reference Manual (haswell; skylake's second
 * level, 12 ways here, while CPUID of a Skylake server says 6), Software Optimization Guide for AMD Family
 * 17h (zen2). Zen2's second level for instructions has the 512 entries in 8 ways of 7-cpu.com; the one for
 * data 2048 in 16 ways, where WikiChip says 12, of which 2048 is no multiple. The makers publish neither the
 * replacement policy nor (Intel) the sizes of the page-walk caches: true LRU and 4/4/32 are assumptions of
 * ours.
 *
 * What happens when an entry allows too little differs, too, and its manuals were read: see `rewalksOnFault`.
 * Linux 6.18 on an AMD EPYC counted no fault for writes through entries that were read-only and out of date.
 * No Intel machine was asked; FreeBSD found that its kernel must cope with such faults, and Linux has
 * spurious_kernel_fault() for them.
 *
 * Read first: tlb.ts. Read next: mmu.ts.
 */
import { checkKind, listOf, shape } from "./signature.js";
import type { TlbGeometry } from "./tlb.js";

/** Entries of the page-walk caches, fully associative with true LRU; 0 or absent = none. */
export interface WalkCacheSizes {
  /** PDE cache: where the level-1 table of 2 MiB lies. */
  readonly pde?: number;
  /** PDPTE cache: where the level-2 table of 1 GiB lies. */
  readonly pdpte?: number;
  /** PML4E cache: where the level-3 table of 512 GiB lies. */
  readonly pml4e?: number;
  /** PML5E cache: where the level-4 table of 256 TiB lies (5-level paging). */
  readonly pml5e?: number;
}

/** The TLBs of one processor. */
export interface TlbModel {
  readonly name: string;
  /** First-level TLBs for data. */
  readonly l1d: readonly TlbGeometry[];
  /** First-level TLBs for instructions. */
  readonly l1i: readonly TlbGeometry[];
  /** Second level; shared, unless `l2i` is given. */
  readonly l2: readonly TlbGeometry[];
  /** Second level for instructions where the processor splits it. */
  readonly l2i?: readonly TlbGeometry[];
  readonly walkCaches: WalkCacheSizes;
  /**
   * Whether the tables are walked again before any page fault is reported, so that an entry with too few
   * rights causes none. AMD documents that its processors do (APM vol. 2, Use of Cached Entries When
   * Reporting a Page Fault Exception). Intel leaves it open: such an access "may or may not" fault (SDM vol.
   * 3A, Optional Invalidation). False, the default, takes that at its word: what a kernel must be ready for.
   */
  readonly rewalksOnFault?: boolean;
}

const INTEL_WALK_CACHES: WalkCacheSizes = { pde: 32, pdpte: 4, pml4e: 4, pml5e: 4 };

/** TLBs of real processors, two for teaching, and one for measuring. */
export const TLB_MODELS = {
  /** Intel Nehalem (2008): the second level holds 4 KiB pages only. */
  nehalem: {
    name: "nehalem",
    l1d: [
      { sets: 16, ways: 4, levels: [1] },
      { sets: 8, ways: 4, levels: [2] },
    ],
    l1i: [
      { sets: 32, ways: 4, levels: [1] },
      { sets: 1, ways: 7, levels: [2] },
    ],
    l2: [{ sets: 128, ways: 4, levels: [1] }],
    walkCaches: INTEL_WALK_CACHES,
  },
  /** Intel Haswell (2013). */
  haswell: {
    name: "haswell",
    l1d: [
      { sets: 16, ways: 4, levels: [1] },
      { sets: 8, ways: 4, levels: [2] },
      { sets: 1, ways: 4, levels: [3] },
    ],
    l1i: [
      { sets: 32, ways: 4, levels: [1] },
      { sets: 1, ways: 8, levels: [2] },
    ],
    l2: [{ sets: 128, ways: 8, levels: [1, 2] }],
    walkCaches: INTEL_WALK_CACHES,
  },
  /** Intel Skylake (2015) and its successors up to Comet Lake. */
  skylake: {
    name: "skylake",
    l1d: [
      { sets: 16, ways: 4, levels: [1] },
      { sets: 8, ways: 4, levels: [2] },
      { sets: 1, ways: 4, levels: [3] },
    ],
    l1i: [
      { sets: 16, ways: 8, levels: [1] },
      { sets: 1, ways: 8, levels: [2] },
    ],
    l2: [
      { sets: 128, ways: 12, levels: [1, 2] },
      { sets: 4, ways: 4, levels: [3] },
    ],
    walkCaches: INTEL_WALK_CACHES,
  },
  /** AMD Zen 2 (2019): small fully associative first level for all sizes, second level split. */
  zen2: {
    name: "zen2",
    l1d: [{ sets: 1, ways: 64, levels: [1, 2, 3] }],
    l1i: [{ sets: 1, ways: 64, levels: [1, 2, 3] }],
    l2: [{ sets: 128, ways: 16, levels: [1, 2] }],
    l2i: [{ sets: 64, ways: 8, levels: [1, 2] }],
    walkCaches: { pde: 64 },
    rewalksOnFault: true,
  },
  /** Four slots and eight slots, no walk caches: small enough to draw. */
  tiny: {
    name: "tiny",
    l1d: [{ sets: 2, ways: 2, levels: [1, 2, 3] }],
    l1i: [{ sets: 2, ways: 2, levels: [1, 2, 3] }],
    l2: [{ sets: 4, ways: 2, levels: [1, 2, 3] }],
    walkCaches: {},
  },
  /** No TLB at all: every access walks. */
  none: { name: "none", l1d: [], l1i: [], l2: [], walkCaches: {} },
  /** Skylake's data side without walk caches: the model of the benchmark's eight streams. */
  bench: {
    name: "bench",
    l1d: [{ sets: 16, ways: 4, levels: [1] }],
    l1i: [{ sets: 16, ways: 8, levels: [1] }],
    l2: [{ sets: 128, ways: 12, levels: [1] }],
    walkCaches: {},
  },
} as const satisfies Record<string, TlbModel>;

/** Name of a preset. */
export type TlbModelName = keyof typeof TLB_MODELS;

/** The model a machine has when nothing else is asked for. */
export const DEFAULT_TLB_MODEL: TlbModelName = "skylake";

/** The model that `model` names or is. RangeError for an unknown name. */
export function tlbModel(model: TlbModelName | TlbModel = DEFAULT_TLB_MODEL): TlbModel {
  if (typeof model !== "string") return checkModel(model);
  if (!Object.hasOwn(TLB_MODELS, model))
    throw new RangeError(`TLB model "${model}" is not one of ${Object.keys(TLB_MODELS).join(", ")}`);
  return TLB_MODELS[model];
}

const GEOMETRIES = listOf(
  shape({ sets: "count", ways: "count", levels: listOf("level"), replacement: "text?" }),
);
const MODEL = shape({
  name: "text",
  l1d: GEOMETRIES,
  l1i: GEOMETRIES,
  l2: GEOMETRIES,
  walkCaches: shape({ pde: "count?", pdpte: "count?", pml4e: "count?", pml5e: "count?" }),
  rewalksOnFault: "flag?",
});

function checkModel(model: TlbModel): TlbModel {
  checkKind("a TLB model (or the name of one)", model, MODEL);
  if (model.l2i !== undefined) checkKind("a TLB model: l2i", model.l2i, GEOMETRIES);
  return model;
}
