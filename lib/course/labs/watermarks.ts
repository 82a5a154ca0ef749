/**
 * Test bench of lab 05.3: zones as they could be, and a machine that runs on a learner's watermarks.
 *
 *   scene      one question to zoneWatermarkOk: a zone with these blocks free, a request like this
 *   workload   settings under /proc/sys/vm that change, processes that allocate and end: after each step the marks
 *              of all zones, what was free, and whether the allocator had to reclaim
 *
 * Not in Linux: a helper of the course. Read first: course/grading/workload.ts.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { Random } from "../../hw/random.js";
import { SyscallError } from "../../kernel/errno.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_LOW,
} from "../../mm/pages/alloc_flags.js";
import type { Zone } from "../../mm/pages/buddy.js";

/** One question to zoneWatermarkOk. */
export interface WatermarkScene {
  readonly order: number;
  readonly mark: number;
  readonly highestZoneidx: number;
  readonly allocFlags: number;
  readonly freePages: number;
  /** lowmem_reserve by the index of the highest zone. */
  readonly reserve: readonly number[];
  readonly highatomic: number;
  /** Orders of which a block is free for everybody, and for urgent requests only. */
  readonly blocks: readonly number[];
  readonly urgentBlocks: readonly number[];
}

const FLAGS: readonly [number, string][] = [
  [ALLOC_MIN_RESERVE, "ALLOC_MIN_RESERVE"],
  [ALLOC_NON_BLOCK, "ALLOC_NON_BLOCK"],
  [ALLOC_OOM, "ALLOC_OOM"],
  [ALLOC_HIGHATOMIC, "ALLOC_HIGHATOMIC"],
  [ALLOC_KSWAPD, "ALLOC_KSWAPD"],
  [ALLOC_WMARK_LOW, "ALLOC_WMARK_LOW"],
];

/** A zone with few free pages and a plain request, changed as `options` say. */
export function watermarkScene(options: Partial<WatermarkScene> = {}): WatermarkScene {
  return {
    order: 0,
    mark: 100,
    highestZoneidx: 1,
    allocFlags: 0,
    freePages: 200,
    reserve: [0, 0, 0, 0, 0],
    highatomic: 0,
    blocks: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    urgentBlocks: [],
    ...options,
  };
}

/** The zone of a scene, as far as the test looks at it. */
export function zoneOf(scene: WatermarkScene): Zone {
  const zone: Partial<Zone> = {
    name: "DMA32",
    managedPages: 60_000,
    nrFreePages: scene.freePages,
    nrFreeHighatomic: scene.highatomic,
    watermarkBoost: 0,
    watermark: { min: scene.mark, low: scene.mark, high: scene.mark, promo: scene.mark },
    lowmemReserve: [...scene.reserve],
    hasFreeBlock: (order, highatomic) =>
      scene.blocks.includes(order) || (highatomic && scene.urgentBlocks.includes(order)),
  };
  return zone as Zone;
}

/** A scene in words. */
export function sceneText(scene: WatermarkScene): string {
  const { order, mark, highestZoneidx, allocFlags, freePages, reserve, highatomic } = scene;
  const flags = FLAGS.filter(([bit]) => (allocFlags & bit) !== 0).map(([, name]) => name);
  const more = [
    `lowmemReserve[${highestZoneidx}] = ${reserve[highestZoneidx]}`,
    ...(highatomic > 0 ? [`nrFreeHighatomic = ${highatomic}`] : []),
    ...(order > 0 ? [`free blocks of orders ${scene.blocks.join(", ") || "none"}`] : []),
  ];
  return `zoneWatermarkOk(order ${order}, mark ${mark}, highestZoneidx ${highestZoneidx}, ${flags.join(" | ") || "no flags"}, ${freePages} pages free) in a zone with ${more.join("; ")}`;
}

/** A random question, near the edge between yes and no. */
export function randomScene(random: Random): WatermarkScene {
  const allocFlags = FLAGS.reduce((flags, [bit]) => (random.chance(30) ? flags | bit : flags), 0);
  const reserve = [0, random.below(3) * 20, random.below(80), 0, 0];
  const mark = random.below(300);
  const orders = (share: number): number[] =>
    Array.from({ length: 11 }, (_, order) => order).filter(() => random.chance(share));
  return watermarkScene({
    order: random.chance(50) ? 0 : random.below(6),
    mark,
    allocFlags,
    reserve,
    highestZoneidx: random.below(3),
    highatomic: random.chance(40) ? random.below(60) : 0,
    freePages: Math.floor(mark / random.pick([1, 1, 2, 3, 4])) + random.below(120),
    blocks: orders(30),
    urgentBlocks: orders(20),
  });
}

/** One step of a machine's life. */
export type WatermarkOp =
  | { op: "min_free_kbytes" | "watermark_scale_factor"; value: number }
  | { op: "reserve"; ratio: number }
  | { op: "write" | "read"; pages: number }
  | { op: "end" };

