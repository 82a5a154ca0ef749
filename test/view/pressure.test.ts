import { describe, expect, it } from "vitest";
import {
  boot,
  drawAccesses,
  drawFaultTimes,
  drawFrames,
  drawLists,
  drawRates,
  drawSwapActivity,
  drawWatermarks,
  faultTimes,
  frameUses,
  freeText,
  type Pressure,
  samplePressure,
  slabText,
  stepPolicy,
  vmstatText,
} from "../../lib/index.js";

const MIB = 2 ** 20;

/** A program that takes more memory than is free, on a machine whose memory is full of a file. */
function shortOfMemory() {
  const machine = boot({ ram: "128 MiB", cpus: 2 });
  machine.kernel.files.writeFile("/data/big", new Uint8Array(64 * MIB));
  const p = machine.spawn("p");
  const at = p.mmap("24 MiB");
  let pressure: Pressure = samplePressure(machine, () => {});
  const times = faultTimes(machine, () => {
    pressure = samplePressure(machine, () => p.touch(at, "24 MiB", "w"));
  });
  return { machine, p, pressure, times };
}

describe("a machine under pressure, watched", () => {
  const { machine, pressure, times } = shortOfMemory();
  const { samples, zones } = pressure;

  it("is sampled in order of time, a few hundred times, and at both ends", () => {
    expect(samples.length).toBeGreaterThan(50);
    expect(samples.length).toBeLessThanOrEqual(801);
    for (let i = 1; i < samples.length; i++) expect(samples[i]!.ns).toBeGreaterThan(samples[i - 1]!.ns);
    const [first, last] = [samples[0]!, samples[samples.length - 1]!];
    // Up to 31 pages are still in a batch on their way to the list.
    expect(last.lists.inactiveAnon - first.lists.inactiveAnon).toBeGreaterThan((24 * MIB) / 4096 - 32);
    expect(last.lists.inactiveFile).toBeLessThan(first.lists.inactiveFile);
  });

  it("shows kswapd at work between the marks, which lie in order", () => {
    expect(samples.some(({ kswapdWorks }) => kswapdWorks)).toBe(true);
    expect(samples.some(({ kswapdWorks }) => !kswapdWorks)).toBe(true);
    for (const { min, low, high } of zones) expect(min <= low && low <= high).toBe(true);
    const text = String(drawWatermarks(pressure));
    expect(text).toContain("while kswapd works");
    expect(drawLists(pressure).alt).toMatch(/free: .* inactive, files: /);
    expect(() => drawWatermarks(pressure, { zone: "HIGHMEM" })).toThrow(/there is no zone "HIGHMEM"/);
  });

  it("has a reason and a time for each fault; who reclaims takes longer", () => {
    expect(times).toHaveLength((24 * MIB) / 4096);
    const stalls = samples[samples.length - 1]!.counters.allocstall - samples[0]!.counters.allocstall;
    const longest = (reason: string) =>
      Math.max(...times.filter((one) => one.reason === reason).map(({ tookNs }) => tookNs));
    expect(times.filter(({ reason }) => reason === "direct reclaim").length).toBeLessThanOrEqual(stalls);
    expect(longest("direct reclaim")).toBeGreaterThan(longest("minor"));
    expect(drawFaultTimes(times).alt).toMatch(/faults minor: /);
  });

  it("gives rates that add up to the counters", () => {
    const { series } = drawRates(pressure, ["pgfault"]).figure;
    expect(series[0]!.name).toBe("pgfault");
    expect(Math.max(...(series[0]!.y as number[]))).toBeGreaterThan(0);
    expect(vmstatText(pressure, 1).split("\n").length).toBeGreaterThan(3);
  });

  it("shows as many frames as there are, and the same free memory as /proc", () => {
    const uses = frameUses(machine);
    expect(uses).toHaveLength(128 * 256);
    const free = Number(/^Node.*|MemFree: +(\d+)/m.exec(machine.procfs.read("/proc/meminfo"))![1]) / 4;
    const kept = machine.kernel.sys.zones
      .flatMap(({ pcps }) => pcps)
      .reduce((sum, pcp) => sum + pcp.count, 0);
    expect(uses.filter((use) => use === "free")).toHaveLength(free + kept);
    expect(uses.filter((use) => use === "inactiveAnon")).toHaveLength((24 * MIB) / 4096);
    expect(drawFrames(machine).alt).toContain("anonymous, inactive 24 MiB");
  });

  it("prints what free and slabtop would", () => {
    expect(freeText(machine)).toMatch(/^ +total +used +free +shared +buff\/cache +available\nMem: +80 /);
    expect(slabText(machine)).toContain("SReclaimable");
  });
});

describe("swap over time", () => {
  const machine = boot({ ram: "16 MiB", swap: "32 MiB", cpus: 2 });
  const p = machine.spawn("p");
  const at = p.mmap("20 MiB");
  const pressure = samplePressure(machine, () => {
    for (let page = 0; page < 20 * 256; page++) p.store(at + page * 4096, 1, 1);
    p.touch(at, "20 MiB", "r");
  });
  const last = pressure.samples[pressure.samples.length - 1]!;

  it("counts what goes out and comes back, and what is in swap", () => {
    const vmstat = machine.procfs.read("/proc/vmstat");
    for (const name of ["pswpin", "pswpout", "swap_ra"] as const)
      expect(vmstat).toContain(`${name} ${last.counters[name]}\n`);
    expect(last.counters.pswpout).toBeGreaterThan(0);
    const used = Number(
      /^\S+\s+\S+\s+\d+\s+(\d+)/m.exec(machine.procfs.read("/proc/swaps").split("\n")[1]!)![1],
    );
    expect(last.swapUsed * 4).toBe(used);
    expect(drawLists(pressure).alt).toContain("in swap: 0 at first");
  });

  it("is drawn as si and so, and nothing else where zswap has not worked", () => {
    const names = drawSwapActivity(pressure).figure.series.map(({ name }) => name);
    expect(names).toEqual(["so: written to the device", "si: read from the device"]);
    expect(vmstatText(pressure, 1)).toMatch(/^time \(s\) +swpd +free +cache +si +so +bi/);
  });
});

describe("accesses and policies", () => {
  it("counts every access in one cell", () => {
    const { series } = drawAccesses([0x1000, 0x1008, 0x9000]).figure;
    const cells = (series[0] as unknown as { z: number[][] }).z.flat();
    expect(cells.reduce((sum, count) => sum + count, 0)).toBe(3);
  });

  it("steps through a policy: who comes, and who has to go", () => {
    const steps = stepPolicy("FIFO", [1, 2, 3, 1], 2);
    expect(steps.length).toBe(5);
    expect(String(steps)).toContain("misses so far: 4 of 4");
    expect(steps.captions[3]).toMatch(/page 3 is used: a miss; page 1 has to go$/);
  });
});
