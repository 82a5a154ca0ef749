import { describe, expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { NR_FILE_DIRTY, NR_FILE_PAGES, NR_SHMEM } from "../../../lib/mm/vmstat.js";

const PAGE = 4096;

function withFile(
  pages: number,
  pieceBytes = PAGE,
): { alice: Process; fd: number; node: (i: number) => number } {
  const machine = boot({ ram: "16 MiB" });
  machine.kernel.files.writeFile("/data/f", new Uint8Array(pages * PAGE).fill(7), pieceBytes);
  const alice = machine.spawn("alice");
  return { alice, fd: alice.open("/data/f"), node: (i) => machine.kernel.sys.vmStat.nodeStat[i]! };
}

function inCore(process: Process, addr: number, pages: number): number {
  return process.mincore(addr, pages * PAGE).filter(Boolean).length;
}

describe("MADV_PAGEOUT without swap", () => {
  it("drops clean pages of a file, which are read from the disk at the next touch", () => {
    const { alice, fd, node } = withFile(8);
    const a = alice.mmap(8 * PAGE, { fd, prot: "r" });
    alice.touch(a, 8 * PAGE, "r");
    const before = node(NR_FILE_PAGES);
    alice.madvise(a, 8 * PAGE, "PAGEOUT");
    expect(node(NR_FILE_PAGES)).toBe(before - 8);
    expect(inCore(alice, a, 8)).toBe(0);
    expect(alice.touch(a, PAGE, "r")).toEqual({ minFlt: 0, majFlt: 1 });
    expect(alice.load(a + 5)).toBe(7);
  });

  it("unmaps dirty pages of a file, and leaves them dirty in the cache", () => {
    const { alice, fd, node } = withFile(4);
    const a = alice.mmap(4 * PAGE, { fd, shared: true });
    alice.touch(a, 2 * PAGE, "w");
    alice.madvise(a, 4 * PAGE, "PAGEOUT");
    expect(node(NR_FILE_DIRTY)).toBe(2);
    expect(inCore(alice, a, 2)).toBe(2);
    expect(alice.touch(a, PAGE, "r")).toEqual({ minFlt: 1, majFlt: 0 });
    expect(alice.load(a)).toBe(1);
  });

  it("drops shared memory that was only read, and keeps what was written", () => {
    const { alice, node } = withFile(1);
    const a = alice.mmap(8 * PAGE, { shared: true });
    alice.touch(a, 8 * PAGE, "r");
    alice.store(a, 1, 42);
    alice.madvise(a, 8 * PAGE, "PAGEOUT");
    expect(node(NR_SHMEM)).toBe(1);
    expect(alice.load(a)).toBe(42);
    expect(alice.load(a + PAGE)).toBe(0);
  });

  it("leaves pages that another process maps too", () => {
    const { alice, fd } = withFile(4);
    const a = alice.mmap(4 * PAGE, { fd, prot: "r" });
    alice.touch(a, 4 * PAGE, "r");
    const bob = alice.fork("bob");
    bob.touch(a, 4 * PAGE, "r");
    alice.madvise(a, 4 * PAGE, "PAGEOUT");
    expect(alice.touch(a, 4 * PAGE, "r")).toEqual({ minFlt: 0, majFlt: 0 });
  });

  it("leaves anonymous pages, but takes those that MADV_FREE gave up unless they were written since", () => {
    const { alice } = withFile(1);
    const a = alice.mmap(6 * PAGE);
    alice.touch(a, 6 * PAGE, "w");
    alice.madvise(a, 4 * PAGE, "FREE");
    alice.store(a, 1, 9);
    alice.madvise(a, 6 * PAGE, "PAGEOUT");
    expect(inCore(alice, a, 6)).toBe(3);
    expect([0, 1, 4].map((page) => alice.load(a + page * PAGE))).toEqual([9, 0, 1]);
  });

  it("splits a large folio that the range cuts, which takes its entries away and leaves it in the cache", () => {
    const { alice, fd, node } = withFile(16, 16 * PAGE);
    const a = alice.mmap(16 * PAGE, { fd, prot: "r" });
    alice.touch(a, 16 * PAGE, "r");
    const before = node(NR_FILE_PAGES);
    alice.madvise(a + PAGE, 2 * PAGE, "PAGEOUT");
    expect(node(NR_FILE_PAGES)).toBe(before);
    expect(alice.touch(a, 16 * PAGE, "r").majFlt).toBe(0);
  });
});
