import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { stepTlb } from "../../lib/view/step_tlb.js";

function fourPages() {
  const machine = boot({ ram: "1 MiB", tlb: "tiny" });
  const table = machine.newPageTable("alice");
  table.mapNew(0x40_0000, 8, { user: true, writable: true });
  const cpu = machine.switchMm(table);
  cpu.cpl = 3;
  const use = (...pages: number[]) => pages.forEach((page) => void cpu.load(page * 4096, 8));
  use(0x400, 0x401, 0x402, 0x403);
  return { machine, use };
}

/** Two processes with two pages each, both already used once. */
function turns(pcid: boolean) {
  const machine = boot({ ram: "16 MiB", tlb: "tiny", pcid });
  const [one, two] = [machine.spawn("alice"), machine.spawn("bob")];
  const [a, b] = [one.mmap("8 KiB"), two.mmap("8 KiB")];
  const round = () => {
    one.touch(a, "8 KiB");
    two.touch(b, "8 KiB");
  };
  round();
  return stepTlb(machine, round);
}

describe("stepTlb", () => {
  it("tells hit from miss, and marks what came and what gave way", () => {
    const { machine, use } = fourPages();
    const shown = stepTlb(machine, () => use(0x400, 0x404, 0x402));
    expect(shown.captions).toEqual([
      "step 1 of 4: before",
      "step 2 of 4: alice: read 0x400000: found in L1",
      "step 3 of 4: alice: read 0x404000: a walk of 4 entries",
      "step 4 of 4: alice: read 0x402000: found in L2",
    ]);
    expect(String(shown.at(2))).toMatch(/set 0 {2}0x400->0x2 .*age 1 <hit> +0x402->\w+ .*age 2/);
    expect(String(shown.at(3))).toMatch(/0x404->\w+ .*age 1 <new, 0x402 gave way>/);
    expect(String(shown.at(4))).toMatch(/0x402->\w+ .*age 1 <new, 0x400 gave way>/);
  });

  it("keeps every cell at its place from the first step to the last", () => {
    const { machine, use } = fourPages();
    const shown = stepTlb(machine, () => use(0x400, 0x404));
    const cells = [1, 2, 3].map((step) =>
      [
        ...shown
          .at(step)
          .svg.matchAll(/<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" fill="#BFE3F7"/g),
      ]
        .map((match) => match.slice(1).join(" "))
        .sort(),
    );
    expect(cells[0]).toHaveLength(4);
    expect(cells[1]).toEqual(cells[0]);
    expect(cells[2]).toEqual(cells[0]);
  });

  it("shows a switch as a step of its own: all is dropped without PCIDs, nothing with them", () => {
    const without = turns(false);
    expect(without.captions[1]).toBe(
      "step 2 of 7: alice runs now, CR3 is written: everything that is not global is dropped",
    );
    expect(String(without.at(2)).match(/dropped>/g)).toHaveLength(2);
    expect(without.captions.filter((caption) => caption.includes("a walk"))).toHaveLength(4);
    const tagged = turns(true);
    expect(tagged.captions[1]).toMatch(
      /^step 2 of 7: alice runs now, CR3 is written with PCID \d: nothing has/,
    );
    expect(tagged.captions.filter((caption) => caption.includes("found in L1"))).toHaveLength(4);
    expect(String(tagged.at(7)).match(/0x7\w+->/g)).toHaveLength(4);
  });

  it("has no ages where a tree of bits decides", () => {
    const machine = boot({ ram: "1 MiB", tlb: "skylake" });
    const table = machine.newPageTable("t");
    table.mapNew(0x40_0000, 1, { user: true });
    const cpu = machine.switchMm(table);
    cpu.cpl = 3;
    const shown = stepTlb(machine, () => void cpu.load(0x40_0000, 8));
    expect(shown.length).toBe(2);
    expect(String(shown.at(2)).includes("age")).toBe(machine.cpu.mmu.l1d[1]!.trueLru);
  });
});
