import { describe, expect, it } from "vitest";
import { FileTree, fadviseDrop, O_RDWR } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { Clock } from "../../../lib/hw/clock.js";
import { Ram } from "../../../lib/hw/ram.js";
import { FileRaState } from "../../../lib/mm/filemap/file_ra_state.js";
import { mmInit } from "../../../lib/mm/mm_init.js";
import { MemorySystem } from "../../../lib/mm/system.js";

/** A file of 64 pages on disk, none of them in the cache, opened with a window of at most 32 pages. */
function coldFile(): { file: VfsFile; read: (page: number) => number } {
  const sys = new MemorySystem(new Ram(64 * 2 ** 20), new Clock());
  mmInit(sys);
  const files = new FileTree(sys);
  files.writeFile("/data", new Uint8Array(64 * 4096).fill(7));
  const file = files.open("/data", O_RDWR) as VfsFile;
  expect(fadviseDrop(file, 0, 0)).toBe(0);
  expect(file.fMapping.nrpages).toBe(0);
  file.fRa.raPages = 32;
  /** Reads one page; how many are cached then. */
  const read = (page: number): number => {
    expect(file.read(page * 4096, new Uint8Array(4096))).toBe(4096);
    return file.fMapping.nrpages;
  };
  return { file, read };
}

describe("readahead of a file that is read page by page", () => {
  it("starts with 4 pages, grows each time the mark is reached, and ends where a larger folio can begin", () => {
    const { file, read } = coldFile();
    expect(read(0)).toBe(4); // 0-3, the mark on 1
    expect(file.fRa).toMatchObject({ start: 0, size: 4, asyncSize: 3 });
    expect(read(1)).toBe(12); // 4-11, the mark on 4
    expect(read(2)).toBe(12);
    expect(read(3)).toBe(12);
    expect(read(4)).toBe(16); // 12-15: 16 pages would end at 27, in the middle of a folio of 16
    expect(read(12)).toBe(24); // 16-23
    expect(read(16)).toBe(32); // 24-31: 16 would end at 39, in the middle of a folio of 32
    expect(read(24)).toBe(48); // 32-47
    expect(read(32)).toBe(64); // 48-63, the end of the file
    expect(file.fRa).toMatchObject({ start: 48, size: 16 });
  });

  it("passes over a page where someone without a history meets the mark of a large folio, as recorded", () => {
    const { file, read } = coldFile();
    const fresh = (page: number): number => {
      file.fRa = new FileRaState(32);
      return read(page);
    };
    expect(fresh(0)).toBe(4);
    expect(fresh(1)).toBe(12); // 4-7 and 8-11, a folio each
    expect(fresh(4)).toBe(31); // the tree is searched from 4 and counted from 5: 13 instead of 12, up to 31
    expect(file.fMapping.pages.has(12)).toBe(false);
    expect(fresh(12)).toBe(32); // counted too few cached pages behind it, and read no further
    expect(file.fRa).toMatchObject({ start: 12, size: 10 });
  });

  it("reads one page alone for a jump into the middle", () => {
    const { file, read } = coldFile();
    expect(read(50)).toBe(1);
    expect(read(20)).toBe(2);
    expect([...file.fMapping.pages.keys()]).toEqual([50, 20]);
  });

  it("does not read beyond the end of the file", () => {
    const { file, read } = coldFile();
    read(62);
    read(63);
    expect([...file.fMapping.pages.keys()].every((page) => page < 64)).toBe(true);
  });

  it("reads single pages without a window", () => {
    const { file, read } = coldFile();
    file.fRa.raPages = 0;
    expect([0, 1, 2].map(read)).toEqual([1, 2, 3]);
  });
});
