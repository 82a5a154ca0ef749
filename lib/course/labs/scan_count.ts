/**
 * Test benches of lab 06.4: what a learner's getScanCount says.
 *
 *   on paper     a scene (costs, sizes of lists, what sc says) --> getScanCount(sys, lruvec, sc)
 *   for real     operations --> a program uses files and memory, swappiness changes, reclaim works with it:
 *                each call is taken down, with what it was asked and what it answered
 *
 * Not in Linux: a helper of the course. Read first: mm/lru/scan_count.ts.
 */
import "../../procfs/mount.js";
import { PAGE_SIZE } from "../../hw/address.js";
import type { Random } from "../../hw/random.js";
import { boot, type Machine, type MachineParts } from "../../kernel/machine.js";
import type { Process } from "../../kernel/process.js";
import { SignalError } from "../../kernel/signal.js";
import { type Lruvec, NR_LRU_LISTS } from "../../mm/lru/lruvec.js";
import { newScanControl, type ScanControl } from "../../mm/lru/scan_control.js";
import { lruvecLruSize, SWAPPINESS_ANON_ONLY } from "../../mm/lru/scan_count.js";
import { memCgroupCssAlloc } from "../../mm/memcg/memcontrol.js";
import type { MemorySystem } from "../../mm/system.js";
import { PGSCAN_ANON, PGSTEAL_ANON, PSWPIN, PSWPOUT } from "../../mm/vmstat.js";

/** Names of the lists. */
const LISTS = ["inactive anonymous", "active anonymous", "inactive file", "active file"] as const;

/** An attempt to reclaim, on paper. */
export interface ScanScene {
  /** vm.swappiness, and that of this attempt alone. */
  readonly swappiness: number;
  readonly own?: number;
  /** Free pages of swap. */
  readonly swap: number;
  /** The lists are a group's, which may have so many pages in swap. */
  readonly groupSwap?: number;
  /** That group is to shrink. */
  readonly target: boolean;
  readonly maySwap: boolean;
  readonly priority: number;
  readonly fileIsTiny: boolean;
  readonly cacheTrimMode: boolean;
  readonly anonCost: number;
  readonly fileCost: number;
  /** Pages of the four lists in the zone that is meant, and in one above it that is not. */
  readonly sizes: readonly number[];
  readonly above: readonly number[];
}

/** An attempt in the middle of it, changed as `options` say. */
export function scanScene(options: Partial<ScanScene> = {}): ScanScene {
  return {
    ...{
      swappiness: 60,
      swap: 1000,
      target: false,
      maySwap: true,
      priority: 2,
      fileIsTiny: false,
      cacheTrimMode: false,
    },
    ...{ anonCost: 100, fileCost: 300, sizes: [4000, 8000, 4000, 8000], above: [0, 0, 0, 0] },
    ...options,
  };
}

/** A random attempt. */
export function randomScan(random: Random): ScanScene {
  const sizes = (): number[] => LISTS.map(() => random.below(random.pick([10, 5000, 3_000_000])));
  return scanScene({
    ...{
      swappiness: random.pick([0, 1, 60, 100, 150, 200, random.below(201)]),
      swap: random.pick([0, 1, 9999]),
    },
    ...(random.chance(20) ? { own: random.pick([0, 10, 200, SWAPPINESS_ANON_ONLY]) } : {}),
    ...{ maySwap: random.chance(90), priority: random.pick([12, 11, 5, 2, 1, 0, 0]) },
    ...(random.chance(30) ? { groupSwap: random.pick([0, 50, 50]), target: random.chance(50) } : {}),
    ...{ fileIsTiny: random.chance(15), cacheTrimMode: random.chance(15) },
    ...{ anonCost: random.below(random.pick([3, 3000])), fileCost: random.below(random.pick([3, 3000])) },
    ...{ sizes: sizes(), above: random.chance(30) ? sizes() : [0, 0, 0, 0] },
  });
}

