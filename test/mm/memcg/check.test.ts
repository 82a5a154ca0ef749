import { expect, it } from "vitest";
import { NR_INACTIVE_ANON } from "../../../lib/mm/vmstat.js";
import { kernel, map, useArena } from "../arena.js";
import { swapArea } from "../swap/area.js";
import { evict, pageout, touch } from "../swap/paged_out.js";
import { group, join, problems } from "./groups.js";

useArena();

it("the check of the groups finds a wrong usage, wrong slots, a wrong list size and a lost group", () => {
  const si = swapArea(kernel, 1024);
  const a = group("/a");
  join(a);
  map(0, 8);
  touch(0, 8);
  pageout(0, 4);
  evict(si);
  expect(problems()).toEqual([]);
  a.memory.usage++;
  a.swap.usage++;
  a.state[NR_INACTIVE_ANON]!++;
  kernel.sys.memcg.nrGroups++;
  expect(problems()).toEqual([
    "2 groups are counted, there are 1",
    expect.stringMatching(/group \/a uses \d+ pages, it has \d+/),
    "group /a has 5 slots, they are 4",
    "group /a counts 5 pages on list 0, they are 4",
  ]);
});
