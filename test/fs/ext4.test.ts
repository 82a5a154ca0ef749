import { describe, expect, it } from "vitest";
import { fadviseDrop, ftruncate, O_CREAT, O_RDWR } from "../../lib/fs/file_tree.js";
import type { VfsFile } from "../../lib/fs/inode.js";
import { boot, type Machine } from "../../lib/kernel/machine.js";
import type { Process } from "../../lib/kernel/process.js";
import { sysPwrite } from "../../lib/kernel/syscalls/file.js";
import { checkInvariants } from "../../lib/mm/debug.js";
import { filemapCachestat } from "../../lib/mm/filemap/cachestat.js";
import { folioIsWriteback } from "../../lib/mm/filemap/folio_wait.js";
import { filemapFdatawriteRange } from "../../lib/mm/lru/page_writeback.js";
import { PGPGIN } from "../../lib/mm/vmstat.js";

/** A process with a shared mapping of a file of 12 pages on the disk, page p full of p + 1; none of it in the cache unless `warm`. */
function mappedFile({ warm = false, pieceBytes = 4096, nrPages = 12 } = {}): {
  machine: Machine;
  p: Process;
  fd: number;
  at: number;
  file: VfsFile;
} {
  const machine = boot({ ram: "16 MiB" });
  const { files } = machine.kernel;
  files.writeFile(
    "/f",
    Uint8Array.from({ length: 12 * 4096 }, (_, i) => Math.floor(i / 4096) + 1),
    pieceBytes,
  );
  const file = files.open("/f", O_RDWR) as VfsFile;
  if (!warm) expect(fadviseDrop(file, 0, 0)).toBe(0);
  const p = machine.spawn("p");
  const fd = p.open("/f");
  return { machine, p, fd, file, at: p.mmap(nrPages * 4096, { fd, shared: true }) };
}

function inCore(p: Process, at: number, nrPages = 12): string {
  return [...p.mincore(at, nrPages * 4096)].join("").replaceAll("true", "1").replaceAll("false", "0");
}

function cachestat(file: VfsFile): { cache: number; dirty: number } {
  const { nrCache, nrDirty } = filemapCachestat(file.fMapping, 0, 1000);
  return { cache: nrCache, dirty: nrDirty };
}

describe("a file that is being cut off while it is written", () => {
  it("has nothing to write behind its new end, and nobody waits for that", () => {
    const { machine, p, at, file } = mappedFile({ warm: true });
    for (let page = 0; page < 12; page++) p.store(at + page * 4096, 1, 99);
    const { inode } = file;
    inode.iSize = 3 * 4096; // truncate_setsize() says so first, and drops the pages afterwards
    filemapFdatawriteRange(inode.mapping, 0, 11);
    const { sys } = machine.kernel;
    const waits = [...inode.mapping.pages].map(([page, folio]) => [page, folioIsWriteback(sys, folio)]);
    expect(waits).toEqual(Array.from({ length: 12 }, (_, page) => [page, page < 3]));
    checkInvariants(sys, [p.mm, machine.kernel.initMm]);
    inode.iSize = 12 * 4096;
    expect(ftruncate(file, 0)).toBe(0);
    checkInvariants(sys, [p.mm, machine.kernel.initMm]);
  });
});