/** A scene in words. */
export function scanText(scene: ScanScene): string {
  const own = scene.own === undefined ? "" : `, sc.proactiveSwappiness ${scene.own}`;
  const flags = [
    ...(scene.maySwap ? [] : ["not sc.maySwap"]),
    ...(scene.fileIsTiny ? ["sc.fileIsTiny"] : []),
    ...(scene.cacheTrimMode ? ["sc.cacheTrimMode"] : []),
  ];
  const above = scene.above.some((size) => size > 0)
    ? ` (and ${scene.above.join(", ")} in a zone above)`
    : "";
  const asked = `priority ${scene.priority}, swappiness ${scene.swappiness}${own}, costs ${scene.anonCost} and ${scene.fileCost}, ${scene.swap} free pages of swap`;
  const who = scene.target ? "a group that is to shrink" : "a group";
  const group =
    scene.groupSwap === undefined ? "" : ` of ${who} (it may have ${scene.groupSwap} pages in swap)`;
  return `getScanCount for lists${group} of ${scene.sizes.join(", ")} pages${above}, ${[asked, ...flags].join(", ")}`;
}

/** Four numbers with the names of their lists, or what it is if it is none. */
function answerOf(nr: unknown): unknown {
  if (!Array.isArray(nr) || nr.length !== LISTS.length) return nr;
  return Object.fromEntries(LISTS.map((name, i) => [name, nr[i]]));
}

/** A machine on paper: asks its part about one scene after the other. */
export function scanBench(parts: Partial<MachineParts>): (scene: ScanScene) => unknown {
  const { sys } = boot({ ram: "17 MiB", parts }).kernel; // two zones
  const group = memCgroupCssAlloc(sys, sys.memcg.root, "/group")!;
  return (scene) => {
    const { lruvec } = scene.groupSwap === undefined ? sys : group;
    LISTS.forEach((_, list) => {
      lruvec.lruZoneSize[list] = scene.sizes[list]!;
      lruvec.lruZoneSize[NR_LRU_LISTS + list] = scene.above[list]!;
    });
    sys.sysctl.swappiness = scene.swappiness;
    sys.nrSwapPages = scene.swap;
    group.swap.max = scene.groupSwap ?? 0;
    const { priority, maySwap, fileIsTiny, cacheTrimMode, anonCost, fileCost } = scene;
    const what = { priority, maySwap, fileIsTiny, cacheTrimMode, anonCost, fileCost };
    const targetMemcg = scene.target ? group : undefined;
    const sc = newScanControl({ ...what, reclaimIdx: 0, proactiveSwappiness: scene.own, targetMemcg });
    return answerOf(sys.parts.getScanCount(sys, lruvec, sc));
  };
}

// ---------------------------------------------------------------- for real

/** What the program does, or what is set: `pages` from `page` on; a value of vm.swappiness. */
export interface ScanOp {
  readonly op: "read" | "write" | "swappiness";
  readonly page: number;
  readonly pages: number;
}

/** Pages of the program's memory, and of its file. */
const AREA_PAGES = 600;

/** A random operation. */
export function randomScanOp(random: Random): ScanOp {
  const op = random.pick(["read", "read", "write", "write", "swappiness"] as const);
  if (op === "swappiness") return { op, page: random.pick([0, 1, 60, 100, 160, 200]), pages: 0 };
  return { op, page: random.below(AREA_PAGES / 100) * 100, pages: random.pick([100, 200, 400]) };
}

/** An operation in words. */
export function scanOpText({ op, page, pages }: ScanOp): string {
  if (op === "swappiness") return `vm.swappiness is set to ${page}`;
  return op === "read"
    ? `read ${pages} pages of a file, from page ${page}`
    : `write ${pages} pages of memory, from page ${page}`;
}

/** What is seen after one operation. */
interface ScanObservation {
  readonly did: string;
  /** What getScanCount was asked, and what it answered. */
  readonly asked: readonly string[];
  readonly answered: readonly string[];
  readonly counted: Readonly<Record<string, number>>;
}

/** An observation as text. */
export function scanObservationText({ did, asked, answered, counted }: ScanObservation): string {
  const counts = Object.entries(counted).map(([name, count]) => `${name} ${count}`);
  return [did, ...asked.map((text, i) => `${text}: ${answered[i]}`), counts.join(", ")].join("\n  ");
}

