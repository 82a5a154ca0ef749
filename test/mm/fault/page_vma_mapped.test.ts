import { describe, expect, it } from "vitest";
import type { Pte } from "../../../lib/hw/entry.js";
import { boot } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { pageVmaMappedWalk } from "../../../lib/mm/fault/page_vma_mapped.js";
import { rmapWalk } from "../../../lib/mm/fault/rmap.js";
import { filemapGetFolio } from "../../../lib/mm/filemap/address_space.js";
import type { VmAreaStruct } from "../../../lib/mm/mm_types.js";
import { type Folio, folioMapcount, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pmdLeaf, ptePfn, ptepGet, setPte } from "../../../lib/mm/pgtable/pgtable.js";
import { pmdAlloc, pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import { folioAt, HUGE, hugeMachine } from "../huge/huge_machine.js";

const PAGE = 4096;
const _LEAF = 0x80;
const AREA = 0x1000_0020_0000;

/** A process, and a file of 16 pages that lies in the cache as one folio. */
function withFile(): { alice: Process; fd: number } {
  const machine = boot({ ram: "16 MiB" });
  machine.kernel.files.writeFile("/data/f", new Uint8Array(16 * PAGE).fill(7), 16 * PAGE);
  const alice = machine.spawn("alice");
  return { alice, fd: alice.open("/data/f") };
}

function vmaAt(process: Process, addr: number): VmAreaStruct {
  return process.task.mm!.mmMt.lookup(addr)!;
}

function folioOf(vma: VmAreaStruct): Folio {
  return filemapGetFolio(vma.vmFile!.fMapping, 0)!;
}

/** Pages of the folio that the walk visits, each checked against its address and its entry. */
function visited(folio: Folio, vma: VmAreaStruct): number[] {
  const pages: number[] = [];
  const ended = pageVmaMappedWalk(
    folio,
    vma,
    (address, ptep, pte, index) => {
      expect(ptep).toBe(pteOffset(vma.vmMm, address));
      expect(pte).toBe(ptepGet(vma.vmMm.sys.ram, ptep));
      expect(ptePfn(pte)).toBe(folio.pfn + index);
      expect((address - vma.vmStart) / PAGE + vma.vmPgoff).toBe(folio.index + index);
      pages.push(index);
      return true;
    },
    undefined,
  );
  expect(ended).toBe(true);
  return pages;
}

describe("the reverse walk of a folio below one VMA", () => {
  it("visits the entry of each page that is mapped, and as many as the folio counts", () => {
    const { alice, fd } = withFile();
    const a = alice.mmap(16 * PAGE, { fd, prot: "r" });
    alice.touch(a, 16 * PAGE, "r");
    const vma = vmaAt(alice, a);
    const folio = folioOf(vma);
    expect(folio.order).toBe(4);
    expect(visited(folio, vma)).toEqual([...Array(16).keys()]);
    expect(folioMapcount(folio)).toBe(16);
    alice.madvise(a + 3 * PAGE, 2 * PAGE, "DONTNEED");
    expect(visited(folio, vma)).toEqual([0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    expect(folioMapcount(folio)).toBe(14);
  });

  it("stays inside a VMA that begins and ends within the folio", () => {
    const { alice, fd } = withFile();
    const a = alice.mmap(4 * PAGE, { fd, prot: "r", offset: 5 * PAGE });
    alice.touch(a, 4 * PAGE, "r");
    expect(visited(folioOf(vmaAt(alice, a)), vmaAt(alice, a))).toEqual([5, 6, 7, 8]);
  });

  it("goes on across the end of a table, and over a table that is missing", () => {
    const { alice, fd } = withFile();
    const a = alice.mmap(16 * PAGE, { fd, prot: "r", at: AREA - 6 * PAGE });
    const vma = vmaAt(alice, a);
    alice.touch(a, 16 * PAGE, "r");
    expect(visited(folioOf(vma), vma)).toEqual([...Array(16).keys()]);
    const table = pmdAlloc(vma.vmMm, a);
    const below = ptepGet(vma.vmMm.sys.ram, table);
    setPte(vma.vmMm.sys.ram, table, 0);
    expect(visited(folioOf(vma), vma)).toEqual([6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    setPte(vma.vmMm.sys.ram, table, below);
  });

  it("passes over a private copy and a guard marker", () => {
    const { alice, fd } = withFile();
    const a = alice.mmap(16 * PAGE, { fd });
    alice.touch(a, 16 * PAGE, "r");
    alice.store(a + 2 * PAGE, 1, 9);
    alice.madvise(a + 4 * PAGE, 10 * PAGE, "GUARD_INSTALL");
    expect(visited(folioOf(vmaAt(alice, a)), vmaAt(alice, a))).toEqual([0, 1, 3, 14, 15]);
  });

  it("finds one entry in each process that shares an anonymous page, none where it was copied", () => {
    const alice = boot({ ram: "16 MiB" }).spawn("alice");
    const a = alice.mmap(4 * PAGE);
    alice.store(a + PAGE, 1, 1);
    const bob = alice.fork("bob");
    const carol = alice.fork("carol");
    carol.store(a + PAGE, 1, 2);
    const vma = vmaAt(alice, a);
    const { sys } = vma.vmMm;
    const folio = pfnToPage(sys, ptePfn(ptepGet(sys.ram, pteOffset(vma.vmMm, a + PAGE)))).head;
    const found = new Map<unknown, number[]>();
    rmapWalk(
      folio,
      (one) => {
        found.set(one.vmMm, visited(folio, one));
        return true;
      },
      undefined,
    );
    expect(found.get(alice.task.mm)).toEqual([0]);
    expect(found.get(bob.task.mm)).toEqual([0]);
    expect(found.get(carol.task.mm)).toEqual([]);
  });

  it("ends when the visitor says so", () => {
    const { alice, fd } = withFile();
    const a = alice.mmap(16 * PAGE, { fd, prot: "r" });
    alice.touch(a, 16 * PAGE, "r");
    const seen: number[] = [];
    const note = (_address: number, _ptep: number, _pte: unknown, i: number, all: number[]): boolean => {
      all.push(i);
      return i < 2;
    };
    const ended = pageVmaMappedWalk(folioOf(vmaAt(alice, a)), vmaAt(alice, a), note, seen);
    expect(ended).toBe(false);
    expect(seen).toEqual([0, 1, 2]);
  });

  it("visits a leaf of level 2 that maps the folio as a whole, once, and passes over others", () => {
    const { alice, a } = hugeMachine();
    alice.store(a, 1, 1);
    alice.store(a + HUGE, 1, 1);
    const vma = alice.task.mm!.mmMt.lookup(a)!;
    const seen = (folio: Folio): [number, boolean, number][] => {
      const all: [number, boolean, number][] = [];
      const note = (address: number, _ptep: number, pte: Pte, index: number): boolean => {
        all.push([address, pmdLeaf(pte), index]);
        return true;
      };
      pageVmaMappedWalk(folio, vma, note, undefined);
      return all;
    };
    const [one, other] = [folioAt(alice, a), folioAt(alice, a + HUGE)];
    expect([seen(one), seen(other)]).toEqual([[[a, true, 0]], [[a + HUGE, true, 0]]]);
    one.index += 512; // the reverse map says the other range, where another folio is
    expect(seen(one)).toEqual([]);
    one.index -= 512;
  });
});
