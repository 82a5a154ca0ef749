import { describe, expect, it } from "vitest";
import { boot, type Machine, pageOut, type Stepper, stepSwapIn, stepSwapOut } from "../../lib/index.js";
import { expectWellFormed } from "./xml.js";

const PAGE = 4096;
const NR = 16;

function withSwap(kind: "ssd" | "zram" | "zswap" | "zeros") {
  const machine = boot({ ram: "8 MiB", cpus: 2, ...(kind !== "zram" && { swap: "4 MiB" }) });
  if (kind === "zram") {
    machine.procfs.write("/sys/block/zram0/disksize", "4M");
    machine.mkswap("/dev/zram0");
    machine.swapon("/dev/zram0");
  }
  if (kind === "zswap") machine.procfs.write("/sys/module/zswap/parameters/enabled", "Y");
  const p = machine.spawn("p");
  const at = p.mmap(NR * PAGE);
  for (let page = 0; page < NR; page++) p.store(at + page * PAGE, 4, kind === "zeros" ? 0 : page + 1);
  return { machine, p, at };
}

const told = (steps: Stepper) => steps.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
const texts = (steps: Stepper) => Array.from({ length: steps.length }, (_, i) => String(steps.at(i + 1)));
const vmstat = ({ procfs }: Machine) => procfs.read("/proc/vmstat");

describe("pageOut", () => {
  it.each(["ssd", "zram", "zswap", "zeros"] as const)(
    "leaves the bytes in swap and nowhere else: %s",
    (kind) => {
      const { machine, p, at } = withSwap(kind);
      expect(pageOut(machine, p, at, NR * PAGE)).toBe(NR);
      expect(machine.procfs.read("/proc/meminfo")).toMatch(/SwapCached: +0 kB/);
      for (let page = 0; page < NR; page++)
        expect(p.load(at + page * PAGE, 4)).toBe(kind === "zeros" ? 0 : page + 1);
    },
  );

  it("says how few went, where swap is full", () => {
    const machine = boot({ ram: "8 MiB", swap: 12 * PAGE });
    const p = machine.spawn("p");
    const at = p.mmap(NR * PAGE);
    for (let page = 0; page < NR; page++) p.store(at + page * PAGE, 1, 1);
    expect(pageOut(machine, p, at, NR * PAGE)).toBe(11);
  });
});

describe("stepSwapOut", () => {
  it("shows the entry exchanged, the write, and the frame free, in this order", () => {
    const { machine, p, at } = withSwap("ssd");
    const steps = stepSwapOut(machine, p, at);
    expect(told(steps).map((label) => label.split(":")[0])).toEqual([
      "before",
      "reclaim takes the page",
      "the entry is exchanged",
      "the page is sent to the device (pswpout); nobody waits for it",
      "the slot has the bytes",
      "the frame is free",
    ]);
    const shown = texts(steps);
    expect(shown[0]).toMatch(/entry of 0x\w+: 0x\w+: frame 0x/);
    expect(shown[2]).toContain("page 1 of swap area 0");
    expect(shown[2]).toMatch(/slots of \/dev\/vdb, area 0: 0: bad, 1: 1 C/);
    expect(shown[3]).toContain("being written");
    expect(shown[5]).toContain("free for anybody");
    for (let step = 1; step <= steps.length; step++) expectWellFormed(steps.at(step).svg);
  });

  it("says so where nothing is written", () => {
    for (const [kind, what] of [
      ["zswap", /zswap has compressed it/],
      ["zeros", /all its bytes are 0/],
    ] as const) {
      const { machine, p, at } = withSwap(kind);
      expect(told(stepSwapOut(machine, p, at)).join()).toMatch(what);
      expect(vmstat(machine)).toContain("pswpout 0\n");
    }
  });

  it("changes nothing of what it looks at", () => {
    const [one, two] = [withSwap("ssd"), withSwap("ssd")];
    stepSwapOut(one.machine, one.p, one.at);
    pageOut(two.machine, two.p, two.at, PAGE);
    expect(vmstat(one.machine)).toBe(vmstat(two.machine));
    expect(one.machine.clock.nowNs).toBe(two.machine.clock.nowNs);
  });

  it("follows one page among many when memory runs short", () => {
    const { machine, p, at } = withSwap("ssd");
    const act = () => {
      p.touch(p.mmap("7 MiB"), "7 MiB", "w");
    };
    expect(told(stepSwapOut(machine, p, at, { act })).at(-1)).toMatch(/^the frame is free/);
  });

  it("refuses a page without a frame, and a machine without swap", () => {
    const { machine, p, at } = withSwap("ssd");
    pageOut(machine, p, at, PAGE);
    expect(() => stepSwapOut(machine, p, at)).toThrow(/is in no frame/);
    const bare = boot({ ram: "4 MiB" });
    const q = bare.spawn("q");
    expect(() => stepSwapOut(bare, q, q.mmap(PAGE))).toThrow(/no swap area is on/);
    expect(() => stepSwapOut(machine, p, at + PAGE, { act: () => {} })).toThrow(/did not go to swap/);
  });
});

describe("stepSwapIn", () => {
  it("reads the page with its neighbours, maps it, and keeps the slot for a read", () => {
    const { machine, p, at } = withSwap("ssd");
    pageOut(machine, p, at, NR * PAGE);
    const steps = stepSwapIn(machine, p, at + 5 * PAGE);
    const labels = told(steps).join("\n");
    expect(labels).toMatch(/P is clear.*\n.*pswpin.*\nreadahead sends for 7 neighbours/);
    expect(labels).toMatch(/the slot is kept/);
    expect(Number(/^swap_ra (\d+)/m.exec(vmstat(machine))![1])).toBe(7);
    expect(texts(steps).at(-1)).toMatch(/entry of 0x\w+: 0x\w+: frame 0x/);
    expect(p.load(at + 5 * PAGE, 4)).toBe(6);
  });

  it("finds what was read ahead in the swap cache, and gives the slot back after a write", () => {
    const { machine, p, at } = withSwap("ssd");
    pageOut(machine, p, at, NR * PAGE);
    p.load(at + 5 * PAGE);
    machine.kernel.sched.settle();
    const next = at + 6 * PAGE;
    const labels = told(stepSwapIn(machine, p, next, { act: () => p.store(next, 4, 9) })).join("\n");
    expect(labels).toMatch(/a minor fault, nothing is read\nnobody needs the slot any more/);
    expect(p.load(next, 4)).toBe(9);
  });

  it("reads zram past the swap cache, and gives the slot back at once", () => {
    const { machine, p, at } = withSwap("zram");
    pageOut(machine, p, at, NR * PAGE);
    expect(told(stepSwapIn(machine, p, at)).join()).toMatch(/past the swap cache.*given back/);
  });

  it("refuses a page that is not in swap", () => {
    const { machine, p, at } = withSwap("ssd");
    expect(() => stepSwapIn(machine, p, at)).toThrow(/is not in swap; see pageOut/);
    pageOut(machine, p, at, PAGE);
    expect(() => stepSwapIn(machine, p, at, { act: () => {} })).toThrow(/did not come back/);
  });
});
