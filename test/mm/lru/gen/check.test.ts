import { describe, expect, it } from "vitest";
import { checkGenerations } from "../../../../lib/mm/lru/gen/check.js";
import { PG_active, PG_swapbacked } from "../../../../lib/mm/pages/folio.js";
import { listedFolio, newSystem, problems, standsOn } from "./generations.js";

describe("the check of the books", () => {
  it("finds nothing wrong with folios that were put there, and says where they count", () => {
    const sys = newSystem();
    for (const flags of [0, PG_active, PG_swapbacked]) listedFolio(sys, flags);
    const found: string[] = [];
    expect([checkGenerations(sys, found), found]).toEqual([[0, 1, 1, 1, 0], []]);
  });

  it("finds a wrong size, a wrong generation, a wrong list and wrong flags", () => {
    const sys = newSystem();
    const folio = listedFolio(sys, 0);
    const list = standsOn(folio);
    const broken = (breakIt: () => void, mend: () => void): number => {
      breakIt();
      const found = problems(sys).length;
      mend();
      expect(problems(sys)).toEqual([]);
      return found;
    };
    const { lrugen } = sys.lruvec;
    const was = [
      broken(
        () => lrugen.nrPages[list]!++,
        () => lrugen.nrPages[list]!--,
      ),
      broken(
        () => folio.lruGen++, // two sizes are wrong then
        () => folio.lruGen--,
      ),
      broken(
        () => folio.lruList++,
        () => folio.lruList--,
      ),
      broken(
        () => {
          folio.flags |= PG_active;
        },
        () => {
          folio.flags &= ~PG_active;
        },
      ),
      broken(
        () => {
          lrugen.maxSeq += 2;
        },
        () => {
          lrugen.maxSeq -= 2;
        },
      ),
    ];
    expect(was).toEqual([1, 2, 1, 1, 2]);
  });
});
