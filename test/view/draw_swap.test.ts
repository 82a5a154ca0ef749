import { describe, expect, it } from "vitest";
import { boot, drawSwapEntry, drawSwapMap } from "../../lib/index.js";
import { expectWellFormed } from "./xml.js";

const PAGE = 4096;

describe("drawSwapEntry", () => {
  it("takes the entry that stands in a page table apart, as pagemap does", () => {
    const machine = boot({ ram: "8 MiB", swap: "4 MiB" });
    const p = machine.spawn("p");
    const at = p.mmap(4 * PAGE);
    p.touch(at, 4 * PAGE, "w");
    p.madvise(at, 4 * PAGE, "PAGEOUT");
    const raw = machine.explain(at + 2 * PAGE).steps.at(-1)!.entry;
    const picture = drawSwapEntry(raw);
    const { frame } = machine.procfs.pagemap(p.pid, at + 2 * PAGE, 1)[0]!;
    expect(picture.title).toContain(`page ${(frame - (frame % 32)) / 32} of swap area ${frame % 32}`);
    expect(picture.alt).toContain("E: exclusive");
    expectWellFormed(picture.svg);
  });

  it("tells markers, and refuses entries that name a frame or nothing", () => {
    expect(drawSwapEntry((31n << 59n) | (((1n << 50n) - 1n - 4n) << 9n)).title).toContain("a marker, 0x4");
    expect(() => drawSwapEntry(0x1007n)).toThrow(/names a frame/);
    expect(() => drawSwapEntry(0x1100n)).toThrow(/names a frame/);
    expect(() => drawSwapEntry(0n)).toThrow(/is empty/);
  });
});

describe("drawSwapMap", () => {
  it("counts every slot once, by owner, as /proc has them", () => {
    const machine = boot({
      ram: "12 MiB",
      swap: [{ size: "2 MiB", priority: 5 }, { size: "4 MiB" }],
      cpus: 2,
    });
    for (const name of ["ann", "bob"]) {
      const p = machine.spawn(name);
      p.touch(p.mmap("5 MiB"), "5 MiB", "w");
    }
    const picture = drawSwapMap(machine, { title: "t" });
    const [owners] = /\n {2}(header.*)$/.exec(String(picture))!.slice(1);
    const counts = Object.fromEntries(
      owners!.split("; ").map((one) => [one.replace(/ \d+$/, ""), Number(/\d+$/.exec(one))]),
    );
    const total = Object.values(counts).reduce((sum, nr) => sum + nr, 0);
    expect(total).toBe((6 * 2 ** 20) / PAGE);
    const swapOf = (pid: number) =>
      Number(/VmSwap:\s+(\d+)/.exec(machine.procfs.read(`/proc/${pid}/status`))![1]);
    const tasks = [...machine.kernel.tasks.values()].filter(({ mm }) => mm !== undefined);
    for (const { comm, pid } of tasks) expect((counts[comm] ?? 0) * 4).toBe(swapOf(pid));
    expect(counts["header or bad"]).toBe(2);
    expect(String(picture)).toContain("/dev/vdb: area 0, priority 5");
    expectWellFormed(picture.svg);
  });

  it("shows slots that a fork shares, and zeros", () => {
    const machine = boot({ ram: "8 MiB", swap: "1 MiB" });
    const p = machine.spawn("p");
    const at = p.mmap(8 * PAGE);
    for (let page = 0; page < 8; page++) p.store(at + page * PAGE, 1, page % 2);
    p.madvise(at, 8 * PAGE, "PAGEOUT");
    p.fork("q");
    const text = String(drawSwapMap(machine));
    expect(text).toContain("several processes 8");
    expect(text).toContain("8 counted twice or more, 4 in the swap cache, 4 all zeros");
  });

  it("refuses a machine without swap", () => {
    expect(() => drawSwapMap(boot({ ram: "1 MiB" }))).toThrow(/no swap area is on/);
  });
});
