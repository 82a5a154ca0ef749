import { describe, expect, it } from "vitest";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { madviseGuardInstall } from "../../../lib/mm/vma/guard.js";
import { doMincore, mincoreArguments } from "../../../lib/mm/vma/mincore.js";
import { at, map, mm, PAGE, task, useArena } from "../arena.js";

useArena();

/** The answer for pages [page, page + nr) as a string of 0 and 1, or the error. */
function mincore(page: number, nr: number): string | number {
  let found = "";
  const err = doMincore(mm, at(page), nr * PAGE, (pages, first) => {
    expect(first).toBe(found.length);
    found += pages.join("");
    return 0;
  });
  return err === 0 ? found : err;
}

describe("doMincore", () => {
  it("says which pages of private memory are there; the zero page is", () => {
    map(0, 5);
    task.store(at(1), 1, 7);
    task.load(at(3), 1);
    expect(mincore(0, 5)).toBe("01010");
    expect(mincore(1, 3)).toBe("101");
  });

  it("says of a shared page whether it is in the cache, mapped or not", () => {
    const vma = map(0, 4, 3, 0x31);
    map(8, 4);
    expect(mincore(0, 4)).toBe("0000");
    (vma.vmFile as VfsFile).write(2 * PAGE, new Uint8Array([1]));
    expect(mincore(0, 4)).toBe("0010");
  });

  it("counts pages of the file from where the mapping begins in it, whatever part is asked for", () => {
    const vma = map(0, 4, 3, 0x31);
    vma.vmPgoff = 10; // pages 10 to 13 of the file
    const shared = vma.vmFile as VfsFile;
    shared.fMapping.host.iSize = 14 * PAGE;
    shared.write(11 * PAGE, new Uint8Array([1]));
    shared.write(13 * PAGE, new Uint8Array([1]));
    expect(mincore(0, 4)).toBe("0101");
    expect(mincore(2, 2)).toBe("01");
    expect(mincore(2, 1)).toBe("0");
  });

  it("asks the cache where a guard stands, too", () => {
    const vma = map(0, 2, 3, 0x31);
    (vma.vmFile as VfsFile).write(0, new Uint8Array([1]));
    madviseGuardInstall(vma, at(0), at(2));
    expect(mincore(0, 2)).toBe("10");
  });

  it("goes on in the next VMA, and ends at a hole", () => {
    map(0, 2);
    map(2, 2, 1);
    task.store(at(1), 1, 7);
    task.load(at(2), 1);
    expect(mincore(0, 4)).toBe("0110");
    expect(mincore(3, 2)).toBe(-12);
  });

  it("does not take a guard for a page", () => {
    const vma = map(0, 2);
    expect(madviseGuardInstall(vma, at(0), at(1))).toBe(0);
    task.store(at(1), 1, 7);
    expect(mincore(0, 2)).toBe("01");
  });

  it("stops with the caller's error", () => {
    map(0, 2);
    expect(doMincore(mm, at(0), PAGE, () => -14)).toBe(-14);
  });
});

describe("mincoreArguments", () => {
  it("refuses a start within a page and what is no user memory", () => {
    expect(mincoreArguments(mm, at(0) + 1, PAGE)).toBe(-22);
    expect(mincoreArguments(mm, -PAGE, PAGE)).toBe(-12);
    expect(mincoreArguments(mm, mm.taskSize - PAGE, 2 * PAGE)).toBe(-12);
    expect(mincoreArguments(mm, mm.taskSize - PAGE, PAGE)).toBe(0);
  });
});
