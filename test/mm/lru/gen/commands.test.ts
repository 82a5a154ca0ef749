import { describe, expect, it } from "vitest";
import { EINVAL } from "../../../../lib/mm/errno.js";
import { lruGenCommands } from "../../../../lib/mm/lru/gen/commands.js";
import { PG_active, PG_swapbacked } from "../../../../lib/mm/pages/folio.js";
import { folioPutRefs } from "../../../../lib/mm/pages/free_pages.js";
import type { MemorySystem } from "../../../../lib/mm/system.js";
import { listedFolio, newSystem, problems } from "./generations.js";

function systemThatFrees(): MemorySystem {
  const sys = newSystem();
  sys.parts.shrinkFolioList = (_sys, folios) => {
    for (const folio of folios) folioPutRefs(sys, folio, folio.refcount);
    return folios.splice(0).length;
  };
  return sys;
}

describe("commands", () => {
  it("age: a new generation for each", () => {
    const sys = newSystem();
    expect(lruGenCommands(sys, "+ 1 0 3\n")).toBe(0);
    expect(lruGenCommands(sys, "+ 1 0 3 60 0;+1 0 5,\n")).toBe(0);
    expect(sys.lruvec.lrugen.maxSeq).toBe(6);
    expect([sys.pfMemalloc, sys.lruGen.walking]).toEqual([false, false]);
  });

  it("evict: generations up to a number, or so many pages", () => {
    const sys = systemThatFrees();
    const { lrugen } = sys.lruvec;
    for (let i = 0; i < 200; i++) listedFolio(sys, 0);
    listedFolio(sys, PG_active);
    listedFolio(sys, PG_swapbacked);
    expect(lruGenCommands(sys, "- 1 0 1 0 10")).toBe(0);
    expect(lrugen.nrPages.reduce((sum, pages) => sum + pages, 0)).toBe(192);
    expect(lruGenCommands(sys, "- 1 0 1")).toBe(0);
    expect(lrugen.nrPages.reduce((sum, pages) => sum + pages, 0)).toBe(2);
    expect(problems(sys)).toEqual([]);
  });

  it("refuse what there is not: a group, a node, a generation to come, one of the two youngest, a word", () => {
    const sys = newSystem();
    const wrong = [
      ...[
        "+ 2 0 3",
        "+ 1 1 3",
        "+ 1 0 4",
        "- 1 0 2",
        "+ 1 0",
        "+ 1 0 3 202",
        "+ 1 0 3 many",
        "+ 1 0 3 max 1 x",
      ],
      ...["* 1 0 3", "nonsense", "+ a 0 3"],
    ];
    expect(wrong.map((text) => lruGenCommands(sys, text))).toEqual(wrong.map(() => -EINVAL));
    expect(sys.lruvec.lrugen.maxSeq).toBe(3);
    expect(lruGenCommands(sys, "+ 1 0 3; nonsense; + 1 0 4")).toBe(-EINVAL);
    expect(sys.lruvec.lrugen.maxSeq).toBe(4);
    expect(lruGenCommands(sys, "")).toBe(0);
  });
});
