/**
 * A machine with one file of clean pages in the cache, for small cases of reclaim.
 *
 *   const { sys, alice, fd, folio } = withFile(8);
 *   const { nrReclaimed, kept, stat } = shrink(sys, [folio(0)]);      one call of shrinkFolioList, folios isolated for it
 */
import type { VfsFile } from "../../../lib/fs/inode.js";
import { boot, type Machine } from "../../../lib/kernel/machine.js";
import type { Process } from "../../../lib/kernel/process.js";
import { filemapGetFolio } from "../../../lib/mm/filemap/address_space.js";
import type { AddressSpace } from "../../../lib/mm/filemap/mapping.js";
import { folioIsolateLru, moveFoliosToLru } from "../../../lib/mm/lru/isolate.js";
import { newReclaimStat, newScanControl, type ScanControl } from "../../../lib/mm/lru/scan_control.js";
import { shrinkFolioList } from "../../../lib/mm/lru/shrink_folio_list.js";
import { lruAddDrainAll } from "../../../lib/mm/lru/swap.js";
import { type Folio, PG_active, pfnToPage } from "../../../lib/mm/pages/folio.js";
import { GFP_KERNEL } from "../../../lib/mm/pages/gfp.js";
import { ptePfn, ptepGet } from "../../../lib/mm/pgtable/pgtable.js";
import { pteOffset } from "../../../lib/mm/pgtable/pgtable_alloc.js";
import type { MemorySystem } from "../../../lib/mm/system.js";

export const PAGE = 4096;

export interface FileMachine {
  readonly machine: Machine;
  readonly sys: MemorySystem;
  readonly alice: Process;
  readonly fd: number;
  readonly file: VfsFile;
  readonly mapping: AddressSpace;
  folio(index: number): Folio;
}

/** A machine with a file of `pages` pages, clean, in the cache, on the inactive list. */
export function withFile(pages: number, ram = "16 MiB", pieceBytes = PAGE): FileMachine {
  const machine = boot({ ram });
  const { sys } = machine.kernel;
  machine.kernel.files.writeFile("/data/f", new Uint8Array(pages * PAGE).fill(7), pieceBytes);
  const alice = machine.spawn("alice");
  const fd = alice.open("/data/f", { writable: true });
  const file = alice.task.files.get(fd) as VfsFile;
  const mapping = file.fMapping;
  lruAddDrainAll(sys);
  return { machine, sys, alice, fd, file, mapping, folio: (index) => filemapGetFolio(mapping, index)! };
}

/** The folio that `process` maps at `addr`. */
export function folioAt(process: Process, addr: number): Folio {
  const { sys } = process.mm;
  lruAddDrainAll(sys);
  return pfnToPage(sys, ptePfn(ptepGet(sys.ram, pteOffset(process.mm, addr)))).head;
}

/** What one call of shrinkFolioList has made of the folios. */
export interface Shrunk {
  readonly nrReclaimed: number;
  readonly kept: Folio[];
  readonly stat: ReturnType<typeof newReclaimStat>;
  readonly sc: ScanControl;
}

/** Takes the folios off their lists, tries to free them, and puts the others back. */
export function shrink(
  sys: MemorySystem,
  folios: readonly Folio[],
  options: Partial<ScanControl> = {},
  ignoreReferences = false,
): Shrunk {
  lruAddDrainAll(sys);
  const kept = folios.filter((folio) => folioIsolateLru(sys, folio));
  for (const folio of kept) folio.flags &= ~PG_active;
  const sc = newScanControl({ gfpMask: GFP_KERNEL, ...options });
  const stat = newReclaimStat();
  const nrReclaimed = shrinkFolioList(sys, kept, sc, stat, ignoreReferences);
  moveFoliosToLru(sys, sys.lruvec, kept);
  return { nrReclaimed, kept, stat, sc };
}
