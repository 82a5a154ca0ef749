import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { stepCache } from "../../lib/view/step_cache.js";
import { expectWellFormed } from "./xml.js";

function cold(nrPages: number) {
  const machine = boot({ ram: "64 MiB" });
  machine.kernel.sys.readAheadPages = 32;
  machine.kernel.files.writeFile("/data/f", new Uint8Array(nrPages * 4096));
  const process = machine.spawn("reader");
  const fd = process.open("/data/f");
  process.dropCache(fd);
  return { machine, process, fd };
}
const rowsOf = (text: string) => [...text.matchAll(/pages +\d+-\d+ +([.~CMR]+)/g)].map((match) => match[1]);

describe("stepCache", () => {
  it("shows what is asked for, what is there, and what is mapped", () => {
    const { machine, process, fd } = cold(48);
    const va = process.mmap(48 * 4096, { fd, prot: "r", at: 0x5000_0000, fixed: true });
    const shown = stepCache(machine, "/data/f", () => void process.load(va + 20 * 4096));
    expect(shown.captions.map((caption) => caption.replace(/^[^:]*: /, ""))).toEqual([
      "before",
      "page 20 is read: it is not in the page table, a fault",
      "readahead asks for pages 4 to 35",
      "all have frames now, and the disk is busy; the mark is on page 28",
      "the disk has delivered",
      "fault-around: what is cached of pages 16 to 31 goes into the page table",
    ]);
    expect(rowsOf(String(shown.at(1)))).toEqual(Array(3).fill("................"));
    expect(rowsOf(String(shown.at(4)))).toEqual(["....~~~~~~~~~~~~", "~~~~~~~~~~~~R~~~", "~~~~............"]);
    expect(rowsOf(String(shown.at(6)))).toEqual(["....CCCCCCCCCCCC", "MMMMMMMMMMMMRMMM", "CCCC............"]);
    expectWellFormed(shown.at(6).svg);
  });

  it("does not say that the disk has delivered what is only asked for ahead of need", () => {
    const { machine, process, fd } = cold(48);
    const buf = process.mmap("4 KiB");
    const shown = stepCache(machine, "/data/f", () => {
      for (let page = 0; page < 6; page++) process.read(fd, buf, 4096);
    });
    expect(shown.captions.at(-1)).toMatch(/delivered what is read; what is ahead of need is on its way$/);
    // Windows of 4, 8 and 4 pages: the third ends at page 16, where a folio of 16 pages can begin next; its
    // mark is on its first folio, of 4 pages.
    expect(rowsOf(String(shown.at(shown.length)))).toEqual([
      "CCCCCCCCCCCCRRRR",
      ".".repeat(16),
      ".".repeat(16),
    ]);
  });

  it("leaves out accesses to other memory, and shows those that take no fault", () => {
    const { machine, process, fd } = cold(8);
    const va = process.mmap("32 KiB", { fd, prot: "r" });
    const other = process.mmap("4 KiB");
    process.load(va);
    const shown = stepCache(machine, "/data/f", () => {
      process.store(other, 1, 1);
      process.load(va + 4096);
    });
    expect(shown.captions).toEqual([
      "step 1 of 2: before",
      "step 2 of 2: page 1 is read: it is in the page table, no fault",
    ]);
  });

  it("says which file it cannot show", () => {
    const { machine } = cold(257);
    expect(() => stepCache(machine, "/data/none", () => {})).toThrow(/there is no file "\/data\/none"/);
    expect(() => stepCache(machine, "/data/f", () => {})).toThrow(/at most 256 pages; \/data\/f has 257/);
  });
});
