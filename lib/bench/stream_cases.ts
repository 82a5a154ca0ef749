/**
 * The eight streams as bench cases: through `boot` and `machine.run`, as a notebook would run them.
 *
 * Read first: streams.ts, cases.ts.
 */
import { boot, type Machine } from "../kernel/machine.js";
import type { BenchCase, BenchGroup, BenchSettings } from "./cases.js";
import {
  buildStreamTables,
  FULL_LENGTH,
  makeStream,
  STREAM_BASE,
  STREAMS,
  type StreamCounts,
  type StreamSpec,
  streamFrame,
} from "./streams.js";

/** Streams of memory accesses on the TLBs of the benchmark's model. */
export const streamCases: BenchGroup = {
  names: STREAMS.map((spec) => spec.name),
  make: (name, settings) => new StreamCase(STREAMS.find((spec) => spec.name === name)!, settings),
};

class StreamCase implements BenchCase {
  readonly name: string;
  readonly unit = "accesses";
  private readonly spec: StreamSpec;
  private readonly stream: Uint32Array;
  private readonly machines: Machine[];
  private readonly frames: Int32Array;
  private turn = 0;
  private counts: StreamCounts = { l1Hits: 0, l2Hits: 0, walks: 0, dirtyAssists: 0, checksum: 0 };
  private baselineChecksum = 0;

  constructor(spec: StreamSpec, { machines, length }: BenchSettings) {
    this.name = spec.name;
    this.spec = spec;
    this.stream = makeStream(spec.kind, spec.pages, length);
    this.machines = Array.from({ length: machines }, () => boot({ ram: "2 GiB", tlb: "bench" }));
    this.frames = Int32Array.from({ length: spec.pages }, (_, page) => streamFrame(page, spec.pages) * 4096);
  }

  prepare(): void {
    this.turn = (this.turn + 1) % this.machines.length;
    const { ram, cpu } = this.machines[this.turn]!;
    buildStreamTables(ram, this.spec.pages);
    cpu.flushAll();
    cpu.writeCr3(0x1000);
  }

  run(): number {
    const machine = this.machines[this.turn]!;
    const before = machine.cpu.mmu.stats();
    const { accesses, checksum } = machine.run(this.stream, { baseVa: STREAM_BASE });
    const after = machine.cpu.mmu.stats();
    this.counts = {
      l1Hits: after.l1Hits - before.l1Hits,
      l2Hits: after.l2Hits - before.l2Hits,
      walks: after.walks - before.walks,
      dirtyAssists: after.dirtyAssists - before.dirtyAssists,
      checksum,
    };
    return accesses;
  }

  /** One look into an array of frames for each access: what remains when nothing is modelled. */
  baseline(): number {
    this.baselineChecksum = sumFrames(this.stream, this.frames);
    return this.stream.length;
  }

  counters(): Record<string, number> {
    return { ...this.counts };
  }

  problem(): string | undefined {
    const counts = this.counts;
    if (this.baselineChecksum !== 0 && this.baselineChecksum !== counts.checksum)
      return `checksum ${counts.checksum} where the plain loop has ${this.baselineChecksum}`;
    if (this.stream.length !== FULL_LENGTH) return undefined;
    const wrong = Object.entries(this.spec.expected).find(
      ([name, value]) => counts[name as keyof StreamCounts] !== value,
    );
    return wrong && `${wrong[0]} is ${counts[wrong[0] as keyof StreamCounts]}, must be ${wrong[1]}`;
  }
}

function sumFrames(stream: Uint32Array, frames: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < stream.length; i++) {
    const access = stream[i]!;
    sum = (sum + (frames[access >>> 12]! | (access & 0xffc))) | 0;
  }
  return sum >>> 0;
}
