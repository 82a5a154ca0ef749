import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { stepFault } from "../../lib/view/step_fault.js";
import { expectWellFormed } from "./xml.js";

function bob() {
  const machine = boot({ ram: "16 MiB" });
  const process = machine.spawn("bob");
  const at = process.mmap("16 KiB", { at: 0x3000_0000, fixed: true });
  process.store(at, 1, 1);
  return { machine, process, at };
}
const plain = (captions: readonly string[]) => captions.map((caption) => caption.replace(/^[^:]*: /, ""));

describe("stepFault", () => {
  it("goes from the walk that fails to the access that goes through", () => {
    const { machine, process, at } = bob();
    const shown = stepFault(machine, () => process.store(at + 4096, 1, 42));
    expect(plain(shown.captions).map((caption) => caption.replace(/0x\w+/, "N"))).toEqual([
      "the processor walks to an entry that is empty",
      "exception 14: the processor enters the kernel, and leaves the address in CR2",
      "the VMA is found and allows the access: handle_mm_fault begins",
      "do_anonymous_page begins: the entry is empty, and no file is behind it",
      "frame N is taken for the page: it holds what its last owner left",
      "frame N is filled with zeros",
      "do_anonymous_page ends: the entry is written",
      "handle_mm_fault ends: the fault is counted, and the program may go on",
      "the same instruction again: the walk succeeds, and the TLB keeps what it found",
      "the access is done",
    ]);
    expect(String(shown.at(1))).toContain("minor faults: 1");
    expect(shown.at(8).alt).toMatch(/New: [^.]*\b2\b/);
    expectWellFormed(shown.at(10).svg);
  });

  it("takes no frame for a page that is only read, and tells the zero page's entry", () => {
    const { machine, process, at } = bob();
    const shown = stepFault(machine, () => void process.load(at + 4096));
    expect(plain(shown.captions).some((caption) => caption.includes("is taken"))).toBe(false);
    expect(String(shown.at(shown.length))).toMatch(/P RO US A NX/);
  });

  it("tells a copy on write, and an entry that is there but does not allow the write", () => {
    const { machine, process, at } = bob();
    process.fork("child");
    const captions = plain(stepFault(machine, () => process.store(at, 1, 2)).captions);
    expect(captions[0]).toBe("the processor walks to an entry that does not allow the access");
    expect(captions).toContain("do_wp_page begins: the entry is there, and does not allow a write");
    expect(captions).toContain("do_wp_page ends: the entry is written");
  });

  it("tells of a file's fault what waits, and that it is looked up again", () => {
    const { machine, process } = bob();
    machine.kernel.files.writeFile("/data/f", new Uint8Array(8 * 4096).fill(7));
    const fd = process.open("/data/f");
    process.dropCache(fd);
    const va = process.mmap("32 KiB", { fd, prot: "r" });
    const captions = plain(stepFault(machine, () => void process.load(va)).captions);
    expect(captions).toContain("do_fault ends: the page is on its way");
    expect(captions).toContain("handle_mm_fault ends: all is looked up again");
    expect(captions.filter((caption) => caption.startsWith("do_fault begins"))).toHaveLength(2);
  });

  it("refuses an access without a fault, and one with two", () => {
    const { machine, process, at } = bob();
    expect(() => stepFault(machine, () => process.store(at, 1, 2))).toThrow(
      /one page fault; the access took none/,
    );
    expect(() => stepFault(machine, () => void process.touch(at + 4096, "8 KiB"))).toThrow(
      /the access took 2/,
    );
  });
});
