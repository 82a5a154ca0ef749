import { describe, expect, it } from "vitest";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import { stepReclaim } from "../../lib/view/step_reclaim.js";
import "../../lib/procfs/mount.js";
import { expectWellFormed } from "./xml.js";

const PAGE = 4096;

/** A small machine: pages of /data/hot are mapped and used, those of /data/once read once, /data/log is dirty. */
function small(cpus = 2) {
  const machine = boot({ ram: "4 MiB", cpus });
  machine.procfs.write("/proc/sys/vm/watermark_boost_factor", "0");
  machine.procfs.write("/proc/sys/vm/watermark_scale_factor", "500");
  const process = machine.spawn("rae");
  const buffer = process.mmap(PAGE);
  process.touch(buffer, PAGE, "w");
  const [hot, once, log] = [16, 40, 6].map((pages, i) => {
    const fd = process.open(`/data/${["hot", "once", "log"][i]}`, { create: true });
    process.ftruncate(fd, pages * PAGE);
    return fd;
  });
  process.touch(process.mmap(16 * PAGE, { fd: hot!, prot: "r" }), 16 * PAGE, "r");
  for (let i = 0; i < 40; i++) process.pread(once!, buffer, PAGE, i * PAGE);
  for (let i = 0; i < 6; i++) process.pwrite(log!, buffer, PAGE, i * PAGE);
  const space = process.mmap("2800 KiB");
  let taken = 0;
  const grow = (to: number) => {
    for (; taken < to; taken++) process.store(space + taken * PAGE, 1, 1);
  };
  grow(500);
  return { machine, process, grow };
}

const FILES = ["/data/hot", "/data/once", "/data/log"];
const reclaimed = ({ procfs }: Machine) =>
  Number(/^pgsteal_file (\d+)/m.exec(procfs.read("/proc/vmstat"))![1]);

describe("stepReclaim", () => {
  const { machine, grow } = small();
  const before = reclaimed(machine);
  const shown = stepReclaim(machine, FILES, () => grow(620));
  const texts = Array.from({ length: shown.length }, (_, i) => String(shown.at(i + 1)));

  it("begins with the wake-up of kswapd below low, and tells what became of each batch", () => {
    const told = shown.captions.map((caption) => caption.replace(/^[^:]*: /, ""));
    expect(told[0]).toBe("before");
    expect(told[1]).toMatch(/^\d+ pages are free, below low: kswapd is woken$/);
    expect(told.slice(2).join("\n")).toMatch(
      /^priority \d+: \d+ looked at, 0 freed, \d+ kept, 0 made active/,
    );
  });

  it("gives each used page a second chance: its accessed bit is cleared, and it is referenced", () => {
    expect(texts[0]).toMatch(/inactive, tail first: A0\/U A1\/U/);
    const kept = texts.findIndex((text) => /A0\/R/.test(text));
    expect(kept).toBeGreaterThan(1);
    expect(texts.slice(kept).some((text) => /A0\/U\b/.test(text))).toBe(false);
  });

  it("shows as freed the pages that the kernel says it has freed, by the size of their folios", () => {
    const freed = texts.map((text) => /freed: (.*)/.exec(text)![1]!);
    const pages = freed.flatMap((names) => (names === "none" ? [] : names.split(" ")));
    const nrPages = pages.reduce((sum, name) => sum + Number(/×(\d+)/.exec(name)?.[1] ?? 1), 0);
    expect(nrPages).toBe(reclaimed(machine) - before);
    expect(nrPages).toBeGreaterThan(20);
    expect(pages.some((name) => /D/.test(name))).toBe(false);
  });

  it("draws every step in one size, well formed, in letters that both themes know", () => {
    for (let step = 1; step <= shown.length; step++) expectWellFormed(shown.at(step).svg);
    expect(shown.at(1).alt).toContain("min 55, low 93, high 131");
  });

  it("changes nothing of what it looks at", () => {
    const [one, two] = [small(), small()];
    stepReclaim(one.machine, FILES, () => one.grow(640));
    two.grow(640);
    const vmstat = ({ procfs }: Machine) => procfs.read("/proc/vmstat");
    expect(vmstat(one.machine)).toBe(vmstat(two.machine));
    expect(one.machine.clock.nowNs).toBe(two.machine.clock.nowNs);
  });

  it("refuses files that are not there, and generations", () => {
    expect(() => stepReclaim(machine, ["/data/no"], () => {})).toThrow(/there is no file "\/data\/no"/);
    machine.procfs.write("/sys/kernel/mm/lru_gen/enabled", "y");
    expect(() => stepReclaim(machine, FILES, () => {})).toThrow(/keeps its pages in generations/);
  });
});