describe("a cold file that is cut in the middle of a page", () => {
  const NONE = "000000000000";

  it.each([1, 4095, 4097, 36764, 36863, 36865, 45057])(
    "has that page in the cache, dirty, but not in core: %i bytes",
    (size) => {
      const { p, at, file } = mappedFile();
      expect(ftruncate(file, size)).toBe(0);
      expect(inCore(p, at)).toBe(NONE);
      expect(cachestat(file)).toEqual({ cache: 1, dirty: 1 });
      expect(file.fsync()).toBe(0);
      expect(inCore(p, at)).toBe(NONE);
      expect(cachestat(file)).toEqual({ cache: 1, dirty: 0 });
    },
  );

  it("is mapped without that page by fault-around, which a touch of its own maps with a minor fault", () => {
    const { p, at, file } = mappedFile();
    ftruncate(file, 36764);
    expect(p.touch(at, 4096, "r")).toEqual({ minFlt: 0, majFlt: 1 });
    expect(inCore(p, at)).toBe("111111110000");
    expect(p.touch(at + 8 * 4096, 4096, "r")).toEqual({ minFlt: 1, majFlt: 0 });
    expect(inCore(p, at)).toBe("111111111000");
    expect([p.load(at + 36763), p.load(at + 36764)]).toEqual([9, 0]);
  });

  it("is valid after a read, and needs the disk no second time", () => {
    const { machine, p, at, file } = mappedFile();
    ftruncate(file, 36764);
    const before = pgpgin(machine);
    expect(file.read(8 * 4096, new Uint8Array(4096))).toBe(36764 - 8 * 4096);
    expect(pgpgin(machine)).toBe(before);
    expect(inCore(p, at)).toBe("000000001000");
  });

  it("does not show what lay behind the cut when it grows again, by ftruncate or by a write", () => {
    for (const grow of [
      (file: VfsFile) => ftruncate(file, 61440),
      (file: VfsFile) => file.write(14 * 4096, Uint8Array.of(1)),
    ]) {
      const { p, at, file } = mappedFile({ nrPages: 15 });
      ftruncate(file, 36764);
      file.fsync();
      fadviseDrop(file, 0, 0);
      expect(cachestat(file).cache).toBe(0);
      grow(file);
      // The old end was not cached and is in the cache now, zeroed, but not in core.
      expect(inCore(p, at, 15).slice(0, 14)).toBe("00000000000000");
      expect(cachestat(file).cache).toBeGreaterThan(0);
      expect([p.load(at + 36763), p.load(at + 36764), p.load(at + 10 * 4096)]).toEqual([9, 0, 0]);
    }
  });

  it("is zeroed there again by a cut to the same size", () => {
    const { file } = mappedFile();
    ftruncate(file, 36764);
    file.fsync();
    fadviseDrop(file, 0, 0);
    ftruncate(file, 36764);
    expect(cachestat(file)).toEqual({ cache: 1, dirty: 1 });
  });

  it("keeps an empty folio over a hole, clean and not in core", () => {
    const machine = boot({ ram: "16 MiB" });
    const file = machine.kernel.files.open("/sparse", O_RDWR | O_CREAT) as VfsFile;
    ftruncate(file, 12 * 4096);
    ftruncate(file, 36764);
    expect(cachestat(file)).toEqual({ cache: 1, dirty: 0 });
    const p = machine.spawn("p");
    const at = p.mmap(12 * 4096, { fd: p.open("/sparse"), shared: true });
    expect(inCore(p, at)).toBe(NONE);
    expect(p.load(at + 36000)).toBe(0);
  });
});

function pgpgin(machine: Machine): number {
  return machine.kernel.sys.vmStat.events[PGPGIN]!;
}

describe("a hole punched into a cold file", () => {
  it("leaves the page that it cuts in the cache, but not in core", () => {
    for (const [start, length] of [
      [5000, 300],
      [100, 49052],
      [45000, 100_000],
    ] as const) {
      const { p, at, file } = mappedFile();
      file.punchHole(start, length);
      expect(cachestat(file)).toEqual({ cache: 1, dirty: 1 });
      expect(inCore(p, at)).toBe("000000000000");
    }
  });

  it.each([
    [5000, 300],
    [4096, 4096],
    [4095, 2],
    [1, 12286],
    [100, 49052],
    [45000, 100_000],
  ])("reads as zeros from byte %i on, %i bytes long, and nothing else does", (start, length) => {
    for (const warm of [false, true])
      for (const pieceBytes of [4096, 16384]) {
        const { file } = mappedFile({ warm, pieceBytes });
        expect(file.punchHole(start, length)).toBe(0);
        file.fsync();
        fadviseDrop(file, 0, 0);
        const bytes = new Uint8Array(12 * 4096);
        expect(file.read(0, bytes)).toBe(bytes.length);
        const wrong = bytes.findIndex((byte, i) => {
          const inHole = i >= start && i < start + length;
          return byte !== (inHole ? 0 : Math.floor(i / 4096) + 1);
        });
        expect(wrong).toBe(-1);
      }
  });
});

