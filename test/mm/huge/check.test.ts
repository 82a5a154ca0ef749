import { describe, expect, it } from "vitest";
import { checkInvariants } from "../../../lib/mm/debug.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pteMkwrite, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { folioAt, type HugeMachine, hugeMachine, PAGE, pmdAt } from "./huge_machine.js";

/** Alice has a huge page, Bob a share of it, and both are right until `spoil`. */
function problems(spoil: (h: HugeMachine) => void): string {
  const h = hugeMachine();
  const { sys, alice, a } = h;
  alice.store(a, 1, 1);
  const bob = alice.fork("bob");
  const mms = [sys.initMm!, alice.task.mm!, bob.task.mm!];
  checkInvariants(sys, mms);
  spoil(h);
  try {
    checkInvariants(sys, mms);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the checker of huge folios", () => {
  it("finds wrong counts of leaves and entries", () => {
    expect(problems(({ alice, a }) => folioAt(alice, a).entireMapcount++)).toMatch(
      /entireMapcount 3, 2 leaves/,
    );
    expect(problems(({ alice, a }) => folioAt(alice, a).largeMapcount--)).toMatch(
      /largeMapcount 1, 2 entries/,
    );
    expect(problems(({ alice, a }) => folioAt(alice, a).nrPagesMapped++)).toMatch(/nrPagesMapped 1, 0 pages/);
    expect(problems(({ alice, a }) => folioAt(alice, a).refcount++)).toMatch(/refcount 3, 2 holders/);
    expect(problems(({ sys }) => sys.vmStat.nodeStat[35]!--)).toMatch(/nr_anon_transparent_hugepages is 511/);
  });

  it("finds a shared folio that says it is one's alone", () => {
    expect(
      problems(({ alice, a }) => {
        folioAt(alice, a).large!.maybeMappedShared = false;
      }),
    ).toMatch(/mapped by 2 address spaces/);
    expect(
      problems(({ alice, a }) => {
        folioAt(alice, a).anonExclusive = true;
      }),
    ).toMatch(/exclusive, but mapped 2 times/);
  });

  it("finds a writable leaf of a shared folio, and one that is not aligned", () => {
    expect(
      problems(({ sys, alice, a }) => {
        const { pmdp } = pmdAt(alice, a);
        setPte(sys.ram, pmdp, pteMkwrite(ptepGet(sys.ram, pmdp)));
      }),
    ).toMatch(/writable, but not exclusive/);
    expect(
      problems(({ sys, alice, a }) => {
        const { pmdp, pmd } = pmdAt(alice, a);
        setPte(sys.ram, pmdp, pmd + PAGE);
      }),
    ).toMatch(/begins no huge folio/);
  });

  it("finds a missing table, and one that is not empty", () => {
    expect(
      problems(({ alice }) => {
        alice.task.mm!.thp.pmdHugePte.clear();
      }),
    ).toMatch(/1 leaves and 0 tables set aside/);
    expect(
      problems(({ sys, alice }) => {
        const [[table]] = [...alice.task.mm!.thp.pmdHugePte.values()] as [[number]];
        setPte(sys.ram, table * 512 + 3, 0x1027);
      }),
    ).toMatch(/is not empty/);
  });

  it("finds a free folio in the queue", () => {
    expect(problems(({ sys }) => sys.lruvec.deferredSplitQueue.add(pfnToPage(sys, 2000)))).toMatch(
      /waits to be split, and is free/,
    );
  });
});
