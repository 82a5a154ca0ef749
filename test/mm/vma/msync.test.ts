import { beforeEach, describe, expect, it } from "vitest";
import {
  MAP_FIXED,
  MAP_LOCKED,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  PROT_READ,
  PROT_WRITE,
} from "../../../lib/mm/vma/mman.js";
import { doMsync } from "../../../lib/mm/vma/msync.js";
import { at, file, map, mapFile, PAGE, PRIVATE, task, useFile } from "../arena.js";

useFile();

beforeEach(() => {
  mapFile(4, MAP_SHARED | MAP_FIXED);
  for (let page = 0; page < 4; page++) task.store(at(page), 1, 7);
});

const dirty = (): number[] => [...file.fMapping.dirtyFolios].map((folio) => folio.index).sort();
const msync = (page: number, nr: number, flags: number): number =>
  doMsync(task.mm!, at(page), nr * PAGE, flags);

describe("doMsync", () => {
  it("with MS_SYNC writes the dirty pages of the range, and only those", () => {
    expect(dirty()).toEqual([0, 1, 2, 3]);
    expect(msync(1, 2, MS_SYNC)).toBe(0);
    expect(dirty()).toEqual([0, 3]);
  });

  it("with MS_ASYNC or no flag writes nothing", () => {
    expect([msync(0, 4, MS_ASYNC), msync(0, 4, 0)]).toEqual([0, 0]);
    expect(dirty()).toEqual([0, 1, 2, 3]);
  });

  it("goes on behind a hole, and answers -ENOMEM", () => {
    expect(doMsync(task.mm!, at(-1), 3 * PAGE, MS_SYNC)).toBe(-12);
    expect(dirty()).toEqual([2, 3]);
    expect(msync(-1, 3, MS_ASYNC)).toBe(-12);
    expect(msync(3, 2, MS_SYNC)).toBe(-12);
    expect(dirty()).toEqual([2]);
  });

  it("with MS_INVALIDATE refuses locked memory", () => {
    expect(msync(0, 4, MS_INVALIDATE)).toBe(0);
    map(8, 1, PROT_READ | PROT_WRITE, PRIVATE | MAP_LOCKED);
    expect([msync(8, 1, MS_INVALIDATE), msync(8, 1, MS_SYNC)]).toEqual([-16, 0]);
  });

  it("refuses unknown flags, both ways at once, and a start within a page", () => {
    expect(msync(0, 1, 8)).toBe(-22);
    expect(msync(0, 1, MS_SYNC | MS_ASYNC)).toBe(-22);
    expect(doMsync(task.mm!, at(0) + 1, PAGE, MS_SYNC)).toBe(-22);
    expect(msync(0, 0, MS_SYNC)).toBe(0);
  });
});
