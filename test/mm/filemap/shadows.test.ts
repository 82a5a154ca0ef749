import { describe, expect, it } from "vitest";
import {
  clearShadowEntries,
  countShadowNodes,
  scanShadowNodes,
  shadowOf,
} from "../../../lib/mm/filemap/shadows.js";
import { mappingTryInvalidate } from "../../../lib/mm/filemap/truncate.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";
import { NR_INACTIVE_FILE, WORKINGSET_NODERECLAIM, WORKINGSET_NODES } from "../../../lib/mm/vmstat.js";
import { type FileMachine, PAGE, shrink, withFile } from "../lru/isolated.js";

/** Evicts pages [first, end) of the file. */
function evict({ sys, folio }: FileMachine, first: number, end: number): void {
  const folios: Folio[] = [];
  for (let i = first; i < end; i++) folios.push(folio(i));
  expect(shrink(sys, folios).nrReclaimed).toBe(end - first);
}

describe("shadows", () => {
  it("stand where the pages were, until pages come back", () => {
    const all = withFile(4);
    const { file, mapping } = all;
    evict(all, 1, 3);
    expect([0, 1, 2, 3].map((i) => shadowOf(mapping, i) !== undefined)).toEqual([false, true, true, false]);
    file.read(PAGE, new Uint8Array(PAGE));
    expect([mapping.nrShadows, shadowOf(mapping, 1)]).toEqual([1, undefined]);
  });

  it("make a node of 64 places count when its last page has left", () => {
    const all = withFile(130);
    const { sys, alice, fd, mapping } = all;
    const nodes = (): number => sys.vmStat.nodeStat[WORKINGSET_NODES]!;
    evict(all, 64, 127);
    expect(nodes()).toBe(0);
    evict(all, 127, 128);
    expect([nodes(), [...sys.shadowNodes].map(({ offset }) => offset)]).toEqual([1, [1]]);
    evict(all, 0, 64);
    expect(nodes()).toBe(2);
    alice.ftruncate(fd, 100 * PAGE);
    expect([mapping.nrShadows, nodes()]).toEqual([100, 2]);
    alice.ftruncate(fd, 64 * PAGE);
    expect([mapping.nrShadows, nodes()]).toEqual([64, 1]);
    alice.ftruncate(fd, 0);
    expect([mapping.nrShadows, nodes(), mapping.nodes.size]).toEqual([0, 0, 0]);
  });

  it("need no node for page 0 alone", () => {
    const all = withFile(1);
    const { sys, alice, fd, file } = all;
    evict(all, 0, 1);
    expect([all.mapping.nrShadows, sys.shadowNodes.size]).toEqual([1, 0]);
    file.write(100 * PAGE, new Uint8Array(PAGE)); // the tree has more than its head now
    expect(sys.shadowNodes.size).toBe(1);
    alice.ftruncate(fd, PAGE);
    expect([all.mapping.nrShadows, sys.shadowNodes.size]).toEqual([1, 0]);
  });

  it("are forgotten by advice that the pages are not needed, and by range", () => {
    const all = withFile(8);
    evict(all, 0, 8);
    expect(clearShadowEntries(all.mapping, 2, 4)).toBe(3);
    expect(all.mapping.nrShadows).toBe(5);
    expect(mappingTryInvalidate(all.mapping, 0, 7)).toEqual({ dropped: 5, failed: 0 });
    expect(all.mapping.nrShadows).toBe(0);
  });

  it("are freed, the oldest nodes first, when there is more than one node for eight pages", () => {
    const all = withFile(192);
    const { sys, mapping } = all;
    evict(all, 64, 192);
    evict(all, 0, 64);
    const others = [0, 1, 3, 4].reduce((sum, item) => sum + sys.vmStat.nodeStat[item]!, 0);
    const withPages = (pages: number): number => {
      sys.vmStat.nodeStat[NR_INACTIVE_FILE] = pages - others;
      return countShadowNodes(sys);
    };
    expect([withPages(40), withPages(24), withPages(23), withPages(8)]).toEqual([0, 0, 1, 2]);
    expect(scanShadowNodes(sys, 2)).toBe(2);
    expect([...sys.shadowNodes].map(({ offset }) => offset)).toEqual([0]);
    expect(sys.vmStat.nodeStat[WORKINGSET_NODERECLAIM]).toBe(2);
    expect(mapping.nrShadows).toBe(64);
  });
});