/** An operation in words. */
export function watermarkOpText(op: WatermarkOp): string {
  if ("pages" in op)
    return op.op === "write"
      ? `a process writes to ${op.pages} pages`
      : `a process reads ${op.pages} pages of a file`;
  if (op.op === "end") return "all processes end";
  if (op.op === "reserve") return `write "${op.ratio} ${op.ratio} 32 0" to lowmem_reserve_ratio`;
  return `write ${op.value} to /proc/sys/vm/${op.op}`;
}

/** A random operation. */
export function randomWatermarkOp(random: Random): WatermarkOp {
  return random.pick<() => WatermarkOp>([
    () => ({ op: "min_free_kbytes", value: random.pick([0, 128, 333, 1797, 4096, 9999]) }),
    () => ({ op: "watermark_scale_factor", value: random.pick([1, 10, 77, 500, 3000]) }),
    () => ({ op: "reserve", ratio: random.pick([1, 9, 64, 256]) }),
    () => ({ op: "write", pages: random.pick([1, 100, 1000, 3000]) }),
    () => ({ op: "read", pages: random.pick([50, 400]) }),
    () => ({ op: "end" }),
  ])();
}

/** What is seen after a step. */
interface WatermarkObservation {
  readonly did: string;
  /** Of each zone: its marks. */
  readonly marks: readonly string[];
  /** Of each zone: pages free. */
  readonly free: readonly string[];
  /** How often an allocation has freed memory itself so far. */
  readonly reclaimed: string;
}

/** An observation as text. */
export function watermarkObservationText(seen: WatermarkObservation): string {
  return [seen.did, ...seen.marks, ...seen.free, seen.reclaimed].join("\n  ");
}

/** What is wrong in `got`, in a sentence. */
export function watermarkMistake(
  got: WatermarkObservation,
  expected: WatermarkObservation,
): string | undefined {
  const at = expected.marks.findIndex((line, i) => line !== got.marks[i]);
  if (at >= 0) return `${got.marks[at]}; it should be: ${expected.marks[at]}`;
  if (got.reclaimed !== expected.reclaimed)
    return `With your zoneWatermarkOk ${got.reclaimed}; it should be: ${expected.reclaimed}`;
  const free = expected.free.findIndex((line, i) => line !== got.free[i]);
  if (free >= 0)
    return `Your zoneWatermarkOk lets other zones be used: ${got.free[free]}; it should be: ${expected.free[free]}`;
  return undefined;
}

const FILE_PAGES = 400;

/** A machine with two zones, and what happens on it. */
class Bench {
  readonly machine: Machine;
  private processes: Process[] = [];
  private attempts = 0;

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "32 MiB", parts });
    const { kernel } = this.machine;
    kernel.files.writeFile("/data", new Uint8Array(FILE_PAGES * PAGE_SIZE).fill(1));
    const { sys } = kernel;
    const { tryToFreePages } = sys.parts;
    sys.parts = {
      ...sys.parts,
      tryToFreePages: (system, gfp, order) => {
        this.attempts++;
        return tryToFreePages(system, gfp, order);
      },
    };
  }

  run(op: WatermarkOp): WatermarkObservation {
    const did = this.act(op);
    const { zones } = this.machine.kernel.sys;
    return {
      did,
      marks: zones.map(({ name, watermark: { min, low, high, promo } }) => {
        return `zone ${name} has min ${min}, low ${low}, high ${high}, promo ${promo}`;
      }),
      free: zones.map(({ name, nrFreePages }) => `zone ${name} has ${nrFreePages} pages free`),
      reclaimed: `allocations have reclaimed ${this.attempts} times`,
    };
  }

  private act(op: WatermarkOp): string {
    const { machine } = this;
    try {
      if ("value" in op) machine.procfs.write(`/proc/sys/vm/${op.op}`, `${op.value}`);
      else if ("ratio" in op)
        machine.procfs.write("/proc/sys/vm/lowmem_reserve_ratio", `${op.ratio} ${op.ratio} 32 0`);
      else if (!("pages" in op)) for (const process of this.processes.splice(0)) process.exit();
      else {
        const process = machine.spawn("program");
        this.processes.push(process);
        if (op.op === "write") process.touch(process.mmap(op.pages * PAGE_SIZE), op.pages * PAGE_SIZE, "w");
        else {
          const fd = process.open("/data");
          process.touch(process.mmap(op.pages * PAGE_SIZE, { fd, prot: "r" }), op.pages * PAGE_SIZE, "r");
        }
      }
      return "done";
    } catch (error) {
      this.processes = this.processes.filter(({ alive }) => alive);
      if (error instanceof SyscallError) return error.code;
      if (error instanceof SignalError) return `killed by ${error.signal}`;
      throw error;
    }
  }
}

/** Runs operations on a machine with `parts`: one observation each. */
export function* runWatermarks(
  parts: Partial<MachineParts>,
  operations: readonly WatermarkOp[],
): Generator<WatermarkObservation> {
  const bench = new Bench(parts);
  for (const op of operations) yield bench.run(op);
}
