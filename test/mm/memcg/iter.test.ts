import { describe, expect, it } from "vitest";
import { forEachLruvec, memCgroupIter, sharedIter } from "../../../lib/mm/memcg/iter.js";
import { kernel, useArena } from "../arena.js";
import { group } from "./groups.js";

useArena();

const paths = (groups: Iterable<{ path: string }>): string[] => [...groups].map(({ path }) => path);

/** Looks at up to `nr` groups from `root` on, as somebody who has enough then. */
function some(nr: number, root = kernel.sys.memcg.root): string[] {
  const seen: string[] = [];
  for (const { path } of sharedIter(root)) if (seen.push(path) === nr) break;
  return seen;
}

describe("going through groups", () => {
  it("meets each before those below it", () => {
    const a = group("/a");
    group("/d");
    group("/a/b", a);
    group("/a/c", a);
    expect(paths(memCgroupIter(kernel.sys.memcg.root))).toEqual(["/", "/a", "/a/b", "/a/c", "/d"]);
    expect(paths(memCgroupIter(a))).toEqual(["/a", "/a/b", "/a/c"]);
    let lists = 0;
    forEachLruvec(kernel.sys, () => lists++);
    expect(lists).toBe(5);
  });

  it("goes on where the last one has stopped, and sees at least one group", () => {
    const a = group("/a");
    group("/a/b", a);
    expect([some(1), some(9), some(2), some(1), some(1)]).toEqual([
      ["/"],
      ["/a", "/a/b"],
      ["/", "/a"],
      ["/a/b"],
      ["/"],
    ]);
    expect([some(1, a), some(1, a), some(1, a)]).toEqual([["/a"], ["/a/b"], ["/a"]]);
  });
});
