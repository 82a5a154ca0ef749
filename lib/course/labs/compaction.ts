/**
 * Test bench of lab 07.6: a machine whose memory is in pieces, and a learner's compactZone that moves them
 * together.
 *
 *   scene --> a process has some of the frames here and there, in 14 MiB; some of its pages are held by a
 *             driver; a page block may count as unmovable, or be free as a whole
 *
 *   afterwards     what the pass answered; which frame each page of the process is in; where the scanners stand
 *                  each page's bytes; pages off their lists; the kernel's books (checkInvariants)
 *                  what was done at the wrong moment: a page that went down, frames that the kernel had to look for
 *
 * Not in Linux: a helper of the course. Read first: mm/compaction/README.md.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE } from "../../hw/address.js";
import { Random } from "../../hw/random.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import {
  COMPACT_CONTINUE,
  type CompactControl,
  MIGRATE_ASYNC,
  MIGRATE_SYNC_LIGHT,
  newCompactControl,
} from "../../mm/compaction/compact_control.js";
import { compactZoneBegin, compactZoneEnd } from "../../mm/compaction/compact_zone.js";
import { lruAddDrainAll } from "../../mm/lru/swap.js";
import type { Zone } from "../../mm/pages/buddy.js";
import { type Folio, folioGet, pageFolio, pfnToPage } from "../../mm/pages/folio.js";
import { folioPut } from "../../mm/pages/free_pages.js";
import { GFP_HIGHUSER_MOVABLE } from "../../mm/pages/gfp.js";
import { MIGRATE_UNMOVABLE } from "../../mm/pages/migratetype.js";
import { drainAllPages } from "../../mm/pages/pcp.js";
import { ptePfn, ptePresent, ptepGet } from "../../mm/pgtable/pgtable.js";
import { pteOffset } from "../../mm/pgtable/pgtable_alloc.js";
import { globalNodePageState, modNodePageState, NR_ISOLATED_ANON } from "../../mm/vmstat.js";
import { brokenInvariants } from "./papers.js";

/** A fragmented machine, and who compacts it. */
export interface CompactionScene {
  /** Of each hundred pages so many stay. */
  readonly keep: number;
  /** The block that is wanted: its order; -1: as much as can be (compact_memory). */
  readonly order: number;
  /** A task for itself, or a thread; one that does not wait, or one that has time. */
  readonly who: keyof typeof WHO;
  /** Pages that a driver holds. */
  readonly held?: number;
  /**
   * Pages that a driver takes hold of when they are collected, one of each batch; or that their owner gives
   * up.
   */
  readonly late?: number;
  readonly forgotten?: number;
  /** Others have collected most pages already. */
  readonly crowd?: boolean;
  /** This page block counts as unmovable. */
  readonly unmovable?: number;
  /** The zone keeps so many pages for itself: its min mark. */
  readonly min?: number;
  /** Somebody waits for the block. */
  readonly capture?: boolean;
  readonly seed?: number;
}

/** What a pass did. */
export interface CompactionSeen {
  readonly result: string;
  readonly moments: readonly string[];
  readonly wrong: readonly string[];
  /** "page 3: frame 0x12". */
  readonly pages: readonly string[];
  readonly scanners: string;
  readonly free: string;
}

const AT = 0x1000_0000_0000;
/** Who compacts, in words. */
const WHO = {
  task: "a task that does not want to wait",
  thread: "a thread that has time",
  "patient task": "a task that has time",
  "hasty thread": "a thread that does not wait",
} as const;
const RESULTS: readonly string[] = [
  ...["COMPACT_NOT_SUITABLE_ZONE", "COMPACT_SKIPPED", "COMPACT_DEFERRED", "COMPACT_NO_SUITABLE_PAGE"],
  ...[
    "COMPACT_CONTINUE",
    "COMPACT_COMPLETE",
    "COMPACT_PARTIAL_SKIPPED",
    "COMPACT_CONTENDED",
    "COMPACT_SUCCESS",
  ],
];
/** Calls of compactZone that end without an answer: a pass needs one. */
const MOST_CALLS = 4;

/** A scene in words. */
export function compactionSceneText(scene: CompactionScene): string {
  const { keep, order, who, held = 0, late = 0, forgotten = 0, crowd, unmovable, min = 0, capture } = scene;
  return [
    order < 0 ? "all that can be is to be compacted" : `a block of order ${order} is wanted`,
    `by ${WHO[who]}`,
    `every page in use but ${100 - keep} of a hundred`,
    ...(held > 0 ? [`${held} of them held by a driver`] : []),
    ...(late > 0 ? [`a driver takes hold of one page of each of the first ${late} batches`] : []),
    ...(forgotten > 0 ? [`one page of each of the first ${forgotten} batches is given up by its owner`] : []),
    ...(crowd ? ["others have collected most pages already"] : []),
    ...(unmovable === undefined ? [] : [`page block ${unmovable} counts as unmovable`]),
    ...(min > 0 ? [`the zone keeps ${min} pages for itself`] : []),
    ...(capture ? ["the task takes the block as soon as it is free"] : []),
  ].join(", ");
}

