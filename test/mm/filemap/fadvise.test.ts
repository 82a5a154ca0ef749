import { describe, expect, it } from "vitest";
import { O_CREAT, O_RDWR } from "../../../lib/fs/file_tree.js";
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot } from "../../../lib/kernel/machine.js";
import {
  POSIX_FADV_DONTNEED,
  POSIX_FADV_NORMAL,
  POSIX_FADV_RANDOM,
  POSIX_FADV_SEQUENTIAL,
  POSIX_FADV_WILLNEED,
} from "../../../lib/mm/filemap/fadvise.js";

const ALL = [0, 1, 2, 3, 4, 5];

describe("advice on a file in memory", () => {
  it.each(["/dev/shm/data", "memfd"])("is taken and does nothing: %s", (path) => {
    const { files } = boot({ ram: "16 MiB" }).kernel;
    const opened = path === "memfd" ? files.memfdCreate("data") : files.open(path, O_RDWR | O_CREAT);
    const file = opened as VfsFile;
    expect(file.write(0, new Uint8Array(8 * 4096).fill(7))).toBe(8 * 4096);
    const before = { ...file.fRa };
    for (const advice of ALL) expect(file.fadvise(0, 0, advice)).toBe(0);
    expect(file.fMapping.nrpages).toBe(8);
    expect(file.fRa).toEqual(before);
    expect([file.fadvise(0, 0, 6), file.fadvise(0, -1, POSIX_FADV_DONTNEED)]).toEqual([-22, -22]);
    const byte = new Uint8Array(1);
    file.read(5 * 4096, byte);
    expect(byte[0]).toBe(7);
  });

  it("leaves every page in core, whoever asks", () => {
    const p = boot({ ram: "16 MiB" }).spawn("p");
    for (const fd of [p.memfdCreate("m"), p.open("/dev/shm/s", { create: true })]) {
      p.ftruncate(fd, 4 * 4096);
      const at = p.mmap(4 * 4096, { fd, shared: true });
      p.touch(at, 4 * 4096, "r"); // clean: nothing but the advice could drop them
      p.munmap(at, 4 * 4096);
      p.dropCache(fd);
      const again = p.mmap(4 * 4096, { fd, shared: true });
      expect([...p.mincore(again, 4 * 4096)].map(Number)).toEqual([1, 1, 1, 1]);
    }
  });
});

describe("advice on a file on the disk", () => {
  function coldFile(nrPages: number): VfsFile {
    const { files } = boot({ ram: "64 MiB" }).kernel;
    files.writeFile("/data", new Uint8Array(nrPages * 4096).fill(7), 128 * 1024);
    const file = files.open("/data", O_RDWR) as VfsFile;
    expect(file.fadvise(0, 0, POSIX_FADV_DONTNEED)).toBe(0);
    expect(file.fMapping.nrpages).toBe(0);
    return file;
  }

  it("RANDOM lets read(2) bring in what it asks for, and no more; NORMAL ends that", () => {
    const file = coldFile(64);
    file.fadvise(0, 0, POSIX_FADV_RANDOM);
    file.read(0, new Uint8Array(3 * 4096));
    expect(file.fMapping.nrpages).toBe(3);
    file.fadvise(0, 0, POSIX_FADV_NORMAL);
    file.read(3 * 4096, new Uint8Array(4096));
    expect(file.fMapping.nrpages).toBeGreaterThan(4);
  });

  it("SEQUENTIAL doubles the window", () => {
    const file = coldFile(4);
    const { raPages } = file.fRa;
    file.fadvise(0, 0, POSIX_FADV_SEQUENTIAL);
    expect(file.fRa.raPages).toBe(2 * raPages);
  });

  it("WILLNEED reads one window, however long the file is", () => {
    const file = coldFile(3000);
    file.fadvise(0, 0, POSIX_FADV_WILLNEED);
    expect(file.fMapping.nrpages).toBe(2048);
  });

  it("WILLNEED of a range that no file has ends at once", () => {
    const file = coldFile(4);
    file.fadvise(0, Number.MAX_SAFE_INTEGER, POSIX_FADV_WILLNEED);
    expect(file.fMapping.nrpages).toBe(4);
  });

  it("from before the file on reads nothing ahead, and drops all or nothing", () => {
    const file = coldFile(8);
    for (const offset of [-4096, -1, -(2 ** 50)])
      for (const len of [0, 8192]) {
        expect(file.fadvise(offset, len, POSIX_FADV_WILLNEED)).toBe(0);
        expect(file.fMapping.nrpages).toBe(0);
      }
    for (const [offset, left] of [
      [-4096, 8],
      [-1, 0],
      [-(2 ** 50), 8],
    ] as const) {
      file.read(0, new Uint8Array(8 * 4096));
      expect(file.fadvise(offset, 8192, POSIX_FADV_DONTNEED)).toBe(0);
      expect(file.fMapping.nrpages).toBe(left);
    }
  });
});
