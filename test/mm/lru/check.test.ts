import { expect, it } from "vitest";
import { checkLists } from "../../../lib/mm/lru/check.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { kernel, map, useArena } from "../arena.js";
import { group, join } from "../memcg/groups.js";
import { folioOf, touch } from "../swap/paged_out.js";

useArena();

it("the check of the lists adds up all groups, and finds a folio on another group's list", () => {
  map(0, 8);
  touch(0, 4);
  join(group("/a"));
  touch(4, 4);
  lruAddDrainAll(kernel.sys);
  const found: string[] = [];
  expect([checkLists(kernel.sys, found)[0], found]).toEqual([8, []]);
  folioOf(5).memcg = undefined;
  checkLists(kernel.sys, found);
  expect(found).toEqual([`frame ${folioOf(5).pfn} is on another group's list`]);
});