/** A random scene. */
export function randomCompaction(random: Random): CompactionScene {
  return {
    keep: random.pick([10, 30, 50, 70]),
    order: random.pick([-1, 9, 9, 8, 6]),
    who: random.pick(["task", "thread", "patient task", "hasty thread"]),
    held: random.pick([0, 0, 3]),
    late: random.pick([0, 0, 2]),
    forgotten: random.pick([0, 0, 2]),
    ...(random.chance(30) ? { unmovable: 1 + random.below(3) } : {}),
    ...(random.chance(20) ? { min: 100 + random.below(400) } : {}),
    capture: random.chance(20),
    seed: random.below(1000),
  };
}

const COLLECTED = "compaction:mm_compaction_isolate_migratepages";
const LOOKS: readonly string[] = [
  ...["compaction:mm_compaction_isolate_freepages", "compaction:mm_compaction_fast_isolate_freepages"],
];
const NOT_ENOUGH =
  "migratePages had fewer frames than pages, and had to look for some itself: collect enough before (isolateFreeBlock)";
const LEFT_BEHIND =
  "pages that migratePages left stay isolated, in cc.migratepages: they belong back on their lists (putbackMovablePages)";

/** The machine of one scene. */
class CompactionBench {
  readonly machine: Machine;
  readonly process: Process;
  readonly zone: Zone;
  readonly nrPages: number;
  readonly kept: number[] = [];
  readonly held = new Map<Folio, number>();
  /** Kept pages that were given up in the end. */
  private readonly given = new Set<number>();
  private readonly moments: string[] = [];

  constructor(parts: Partial<MachineParts>, scene: CompactionScene) {
    this.machine = boot({ ram: "13824 KiB", parts });
    const { sys } = this.machine.kernel;
    [this.zone] = sys.zones as [Zone];
    this.process = this.machine.spawn("P");
    this.zone.watermark = { min: 0, low: 0, high: 0, promo: 0 };
    this.nrPages = Math.floor(this.zone.nrFreePages * 0.9);
    this.process.mmap(this.nrPages * PAGE_SIZE, { at: AT, fixed: true });
    const random = new Random(scene.seed ?? 1);
    for (let page = 0; page < this.nrPages; page++) this.process.store(AT + page * PAGE_SIZE, 4, page + 1);
    for (let page = 0; page < this.nrPages; page++)
      if (random.chance(scene.keep)) this.kept.push(page);
      else this.process.madvise(AT + page * PAGE_SIZE, PAGE_SIZE, "DONTNEED");
    lruAddDrainAll(sys);
    drainAllPages(sys);
    this.zone.watermark.min = scene.min ?? 0;
    for (let i = 0; i < (scene.held ?? 0); i++) this.hold(random.pick(this.kept));
    if (scene.unmovable !== undefined) this.spoil(scene.unmovable);
  }

  private hold(page: number): void {
    const folio = pageFolio(pfnToPage(this.machine.kernel.sys, this.frameOf(page)));
    if (this.held.has(folio)) return;
    folioGet(folio);
    this.held.set(folio, 1);
  }

  /** The page block becomes unmovable, its free blocks with it. */
  private spoil(block: number): void {
    const { zone } = this;
    const [start, end] = [block * 512, Math.min(block * 512 + 512, zone.zoneEndPfn)];
    for (let pfn = start; pfn < end; pfn++) {
      const order = zone.links.orderPlusOne[pfn]! - 1;
      if (order >= 0 && zone.pageblockType(pfn) !== MIGRATE_UNMOVABLE)
        zone.moveToFreeList(pfn, order, zone.pageblockType(pfn), MIGRATE_UNMOVABLE);
    }
    zone.links.pageblockType[block] = MIGRATE_UNMOVABLE;
  }

  private frameOf(page: number): number {
    const { mm } = this.process;
    const pte = ptepGet(mm.sys.ram, pteOffset(mm, AT + page * PAGE_SIZE));
    return ptePresent(pte) ? ptePfn(pte) : -1;
  }

