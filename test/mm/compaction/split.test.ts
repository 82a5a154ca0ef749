import { expect, it } from "vitest";
import { boot } from "../../../lib/kernel/machine.js";
import { splitFolioToList } from "../../../lib/mm/compaction/split.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import type { Folio } from "../../../lib/mm/pages/folio.js";

it("an isolated folio of a file becomes single pages, each held, and a dirty one stays whole", () => {
  const machine = boot({ ram: "32 MiB" });
  machine.kernel.files.writeFile("/data/f", new Uint8Array(64 * 4096).fill(3), 65536);
  const { sys, files } = machine.kernel;
  const alice = machine.spawn("a");
  const fd = alice.open("/data/f");
  const { mapping } = files.lookup("/data/f")!;
  const buf = alice.mmap(64 * 4096);
  alice.pread(fd, buf, 64 * 4096, 0);
  lruAddDrainAll(sys);
  const folio = [...mapping.pages.values()].find(({ order }) => order > 0)!;
  const nr = 2 ** folio.order;
  expect(folioIsolateLru(sys, folio)).toBe(true);
  mapping.dirtyFolios.add(folio);
  const list: Folio[] = [];
  expect(splitFolioToList(sys, folio, list)).toBe(false);
  mapping.dirtyFolios.delete(folio);
  expect(splitFolioToList(sys, folio, list)).toBe(true);
  expect(list.map(({ order, refcount, index }) => [order, refcount, index])).toEqual(
    Array.from({ length: nr }, (_, i) => [0, 2, folio.index + i]),
  );
  expect(splitFolioToList(sys, folio, list)).toBe(false);
});
