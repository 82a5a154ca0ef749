import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { Zone } from "../../../lib/mm/pages/buddy.js";
import { checkZone } from "../../../lib/mm/pages/zone_check.js";

function problemsOf(spoil: (zone: Zone) => void): string[] {
  const machine = boot({ ram: "64 MiB" });
  const p = machine.spawn("p");
  p.touch(p.mmap("1 MiB"), "1 MiB");
  const zone = machine.kernel.sys.zones[1]!;
  spoil(zone);
  const problems: string[] = [];
  checkZone(zone, problems);
  return problems;
}

describe("checkZone", () => {
  it("finds nothing in a zone that was used", () => {
    expect(problemsOf(() => {})).toEqual([]);
  });

  it.each<[string, (zone: Zone) => void, RegExp]>([
    ["a counter of free pages", (zone) => zone.nrFreePages++, /listed as free/],
    ["a counter of blocks", (zone) => zone.freeArea[10]!.nrFree++, /blocks, says/],
    ["a counter of a CPU", (zone) => zone.pcps[0]!.count++, /pages listed, \d+ counted/],
    ["the type of a page block", (zone) => zone.links.pageblockType.fill(2), /does not belong there/],
    ["a counter of kept pages", (zone) => zone.nrFreeHighatomic++, /kept for urgent requests/],
  ])("finds %s wrong", (_name, spoil, expected) => {
    expect(problemsOf(spoil).join("\n")).toMatch(expected);
  });
});