/** What is wrong in `got`, in a sentence. */
export function scanMistake(got: ScanObservation, expected: ScanObservation): string | undefined {
  const at = expected.answered.findIndex((text, i) => text !== got.answered[i]);
  if (at < 0 || got.asked[at] !== expected.asked[at]) return undefined;
  return `${got.asked[at]}: yours says ${got.answered[at]}; it should be ${expected.answered[at]}`;
}

/** A machine with less memory than its program and its file need. */
class Bench {
  readonly machine: Machine;
  private readonly process: Process;
  private readonly fd: number;
  private readonly at: number;
  private readonly buffer: number;
  private asked: string[] = [];
  private answered: string[] = [];

  constructor(parts: Partial<MachineParts>) {
    this.machine = boot({ ram: "3 MiB", swap: "4 MiB", parts });
    const { kernel } = this.machine;
    kernel.files.writeFile("/data", new Uint8Array(AREA_PAGES * PAGE_SIZE).fill(7));
    this.process = this.machine.spawn("P");
    this.fd = this.process.open("/data");
    this.process.fsync(this.fd);
    this.process.dropCache(this.fd);
    this.buffer = this.process.mmap(PAGE_SIZE);
    this.at = this.process.mmap(AREA_PAGES * PAGE_SIZE);
    const { sys } = kernel;
    const { getScanCount } = sys.parts;
    sys.parts = {
      ...sys.parts,
      getScanCount: (system, lruvec, sc) => {
        this.asked.push(askedText(system, lruvec, sc));
        const nr = getScanCount(system, lruvec, sc);
        this.answered.push(Array.isArray(nr) ? nr.join(", ") : String(nr));
        return nr;
      },
    };
  }

  run(op: ScanOp): ScanObservation {
    [this.asked, this.answered] = [[], []];
    const did = this.act(op);
    return { did, asked: this.asked, answered: this.answered, counted: this.counted() };
  }

  private act({ op, page, pages }: ScanOp): string {
    const { process } = this;
    if (op === "swappiness") {
      this.machine.procfs.write("/proc/sys/vm/swappiness", `${page}`);
      return `swappiness is ${page}`;
    }
    if (!process.alive) return "nobody is left";
    const last = Math.min(page + pages, AREA_PAGES);
    try {
      for (let nr = page; nr < last; nr++)
        if (op === "write") process.store(this.at + nr * PAGE_SIZE, 1, 1 + (nr % 200));
        else process.pread(this.fd, this.buffer, 8, nr * PAGE_SIZE);
      return "done";
    } catch (error) {
      if (error instanceof SignalError) return `the program gets ${error.signal}`;
      throw error;
    }
  }

  private counted(): Record<string, number> {
    const { events } = this.machine.kernel.sys.vmStat;
    return {
      ...{ pswpout: events[PSWPOUT]!, pswpin: events[PSWPIN]! },
      ...{ pgscan_anon: events[PGSCAN_ANON]!, pgscan_file: events[PGSCAN_ANON + 1]! },
      ...{ pgsteal_anon: events[PGSTEAL_ANON]!, pgsteal_file: events[PGSTEAL_ANON + 1]! },
    };
  }
}

/** What a call was asked. */
function askedText(sys: MemorySystem, lruvec: Lruvec, sc: ScanControl): string {
  const sizes = LISTS.map((_, list) => lruvecLruSize(sys, lruvec, list, sc.reclaimIdx));
  const flags = [
    ...(sc.fileIsTiny ? ["sc.fileIsTiny"] : []),
    ...(sc.cacheTrimMode ? ["sc.cacheTrimMode"] : []),
    `${sys.nrSwapPages} free pages of swap`,
  ];
  return `getScanCount for lists of ${sizes.join(", ")} pages, priority ${sc.priority}, swappiness ${sys.sysctl.swappiness}, costs ${sc.anonCost} and ${sc.fileCost}, ${flags.join(", ")}`;
}

/** Runs operations on a machine with `parts`: one observation each. */
export function* runScans(
  parts: Partial<MachineParts>,
  operations: readonly ScanOp[],
): Generator<ScanObservation> {
  const bench = new Bench(parts);
  for (const op of operations) yield bench.run(op);
}
