/** What a trace costs a processor's TLBs, for the tests of traces. */
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { Ram } from "../../lib/hw/ram.js";
import { runStream } from "../../lib/hw/stream.js";
import type { TlbModelName } from "../../lib/hw/tlb_model.js";
import type { Trace } from "../../lib/hw/trace.js";
import { Tables } from "./tables.js";

/** Walks, hits and assists of one replay of `trace` on a processor with cold TLBs. */
export function countsOf(trace: Trace, tlb: TlbModelName) {
  const ram = new Ram(2 ** 28);
  const cpu = new Cpu(0, ram, new Clock(), { tlb });
  const tables = new Tables(ram);
  for (const [i, offset] of trace.pageOffsets.entries()) tables.map(offset, 0x4000 + i);
  cpu.writeCr3(0x1000);
  cpu.cpl = 3;
  runStream(cpu, trace.stream);
  const { walks, walkRefs, l2Hits, dirtyAssists } = cpu.mmu.stats();
  return { walks, walkRefs, l2Hits, dirtyAssists };
}
