import { describe, expect, it } from "vitest";
import { O_RDWR } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot } from "../../../lib/kernel/machine.js";
import { filemapCachestat } from "../../../lib/mm/filemap/cachestat.js";
import { POSIX_FADV_DONTNEED } from "../../../lib/mm/filemap/fadvise.js";
import { lruGenChangeState } from "../../../lib/mm/lru/gen/switch.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { filemapFdatawriteRange } from "../../../lib/mm/lru/page_writeback.js";
import { reclaimPages } from "../../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { modNodePageState, NR_ACTIVE_FILE } from "../../../lib/mm/vmstat.js";
import { reclaimAll } from "../pressure.js";

/** A file of 12 pages, all in the cache. */
function cached() {
  const machine = boot({ ram: "32 MiB" });
  const { files, sys } = machine.kernel;
  files.writeFile("/f", new Uint8Array(12 * 4096).fill(1), 4096);
  const file = files.open("/f", O_RDWR) as VfsFile;
  const stat = (first = 0, last = 11) => filemapCachestat(file.fMapping, first, last);
  return { machine, sys, file, stat };
}

describe("cachestat", () => {
  it("counts what is there, dirty and on its way, in the pages that are asked for", () => {
    const { file, stat } = cached();
    for (const page of [1, 2, 7]) file.write(page * 4096, Uint8Array.of(9));
    filemapFdatawriteRange(file.fMapping, 2, 2);
    const none = { nrEvicted: 0, nrRecentlyEvicted: 0 };
    expect(stat()).toEqual({ nrCache: 12, nrDirty: 2, nrWriteback: 1, ...none });
    expect(stat(1, 6)).toEqual({ nrCache: 6, nrDirty: 1, nrWriteback: 1, ...none });
  });

  it("counts what reclaim has taken, and of it what more memory would have kept", () => {
    const { sys, stat } = cached();
    reclaimAll(sys);
    expect(stat()).toMatchObject({ nrCache: 0, nrEvicted: 12 });
    expect(stat(4, 5)).toMatchObject({ nrCache: 0, nrEvicted: 2 });
    // The last page left when the clock stood 1 before now, the first 12 before.
    for (const [size, recent] of [
      [0, 0],
      [1, 1],
      [5, 5],
      [100, 12],
    ] as const) {
      modNodePageState(sys, NR_ACTIVE_FILE, size - sys.vmStat.nodeStat[NR_ACTIVE_FILE]!);
      expect(stat().nrRecentlyEvicted).toBe(recent);
    }
  });

  it("asks the generations where they are on", () => {
    const { sys, file, stat } = cached();
    lruAddDrainAll(sys);
    lruGenChangeState(sys, true);
    reclaimPages(
      sys,
      [...file.fMapping.pages.values()].filter((folio) => folioIsolateLru(sys, folio)),
    );
    expect(stat()).toMatchObject({ nrEvicted: 12, nrRecentlyEvicted: 12 });
    sys.lruvec.lrugen.maxSeq += 4;
    sys.lruvec.lrugen.minSeq[1] += 4;
    expect(stat()).toMatchObject({ nrEvicted: 12, nrRecentlyEvicted: 0 });
  });

  it("forgets what was dropped for good", () => {
    const { sys, file, stat } = cached();
    reclaimAll(sys);
    expect(file.fadvise?.(0, 4 * 4096, POSIX_FADV_DONTNEED)).toBe(0);
    expect(stat()).toMatchObject({ nrCache: 0, nrEvicted: 8 });
  });
});
