import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";

describe("x", () => {
  it("y", () => {
    const m = boot({ ram: "64 MiB", cpus: 2 });
    m.kernel.files.writeFile("/data/f", new Uint8Array(64 * 4096).fill(3));
    const q = m.spawn("q");
    q.dropCache(q.open("/data/f"));
    const run = m.runPrograms({
      *reader(p) {
        const fd = p.open("/data/f");
        const a = p.mmap("256 KiB", { fd, prot: "r" });
        yield;
        p.load(a);
        yield;
        p.load(a + 4096 * 20);
        return p.getrusage();
      },
      *second(p) {
        const fd = p.open("/data/f");
        const a = p.mmap("256 KiB", { fd, prot: "r" });
        yield;
        p.load(a);
        yield;
        p.load(a + 4096 * 20);
        return p.getrusage();
      },
      *writer(p) {
        const a = p.mmap("1 MiB");
        yield;
        for (let i = 0; i < 256; i++) {
          p.store(a + i * 4096, 1, 1);
          yield;
        }
      },
    });
    console.log(
      JSON.stringify(
        Object.fromEntries(Object.entries(run.programs).map(([k, v]) => [k, { ...v, process: 0 }])),
        null,
        1,
      ),
      run.ns,
    );
  });
});
