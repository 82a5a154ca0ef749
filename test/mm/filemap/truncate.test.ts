import { describe, expect, it } from "vitest";
import {
  mappingTryInvalidate,
  truncatePagecacheRange,
  truncateSetsize,
} from "../../../lib/mm/filemap/truncate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { MM_ANONPAGES, MM_FILEPAGES } from "../../../lib/mm/mm_types.js";
import { at, file, kernel, mapFile, PAGE, task, useFile } from "../arena.js";

useFile();

const cached = (): number[] => [...file.fMapping.pages.keys()].sort();

describe("truncateSetsize", () => {
  it("takes the pages behind the new end out of the cache and out of page tables, also private copies", () => {
    mapFile(4, 0x12);
    task.store(at(3), 1, 99);
    task.load(at(0), 1);
    truncateSetsize(file.fMapping, 2 * PAGE);
    expect([cached(), file.fMapping.host.iSize]).toEqual([[0, 1], 2 * PAGE]);
    expect([task.mm!.rssStat[MM_ANONPAGES], task.mm!.rssStat[MM_FILEPAGES]]).toEqual([0, 2]);
    expect(() => task.load(at(3), 1)).toThrow(/BUS_ADRERR/);
    expect(task.load(at(1), 1)).toBe(2);
  });

  it("zeroes the rest of the last page, and forgets what was dirty behind it", () => {
    mapFile(4, 0x11);
    task.store(at(2), 1, 99);
    truncateSetsize(file.fMapping, PAGE + 100);
    expect([cached(), file.fMapping.dirtyFolios.size]).toEqual([[0, 1], 0]);
    expect([task.load(at(1) + 99, 1), task.load(at(1) + 100, 1), task.load(at(1) + 4095, 1)]).toEqual([
      2, 0, 0,
    ]);
  });

  it("that makes the file longer leaves the cache alone", () => {
    truncateSetsize(file.fMapping, 8 * PAGE);
    expect([cached(), file.fMapping.host.iSize]).toEqual([[0, 1, 2, 3], 8 * PAGE]);
  });
});

describe("truncatePagecacheRange", () => {
  it("drops whole pages, zeroes the parts at both ends, and leaves private copies", () => {
    mapFile(4, 0x12);
    task.store(at(1), 1, 99);
    truncatePagecacheRange(file.fMapping, PAGE - 10, 2 * PAGE + 9);
    expect(cached()).toEqual([0, 2, 3]);
    expect(task.load(at(1), 1)).toBe(99);
    const bytes = [PAGE - 11, PAGE - 10, 2 * PAGE + 9, 2 * PAGE + 10].map((pos) => {
      const byte = new Uint8Array(1);
      file.read(pos, byte);
      return byte[0];
    });
    expect(bytes).toEqual([1, 0, 0, 3]);
  });
});

describe("mappingTryInvalidate", () => {
  it("drops what is clean and unmapped, and counts what it could not", () => {
    mapFile(1, 0x11);
    task.load(at(0), 1); // page 0 is mapped
    file.write(2 * PAGE, new Uint8Array([9])); // page 2 is dirty
    lruAddDrainAll(kernel.sys);
    const { dropped, failed } = mappingTryInvalidate(file.fMapping, 0, 2);
    expect([dropped, failed, cached()]).toEqual([1, 2, [0, 2, 3]]);
  });
});
