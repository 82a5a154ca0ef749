/**
 * Page out: brings pages of a process to swap, and out of RAM, without filling memory first.
 *
 *    frame --MADV_PAGEOUT--> slot, and the frame in the swap cache --the write has ended, reclaim comes by--> slot
 *
 * The second arrow is what madvise(2) leaves to a later scan: the frames are clean then, and stand at the
 * tail of the inactive list. Here that scan comes at once, and looks at nothing else.
 *
 * Not in Linux: memory.reclaim of a group with one process comes close.
 * Read first: ../mm/lru/reclaim_pages.ts, ../mm/swap/swap_state.ts. Read next: step_swap.ts.
 */
import type { Vaddr } from "../hw/address.js";
import { checkArguments } from "../hw/signature.js";
import { parseSize } from "../hw/size.js";
import { Machine } from "../kernel/machine.js";
import { Process } from "../kernel/process.js";
import { folioIsolateLru } from "../mm/lru/isolate.js";
import { reclaimPages } from "../mm/lru/reclaim_pages.js";
import { lruAddDrainAll } from "../mm/lru/swap.js";
import type { Folio } from "../mm/pages/folio.js";
import { folioPut } from "../mm/pages/free_pages.js";
import { walkPageRange } from "../mm/pgtable/pagewalk.js";
import { PTE_KIND_SWAP, pteToSwpEntry } from "../mm/pgtable/swapops.js";
import { swapCacheGetFolio } from "../mm/swap/swap_state.js";

/**
 * Brings the private pages of [addr, addr + length) to swap, waits until they are written, and frees their
 * frames. How many of them are in swap and nowhere else then; fewer than there are pages where swap is full,
 * or somebody else has them, too. SyscallError as madvise(2) fails. Not in Linux.
 */
export function pageOut(machine: Machine, process: Process, addr: Vaddr, length: number | string): number {
  checkArguments("pageOut()", { machine: Machine, process: Process, addr: "integer", length: "size" }, [
    ...[machine, process, addr, length],
  ]);
  const { kernel } = machine;
  const { sys } = kernel;
  lruAddDrainAll(sys);
  process.madvise(addr, length, "PAGEOUT");
  kernel.sched.settle();
  lruAddDrainAll(sys);
  const folios = new Set<Folio>();
  let nrSwapped = 0;
  let nrCached = 0;
  walkPageRange(process.mm, addr, addr + parseSize(length, "length"), {
    pteEntry(pte, _addr, _ptep, kind) {
      if (kind !== PTE_KIND_SWAP) return;
      nrSwapped++;
      const folio = swapCacheGetFolio(sys, pteToSwpEntry(pte));
      if (folio === undefined) return;
      folioPut(sys, folio);
      nrCached++;
      folios.add(folio);
    },
    pmdEntry: () => {},
  });
  return (
    nrSwapped -
    nrCached +
    reclaimPages(
      sys,
      [...folios].filter((folio) => folioIsolateLru(sys, folio)),
    )
  );
}
