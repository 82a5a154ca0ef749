import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { stepOwners } from "../../lib/view/step_owners.js";
import { stepShares } from "../../lib/view/step_shares.js";
import { expectWellFormed } from "./xml.js";

function alice(nrPages = 2) {
  const machine = boot({ ram: "16 MiB" });
  const process = machine.spawn("alice");
  const at = process.mmap(nrPages * 4096, { at: 0x2000_0000, fixed: true });
  process.touch(at, nrPages * 4096);
  return { machine, process, at };
}

describe("stepOwners", () => {
  it("has a row for each process from the first step on, under the name that it gets in the end", () => {
    const { machine, process } = alice();
    const shown = stepOwners(machine, process, () => process.fork("bob").exit());
    expect(String(shown.at(1))).toMatch(/alice +bob\n/);
    expect(shown.captions.map((caption) => caption.replace(/^[^:]*: /, ""))).toEqual([
      "before",
      "fork: the entry of 0x20000000 is copied for bob, read-only for both",
      "fork: the entry of 0x20001000 is copied for bob, read-only for both",
      "bob's entry of 0x20000000 is taken away",
      "bob's entry of 0x20001000 is taken away",
    ]);
    for (let step = 1; step <= shown.length; step++) expectWellFormed(shown.at(step).svg);
  });

  it("tells a copy from a page that is reused, and shows frames before they are taken", () => {
    const { machine, process, at } = alice();
    const bob = process.fork("bob");
    const shown = stepOwners(machine, process, () => {
      bob.store(at, 1, 5);
      process.store(at, 1, 6);
    });
    expect(shown.captions[1]).toMatch(/^step 2 of 3: bob writes 0x20000000: copied to frame 0x\w+$/);
    expect(shown.captions[2]).toMatch(
      /^step 3 of 3: alice writes 0x20000000: alone with frame 0x\w+, reused in place$/,
    );
    const frames = (step: number) => String(shown.at(step)).match(/frame 0x\w+/g);
    expect(frames(1)).toEqual(frames(3));
    expect(frames(1)).toHaveLength(3);
  });

  it("looks at a range only, and leaves out what changes nothing there", () => {
    const { machine, process, at } = alice();
    const range = { start: at, end: at + 4096 };
    const shown = stepOwners(machine, process, () => void process.fork("bob"), { range });
    expect(shown.length).toBe(2);
  });
});

describe("stepShares", () => {
  it("gives each its part, and all together the frames in use", () => {
    const { process, at } = alice();
    const shown = stepShares(process, {
      fork: () => process.fork("bob"),
      write: () => process.store(at, 1, 1),
    });
    const text = (step: number) => String(shown.at(step)).split("\n").slice(2).join("\n");
    expect(text(1)).toMatch(/alice +1\/1 +1\/1 +8 kB +8 kB\n +bob +- +- +0 kB +0 kB\n/);
    expect(text(2)).toMatch(
      /alice +1\/2 +1\/2 +8 kB +4 kB\n +bob +1\/2 +1\/2 +8 kB +4 kB\n +all +16 kB +8 kB\n/,
    );
    expect(text(3)).toMatch(
      /alice +1\/1 +1\/2 +8 kB +6 kB\n[^\n]*\n +all +16 kB +12 kB\n +frames in use: 3, that is 12 kB/,
    );
    expectWellFormed(shown.at(3).svg);
  });

  it("asks for a range where a process has too many pages", () => {
    const { process } = alice(9);
    expect(() => stepShares(process, { nothing: () => {} })).toThrow(/at most 8 pages of 4096 bytes; got 9/);
  });
});
