import { describe, expect, it } from "vitest";
import { boot } from "../../lib/kernel/machine.js";
import { familyOf, pageBooks } from "../../lib/view/family.js";

describe("familyOf", () => {
  it("shows parents, children and the frames they share", () => {
    const machine = boot({ ram: "2 MiB" });
    const parent = machine.spawn("parent");
    const at = parent.mmap("8 KiB");
    parent.touch(at, "8 KiB");
    const child = parent.fork("child");
    child.store(at, 1, 9);
    const root = familyOf(parent);
    expect([root.name, root.children?.[0]?.name]).toEqual(["parent", "child"]);
    const [mine, theirs] = [root.pfns!, root.children![0]!.pfns!];
    expect(mine[1]).toBe(theirs[1]);
    expect(mine[0]).not.toBe(theirs[0]);
    child.exit();
    expect(familyOf(parent).children?.[0]?.note).toBe("exited");
  });
});

describe("pageBooks", () => {
  it("tells the counts of each page before and after a fork", () => {
    const machine = boot({ ram: "2 MiB" });
    const parent = machine.spawn("parent");
    const at = parent.mmap("4 KiB");
    parent.store(at, 1, 7);
    const [before] = pageBooks(parent);
    expect(before).toMatchObject({
      va: at,
      rights: "writable",
      dirty: true,
      mapcount: 1,
      exclusive: true,
      byte: 7,
    });
    parent.fork("child");
    const [after] = pageBooks(parent, { start: at, end: at + 4096 });
    expect(after).toMatchObject({ pfn: before!.pfn, rights: "read-only", mapcount: 2, exclusive: false });
    expect(after!.refcount).toBe(before!.refcount + 1);
  });
});