describe("a hole punched into large folios", () => {
  const large = { warm: true, pieceBytes: 4 * 4096 };

  it("splits what is left on both sides: at its start, and at its end", () => {
    const { file } = mappedFile(large);
    expect(file.punchHole(3 * 4096, 3 * 4096)).toBe(0);
    const orders = [...file.fMapping.pages].map(([index, folio]) => [index, folio.order]);
    expect(orders.sort((a, b) => a[0]! - b[0]!)).toEqual([
      [0, 1],
      [1, 1],
      [2, 0],
      [6, 0],
      [7, 0],
      ...[8, 9, 10, 11].map((index) => [index, 2]),
    ]);
  });

  it("unmaps a dirty one as a whole, since it cannot be split", () => {
    const { p, at, file } = mappedFile(large);
    p.store(at + 3 * 4096, 1, 75);
    expect(p.touch(at, 12 * 4096, "r").minFlt).toBeGreaterThan(0);
    p.madvise(at, 3 * 4096, "REMOVE");
    expect(file.fMapping.pages.get(3)!.order).toBe(2);
    expect(p.touch(at + 3 * 4096, 4096, "r")).toEqual({ minFlt: 1, majFlt: 0 });
    expect([p.load(at), p.load(at + 3 * 4096)]).toEqual([0, 75]);
  });
});

describe("a write to a cold file", () => {
  // Position, length; KiB read from the disk and pages in the cache then, as measured with /proc/self/io and cachestat.
  it.each([
    [5000, 100, 4, 1],
    [5000, 20000, 8, 6],
    [100, 8192, 8, 3],
    [100, 16384, 8, 5],
    [8192, 12288, 0, 3],
    [1, 131072, 8, 33],
    [4097, 131072, 8, 33],
    [262143, 2, 4, 2],
  ])("reads only the pages that it writes in part: %i, %i bytes", (pos, length, kib, cached) => {
    const machine = boot({ ram: "16 MiB" });
    machine.kernel.files.writeFile("/f", new Uint8Array(64 * 4096).fill(7));
    const file = machine.kernel.files.open("/f", O_RDWR) as VfsFile;
    fadviseDrop(file, 0, 0);
    const before = pgpgin(machine);
    expect(file.write(pos, new Uint8Array(length).fill(9))).toBe(length);
    expect([pgpgin(machine) - before, cachestat(file).cache]).toEqual([kib, cached]);
    file.fsync();
    fadviseDrop(file, 0, 0);
    const bytes = new Uint8Array(70 * 4096);
    const nr = file.read(0, bytes);
    expect(nr).toBe(Math.max(64 * 4096, pos + length));
    expect(bytes.subarray(0, nr).findIndex((b, i) => b !== (i >= pos && i < pos + length ? 9 : 7))).toBe(-1);
  });

  it("keeps what has a block when its source ends in the middle of a large folio that begins with a hole", () => {
    const machine = boot({ ram: "16 MiB" });
    const file = machine.kernel.files.open("/f", O_RDWR | O_CREAT) as VfsFile;
    file.write(4096, new Uint8Array(3 * 4096).fill(7)); // page 0 is a hole
    file.fsync();
    fadviseDrop(file, 0, 0);
    const p = machine.spawn("p");
    const buf = p.mmap(8192);
    p.munmap(buf + 4096, 4096);
    p.store(buf, 1, 9);
    const { task } = p;
    const fd = p.open("/f");
    sysPwrite(machine.kernel, task, fd, buf, 4 * 4096, 0);
    file.fsync();
    fadviseDrop(file, 0, 0);
    const bytes = new Uint8Array(4 * 4096);
    file.read(0, bytes);
    expect([bytes[0], bytes[4096], bytes[8191], bytes[12288]]).toEqual([9, 7, 7, 7]);
  });
});
