import { describe, expect, it } from "vitest";
import {
  boot,
  drawFrameMap,
  drawFreeBlocks,
  frameMap,
  type Machine,
  sampleFreeBlocks,
  stepFrameMap,
} from "../../lib/index.js";
import type { LineSeries } from "../../lib/view/figure.js";

function fragmented(): Machine {
  const machine = boot({ ram: "32 MiB" });
  const [alice, bob] = [machine.spawn("alice"), machine.spawn("bob")];
  const [a, b] = [alice.mmap("4 MiB"), bob.mmap("4 MiB")];
  for (let at = 0; at < 2 ** 22; at += 4096) {
    alice.store(a + at, 1, 1);
    bob.store(b + at, 1, 1);
  }
  alice.munmap(a, 2 ** 21);
  return machine;
}

describe("the frame map", () => {
  it("has as many free frames in blocks, and by order, as the machine says", () => {
    const machine = fragmented();
    const { kinds, free, blocks } = frameMap(machine);
    expect(kinds.length).toBe(8192);
    expect(blocks.length).toBe(16);
    expect(kinds.filter((kind) => kind === "free").length).toBe(
      free.reduce((sum, { order }) => sum + 2 ** order, 0),
    );
    const order9 = machine.procfs.buddyinfo().reduce((sum, zone) => sum + zone.free[9]!, 0);
    expect(free.filter(({ order }) => order === 9).length).toBe(order9);
  });

  it("names who has the anonymous pages, and who shares them", () => {
    const machine = fragmented();
    const count = (kind: string) => frameMap(machine).kinds.filter((one) => one === kind).length;
    expect(count("anon:bob")).toBe(1024);
    expect(count("anon:alice")).toBe(512);
    const fork = boot({ ram: "16 MiB" });
    const parent = fork.spawn("parent");
    parent.touch(parent.mmap("64 KiB"), "64 KiB", "w");
    parent.fork("child");
    expect(frameMap(fork).kinds.filter((kind) => kind === "several processes").length).toBe(16);
  });

  it("shows a huge page as a folio of order 9, and the rest of one that is partly unmapped as unmapped", () => {
    const machine = boot({ ram: "32 MiB" });
    machine.procfs.write("/sys/kernel/mm/transparent_hugepage/enabled", "always");
    const alice = machine.spawn("alice");
    const at = Math.ceil(alice.mmap("4 MiB") / 2 ** 21) * 2 ** 21;
    alice.store(at, 1, 1);
    expect(frameMap(machine).large.map(({ order }) => order)).toContain(9);
    alice.munmap(at, 4096);
    expect(frameMap(machine).kinds.filter((kind) => kind === "anonymous, unmapped").length).toBe(1);
  });

  it("is drawn alone, side by side and step by step", () => {
    const machine = fragmented();
    const before = frameMap(machine);
    expect(String(drawFrameMap(machine))).toMatch(/anonymous, bob 4 MiB; .*largest free block of order 10/);
    const steps = stepFrameMap(machine, () => machine.spawn("carol").mmap("64 KiB"));
    expect(steps.length).toBeGreaterThan(1);
    const both = drawFrameMap({ before, after: frameMap(machine) });
    expect(String(both)).toMatch(/before: [\s\S]*after: /);
    expect(both.svg).toContain(">before<");
    expect(() => drawFrameMap({})).toThrow(/one to three maps; got 0/);
  });
});

describe("free blocks over time", () => {
  it("begin and end as /proc/buddyinfo says, and are all of the free memory", () => {
    const machine = boot({ ram: "32 MiB" });
    const alice = machine.spawn("alice");
    const samples = sampleFreeBlocks(machine, () => alice.touch(alice.mmap("8 MiB"), "8 MiB", "w"));
    const zones = machine.procfs.buddyinfo();
    expect(samples.at(-1)!.free).toEqual(
      zones[0]!.free.map((_, order) => zones.reduce((sum, { free }) => sum + free[order]!, 0)),
    );
    expect(samples.length).toBeGreaterThan(10);
    const { figure } = drawFreeBlocks(samples);
    const sumAt = (i: number) => (figure.series as LineSeries[]).reduce((sum, { y }) => sum + y[i]!, 0);
    expect(sumAt(0) - sumAt(samples.length - 1)).toBeCloseTo(8, 0);
    expect(() => drawFreeBlocks([])).toThrow(/two samples or more/);
  });
});