  run(scene: CompactionScene): CompactionSeen {
    const { zone } = this;
    const { sys } = this.machine.kernel;
    const before = this.kept.map((page) => this.frameOf(page));
    const task = scene.who.endsWith("task");
    const async = scene.who === "task" || scene.who === "hasty thread";
    const cc = newCompactControl({
      ...{ zone, order: scene.order, gfpMask: GFP_HIGHUSER_MOVABLE, wholeZone: true, ignoreSkipHint: true },
      ...{ mode: async ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT, directCompaction: task },
    });
    let result = compactZoneBegin(sys, cc);
    // Whether it is worth while is not the question here.
    if (result !== COMPACT_CONTINUE) {
      const [migratePfn, freePfn] = [zone.zoneStartPfn, zone.zoneEndPfn - 1 - ((zone.zoneEndPfn - 1) % 512)];
      Object.assign(cc, { migratePfn, freePfn, nrMigratepages: 0, nrFreepages: 0 });
      result = COMPACT_CONTINUE;
    }
    const migratetype = cc.migratetype;
    zone.capture =
      scene.capture && scene.order >= 0 ? { order: scene.order, migratetype, pfn: -1 } : undefined;
    const crowd = scene.crowd ? 2 * this.nrPages : 0;
    modNodePageState(sys, NR_ISOLATED_ANON, crowd);
    this.watched(cc, scene, () => {
      for (let calls = 0; calls < MOST_CALLS && result === COMPACT_CONTINUE; calls++)
        result = sys.parts.compactZone(sys, cc);
    });
    modNodePageState(sys, NR_ISOLATED_ANON, -crowd);
    const isolated = globalNodePageState(sys, NR_ISOLATED_ANON);
    const scanners = `migrate scanner at frame ${cc.migratePfn}, free scanner at ${cc.freePfn}`;
    const wrong = isolated === 0 ? [] : [`${isolated} pages are off their lists: putbackMovablePages`];
    compactZoneEnd(sys, cc, result);
    const caught = zone.capture?.pfn ?? -1;
    zone.capture = undefined;
    if (caught >= 0) zone.freeOnePage(caught, scene.order);
    lruAddDrainAll(sys);
    drainAllPages(sys);
    return {
      result: RESULTS[result] ?? String(result),
      moments: [...this.moments, ...this.wentDown(before)],
      wrong: [...wrong, ...this.wrongBytes(), ...this.brokenBooks()],
      pages: this.kept
        .filter((page) => !this.given.has(page))
        .map((page) => `page ${page} of the process is in frame ${this.frameOf(page)}`),
      scanners,
      free: `free blocks of order 0 to 10: ${zone.freeArea.map(({ nrFree }) => nrFree).join(" ")}`,
    };
  }

  /** Runs the pass; notes when the kernel has to look for free frames itself. */
  private watched(cc: CompactControl, { late = 0, forgotten = 0 }: CompactionScene, act: () => void): void {
    const { trace } = this.machine.kernel.sys;
    trace.enable(...LOOKS, COLLECTED);
    let batches = 0;
    trace.watch(({ name }) => {
      if (LOOKS.includes(name) && this.moments.length === 0) this.moments.push(NOT_ENOUGH);
      if (name !== COLLECTED) return;
      if (cc.migratepages.length > cc.nrMigratepages) this.moments.push(LEFT_BEHIND);
      const [folio, second] = cc.migratepages;
      if (folio === undefined || second === undefined) return;
      if (batches++ < forgotten) this.forget(second);
      if (batches > late || this.held.has(folio)) return;
      folioGet(folio);
      this.held.set(folio, 1);
    }, act);
    trace.disable(...LOOKS, COLLECTED);
  }

  /** The process gives up the page that is in the folio. */
  private forget(folio: Folio): void {
    const at = this.kept.findIndex((page) => this.frameOf(page) === folio.pfn);
    if (at < 0) return;
    this.process.madvise(AT + this.kept[at]! * PAGE_SIZE, PAGE_SIZE, "DONTNEED");
    this.given.add(this.kept[at]!);
  }

  /** Pages are to go up. */
  private wentDown(before: readonly number[]): string[] {
    const at = this.kept.findIndex((page, i) => !this.given.has(page) && this.frameOf(page) < before[i]!);
    if (at < 0) return [];
    return [
      `page ${this.kept[at]!} of the process went down, from frame ${before[at]!} to ${this.frameOf(this.kept[at]!)}: the free scanner must stop where the migrate scanner is`,
    ];
  }

  private wrongBytes(): string[] {
    const bad = this.kept.find(
      (page) => !this.given.has(page) && this.process.load(AT + page * PAGE_SIZE, 4) !== page + 1,
    );
    return bad === undefined ? [] : [`page ${bad} of the process does not have its bytes any more`];
  }

  private brokenBooks(): string[] {
    const { sys, initMm } = this.machine.kernel;
    const broken = brokenInvariants(sys, [initMm, this.process.mm], this.held);
    for (const [folio] of this.held) folioPut(sys, folio);
    return broken;
  }
}

/** Compacts a scene with `parts`. */
export function runCompaction(parts: Partial<MachineParts>, scene: CompactionScene): CompactionSeen {
  return new CompactionBench(parts, scene).run(scene);
}

/** What is wrong in `got`, in a sentence; undefined where nothing is. */
export function compactionMistake(got: CompactionSeen, expected: CompactionSeen): string | undefined {
  const [first] = [...got.moments, ...got.wrong].filter(
    (line) => ![...expected.moments, ...expected.wrong].includes(line),
  );
  if (first !== undefined) return first;
  if (got.result !== expected.result) return `it answers ${got.result}; it should be ${expected.result}`;
  const at = expected.pages.findIndex((text, i) => text !== got.pages[i]);
  if (at >= 0) return `${got.pages[at]}; it should be: ${expected.pages[at]}`;
  if (got.scanners !== expected.scanners) return `${got.scanners}; it should be: ${expected.scanners}`;
  return got.free === expected.free ? undefined : `${got.free}; it should be: ${expected.free}`;
}
