import { describe, expect, it } from "vitest";
import { ENOMEM } from "../../../lib/mm/errno.js";
import {
  hugepageNewSubpool,
  hugepageSubpoolGetPages,
  hugepageSubpoolPutPages,
} from "../../../lib/mm/hugetlb/subpool.js";

describe("a mount's share of a pool", () => {
  it("is without limit where there is none", () => {
    expect([hugepageSubpoolGetPages(undefined, 3), hugepageSubpoolPutPages(undefined, 2)]).toEqual([3, 2]);
  });

  it("ends at its size", () => {
    const spool = hugepageNewSubpool(4, -1);
    expect([3, 2, 1].map((pages) => hugepageSubpoolGetPages(spool, pages))).toEqual([3, -ENOMEM, 1]);
    expect(hugepageSubpoolPutPages(spool, 2)).toBe(2);
    expect(spool.usedHpages).toBe(2);
  });

  it("uses up what it was promised before it asks the pool, and keeps that much when pages come back", () => {
    const spool = hugepageNewSubpool(10, 3);
    expect([2, 2, 1].map((pages) => hugepageSubpoolGetPages(spool, pages))).toEqual([0, 1, 1]);
    expect([spool.usedHpages, spool.rsvHpages]).toEqual([5, 0]);
    expect([1, 1, 1].map((pages) => hugepageSubpoolPutPages(spool, pages))).toEqual([1, 1, 0]);
    expect([spool.usedHpages, spool.rsvHpages]).toEqual([2, 1]);
  });
});
