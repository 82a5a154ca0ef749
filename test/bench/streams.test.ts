import { describe, expect, it } from "vitest";
import { buildStreamTables, makeStream, STREAM_BASE, STREAMS, streamFrame } from "../../lib/bench/streams.js";
import { Clock } from "../../lib/hw/clock.js";
import { Cpu } from "../../lib/hw/cpu.js";
import { Ram } from "../../lib/hw/ram.js";
import { runStream } from "../../lib/hw/stream.js";
import { countByLists } from "./list_model.js";

const LENGTH = 40_000;

function count(kind: Parameters<typeof makeStream>[0], pages: number, traced: boolean) {
  const ram = new Ram(2 ** 30);
  const cpu = new Cpu(0, ram, new Clock(), { tlb: "bench" });
  buildStreamTables(ram, pages);
  cpu.writeCr3(0x1000);
  cpu.cpl = 3;
  if (traced) cpu.mmu.trace = () => {};
  const { checksum } = runStream(cpu, makeStream(kind, pages, LENGTH), STREAM_BASE);
  const { l1Hits, l2Hits, walks, walkRefs, dirtyAssists, faults } = cpu.mmu.stats();
  expect(faults).toBe(0);
  expect(walkRefs).toBe((walks + dirtyAssists) * 4);
  return { l1Hits, l2Hits, walks, dirtyAssists, checksum };
}

describe("the benchmark's streams", () => {
  it.each(STREAMS.map((s) => [s.name, s] as const))("%s counts what lists in recency order count", (_, s) => {
    const expected = countByLists(makeStream(s.kind, s.pages, LENGTH), (page) => streamFrame(page, s.pages));
    expect(count(s.kind, s.pages, false)).toEqual(expected);
    expect(count(s.kind, s.pages, true)).toEqual(expected);
  });

  it("the expectations of full runs add up to 2^24 accesses and the published hit rates", () => {
    const rates = STREAMS.map((s) => [s.name, ((100 * s.expected.l1Hits) / 2 ** 24).toFixed(3)]);
    expect(Object.fromEntries(rates)).toEqual({
      hot128K: "100.000",
      "seq64-64M": "98.438",
      "seq4K-1G": "0.000",
      uni4M: "6.244",
      uni64M: "0.391",
      uni1G: "0.025",
      zipf64M: "31.275",
      zipf1G: "22.065",
    });
  });
});
