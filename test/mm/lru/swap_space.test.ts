import { expect, it } from "vitest";
import { canAgeAnonPages, canReclaimAnonPages } from "../../../lib/mm/lru/swap_space.js";
import { withFile } from "./isolated.js";

it("without swap anonymous memory has no place to go, and its lists are not kept in order", () => {
  const { sys } = withFile(1);
  expect([canReclaimAnonPages(sys), canAgeAnonPages(sys)]).toEqual([false, false]);
});

it("full swap keeps the lists in order, but takes nothing", () => {
  const { sys } = withFile(1);
  sys.totalSwapPages = 100;
  expect([canReclaimAnonPages(sys), canAgeAnonPages(sys)]).toEqual([false, true]);
  sys.nrSwapPages = 1;
  expect(canReclaimAnonPages(sys)).toBe(true);
});
