import { describe, expect, it } from "vitest";
import { removeMigrationPtes, tryToMigrate } from "../../../lib/mm/compaction/migration_entries.js";
import { pfnToPage } from "../../../lib/mm/pages/folio.js";
import { pteDirty, ptePresent, pteWrite, pteYoung } from "../../../lib/mm/pgtable/pgtable.js";
import { pteSoftDirty } from "../../../lib/mm/pgtable/soft_dirty.js";
import {
  classifyPte,
  isMigrationEntryDirty,
  isMigrationEntryYoung,
  makeMigrationEntry,
  PTE_KIND_MIGRATION,
  pteToSwpEntry,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  swpOffsetPfn,
  swpType,
} from "../../../lib/mm/pgtable/swapops.js";
import { NR_ANON_MAPPED } from "../../../lib/mm/vmstat.js";
import { entryOf, fragmented, frameOf, PAGE } from "./fragmented.js";

describe("a migration entry", () => {
  it("says which frame is left, and whether the page was used and written", () => {
    for (const [young, dirty] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const entry = makeMigrationEntry(SWP_MIGRATION_WRITE, 2 ** 33 + 5, young, dirty);
      expect([
        swpType(entry),
        swpOffsetPfn(entry),
        isMigrationEntryYoung(entry),
        isMigrationEntryDirty(entry),
      ]).toEqual([SWP_MIGRATION_WRITE, 2 ** 33 + 5, young, dirty]);
    }
  });

  it("stands in every entry of the page, and gives it back as it was", () => {
    const f = fragmented();
    const pfn = frameOf(f, 5);
    const folio = pfnToPage(f.sys, pfn);
    const before = entryOf(f, 5);
    expect([pteWrite(before), pteDirty(before), pteYoung(before), pteSoftDirty(before)]).toEqual(
      Array(4).fill(true),
    );
    folio.refcount++;
    const mapped = f.sys.vmStat.nodeStat[NR_ANON_MAPPED]!;
    const rss = [...f.process.mm.rssStat];
    tryToMigrate(f.sys, folio);
    const note = entryOf(f, 5);
    expect([ptePresent(note), classifyPte(note), swpType(pteToSwpEntry(note))]).toEqual([
      false,
      PTE_KIND_MIGRATION,
      SWP_MIGRATION_WRITE,
    ]);
    expect([folio.mapcount, folio.refcount, folio.anonExclusive]).toEqual([0, 1, false]);
    expect([f.sys.vmStat.nodeStat[NR_ANON_MAPPED], [...f.process.mm.rssStat]]).toEqual([mapped - 1, rss]);
    removeMigrationPtes(f.sys, folio, folio);
    expect(entryOf(f, 5)).toBe(before);
    expect([folio.mapcount, folio.refcount, folio.anonExclusive]).toEqual([1, 2, true]);
  });

  it("knows what was shared after a fork, what is exclusive and read-only, and what was not used", () => {
    const f = fragmented();
    const child = f.process.fork();
    const folio = pfnToPage(f.sys, frameOf(f, 7));
    folio.refcount++;
    tryToMigrate(f.sys, folio);
    const inChild = { ...f, process: child };
    expect([f, inChild].map((who) => swpType(pteToSwpEntry(entryOf(who, 7))))).toEqual([
      SWP_MIGRATION_READ,
      SWP_MIGRATION_READ,
    ]);
    removeMigrationPtes(f.sys, folio, folio);
    expect([folio.mapcount, folio.anonExclusive, pteWrite(entryOf(f, 7))]).toEqual([2, false, false]);
    expect([pteYoung(entryOf(inChild, 7)), pteDirty(entryOf(inChild, 7))]).toEqual([false, true]);
    child.exit();
    folio.refcount--;
    f.process.store(f.at + 7 * PAGE, 8, 7); // reused: exclusive again
    folio.refcount++;
    f.process.mprotect(f.at + 7 * PAGE, PAGE, "r");
    tryToMigrate(f.sys, folio);
    expect(swpType(pteToSwpEntry(entryOf(f, 7)))).toBe(SWP_MIGRATION_READ_EXCLUSIVE);
    removeMigrationPtes(f.sys, folio, folio);
    expect(folio.anonExclusive).toBe(true);
    folio.refcount--;
  });
});
