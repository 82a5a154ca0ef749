import { describe, expect, it } from "vitest";
import { foliosInBatches } from "../../../lib/course/labs/papers.js";
import { runSwapIn } from "../../../lib/course/labs/swap_in.js";
import { swapOn } from "../../../lib/course/labs/swap_in_device.js";
import { randomSwapInOp, type SwapInDevice } from "../../../lib/course/labs/swap_in_ops.js";
import { wrongSwapPapers } from "../../../lib/course/labs/swap_papers.js";
import { Random } from "../../../lib/hw/random.js";
import { boot } from "../../../lib/kernel/machine.js";
import { folioIsolateLru } from "../../../lib/mm/lru/isolate.js";
import { reclaimPages } from "../../../lib/mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { type Folio, pageFolio, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { walkPageRange } from "../../../lib/mm/pgtable/pagewalk.js";
import { ptePfn } from "../../../lib/mm/pgtable/pgtable.js";
import { SWAP_HAS_CACHE, type SwapInfoStruct } from "../../../lib/mm/swap/swap_types.js";

const AT = 0x10_0000;

/** What is found after `damage` was done to the books of a page in swap that the swap cache still has. */
function afterDamage(damage: (si: SwapInfoStruct, folio: Folio) => void): string[] {
  const process = boot({ ram: "1 MiB" }).spawn("P");
  const { kernel } = process;
  const { sys, sched } = kernel;
  const { si } = swapOn(kernel, "ssd", () => {});
  process.mmap(4096, { at: AT, fixed: true });
  process.store(AT, 1, 1);
  lruAddDrainAll(sys);
  let folio: Folio | undefined;
  walkPageRange(process.mm, AT, AT + 4096, {
    pteEntry(pte) {
      folio = pageFolio(pfnToPage(sys, ptePfn(pte)));
    },
  });
  folioIsolateLru(sys, folio!);
  reclaimPages(sys, [folio!]);
  sched.settle();
  lruAddDrainAll(sys);
  damage(si, folio!);
  const owners = [{ name: "P", mm: process.mm, pageText: () => "page 0" }];
  return wrongSwapPapers(sys, owners, foliosInBatches(sys));
}

describe("the papers of swap", () => {
  it.each<SwapInDevice>(["ssd", "zram", "checked"])(
    "are in order after random work, swap on %s",
    (device) => {
      const random = new Random(6);
      for (let nr = 0; nr < 5; nr++) {
        const operations = Array.from({ length: 16 }, () => randomSwapInOp(random));
        for (const { books } of runSwapIn({}, device, operations)) expect(books).toEqual([]);
      }
    },
  );

  it.each<[string, (si: SwapInfoStruct, folio: Folio) => void, RegExp | undefined]>([
    ["nothing", () => {}, undefined],
    [
      "an entry too many",
      ({ swapMap }) => swapMap[1]!++,
      /Slot 1 counts 2 entries, but 1 name it.*never be free/,
    ],
    [
      "an entry too few",
      ({ swapMap }) => swapMap[1]!--,
      /Slot 1 counts 0 entries.*may be given to another page/,
    ],
    [
      "the mark of a direct read",
      ({ swapMap }) => {
        swapMap[9] = SWAP_HAS_CACHE;
      },
      /Slot 9 is marked as in the swap cache, but no folio is there.*swapcacheClear/,
    ],
    ["a reference too many", (_si, folio) => folio.refcount++, /held 2 times, but only the cache.*folioPut/],
    [
      "a page that is exclusive while an entry names its slot",
      (_si, folio) => {
        folio.anonExclusive = true;
        folio.mapcount++;
        folio.refcount++;
      },
      /marked exclusive.*P, page 0 still needs it/,
    ],
  ])("show %s", (_name, damage, text) => {
    const wrong = afterDamage(damage);
    if (text === undefined) expect(wrong).toEqual([]);
    else expect(wrong[0]).toMatch(text);
  });
});
