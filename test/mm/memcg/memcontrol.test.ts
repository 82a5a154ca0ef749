import { describe, expect, it } from "vitest";
import { memCgroupCharge } from "../../../lib/mm/memcg/charge.js";
import { MEM_CGROUP_ID_MAX, ROOT_MEM_CGROUP_ID } from "../../../lib/mm/memcg/memcg_types.js";
import { memCgroupCssAlloc, memCgroupCssOffline } from "../../../lib/mm/memcg/memcontrol.js";
import { folioPut } from "../../../lib/mm/pages/free_pages.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { allocPages } from "../../../lib/mm/pages/page_alloc.js";
import { kernel, useArena } from "../arena.js";
import { group, problems } from "./groups.js";

useArena();

describe("groups", () => {
  it("get the lowest number that is free, lists of their own, and a place below their parent", () => {
    const a = group("/a");
    const b = group("/a/b", a);
    expect([a.id, b.id]).toEqual([ROOT_MEM_CGROUP_ID + 1, ROOT_MEM_CGROUP_ID + 2]);
    expect([a.lruvec.memcg, a.children, b.memory.parent]).toEqual([a, [b], a.memory]);
    memCgroupCssOffline(kernel.sys, b);
    expect([b.online, b.id, a.children, group("/c").id]).toEqual([false, 0, [], 3]);
  });

  it("live on without a name until the last page charged to them is free", () => {
    const a = group("/a");
    const folio = allocPages(kernel.sys, GFP_KERNEL, 0)!;
    memCgroupCharge(kernel.sys, folio, a, GFP_KERNEL);
    memCgroupCssOffline(kernel.sys, a);
    expect([a.memory.usage, kernel.sys.memcg.nrGroups, problems()]).toEqual([1, 1, []]);
    folioPut(kernel.sys, folio);
    expect([kernel.sys.memcg.nrGroups, kernel.sys.memcg.root.children, problems()]).toEqual([0, [], []]);
  });

  it("are 65534 at most", () => {
    const { sys } = kernel;
    const { root, byId } = sys.memcg;
    for (let id = 2; id < MEM_CGROUP_ID_MAX; id++) byId[id] = root;
    expect(memCgroupCssAlloc(sys, root, "/last")!.id).toBe(MEM_CGROUP_ID_MAX);
    expect(memCgroupCssAlloc(sys, root, "/more")).toBeUndefined();
  });
});
