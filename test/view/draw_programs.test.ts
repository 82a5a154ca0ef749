import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { drawPrograms } from "../../lib/view/draw_programs.js";

function run() {
  const machine = boot({ ram: "64 MiB" });
  machine.kernel.files.writeFile("/a", new Uint8Array(16 * 4096));
  const p = machine.spawn();
  p.dropCache(p.open("/a"));
  return machine.runPrograms({
    *reader(me: Process) {
      const va = me.mmap("64 KiB", { fd: me.open("/a"), prot: "r" });
      yield;
      me.load(va);
    },
    *writer(me: Process) {
      const va = me.mmap("1 MiB");
      for (let page = 0; page < 100; page++) yield void me.store(va + page * 4096, 1, 1);
    },
  });
}

describe("drawPrograms", () => {
  it("has a lane for each program, and bars for what it did, from the start of the run on", () => {
    const picture = drawPrograms({ title: "Two programs on one CPU", run: run() });
    const text = String(picture);
    expect(text).toContain("reader, CPU 0  waits for the disk");
    expect(text).toContain("writer, CPU 0  runs");
    expect(text).toMatch(/^ +0\.?\d* ?ns to/m);
    expect(picture.svg).toContain("its CPU is taken"); // in the legend, and too short for a name in the picture
  });

  it("wants a title and a run", () => {
    expect(() => drawPrograms({ title: "", run: run() })).toThrow(/title/);
    expect(() => drawPrograms({ title: "x" } as never)).toThrow(/run/);
  });
});
