import { expect, it } from "vitest";
import { memCgroupSwapFull } from "../../../lib/mm/memcg/swap_full.js";
import { kernel, map, useArena } from "../arena.js";
import { swapArea } from "../swap/area.js";
import { folioOf, touch } from "../swap/paged_out.js";
import { group, join } from "./groups.js";

useArena();

it("swap is full when half of the machine's is used, or half of what the group or one above it may have", () => {
  swapArea(kernel, 1024);
  const a = group("/a");
  join(group("/a/b", a));
  map(0, 1);
  touch(0, 1);
  const folio = folioOf(0);
  expect(memCgroupSwapFull(kernel.sys, folio)).toBe(false);
  a.swap.max = 10;
  a.swap.usage = 4;
  expect(memCgroupSwapFull(kernel.sys, folio)).toBe(false);
  a.swap.usage = 5;
  expect(memCgroupSwapFull(kernel.sys, folio)).toBe(true);
  a.swap.usage = 0;
  kernel.sys.nrSwapPages = 500;
  expect(memCgroupSwapFull(kernel.sys, folio)).toBe(true);
});
