import { describe, expect, it } from "vitest";
import { memCgroupCssOffline } from "../../../lib/mm/memcg/memcontrol.js";
import { memCgroupIdPutMany, memCgroupRelease } from "../../../lib/mm/memcg/release.js";
import { kernel, useArena } from "../arena.js";
import { group } from "./groups.js";

useArena();

describe("the end of a group", () => {
  it("waits for slots of swap that have its number", () => {
    const { sys } = kernel;
    const a = group("/a");
    const { id } = a;
    a.idRefs = 2;
    memCgroupCssOffline(sys, a);
    expect([a.id, sys.memcg.byId[id], sys.memcg.nrGroups]).toEqual([id, a, 1]);
    memCgroupIdPutMany(sys, a, 1);
    expect(sys.memcg.byId[id]).toBe(a);
    memCgroupIdPutMany(sys, a, 1);
    expect([a.id, sys.memcg.byId[id], sys.memcg.nrGroups]).toEqual([0, undefined, 0]);
  });

  it("does not touch one that has a name, and takes a removed parent along", () => {
    const { sys } = kernel;
    const a = group("/a");
    const b = group("/a/b", a);
    memCgroupRelease(sys, a);
    expect(sys.memcg.nrGroups).toBe(2);
    b.memory.usage = 1;
    memCgroupCssOffline(sys, b);
    memCgroupCssOffline(sys, a);
    expect(sys.memcg.nrGroups).toBe(2);
    b.memory.usage = 0;
    sys.memcg.root.iterPosition = b;
    memCgroupRelease(sys, b);
    expect([sys.memcg.nrGroups, sys.memcg.root.children, sys.memcg.root.iterPosition]).toEqual([
      0,
      [],
      undefined,
    ]);
  });
});
