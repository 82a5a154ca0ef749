import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { drawFaultPath } from "../../lib/view/fault_path.js";
import { expectWellFormed } from "./xml.js";

function bob() {
  const machine = boot({ ram: "16 MiB" });
  const process = machine.spawn("bob");
  const at = process.mmap("16 KiB", { at: 0x20000000, fixed: true });
  process.store(at, 1, 1);
  return { machine, process, at };
}

describe("drawFaultPath", () => {
  it("draws a first write from the exception to the page that was allocated", () => {
    const { machine, process, at } = bob();
    const picture = drawFaultPath(machine, () => process.store(at + 4096, 1, 7));
    const lines = String(picture).split("\n");
    expect(lines[0]).toBe("The path of one page fault");
    const names = lines.slice(1).map((line) => line.trim().replace(/^at \S+ \S+ +/, ""));
    expect(names.map((name) => name.split(/ {2,}/)[0])).toEqual([
      "MMU refuses, exception 14",
      "page_fault_user",
      "handle_mm_fault",
      "do_anonymous_page",
      "mm_page_alloc",
      "clear_page",
      "the access again",
    ]);
    expect(lines[2]).toMatch(/address=0x20001000 error_code=0x6$/);
    expect(lines[3]).toMatch(/takes 400 ns +returns 0$/);
    expect(lines[4]).toMatch(/takes 100 ns +returns 0$/);
    expect(picture.alt).toContain("do_anonymous_page takes 100 ns");
    expectWellFormed(picture.svg);
  });

  it("draws copy on write and a page of a file by their own functions", () => {
    const { machine, process, at } = bob();
    process.load(at + 8192);
    const wp = String(drawFaultPath(machine, () => process.store(at + 8192, 1, 7)));
    expect(wp).toMatch(/do_wp_page[\s\S]*mm_page_alloc[\s\S]*tlb_flush/);
    machine.kernel.files.writeFile("/data/words", new Uint8Array(8192).fill(7));
    const words = process.mmap("8 KiB", { fd: process.open("/data/words"), prot: "r" });
    expect(String(drawFaultPath(machine, () => process.load(words)))).toContain("do_fault");
  });

  it("refuses an access without a fault and one with two, and leaves no tracepoint on", () => {
    const { machine, process, at } = bob();
    expect(() => drawFaultPath(machine, () => process.load(at))).toThrow(
      /one page fault; the access took none/,
    );
    const two = () => [1, 2].forEach((page) => void process.store(at + page * 4096, 1, 7));
    expect(() => drawFaultPath(machine, two)).toThrow(/the access took 2/);
    expect([machine.kernel.sys.trace.on, machine.kernel.sys.trace.events]).toEqual([false, []]);
  });

  it("gives the same bytes for the same fault", () => {
    const [a, b] = [bob(), bob()].map(({ machine, process, at }) =>
      drawFaultPath(machine, () => process.store(at + 4096, 1, 7)),
    );
    expect(a!.svg).toBe(b!.svg);
  });
});
